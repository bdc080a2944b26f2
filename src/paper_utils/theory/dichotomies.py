"""How many relevant sets a half-space can cut off."""

from __future__ import annotations

import math

from paper_utils.checks import whole


def homogeneous_dichotomies(n: int, d: int) -> int:
    """Count dichotomies by half-spaces through 0: ``2 sum_{i<d} C(n-1, i)`` (Cover 1965)."""
    whole("n", n, least=1)
    whole("d", d, least=1)
    return 2 * sum(math.comb(n - 1, i) for i in range(d))


def affine_dichotomies(n: int, d: int) -> int:
    """Count dichotomies by any half-spaces, as in top-k: ``2 sum_{i<=d} C(n-1, i)``."""
    whole("d", d, least=1)
    return homogeneous_dichotomies(n, d + 1)
