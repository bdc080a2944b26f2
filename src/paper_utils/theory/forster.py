"""Spectral lower bounds on sign-rank, after Forster."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from paper_utils.checks import as_vectors
from paper_utils.errors import UsageError


def spectral_bound(M: ArrayLike) -> float:
    """Bound sign-rank from below: ``sqrt(n m) min|M_ij| / |M|_2`` (Forster et al. 2001, 2002)."""
    A = as_vectors(M, name="M").astype(np.float64)
    least = float(np.abs(A).min())
    if least == 0.0:
        raise UsageError("M has zero entries: the bound needs a sign everywhere")
    return math.sqrt(A.size) * least / float(np.linalg.norm(A, 2))


def reweighted_spectral_bound(matrix: ArrayLike) -> tuple[float, float]:
    """Maximise the spectral bound over one weight w on the relevant cells; return bound and weight.
    ``sqrt(n m) min(w, 1) / |w A - (1 - A)|_2`` for 0/1 relevance A, shape (n_queries, n_docs). For
    all k-subsets no weights of single cells do better (by convexity and symmetry).
    """
    from scipy.optimize import minimize_scalar

    A = np.asarray(matrix, dtype=np.float64)
    if A.shape[0] < A.shape[1]:
        A = A.T
    # |M|_2^2 is the largest eigenvalue of M'M, quadratic in the weight: three Gram matrices.
    B = 1.0 - A
    AA, BB, AB = A.T @ A, B.T @ B, A.T @ B
    AB = AB + AB.T

    def norm(w: float) -> float:
        return math.sqrt(np.linalg.eigvalsh(w * w * AA - w * AB + BB)[-1])

    def loss(log_w: float) -> float:
        w = math.exp(log_w)
        return norm(w) / min(w, 1.0)

    best = minimize_scalar(loss, bounds=(-8.0, 8.0), method="bounded", options={"xatol": 1e-9})
    return math.sqrt(A.size) / float(best.fun), math.exp(best.x)
