"""Effective dimensions of a set of vectors: many definitions, each under its own name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.geometry.spectrum import (
    CentredRows,
    as_spectrum,
    covariance_spectrum,
    participation_ratio,
)


@dataclass(frozen=True, slots=True)
class EffectiveDimension:
    """A dimension together with the definition that it follows."""

    estimator: str  #: as in :func:`effective_dimension`
    value: float  #: the estimate
    #: Standard error for independent items, the jackknife's for `participation` and `unbiased`, the
    #: large-sample one for `twonn`; NaN where none is implemented.
    se: float
    n: int  #: items
    d: int  #: columns

    def __float__(self) -> float:
        return self.value


def effective_dimension(X: ArrayLike, estimator: str = "participation") -> EffectiveDimension:
    """Estimate an effective dimension of the rows of `X`.

    Parameters
    ----------
    X : array_like, shape (n_items, d)
        Normalise the rows first if only directions are to count. Zero rows and equal rows
        are points like any other (`twonn` drops repetitions).
    estimator : str
        One of these:

        ========================  =========================================================
        ``participation``         (Tr S)²/Tr S² of the sample covariance S: Krasnov's d_eff.
                                  At most n - 1, and too small by 1/d ≈ 1/d_true + 1/(n-1).
        ``unbiased``              Ratio of the unbiased estimators of (Tr Σ)² and Tr Σ²;
                                  ``inf`` where the latter is not positive: too few items.
        ``effective-rank``        exp(entropy of the eigenvalues of S) (Roy & Vetterli 2007,
                                  applied to S).
        ``rankme``                exp(entropy of the singular values of X, not centred)
                                  (Garrido et al. 2023).
        ``stable-rank``           Tr S / largest eigenvalue of S.
        ``components-90``         Fewest principal components with 90% of the variance.
        ``twonn``                 Intrinsic dimension from the two nearest neighbours
                                  (Facco et al. 2017): of the manifold, not of its span.
        ========================  =========================================================

    Returns
    -------
    EffectiveDimension

    Raises
    ------
    UsageError
        Fewer than two rows (``participation`` and ``unbiased``: four; ``twonn``: ten distinct);
        NaN or infinite entries; all rows equal.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 50))
    >>> for name in ("participation", "unbiased"):
    ...     found = effective_dimension(X, name)
    ...     print(f"{found.estimator}: {found.value:.1f} ± {found.se:.1f}")
    participation: 40.0 ± 0.5
    unbiased: 50.3 ± 0.7
    """
    if estimator not in _ESTIMATORS:
        raise UsageError(f"unknown estimator {estimator!r}: {did_you_mean(estimator, ESTIMATORS)}")
    value, se = _ESTIMATORS[estimator](X)
    n, d = np.shape(X)
    return EffectiveDimension(estimator, float(value), float(se), n, d)


@dataclass(frozen=True, slots=True)
class ParticipationMoments:
    """The two traces of a participation ratio, lengths in units of the largest entry of `X`."""

    n: int
    tr_s: NDArray[np.float64] | float  # Tr S of the sample covariance, divisor n - 1
    tr_s2: NDArray[np.float64] | float  # Tr S²
    sigma2: NDArray[np.float64] | float  # unbiased for Tr Σ²; may be negative for small n
    trace2: NDArray[np.float64] | float  # unbiased for (Tr Σ)²

    @property
    def plug_in(self) -> NDArray[np.float64] | float:
        return self.tr_s**2 / self.tr_s2

    @property
    def unbiased(self) -> NDArray[np.float64] | float:
        positive = np.greater(self.sigma2, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(positive, self.trace2 / self.sigma2, math.inf)[()]


def participation_moments(X: ArrayLike) -> tuple[ParticipationMoments, ParticipationMoments]:
    """Traces behind the participation ratio of `X` (n_items, d), of all items and without each one.
    The first holds floats, the second arrays of shape (n_items,), in O(n d min(n, d)) operations.
    `sigma2` and `trace2` are complete U-statistics (Himeno & Yamada 2014), unbiased for every
    distribution with four moments; their ratio nearly so. They are NaN for three items.
    """
    rows = CentredRows(X, min_rows=4)
    n = rows.n
    squared = np.concatenate([(a * a).sum(axis=1) for a in rows.blocks()])  # |a_i|²
    if n < rows.d:
        gram = rows.gram()
        form = (gram * gram).sum(axis=1)  # a_i' T a_i, T = sum of a a'
        weighted = gram @ squared  # a_i' sum_j |a_j|² a_j
    else:
        scatter = rows.scatter()
        form = np.concatenate([((a @ scatter) * a).sum(axis=1) for a in rows.blocks()])
        h = sum(a.T @ (a * a).sum(axis=1) for a in rows.blocks())
        weighted = np.concatenate([a @ h for a in rows.blocks()])
    tr_t, tr_t2, fourth = squared.sum(), form.sum(), (squared**2).sum()
    whole = _moments(n, tr_t, tr_t2, fourth)

    # Without item i the mean moves by -a_i/(n-1) and T loses n/(n-1) a_i a_i'.
    b, c = 1 / (n - 1), n / (n - 1)
    fourth_left = (
        fourth
        + 4 * b**2 * form
        + n * b**4 * squared**2
        + 4 * b * weighted
        + 2 * b**2 * squared * tr_t
        - c**4 * squared**2  # (1 + b)⁴ = c⁴: item i itself
    )
    left_out = _moments(
        n - 1,
        tr_t - c * squared,
        tr_t2 - 2 * c * form + c**2 * squared**2,
        fourth_left,
    )
    return whole, left_out


def _moments(n: int, tr_t, tr_t2, fourth) -> ParticipationMoments:
    """From the traces of the scatter T = (n-1) S and of its square, and the sum of |a|⁴."""
    tr_s, tr_s2, q = tr_t / (n - 1), tr_t2 / (n - 1) ** 2, fourth / (n - 1)
    factor = (n - 1) / (n * (n - 2) * (n - 3)) if n > 3 else math.nan
    sigma2 = factor * ((n - 1) * (n - 2) * tr_s2 + tr_s**2 - n * q)
    trace2 = factor * (2 * tr_s2 + (n * n - 3 * n + 1) * tr_s**2 - n * q)
    return ParticipationMoments(n, tr_s, tr_s2, sigma2, trace2)


def _jackknife_se(left_out: NDArray[np.float64]) -> float:
    """Standard error from the estimates with each item left out; NaN if one is not finite."""
    n = len(left_out)
    if not np.isfinite(left_out).all():
        return math.nan
    return math.sqrt((n - 1) ** 2 / n * float(left_out.var(ddof=1)))


def _participation(X: ArrayLike) -> tuple[float, float]:
    whole, left_out = participation_moments(X)
    return float(whole.plug_in), _jackknife_se(left_out.plug_in)


def _unbiased(X: ArrayLike) -> tuple[float, float]:
    whole, left_out = participation_moments(X)
    return whole.unbiased, _jackknife_se(left_out.unbiased)


def isoscore(X: ArrayLike) -> float:
    """IsoScore of the rows of `X` (Rudman et al. 2022), between 0 and 1.

    Their eight steps come to (d_eff - 1)/(d - 1) with d_eff the plug-in participation
    ratio: the score says nothing that d_eff does not, and shares its bias for small n.

    Parameters
    ----------
    X : array_like, shape (n_items, d)
        At least two rows and two columns, finite, not all rows equal; else UsageError.

    Returns
    -------
    float

    Examples
    --------
    >>> isoscore([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    1.0
    """
    d = as_vectors(X, min_rows=2).shape[1]
    if d < 2:
        raise UsageError("IsoScore needs at least 2 columns, X has 1")
    return (participation_ratio(covariance_spectrum(X)) - 1) / (d - 1)


def entropy_rank(weights: ArrayLike) -> float:
    """Exponential of the entropy of weights scaled to sum one (Roy & Vetterli 2007, eq. 4)."""
    p = as_spectrum(weights)
    p = p[p > 0] / p.sum()
    return math.exp(-float(p @ np.log(p)))


def components_for(spectrum: ArrayLike, share: float) -> int:
    """Fewest of the largest eigenvalues that hold `share`, in (0, 1], of their sum."""
    if not 0 < share <= 1:
        raise UsageError(f"share must lie in (0, 1], not {share}")
    values = np.sort(as_spectrum(spectrum))[::-1]
    held = np.cumsum(values) / values.sum()
    # An exact share (9 of 10) must not need one component more by rounding.
    return min(int(np.searchsorted(held, share - 1e-12)) + 1, len(values))


def _from_spectrum(
    function: Callable[[NDArray[np.float64]], float],
) -> Callable[[ArrayLike], tuple[float, float]]:
    return lambda X: (function(covariance_spectrum(X)), math.nan)


def _rankme(X: ArrayLike) -> tuple[float, float]:
    array = as_vectors(X, min_rows=2).astype(np.float64)
    if not array.any():
        raise UsageError("all rows of X are zero: there is no rank")
    array /= np.abs(array).max()
    # Squared singular values would lose the small ones, which weigh most in an entropy.
    return entropy_rank(np.linalg.svd(array, compute_uv=False)), math.nan


def _twonn(X: ArrayLike) -> tuple[float, float]:
    """Facco et al. 2017, with their discarded tenth of the largest ratios."""
    array = np.unique(as_vectors(X), axis=0)
    n = len(array)
    if n < 10:
        raise UsageError(f"twonn needs at least 10 distinct rows, X has {n}")
    nearest, second = _two_nearest(array)
    mu = np.sort(second / nearest)
    used = int(0.9 * n)
    x = np.log(mu[:used])
    y = -np.log1p(-np.arange(1, used + 1) / n)
    if not x.any():
        raise UsageError("the two nearest neighbours of every row of X are equally far")
    value = float(x @ y / (x @ x))  # line through the origin
    return value, value / math.sqrt(n)


def _two_nearest(
    array: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances to the two nearest other rows; the rows are distinct."""
    A = array.astype(np.float64)
    A /= np.abs(A).max()
    A -= A.mean(axis=0)
    squared = (A * A).sum(axis=1)
    found = []
    rows = max(1, 2**23 // len(A))
    for start in range(0, len(A), rows):
        block = A[start : start + rows]
        gap = squared - 2 * block @ A.T
        gap[np.arange(len(block)), start + np.arange(len(block))] = math.inf
        near = np.argpartition(gap, 3, axis=1)[:, :4]
        # The candidates' distances again, from differences: products cancel for neighbours.
        exact = np.sqrt(((block[:, None, :] - A[near]) ** 2).sum(axis=2))
        found.append(np.sort(exact, axis=1)[:, :2])
    both = np.concatenate(found)
    return both[:, 0], both[:, 1]


_ESTIMATORS: dict[str, Callable[[ArrayLike], tuple[float, float]]] = {
    "participation": _participation,
    "unbiased": _unbiased,
    "effective-rank": _from_spectrum(entropy_rank),
    "rankme": _rankme,
    "stable-rank": _from_spectrum(lambda values: values.sum() / values.max()),
    "components-90": _from_spectrum(lambda values: components_for(values, 0.9)),
    "twonn": _twonn,
}

ESTIMATORS = tuple(_ESTIMATORS)  #: names that :func:`effective_dimension` accepts
