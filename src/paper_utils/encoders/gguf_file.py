"""Language models in GGUF files, as llama.cpp keeps them: unpacked and run by transformers."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import io
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from paper_utils.encoders import checkpoint
from paper_utils.encoders.one_file import OneFile
from paper_utils.errors import PaperError, UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedConfig, PreTrainedModel

SUFFIX = ".gguf"


class GGUFFile(OneFile):
    """Hidden states of a decoder or encoder in a GGUF file, pooled in float32; not normalised."""

    kind = "gguf"

    def __init__(self, name: str, path: Path, *, dim: int | None = None, **options) -> None:
        super().__init__(name, path, **options)
        if dim is not None:  # known: the head of the file need not be read, which takes seconds
            self.dim = dim

    @cached_property
    def dim(self) -> int:
        """Size of the hidden states, read from the head of the file."""
        from gguf import GGUFReader

        with checkpoint.loading(self.name):
            fields = GGUFReader(self.path).fields
            architecture = fields["general.architecture"].contents()
            return int(fields[f"{architecture}.embedding_length"].contents())

    def recipe(self) -> Mapping[str, object]:
        """As of every file; the package gguf unpacks the blocks."""
        recipe = dict(super().recipe())
        versions = dict(recipe["versions"]) | {"gguf": importlib.metadata.version("gguf")}
        return recipe | {"versions": versions}

    def _trained(self) -> PreTrainedModel:
        import torch
        from transformers import AutoModel

        with contextlib.redirect_stderr(io.StringIO()):  # a bar that no setting silences
            model, report = AutoModel.from_pretrained(
                self.folder,
                gguf_file=self.path.name,
                dtype=getattr(torch, self.dtype),
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        # transformers fills missing weights with random numbers.
        if missing := sorted(report["missing_keys"]):
            raise PaperError(
                f"{self.path.name} lacks {len(missing)} tensors of its network, first {missing[0]}"
            )
        return model

    def _config(self) -> PreTrainedConfig:
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(
            self.folder, gguf_file=self.path.name, local_files_only=True, trust_remote_code=False
        )

    def _made_tokenizer(self) -> Tokenizer:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(
            self.folder, gguf_file=self.path.name, local_files_only=True, trust_remote_code=False
        ).backend_tokenizer


def check_gguf(path: Path) -> None:
    """Raise unless `path` is a GGUF file and what reads it is installed."""
    if not path.is_file():
        raise UsageError(f"no file {path}")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise UsageError(f"{path} is no GGUF file: its first four bytes are not 'GGUF'")
    if importlib.util.find_spec("accelerate") is None:
        raise PaperError(
            "GGUF files are unpacked with accelerate: pip install 'dual-encoder-limits[gguf]'"
        )
