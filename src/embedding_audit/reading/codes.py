"""What stored whole numbers mean: coordinates, bytes of packed bits, offset codes, bfloat16."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding_audit.reading.names import plain
from embedding_audit.reading.vectors import Mapped, Matrix, from_bfloat16
from paper_utils.errors import UsageError, did_you_mean

#: What a user may say that numbers are.
DTYPES = ("bits", "int8", "uint8", "bf16", "number")

_SAMPLE = 4096  # rows by which numbers are judged
_BLOCKS = 32  # places in a file that they are taken from

_BIT_NAMES = {"ubinary": "bits", "packedbits": "bits", "bits": "bits", "binary": "signed bits"}


_SCALE = re.compile(  # what codes are multiplied with, or what was taken off them
    r"(.*\.)?([a-z0-9_]*(scale|zero_?point)s?|(v|x)?(min|max)(s|_vals?|imum)?|offsets?|ranges)"
)


def check_scales(name: str, data: Matrix, others: Sequence[str]) -> None:
    """Refuse codes beside the numbers that turn them into coordinates: those are not applied."""
    scale = next((one for one in others if _SCALE.fullmatch(one.casefold())), None)
    if scale is not None and np.dtype(data.dtype).kind in "iu":
        raise UsageError(
            f"{name} holds {np.dtype(data.dtype).name} beside {scale!r:.60}: save the vectors with "
            "it applied, as float32; --dtype number takes the codes as they are"
        )


def coding_of(
    data: Matrix, known: str, column: str, name: str, dtype: str = ""
) -> tuple[Matrix, str, tuple[str, ...]]:
    """Return the data, how to decode them, and a note on what whole numbers were taken for.
    `known`: by the format, or by the user through `dtype`. UsageError: what cannot be told.
    """
    if dtype and dtype not in DTYPES:
        raise UsageError(f"dtype {dtype!r:.40}: {did_you_mean(dtype, DTYPES)}")
    void = np.dtype(data.dtype).kind == "V"
    if void:
        data = _words(data)
    rows = sample(data)
    if not rows.size:
        return data, "", ()
    if dtype:
        return data, *_as_told(rows, dtype, void, known, name)
    if known == "number":
        return data, "", _number_note(rows, "the format") if rows.dtype.kind in "iu" else ()
    if known:
        return data, known, _format_note(known)
    if void or (rows.dtype.kind in "iu" and rows.dtype.itemsize == 2):
        return data, *_sixteen(rows, void, name)
    return data, *_told_by_values(rows, column, name)


def _words(data: Matrix) -> Matrix:
    """The same words of 16 bits as whole numbers."""
    if isinstance(data, Mapped):
        return Mapped(data.path, "<u2", data.shape, data.offset, data.order, data.skip)
    return np.asarray(data).view("<u2")


def sample(data: Matrix) -> NDArray:
    """Return up to `_SAMPLE` rows from all over the data."""
    n = data.shape[0]
    if n <= _SAMPLE:
        return data[0:n]
    each = _SAMPLE // _BLOCKS
    starts = np.linspace(0, n - each, _BLOCKS).astype(int)
    return np.concatenate([data[start : start + each] for start in starts.tolist()])


def _as_told(
    rows: NDArray, dtype: str, void: bool, known: str, name: str
) -> tuple[str, tuple[str, ...]]:
    if dtype == "bf16":
        if known == "bfloat16":
            return known, ()
        if rows.dtype.itemsize != 2 or rows.dtype.kind not in "iu":
            raise UsageError(
                f"{name} holds {rows.dtype.name}: bf16 needs words of 16 bits (uint16)"
            )
        return "bfloat16", ("words of 16 bits are read as bfloat16, as asked for",)
    if dtype == "number":
        if void:
            raise UsageError(
                f"{name} holds words of two bytes without a type: dtype bf16 reads them"
            )
        coding = known if known == "bfloat16" else ""
        return coding, _number_note(rows, "asked for") if rows.dtype.kind in "iu" else ()
    codes = _Codes.of(rows)
    if codes is None:
        return (known if known != "number" else ""), (
            f"the numbers are no bytes ({rows.dtype.name}): dtype {dtype} does not apply",
        )
    if dtype == "bits":
        coding = "signed bits" if codes.low < 0 or rows.dtype == np.int8 else "bits"
        return coding, _format_note(coding, "as asked for")
    if dtype == "int8":
        if codes.low < 0 or rows.dtype == np.int8:
            return "", ("codes of int8 are taken as they are, as asked for",)
        return "signed", ("bytes are read as signed codes (int8), as asked for",)
    if codes.low < 0:
        raise UsageError(f"{name} holds numbers below 0: dtype uint8 does not fit, int8 might")
    return "offset", ("128 is taken from codes of uint8, as asked for",)


def _format_note(coding: str, why: str = "as they are by their name or format") -> tuple[str, ...]:
    if coding == "bits":
        return (f"bytes are packed bits, {why}: 8 coordinates of -1 or 1 each",)
    if coding == "signed bits":
        return (f"bytes are packed bits less 128, {why}: 8 coordinates of -1 or 1 each",)
    return ()


def _number_note(rows: NDArray, why: str) -> tuple[str, ...]:
    return (f"whole numbers ({rows.dtype.name}) are taken as they are: {why}",)


def _sixteen(rows: NDArray, void: bool, name: str) -> tuple[str, tuple[str, ...]]:
    """Words of 16 bits: the exponents of bfloat16 embeddings lie close together."""
    words = rows.view(np.uint16) if rows.dtype.isnative else rows.byteswap().view(np.uint16)
    if _plausible(from_bfloat16(words)):
        return "bfloat16", (
            "words of 16 bits are read as bfloat16: their exponents are those of embeddings "
            "(--dtype number takes them as whole numbers)",
        )
    if void:
        raise UsageError(
            f"{name} holds words of two bytes without a type, which as bfloat16 are no embeddings; "
            "--dtype bf16 reads them so all the same"
        )
    if _plausible(words.view(np.float16)):
        raise UsageError(
            f"{name} holds {rows.dtype.name} that look like the bits of float16: save "
            "array.view(np.float16), or say --dtype number"
        )
    return "", _number_note(rows, "their bits are no bfloat16")


def _plausible(values: NDArray) -> bool:
    size = np.abs(values.astype(np.float32)).ravel()
    good = (size == 0) | ((size > 1e-7) & (size < 1e3))
    below, above = size[values.ravel() < 0], size[values.ravel() > 0]
    if np.mean(good) < 0.99 or np.mean(size > 1e-4) < 0.5 or not (len(below) and len(above)):
        return False
    # Whole numbers read as floats are not alike on both sides: -1 has all bits set, 1 only one.
    return bool(1 / 8 < np.median(below) / np.median(above) < 8)


@dataclass(frozen=True)
class _Codes:
    """Statistics of whole numbers that fit into a byte."""

    low: int
    high: int
    mean: float
    zeros: float  # share of zeros
    shared: float  # bits that the two highest bits of a byte tell of each other, mean of columns
    ones: NDArray[np.float64]  # (8,), share of ones in each bit

    @classmethod
    def of(cls, rows: NDArray) -> _Codes | None:
        """Return the statistics; None where the numbers are no bytes."""
        whole = rows[~np.isnan(rows).any(axis=1)] if rows.dtype.kind == "f" else rows
        if not whole.size or whole.min() < -128 or whole.max() > 255:
            return None
        if whole.dtype.kind == "f" and np.any(whole != np.floor(whole)):
            return None
        low, high = int(whole.min()), int(whole.max())
        if low < 0 and high > 127:
            return None
        codes = whole.astype(np.int16).astype(np.uint8)  # below 0: two's complement
        bits = np.unpackbits(codes.ravel()).reshape(-1, 8)
        zeros = float(np.mean(whole == 0))
        return cls(low, high, float(whole.mean()), zeros, _shared(codes), bits.mean(axis=0))

    @property
    def packed(self) -> bool:
        """Whether they look like packed bits: bytes filled, no bit tells of another."""
        filled = self.high - self.low >= 200
        return filled and self.shared < 0.05 and bool(np.all(np.abs(self.ones - 0.5) < 0.25))

    @property
    def offset(self) -> bool:
        """Whether they look like codes around some middle, and not like counts: few zeros."""
        return self.low >= 0 and self.high > 128 and self.mean > 64 and self.zeros < 0.01


def _shared(codes: NDArray[np.uint8]) -> float:
    """Mutual information of the two highest bits in bits, less what chance gives; mean of columns.
    Near 0 for packed signs of coordinates; large for numbers around a middle, whose second bit is
    the opposite (or, below 0, the copy) of the first.
    """
    a, b = codes >> 7, (codes >> 6) & 1
    n = len(codes)
    total = 0.0
    for first in (0, 1):
        for second in (0, 1):
            both = np.mean((a == first) & (b == second), axis=0)
            alone = np.mean(a == first, axis=0) * np.mean(b == second, axis=0)
            with np.errstate(divide="ignore", invalid="ignore"):
                total = total + np.where(both > 0, both * np.log2(both / alone), 0.0)
    return float(np.mean(total)) - 1 / (2 * n * np.log(2))


def _told_by_values(rows: NDArray, column: str, name: str) -> tuple[str, tuple[str, ...]]:
    whole = rows.dtype.kind in "iu"
    codes = _Codes.of(rows)
    last = plain(column.rpartition(".")[2])
    if codes is None:
        if whole and np.abs(rows.astype(np.float64)).max() > 2.0 ** (8 * rows.dtype.itemsize - 3):
            raise UsageError(
                f"{name} holds {rows.dtype.name} that fill their words, as packed bits do: save "
                "array.view(np.uint8) and say --dtype bits, or say --dtype number"
            )
        return "", _number_note(rows, "no range of a byte") if whole else ()
    if last in _BIT_NAMES and codes.high - codes.low > 1:
        coding = "bits" if codes.low >= 0 and rows.dtype != np.int8 else "signed bits"
        return coding, _format_note(coding)
    if codes.low == 0 and codes.high == 1:
        said = "bits written as 0 and 1 are taken as these numbers: cosines count shared ones"
        return "", (said,)
    kind = rows.dtype.name if whole else "whole numbers"
    if codes.packed:
        raise UsageError(
            f"{name} holds {kind} that fill the bytes as packed bits do ({codes.low} to "
            f"{codes.high}, no bit tells of the next): say --dtype bits (np.packbits), "
            f"{'int8' if codes.low < 0 else 'uint8 (codes around 128)'} or number"
        )
    if codes.offset:
        raise UsageError(
            f"{name} holds {kind} around {codes.mean:.0f} ({codes.low} to {codes.high}): codes "
            "with a zero point, or numbers? Say --dtype uint8 (128 is taken off), number or bits"
        )
    if not whole:
        return "", ()
    around = "codes around 0" if codes.low < 0 else "not spread like codes or packed bits"
    return "", _number_note(rows, around)
