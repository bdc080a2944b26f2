"""The ratio of two means over starts, with an interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from paper_utils.statistics import Interval


def ratio_of_means(above: ArrayLike, below: ArrayLike, *, level: float = 0.95) -> Interval:
    """Return the ratio of the geometric means of two independent samples of positive numbers, with
    Welch's t interval of the difference of their logarithms.

    >>> ratio, low, high, n = ratio_of_means([9, 10, 11], [5, 5])
    >>> f"{ratio:.2f} ({low:.2f} to {high:.2f}) from {n}"
    '1.99 (1.55 to 2.56) from 5'
    """
    logs = [np.log(np.asarray(sample, dtype=np.float64)) for sample in (above, below)]
    shift = float(logs[0].mean() - logs[1].mean())
    variances = [float(x.var(ddof=1)) / len(x) for x in logs]
    total, n = sum(variances), sum(map(len, logs))
    half = 0.0
    if total > 0:
        freedom = total**2 / sum(v**2 / (len(x) - 1) for v, x in zip(variances, logs, strict=True))
        half = math.sqrt(total) * float(stats.t.ppf((1 + level) / 2, freedom))
    return Interval(*(math.exp(shift + by) for by in (0.0, -half, half)), n)
