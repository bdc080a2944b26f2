"""Bootstrap intervals for the mean of per-query values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from paper_utils.errors import UsageError, did_you_mean

METHODS = ("percentile", "BCa")

# Resampled values held at once: 16 MiB.
_CELLS = 1 << 21


class Interval(NamedTuple):
    """A mean with its bootstrap interval.

    Attributes
    ----------
    mean, low, high : float
    n : int
        Values counted, NaN left out.
    """

    mean: float
    low: float
    high: float
    n: int


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
        One value per query. NaN (a query without a relevant document) is left out.
    level : float
        Coverage aimed at, between 0 and 1.
    n_resamples : int
        At least 100.
    method : {"percentile", "BCa"}
        BCa corrects bias and skewness and costs n more evaluations.
    seed : int
        Equal seeds give equal intervals.

    Returns
    -------
    Interval
        Where all values are equal, so are `low` and `high`.

    Raises
    ------
    UsageError
        Not one-dimensional, infinite values, fewer than two values that are not NaN, or an
        option out of range.

    References
    ----------
    B. Efron and R. Tibshirani, *An Introduction to the Bootstrap*, 1993, chapters 13 and 14.

    Examples
    --------
    >>> mean, low, high, n = bootstrap_interval([0.0, 1.0, 1.0, 1.0, float("nan")])
    >>> mean, n
    (0.75, 4)
    >>> low, high
    (0.25, 1.0)
    """
    data = np.asarray(values)
    if data.ndim != 1 or data.dtype.kind not in "biuf":
        raise UsageError(
            f"values must be numbers of shape (n,), not {data.dtype} of shape {data.shape}"
        )
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}: {did_you_mean(method, METHODS)}")
    if not 0 < level < 1:
        raise UsageError(f"level must be between 0 and 1, not {level}")
    if n_resamples < 100:
        raise UsageError(f"n_resamples must be at least 100, not {n_resamples}")
    data = data.astype(np.float64)
    data = data[~np.isnan(data)]
    if len(data) < 2:
        raise UsageError(f"values hold {len(data)} numbers that are not NaN; at least 2 are needed")
    if not np.isfinite(data).all():
        raise UsageError("values hold infinite numbers")
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
