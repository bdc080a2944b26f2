"""Checks that a folder is a checkpoint that can be run from safe files alone."""

from __future__ import annotations

import json
from pathlib import Path

from paper_utils.errors import UsageError

_TOKENIZERS = (  # each alternative is a set of files that together hold a tokenizer
    ("tokenizer.json",),
    ("vocab.txt",),
    ("vocab.json", "merges.txt"),
    ("tokenizer.model",),
    ("spiece.model",),
    ("sentencepiece.bpe.model",),
)


def is_sentence_checkpoint(folder: Path) -> bool:
    """Whether `folder` was saved by sentence-transformers, which brings its own pooling."""
    return (folder / "modules.json").is_file()


def check_folder(folder: Path) -> None:
    """Raise unless `folder` holds configuration, tokenizer and safetensors weights."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    inner = folder
    if is_sentence_checkpoint(folder):
        first = _json(folder / "modules.json")[0]
        if not first["type"].endswith("Transformer"):
            _check_no_pickle(folder)
            return
        inner = folder / first["path"]
    if not (inner / "config.json").is_file():
        raise UsageError(f"{inner} is no checkpoint: config.json is missing")
    _json(inner / "config.json")
    _check_no_pickle(folder)
    _check_weights(inner)
    if not any(all((inner / name).is_file() for name in names) for names in _TOKENIZERS):
        raise UsageError(f"{inner} has no tokenizer: tokenizer.json is missing")


def _check_no_pickle(folder: Path) -> None:
    for path in sorted(folder.rglob("*.bin")):
        if not any(path.parent.glob("*.safetensors")):
            raise UsageError(
                f"{path} is pickled and may run code; save the checkpoint as safetensors"
            )


def _check_weights(folder: Path) -> None:
    if (folder / "model.safetensors").is_file():
        return
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        raise UsageError(f"{folder} has no weights: model.safetensors is missing")
    shards = set(_json(index)["weight_map"].values())
    missing = sorted(shard for shard in shards if not (folder / shard).is_file())
    if missing:
        raise UsageError(
            f"{folder} lacks {len(missing)} of {len(shards)} files of weights: {missing[0]}"
        )


def _json(path: Path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is not valid JSON: {error}") from None
