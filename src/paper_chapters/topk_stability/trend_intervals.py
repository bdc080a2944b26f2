"""Intervals of what a chapter reads off its records: trends and leads over seeds, differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from paper_utils.statistics import Interval, t_interval, wilson_interval


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


def by_seed(
    clouds: pd.DataFrame, shape: tuple[int, int], column: str, kappa: float = 0
) -> NDArray[np.float64]:
    """Return a column for one kind of cloud: its width and effective dimension, and its mean."""
    d, d_eff = shape
    of_kind = (clouds["d"] == d) & (clouds["d_eff"] == d_eff) & (clouds["kappa"] == kappa)
    return clouds[of_kind].sort_values("seed")[column].to_numpy(float)


def lead_over_next(
    clouds: pd.DataFrame, shapes: Mapping[str, tuple[int, int]], name: str, column: str
) -> Interval:
    """Return how far the cloud `name` lies above the highest of the others, over seeds."""
    values = {one: by_seed(clouds, shape, column) for one, shape in shapes.items()}
    return t_interval(values.pop(name) - max(values.values(), key=np.mean))


def beyond_range(values: ArrayLike, low: float, high: float) -> Interval:
    """Return how far the farthest row lies outside of a range, less than 0 inside.
    `values` has a column for each seed.
    """
    values = np.asarray(values)
    return t_interval(np.maximum(low - values, values - high).max(axis=0))


def calibration(predicted: ArrayLike, happened: ArrayLike, bins: int) -> NDArray[np.float64]:
    """Return, for bins of equal size by prediction, the mean of what was predicted, the share that
    happened and the ends of its Wilson interval: four rows.
    """
    predicted, happened = np.asarray(predicted), np.asarray(happened)
    parts = [part for part in np.array_split(np.argsort(predicted), bins) if len(part)]
    counts = [(int(happened[part].sum()), len(part)) for part in parts]
    rows = [
        (predicted[part].mean(), hits / n, *wilson_interval(hits, n))
        for part, (hits, n) in zip(parts, counts, strict=True)
    ]
    return np.array(rows).T
