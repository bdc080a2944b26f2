"""Standard errors for statistics that have no formula."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors
from paper_utils.errors import UsageError


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
