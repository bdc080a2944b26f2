"""Intervals of the differences between simulated and printed recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import norm

from paper_utils.statistics import t_interval


def gap_interval(
    recalls: Mapping[str, Sequence[Sequence[float]]], cells: Mapping[int, float], n_queries: int
) -> tuple[float, float]:
    """Return the 95% interval of the mean absolute gap over dimensions, in points of recall@2: t
    over draws of the vectors; of one draw, over queries, as if all dimensions erred together.
    """
    runs = np.array([[row[0] for row in draws] for draws in recalls.values()])
    off = 100 * (runs - np.array([cells[int(d)] for d in recalls])[:, None])
    per_run = (np.sign(off.mean(axis=1))[:, None] * off).mean(axis=0)
    if len(per_run) > 1:
        return t_interval(per_run)[1:3]
    half = 100 * norm.ppf(0.975) * np.sqrt(runs * (1 - runs) / n_queries).mean()
    return float(per_run[0] - half), float(per_run[0] + half)
