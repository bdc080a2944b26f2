"""The base of all encoders: a name, a dimension, a key, and `encode`."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from paper_utils.encoders import cache as store
from paper_utils.errors import PaperError, UsageError

# Texts that are kept together: Ctrl-C loses at most one chunk, and its batches can still
# be sorted by their number of tokens (5% padding on tool titles in two languages).
CHUNK = 512


class Encoder(ABC):
    """One side of a dual encoder, called `name`: one vector for each text."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    @abstractmethod
    def dim(self) -> int:
        """Number of coordinates of a vector."""

    @property
    def document_side(self) -> Encoder:
        """The encoder of the documents; itself unless its model wants another prompt there."""
        return self

    @abstractmethod
    def recipe(self) -> Mapping[str, object]:
        """Everything that determines the vectors, as plain JSON values."""

    @cached_property
    def key(self) -> str:
        """Content address of the vectors, 64 hexadecimal digits.

        The SHA-256 of everything that determines them beyond rounding in the last digits (weights,
        tokenizer, code revision, library versions, dtype, pooling, seed).
        """
        recipe = json.dumps(self.recipe(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(recipe.encode()).hexdigest()

    @abstractmethod
    def encode(
        self, texts: Sequence[str], *, progress: bool = False, cache: bool = True
    ) -> NDArray[np.float32]:
        """Return one vector for each text, float32 of shape (n, dim), in the order of `texts`.

        Each distinct text is encoded once, cut at the model's window; an empty one gets the vector
        of the special tokens. Of unit length only where the model itself normalises.

        Parameters
        ----------
        texts : sequence of str, length n
        progress : bool
            Draw a progress bar on stderr.
        cache : bool
            Read and keep vectors in the folder of encodings (`PAPER_CACHE`, else the user's
            cache folder). Finished chunks are kept: an interrupted run resumes there.

        Raises
        ------
        UsageError
            `texts` is empty, one string, or holds something that is not text.
        PaperError
            The model gave vectors that are not finite.
        """


class TextEncoder(Encoder):
    """An encoder that computes the vector of a text from that text alone."""

    kept = True  #: whether encoding costs enough for the vectors to be kept on disk

    @abstractmethod
    def _vectors(self, texts: list[str], bar: tqdm) -> NDArray[np.float32]:
        """Return vectors of distinct texts, shortest first; advance `bar` by each text."""

    def encode(
        self, texts: Sequence[str], *, progress: bool = False, cache: bool = True
    ) -> NDArray[np.float32]:
        """Return one vector for each text (see `Encoder.encode`)."""
        texts = as_texts(texts)
        # Shortest first: batches of like length waste least on padding. UTF-8 bytes follow
        # the number of tokens better than characters do, across scripts. The order also
        # makes the chunks, and so their keys, independent of the order of `texts`.
        distinct = sorted(set(texts), key=lambda text: (len(text.encode()), text))
        vectors = np.empty((len(distinct), self.dim), dtype=np.float32)
        with tqdm(
            total=len(distinct), desc=f"encode {self.name}", unit="text", disable=not progress
        ) as bar:
            for start in range(0, len(distinct), CHUNK):
                chunk = distinct[start : start + CHUNK]
                vectors[start : start + CHUNK] = self._chunk(chunk, bar, cache=cache)
        row = {text: i for i, text in enumerate(distinct)}
        return vectors[[row[text] for text in texts]]

    def _chunk(self, texts: list[str], bar: tqdm, *, cache: bool) -> NDArray[np.float32]:
        def compute() -> NDArray[np.float32]:
            return self._finite(self._vectors(texts, bar))

        if not (cache and self.kept):
            return compute()
        before = bar.n
        found = store.get_or_compute(
            texts_key(self.key, texts), compute, shape=(len(texts), self.dim)
        )
        bar.update(before + len(texts) - bar.n)
        return found

    def _finite(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        if not np.isfinite(vectors).all():
            raise PaperError(
                f"encoder {self.name!r} gave NaN or infinite values; its weights are damaged or "
                "its dtype overflows"
            )
        return vectors


def as_texts(texts: Sequence[str]) -> list[str]:
    """Return `texts` as a non-empty list of valid strings, or name the first item that is none.

    >>> as_texts(["a", float("nan")])
    Traceback (most recent call last):
    ...
    paper_utils.errors.UsageError: texts[1] is nan, not a string
    """
    if isinstance(texts, str | bytes):
        raise UsageError("texts must be a list of strings, not one string")
    texts = list(texts)
    if not texts:
        raise UsageError("texts is empty: there is nothing to encode")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise UsageError(f"texts[{i}] is {text!r:.60}, not a string")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise UsageError(f"texts[{i}] is not valid Unicode: {text!r:.60}") from None
    return texts


def texts_key(key: str, texts: Sequence[str]) -> str:
    """Return the SHA-256 of an encoder's key and the texts, each with its length before it."""
    digest = hashlib.sha256(key.encode())
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()
