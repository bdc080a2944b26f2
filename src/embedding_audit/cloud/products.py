"""Scores of queries with points under a metric, and the best few of them.

One product for the whole audit: in single precision, with equal rows getting equal scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from embedding_audit.cloud.cluster import Workers
    from embedding_audit.cloud.points import Points

# BLAS multiplies whole tiles with one kernel and the ragged edge with another, which adds in
# another order; with every side a multiple of this many rows no edge is left.
_TILE = 64

_HEIGHT, _WIDTH = 1024, 4096  # queries and points of one product: its scores stay in the cache
BLOCK, CHUNK = 65_536, 8_192  #: points that are compared at a time, and queries


def products(Q: NDArray[np.float32], X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return all inner products, shape (len(Q), len(X)), equal rows getting equal ones."""
    return (_whole_tiles(Q) @ _whole_tiles(X).T)[: len(Q), : len(X)]


def metric_scores(
    Q: NDArray[np.float32], X: NDArray[np.float32], metric: str
) -> NDArray[np.float32]:
    """Return the scores of queries with points, larger is nearer: q·x, for l2 q·x - |x|²/2.
    The rows are as the metric compares them: unit vectors for the cosine, else as stored, all in
    one scale.
    """
    scores = products(Q, X)
    if metric == "l2":
        scores -= half_squares(X)
    return scores


def half_squares(X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return |x|²/2 of each row."""
    return (np.einsum("ij,ij->i", X, X, dtype=np.float64) / 2).astype(np.float32)


def best(
    Q: NDArray[np.float32],
    points: Points,
    k: int,
    metric: str = "cosine",
    own: NDArray[np.int64] | None = None,
    where: Workers | None = None,
    what: str = "scores",
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return numbers and scores, (len(Q), k), of the `k` best points of each query, best first.
    Equal scores go by the lower number. `own` is the point that a query must not find (-1: none);
    places for which there is no point hold -1 and -inf.
    """
    from embedding_audit.cloud.cluster import Workers

    own = np.full(len(Q), -1) if own is None else own
    blocks = [(a, min(a + BLOCK, points.n)) for a in range(0, points.n, BLOCK)]
    chunks = [(a, min(a + CHUNK, len(Q))) for a in range(0, len(Q), CHUNK)]
    tasks = [(block, chunk) for block in blocks for chunk in chunks]
    shared = (points, Q, k, metric, own)
    found: dict[tuple[int, int], tuple[NDArray, NDArray]] = {}
    results = (where or Workers()).map(_of_task, shared, tasks, what)
    for (_, chunk), part in zip(tasks, results, strict=True):
        found[chunk] = merged_lists(found[chunk], part) if chunk in found else part
    indices, scores = (np.concatenate([found[chunk][i] for chunk in chunks]) for i in (0, 1))
    return indices, scores


def merged_lists(
    old: tuple[NDArray, NDArray], new: tuple[NDArray, NDArray]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Merge the ranked lists over two sets of points, those of `new` with the higher numbers."""
    scores = np.concatenate([old[1], new[1]], axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, : old[1].shape[1]]
    numbers = np.concatenate([old[0], new[0]], axis=1)
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _of_task(shared, task) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    points, Q, k, metric, own = shared
    (start, stop), (first, last) = task
    return best_of_block(
        Q[first:last], points.block(start, stop), k, metric, start, own[first:last]
    )


def best_of_block(
    Q: NDArray[np.float32],
    X: NDArray[np.float32],
    k: int,
    metric: str,
    start: int,
    own: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return what :func:`best` does, of the points `X` alone, whose numbers begin at `start`."""
    import faiss

    scores = np.empty((len(Q), k), dtype=np.float32)
    numbers = np.empty((len(Q), k), dtype=np.int64)
    for top in range(0, len(Q), _HEIGHT):
        rows = slice(top, min(top + _HEIGHT, len(Q)))
        heap = faiss.float_minheap_array_t()
        heap.nh, heap.k = rows.stop - top, k
        heap.val, heap.ids = faiss.swig_ptr(scores[rows]), faiss.swig_ptr(numbers[rows])
        heap.heapify()
        for left in range(0, len(X), _WIDTH):
            part = metric_scores(Q[rows], X[left : left + _WIDTH], metric)
            mine = own[rows] - (start + left)
            inside = np.flatnonzero((mine >= 0) & (mine < part.shape[1]))
            part[inside, mine[inside]] = -np.inf
            part = np.ascontiguousarray(part)
            # A heap gives up the lowest number among equals: negative ones, so the latest point.
            ids = -np.arange(start + left, start + left + part.shape[1])
            heap.addn_with_ids(part.shape[1], faiss.swig_ptr(part), faiss.swig_ptr(ids), 0, 0, -1)
    scores[scores == np.finfo(np.float32).min] = -np.inf  # nothing was found
    numbers = np.where(np.isinf(scores), points_beyond := np.iinfo(np.int64).max, -numbers)
    order = np.lexsort((numbers, -scores), axis=1)
    numbers[numbers == points_beyond] = -1
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _whole_tiles(A: NDArray[np.float32]) -> NDArray[np.float32]:
    missing = -len(A) % _TILE
    return np.pad(A, ((0, missing), (0, 0))) if missing else np.ascontiguousarray(A)
