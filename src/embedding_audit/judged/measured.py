"""How well the judged documents are found: ties counted fairly, intervals over queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.progress import track
from embedding_audit.judged.queries import Judged
from embedding_audit.judged.scores import (
    Documents,
    Space,
    parts_of,
    ranks_of,
    relevant_ranks,
    scores_of,
)
from embedding_audit.measure import Measure, not_measured
from paper_utils.search.metrics import mrr, ndcg_at_k, recall_at_k
from paper_utils.search.ranks import RelevantRanks, joined
from paper_utils.statistics import bootstrap_interval

#: Cut-offs of the curve, as far as there are documents.
DEPTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

_STREAMED = 1 << 26  # scores held at once where each part of the queries costs a pass over the file


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Standing:
    """Where the documents with a grade stand by the metric, and what it takes to rank them."""

    graded: RelevantRanks  # positive grades
    null: RelevantRanks  # each query with the grades of another one
    gaps: NDArray[np.float64]  # lowest relevant less highest other score; NaN: nothing to choose
    n_docs: int  # documents of the index
    level: float  # least grade that is relevant

    @property
    def relevant(self) -> RelevantRanks:
        """The ranks of the relevant documents."""
        return relevant_ranks(self.graded, self.level)


def standing(documents: Documents, space: Space, judged: Judged) -> Standing:
    """Score the judged queries once; equal scores share their places."""
    queries = space.plain(judged.vectors)
    other = judged.gains[np.roll(np.arange(judged.n), 1)]
    relevant = judged.relevant
    cells = {} if documents.held is not None else {"cells": _STREAMED}
    own, null, gaps = [], [], []
    parts = parts_of(np.arange(judged.n), documents.n_columns, **cells)
    for part in track(parts, "judged queries"):
        scores = scores_of(documents, space, queries[part], judged.own[part])
        own.append(ranks_of(scores, judged.gains[part]))
        null.append(ranks_of(scores, other[part]))
        gaps += [_gap(row, relevant.indices[slice(*relevant.indptr[i : i + 2])])
                 for i, row in zip(part, scores, strict=True)]  # fmt: skip
    n_docs = len(np.unique(documents.column))
    return Standing(joined(own), joined(null), np.array(gaps), n_docs, judged.relevant_from)


def _gap(scores: NDArray, relevant: NDArray[np.int64]) -> float:
    """The lowest relevant score less the highest other one; -inf where one is never found."""
    others = np.delete(scores, relevant)
    if not len(relevant) or not np.isfinite(others).any():
        return np.nan
    return float(scores[relevant].min()) - float(others.max())


def over_queries(values: NDArray, seed: int) -> Measure:
    """Return the mean over queries with a bootstrap interval; a query without a value counts 0."""
    if len(values) < 2:
        return not_measured("fewer than two judged queries")
    found = bootstrap_interval(np.nan_to_num(values), seed=seed)
    return Measure(found.mean, found.low, found.high, n=found.n)


def chances(found: RelevantRanks, depth: int) -> NDArray[np.float64]:
    """Return for each relevant pair the chance that it is among the best `depth`."""
    return np.clip((depth - found.better) / found.tied, 0.0, 1.0)


def oracle(found: RelevantRanks, depth: int, k: int) -> NDArray[np.float64]:
    """Return the recall at `k` that a perfect re-ranker of the best `depth` gets, per query.
    With h relevant documents expected among the best `depth` of R it is min(h, k) / R.
    """
    hits = np.bincount(found.query, chances(found, depth), minlength=found.n_queries)
    relevant = np.bincount(found.query, minlength=found.n_queries)
    with np.errstate(invalid="ignore"):
        return np.minimum(hits, k) / relevant


def hit_rate(found: RelevantRanks, k: int) -> NDArray[np.float64]:
    """Return the chance that a relevant document is among the best `k`, per query.
    The reciprocal rank, cut at j instead of j - 1, gains the chance of first being at j over j.
    """
    cut = [np.zeros(found.n_queries)] + [mrr(found, depth) for depth in range(1, k + 1)]
    gained = np.diff(cut, axis=0) * np.arange(1, k + 1)[:, None]
    return np.clip(gained.sum(axis=0), 0.0, 1.0)


def quality_measures(
    stand: Standing, judged: Judged, seed: int
) -> tuple[dict[str, Measure], list[dict[str, float]]]:
    """Measure recall, nDCG, MRR and hit rate over all judged queries, beside shuffled judgements.
    Also returned: a curve of ``depth``, ``recall``, ``oracle`` (at 10) and ``shuffled``.
    """
    own, null = stand.relevant, relevant_ranks(stand.null, stand.level)
    few = not_measured(f"only {stand.n_docs:,} documents")

    def beside(metric: Callable[[RelevantRanks, int], NDArray], k: int, graded=False) -> Measure:
        pair = (stand.graded, stand.null) if graded else (own, null)
        values, shuffled = (np.nan_to_num(metric(ranks, k)) for ranks in pair)
        return over_queries(values, seed).beside(shuffled=float(shuffled.mean()))

    def deep(measure: Callable[[], Measure], depth: int) -> Measure:
        return measure() if depth <= stand.n_docs else few

    found = {"queries": Measure(judged.n, n=judged.n)}
    for depth in (1, 10, 100):
        found[f"recall_{depth}"] = deep(lambda d=depth: beside(recall_at_k, d), depth)
    found["ndcg_10"] = beside(ndcg_at_k, 10, graded=True)
    found["mrr"] = beside(lambda ranks, _: mrr(ranks), 10)
    found["hit_10"] = beside(hit_rate, 10)
    recall = recall_at_k(own, 10)
    found |= _partial(stand, judged, recall, seed)
    for depth in (100, 1000):
        found[f"oracle_{depth}"] = deep(
            lambda d=depth: over_queries(oracle(own, d, 10), seed), depth
        )
    re_ranked = oracle(own, min(100, stand.n_docs), 10)
    found["rerank_gain"] = over_queries(re_ranked - recall, seed)
    return found, _curve(stand, own, null)


def _partial(stand: Standing, judged: Judged, recall: NDArray, seed: int) -> dict[str, Measure]:
    """The same over the queries, and the documents, that can be found at all."""
    ndcg = ndcg_at_k(stand.graded, 10)
    some = ~np.isnan(recall)
    if some.all():
        why = not_measured("every judged query has a relevant document: as over all")
        found = {"recall_10_answerable": why, "ndcg_10_answerable": why}
    else:
        found = {
            "recall_10_answerable": over_queries(recall[some], seed),
            "ndcg_10_answerable": over_queries(ndcg[some], seed),
        }
    own = stand.relevant
    lost = own.better > stand.n_docs
    if lost.any():
        there = np.bincount(own.query[~lost], minlength=judged.n)
        hits = np.bincount(own.query, chances(own, 10), minlength=judged.n)
        found["recall_10_indexed"] = over_queries(hits[there > 0] / there[there > 0], seed)
    else:
        found["recall_10_indexed"] = not_measured("every relevant document can be found: as above")
    return found


def _curve(stand: Standing, own: RelevantRanks, null: RelevantRanks) -> list[dict[str, float]]:
    curve = []
    for depth in (depth for depth in DEPTHS if depth <= stand.n_docs):
        lines = (recall_at_k(own, depth), oracle(own, depth, 10), recall_at_k(null, depth))
        means = [float(np.nan_to_num(line).mean()) for line in lines]
        curve.append(
            {"depth": depth} | dict(zip(("recall", "oracle", "shuffled"), means, strict=True))
        )
    return curve
