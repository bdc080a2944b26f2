"""Columns that may name the rows of a table, and in which of them ids of another table occur."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd

from embedding_audit.reading.names import id_columns, id_rank, plain

ROW = "row"  #: what ``--id-column`` says where row numbers are meant


@dataclass(frozen=True, eq=False)  # an index has no truth value
class Key:
    """A column whose values may name the rows."""

    name: str  # of the column
    values: pd.Index  # a text for each row; "" where there is none
    listed: bool  # whether the name is one of ID_NAMES, or was given

    @property
    def shown(self) -> str:
        """Return the key as a Match says it."""
        return f"id `{self.name}`" if self.name else "id"

    @property
    def example(self) -> str:
        """Return the key with a value, for messages."""
        return f"`{self.name or 'id'}` (such as {self.values[0]!r:.60})"

    def found(self, wanted: pd.Index) -> int:
        """Count which of `wanted` occur."""
        if self.values.is_unique:  # its table of places is kept
            return int((self.values.get_indexer(wanted) >= 0).sum())
        return int(wanted.isin(self.values).sum())


def as_id(value: Any) -> str:
    """Return an id as text: without blanks around it, whole floats as whole numbers.

    >>> as_id(" d7 "), as_id(7.0), as_id("007"), as_id(None)
    ('d7', '7', '007', '')
    """
    if type(value) is str:
        return value.strip()
    if missing(value):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def missing(value: Any) -> bool:
    """Return whether a cell holds nothing."""
    return value is None or value is pd.NA or value is pd.NaT or (value is not value) or _nan(value)


def _nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def ids_index(values: Iterable[Any]) -> pd.Index:
    """Return ids as texts."""
    return pd.Index([as_id(value) for value in values], dtype=object)


def keys_of(
    ids: Iterable[str] | None, name: str, frame: pd.DataFrame | None, wanted: str = ""
) -> list[Key]:
    """Return the chosen ids, then the columns of `frame` with names of ids, in their order.
    With `wanted` (``--id-column``) only the column of that name.
    """
    found = [] if ids is None else [Key(name, ids_index(ids), listed=True)]
    there = [] if frame is None else [str(one) for one in frame.columns if str(one) != name]
    if wanted:
        found = [key for key in found if same_name(key.name, wanted)]
        there = [one for one in there if same_name(one, wanted)][: 0 if found else 1]
    else:
        there = id_columns(there)
    return found + [Key(one, ids_index(frame[one]), listed=True) for one in there]


def same_name(name: str, wanted: str) -> bool:
    """Return whether a column is the one that is wanted, by its name or the name's last part."""
    return plain(wanted) in (plain(name), plain(name.rpartition(".")[2]))


def other_keys(frame: pd.DataFrame | None, unique: bool = True) -> Iterator[Key]:
    """Yield the columns whose names say nothing and that hold texts or whole numbers.
    `unique`: only those with another value in each row.
    """
    if frame is None:
        return
    for column in frame.columns:
        if id_rank(str(column)) is not None or not _may_name(frame[column]):
            continue
        values = ids_index(frame[column])
        if "" not in values and (values.is_unique or not unique):
            yield Key(str(column), values, listed=False)


def _may_name(column: pd.Series) -> bool:
    kind = pd.api.types.infer_dtype(column, skipna=True)
    return kind in ("string", "integer", "categorical", "mixed-integer")


def best_pair(left: list[Key], right: list[Key]) -> tuple[Key, Key, int] | None:
    """Return the two keys that have most of the left values in common; of equals those that tell
    all rows apart, then the first.
    """
    found, most = None, (0, 0)
    for one in left:
        for other in right:
            common = int((one.values.isin(other.values) & (one.values != "")).sum())
            rank = (common, other.values.is_unique + one.values.is_unique)
            if common and rank > most:
                found, most = (one, other, common), rank
    return found


def spelled(one: str) -> str:
    """Return an id without what its writers differ in: case, '%20', '&amp;', quotation marks, '.0',
    zeros before a number, accents in one character or two.

    >>> spelled("DOC-007"), spelled("a%20b"), spelled("12.0")
    ('doc-7', 'a b', '12')
    """
    one = unicodedata.normalize("NFKC", unquote(html.unescape(one)))
    one = re.sub(r"^(\d+)\.0+$", r"\1", one.strip("'\" ").casefold())
    return re.sub(r"(?<![\d.])0+(?=\d)", "", one)


def respelled(wanted: pd.Index, values: pd.Index) -> dict[str, str]:
    """Return ids of `wanted` that are in `values` only in another spelling, and that one; none
    where two ids have one spelling, or where most of what is not there stays unknown.
    """
    lost = wanted[~wanted.isin(values)]
    if not len(lost):
        return {}
    forms, ids = [spelled(one) for one in lost], values.unique()
    there = pd.Series(ids, index=[spelled(one) for one in ids])
    there = there[~there.index.duplicated(keep=False) & ~there.isin(wanted)]
    once = ~pd.Index(forms).duplicated(keep=False)
    found = {
        one: there[form]
        for one, form, single in zip(lost, forms, once, strict=True)
        if single and form in there.index
    }
    return found if 2 * len(found) >= len(lost) else {}


def filled(values: pd.Index) -> pd.Index:
    """Return ids in which each row without one has a name that nothing else has."""
    if not (values == "").any():
        return values
    return pd.Index([one or f"\0{row}" for row, one in enumerate(values)], dtype=object)


def row_numbers(n: int) -> pd.Index:
    """Return the numbers of n rows as ids."""
    return pd.Index([str(row) for row in range(n)], dtype=object)


def are_rows(wanted: pd.Index, n: int) -> bool:
    """Return whether all ids are whole numbers from 0 to n - 1, written plainly.

    >>> are_rows(pd.Index(["0", "9"]), 10), are_rows(pd.Index(["10"]), 10)
    (True, False)
    """
    return all(
        one.isdecimal() and one.isascii() and str(int(one)) == one and int(one) < n
        for one in wanted
    )
