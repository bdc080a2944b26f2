"""What averaging does to the distances between vectors: dilution, spread, semantic shift."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

from paper_utils.checks import as_vectors, unit_rows, whole
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.geometry.cosine import cosine_moments

METRICS = ("cosine", "euclidean", "sqeuclidean")

# Rows whose Euclidean distances are visited pair by pair: 100 million numbers at most.
_MOST_ROWS = 14_000


def mean_pairwise_distance(X: ArrayLike, metric: str = "cosine") -> float:
    """Mean distance of the distinct pairs of rows (n_items, d): of Gao et al. (arXiv 2603.21437).
    One minus the cosine, n/(n - 1) (1 - |m|²) with m the mean of the unit rows; the Euclidean
    distance, which visits every pair; or its square, 2n/(n - 1) Tr Σ. Equal rows have distance 0.
    """
    if metric not in METRICS:
        raise UsageError(f"no metric {metric!r}; {did_you_mean(metric, METRICS)}")
    if metric == "cosine":
        return 1 - cosine_moments(X).mean
    array = as_vectors(X, min_rows=2).astype(np.float64)
    n = len(array)
    if metric == "sqeuclidean":
        return 2 * float(array.var(axis=0).sum()) * n / (n - 1)
    if n > _MOST_ROWS:
        raise UsageError(
            f"metric 'euclidean' visits every pair and takes at most {_MOST_ROWS:,} rows, not "
            f"{n:,}; draw a sample, or take 'sqeuclidean'"
        )
    return float(pdist(array).mean())


def dilution(sentences: ArrayLike) -> float:
    """Mean cosine distance of the sentences of a text, shape (k, d), to their average.
    It is the definition of C_mean in Theorem 1 of Gao et al. (arXiv 2603.21437), of unit vectors: 0
    for equal sentences, else below 1. :func:`dilution_from_pairs` is the theorem's other side.
    """
    U = unit_rows(sentences, name="sentences")
    average = U.mean(axis=0)
    length = float(np.linalg.norm(average))
    if length < 1e-12:
        raise UsageError("the sentences average to zero: their average has no direction")
    return float(np.mean(1 - U @ average / length))


def dilution_from_pairs(c_pair: float, k: int) -> float:
    """Dilution from diversity, 1 - √(1 - (k - 1)/k · c_pair).
    Source: Theorem 1 of Gao et al. (arXiv 2603.21437). `c_pair`, 0 to k/(k - 1), is the mean cosine
    distance of the distinct pairs of k sentences. The mean of cos(e_i, average) is the length of
    the average, whose square stands under the root.
    """
    whole("k", k, least=1)
    squared = 1 - (k - 1) / k * c_pair if k > 1 else 1.0
    # Rounding of an average near zero, or of equal sentences, may step over the edge.
    if not -1e-9 <= squared <= 1 + 1e-9:
        raise UsageError(f"c_pair of {k} sentences is 0 to {k / (k - 1):.4g}, not {c_pair!r}")
    return 1 - math.sqrt(min(1.0, max(squared, 0.0)))


@dataclass(frozen=True, slots=True)
class SemanticShift:
    """Semantic shift of one text of `k` sentences, and what it is made of.
    `local` sums the cosine distances of neighbouring sentences; `dispersion` is the mean cosine
    distance of all distinct pairs.
    """

    k: int
    local: float
    dispersion: float

    @property
    def shift(self) -> float:
        """``local * dispersion``, as published: it grows with the number of sentences."""
        return self.local * self.dispersion

    @property
    def per_step(self) -> float:
        """``local / (k - 1) * dispersion``: free of the number of sentences."""
        return self.shift / (self.k - 1)


def semantic_shift(sentences: ArrayLike) -> SemanticShift:
    """Return how far a text (k, d) moves from sentence to sentence, and how widely it spreads.
    Gao et al. (arXiv 2603.21437), after secondary reports of the definition. Neighbours in
    exchangeable sentences are as distant as any pair, so on average local = (k - 1) C_pair and
    shift = (k - 1) C_pair², linear in the length: hence `per_step`.
    """
    U = unit_rows(sentences, name="sentences", min_rows=2)
    steps = 1 - (U[1:] * U[:-1]).sum(axis=1)
    return SemanticShift(len(U), float(steps.sum()), mean_pairwise_distance(U))
