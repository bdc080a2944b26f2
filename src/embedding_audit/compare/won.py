"""Judged queries by two sets of vectors: won and lost, with tests, on the rows that both have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.overlap import expected_overlap
from embedding_audit.cloud.progress import track
from embedding_audit.compare.alike import mean_of
from embedding_audit.compare.pairs import Pairs
from embedding_audit.given import Inputs
from embedding_audit.judged.queries import Judged, judged_queries
from embedding_audit.judged.scores import (
    Documents,
    Space,
    parts_of,
    ranks_of,
    relevant_ranks,
    scores_of,
)
from embedding_audit.measure import Measure, not_measured
from paper_utils.errors import UsageError
from paper_utils.search.metrics import ndcg_at_k, recall_at_k
from paper_utils.search.ranks import RelevantRanks, joined
from paper_utils.statistics import randomisation_p

METRICS = {"ndcg_10": "nDCG@10", "recall_10": "recall@10"}

_TIED = 1e-9  # differences of a metric up to here are rounding
_SHOWN = 5  # queries won most, and lost most
_NAMES = ("ndcg_gain", "recall_gain", "won", "lost", "judged_overlap")


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Won:
    """Queries won and lost by the second file."""

    measures: dict[str, Measure]
    tests: list[dict[str, Any]]  # a row a metric
    queries: list[dict[str, Any]]  # that changed most
    quality: tuple[dict[str, float], dict[str, float]]  # of both files, by key of the report
    notes: list[str]


def won_and_lost(one: Inputs, other: Inputs, pairs: Pairs, seed: int) -> Won:
    """Compare the judged queries of `one` with the vectors that `other` has of them."""
    judged, _ = judged_queries(one, seed)
    if judged is None:
        return _unjudged("no judgements")
    if other.queries is None:
        return _unjudged("the other model's vectors of the queries are missing: --against-queries")
    judged, again, notes = _both(one, other, judged)
    if judged.n < 2:
        return _unjudged("fewer than two judged queries have vectors of both")
    column = np.arange(one.vectors.shape[0]) if one.document is None else one.document
    sides = [
        _documents(vectors, rows, column[pairs.first], judged.gains.shape[1])
        for vectors, rows in ((one.vectors, pairs.first), (other.vectors, pairs.second))
    ]
    ranks, overlap = _ranked(sides, (judged, again), one.metric)
    values = {
        name: [np.nan_to_num(_values(name, found, judged)) for found in ranks] for name in METRICS
    }
    gains = {name: after - before for name, (before, after) in values.items()}
    ndcg = gains["ndcg_10"]
    found = {
        "ndcg_gain": mean_of(ndcg, seed),
        "recall_gain": mean_of(gains["recall_10"], seed),
        "won": Measure(int((ndcg > _TIED).sum()), n=judged.n),
        "lost": Measure(int((ndcg < -_TIED).sum()), n=judged.n),
        "judged_overlap": mean_of(overlap, seed),
    }
    quality = tuple(
        {f"relevance.{name}": float(values[name][side].mean()) for name in METRICS}
        for side in (0, 1)
    )
    changed = _changed(one, judged, *values["ndcg_10"])
    return Won(found, _tests(values, gains, seed), changed, quality, notes)


def _unjudged(why: str) -> Won:
    return Won(dict.fromkeys(_NAMES, not_measured(why)), [], [], ({}, {}), [])


def _both(one: Inputs, other: Inputs, judged: Judged) -> tuple[Judged, Judged, list[str]]:
    """The judged queries that both files have, each with its vectors."""
    here, there = one.queries.ids, other.queries.ids
    if here is not None and there is not None:
        place = {name: row for row, name in enumerate(there)}
        rows = np.array([place.get(here[row], -1) for row in judged.rows])
    elif one.queries.shape[0] == other.queries.shape[0]:
        rows = judged.rows
    else:
        raise UsageError(
            f"{one.queries.name} has {one.queries.shape[0]:,} queries and {other.queries.name} "
            f"{other.queries.shape[0]:,}: without ids in both they cannot be matched"
        )
    if (rows < 0).all():
        raise UsageError(f"{one.queries.name} and {other.queries.name} have no query in common")
    stored = other.queries.block(0, other.queries.shape[0])[np.maximum(rows, 0)]
    good = (rows >= 0) & np.isfinite(stored).all(axis=1) & stored.any(axis=1)
    notes = []
    if not good.all():
        notes.append(
            f"judged queries without a usable vector of the other model left out: "
            f"{int((~good).sum()):,} of {judged.n:,}"
        )
    kept = replace(
        judged,
        rows=judged.rows[good],
        vectors=judged.vectors[good],
        gains=judged.gains[good],
        own=judged.own[good],
    )
    return kept, replace(kept, vectors=stored[good]), notes


def _documents(vectors, rows: NDArray[np.int64], column: NDArray, n_columns: int) -> Documents:
    order = np.argsort(rows)
    return Documents(vectors, rows[order], column[order], n_columns)


def _ranked(
    sides: list[Documents], judged: tuple[Judged, Judged], metric: str
) -> tuple[list[RelevantRanks], NDArray[np.float64]]:
    """Ranks by both files, and the overlap of their best ten."""
    spaces = [_space(documents, metric) for documents in sides]
    found: tuple[list, list] = ([], [])
    overlap = []
    columns = np.unique(sides[0].column)
    k = min(10, len(columns) - 1)
    parts = parts_of(np.arange(judged[0].n), 2 * sides[0].n_columns)
    for part in track(parts, "judged queries, both files"):
        scores = []
        for documents, space, queries in zip(sides, spaces, judged, strict=True):
            plain = space.plain(queries.vectors[part])
            scores.append(scores_of(documents, space, plain, queries.own[part]))
        for ranks, side in zip(found, scores, strict=True):
            ranks.append(ranks_of(side, judged[0].gains[part]))
        overlap.append(expected_overlap(*(side[:, columns] for side in scores), k))
    return [joined(part) for part in found], np.concatenate(overlap)


def _space(documents: Documents, metric: str) -> Space:
    """The space for the lengths that the rows have."""
    if metric == "cosine":
        return Space.of(metric, 1.0)
    longest = 0.0
    for start in range(0, documents.vectors.shape[0], 8192):
        block = documents.vectors.block(start, min(start + 8192, documents.vectors.shape[0]))
        norms = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64))
        longest = max(longest, float(norms[np.isfinite(norms)].max(initial=0.0)))
    return Space.of(metric, longest)


def _values(name: str, found: RelevantRanks, judged: Judged) -> NDArray[np.float64]:
    if name == "ndcg_10":
        return ndcg_at_k(found, 10)
    return recall_at_k(relevant_ranks(found, judged.relevant_from), 10)


def _tests(
    values: Mapping[str, list[NDArray]], gains: Mapping[str, NDArray], seed: int
) -> list[dict[str, Any]]:
    """One row a metric: both means, their difference, and its p-value by flips of signs (Holm)."""
    p = {name: randomisation_p(gain, seed=seed) for name, gain in gains.items()}
    adjusted = holm(p)
    rows = []
    for name, gain in gains.items():
        change = mean_of(gain, seed)
        before, after = (float(side.mean()) for side in values[name])
        row = {"metric": METRICS[name], "first": before, "second": after}
        row |= {"difference": change.value, "low": change.low, "high": change.high}
        row |= {"p": p[name], "p_holm": adjusted[name]}
        won, lost = int((gain > _TIED).sum()), int((gain < -_TIED).sum())
        rows.append(row | {"won": won, "lost": lost, "tied": len(gain) - won - lost})
    return rows


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Return p-values adjusted by Holm's step-down method.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    order = sorted(p, key=lambda name: p[name])
    largest, found = 0.0, {}
    for left, name in zip(range(len(p), 0, -1), order, strict=True):
        largest = max(largest, min(1.0, left * p[name]))
        found[name] = largest
    return {name: found[name] for name in p}


def _changed(one: Inputs, judged: Judged, before: NDArray, after: NDArray) -> list[dict[str, Any]]:
    """The queries that the second file loses most, then those that it wins most."""
    gain = after - before
    order = np.argsort(gain, kind="stable")  # queries stand by content
    chosen = [i for i in order[:_SHOWN] if gain[i] < -_TIED]
    chosen += [i for i in order[::-1][:_SHOWN] if gain[i] > _TIED]
    ids = one.queries.ids
    return [
        {
            "query": f"query {judged.rows[i]}" if ids is None else ids[judged.rows[i]],
            "text": None if one.query_texts is None else one.query_texts[judged.rows[i]],
            "first": float(before[i]),
            "second": float(after[i]),
        }
        for i in chosen
    ]
