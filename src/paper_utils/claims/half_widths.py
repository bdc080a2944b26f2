"""Half-widths of intervals where a standard error is recorded beside a value."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from paper_utils.errors import UsageError


def se_half(se: ArrayLike, n: ArrayLike):
    """Return half of the 95% interval (Student's t) of estimates with standard errors `se`, each
    over `n` independent items.

    >>> round(float(se_half(0.1, 10)), 3)
    0.226
    """
    items = np.asarray(n)
    if items.size == 0 or items.min() < 2:
        raise UsageError(f"a standard error needs at least 2 items, not n={n}")
    return se * stats.t.ppf(0.975, items - 1)
