"""Vectors that put every relevant document on top, found by squared hinge and L-BFGS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import whole
from paper_utils.errors import UsageError
from paper_utils.theory.lbfgs import minimise

# Margins to reach, one after the other: a wide one shapes the cloud, a narrow one can be met.
MARGINS = (0.1, 0.03, 0.01, 0.003, 0.001)
PATIENCE = 30
LEAST_MARGIN = 1e-12  # float64 scores of unit vectors are off by some 1e-15


@dataclass(frozen=True)
class Realisation:
    """Vectors and the least margin between relevant and irrelevant scores."""

    queries: NDArray[np.float64]  # unit rows, (n_queries, d)
    docs: NDArray[np.float64]  # (n_docs, d), rows of length 1; at most 1 without `unit_docs`
    margin: float  # least over queries of (lowest relevant - highest irrelevant score)

    @property
    def solved(self) -> bool:
        """Whether every query has exactly its relevant documents on top."""
        return self.margin > LEAST_MARGIN


def least_margin(matrix: ArrayLike, queries: ArrayLike, docs: ArrayLike) -> float:
    """Return the least margin between a query's relevant and irrelevant scores, in float64.
    Positive exactly when each query has a cut-off between the two groups; a query with one group
    only puts no condition. Shapes (n_queries, n_docs), (n_queries, d) and (n_docs, d).
    """
    A = np.asarray(matrix, dtype=bool)
    Q, D = np.asarray(queries, dtype=np.float64), np.asarray(docs, dtype=np.float64)
    if A.shape != (len(Q), len(D)):
        raise UsageError(f"relevance {A.shape} does not fit {len(Q)} queries x {len(D)} documents")
    scores = Q @ D.T
    relevant = np.where(A, scores, np.inf).min(axis=1)
    irrelevant = np.where(A, -np.inf, scores).max(axis=1)
    return float((relevant - irrelevant).min())


def realise(
    matrix: ArrayLike,
    d: int,
    *,
    seed: int = 0,
    unit_docs: bool = True,
    max_evaluations: int = 1000,
) -> Realisation:
    """Look for d-dimensional vectors with exact top-k for every query of a 0/1 relevance matrix.
    Minimises ``sum max(0, 1 - (<q, d+> - <q, d->) / margin)^2`` over pairs, for one margin after
    the other, until all are in order. Success proves an upper bound on the dimension, failure
    nothing. Queries are unit vectors; `unit_docs` says whether documents are (cosine).
    """
    whole("d", d, least=1)
    A = np.asarray(matrix)
    if A.ndim != 2 or not np.isin(A, (0, 1)).all():
        raise UsageError("a two-dimensional matrix of 0 and 1 is needed")
    A = A.astype(bool)
    if not A.any(axis=1).all():
        raise UsageError("every query needs at least one relevant document")
    m, n = A.shape
    x = np.random.default_rng(seed).standard_normal(d * (m + n)).astype(np.float32)
    for margin in MARGINS:
        hinge = _Hinge(A, d, margin, unit_docs)
        x = minimise(
            hinge,
            x,
            max_evaluations=max_evaluations,
            patience=PATIENCE,
            stop=lambda h=hinge: h.solved is not None,
        )
        if hinge.solved is not None:
            found = _vectors(hinge.solved, m, d, unit_docs)
            least = least_margin(A, *found)
            if least > LEAST_MARGIN:
                return Realisation(*found, least)
    found = _vectors(x, m, d, unit_docs)
    return Realisation(*found, least_margin(A, *found))


def _vectors(x: NDArray, m: int, d: int, unit_docs: bool) -> tuple[NDArray, NDArray]:
    vectors = x.reshape(d, -1).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=0)
    if not unit_docs:
        lengths[m:] = lengths[m:].max()
    vectors /= lengths
    return vectors[:, :m].T.copy(), vectors[:, m:].T.copy()


class _Hinge:
    """Squared hinge on unit vectors; parameters lie dimension by dimension, (d, m + n)."""

    def __init__(self, relevant: NDArray[np.bool_], d: int, margin: float, unit_docs: bool):
        self.m, self.n = relevant.shape
        self.unit_docs = unit_docs
        self.d, self.scale = d, np.float32(1.0 / margin)
        counts = relevant.sum(axis=1)
        docs = np.nonzero(relevant)[1]
        offsets = np.concatenate([[0], np.cumsum(counts)[:-1]])
        # The t-th relevant document of each query that has so many: queries, then flat cells
        # of the (n, m) array of scores.
        self.turns = []
        for t in range(int(counts.max())):
            rows = np.flatnonzero(counts > t)
            self.turns.append((rows, docs[offsets[rows] + t] * self.m + rows))
        self.scores = np.empty((self.n, self.m), np.float32)
        self.short = np.empty_like(self.scores)
        self.pull = np.empty_like(self.scores)
        self.solved: NDArray[np.float32] | None = None

    def __call__(self, x: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        m, S, short, pull = self.m, self.scores, self.short, self.pull
        free = x.reshape(self.d, -1)
        inverse = 1.0 / np.sqrt(np.einsum("ij,ij->j", free, free))
        if not self.unit_docs:
            inverse[m:] = 1.0
        unit = free * inverse
        queries, docs = unit[:, :m], unit[:, m:]
        np.matmul((docs * self.scale).T, queries, out=S)
        positives = [S.take(cells) for _, cells in self.turns]
        for _, cells in self.turns:
            S.put(cells, -np.inf)  # relevant documents are nobody's negatives
        if self.solved is None:
            lowest = np.full(m, np.inf, np.float32)
            for (rows, _), p in zip(self.turns, positives, strict=True):
                lowest[rows] = np.minimum(lowest[rows], p)
            if (lowest > S.max(axis=0)).all():
                self.solved = x.copy()
        value = 0.0
        pull[:] = 0.0
        pushes = []
        for (rows, _), p in zip(self.turns, positives, strict=True):
            shortfall = np.full(m, -np.inf, np.float32)
            shortfall[rows] = 1.0 - p
            np.add(S, shortfall, out=short)
            np.maximum(short, 0.0, out=short)
            value += float(np.vdot(short, short))
            pull += short
            pushes.append(short.sum(axis=0)[rows])
        for (_, cells), push in zip(self.turns, pushes, strict=True):
            pull.put(cells, -push)
        gradient = np.empty_like(unit)
        np.matmul(docs, pull, out=gradient[:, :m])
        np.matmul(queries, pull.T, out=gradient[:, m:])
        radial = np.einsum("ij,ij->j", gradient, unit)
        if not self.unit_docs:
            radial[m:] = 0.0
        gradient -= radial * unit  # on a sphere only the part along it counts
        gradient *= inverse * (2.0 * self.scale)
        return value, gradient.ravel()
