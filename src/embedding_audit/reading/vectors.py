"""Vectors of a user's file: mapped where the format allows it, decoded a block at a time."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paper_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Mapped:
    """A matrix inside a file: opened for each block, so that nothing of it stays in memory."""

    path: str
    dtype: str  # as NumPy writes it, byte order included
    shape: tuple[int, int]
    offset: int  # bytes before the first number
    order: str = "C"  # or F
    skip: int = 0  # bytes before each row, as .fvecs has them

    def __getitem__(self, rows: slice) -> NDArray:
        try:
            return np.array(self._whole()[rows])
        except (OSError, ValueError):
            raise UsageError(f"{self.path} went away or was cut while it was read") from None

    def _whole(self) -> NDArray:
        if not self.skip:
            return np.memmap(self.path, self.dtype, "r", self.offset, self.shape, self.order)
        row = np.dtype([("head", f"V{self.skip}"), ("row", self.dtype, self.shape[1])])
        return np.memmap(self.path, row, "r", self.offset, self.shape[0])["row"]


class Joined:
    """Matrices of one width and type, one below the other; nothing is copied until it is read."""

    def __init__(self, parts: list[Mapped | NDArray | Joined]) -> None:
        self.parts = parts
        self.ends = list(accumulate(part.shape[0] for part in parts))
        self.shape = (self.ends[-1], parts[0].shape[1])
        self.dtype = np.dtype(parts[0].dtype)

    def __getitem__(self, rows: slice) -> NDArray:
        start, stop, _ = rows.indices(self.shape[0])
        found, at = [], bisect_right(self.ends, start)
        while at < len(self.parts) and start < stop:
            before = self.ends[at] - self.parts[at].shape[0]
            end = min(stop, self.ends[at])
            found.append(self.parts[at][start - before : end - before])
            start, at = end, at + 1
        if len(found) == 1:
            return found[0]
        return np.concatenate([np.empty((0, self.shape[1]), self.dtype), *found])


Matrix = Mapped | Joined | np.ndarray


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Vectors:
    """The vectors of a file, an array or an encoder, not yet looked at."""

    name: str  # as messages call them
    kind: str  # of file, 'array' or 'encoder'
    data: Matrix  # (n_rows, columns as stored)
    coding: str = ""  # what the stored numbers mean: a key of DECODERS; empty: what they say
    ids: tuple[str, ...] | None = None  # one for each row where the file has them
    id_name: str = ""  # column that the ids came from
    columns: pd.DataFrame | None = None  # the other columns of single values beside the vectors
    notes: tuple[str, ...] = ()  # one sentence for each treatment, with its count

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of coordinates."""
        n, d = self.data.shape
        return n, 8 * d if self.coding.endswith("bits") else d

    @property
    def dtype(self) -> str:
        """Type of the numbers in the file."""
        if self.coding in ("bfloat16", "bits", "signed bits"):
            return self.coding.rpartition(" ")[2]
        return np.dtype(self.data.dtype).name

    @property
    def mapped(self) -> bool:
        """Whether the rows stay in the file."""
        parts = self.data.parts if isinstance(self.data, Joined) else [self.data]
        return all(isinstance(part, Mapped) for part in parts)

    def block(self, start: int, stop: int) -> NDArray[np.floating]:
        """Return some rows, as float32 or (from float64 and wide whole numbers) float64."""
        rows = self.data[start:stop]
        if self.coding:
            return DECODERS[self.coding](rows, self.name)
        wide = rows.dtype.itemsize > 4 or (rows.dtype.kind in "iu" and rows.dtype.itemsize > 2)
        # Rows from a file are copies already; those of a user's array stay as they are.
        copy = not isinstance(self.data, Mapped)
        return rows.astype(np.float64 if wide else np.float32, copy=copy)


def from_bfloat16(rows: NDArray, name: str = "") -> NDArray[np.float32]:
    """Return what words of 16 bits say as upper halves of float32 numbers."""
    words = rows.astype(rows.dtype.newbyteorder("=")).view(np.uint16)
    return (words.astype(np.uint32) << np.uint32(16)).view(np.float32)


def octaves(rows: NDArray) -> float:
    """Return how far the sizes of numbers lie apart: the standard deviation of their logarithms to
    base 2, of the median row. That of embeddings is about 2; bytes of another type or order that
    are read as numbers have 12 (halves) to 74 (any bits).
    """
    with np.errstate(invalid="ignore"):  # numbers that signal are not worth a word
        size = np.abs(rows.astype(np.float64))
    there = (size > 0) & np.isfinite(size)
    logs = [np.log2(row[kept]) for row, kept in zip(size, there, strict=True) if kept.sum() > 3]
    return float(np.median([one.std(ddof=1) for one in logs])) if logs else 0.0


def as_bytes(rows: NDArray, name: str) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Return whole numbers from -128 to 255, and which rows hold none (NaN). UsageError: others."""
    missing = np.isnan(rows).any(axis=1) if rows.dtype.kind == "f" else np.zeros(len(rows), bool)
    there = np.where(missing[:, None], 0, rows)
    if np.any((there < -128) | (there > 255) | (there != np.floor(there))):
        raise UsageError(f"{name}: not all numbers are whole ones from -128 to 255")
    return there.astype(np.int16), missing


def _with_missing(rows: NDArray, missing: NDArray[np.bool_]) -> NDArray[np.float32]:
    rows = rows.astype(np.float32)
    rows[missing] = np.nan
    return rows


def _from_bits(rows: NDArray, name: str) -> NDArray[np.float32]:
    codes, missing = as_bytes(rows, name)
    if np.any(codes < 0):
        raise UsageError(
            f"{name}: bytes of packed bits from 0 to 255 are needed, not negative ones"
        )
    bits = np.unpackbits(codes.astype(np.uint8), axis=1).astype(np.int8)
    return _with_missing(bits * np.int8(2) - np.int8(1), missing)


def _from_signed_bits(rows: NDArray, name: str) -> NDArray[np.float32]:
    return _from_bits(rows.astype(np.float32) + 128, name)


def _from_offset(rows: NDArray, name: str) -> NDArray[np.float32]:
    codes, missing = as_bytes(rows, name)
    return _with_missing(codes - np.int16(128), missing)


def _from_signed(rows: NDArray, name: str) -> NDArray[np.float32]:
    codes, missing = as_bytes(rows, name)
    return _with_missing(np.where(codes > 127, codes - np.int16(256), codes), missing)


DECODERS = {  #: what stored numbers may mean
    "bfloat16": from_bfloat16,
    "bits": _from_bits,  # bytes that np.packbits made; -1 and 1 come out
    "signed bits": _from_signed_bits,  # the same less 128: Cohere, sentence-transformers
    "offset": _from_offset,  # uint8 with zero point 128
    "signed": _from_signed,  # int8 kept as uint8
}
