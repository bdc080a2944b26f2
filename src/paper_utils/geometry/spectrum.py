"""Spectra: what follows from the eigenvalues of a covariance alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from paper_utils.checks import as_vectors
from paper_utils.errors import UsageError

_BLOCK = 4096  # rows brought to float64 at a time


class CentredRows:
    """Rows of `X` (n_items, d) less their mean, in float64 and in units of the largest entry."""

    def __init__(self, X: ArrayLike, min_rows: int = 2) -> None:
        self._array = as_vectors(X, min_rows=min_rows)
        self.n, self.d = self._array.shape
        if (self._array == self._array[0]).all():
            raise UsageError(f"all {self.n} rows of X are equal: no variance, so no dimension")
        self.unit = float(max(self._array.max(), -self._array.min()))
        self.mean = sum(block.sum(axis=0) for block in self._scaled()) / self.n

    def _scaled(self) -> Iterator[NDArray[np.float64]]:
        for start in range(0, self.n, _BLOCK):
            yield self._array[start : start + _BLOCK].astype(np.float64) / self.unit

    def blocks(self) -> Iterator[NDArray[np.float64]]:
        """Yield the centred rows, some thousands at a time."""
        return (block - self.mean for block in self._scaled())

    def scatter(self) -> NDArray[np.float64]:
        """Sum of a a' over the centred rows a, shape (d, d)."""
        return sum(a.T @ a for a in self.blocks())

    def gram(self) -> NDArray[np.float64]:
        """Inner products of the centred rows, shape (n, n): for n < d only."""
        A = np.concatenate(list(self.blocks()))
        return A @ A.T


def covariance_spectrum(X: ArrayLike) -> NDArray[np.float64]:
    """Eigenvalues of the covariance (divisor n - 1) of the rows of `X` (n_items, d), largest first.
    There are min(n_items, d), none negative: with few items the zero ones are left out. Normalise
    the rows first if lengths are not to count.
    """
    rows = CentredRows(X)
    scatter = rows.gram() if rows.n <= rows.d else rows.scatter()
    # Rounding may leave a zero eigenvalue a little below zero.
    values = np.clip(np.linalg.eigvalsh(scatter)[::-1], 0.0, None)
    return values / (rows.n - 1) * rows.unit**2


def participation_ratio(spectrum: ArrayLike) -> float:
    """Participation ratio (sum of eigenvalues)² / (sum of their squares).

    It equals r for r equal eigenvalues of any scale; many small eigenvalues may lie beyond it.

    Parameters
    ----------
    spectrum : array_like, shape (d,)
        Eigenvalues in any order, not negative and not all zero; else UsageError.

    Returns
    -------
    float
        Between 1 and d.

    Examples
    --------
    >>> participation_ratio([1, 1, 1, 0])
    3.0
    """
    values = as_spectrum(spectrum)
    values = values / values.max()  # squares of large ones would overflow
    return float(values.sum() ** 2 / (values**2).sum())


def power_law_spectrum(
    d: int, *, d_eff: float | None = None, exponent: float | None = None
) -> NDArray[np.float64]:
    """Eigenvalues i^-a for i = 1..d, with sum one.

    Parameters
    ----------
    d : int
        Number of eigenvalues.
    d_eff, exponent : float
        Exactly one of the two: the participation ratio that fixes a ≥ 0, in (1, d], or a itself.

    Returns
    -------
    ndarray of float64, shape (d,)

    Examples
    --------
    >>> round(participation_ratio(power_law_spectrum(768, d_eff=121)), 9)
    121.0
    """
    if d < 1:
        raise UsageError(f"d must be at least 1, not {d}")
    if (d_eff is None) == (exponent is None):
        raise UsageError("give exactly one of d_eff and exponent")
    log_rank = np.log(np.arange(1, d + 1))

    def at(a: float) -> NDArray[np.float64]:
        values = np.exp(-a * log_rank)
        return values / values.sum()

    if exponent is not None:
        if not 0 <= exponent < math.inf:
            raise UsageError(f"exponent must not be negative or infinite, not {exponent}")
        return at(exponent)
    if not 1 < d_eff <= d:
        raise UsageError(f"d_eff must lie in (1, {d}], not {d_eff}")
    if d_eff == d:
        return at(0.0)
    top = 1.0
    while participation_ratio(at(top)) > d_eff:
        top *= 2
    return at(brentq(lambda a: math.log(participation_ratio(at(a)) / d_eff), 0, top, xtol=1e-14))


def expected_var_cos_elliptical(spectrum: ArrayLike) -> float:
    r"""Var cos of two independent draws from an elliptical distribution about 0, exactly.

    For x = r Λ^{1/2} z with z uniform in direction and any radius r > 0, only the
    eigenvalues λ of Λ matter, so the Gaussian stands for all:

    .. math:: \operatorname{Var}\cos = \sum_i w_i^2, \qquad
       w_i = E\frac{x_i^2}{|x|^2} = \int_0^\infty \frac{\lambda_i}{1 + 2\lambda_i t}
             \prod_j (1 + 2\lambda_j t)^{-1/2}\,dt

    and E cos = 0. Since w_i/λ_i falls as λ_i rises, w is majorised by λ/Σλ, and so
    ``Var cos <= 1/participation_ratio(spectrum)``, with equality exactly when all
    non-zero λ are equal. With a mean: :func:`gaussian_cosine_moments`.

    Parameters
    ----------
    spectrum : array_like, shape (d,)
        Eigenvalues λ, not negative and not all zero; else UsageError.

    Returns
    -------
    float
        To about 1e-13 relative.

    Examples
    --------
    >>> round(expected_var_cos_elliptical([1, 1, 1, 1]), 12)
    0.25
    """
    return gaussian_cosine_moments(spectrum)[1]


