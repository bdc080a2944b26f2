"""What the readers of a user's files share: vectors, file checks, and words for messages."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paper_utils.errors import UsageError

#: Fields and arrays that are taken for the ids of the rows.
ID_NAMES = ("id", "_id", "ids", "doc_id", "item_id", "query_id")


@dataclass(frozen=True)
class Mapped:
    """A matrix inside a file: opened for each block, so that nothing of it stays in memory."""

    path: str
    dtype: str  # as NumPy writes it, byte order included
    shape: tuple[int, int]
    offset: int  # bytes before the first number
    order: str = "C"  # or F

    def __getitem__(self, rows: slice) -> NDArray:
        whole = np.memmap(self.path, self.dtype, "r", self.offset, self.shape, self.order)
        return np.array(whole[rows])


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Vectors:
    """The vectors of a file or of an encoder, not yet looked at."""

    name: str  # as messages call them
    kind: str  # of file, or encoder
    data: Mapped | NDArray  # (n_rows, d)
    bfloat16: bool = False  # whether data holds the upper halves of float32 numbers
    ids: tuple[str, ...] | None = None  # one for each row where the file has them
    notes: tuple[str, ...] = ()  # one sentence for each treatment

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return self.data.shape

    @property
    def dtype(self) -> str:
        """Type of the numbers in the file."""
        return "bfloat16" if self.bfloat16 else np.dtype(self.data.dtype).name

    @property
    def mapped(self) -> bool:
        """Whether the rows stay in the file."""
        return isinstance(self.data, Mapped)

    def block(self, start: int, stop: int) -> NDArray[np.floating]:
        """Return some rows, as float32 or (from float64 and whole numbers) float64."""
        rows = self.data[start:stop]
        if self.bfloat16:
            return (rows.astype(np.uint32) << np.uint32(16)).view(np.float32)
        wide = rows.dtype.itemsize > 4 or (rows.dtype.kind in "iu" and rows.dtype.itemsize > 2)
        return rows.astype(np.float64 if wide else np.float32)


def existing(path: str | os.PathLike[str], kinds: tuple[str, ...]) -> Path:
    """Return `path` if a readable, non-empty file of one of `kinds` lies there; else UsageError."""
    text = os.fspath(path)
    if "\0" in text:
        raise UsageError(f"{text!r} is no path: it holds a zero character")
    file = Path(text).expanduser()
    if file.suffix.lower() not in kinds:
        raise UsageError(f"{shown(path)}: files must be {', '.join(kinds)}")
    try:
        if not file.exists():
            raise UsageError(f"{shown(path)}: no such file")
        if not file.is_file():
            raise UsageError(f"{shown(path)} is not a file")
        if file.stat().st_size == 0:
            raise UsageError(f"{shown(path)} is empty")
        with file.open("rb"):
            pass
    except (OSError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{shown(path)} cannot be read: {reason(error)}") from None
    return file.absolute()


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path as a message can show it, in one line.

    >>> shown("my file.npy"), shown("two\\nlines.npy")
    ('my file.npy', "'two\\\\nlines.npy'")
    """
    text = os.fspath(path)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 240 else f"{text[:120]}…{text[-110:]}"


def reason(error: BaseException) -> str:
    """Return the first line of an error's message, or its class where it has none."""
    text = str(getattr(error, "strerror", None) or error).strip()
    first = text.splitlines()[0] if text else type(error).__name__
    return first if len(first) <= 160 else first[:160] + "…"
