"""Scores of queries with points under a metric, and the best few of them.

One product for the whole audit: in single precision, with equal rows getting equal scores.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from embedding_audit.cloud.cluster import Workers
    from embedding_audit.cloud.points import Points

# BLAS multiplies whole tiles with one kernel and the ragged edge with another, which adds in
# another order; with every side a multiple of this many rows no edge is left.
_TILE = 64

# Queries and points of one product: many queries, since BLAS packs the points anew for each.
_HEIGHT, _WIDTH = 8192, 2048
BLOCK, CHUNK = 65_536, 8_192  #: points that are compared at a time, and queries


def products(
    Q: NDArray[np.float32], X: NDArray[np.float32], room: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return all inner products, shape (len(Q), len(X)), equal rows getting equal ones.
    `room`, where it is large enough, is written into: a fresh array of some size costs its pages.
    """
    Q_whole, X_whole = _whole_tiles(Q), _whole_tiles(X)
    shape = len(Q_whole), len(X_whole)
    fits = room is not None and room.size >= shape[0] * shape[1]
    out = room[: shape[0] * shape[1]].reshape(shape) if fits else None
    return np.matmul(Q_whole, X_whole.T, out=out)[: len(Q), : len(X)]


def metric_scores(
    Q: NDArray[np.float32],
    X: NDArray[np.float32],
    metric: str,
    room: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the scores of queries with points, larger is nearer: q·x, for l2 q·x - |x|²/2.
    The rows are as the metric compares them: unit vectors for the cosine, else as stored, all in
    one scale. `room` is for :func:`products`.
    """
    scores = products(Q, X, room)
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
    scores = np.empty((len(Q), k), dtype=np.float32)
    numbers = np.empty((len(Q), k), dtype=np.int64)
    room = np.empty(_HEIGHT * _WIDTH, dtype=np.float32)
    for top in range(0, len(Q), _HEIGHT):
        rows = slice(top, min(top + _HEIGHT, len(Q)))
        heap = _Heap(scores[rows], numbers[rows])
        for left in range(0, len(X), _WIDTH):
            part = metric_scores(Q[rows], X[left : left + _WIDTH], metric, room)
            without_own(part, own[rows] - (start + left))
            heap.add(part, start + left)
    return _ranked(numbers, scores)


def top_of(scores: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return columns and values of the `k` largest of each row, the lower column among equals."""
    values = np.empty((len(scores), k), dtype=np.float32)
    numbers = np.empty((len(scores), k), dtype=np.int64)
    _Heap(values, numbers).add(scores, 0)
    return _ranked(numbers, values)


def without_own(scores: NDArray[np.float32], own: NDArray[np.int64]) -> None:
    """Set the score of each query with column `own` to -inf where there is such a column."""
    inside = np.flatnonzero((own >= 0) & (own < scores.shape[1]))
    scores[inside, own[inside]] = -np.inf


class _Heap:
    """The best of each row so far, kept in two arrays by faiss on all cores."""

    def __init__(self, scores: NDArray[np.float32], numbers: NDArray[np.int64]) -> None:
        # Its threads would else spin on the cores that the next product needs.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import faiss

        self.pointer, self.heap = faiss.swig_ptr, faiss.float_minheap_array_t()
        self.heap.nh, self.heap.k = scores.shape
        self.heap.val, self.heap.ids = self.pointer(scores), self.pointer(numbers)
        self.heap.heapify()

    def add(self, scores: NDArray[np.float32], first: int) -> None:
        """Add columns, numbered from `first`."""
        part, width = np.ascontiguousarray(scores), scores.shape[1]
        # Among equals a heap gives up the lowest number: of negative ones the latest point's.
        ids = -np.arange(first, first + width)
        self.heap.addn_with_ids(width, self.pointer(part), self.pointer(ids), 0, 0, -1)


def _ranked(
    numbers: NDArray[np.int64], scores: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The contents of heaps, best first."""
    empty = scores == np.finfo(np.float32).min
    numbers = np.where(empty, np.iinfo(np.int64).max, -numbers)
    scores = np.where(empty, np.float32(-np.inf), scores)
    order = np.lexsort((numbers, -scores), axis=1)
    numbers[empty] = -1
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _whole_tiles(A: NDArray[np.float32]) -> NDArray[np.float32]:
    missing = -len(A) % _TILE
    return np.pad(A, ((0, missing), (0, 0))) if missing else np.ascontiguousarray(A)
