"""An audit of two sets of vectors of the same items: another model, or another date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_audit.compare.alike import (
    Neighbourhoods,
    alike_measures,
    geometry,
    neighbourhoods,
)
from embedding_audit.compare.pairs import MOST_ROWS, Pairs, drawn, pair_rows, unit_rows_of
from embedding_audit.compare.won import Won, won_and_lost
from embedding_audit.found import Finding
from embedding_audit.given import Inputs, Match
from embedding_audit.measure import Measure, under

_SHOWN = 10
_LONGEST = 200  # characters of a text that is shown
_PART = 0.02  # of the rows, from which some are a part and not an accident


@dataclass(frozen=True, eq=False)  # tables have no truth value
class Comparison:
    """What changes when the vectors of `other` take the place of the first ones."""

    name: str  # of the other file
    match: Match
    measures: dict[str, Measure]  # compare.*
    tests: list[dict[str, Any]]  # nDCG and recall of both: difference, interval, p, won, lost
    side_by_side: list[dict[str, Any]]  # key, first, second
    moved_most: list[dict[str, Any]]  # rows whose neighbours changed most
    queries_changed: list[dict[str, Any]]  # judged queries lost and won most
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the report keeps; the measures stand among its own."""
        return {
            "name": self.name,
            "match": str(self.match),
            "tests": self.tests,
            "side_by_side": self.side_by_side,
            "moved_most": self.moved_most,
            "queries_changed": self.queries_changed,
            "notes": list(self.notes),
        }


def compare(one: Inputs, other: Inputs, *, k: int = 10, seed: int = 0) -> Comparison:
    """Compare the vectors of two files row by row; they may differ in their columns.
    UsageError: no rows in common. Judged queries need the other model's vectors of them.
    """
    pairs = pair_rows(one.vectors, other.vectors)
    some = drawn(pairs, MOST_ROWS, seed)
    first = unit_rows_of(one.vectors, pairs.first[some])
    second = unit_rows_of(other.vectors, pairs.second[some])
    near = neighbourhoods(first, second, min(k, len(some) - 2), seed)
    counts = {"rows": len(pairs), "only_first": pairs.only_first, "only_second": pairs.only_second}
    found = {name: Measure(count, n=len(pairs)) for name, count in counts.items()}
    found |= alike_measures(first, second, near, seed)
    won = won_and_lost(one, other, pairs, seed)
    found |= won.measures
    measures = under("compare", found)
    both = [geometry(X, lists) for X, lists in zip((first, second), near.lists, strict=True)]
    return Comparison(
        name=other.vectors.name,
        match=pairs.match,
        measures=measures,
        tests=won.tests,
        side_by_side=_side_by_side(both, won),
        moved_most=_moved_most(one, pairs.first[some], first, second, near),
        queries_changed=won.queries,
        findings=comparison_findings(measures, other.vectors.name),
        notes=tuple(_notes(pairs, some, other.vectors.name) + won.notes),
    )


def _side_by_side(both: list[dict], won: Won) -> list[dict[str, Any]]:
    first, second = (
        geometric | judged for geometric, judged in zip(both, won.quality, strict=True)
    )
    return [{"key": key, "first": first[key], "second": second[key]} for key in first]


def _moved_most(
    one: Inputs, rows: NDArray[np.int64], first: NDArray, second: NDArray, near: Neighbourhoods
) -> list[dict[str, Any]]:
    """The rows of which fewest neighbours stay; among equals those that turned most."""
    turned = np.zeros(len(near.queries))
    same = first.shape[1] == second.shape[1]
    if same:
        turned = np.einsum("ij,ij->i", first[near.queries], second[near.queries])
    order = np.lexsort((turned, near.overlap))
    found = []
    for i in order[:_SHOWN]:
        if near.overlap[i] > 1 - 1e-9:
            break
        row = int(rows[near.queries[i]])
        text = None if one.texts is None else one.texts[row][:_LONGEST]
        identity = None if one.vectors.ids is None else one.vectors.ids[row]
        shown = {"row": row, "id": identity, "text": text, "overlap": float(near.overlap[i])}
        found.append(shown | ({"cosine": float(turned[i])} if same else {}))
    return found


def _notes(pairs: Pairs, some: NDArray[np.int64], name: str) -> list[str]:
    notes = [] if pairs.match.by != "position" else [f"rows of {name} are taken by position"]
    for count, where in ((pairs.only_first, "the first file"), (pairs.only_second, name)):
        if count:
            notes.append(f"rows only in {where}, left out of the comparison: {count:,}")
    if pairs.unusable:
        notes.append(f"rows without a direction in either file left out: {pairs.unusable:,}")
    if len(some) < len(pairs):
        notes.append(f"rows compared, drawn by content: {len(some):,} of {len(pairs):,}")
    return notes


def comparison_findings(measures: Mapping[str, Measure], name: str) -> tuple[Finding, ...]:
    """Return what ``compare.*`` shows, the worst first."""
    found = [*_strangers(measures, name), *_part_moved(measures, name), *_worse(measures, name)]
    return tuple(sorted(found, key=lambda one: (-one.severity, one.key)))


def _strangers(measures: Mapping[str, Measure], name: str) -> Iterator[Finding]:
    overlap = measures["compare.overlap"]
    chance = overlap.null["random"]
    if overlap.low is not None and overlap.low <= chance:
        yield Finding(
            "compare.overlap",
            f"Of the nearest {overlap.value:.1%} are the same in {name}, as between rows that have "
            f"nothing to do with each other ({chance:.1%}): are the rows the same items?",
            0.9,
        )


def _part_moved(measures: Mapping[str, Measure], name: str) -> Iterator[Finding]:
    share, cosine = measures["compare.moved_share"], measures["compare.moved_cosine"]
    if not (share.measured and cosine.measured and _PART < share.value < 1 - _PART):
        return
    chance = cosine.null["shuffled"]
    lost = cosine.low is not None and cosine.low <= chance
    what = "another model, or of another item" if lost else "another prefix, pooling or version"
    yield Finding(
        "compare.moved_share",
        f"{share.value:.0%} of the rows changed and the others are the same in {name}: the cosine "
        f"of the changed ones is {cosine.value:.2f} (rows at random: {chance:.2f}), as of {what}.",
        0.95 if lost else 0.6,
    )


def _worse(measures: Mapping[str, Measure], name: str) -> Iterator[Finding]:
    gain = measures["compare.ndcg_gain"]
    if gain.clears(0.0, above=False) is True:
        yield Finding(
            "compare.ndcg_gain",
            f"With {name} nDCG@10 falls by {-gain.value:.3f} ({-gain.high:.3f} to "
            f"{-gain.low:.3f}; no difference: 0).",
            min(0.9, 0.4 - 2 * gain.value),
        )
