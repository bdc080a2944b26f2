"""Vectors written into one cell: lists, texts of databases and of NumPy, base64."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_audit.reading.read import rows_said
from embedding_audit.reading.vectors import Joined, Matrix, octaves
from paper_utils.errors import UsageError

_STACK = 4096  # rows kept apart before they become one matrix

#: A list of numbers as JSON, Python, NumPy, pgvector and Postgres write it.
LISTED = re.compile(
    r"\s*(?:np\.|numpy\.)?(?:array|tensor)?\(?\s*[\[{(]\s*(?:[-+]?\.?\d|nan|inf|np\.|null|None)",
    re.I,
)
_BETWEEN = re.compile(r"[\s,;|]+")
_SCALAR = re.compile(r"(?:np|numpy)\.\w+\(([^()]*)\)")  # str() of a list of NumPy's numbers
_NOTHING = ("", "null", "none", "nan", "\\n", "[]", "{}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{10,}={0,2}")


def is_number(text: str) -> bool:
    """Whether a cell holds one number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def holds_numbers(text: str) -> bool:
    """Whether a cell holds several numbers without brackets, as in '0.1 0.2' or '0.1,0.2'."""
    words = _BETWEEN.split(text.strip())
    return len(words) > 1 and all(map(is_number, words))


def numbers(value: Any, place: str) -> NDArray[np.float64] | None:
    """Return the numbers of a cell; None where there is no vector. Missing numbers become NaN.
    UsageError: something else than numbers.
    """
    if isinstance(value, str):
        return _from_text(value, place)
    if isinstance(value, bytes):
        return _from_bytes(value, place, "bytes")
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if value is None or (isinstance(value, float) and value != value):
        return None
    if not isinstance(value, list | tuple):
        raise UsageError(f"{place}: a list of numbers is needed, not {type(value).__name__}")
    kinds = set(map(type, value))
    if type(None) in kinds:
        kinds.discard(type(None))
        value = [np.nan if one is None else one for one in value]
    if not kinds <= {int, float}:
        strange = next(kind.__name__ for kind in kinds if kind not in (int, float))
        more = ": one vector a row is needed, pool those of tokens" if strange == "list" else ""
        raise UsageError(f"{place}: {strange} where a number is needed{more}")
    if not value:
        return None
    try:
        return np.array(value, dtype=np.float64)
    except OverflowError:
        raise UsageError(f"{place}: a whole number too large for float64") from None


def looks_like_base64(text: str) -> bool:
    """Whether a text may be float32 numbers in base64, as APIs send them."""
    return len(text) % 4 == 0 and _BASE64.fullmatch(text) is not None


def _from_text(text: str, place: str) -> NDArray[np.float64] | None:
    body = text.strip()
    if body.lower() in _NOTHING:
        return None
    if body[0] == "[":
        try:
            return numbers(json.loads(body), place)
        except (ValueError, RecursionError) as error:
            if isinstance(error, UsageError):
                raise
    if looks_like_base64(body):
        return _from_base64(body, place)
    inner = _SCALAR.sub(r"\1", body)
    opening = re.search(r"[\[{(]", inner.removeprefix("array(").removeprefix("tensor("))
    if opening:
        closing = {"[": "]", "{": "}", "(": ")"}[opening[0]]
        inner = inner[inner.index(opening[0]) if opening[0] != "(" else inner.rindex("(") :]
        if closing not in inner:
            raise UsageError(f"{place}: {_cut(body)} is cut short: {closing!r} is missing")
        inner = inner[1 : inner.rindex(closing)]
    if "..." in inner:
        raise UsageError(
            f"{place}: NumPy left out numbers ('...'): write the rows as lists (.tolist())"
        )
    words = re.split(r"\s*[,;|]\s*|\s+", inner.strip())
    if words == [""]:
        return None
    try:
        if "_" in inner:
            raise ValueError
        return np.array([np.nan if w.lower() in ("null", "none") else float(w) for w in words])
    except ValueError:
        raise UsageError(f"{place}: {_cut(body)} is no list of numbers") from None


def _cut(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:40] + "…").replace("\\u2026", "…")


def _from_base64(text: str, place: str) -> NDArray[np.float64]:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"{place}: {_cut(text)} is no base64") from None
    return _from_bytes(content, place, "base64")


def _from_bytes(content: bytes, place: str, what: str) -> NDArray[np.float64]:
    """Numbers of float32, where their sizes are those of numbers that somebody wrote."""
    if len(content) % 4:
        raise UsageError(f"{place}: {what} of {len(content)} are no row of float32")
    row = np.frombuffer(content, "<f4")
    if octaves(row[None]) > 6:
        raise UsageError(f"{place}: {what} of something else than float32: write lists of numbers")
    return row.astype(np.float64)


class Stack:
    """Rows one after the other into a matrix; missing ones become NaN and are counted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.n = 0
        self.missing: list[int] = []  # rows without a vector
        self.holed: list[int] = []  # rows without one of their numbers
        self._width = 0
        self._parts: list[NDArray[np.float64]] = []
        self._rows: list[NDArray[np.float64] | None] = []

    def add(self, row: NDArray[np.float64] | None, place: str) -> None:
        """Take the next row. UsageError: not as long as those before."""
        if row is None:
            self.missing.append(self.n)
        else:
            if self._width and len(row) != self._width:
                raise UsageError(
                    f"{place}: {len(row):,} numbers, the rows before have {self._width:,}"
                )
            self._width = len(row)
        self._rows.append(row)
        self.n += 1
        if len(self._rows) >= _STACK and self._width:
            self._close()

    def _close(self) -> None:
        if self._rows:
            empty = np.full(self._width, np.nan)
            self._parts.append(np.stack([empty if row is None else row for row in self._rows]))
            self._rows = []

    def matrix(self) -> Matrix:
        """Return all rows. UsageError: none has a vector."""
        if not self._width:
            rows = f"none of its {self.n:,} rows has a vector" if self.n else "no rows"
            raise UsageError(f"{self.name} has no vectors: {rows}")
        self._close()
        return self._parts[0] if len(self._parts) == 1 else Joined(list(self._parts))

    @property
    def notes(self) -> tuple[str, ...]:
        """Say how many rows have no vector."""
        return missing_notes(self.missing)


def missing_notes(rows: list[int]) -> tuple[str, ...]:
    """Say which rows have no vector: they are left out like those of NaN."""
    return (f"without a vector, and left out: {rows_said(rows)}",) if rows else ()
