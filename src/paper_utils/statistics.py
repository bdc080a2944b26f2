"""Uncertainty by the house rule: one way for each kind of sample, used by every chapter.

Queries: paired bootstrap, or `shared_interval` where queries share documents. Seeds: Student's t.
Counts: Wilson. Families of tests: Holm. (Encoder, set) pairs: random effects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, stats

from paper_utils.errors import UsageError, did_you_mean

METHODS = ("percentile", "BCa")

_CELLS = 1 << 21  # resampled values held at once: 16 MiB


class Interval(NamedTuple):
    """A mean with its interval."""

    mean: float  #: estimate
    low: float  #: lower end of the interval
    high: float  #: upper end of the interval
    n: int  #: values counted, NaN left out


def bootstrap_interval(
    values: ArrayLike,
    *,
    level: float = 0.95,
    n_resamples: int = 2000,
    method: str = "percentile",
    seed: int = 0,
) -> Interval:
    """Return the mean of `values` and a bootstrap interval for it.

    Resampling queries shows how the mean would vary with other queries of the same kind, on the
    same documents. To compare two systems on the same queries, pass the differences.

    Parameters
    ----------
    values : array_like, shape (n,)
        One per query, at least two. NaN (a query without a relevant document) is left out.
    level : float
        Coverage aimed at, between 0 and 1.
    n_resamples, seed : int
        At least 100; equal seeds give equal intervals.
    method : {"percentile", "BCa"}
        BCa corrects bias and skewness and costs n more evaluations.

    Returns
    -------
    Interval

    References
    ----------
    B. Efron and R. Tibshirani, *An Introduction to the Bootstrap*, 1993, chapters 13 and 14.

    Examples
    --------
    >>> bootstrap_interval([0.0, 1.0, 1.0, 1.0, float("nan")])
    Interval(mean=0.75, low=0.25, high=1.0, n=4)
    """
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}: {did_you_mean(method, METHODS)}")
    _check_level(level)
    if n_resamples < 100:
        raise UsageError(f"n_resamples must be at least 100, not {n_resamples}")
    data = _numbers(values)
    data = _enough(data[~np.isnan(data)])
    mean = float(data.mean())
    if (data == data[0]).all():
        return Interval(mean, mean, mean, len(data))
    result = stats.bootstrap(
        (data,),
        np.mean,
        confidence_level=level,
        n_resamples=n_resamples,
        batch=max(1, _CELLS // len(data)),
        method=method,
        rng=np.random.default_rng(seed),
    )
    low, high = result.confidence_interval
    return Interval(mean, float(low), float(high), len(data))


def t_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    """Return the mean over independent runs (seeds) and Student's t interval for it.

    Parameters
    ----------
    values : array_like, shape (n,)
        One value a run, two at least; the house rule asks for five.
    level : float
        Coverage aimed at, between 0 and 1.

    Returns
    -------
    Interval

    References
    ----------
    Student, "The probable error of a mean", Biometrika 6, 1908.

    Examples
    --------
    >>> mean, low, high, n = t_interval([0.90, 0.92, 0.91])
    >>> f"{mean:.3f} ({low:.3f} to {high:.3f})"
    '0.910 (0.885 to 0.935)'
    """
    _check_level(level)
    data = _enough(_numbers(values))
    error = data.std(ddof=1) / np.sqrt(len(data))
    return _around(data, error, len(data) - 1, level)


def shared_interval(values: ArrayLike, members: Any, *, level: float = 0.95) -> Interval:
    """Return the mean over queries that share documents and a cluster-robust interval for it.

    Two queries may be correlated when they have a document in common; the variance of the mean sums
    the products of residuals over all such pairs, with t quantiles for the number of documents. It
    is never taken below the variance of independent queries.

    Parameters
    ----------
    values : array_like, shape (n_queries,)
    members : array_like or sparse array, shape (n_queries, n_docs)
        Not zero where the value of a query rests on a document; every query has one.
    level : float
        Coverage aimed at, between 0 and 1.

    Returns
    -------
    Interval

    References
    ----------
    P. Aronow, C. Samii and V. Assenova, "Cluster-robust variance estimation for dyadic data",
    Political Analysis 23, 2015, equation 3.

    Examples
    --------
    >>> mean, low, high, n = shared_interval([1, 0, 0, 1], [[1, 0], [1, 0], [0, 1], [0, 1]])
    >>> mean, n
    (0.5, 4)
    """
    _check_level(level)
    data = _enough(_numbers(values))
    M = sparse.csr_array(members).astype(bool).astype(np.float64)
    if M.shape[0] != len(data):
        raise UsageError(f"members have {M.shape[0]} rows for {len(data)} values")
    if (M.sum(axis=1) == 0).any():
        raise UsageError("a query has no document among the members")
    used = int((M.sum(axis=0) > 0).sum())
    if used < 2:
        raise UsageError(f"all queries rest on {used} document; at least 2 are needed")
    residuals = data - data.mean()
    together = (M @ M.T).astype(bool).astype(np.float64)
    variance = float(residuals @ (together @ residuals)) * used / (used - 1)
    apart = float(residuals @ residuals) * len(data) / (len(data) - 1)
    return _around(data, np.sqrt(max(variance, apart)) / len(data), used - 1, level)


def wilson_interval(successes: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval for a proportion of `successes` in `n` independent trials."""
    _check_level(level)
    if not 0 <= successes <= n or n < 1:
        raise UsageError(f"{successes} successes in {n} trials: need 0 <= successes <= n, n >= 1")
    found = stats.binomtest(int(successes), int(n)).proportion_ci(level, method="wilson")
    return max(0.0, float(found.low)), min(1.0, float(found.high))


