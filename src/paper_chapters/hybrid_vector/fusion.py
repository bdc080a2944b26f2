"""Scores of two systems made one: by ranks, by weighted sums, and inside one vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from paper_utils.checks import unit_rows

RRF = 60  #: of reciprocal rank fusion, from the paper that proposed it
#: Weights of the words that are tried; one of them is fixed for those who cannot try.
WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)
FIXED = 1.0
#: At weight 1 a text with all words of the query gains so many standard deviations of a cosine.
SPREADS = 10.0
_SAMPLE = 300  # texts whose cosines give their spread


def by_ranks(*scores: NDArray) -> NDArray[np.float64]:
    """Return reciprocal rank fusion (n_queries, n_texts); ties share their mean rank."""
    return sum(1 / (RRF + rankdata(-part, axis=1)) for part in scores)


def standardised(scores: NDArray) -> NDArray[np.float64]:
    """Return each query's scores less their mean over their standard deviation, where there is any.

    >>> standardised(np.array([[1.0, 3.0], [2.0, 2.0]])).tolist()
    [[-1.0, 1.0], [0.0, 0.0]]
    """
    # house rule: the spread of all scores there are, of which nothing is a sample
    spread = scores.std(axis=1, keepdims=True)
    return (scores - scores.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)


def cosine_spread(units: NDArray) -> float:
    """Return the standard deviation of the cosines between some of the texts: no query is seen."""
    some = units[np.linspace(0, len(units) - 1, min(_SAMPLE, len(units))).astype(int)]
    # house rule: a unit of the weight, no estimate; there are tens of thousands of pairs
    return float((some @ some.T)[np.triu_indices(len(some), 1)].std())


@dataclass(frozen=True, eq=False)
class OneVector:
    """Unit embeddings and lexical codes of texts and queries, side by side in one vector.
    Both halves of a text have length 1 on average, so that neither drowns in a graph or in bytes;
    the weight of the words stands in the queries, and needs no new index.
    """

    documents: NDArray[np.float32]  #: (n_texts, dim + d)
    _dense: NDArray  # (n_queries, dim)
    _words: NDArray  # (n_queries, d)

    @classmethod
    def of(cls, dense: tuple[NDArray, NDArray], words: tuple[NDArray, NDArray]) -> OneVector:
        """Join `dense`, texts and queries of an encoder, and `words`, those of `LexicalCodes`."""
        units, codes = unit_rows(dense[0]), words[0]
        length = float(np.linalg.norm(codes, axis=1).mean())
        documents = np.hstack([units, codes / length]).astype(np.float32)
        gain = SPREADS * cosine_spread(units) * length
        return cls(documents, unit_rows(dense[1]), gain * words[1])

    def queries(self, weight: float) -> NDArray[np.float32]:
        """Return the queries (n_queries, dim + d) in which words count `weight`."""
        return np.hstack([self._dense, weight * self._words]).astype(np.float32)

    def scores(self, weight: float) -> NDArray[np.float32]:
        """Return the scores (n_queries, n_texts)."""
        return self.queries(weight) @ self.documents.T


def other_halves(values: Mapping[float, NDArray]) -> NDArray[np.float64]:
    """Return of each query the weight that is best on the other half; halves are by parity.
    `values` has of each weight the queries' values.
    """
    n = len(next(iter(values.values())))
    found = np.empty(n)
    for half in (0, 1):
        found[half::2] = max(values, key=lambda weight: np.nanmean(values[weight][1 - half :: 2]))
    return found


def chosen(values: Mapping[float, NDArray]) -> NDArray[np.float64]:
    """Return each query's value at the weight that is best on the other half."""
    weights = other_halves(values)
    return np.select([weights == weight for weight in values], list(values.values()))


def at_weights(score: Callable[[float], NDArray], value: Callable) -> dict[float, NDArray]:
    """Return `value` of the scores at each of `WEIGHTS`."""
    return {weight: value(score(weight)) for weight in WEIGHTS}


def graph_scores(
    documents: NDArray, queries: NDArray, k: int, *, links: int = 32, width: int = 64
) -> NDArray[np.float32]:
    """Return the inner products (n_queries, n_texts) of the `k` texts that a graph finds, else
    less than any. Hierarchical navigable small worlds by faiss, built by one thread.
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        index = faiss.IndexHNSWFlat(documents.shape[1], links, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = 2 * width, width
        index.add(np.ascontiguousarray(documents, dtype=np.float32))
        scores, found = index.search(np.ascontiguousarray(queries, dtype=np.float32), k)
    finally:
        faiss.omp_set_num_threads(before)
    result = np.full((len(queries), len(documents)), np.finfo(np.float32).min, dtype=np.float32)
    rows, places = np.nonzero(found >= 0)
    result[rows, found[rows, places]] = scores[rows, places]
    return result
