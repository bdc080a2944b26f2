"""The exact minimal dimension, and what a margin costs: ceilings and packing bounds."""

from __future__ import annotations

import math

from paper_utils.checks import whole
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.theory.relevance import check_subset_size

SCORINGS = ("inner product", "global cut-off", "cosine", "euclidean", "sign")


def minimal_dimension(k: int, scoring: str = "inner product") -> int:
    """Return the exact dimension in which all k-subsets of n >= 3k + 1 documents are top-k.

    Parameters
    ----------
    k : int
        Relevant documents of a query, at least 1; else UsageError.
    scoring : {'inner product', 'global cut-off', 'cosine', 'euclidean', 'sign'}
        Inner product with a cut-off of the query's own; with one for all queries; of unit
        vectors; nearest by Euclidean distance; inner product with cut-off 0 (sign-rank).

    Returns
    -------
    int

    Examples
    --------
    >>> [minimal_dimension(2, s) for s in SCORINGS]
    [4, 4, 4, 3, 5]
    """
    whole("k", k, least=1)
    if scoring not in SCORINGS:
        raise UsageError(f"scoring = {scoring!r}: {did_you_mean(scoring, SCORINGS)}")
    return 2 * k + {"euclidean": -1, "sign": 1}.get(scoring, 0)


def largest_margin(m: int, k: int) -> float:
    """Return the ceiling ``eps*(m, k) = m / sqrt(k (m - 1) (m - k))`` of the least margin.
    No unit vectors, in any dimension, separate all k-subsets of m documents by more; the regular
    simplex with centroid queries attains it (arXiv 2601.20844).
    """
    check_subset_size(m, k)
    return m / math.sqrt(k * (m - 1) * (m - k))


def log_subsets(n: int, k: int) -> float:
    """Return the natural logarithm of C(n, k), exact to rounding up to k = 10,000."""
    check_subset_size(n, k)
    k = min(k, n - k)
    if k > 10_000:  # the exact number would have tens of thousands of digits
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.log(math.comb(n, k))


def packing_dimension(n: int, k: int, margin: float) -> int:
    """Bound the dimension from below when all k-subsets of n have a margin of unit vectors' scores.
    Queries differ by at least the margin, so balls of radius margin/2 around them are disjoint:
    ``C(n, k) <= (1 + 2 / margin)^d`` (Weller et al., theorem 1, margin = 2 gamma). Says nothing
    where the margin is not :func:`feasible`.
    """
    _check_margin(margin)
    return math.ceil(log_subsets(n, k) / math.log1p(2.0 / margin) - 1e-9)


def feasible(n: int, k: int, margin: float) -> bool:
    """Say whether unit vectors of some dimension separate all k-subsets of n by `margin`."""
    _check_margin(margin)
    return margin <= largest_margin(n, k)


def _check_margin(margin: float) -> None:
    if not 0.0 < margin <= 2.0:
        raise UsageError(f"margin = {margin} must lie above 0 and, for unit vectors, not above 2")


def packing_margin(n: int, k: int, d: int) -> float:
    """Bound the least margin by volume, from above: ``2 / (C(n, k)^(1/d) - 1)``."""
    whole("d", d, least=1)
    return 2.0 / math.expm1(log_subsets(n, k) / d)


def cap_margin(n: int, k: int, d: int) -> float:
    """Bound the least margin of unit vectors in d >= 2 dimensions from above, by area.
    Sharper than :func:`packing_margin`: queries lie on the sphere and differ by at least the
    margin, so caps of angular radius arcsin(margin / 2) around them are disjoint there.
    """
    from scipy.optimize import brentq
    from scipy.special import betainc

    whole("d", d, least=2)
    share = 1.0 / math.comb(n, k) if n < 10_000 else math.exp(-log_subsets(n, k))
    if share == 0.0:
        raise UsageError(f"C({n}, {k}) is beyond the floating-point range; use packing_margin")

    def excess(angle: float) -> float:
        # Area of a cap of angular radius a <= pi/2, as a share of the sphere.
        return 0.5 * betainc((d - 1) / 2, 0.5, math.sin(angle) ** 2) - share

    if excess(math.pi / 2) <= 0:
        return 2.0
    return 2.0 * math.sin(brentq(excess, 0.0, math.pi / 2, xtol=1e-15))


def margin_ceiling(n: int, k: int, d: int) -> float:
    """Return the least of the three upper bounds on the margin; 0 where d < 2k and n >= 3k."""
    check_subset_size(n, k)
    whole("d", d, least=1)
    # Radon's 2k + 1 documents and k - 1 to fill a set up with are enough. `minimal_dimension` asks
    # for one more, which its sign-rank needs: there a group may be empty.
    if d < 2 * k and n >= 3 * k:
        return 0.0
    return min(largest_margin(n, k), packing_margin(n, k, d), cap_margin(n, k, d) if d > 1 else 2.0)
