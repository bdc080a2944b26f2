"""Codes of few bits for all pairs of documents: rounding, one-bit codes, what counting allows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import whole
from paper_utils.theory.construction import set_margins
from paper_utils.theory.margin import log_subsets

MOST_BITS = 30  #: of a coordinate, tried before a search gives up


def rounded(
    vectors: ArrayLike, bits: int, scale: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Round to the 2^bits middles of equal steps between -scale and scale; one bit is the sign."""
    whole("bits", bits, least=1, most=MOST_BITS)
    half = 2 ** (bits - 1)
    steps = np.floor(np.asarray(vectors, dtype=np.float64) / scale * half)
    return (np.clip(steps, -half, half - 1) + 0.5) * scale / half


def rounded_in_range(vectors: ArrayLike, bits: int) -> NDArray[np.float64]:
    """Round to 2^bits - 1 equally spaced numbers from -1 to 1, as a signed byte of 127ths does.
    The range does not follow the data, and zero is a level: with one bit all is zero.
    """
    whole("bits", bits, least=1, most=MOST_BITS)
    most = 2 ** (bits - 1) - 1
    x = np.clip(np.asarray(vectors, dtype=np.float64), -1.0, 1.0)
    return np.rint(x * most) / max(most, 1)


def returns_all(docs: NDArray, queries: NDArray, sets: NDArray[np.int64]) -> bool:
    """Whether every set is the strict top-k of its query; what rounding made equal is a loss."""
    # Products of rounded numbers are exact in double precision up to the order of sums.
    return bool(set_margins(docs, queries, sets).min() > 1e-14 * np.abs(docs).max())


def pairs_by_sums(codes: ArrayLike) -> bool:
    """Whether the sum of each two rows of signs (n, d) returns exactly these two.
    A third row l fails to stand below i and j only where no coordinate has x_i = x_j != x_l.
    """
    x = np.asarray(codes) > 0
    for first in range(len(x) - 1):
        agree = x[first + 1 :] == x[first]
        differs = (x != x[first]).astype(np.float32)
        apart = agree.astype(np.float32) @ differs.T  # coordinates that part l from i and j
        apart[:, first] = 1
        apart[np.arange(len(agree)), first + 1 + np.arange(len(agree))] = 1
        if not apart.all():
            return False
    return True


def greedy_signs(d: int, *, patience: int = 2000, seed: int = 0) -> NDArray[np.int8]:
    """Take random rows of d signs as long as sums return all pairs; stop after `patience` misses.
    Returns (n, d) of -1 and 1.
    """
    whole("d", d, least=2, most=62)
    rng, every = np.random.default_rng(seed), (1 << d) - 1
    taken = np.empty(0, dtype=np.int64)
    agree, one = taken.copy(), taken.copy()  # of each pair: where it agrees, and one of the two
    misses = 0
    while misses < patience:
        new = int(rng.integers(0, 1 << d))
        misses += 1
        if (taken == new).any() or ((agree & (one ^ new)) == 0).any():
            continue
        alike = ~(taken ^ new) & every
        inside = (alike[:, None] & (taken ^ new)) == 0
        np.fill_diagonal(inside, val=False)
        if inside.any():
            continue
        agree, one = np.concatenate([agree, alike]), np.concatenate([one, taken])
        taken, misses = np.append(taken, new), 0
    return (2 * (taken[:, None] >> np.arange(d) & 1) - 1).astype(np.int8)


def random_signs_dimension(n: int, chance: float = 0.5) -> float:
    """Return the dimension in which random signs return all pairs by sums with that chance.
    A triple fails with probability (3/4)^d. There are C(n, 2) (n - 2) of them, taken as independent
    rare events. Below 1 expected failure, some choice of signs has none.
    """
    whole("n", n, least=3)
    triples = log_subsets(n, 2) + math.log(n - 2)
    return (triples - math.log(-math.log(chance))) / math.log(4 / 3)


def bits_for_documents(n: int, k: int, d: int) -> float:
    """Bound the bits of a coordinate of documents from below where queries are not rounded.
    All sums of k documents differ, for a query returns one set and not the other: a coordinate of a
    sum has k (2^b - 1) + 1 values, so that to the power d is at least C(n, k).
    """
    whole("d", d, least=1)
    return math.log2(math.expm1(log_subsets(n, k) / d) / k + 1)
