"""Metrics of a ranking, as their expected value when ties are ordered at random.

Source: McSherry and Najork, ECIR 2008. (trec_eval orders ties by document id, and compares scores
in single precision.) A query without a relevant document gets NaN, which
:func:`~paper_utils.statistics.bootstrap_interval` leaves out; trec_eval counts it as 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from paper_utils.checks import whole
from paper_utils.errors import UsageError
from paper_utils.search.ranks import RelevantRanks
from paper_utils.statistics import bootstrap_interval


def recall_at_k(ranks: RelevantRanks, k: int) -> NDArray[np.float64]:
    """Return the expected share of the relevant documents among the first `k`.

    A document with g better and e tied ones (itself included) is among them with
    probability ``min(max((k - g) / e, 0), 1)``.

    Parameters
    ----------
    ranks : RelevantRanks
        From :func:`~paper_utils.search.ranks.ranks_from_scores` or ``ranks_from_lists``.
    k : int
        1 to the number of documents, or to the settled length of the lists.

    Returns
    -------
    ndarray of float64, shape (n_queries,)
        NaN where no document is relevant. Below 1 for certain where more than `k` are.

    Examples
    --------
    >>> from paper_utils.search.ranks import ranks_from_scores
    >>> ranks = ranks_from_scores([[0.9, 0.5, 0.5, 0.1]], [[0, 0, 1, 0]])
    >>> [recall_at_k(ranks, k).item() for k in (1, 2, 3)]
    [0.0, 0.5, 1.0]
    """
    check_cutoff(ranks, k)
    found = np.clip((k - ranks.better) / ranks.tied, 0.0, 1.0)
    return _ratio(_sum(ranks, found), _sum(ranks, np.ones(len(found))))


def ndcg_at_k(ranks: RelevantRanks, k: int) -> NDArray[np.float64]:
    """Return the expected normalised discounted cumulative gain of the first `k`.

    The gain of a document is its grade and the discount of position p is ``log2(p + 1)``,
    as in trec_eval's ``ndcg_cut``. For exponential gains, grade the qrels ``2**grade - 1``.

    Parameters
    ----------
    ranks, k
        As in :func:`recall_at_k`.

    Returns
    -------
    ndarray of float64, shape (n_queries,)
        0 to 1; NaN where no document is relevant.

    Examples
    --------
    >>> from paper_utils.search.ranks import ranks_from_scores
    >>> ndcg_at_k(ranks_from_scores([[3, 2, 1]], [[1, 2, 0]]), 2).round(4)
    array([0.8597])
    """
    check_cutoff(ranks, k)
    # discounted[p] is what a grade of 1 at each of the first p positions is worth together.
    discounted = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(k) + 2.0))])
    ends = np.minimum(ranks.better + ranks.tied, k)
    discount = (discounted[ends] - discounted[np.minimum(ranks.better, k)]) / ranks.tied
    order = np.lexsort((-ranks.grade, ranks.query))
    first = np.searchsorted(ranks.query, np.arange(ranks.n_queries))
    place = np.minimum(np.arange(len(order)) - first[ranks.query], k)
    single = np.append(np.diff(discounted), 0.0)
    ideal = _sum(ranks, ranks.grade[order] * single[place])
    return _ratio(_sum(ranks, ranks.grade * discount), ideal)


def mrr(ranks: RelevantRanks, k: int | None = None) -> NDArray[np.float64]:
    """Return each query's expected reciprocal rank; their mean is the MRR.

    It is one over the position of the first relevant document, 0 where the first `k` hold none.

    Parameters
    ----------
    ranks, k
        As in :func:`recall_at_k`; without `k` the whole ranking counts, which lists do not settle.

    Returns
    -------
    ndarray of float64, shape (n_queries,)
        0 to 1; NaN where no document is relevant.

    Examples
    --------
    >>> from paper_utils.search.ranks import ranks_from_scores
    >>> mrr(ranks_from_scores([[0.9, 0.5, 0.5, 0.1]], [[0, 0, 1, 0]])).round(4)
    array([0.4167])
    """
    if k is None:
        if (ranks.settled < ranks.n_docs).any():
            raise UsageError("lists do not hold every document: give mrr a cut-off k")
        k = ranks.n_docs
    check_cutoff(ranks, k)
    values = np.full(ranks.n_queries, np.nan)
    # Only the relevant documents of the best tie can come first.
    queries, first = np.unique(ranks.query, return_index=True)
    if not len(queries):
        return values
    best = np.minimum.reduceat(ranks.better, first)
    at_best = ranks.better == np.repeat(best, np.diff(np.append(first, len(ranks.query))))
    relevant = np.bincount(ranks.query[at_best], minlength=ranks.n_queries)[queries]
    tied = ranks.tied[at_best][np.unique(ranks.query[at_best], return_index=True)[1]]
    cases, which = np.unique(np.stack([best, tied, relevant]), axis=1, return_inverse=True)
    expected = np.array([_reciprocal(*case, k) for case in cases.T.tolist()])
    values[queries] = expected[which.ravel()]
    return values


def exponential_gains(grades: sparse.csr_array) -> sparse.csr_array:
    """Return 2^grade - 1, (n_queries, n_docs), in place of grades for :func:`ndcg_at_k`."""
    gains = grades.astype(np.float64)
    gains.data = 2.0**gains.data - 1
    return gains


def summary(values: Mapping[object, ArrayLike]) -> dict[str, list[float]]:
    """Return measure or cut-off -> [mean, low, high], a 95% bootstrap interval over queries."""
    return {str(name): list(bootstrap_interval(row)[:3]) for name, row in values.items()}


def _reciprocal(better: int, tied: int, relevant: int, k: int) -> float:
    """Expected reciprocal rank of the first of r relevant documents in a tie of e: at place j with
    probability C(e - j, r - 1) / C(e, r).
    """
    places = np.arange(1, tied - relevant + 2)
    ratios = (tied - places[:-1] - relevant + 1) / (tied - places[:-1])
    probability = relevant / tied * np.concatenate([[1.0], np.cumprod(ratios)])
    rank = better + places
    return float((probability / rank)[rank <= k].sum())


def _sum(ranks: RelevantRanks, values: NDArray) -> NDArray[np.float64]:
    return np.bincount(ranks.query, weights=values, minlength=ranks.n_queries)


def _ratio(part: NDArray, whole: NDArray) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def check_cutoff(ranks: RelevantRanks, k: int) -> None:
    """Raise UsageError unless `k` is a cut-off that every ranking settles."""
    whole("k", k, least=1)
    short = np.flatnonzero(ranks.settled < k)
    if len(short):
        raise UsageError(
            f"k={k} reaches beyond what is known of {len(short)} of {ranks.n_queries} rankings: "
            f"that of query {short[0]} is settled to position {ranks.settled[short[0]]}; "
            "give longer lists, or all scores"
        )
