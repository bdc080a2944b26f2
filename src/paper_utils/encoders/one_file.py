"""Networks of the panel whose weights, configuration and tokenizer come from one file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from paper_utils.encoders import checkpoint
from paper_utils.encoders.transformer import MAX_TOKENS, TransformerCheckpoint

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedConfig, PreTrainedModel


class OneFile(TransformerCheckpoint):
    """A transformer read from `path`; with a `seed`, the same network with random weights instead.
    `kind` names the format in the recipe.
    """

    kind = ""

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        pooling: str = "mean",
        dtype: str = "float32",
        batch_size: int = 64,
        seed: int | None = None,
    ) -> None:
        super().__init__(name, path.parent, pooling=pooling, dtype=dtype, batch_size=batch_size)
        self.path = path
        self.seed = seed

    @abstractmethod
    def _trained(self) -> PreTrainedModel:
        """Return the network with the weights of the file."""

    @abstractmethod
    def _config(self) -> PreTrainedConfig:
        """Return the shape of the network."""

    def recipe(self) -> Mapping[str, object]:
        """The file, pooling, longest text, library versions, dtype; of random weights the seed."""
        sha256 = checkpoint.file_sha256(self.path)
        weights = (
            {"sha256": sha256}
            if self.seed is None
            else {"shape_and_tokenizer_of": sha256, "seed": self.seed}
        )
        return {
            "encoder": self.kind,
            "revision": 1,
            **weights,
            "pooling": self.pooling,
            "max_tokens": MAX_TOKENS,
            "dtype": self.dtype,
            "versions": checkpoint.library_versions(),
        }

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the file, cutting at the window and not padding; needs no weights."""
        with checkpoint.loading(self.name):
            tokenizer, window = self._made_tokenizer(), self._config().max_position_embeddings
        tokenizer.no_padding()
        tokenizer.enable_truncation(min(MAX_TOKENS, window))
        return tokenizer

    def _load(self) -> PreTrainedModel:
        model = self._trained() if self.seed is None else self._random(self.seed)
        model.config.use_cache = False
        return model.eval()

    def _random(self, seed: int) -> PreTrainedModel:
        import torch
        from transformers import AutoModel

        # A generator of its own: the caller's random numbers stay as they are.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return AutoModel.from_config(self._config(), dtype=getattr(torch, self.dtype))
