"""Trace norm and max-norm of a matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors
from paper_utils.errors import UsageError

LEAST_WEIGHT = 1e-7


def trace_norm(M: ArrayLike) -> float:
    """Return the sum of the singular values of `M`, shape (n, m)."""
    return float(np.linalg.svd(as_vectors(M, name="M"), compute_uv=False).sum())


@dataclass(frozen=True)
class MaxNorm:
    """Two-sided certificate of the max-norm (gamma_2) of a matrix: lower <= gamma_2 <= upper."""

    lower: float
    upper: float
    # X, Y: shapes (n, r) and (m, r), X Y' = M; the longest rows multiply to `upper`
    X: NDArray[np.float64]
    Y: NDArray[np.float64]
    # probabilities p, q with |diag(sqrt p) M diag(sqrt q)|_trace = lower
    row_weights: NDArray[np.float64]
    column_weights: NDArray[np.float64]


def max_norm(M: ArrayLike, *, tolerance: float = 1e-6, max_iterations: int = 2000) -> MaxNorm:
    r"""Bracket the max-norm :math:`\gamma_2(M) = \min_{XY'=M} \max_i |x_i| \max_j |y_j|`.
    Its dual is the largest trace norm of :math:`D_p^{1/2} M D_q^{1/2}` over probabilities p, q
    (Srebro and Shraibman, COLT 2005); the SVD there also gives factors of M. Weights are multiplied
    by squared row lengths, as in optimal designs, until ``upper / lower - 1 <= tolerance``.
    """
    A = as_vectors(M, name="M", allow_zero=False).astype(np.float64)
    if not A.any(axis=0).all():
        raise UsageError("M has zero columns; drop them first")
    n, m = A.shape
    p, q = np.full(n, 1 / n), np.full(m, 1 / m)
    best: MaxNorm | None = None
    for _ in range(max_iterations):
        U, s, Vt = np.linalg.svd(np.sqrt(p)[:, None] * A * np.sqrt(q), full_matrices=False)
        row_length = (U * U) @ s / p
        column_length = (Vt.T * Vt.T) @ s / q
        lower = float(s.sum()) / math.sqrt(p.sum() * q.sum())
        upper = math.sqrt(row_length.max() * column_length.max())
        if best is None or upper / lower < best.upper / best.lower:
            root = np.sqrt(s)
            X, Y = U * root / np.sqrt(p)[:, None], Vt.T * root / np.sqrt(q)[:, None]
            best = MaxNorm(lower, upper, X, Y, p / p.sum(), q / q.sum())
        if best.upper <= best.lower * (1 + tolerance):
            break
        p, q = _reweighted(p, row_length), _reweighted(q, column_length)
    return best


def _reweighted(weights: NDArray[np.float64], lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = weights * lengths
    weights /= weights.sum()
    # Rows that do not matter lose their weight; at 0 their factor could not be recovered.
    return np.maximum(weights, LEAST_WEIGHT / len(weights))
