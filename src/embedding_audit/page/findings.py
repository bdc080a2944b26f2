"""What the geometry says is wrong: each finding clears its own null, by its whole interval.

Severity: from 0.75, rows or lists are wrong whatever is asked; from `FAULT`, so much is lost that
somebody will notice; below, a remark worth knowing. It grows with the part of rows or lists hit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from embedding_audit.found import Finding
from embedding_audit.measure import Measure, share_of
from embedding_audit.page.spelled import number

FAULT = 0.5  #: severity from which the first screen calls a finding a fault

_ABSENT = Measure()

_BLOCK = 10  # rows that repeat others in their order before it is called a copy

_SOME = 0.01  # share of vectors that may have unit length by accident

_ODD = {
    "near_duplicate_share": "almost equal to another",
    "outlier_share": "as far from all others as almost no Gaussian row is",
}


def geometry_findings(
    measures: Mapping[str, Measure],
    *,
    columns: int,
    metric: str = "cosine",
) -> tuple[Finding, ...]:
    """Return what the vectors alone show, the worst first.
    `columns` is the length of a vector.
    """
    found = [
        *_damage(measures),
        *_repeats(measures),
        *_odd(measures, columns),
        *_hubs(measures),
        *_lengths(measures, metric),
        *_languages(measures),
        *_dominance(measures),
        *_precision(measures),
        *_few_rows(measures, columns),
    ]
    return tuple(sorted(found, key=lambda one: (-one.severity, one.key)))


def _beyond(one: Measure, nulls: Sequence[float | None]) -> float | None:
    """The largest null, where the whole interval of a measure lies above all of them."""
    there = [null for null in nulls if null is not None]
    if not there or one.clears(max(there), above=True) is not True:
        return None
    return max(there)


def _damage(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    total = measures.get("rows.total", _ABSENT).value or 0
    kinds = {"nan": "NaN", "infinite": "infinite values", "zero": "zeros only"}
    for kind, words in kinds.items():
        count = measures.get(f"rows.{kind}", _ABSENT).value
        if count:
            yield Finding(
                f"rows.{kind}",
                f"{count:,.0f} of {total:,.0f} rows hold {words}: no query can find them "
                "(in a sound file 0).",
                0.95 if kind != "zero" else 0.8,
            )


def _repeats(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    share = measures.get("rows.duplicate_share", _ABSENT)
    if _beyond(share, [0.0]) is not None:
        group = measures.get("rows.largest_group", _ABSENT).value or 2
        yield Finding(
            "rows.duplicate_share",
            f"{share.value:.1%} of the rows repeat the direction of an earlier one, the largest "
            f"group has {group:,.0f}: no query can tell them apart (Gaussian rows: 0%).",
            min(0.9, 0.3 + share.value),
        )
    yield from _copies(measures)
    tied = measures.get("stability.tied", _ABSENT)
    null = _beyond(tied, [0.0, tied.null.get("gaussian")])
    if null is not None:
        yield Finding(
            "stability.tied",
            f"{tied.value:.1%} of the top lists are cut inside a tie: what they show hangs on the "
            f"order of the rows (Gaussian rows: {null:.1%}).",
            min(0.9, 0.3 + tied.value / 2),
        )


def _copies(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    block = measures.get("rows.copied_block", _ABSENT)
    if block.n and (block.value or 0) >= _BLOCK:
        yield Finding(
            "rows.copied_block",
            f"{block.value:,.0f} of {block.n:,} rows repeat an earlier block in its order (equal "
            "rows by chance: no block): a part of the index may be there twice.",
            min(0.95, 0.6 + block.value / block.n),
        )
    merged = measures.get("rows.merged_by_rounding", _ABSENT)
    if merged.n and merged.value:
        yield Finding(
            "rows.merged_by_rounding",
            f"{merged.value:,.0f} of {merged.n:,} rows differ in the file and have one direction "
            "in single precision (in double precision 0): a search cannot tell them apart.",
            0.3 + 0.5 * merged.value / merged.n,
        )


def _odd(measures: Mapping[str, Measure], columns: int) -> Iterator[Finding]:
    if (measures.get("rows.used", _ABSENT).value or math.inf) <= columns:
        return  # every row has a direction of its own, and the null has not
    for key, words in _ODD.items():
        share = measures.get(f"rows.{key}", _ABSENT)
        null = share.null.get("gaussian")
        if null is None or not share.n:
            continue
        # How far is far was read off as many Gaussian rows: their share has an error too.
        if share.clears(share_of(null, share.n).high, above=True):
            yield Finding(
                f"rows.{key}",
                f"{share.value:.1%} of the rows are {words} (Gaussian rows: {null:.1%}).",
                0.2 + min(0.5, share.value / 2),
            )


def _hubs(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    largest = measures.get("hubness.raw.largest", _ABSENT)
    null = _beyond(largest, [largest.null.get("gaussian")])
    if null is not None and largest.n:
        share = largest.value / largest.n
        yield Finding(
            "hubness.raw.largest",
            f"One item is in {share:.1%} of all neighbour lists ({largest.value:,.0f} of "
            f"{largest.n:,}; the largest hub of Gaussian rows with this spectrum: {null:,.0f}).",
            min(0.9, 0.3 + share),
        )
    unseen = measures.get("hubness.raw.antihubs", _ABSENT)
    null = _beyond(unseen, [unseen.null.get("gaussian")])
    if null is not None:
        yield Finding(
            "hubness.raw.antihubs",
            f"{unseen.value:.1%} of the items are in nobody's neighbour list (Gaussian rows with "
            f"this spectrum: {null:.1%}).",
            min(0.9, 0.3 + unseen.value - null),
        )


def _lengths(measures: Mapping[str, Measure], metric: str) -> Iterator[Finding]:
    unit = measures.get("norms.unit_share", _ABSENT)
    if unit.measured and _SOME < unit.low and unit.high < 1 - _SOME:
        yield Finding(
            "norms.unit_share",
            f"{unit.value:.1%} of the vectors have unit length and the others do not (of one "
            "program: all or none): a part was normalised and a part was not.",
            0.75,
        )
    kept, spread = measures.get("stability.dot", _ABSENT), measures.get("norms.cv", _ABSENT)
    # With judgements the two are compared by quality, which says more.
    judged = measures.get("relevance.recall_10", _ABSENT).measured
    if metric != "cosine" or judged or not spread.measured:
        return
    if kept.clears(1.0, above=False):
        yield Finding(
            "stability.dot",
            f"Lengths vary by {spread.value:.0%} of their mean, and by inner product only "
            f"{kept.value:.1%} of each top list stays (vectors of one length: 100%): ask which of "
            "the two the model was trained for.",
            min(0.45, 0.25 + (1 - kept.value) / 2),
        )


def _languages(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    gap = measures.get("slices_summary.language_gap", _ABSENT)
    if _beyond(gap, [0.0]) is not None:
        yield Finding(
            "slices_summary.language_gap",
            f"Cosines inside a language are higher by {gap.value:.2f} than between two (languages "
            "shuffled: 0): a query finds its own language first.",
            min(0.7, 0.2 + gap.value),
        )
    seen = measures.get("slices_summary.seen_min", _ABSENT)
    if seen.clears(1.0, above=False):
        yield Finding(
            "slices_summary.seen_min",
            f"The slice that is shown least gets {seen.value:.2f} of its fair share of neighbour "
            "lists (a fair draw: 1).",
            0.2 + 0.25 * (1 - seen.value),
        )


def _dominance(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    # The stable rank is one over the share of the first principal component.
    rank = measures.get("dimension.stable_rank", _ABSENT)
    null = rank.null.get("shuffled")
    if null and rank.value and rank.clears(null, above=False):
        first, by_chance = 1 / rank.value, 1 / null
        if first > by_chance + 0.1:  # real text has some leading direction: not worth a line
            yield Finding(
                "dimension.stable_rank",
                f"One direction holds {first:.0%} of the variance (coordinates shuffled: "
                f"{by_chance:.0%}).",
                min(0.7, 0.1 + first - by_chance),
            )
    mean = measures.get("cosine.mean", _ABSENT)
    if _beyond(mean, [0.0]) is not None and mean.value > 0.2:
        yield Finding(
            "cosine.mean",
            f"Two items drawn at random have a cosine of {mean.value:.2f} (directions without a "
            "common mean: 0): a fixed threshold says little, a ranking hardly sees it.",
            0.1 + 0.3 * mean.value,
        )


def _precision(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    kept = measures.get("stability.int8", _ABSENT)
    null = kept.null.get("gaussian")
    if null is not None and kept.clears(min(null, 0.99), above=False):
        yield Finding(
            "stability.int8",
            f"One byte a coordinate keeps {kept.value:.1%} of each top list (Gaussian rows with "
            f"this spectrum: {null:.1%}): some coordinates need a range of their own.",
            0.2 + (null - kept.value),
        )


def _few_rows(measures: Mapping[str, Measure], columns: int) -> Iterator[Finding]:
    used = measures.get("rows.used", _ABSENT).value
    if used and used <= columns:
        yield Finding(
            "rows.used",
            f"{number(used)} rows in {columns:,} columns: they span at most {number(used - 1)} "
            "directions, so their dimension says nothing about the model.",
            0.35,
        )
