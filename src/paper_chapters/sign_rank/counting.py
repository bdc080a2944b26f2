"""Dichotomies one by one, what counting says of sign-rank, and the size of the rank variety."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors, whole
from paper_utils.errors import UsageError
from paper_utils.theory.dichotomies import homogeneous_dichotomies

MAX_PROGRAMS = 20_000


def sauer_bound(n: int, vc: int) -> int:
    """Bound the growth function of a class of VC dimension `vc`: ``sum_{i<=vc} C(n, i)``.
    Krasnov's bound is this one with ``vc = d + 1``.
    """
    whole("n", n, least=1)
    whole("vc", vc, least=0)
    return sum(math.comb(n, i) for i in range(vc + 1))


def enumerate_dichotomies(X: ArrayLike, *, affine: bool = False) -> NDArray[np.int8]:
    """List every dichotomy of the rows of `X` by a half-space, each proved by a linear program.
    A sign vector is kept when ``y_i (<w, x_i> - b) >= 1`` has a solution (b = 0 unless `affine`).
    Prefixes without one are not extended: the work follows the number of dichotomies, not ``2^n``.
    Shape (n_dichotomies, n_points), entries -1 and +1.
    """
    points = as_vectors(X).astype(np.float64)
    if affine:
        points = np.hstack([points, np.ones((len(points), 1))])
    n, d = points.shape
    programs = sum(2 * homogeneous_dichotomies(i, d) for i in range(1, n))
    if programs > MAX_PROGRAMS:
        raise UsageError(
            f"{n} points in dimension {d} need up to {programs:,} linear programs; "
            f"the limit is {MAX_PROGRAMS:,}"
        )
    found = [np.array([1], dtype=np.int8)]
    for i in range(1, n):
        extended = (np.append(y, np.int8(s)) for y in found for s in (1, -1))
        found = [y for y in extended if _separable(points[: i + 1], y)]
    # Negating the half-space negates the dichotomy, so half of them suffice above.
    half = np.array(found)
    return np.vstack([half, -half])


def _separable(points: NDArray[np.float64], y: NDArray[np.int8]) -> bool:
    from scipy.optimize import linprog

    d = points.shape[1]
    program = linprog(
        np.zeros(d), A_ub=-y[:, None] * points, b_ub=-np.ones(len(y)), bounds=[(None, None)] * d
    )
    return program.status == 0


def log2_low_rank_patterns(n: int, m: int, r: int) -> float:
    """Bound log2 of the number of n x m sign matrices of sign-rank at most r.
    Warren's theorem for nm polynomials of degree 2 in r (n + m) parameters:
    ``(8 e n m / (r (n + m)))^(r (n + m))`` (Alon, Frankl, Rödl 1985).
    """
    for name, value in (("n", n), ("m", m), ("r", r)):
        whole(name, value, least=1)
    parameters = r * (n + m)
    if parameters >= n * m:
        return float(n * m)  # Warren needs at least as many polynomials as parameters
    return min(float(n * m), parameters * math.log2(8 * math.e * n * m / parameters))


def counting_sign_rank(n: int, m: int) -> int:
    """Return an r such that some n x m sign matrix has sign-rank at least r, by counting alone.
    Existence only: it names no matrix, and says nothing of matrices with few +1 a row.
    """
    whole("n", n, least=1)
    whole("m", m, least=1)
    low, high = 0, min(n, m)  # patterns of rank `low` do not fill all 2^(nm); those of `high` do
    while high - low > 1:
        middle = (low + high) // 2
        if log2_low_rank_patterns(n, m, middle) < n * m:
            low = middle
        else:
            high = middle
    return low + 1


def rank_variety_dimension(n: int, m: int, d: int) -> int:
    """Return the dimension ``d (n + m - d)`` of the variety of n x m matrices of rank d."""
    _check_rank(n, m, d)
    return d * (n + m - d)


def rank_tangent_dimension(n: int, m: int, d: int, *, seed: int = 0) -> int:
    """Return the rank of the Jacobian of ``(A, B) -> A B'`` at a random point."""
    _check_rank(n, m, d)
    if n * m * d * (n + m) > 50_000_000:
        raise UsageError(f"the Jacobian for n={n}, m={m}, d={d} has more than 50,000,000 entries")
    rng = np.random.default_rng(seed)
    A, B = rng.standard_normal((n, d)), rng.standard_normal((m, d))
    by_A = np.einsum("ip,jr->ijpr", np.eye(n), B).reshape(n * m, n * d)
    by_B = np.einsum("jp,ir->ijpr", np.eye(m), A).reshape(n * m, m * d)
    return int(np.linalg.matrix_rank(np.hstack([by_A, by_B])))


def _check_rank(n: int, m: int, d: int) -> None:
    for name, value in (("n", n), ("m", m), ("d", d)):
        whole(name, value, least=1)
    if d > min(n, m):
        raise UsageError(f"rank d = {d} is larger than min(n, m) = {min(n, m)}")