def gaussian_cosine_moments(
    spectrum: ArrayLike, mean: ArrayLike | None = None
) -> tuple[float, float]:
    r"""E cos and Var cos of two independent draws from N(mean, diag(spectrum)), exactly.

    With M(t) = E exp(-t|x|²), R = E[uu'] and m = E u for u = x/|x|,

    .. math:: m_i = \pi^{-1/2}\int_0^\infty t^{-1/2}\frac{a_i}{1+2\lambda_i t}M(t)\,dt,
       \quad
       R_{ij} = \int_0^\infty\Bigl[\frac{a_i a_j}{(1+2\lambda_i t)(1+2\lambda_j t)}
                + \frac{\delta_{ij}\lambda_i}{1+2\lambda_i t}\Bigr]M(t)\,dt,

    E cos = |m|² and Var cos = Tr R² - |m|⁴, by the trapezoid rule in log t.

    Parameters
    ----------
    spectrum : array_like, shape (d,)
        Eigenvalues λ of the covariance, not negative, not all zero.
    mean : array_like, shape (d,), optional
        The mean a *in the basis of the eigenvectors*; zero when left out.

    Returns
    -------
    mean, var : float
        To about 1e-13 absolute.

    Examples
    --------
    A mean as long as the noise, in 300 dimensions:

    >>> mean, var = gaussian_cosine_moments(np.ones(300), np.ones(300))
    >>> print(f"{mean:.4f} {var:.5f}")
    0.5002 0.00146
    """
    values = as_spectrum(spectrum)
    a = np.zeros_like(values) if mean is None else np.asarray(mean, dtype=np.float64)
    if a.shape != values.shape or not np.isfinite(a).all():
        raise UsageError(f"mean must be finite and have shape {values.shape}, not {a.shape}")
    keep = (values > 0) | (a != 0)
    energy = values.sum() + a @ a  # E|x|² = 1 puts the mass of the integrals at t near 1
    values, a = values[keep] / energy, a[keep] / math.sqrt(energy)

    step, before = 0.5, (math.inf, math.inf)
    while True:
        now, trace = _gaussian_moments(values, a, step)
        settled = max(abs(x - y) for x, y in zip(now, before, strict=True)) < 1e-13
        if settled and abs(trace - 1) < 1e-12:  # E|u|² = 1 checks the quadrature
            return now
        if step < 0.01:
            raise ArithmeticError(f"quadrature did not settle: E|u|² = {trace}")
        step, before = step / 2, now


def _gaussian_moments(
    values: NDArray[np.float64], a: NDArray[np.float64], step: float
) -> tuple[tuple[float, float], float]:
    """Trapezoid rule of :func:`gaussian_cosine_moments` in x = log t; also E|u|²."""
    # The integrands behave as t^(1/2) below, and for a spectrum of rank one as t^(-1/2)
    # above: e^-45 at both ends, in the worst case.
    x = np.arange(-90.0, 90.0, step)
    t = np.exp(x)
    log_m = np.zeros_like(t)
    for start in range(0, len(values), 256):  # keeps the tables small
        part, shift = values[start : start + 256, None], a[start : start + 256, None]
        grown = 2 * part * t
        log_m -= (np.log1p(grown) / 2 + shift**2 * t / (1 + grown)).sum(axis=0)
    alive = log_m + x > -90
    t, weight = t[alive], np.exp(log_m[alive]) * step
    damped = 1 / (1 + 2 * values[:, None] * t)  # (d, nodes)
    diagonal = values * (damped @ (weight * t))
    if not a.any():
        return (0.0, float(diagonal @ diagonal)), float(diagonal.sum())
    W = a[:, None] * damped
    m = W @ (weight * np.sqrt(t)) / math.sqrt(math.pi)
    rank_one = weight * t  # R = diag(diagonal) + sum over nodes of rank_one w w'
    inner = W.T @ W
    tr_r2 = (
        diagonal @ diagonal
        + 2 * (diagonal @ (W * W)) @ rank_one
        + rank_one @ (inner * inner) @ rank_one
    )
    mu2 = float(m @ m)
    trace = float(diagonal.sum() + np.diag(inner) @ rank_one)
    return (mu2, float(tr_r2) - mu2**2), trace


def as_spectrum(spectrum: ArrayLike) -> NDArray[np.float64]:
    """Return `spectrum` as a checked float64 vector."""
    values = np.asarray(spectrum, dtype=np.float64)
    if values.ndim != 1 or not values.size:
        raise UsageError(f"a spectrum must have shape (d,), not {values.shape}")
    if not np.isfinite(values).all() or (values < 0).any():
        raise UsageError("a spectrum must hold finite numbers, none of them negative")
    if not values.any():
        raise UsageError("the spectrum is zero everywhere: no variance, so no dimension")
    return values
