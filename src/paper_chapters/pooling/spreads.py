"""Intervals for statistics of texts that are no means over texts."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from paper_utils.statistics import wilson_interval


def jackknife_interval(
    statistic: Callable[[NDArray], float], texts: NDArray, *, groups: int = 20
) -> tuple[float, float]:
    """95% interval of a statistic over the first axis: groups left out in turn, Student's t."""
    order = np.random.default_rng(0).permutation(len(texts))
    folds = np.array_split(order, min(groups, len(texts)))
    parts = np.array([statistic(np.delete(texts, fold, axis=0)) for fold in folds])
    g, value = len(parts), statistic(texts)
    error = math.sqrt((g - 1) / g * float(((parts - parts.mean()) ** 2).sum()))
    half = error * float(stats.t.ppf(0.975, g - 1))
    return float(value - half), float(value + half)


def difference_of_shares(one: float, other: float, n: int) -> tuple[float, float, float]:
    """Difference of two shares of `n` and its 95% interval, as if of different texts.

    R. Newcombe, Statistics in Medicine 17, 1998, method 10: Wilson's intervals, combined.
    """
    (low, high), (least, most) = (wilson_interval(round(p * n), n) for p in (one, other))
    gap = one - other
    return (
        gap,
        gap - math.hypot(one - low, most - other),
        gap + math.hypot(high - one, other - least),
    )
