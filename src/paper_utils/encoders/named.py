"""The names of encoders: what each is, whether it is reachable here, and loading it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from paper_utils.checks import whole
from paper_utils.encoders import cache, checkpoint, folder, hub, isotropic, navec, sentence, vectors
from paper_utils.encoders.base import Encoder
from paper_utils.encoders.transformer import TransformerCheckpoint
from paper_utils.errors import PaperError, UsageError, did_you_mean

NAMES = ("minilm", "untrained", "random", "navec")
FORMS = ("hf:<id or folder>", "vectors:<file>")

# The models of the literature that the book discusses; listed whether they are here or not.
_PUBLISHED = (
    ("hf:Qwen/Qwen2.5-0.5B", "causal language model, 24 layers", 896, "Apache-2.0"),
    ("hf:microsoft/Phi-3.5-mini-instruct", "causal language model, 32 layers", 3072, "MIT"),
    (
        "hf:google-bert/bert-base-multilingual-cased",
        "masked language model, 12 layers, 104 languages",
        768,
        "Apache-2.0",
    ),
)


@dataclass(frozen=True)
class EncoderInfo:
    """One row of `paper models`."""

    name: str  #: as for :func:`load_encoder`
    what: str  #: what it is, in words
    dim: int | None  #: None where it is known only after loading
    licence: str  #: as far as it is known
    size: int | None  #: bytes of the weights; 0 where there are none, None where unknown
    where: str  #: package, folder, hub or 'computed'
    reachable: bool  #: whether `load_encoder` works here without a network
    sha256: str | None = None  #: of the weights; None where nothing is expected
    languages: str = ""  #: that it was trained on, as far as they are known


def _panel() -> ModuleType:
    """Return the module of the panel's encoders, found at run time.
    By an import it would belong to the code of every record of the encoders that are named here.
    """
    return import_module("paper_utils.encoders.panel")


def load_encoder(
    name: str,
    *,
    seed: int = 0,
    dtype: str = "float32",
    batch_size: int = 64,
    pooling: str | None = None,
) -> Encoder:
    """Return the encoder called `name`, ready to encode; nothing is downloaded.

    Parameters
    ----------
    name : str
        ``minilm``
            all-MiniLM-L6-v2, with its own mean pooling and normalisation.
        ``untrained``
            The same architecture and tokenizer with random weights.
        ``random``
            Isotropic control: one direction for each text, by its hash.
        ``navec``
            Mean of static Russian word vectors.
        ``me5-small``
            multilingual-e5-small in 4-bit blocks, with the prompt of queries; its
            `document_side` has the prompt of documents.
        ``mpnet``, ``qwen2.5-coder-0.5b``, ``smollm2-135m``, ``use-multilingual-v3``, ``wordllama``
            The rest of the panel: files in the folder that ``PAPER_MODELS`` names (`paper models`
            says which), each refused if its checksum is another.
        ``untrained:<name>``
            The architecture and tokenizer of ``me5-small`` or of one of the language models with
            random weights.
        ``gguf:<file>``
            A language model in a GGUF file, pooled as ``hf:`` checkpoints are.
        ``hf:<id or folder>``
            A checkpoint in a folder, or in the hub's cache (`fetch_encoder` brings it
            there). Those of sentence-transformers keep their own pooling; the others
            take `pooling` of the last layer, cut at 512 tokens, and are not normalised.
        ``vectors:<file>``
            Rows of a .npy, .safetensors or .parquet file, one for each text, in order.
    seed : int
        Of the random weights (``untrained…``) or directions (``random``); others ignore it.
    dtype : {'float32', 'bfloat16'}
        Of weights and arithmetic; bfloat16 only where the processor has it. Vectors are float32.
    batch_size : int
        Texts in a batch; changes vectors by rounding only.
    pooling : {'mean', 'cls', 'last', 'layer'}, optional
        For ``hf:`` checkpoints that bring no pooling, ``gguf:`` files, the language models and
        ``me5-small``; 'mean' when left out. 'layer' is the mean after half of the layers.

    Returns
    -------
    Encoder

    Raises
    ------
    UsageError
        Unknown name, a folder that is no checkpoint, or an option that this encoder
        does not take.
    PaperError
        The encoder exists but is not reachable here, or its weights are damaged.

    Examples
    --------
    >>> load_encoder("random", seed=1).encode(["drill", "saw", "drill"]).shape
    (3, 384)
    """
    check_encoder(name)
    whole("batch_size", batch_size, least=1)
    whole("seed", seed, least=0)
    encoder = _load(name, int(seed), dtype, batch_size, pooling)
    cache.note_weights(name, encoder.recipe())
    return encoder


def _load(name: str, seed: int, dtype: str, batch_size: int, pooling: str | None) -> Encoder:
    """Return the encoder `name`, which is known and reachable."""
    if (panel := _panel()).is_known(name):
        return panel.load(name, seed=seed, dtype=dtype, batch_size=batch_size, pooling=pooling)
    kind, _, what = name.partition(":")
    single_only = kind in ("random", "navec", "vectors")
    checkpoint.check_dtype(dtype, name, single_only=single_only)
    if kind == "hf":
        path = _checkpoint_folder(what)
        if not folder.is_sentence_checkpoint(path):
            return TransformerCheckpoint(
                name, path, pooling=pooling or "mean", dtype=dtype, batch_size=batch_size
            )
    if pooling is not None:
        raise UsageError(f"encoder {name!r} has its own pooling; leave pooling out")
    if kind == "hf":
        return sentence.SentenceCheckpoint(name, path, dtype=dtype, batch_size=batch_size)
    if name == "minilm":
        return sentence.MiniLM(name, dtype=dtype, batch_size=batch_size)
    if name == "untrained":
        return sentence.Untrained(name, seed=seed, dtype=dtype, batch_size=batch_size)
    if kind == "vectors":
        return vectors.VectorFile(name, Path(what).expanduser())
    return navec.Navec(name) if name == "navec" else isotropic.Isotropic(name, seed=seed)


def check_encoder(name: str) -> None:
    """Raise what keeps `name` from being loaded, at once: no loading, no network.

    Raises
    ------
    UsageError, PaperError
        An unknown name, or no such checkpoint or file; known, but not reachable here.

    Examples
    --------
    >>> check_encoder("minlm")
    Traceback (most recent call last):
    ...
    paper_utils.errors.UsageError: no encoder 'minlm'; did you mean 'minilm'? ...
    """
    kind, colon, what = str(name).partition(":")
    if kind == "hf" and what:
        _checkpoint_folder(what)
    elif kind == "vectors" and what:
        vectors.check_vectors(Path(what).expanduser())
    elif (panel := _panel()).is_known(name):
        panel.check(name)
    elif colon or kind not in NAMES:
        known = (*NAMES, *panel.names_and_forms(), *FORMS)
        raise UsageError(f"no encoder {name!r}; {did_you_mean(name, known)}")
    elif name in ("minilm", "untrained"):
        sentence.minilm_folder()
    elif name == "navec":
        navec.navec_file()


def describe_encoder(name: str) -> EncoderInfo:
    """Return what `name` is; asks the hub about an id that is not on this machine.

    Parameters
    ----------
    name : str
        As in `load_encoder`.

    Returns
    -------
    EncoderInfo

    Raises
    ------
    UsageError, PaperError
        As `check_encoder`; the hub does not answer within five seconds or knows no such checkpoint.

    Examples
    --------
    >>> describe_encoder("random").reachable
    True
    """
    kind, _, what = str(name).partition(":")
    if name in NAMES:
        return next(info for info in encoders() if info.name == name)
    if (panel := _panel()).is_known(name):
        return panel.describe(name)
    if kind == "hf" and what and not is_reachable(name) and not _is_path(what):
        hub.check_id(what)
        offer = hub.offer(what)
        return EncoderInfo(
            name, "checkpoint", None, offer.licence, offer.size, "Hugging Face hub", False
        )
    check_encoder(name)
    if kind == "vectors":
        path = Path(what).expanduser()
        size = path.stat().st_size
        return EncoderInfo(name, "vectors from a file", None, "unknown", size, str(path), True)
    path = _checkpoint_folder(what)
    own = "sentence-transformers " if folder.is_sentence_checkpoint(path) else ""
    size = sum(file.stat().st_size for file in path.rglob("*.safetensors"))
    return EncoderInfo(name, own + "checkpoint", None, "see its card", size, str(path), True)


def fetch_encoder(name: str) -> EncoderInfo:
    """Bring `name` onto this machine if it is on the hub; show `describe_encoder` first.

    A fetch that was interrupted goes on where it stopped; each large file is checked
    against the SHA-256 that the hub states.

    Parameters
    ----------
    name : str
        As in `load_encoder`.

    Returns
    -------
    EncoderInfo
        As it is now; ``reachable`` is true.

    Raises
    ------
    UsageError, PaperError
        An unknown name; a package that is missing (the message says which), a hub that does not
        answer, too little space, or a file that arrived damaged.

    Examples
    --------
    >>> fetch_encoder("navec").reachable  # it comes with the installation
    True
    """
    kind, _, what = str(name).partition(":")
    if kind == "hf" and what and not is_reachable(name) and not _is_path(what):
        hub.check_id(what)
        hub.fetch(what)
    return describe_encoder(name)


def encoders() -> list[EncoderInfo]:
    """Return what `paper models` lists: every named encoder and whether it is reachable."""
    minilm, words = is_reachable("minilm"), is_reachable("navec")
    weights = sentence.minilm_folder() / "model.safetensors" if minilm else None
    package = f"package {sentence.MINILM_PACKAGE}"
    return [
        EncoderInfo(
            name="minilm",
            what="all-MiniLM-L6-v2: trained sentence encoder, mean pooling, unit length",
            dim=sentence.MINILM_DIM,
            licence="Apache-2.0",
            size=weights.stat().st_size if weights else None,
            where=package,
            reachable=minilm,
            sha256=sentence.MINILM_SHA256,
            languages="English",
        ),
        EncoderInfo(
            name="untrained",
            what="control: MiniLM's architecture and tokenizer with random weights",
            dim=sentence.MINILM_DIM,
            licence="Apache-2.0",
            size=0,
            where=f"computed; tokenizer of {package}",
            reachable=minilm,
        ),
        EncoderInfo(
            name="random",
            what="control: one isotropic direction a text, by its hash",
            dim=isotropic.DIM,
            licence="MIT",
            size=0,
            where="computed",
            reachable=True,
        ),
        EncoderInfo(
            name="navec",
            what="static word vectors of Russian news, mean over the words; no digits",
            dim=navec.DIM,
            licence="MIT",
            size=navec.navec_file().stat().st_size if words else None,
            where=f"package {navec.PACKAGE}",
            reachable=words,
            sha256=navec.SHA256,
            languages="Russian",
        ),
        *_panel().infos(),
        *(_published(*row) for row in _PUBLISHED),
    ]


def _published(name: str, what: str, dim: int, licence: str) -> EncoderInfo:
    here = is_reachable(name)
    size = describe_encoder(name).size if here else None
    return EncoderInfo(name, what, dim, licence, size, "Hugging Face hub", here)


def is_reachable(name: str) -> bool:
    """Return whether `load_encoder` finds `name` here without a network."""
    try:
        check_encoder(name)
    except PaperError:
        return False
    return True


def _checkpoint_folder(what: str) -> Path:
    """Return the folder of ``hf:<what>``: a path as it is, an id in the hub's cache."""
    if _is_path(what):
        path = Path(what).expanduser()
        folder.check_folder(path)
        return path
    hub.check_id(what)
    return hub.local_snapshot(what)


def _is_path(what: str) -> bool:
    return what.startswith(("/", ".", "~")) or Path(what).is_dir()
