"""Standard errors for statistics that have no formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from paper_utils.checks import as_vectors
from paper_utils.claims.half_widths import se_half
from paper_utils.errors import UsageError
from paper_utils.geometry.dimension import effective_dimension


def group_jackknife_se(
    X: ArrayLike, statistic: Callable[[NDArray], float], *, groups: int = 10
) -> float:
    """Standard error of a statistic of independent rows (n_items, d), leaving out groups of rows.
    Row i is in group i modulo `groups`; 10 groups give the error itself to about a quarter. No
    bootstrap: its repeated rows are neighbours at distance zero and span fewer directions.
    """
    array = as_vectors(X)
    if not 2 <= groups <= len(array):
        raise UsageError(f"groups={groups}: {len(array)} rows allow 2 to {len(array)}")
    group = np.arange(len(array)) % groups
    left_out = np.array([statistic(array[group != one]) for one in range(groups)])
    return math.sqrt((groups - 1) / groups * float(((left_out - left_out.mean()) ** 2).sum()))


def group_jackknife_interval(
    X: ArrayLike, statistic: Callable[[NDArray], float], *, groups: int = 10
) -> tuple[float, float, float]:
    """Return a statistic of independent rows and its 95% interval: `group_jackknife_se`, and
    Student's t for the number of groups.
    """
    value = statistic(as_vectors(X))
    half = float(stats.t.ppf(0.975, groups - 1)) * group_jackknife_se(X, statistic, groups=groups)
    return value, value - half, value + half


def together_over_apart(one: ArrayLike, other: ArrayLike) -> tuple[float, float, float]:
    """Unbiased dimension of two groups of rows together over the mean of the two apart, and its
    95% interval. Row i of each belongs to item i, which is what is drawn.
    """

    def ratio(both: NDArray) -> float:
        halves = np.hsplit(both, 2)
        sets = (np.vstack(halves), *halves)
        whole, *apart = (effective_dimension(X, "unbiased").value for X in sets)
        return 2 * whole / sum(apart)

    return group_jackknife_interval(np.hstack([one, other]), ratio)


def together_over_apart_recorded(
    rows: Sequence[Mapping[str, Any]],
) -> tuple[float, float, float]:
    """The same from `dimension_row` by language ('ru', 'en', 'all'), taken as independent."""
    value = {row["language"]: row["unbiased"] for row in rows}
    se = {row["language"]: row["unbiased_se"] for row in rows}
    apart = value["ru"] + value["en"]
    ratio = 2 * value["all"] / apart
    relative = math.hypot(se["all"] / value["all"], se["ru"] / apart, se["en"] / apart)
    half = float(se_half(ratio * relative, min(row["n"] for row in rows)))
    return ratio, ratio - half, ratio + half
