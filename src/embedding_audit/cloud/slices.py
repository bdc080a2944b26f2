"""The same questions for parts of the catalogue: a category, a language, a length of text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.moments import (
    Moments,
    cosine_statistics,
    grouped,
    in_double,
    merge_groups,
    merged,
    trace_dimensions,
    with_intervals,
)
from embedding_audit.cloud.points import Points
from embedding_audit.measure import (
    Measure,
    all_beside,
    difference,
    from_jackknife,
    not_measured,
    ratio_of,
)

if TYPE_CHECKING:
    import pandas as pd

#: Rows below which a slice is not measured, slices of one column, columns.
FEWEST_ROWS, MOST_VALUES, MOST_COLUMNS = 50, 8, 3
_GROUPS = 10

_CYRILLIC, _LATIN = re.compile("[\u0400-\u052f]"), re.compile("[A-Za-z\u00c0-\u024f]")


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Slice:
    """One part of the catalogue."""

    by: str  # the column
    value: str  # the user's text: escaped where it is shown
    rows: NDArray[np.int64]  # numbers of its points among those that were cut
    measures: dict[str, Measure]  # mean_cosine, d_eff, seen, recall

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the report keeps."""
        kept = {name: one.as_dict() for name, one in self.measures.items()}
        return {"by": self.by, "value": self.value, "n": self.n} | kept


def language_of(text: str) -> str:
    """Return "ru" with any Cyrillic letter, "en" with Latin letters only, "" with neither."""
    if _CYRILLIC.search(text):
        return "ru"
    return "en" if _LATIN.search(text) else ""


def labels_of(texts: Sequence[str] | None, columns: pd.DataFrame | None) -> dict[str, NDArray]:
    """Return the ways in which rows are cut, and each row's value.
    ``language`` (by the letters, where there are two), ``length`` (thirds of the number of
    characters), and up to `MOST_COLUMNS` columns whose values repeat.
    """
    found = {} if texts is None else _labels_of_texts(texts)
    chosen = []
    for number, name in enumerate([] if columns is None else columns.columns):
        values = columns.iloc[:, number].astype(object)
        if not values.map(lambda value: isinstance(value, str | int | bool)).any():
            continue
        text = values.map(lambda value: str(value) if isinstance(value, str | int) else "")
        sizes = text[text != ""].value_counts()
        large = sizes[sizes >= FEWEST_ROWS]
        # An id or a free text has hardly a value that repeats.
        if len(large) > 1 and large.sum() >= 0.3 * len(columns):
            chosen.append((len(large) > 30, str(name), text.to_numpy(dtype=str)))
    for _, name, text in sorted(chosen, key=lambda one: one[0])[:MOST_COLUMNS]:
        found[name] = text
    return found


def _labels_of_texts(texts: Sequence[str]) -> dict[str, NDArray]:
    found: dict[str, NDArray] = {}
    languages = np.array([language_of(text) for text in texts])
    if (np.unique(languages[languages != ""], return_counts=True)[1] >= FEWEST_ROWS).sum() > 1:
        found["language"] = languages
    lengths = np.array([len(text) for text in texts])
    low, high = np.quantile(lengths, [1 / 3, 2 / 3])
    if low < high:
        words = np.array(["short", "middle", "long"])
        found["length"] = words[(lengths > low).astype(int) + (lengths > high)]
    return found


def slice_measures(
    points: Points, labels: dict[str, NDArray], counts: NDArray[np.int64] | None, k: int
) -> list[Slice]:
    """Measure the largest slices of each column; the null ``shuffled`` is the value of all rows.
    Points of equal content have equal places. `counts` is how often each row's point is among the
    `k` neighbours (None: not every point is a query). Recall comes with :func:`with_recall`.
    """
    whole = _moments(points, np.zeros(points.n, dtype=int), 1)[0]
    overall = {name: one.value for name, one in _geometry(whole).items()}
    slices = []
    for by, values in labels.items():
        names, code, sizes = np.unique(values, return_inverse=True, return_counts=True)
        large = (names != "") & (sizes >= FEWEST_ROWS)
        order = [i for i in np.argsort(-sizes, kind="stable") if large[i]][:MOST_VALUES]
        place = np.full(len(names), -1)
        place[order] = np.arange(len(order))
        parts = _moments(points, place[code], len(order))
        for number, i in enumerate(order):
            mine = np.flatnonzero(code == i)
            measures = all_beside(_geometry(parts[number]), "shuffled", overall)
            measures = {name: replace(one, n=len(mine)) for name, one in measures.items()}
            measures["seen"] = _seen(counts, mine, k)
            measures["recall"] = not_measured("no judgements were given")
            slices.append(Slice(by, str(names[i]), mine, measures))
    return slices


