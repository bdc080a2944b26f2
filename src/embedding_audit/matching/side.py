"""One side of a search, items or queries: its vectors, and the texts brought into their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from embedding_audit.given import Match
from embedding_audit.matching.names import (
    Key,
    best_pair,
    ids_index,
    keys_of,
    other_keys,
    respelled,
)
from embedding_audit.matching.texts import Texts, joined, text_columns
from embedding_audit.reading.names import plain
from embedding_audit.reading.vectors import Vectors
from paper_utils.errors import UsageError

_BLOCK = 16_384  # rows read at once

OPTIONS = "--id-column (id_column=) names the column"  #: the way out where ids do not meet


@dataclass(frozen=True, eq=False)  # tables have no truth value
class Side:
    """Vectors and the texts of their rows."""

    vectors: Vectors
    texts: Texts | None = None  # row i of vector i
    matches: tuple[Match, ...] = ()
    notes: tuple[str, ...] = ()

    def keys(self, id_column: str = "") -> list[Key]:
        """Return the columns that name the rows by their names, those of the vectors first."""
        return self._keys(id_column) if id_column else self._named

    @cached_property
    def _named(self) -> list[Key]:
        return self._keys("")

    def _keys(self, id_column: str) -> list[Key]:
        own = keys_of(self.vectors.ids, self.vectors.id_name, self.vectors.columns, id_column)
        return own + ([] if self.texts is None else self.texts.keys(id_column))

    def others(self, unique: bool = True) -> Iterator[Key]:
        """Yield the columns that may name the rows by their values."""
        yield from other_keys(self.vectors.columns, unique)
        if self.texts is not None:
            yield from other_keys(self.texts.columns, unique)
            if unique and (strings := ids_index(self.texts.strings)).is_unique:
                yield Key("text", strings, listed=False)

    def take(self, rows: np.ndarray) -> Side:
        """Return some rows."""
        texts = None if self.texts is None else self.texts.take(rows)
        return replace(self, vectors=rows_of(self.vectors, rows), texts=texts)


def rows_of(vectors: Vectors, rows: np.ndarray) -> Vectors:
    """Return some rows of vectors, in their order, in memory."""
    parts = []
    for start in range(0, vectors.shape[0], _BLOCK):
        inside = rows[(rows >= start) & (rows < start + _BLOCK)] - start
        if len(inside):
            parts.append(vectors.data[start : start + _BLOCK][inside])
    data = np.concatenate(parts)
    ids = None if vectors.ids is None else tuple(vectors.ids[row] for row in rows)
    columns = vectors.columns
    columns = None if columns is None else columns.iloc[rows].reset_index(drop=True)
    return replace(vectors, data=data, ids=ids, columns=columns)


def side_of(
    vectors: Vectors, texts: Texts | None, what: str, id_column: str, text_column: str
) -> Side:
    """Bring `texts` into the order of `vectors`; without them take those beside the vectors.
    `what` is 'texts' or 'query texts'. UsageError: they do not belong together.
    """
    side = Side(vectors, notes=vectors.notes)
    if texts is None:
        return _beside(side, what, text_column)
    pair = _pair(side, texts, id_column)
    if pair is not None:
        rows, match, notes = _by_id(vectors, texts, *pair, what)
    else:
        rows, match, notes = _by_position(side, texts, what, id_column)
    found = texts.take(rows)
    notes = (*texts.notes, *notes, *_said(replace(found, missing=found.strings.count("")), what))
    if not any(found.strings):
        notes = (*notes, f"none of the {what} holds a word: nothing is measured on them")
    return Side(vectors, found, (match,), (*vectors.notes, *notes))


def _said(texts: Texts, what: str) -> list[str]:
    notes = [f"{what}: {texts.chosen}"]
    if texts.missing:
        notes.append(f"rows without a text: {texts.missing:,} of {len(texts.strings):,}")
    return notes


def _beside(side: Side, what: str, text_column: str) -> Side:
    columns = side.vectors.columns
    if columns is None:
        return side
    named = text_column if text_column in columns.columns else ""
    chosen = text_columns(columns, named, side.vectors.name)
    texts = joined(columns, chosen, side.vectors.name) if chosen else None
    if texts is None or not (named or any(" " in text for text in texts.strings)):
        return side  # single words may be anything: ids, brands
    n = len(texts.strings)
    match = Match(what, f"the rows of {side.vectors.name}", n - texts.missing, n)
    vectors = replace(side.vectors, columns=columns.drop(columns=chosen))
    return Side(vectors, texts, (match,), (*side.notes, *_said(texts, what)))


def _pair(side: Side, texts: Texts, id_column: str) -> tuple[Key, Key] | None:
    """The columns by which the rows of texts and vectors meet; None: they have no ids in common
    and one of them has none at all.
    """
    own, theirs = side.keys(id_column), texts.keys(id_column)
    own, theirs = own or side.keys(), theirs or texts.keys()
    found = best_pair(own, theirs)
    if found is None:
        spelled = ((a, b) for a in own for b in theirs if respelled(a.values.unique(), b.values))
        if (pair := next(spelled, None)) is not None:
            return pair
        left = own + list(other_keys(side.vectors.columns))
        right = theirs + list(other_keys(texts.columns))
        found = best_pair(left, right)
        if found is not None and _by_chance(*found, min(side.vectors.shape[0], len(texts.strings))):
            found = None
    if found is None and own and theirs:
        raise UsageError(
            f"no row of {texts.name} has an id of {side.vectors.name}: {own[0].example} and "
            f"{theirs[0].example}; {OPTIONS}, or leave the ids out of one of them to go by position"
        )
    return None if found is None else (found[0], found[1])


def _by_chance(own: Key, theirs: Key, common: int, n: int) -> bool:
    """Whether columns that nobody calls ids have values in common as numbers may have them.
    UsageError: too many for chance, and too few to be sure.
    """
    if common == n:
        return False
    numbers = all(one.isdecimal() for one in theirs.values)
    if not numbers and 2 * common >= n:
        return False
    if numbers and 2 * common < n:
        return True
    raise UsageError(
        f"{common:,} values of `{own.name or 'id'}` occur in `{theirs.name or 'id'}`: are the "
        f"texts to be matched by them? {OPTIONS}"
    )


def _by_id(
    vectors: Vectors, texts: Texts, own: Key, theirs: Key, what: str
) -> tuple[np.ndarray, Match, list[str]]:
    notes, n = [], len(own.values)
    by = (
        own.shown
        if plain(own.name) == plain(theirs.name)
        else f"{own.shown} = `{theirs.name or 'id'}`"
    )
    values = theirs.values
    if not own.values.isin(values).all():
        names = respelled(own.values[own.values != ""].unique(), values)
        if names:
            notes.append(f"ids that {texts.name} spells otherwise than the vectors: {len(names):,}")
            back = {other: one for one, other in names.items()}
            values = pd.Index([back.get(one, one) for one in values], dtype=object)
    if not values.is_unique and len(values) == n and (values == own.values).all():
        rows = np.arange(n)  # chunks, in one order on both sides
        return rows, Match(what, f"{by}, in one order", n, n), notes
    if not values.is_unique:
        twice = pd.Series(texts.strings).groupby(values).nunique()
        if len(odd := twice.index[twice > 1].drop("", errors="ignore")):
            raise UsageError(
                f"{texts.name}: `{theirs.name or 'id'}` {odd[0]!r:.60} occurs with different "
                f"texts; a column that tells the rows apart is needed: {OPTIONS}"
            )
    if repeats := int(values.duplicated().sum()):
        notes.append(f"rows of {texts.name} with an id and a text that came before: {repeats:,}")
    first = ~values.duplicated() & (values != "")
    places = np.flatnonzero(first)
    at = values[first].get_indexer(own.values)
    rows = np.where(at >= 0, places[at], -1)
    if spare := int((~values[first].isin(own.values)).sum()):
        notes.append(f"{what} without a vector left out: {spare:,}")
    return rows, Match(what, by, int((at >= 0).sum()), n), notes


def _by_position(
    side: Side, texts: Texts, what: str, id_column: str
) -> tuple[np.ndarray, Match, list[str]]:
    n, n_texts = side.vectors.shape[0], len(texts.strings)
    keyed = side.keys() or texts.keys()
    if n != n_texts:
        least = f"; only one of them has ids, {keyed[0].example}" if keyed else ""
        raise UsageError(
            f"{texts.name} has {n_texts:,} texts for {n:,} vectors of {side.vectors.name}{least}: "
            "row i must be the text of vector i, or both must have ids"
        )
    return np.arange(n), Match(what, "position", n, n), []
