"""Which k-subsets survive the rounding of scores, for the trigonometric construction.

Arithmetic is modelled so that no library's summation order decides: float64 vectors are rounded
to the format, products are added one coordinate after the other with a rounding after each
(``accumulate='same'``), or kept in float32 and rounded once at the end (``'float32'``).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.theory.construction import (
    check_sets,
    equal_angles,
    trigonometric_curve,
    trigonometric_queries,
)
from paper_utils.theory.relevance import all_subsets, check_subset_size

FORMATS = {"float16": np.float16, "float32": np.float32, "float64": np.float64}
MAX_SCORES = 2_000_000_000


def _format(dtype: str) -> type[np.floating]:
    if dtype not in FORMATS:
        raise UsageError(f"dtype = {dtype!r}: {did_you_mean(dtype, FORMATS)}")
    return FORMATS[dtype]


def rounded_scores(
    queries: ArrayLike, docs: ArrayLike, dtype: str, *, accumulate: str = "same"
) -> NDArray[np.floating]:
    """Return inner products (m, n) with every rounding of a plain loop over the coordinates.
    `queries` (m, d) and `docs` (n, d) are rounded to the format first.
    """
    kind = _format(dtype)
    if accumulate not in ("same", "float32"):
        raise UsageError(
            f"accumulate = {accumulate!r}: {did_you_mean(accumulate, ('same', 'float32'))}"
        )
    inner = kind if accumulate == "same" else np.float32
    Q = np.asarray(queries, dtype=np.float64).astype(kind).astype(inner)
    D = np.asarray(docs, dtype=np.float64).astype(kind).astype(inner)
    scores = np.zeros((len(Q), len(D)), dtype=inner)
    for q, v in zip(Q.T, D.T, strict=True):
        scores += q[:, None] * v
    return scores.astype(kind, copy=False)


def lost_sets(
    docs: ArrayLike,
    queries: ArrayLike,
    sets: ArrayLike,
    dtype: str,
    *,
    accumulate: str = "same",
    block: int = 1024,
) -> int:
    """Count sets that are not the strict top-k of their query in the given format; ties are lost.
    `docs` (n, d), `queries` (n_sets, d), `sets` (n_sets, k); `block` queries are scored at a time.
    """
    D, Q = np.asarray(docs, dtype=np.float64), np.asarray(queries, dtype=np.float64)
    members = check_sets(sets, len(D))
    lost = 0
    for start in range(0, len(members), block):
        part = members[start : start + block]
        scores = rounded_scores(Q[start : start + block], D, dtype, accumulate=accumulate)
        inside = np.take_along_axis(scores, part, axis=1).min(axis=1)
        np.put_along_axis(scores, part, -np.inf, axis=1)
        lost += int((inside <= scores.max(axis=1)).sum())
    return lost


def lost_on_curve(n: int, k: int, dtype: str, *, accumulate: str = "same") -> int:
    """Count the k-subsets of n equally spaced documents on the curve that a format loses."""
    sets = all_subsets(n, k)
    if len(sets) * n > MAX_SCORES:
        raise UsageError(
            f"n = {n}, k = {k}: {len(sets) * n:,} scores; the limit is {MAX_SCORES:,} "
            "(lost_worst_sets checks those of narrowest margin)"
        )
    angles = equal_angles(n)
    queries, _ = trigonometric_queries(sets, angles)
    return lost_sets(trigonometric_curve(angles, k), queries, sets, dtype, accumulate=accumulate)


def largest_exact_n(
    k: int, dtype: str, *, accumulate: str = "same", limit: int = 1000
) -> tuple[int, int]:
    """Return the largest n up to which a format loses no k-subset on the curve; losses at n + 1.
    A property of this construction, query and order of rounding, not a maximum over embeddings.
    """
    for n in range(k + 1, limit + 1):
        lost = lost_on_curve(n, k, dtype, accumulate=accumulate)
        if lost:
            return n - 1, lost
    raise UsageError(f"{dtype} loses no {k}-subset up to n = {limit}; raise the limit")


def lost_worst_sets(n: int, k: int, dtype: str, *, block: int = 200_000) -> tuple[int, int]:
    """Return how many of the sets of narrowest margin are lost, and how many were checked.
    They are k of k + 1 neighbours, in every rotation: for n in the ten thousands not all subsets
    can be checked. Only documents within k + 1 steps are rivals; the others are lower by more than
    any rounding error.
    """
    check_subset_size(n, k)
    kind = _format(dtype)
    if n < 3 * k + 3:
        raise UsageError(f"n = {n} is too small for sets around a hole; use lost_on_curve")
    angles = equal_angles(n)
    docs = trigonometric_curve(angles, k).astype(kind)
    lost = 0
    # One shape a hole position 0..k of k + 1 consecutive documents; the ends mean no hole.
    for hole in range(k + 1):
        shape = np.delete(np.arange(k + 1), hole)
        reach = np.arange(-k - 1, 2 * k + 2)
        rivals = np.setdiff1d(reach, shape)
        for start in range(0, n, block):
            first = np.arange(start, min(start + block, n))[:, None]
            inside, outside = (first + shape) % n, (first + rivals) % n
            queries = trigonometric_queries(inside, angles)[0].astype(kind)
            low = _dots(queries, docs, inside).min(axis=1)
            high = _dots(queries, docs, outside).max(axis=1)
            lost += int((low <= high).sum())
    return lost, n * (k + 1)


def _dots(queries: NDArray, docs: NDArray, members: NDArray) -> NDArray:
    """Scores of each query with its own list of documents, rounded after each step."""
    scores = np.zeros(members.shape, dtype=docs.dtype)
    for c in range(docs.shape[1]):
        scores += queries[:, c, None] * docs[:, c][members]
    return scores


def narrowest_margin(n: int, k: int) -> float:
    r"""Return the leading term of the least margin of n equally spaced documents on the curve.
    :math:`(\lfloor k/2\rfloor!\,\lceil k/2\rceil!)^2 (2\pi/n)^{2k} / (2^k \sqrt{k}\, W_k)` with
    :math:`W_k^2 = \tfrac{2}{4^k}(\binom{4k}{2k} - \binom{2k}{k}^2)`: the set lies around one hole,
    at whose place :math:`f_S` is least.
    """
    check_subset_size(n, k)
    half = math.factorial(k // 2) * math.factorial(k - k // 2)
    length = math.sqrt(2.0 / 4**k * (math.comb(4 * k, 2 * k) - math.comb(2 * k, k) ** 2))
    return half**2 * (2 * math.pi / n) ** (2 * k) / (2**k * math.sqrt(k) * length)
