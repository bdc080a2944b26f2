"""Approximate search through faiss: product-quantised codes and a neighbour graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import unit_rows, whole
from paper_utils.errors import UsageError

# Fewer points per centroid, and k-means keeps points instead of summing them up (the least that
# faiss itself recommends).
_POINTS = 39


def product_quantised(
    documents: ArrayLike, *, part: int = 4, bits: int = 4, seed: int = 0
) -> NDArray[np.float32]:
    """Replace each run of `part` coordinates by the nearest of ``2**bits`` trained centroids.
    A product quantiser (Jégou, Douze and Schmid 2011) trained on the unit documents (n_docs, d), 39
    per centroid at least; a vector takes ``bits * ceil(d / part) / 8`` bytes. Returned is what the
    codes stand for; scored with unrounded queries this is the usual, asymmetric search.
    """
    import faiss

    X = unit_rows(documents, name="documents").astype(np.float32)
    n, d = X.shape
    whole("part", part, least=1, most=d)
    whole("bits", bits, least=1, most=8)
    whole("seed", seed, least=0)
    if n < _POINTS * 2**bits:
        raise UsageError(
            f"{n} documents are too few for {2**bits} centroids; at least {_POINTS * 2**bits} "
            "are needed, or fewer bits"
        )
    n_parts = -(-d // part)
    X = np.ascontiguousarray(np.pad(X, ((0, 0), (0, n_parts * part - d))))
    coder = faiss.ProductQuantizer(n_parts * part, n_parts, bits)
    coder.cp.seed = seed + 1  # 0 has a meaning of its own in some versions
    with one_thread():
        coder.train(X)
        return coder.decode(coder.compute_codes(X))[:, :d]


def hnsw_scores(
    queries: ArrayLike,
    documents: ArrayLike,
    k: int,
    *,
    links: int = 16,
    width: int = 64,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Cosines (n_queries, n_docs) of the `k` documents that a navigable graph returns, else -2.
    Hierarchical navigable small worlds (Malkov and Yashunin 2020) with M = `links` and efSearch =
    `width`. Scores are exact, but some of the best documents may be missed. A document equal to a
    returned one counts as returned; `seed` orders the documents that enter the graph.
    """
    import faiss

    Q = unit_rows(queries, name="queries").astype(np.float32)
    X = unit_rows(documents, name="documents").astype(np.float32)
    if Q.shape[1] != X.shape[1]:
        raise UsageError(f"queries have {Q.shape[1]} columns, documents {X.shape[1]}")
    whole("k", k, least=1, most=len(X))
    whole("links", links, least=2, most=64)
    whole("width", width, least=k)
    order = np.random.default_rng(whole("seed", seed, least=0)).permutation(len(X))
    index = faiss.IndexHNSWFlat(X.shape[1], links, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction, index.hnsw.efSearch = max(100, 2 * width), width
    with one_thread():
        index.add(np.ascontiguousarray(X[order]))
        scores, found = index.search(Q, k)
    distinct, vector = np.unique(X, axis=0, return_inverse=True)
    result = np.full((len(Q), len(distinct)), -2, dtype=np.float32)
    rows, places = np.nonzero(found >= 0)
    result[rows, vector[order[found[rows, places]]]] = scores[rows, places]
    return result[:, vector]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let faiss use one thread: k-means and graphs then come out the same every time."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