def randomisation_p(differences: ArrayLike, *, n_resamples: int = 9999, seed: int = 0) -> float:
    """Return the two-sided p-value of paired differences under random flips of their signs."""
    data = _enough(_numbers(differences))
    if not data.any():
        return 1.0
    options = {"permutation_type": "samples", "n_resamples": n_resamples, "vectorized": True}
    rng = np.random.default_rng(seed)
    return float(stats.permutation_test((data,), np.mean, rng=rng, **options).pvalue)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return the p-values of a family of tests, adjusted by Holm's step-down method."""
    from statsmodels.stats.multitest import multipletests

    wrong = [name for name, p in p_values.items() if not 0 <= p <= 1]
    if wrong or not p_values:
        raise UsageError(f"p-values must lie between 0 and 1: {wrong or 'none was given'}")
    adjusted = multipletests(list(p_values.values()), method="holm")[1]
    return dict(zip(p_values, map(float, adjusted), strict=True))


class RandomEffects(NamedTuple):
    """The mean effect over (encoder, set) pairs: its interval, and the spread between pairs."""

    mean: float  #: estimate
    low: float  #: lower end of the interval
    high: float  #: upper end of the interval
    tau: float  #: standard deviation of the true effects between pairs
    n: int  #: pairs


def random_effects(effects: ArrayLike, errors: ArrayLike, *, level: float = 0.95) -> RandomEffects:
    """Return the mean of effects that differ between pairs, with the interval of Hartung and Knapp.

    Parameters
    ----------
    effects, errors : array_like, shape (n_pairs,)
        Effect and standard error, above 0, of each of at least three (encoder, set) pairs.
    level : float
        Coverage aimed at, between 0 and 1.

    Returns
    -------
    RandomEffects

    References
    ----------
    G. Knapp and J. Hartung, "Improved tests for a random effects meta-regression with a single
    covariate", Statistics in Medicine 22, 2003; tau by Paule and Mandel.

    Examples
    --------
    >>> found = random_effects([0.02, 0.05, 0.03, 0.04], [0.01, 0.01, 0.02, 0.01])
    >>> f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f}) over {found.n} pairs"
    '0.036 (0.014 to 0.058) over 4 pairs'
    """
    from statsmodels.stats.meta_analysis import combine_effects

    _check_level(level)
    effect, error = _numbers(effects), _numbers(errors)
    if effect.shape != error.shape or len(effect) < 3:
        raise UsageError(
            f"{len(effect)} effects and {len(error)} errors; at least three of each are needed"
        )
    if not (np.isfinite(effect).all() and np.isfinite(error).all() and (error > 0).all()):
        raise UsageError("effects must be finite and their errors positive")
    found = combine_effects(effect, error**2, method_re="iterated", use_t=True, alpha=1 - level)
    low, high = found.conf_int(alpha=1 - level)[3]
    return RandomEffects(
        float(found.mean_effect_re),
        float(low),
        float(high),
        float(np.sqrt(max(found.tau2, 0.0))),
        len(effect),
    )


def _around(data: NDArray, error: float, freedom: int, level: float) -> Interval:
    mean, half = float(data.mean()), float(error * stats.t.ppf((1 + level) / 2, freedom))
    return Interval(mean, mean - half, mean + half, len(data))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise UsageError(f"level must be between 0 and 1, not {level}")


def _numbers(values: ArrayLike) -> NDArray[np.float64]:
    data = np.asarray(values)
    if data.ndim != 1 or data.dtype.kind not in "biuf":
        raise UsageError(
            f"values must be numbers of shape (n,), not {data.dtype} of shape {data.shape}"
        )
    return data.astype(np.float64)


def _enough(data: NDArray[np.float64]) -> NDArray[np.float64]:
    if np.isnan(data).any():
        raise UsageError("values hold NaN")
    if len(data) < 2:
        raise UsageError(f"values hold {len(data)} numbers that are not NaN; at least 2 are needed")
    if not np.isfinite(data).all():
        raise UsageError("values hold infinite numbers")
    return data
