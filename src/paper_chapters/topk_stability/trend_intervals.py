"""Intervals of what a chapter reads off its records: trends over seeds, differences of overlaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from paper_utils.statistics import t_interval


def slope_over_seeds(x: ArrayLike, y: ArrayLike, seeds: ArrayLike) -> tuple[float, float, float]:
    """Return mean and 95% interval of the slope of y over x, one straight line a seed."""
    x, y, seeds = (np.asarray(one) for one in (x, y, seeds))
    fits = [np.polyfit(x[at], y[at], 1)[0] for at in (seeds == seed for seed in np.unique(seeds))]
    return t_interval(fits)[:3]


def overlap_difference(
    one: Mapping[str, Any], other: Mapping[str, Any]
) -> tuple[float, float, float]:
    """Return the difference of two overlaps with its interval, as if their queries differed.
    Both have `overlap` with its ends `low` and `high`.
    """
    gap = one["overlap"] - other["overlap"]
    below = np.hypot(one["overlap"] - one["low"], other["high"] - other["overlap"])
    beyond = np.hypot(one["high"] - one["overlap"], other["overlap"] - other["low"])
    return float(gap), float(gap - below), float(gap + beyond)
