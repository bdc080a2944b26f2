"""The attributes that a document lists: those of its queries, and a random filling."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.limit.names import uniform_stream

_FILL, _ORDER, _DISTRACT = 1, 2, 3
# Documents whose attributes are drawn at once; the random numbers of a seed depend on it.
_BLOCK = 1024


def relevant_rows(
    qrels: sparse.csr_array,
    of_queries: NDArray[np.int64],
    n: int,
    free: NDArray[np.int64],
    length: int,
    seed: int,
) -> Iterator[NDArray[np.int64]]:
    """Yield the attributes (length,) of the first `n` documents, in random order.
    `qrels` is (n_queries, n_docs). A document lists the attributes `of_queries` of the queries to
    which it is relevant, and is filled from `free`, the attributes of no query.
    """
    fill, order = uniform_stream(seed, _FILL), uniform_stream(seed, _ORDER)
    by_document = qrels.tocsc()
    for column in range(n):
        named = of_queries[by_document.indices[slice(*by_document.indptr[column : column + 2])]]
        others = free[np.argsort(fill.random(len(free)))[: length - len(named)]]
        row = np.concatenate([named, others])
        yield row[np.argsort(order.random(length))]


def distractor_rows(
    free: NDArray[np.int64], n: int, length: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Yield distinct attributes (length,), uniform from `free`; fewer documents are the first."""
    stream = uniform_stream(seed, _DISTRACT)
    for start in range(0, n, _BLOCK):
        drawn = stream.random((_BLOCK, len(free)))
        # The smallest numbers of a row stand for distinct attributes in uniform order.
        first = np.argpartition(drawn, length - 1, axis=1)[:, :length]
        ranked = np.argsort(np.take_along_axis(drawn, first, axis=1), axis=1)
        yield from free[np.take_along_axis(first, ranked, axis=1)][: n - start]
