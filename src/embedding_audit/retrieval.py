"""How well the judged documents are found: ties counted fairly, intervals over queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import rankdata

from embedding_audit.cloud.points import Points, centred_rows
from embedding_audit.cloud.progress import track
from embedding_audit.measure import Measure, not_measured
from paper_utils.search.bm25 import BM25
from paper_utils.search.metrics import mrr, ndcg_at_k, recall_at_k
from paper_utils.search.ranks import RelevantRanks, joined, ranks_from_scores
from paper_utils.statistics import bootstrap_interval

#: Cut-offs of the curve, as far as there are documents.
DEPTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

MOST_QUERIES = 1000  #: judged queries that are scored; a seeded sample of more

MOST_TEXTS = 100_000  #: documents up to which BM25 is run beside

_CELLS = 1 << 26  # scores held at once
_BLOCK = 16_384


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Judged:
    """Queries that can be scored, and what is relevant to them."""

    queries: NDArray[np.float32]  # unit vectors, (n_queries, d)
    points: Points  # the usable rows
    column: NDArray[np.int64]  # of `relevance`, for each point; what is no point is never found
    relevance: sparse.csr_array  # (n_queries, n_docs)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of queries and of documents."""
        return self.relevance.shape

    def chunks(self) -> list[slice]:
        """Return the queries whose scores are held at once."""
        n, n_docs = self.shape
        height = max(1, _CELLS // n_docs)
        return [slice(at, min(at + height, n)) for at in range(0, n, height)]

    def scores(self, part: slice, mean: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """Return the cosines of some queries with all documents, -inf for what is no point.
        With `mean`, that of the documents, they are taken less it, and the queries less their own.
        """
        queries = self.queries[part]
        if mean is not None:
            queries = centred_rows(queries, self.queries.mean(axis=0, dtype=np.float64))
        found = np.full((len(queries), self.shape[1]), -np.inf, dtype=np.float32)
        for start, X in self.points.blocks(_BLOCK):
            X = X if mean is None else centred_rows(X, mean)
            # Whole tiles: equal documents get equal scores.
            sides = [np.pad(side, ((0, -len(side) % 64), (0, 0))) for side in (queries, X)]
            product = (sides[0] @ sides[1].T)[: len(queries), : len(X)]
            found[:, self.column[start : start + len(X)]] = product
        return found


def ranks(
    judged: Judged, scores: Callable[[slice], NDArray], relevance: sparse.csr_array, what: str
) -> RelevantRanks:
    """Return where the relevant documents stand by the scores of each slice of queries."""
    parts = [ranks_from_scores(scores(c), relevance[c]) for c in track(judged.chunks(), what)]
    return joined(parts)


def interval(values: NDArray, seed: int) -> Measure:
    """Return the mean over queries with a bootstrap interval."""
    there = values[~np.isnan(values)]
    if len(there) < 2:
        return not_measured("fewer than two judged queries")
    found = bootstrap_interval(there, seed=seed)
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


def retrieval_measures(
    judged: Judged, mean: NDArray[np.float64], seed: int
) -> tuple[dict[str, Measure], RelevantRanks, list[dict[str, float]]]:
    """Measure recall, nDCG and reciprocal rank, and the recall that re-ranking could give.
    `mean`, the mean direction of the documents, is subtracted for ``recall_10_centred``. Also
    returned: the ranks, and a curve of ``depth``, ``recall``, ``oracle`` (at 10) and ``shuffled``,
    the null in which each query has the judgements of another one.
    """
    n, n_docs = judged.shape
    other = judged.relevance[np.roll(np.arange(n), 1)]
    own = ranks(judged, judged.scores, judged.relevance, "judged queries")
    null = ranks(judged, judged.scores, other, "shuffled judgements")
    moved = ranks(judged, lambda part: judged.scores(part, mean), judged.relevance, "centred")
    k, few = min(10, n_docs), not_measured(f"only {n_docs:,} documents")
    recall, centred = recall_at_k(own, k), recall_at_k(moved, k)

    def beside_null(metric: Callable[[RelevantRanks, int], NDArray], k: int) -> Measure:
        return interval(metric(own, k), seed).beside(shuffled=float(np.nanmean(metric(null, k))))

    found = {
        f"recall_{d}": beside_null(recall_at_k, d) if d <= n_docs else few for d in (1, 10, 100)
    }
    found |= {"ndcg_10": beside_null(ndcg_at_k, k), "mrr": beside_null(lambda r, _: mrr(r), k)}
    for d in (100, 1000):
        found[f"oracle_{d}"] = interval(oracle(own, d, k), seed) if d <= n_docs else few
    found["rerank_gain"] = interval(oracle(own, min(100, n_docs), k) - recall, seed)
    found["recall_10_centred"] = interval(centred, seed)
    found["centring_gain"] = interval(centred - recall, seed)
    curve = []
    for depth in (depth for depth in DEPTHS if depth <= n_docs):
        lines = (recall_at_k(own, depth), oracle(own, depth, k), recall_at_k(null, depth))
        names = ("recall", "oracle", "shuffled")
        means = [float(np.nanmean(line)) for line in lines]
        curve.append({"depth": depth} | dict(zip(names, means, strict=True)))
    return found, own, curve


def lexical_measures(
    judged: Judged,
    texts: Sequence[str],
    query_texts: Sequence[str],
    own: RelevantRanks,
    seed: int,
) -> dict[str, Measure]:
    """Measure BM25 on the same queries, and the sum of reciprocal ranks of both.
    ``recall_10_bm25``, ``recall_10_hybrid`` (Cormack, Clarke and Büttcher 2009, constant 60), and
    ``hybrid_gain`` over `own`, the ranks by the embeddings.
    """
    names = ("recall_10_bm25", "recall_10_hybrid", "hybrid_gain")
    if len(texts) > MOST_TEXTS:
        return dict.fromkeys(names, not_measured(f"more than {MOST_TEXTS:,} texts"))
    bm25 = BM25().fit(list(texts))
    k = min(10, judged.shape[1])

    def words(part: slice) -> NDArray:
        return bm25.scores(list(query_texts[part]))

    def fused(part: slice) -> NDArray:
        return sum(
            1 / (60 + rankdata(-side, axis=1)) for side in (judged.scores(part), words(part))
        )

    by_words = recall_at_k(ranks(judged, words, judged.relevance, "BM25"), k)
    both = recall_at_k(ranks(judged, fused, judged.relevance, "hybrid"), k)
    return {
        "recall_10_bm25": interval(by_words, seed),
        "recall_10_hybrid": interval(both, seed),
        "hybrid_gain": interval(both - recall_at_k(own, k), seed),
    }