def with_recall(
    slices: Sequence[Slice],
    n_points: int,
    found: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> list[Slice]:
    """Return the slices with their recall. `found`: a relevant document (number of the point, -1:
    none of those that were cut) for each judged pair, and its chance to be among the best 10.
    """
    pairs = found[0] >= 0
    order = np.lexsort((found[1][pairs], found[0][pairs]))
    documents, chances = found[0][pairs][order], found[1][pairs][order]
    everywhere = float(chances.mean()) if len(chances) else None
    new = []
    for one in slices:
        inside = np.zeros(n_points, dtype=bool)
        inside[one.rows] = True
        values = chances[inside[documents]]
        recall = not_measured("fewer than 10 judged pairs")
        if len(values) >= 10:
            recall = ratio_of(values, np.ones(len(values)), _GROUPS).beside(shuffled=everywhere)
        new.append(replace(one, measures=one.measures | {"recall": recall}))
    return new


def _geometry(groups: list[Moments]) -> dict[str, Measure]:
    cosines = with_intervals(groups, cosine_statistics)
    dimensions = with_intervals(groups, trace_dimensions)
    return {"mean_cosine": cosines["mean"], "d_eff": dimensions["unbiased"]}


def _moments(points: Points, code: NDArray, n_codes: int) -> list[list[Moments]]:
    """Moments of each code (-1: none), dealt to groups by place."""
    total: list[list[Moments] | None] = [None] * n_codes
    for start, block in points.blocks():
        stop = start + len(block)
        block, places, codes = in_double(block), points.places(start, stop), code[start:stop]
        for one in range(n_codes):
            mine = codes == one
            total[one] = merge_groups(total[one], grouped(block[mine], places[mine], _GROUPS))
    return [parts or [] for parts in total]


def _seen(counts: NDArray[np.int64] | None, mine: NDArray[np.int64], k: int) -> Measure:
    if counts is None:
        return not_measured("not every point is a query")
    found = ratio_of(counts[mine] / k, np.ones(len(mine)), _GROUPS)
    return found.beside(shuffled=float(counts.mean()) / k)


def summary(
    slices: Sequence[Slice], points: Points, languages: NDArray | None
) -> dict[str, Measure]:
    """Return what the slices say together; `languages` is that of each row.
    ``cosine_range``, ``seen_min``, and ``language_gap``: mean cosine inside a language less that
    between two, over the two largest.
    """
    found = dict.fromkeys(("cosine_range", "seen_min"), not_measured("no slices"))
    found["language_gap"] = not_measured("not two languages")
    cosines = [one.measures["mean_cosine"] for one in slices]
    there = [one for one in cosines if one.measured]
    if len(there) > 1:
        top, bottom = (f(there, key=lambda one: one.value) for f in (max, min))
        found["cosine_range"] = difference(top, bottom, len(there)).beside(shuffled=0)
    seen = [one.measures["seen"] for one in slices if one.measures["seen"].measured]
    if seen:
        found["seen_min"] = min(seen, key=lambda one: one.value)
    if languages is not None:
        found["language_gap"] = _language_gap(points, languages)
    return found


def _language_gap(points: Points, languages: NDArray) -> Measure:
    names, sizes = np.unique(languages[languages != ""], return_counts=True)
    if len(names) < 2:
        return not_measured("not two languages")
    two = names[np.argsort(-sizes)[:2]]
    code = np.full(len(languages), -1)
    for number, name in enumerate(two):
        code[languages == name] = number
    first, second = _moments(points, code, 2)

    def gap(a: Moments, b: Moments) -> float:
        inside = [cosine_statistics(m)["mean"] for m in (a, b)]
        pairs = [m.n * (m.n - 1) for m in (a, b)]
        return float(np.average(inside, weights=pairs) - a.mean @ b.mean)

    a, b = merged(first), merged(second)
    left = [gap(a.without(x), b.without(y)) for x, y in zip(first, second, strict=True)]
    return from_jackknife(gap(a, b), left, a.n + b.n).beside(shuffled=0)
