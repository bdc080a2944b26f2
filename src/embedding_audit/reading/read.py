"""What a reader brings back: a matrix, and what lies beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from embedding_audit.reading.vectors import Matrix
from paper_utils.errors import UsageError


@dataclass(frozen=True, eq=False)
class Read:
    """The vectors of one file, and the single values beside each, ids among them."""

    data: Matrix
    beside: dict[str, Sequence[Any]] = field(default_factory=dict)  # column -> a value for each row
    coding: str = ""  # known by the format: a key of DECODERS, or 'number'
    column: str = ""  # what the vectors are called where the file names them
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()  # what else the file holds that is no value of each row


def check_matrix(name: str, shape: Sequence[int]) -> None:
    """Refuse what is not a matrix."""
    if len(shape) != 2:
        raise UsageError(f"{name} has shape {tuple(shape)}: a matrix is needed, one row an item")


def rows_said(rows: Sequence[int]) -> str:
    """Return how many rows there are, and the first few of them, numbered from 0.

    >>> rows_said([4]), rows_said([1, 2, 3, 9])
    ('1 row (row 4)', '4 rows (rows 1, 2, 3, …)')
    """
    some = ", ".join(str(row) for row in rows[:3]) + (", …" if len(rows) > 3 else "")
    s = "s" if len(rows) > 1 else ""
    return f"{len(rows):,} row{s} (row{s} {some})"


def clean(text: str) -> str:
    """Return a text without what no file can hold (lone surrogates become question marks)."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
