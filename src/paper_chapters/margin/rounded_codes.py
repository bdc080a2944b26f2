"""What a number format should carry: documents on the curve, predicted, and dimensions, bounded."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.theory.construction import trigonometric_curve, trigonometric_queries
from paper_utils.theory.margin import log_subsets
from paper_utils.theory.relevance import check_subset_size

# Machine epsilon; int8 counts steps of 1/127.
SPACINGS = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7, "int8": 1 / 127}
BITS = {"float32": 32, "float16": 16, "bfloat16": 16, "int8": 8}
# Binary digits of a significand, the leading one included.
DIGITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}
ROTATIONS = 16


def expected_losses(n: int, k: int, dtype: str) -> float:
    """Predict how many pairs of a set's document and a rival a format loses, over all k-subsets.
    Each rounding of x is an independent error of variance ulp(x)^2 / 12. A rival overtakes at a
    margin g with probability Phi((u/2 - g)/sigma), u/2 for ties (u: spacing of scores). Summed over
    k of k + 1 neighbours, the only narrow margins; sigma is a mean over some rotations.
    """
    from scipy.special import ndtr

    if dtype not in DIGITS:
        raise UsageError(f"dtype = {dtype!r}: {did_you_mean(dtype, DIGITS)}")
    check_subset_size(n, k)
    if n < 3 * k + 3:
        raise UsageError(f"n = {n} must be at least 3 k + 3 = {3 * k + 3}")
    steps = 2 * np.pi / n * np.arange(-k - 1, 2 * k + 2)
    places = 2 * np.pi * (np.arange(ROTATIONS) + 0.5) / ROTATIONS
    total = 0.0
    for hole in range(k + 1):
        members = np.delete(np.arange(k + 1), hole) + k + 1
        rivals = np.setdiff1d(np.arange(steps.size), members)
        # Margins from the factors of f_S: subtracting scores would cancel every digit.
        margin = np.prod(1 - np.cos(steps[rivals, None] - steps[members]), axis=1)
        margin = margin * _slope(members, steps)
        for place in places:
            angles = steps + place
            query = trigonometric_queries(members[None, :], angles)[0][0]
            variance, spacing = _score_errors(trigonometric_curve(angles, k), query, DIGITS[dtype])
            spread = np.sqrt(variance[members, None] + variance[rivals])
            overtaken = ndtr((spacing[members, None] / 2 - margin) / spread)
            total += n / ROTATIONS * float(overtaken.sum())
    return total


def _slope(members: NDArray[np.int64], angles: NDArray[np.float64]) -> float:
    """Score lost per unit of f_S: the mean of f_S is the unscaled cut-off."""
    _, cutoffs = trigonometric_queries(members[None, :], angles)
    grid = 2 * np.pi * np.arange(8 * members.size) / (8 * members.size)
    mean = np.prod(1 - np.cos(grid[:, None] - angles[members]), axis=1).mean()
    return float(cutoffs[0] / mean)


def _score_errors(
    docs: NDArray[np.float64], query: NDArray[np.float64], digits: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variance of the rounding error of each score, and the spacing of numbers there."""
    terms = docs * query
    sums = np.cumsum(terms, axis=1)
    variance = ((query * _ulp(docs, digits)) ** 2).sum(axis=1)
    variance += (_ulp(terms, digits) ** 2).sum(axis=1) + (_ulp(sums[:, 1:], digits) ** 2).sum(
        axis=1
    )
    return variance / 12.0, _ulp(sums[:, -1], digits)


def _ulp(x: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    return np.ldexp(1.0, np.frexp(np.abs(x))[1] - digits)


def predicted_exact_n(k: int, dtype: str, *, largest: int = 1_000_000) -> int:
    """Predict the largest n that a format carries: the expected losses pass ln 2.
    With rare independent losses, none occurs with probability one half there.
    """
    low, high = 3 * k + 3, largest
    if expected_losses(high, k, dtype) < math.log(2):
        raise UsageError(f"{dtype} should carry all n up to {largest:,} for k = {k}")
    if expected_losses(low, k, dtype) >= math.log(2):
        raise UsageError(f"{dtype} should carry fewer than 3 k + 3 = {low} documents for k = {k}")
    while high - low > 1:
        middle = (low + high) // 2
        if expected_losses(middle, k, dtype) < math.log(2):
            low = middle
        else:
            high = middle
    return low


def precision_dimension(n: int, k: int, dtype: str) -> float:
    """Bound the dimension from below if margins below the spacing of the format are lost.
    ``ln C(n, k) / ln(1 + 2 / spacing)``, conditional on that premise.
    """
    if dtype not in SPACINGS:
        raise UsageError(f"dtype = {dtype!r}: {did_you_mean(dtype, SPACINGS)}")
    return log_subsets(n, k) / math.log1p(2.0 / SPACINGS[dtype])


def bits_dimension(n: int, k: int, dtype: str) -> int:
    """Bound the dimension of queries by counting bits: ``bits d >= log2 C(n, k)``.
    Unconditional: different subsets need different query vectors.
    """
    if dtype not in BITS:
        raise UsageError(f"dtype = {dtype!r}: {did_you_mean(dtype, BITS)}")
    return math.ceil(log_subsets(n, k) / math.log(2.0) / BITS[dtype] - 1e-9)
