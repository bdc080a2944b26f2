"""The grades of judgements: which column holds them, and what is a number."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from embedding_audit.matching.names import as_id, missing
from embedding_audit.reading.names import plain
from paper_utils.errors import UsageError

#: Names of the column of grades, the preferred ones first, written as those of queries.
GRADES = (
    "score",
    "relevance",
    "grade",
    "rel",
    "label",
    "judgement",
    "judgment",
    "gain",
    "rating",
    "relevance_score",
    "relevance_label",
    "relevant",
    "qrel",
)
_TURNS = ("iteration", "iter", "q0", "0", "unused", "run", "split")  # said by TREC, never used
_PLAIN_TURNS = {plain(one) for one in _TURNS}
_TRUTH = {"true": 1.0, "false": 0.0}  # as data frames write them


def column_of(columns: Iterable[Any], names: tuple[str, ...]) -> Any:
    """Return the first of `names` that is there, as it is written there."""
    there = {plain(str(column)): column for column in reversed(list(columns))}
    return next((there[plain(one)] for one in names if plain(one) in there), None)


def is_number(cell: Any) -> bool:
    """Whether a cell holds a grade."""
    return not missing(cell) and math.isfinite(_number(cell))


def as_grade(value: Any, name: str, at: int, place: tuple[Any, Any]) -> float:
    """Return a grade as a number. UsageError: it is none."""
    number = _number(value)
    if not math.isfinite(number):
        raise UsageError(
            f"{name}, judgement {at} (query {as_id(place[0])!r:.40}, document "
            f"{as_id(place[1])!r:.40}): a grade must be a number, not {value!r:.40}"
        )
    return number


def _number(cell: Any) -> float:
    """Return a grade as a number; NaN: it is none."""
    try:
        return float(_TRUTH.get(cell.strip().lower(), cell) if isinstance(cell, str) else cell)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def graded_column(table: pd.DataFrame, rest: list[Any], name: str) -> Any:
    """Return the column of grades; None: nothing in `rest` is one. UsageError: two of numbers, as
    beside the scores of a search, or numbers under another name.
    """
    there = [column for one in GRADES if (column := column_of(rest, (one,))) is not None]
    if not there:
        _ask_for_grades(table, rest, name)
    numbers = [column for column in there if table[column].map(is_number).all()]
    values = [table[column].map(_number) for column in numbers]
    differ = [
        column for column, one in zip(numbers, values, strict=True) if not one.equals(values[0])
    ]
    if differ:
        raise UsageError(
            f"{name} has grades in {numbers[0]!r:.40} and in {differ[0]!r:.40}: leave out the "
            "column that is none"
        )
    return next(iter(numbers or there), None)


def _ask_for_grades(table: pd.DataFrame, rest: list[Any], name: str) -> None:
    """Numbers under another name may be the grades: they are never dropped without a word."""
    numbers = [
        column
        for column in rest
        if plain(str(column)) not in _PLAIN_TURNS
        and table[column].map(is_number).all()
        and table[column].nunique() > 1
    ]
    if numbers:
        raise UsageError(
            f"{name} has no column {GRADES[0]!r}, nor {', '.join(GRADES[1:5])} …: if the grades "
            f"are {', '.join(map(str, numbers[:4]))!r:.80}, call that column 'score'"
        )
