"""Search on the panel's sets: scores by several centrings, and what they are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from paper_utils.checks import unit_rows
from paper_utils.geometry.cosine import centre
from paper_utils.search.metrics import ndcg_at_k, recall_at_k
from paper_utils.search.ranks import ranks_in_blocks
from paper_utils.statistics import bootstrap_interval, shared_interval

CENTRINGS = ("none", "documents' mean", "own means")
CUTOFFS = (2, 10, 20)  #: of recall; LIMIT prints the first
GAP = 0.66  #: grades of two documents that ought to be told apart; they come in thirds

_ROWS = 256  # queries scored at once

Scores = Callable[[slice], NDArray]  # of a slice of the queries, (n_rows, n_docs)


def cosine_scores(documents: ArrayLike, queries: ArrayLike) -> dict[str, Scores]:
    """Return the cosines as they are, and centred in two ways, as scores by slices of queries.
    Documents lose their mean. Queries lose the same, or that of *other* queries: of those at odd
    places for even ones and vice versa, so that no query enters the mean that it loses.
    """
    U, V = unit_rows(documents), unit_rows(queries, name="queries", min_rows=4)
    own = np.empty(V.shape, dtype=np.float32)
    for fold in (0, 1):
        own[fold::2] = centre(V[fold::2], V[1 - fold :: 2].mean(axis=0))
    centred = centre(U).astype(np.float32).T
    both = {
        "none": (V.astype(np.float32), U.astype(np.float32).T),
        "documents' mean": (centre(V, U.mean(axis=0)).astype(np.float32), centred),
        "own means": (own, centred),
    }
    return {
        name: (lambda rows, left=left, right=right: left[rows] @ right)
        for name, (left, right) in both.items()
    }


def only_judged(score: Scores, qrels: sparse.csr_array) -> Scores:
    """Return scores that put what nobody judged for a query behind all else: condensed lists."""

    def condensed(rows: slice) -> NDArray:
        part, found = qrels[rows], score(rows)
        kept = np.full(found.shape, -np.inf, dtype=np.float32)
        at = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr)), part.indices
        kept[at] = found[at]
        return kept

    return condensed


def pair_accuracy(score: Scores, qrels: sparse.csr_array) -> NDArray[np.float64]:
    """Return the share of pairs in their right order, of each query; a tie is half right.
    Pairs are of documents judged for it whose grades differ by `GAP`; NaN where there are none.
    """
    values = np.full(qrels.shape[0], np.nan)
    for start in range(0, len(values), _ROWS):
        found = score(slice(start, start + _ROWS))
        for row, scores in enumerate(found, start=start):
            judged = slice(*qrels.indptr[row : row + 2])
            grades, own = qrels.data[judged], scores[qrels.indices[judged]]
            better, worse = np.nonzero(grades[:, None] - grades >= GAP)
            if len(better):
                values[row] = np.heaviside(own[better] - own[worse], 0.5).mean()
    return values


def has_shallow_pools(qrels: sparse.csr_array) -> bool:
    """Whether documents were judged not to be relevant, so that unjudged ones are unknown."""
    return bool((qrels.data == 0).any())


def search_values(score: Scores, qrels: sparse.csr_array) -> dict[str, NDArray[np.float64]]:
    """Return nDCG at 10 and recall at `CUTOFFS` of every query; NaN where nothing is relevant.
    Where some document was judged not to be relevant: ``condensed``, nDCG at 10 among what was
    judged, and `pair_accuracy`.
    """
    relevant = qrels.copy()
    relevant.eliminate_zeros()
    ranks = ranks_in_blocks(score, relevant)
    values = {"ndcg_10": ndcg_at_k(ranks, 10)}
    values |= {f"recall_{k}": recall_at_k(ranks, k) for k in CUTOFFS}
    if has_shallow_pools(qrels):
        among = ranks_in_blocks(only_judged(score, qrels), relevant)
        values |= {"condensed": ndcg_at_k(among, 10), "pair_accuracy": pair_accuracy(score, qrels)}
    return values


def quality(scores: NDArray, qrels: sparse.csr_array) -> dict[str, NDArray[np.float64]]:
    """Return `search_values` of a matrix without recall; in single precision, so that equal
    documents tie.
    """
    scores = scores.astype(np.float32)
    values = search_values(lambda rows: scores[rows], qrels)
    return {name: found for name, found in values.items() if not name.startswith("recall")}


def summarised(values: Mapping[str, NDArray]) -> dict[str, Any]:
    """Return the mean of every measure over the queries with its 95% bootstrap interval."""
    return {name: list(bootstrap_interval(row)[:3]) for name, row in values.items()}


def highest(qrels: sparse.csr_array) -> sparse.csr_array:
    """Return which documents have the highest grade of their query: what its value rests on."""
    best = np.repeat(qrels.max(axis=1).toarray().ravel(), np.diff(qrels.indptr))
    members = qrels.copy()
    members.data = ((qrels.data == best) & (qrels.data > 0)).astype(np.float64)
    members.eliminate_zeros()
    return members


def interval(values: NDArray, members: sparse.csr_array) -> list[float]:
    """Return mean, low and high, for queries that share documents; NaN is left out."""
    known = np.flatnonzero(~np.isnan(values))
    return rounded(shared_interval(values[known], members[known])[:3])


def rounded(values: Iterable[float]) -> list[float]:
    """Return numbers to five decimals."""
    return [round(float(value), 5) for value in values]
