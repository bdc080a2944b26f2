"""Intervals and p-values of what the synthesis compares, for queries that share documents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, stats

from paper_chapters.dimension_verdict.ablation import change
from paper_utils.statistics import Interval, shared_interval


class Gain(NamedTuple):
    """Points of recall@2, with a 95% interval and the p-value of no change."""

    points: float
    low: float
    high: float
    p: float

    @property
    def half(self) -> float:
        """Half of the interval."""
        return (self.high - self.low) / 2


def gain(found: Mapping[str, Any], system: str, before: str | None = None) -> Gain:
    """Return a system's recall@2, or its change from `before`, paired by query, in points.

    The variance that :func:`~paper_chapters.dimension_verdict.ablation.change` takes, with the
    correction and Student's t of :func:`~paper_utils.statistics.shared_interval`.
    """
    points, _ = change(dict(found), system, before)
    weight = np.array([(name == system) - float(name == before) for name in found["recall"]])
    n_docs = len(np.unique(found["pairs"]))
    alone, shared = (weight @ np.array(found[key]) @ weight for key in ("covariance", "sharing"))
    error = 100 * math.sqrt(max(0.0, alone, shared * n_docs / (n_docs - 1)))
    half = float(error * stats.t.ppf(0.975, n_docs - 1))
    p = 2 * stats.t.sf(abs(points) / error, n_docs - 1) if error else float(points == 0)
    return Gain(points, points - half, points + half, float(p))


def members(found: Mapping[str, Any]) -> sparse.csr_array:
    """Return which documents each query rests on, shape (n_queries, n_docs)."""
    pairs = np.asarray(found["pairs"])
    ends = np.arange(0, pairs.size + 1, pairs.shape[1])
    return sparse.csr_array((np.ones(pairs.size), pairs.ravel(), ends))


def recalls(found: Mapping[str, Any], system: str) -> NDArray[np.float64]:
    """Return the recall@2 of each query under a system whose vectors are not random."""
    return np.array([int(digit) for digit in found["hits"][system]]) / 2


def share(part: ArrayLike, whole: ArrayLike, together: sparse.csr_array) -> Interval:
    """Return the mean of `part` over that of `whole`, by query, with a linearised interval."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    ratio = float(part.mean() / whole.mean())
    return shared_interval(ratio + (part - ratio * whole) / whole.mean(), together)
