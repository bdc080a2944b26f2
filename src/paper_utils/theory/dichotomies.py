"""How many relevant sets a half-space can cut off."""

from __future__ import annotations

import math

from paper_utils.checks import whole


def homogeneous_dichotomies(n: int, d: int) -> int:
    """Count the dichotomies of n points in general position by half-spaces through the origin.
    Cover 1965: ``2 sum_{i<d} C(n-1, i)``. This is scoring with threshold 0.
    """
    whole("n", n, least=1)
    whole("d", d, least=1)
    return 2 * sum(math.comb(n - 1, i) for i in range(d))


def affine_dichotomies(n: int, d: int) -> int:
    """Count the dichotomies of n points in general position by arbitrary half-spaces.
    Cover 1965: ``2 sum_{i<=d} C(n-1, i)``. This is top-k: scoring with a threshold per query.
    """
    whole("d", d, least=1)
    return homogeneous_dichotomies(n, d + 1)
