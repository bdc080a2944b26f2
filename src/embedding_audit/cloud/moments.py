"""Mean and scatter of directions from one pass, merged block by block, and what follows from them.

Moments are centred before they are summed, and merged by the formula of Chan, Golub and LeVeque
(1979): neither a large mean nor many blocks cost digits. Rows are dealt to a few groups; leaving
out one after the other gives the intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.points import Points
from embedding_audit.measure import Measure, from_jackknife
from paper_utils.geometry.dimension import components_for, entropy_rank

_ROOM = 400 * 2**20  #: bytes that the scatters of all groups may take
_MOST_GROUPS, _FEWEST_GROUPS = 20, 5

# Squared distance to the mean direction below which unit vectors, once in single precision, are
# equal up to rounding.
_COINCIDE = 1e-14

_BLOCK, _TASK = 8192, 65_536  # points in double precision at a time, and of one task


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Moments:
    """Number, mean and centred scatter (sum of a a' over the centred vectors a) of some vectors."""

    n: int
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]

    @cached_property
    def spectrum(self) -> NDArray[np.float64]:
        """Eigenvalues of the covariance (divisor n), largest first, none negative."""
        return np.clip(np.linalg.eigvalsh(self.scatter / self.n)[::-1], 0.0, None)

    @cached_property
    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Eigenvalues of the covariance, the least first, none negative, and their vectors."""
        values, vectors = np.linalg.eigh(self.scatter / self.n)
        return np.clip(values, 0.0, None), vectors

    @classmethod
    def of(cls, rows: NDArray[np.float64]) -> Moments:
        """Return the moments of some rows; of none they are zero."""
        n, d = rows.shape
        if n == 0:
            return cls(0, np.zeros(d), np.zeros((d, d)))
        mean = rows.mean(axis=0)
        centred = rows - mean
        return cls(n, mean, centred.T @ centred)

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets together."""
        n = self.n + other.n
        if n == 0:
            return self
        gap = other.mean - self.mean
        mean = self.mean + gap * (other.n / n)
        between = np.outer(gap, gap) * (self.n * other.n / n)
        return Moments(n, mean, self.scatter + other.scatter + between)

    def without(self, part: Moments) -> Moments:
        """Return the moments of what is left when `part` is taken out again."""
        n = self.n - part.n
        if n == 0:
            return Moments.of(np.empty((0, len(self.mean))))
        mean = self.mean + (self.mean - part.mean) * (part.n / n)
        gap = part.mean - mean
        between = np.outer(gap, gap) * (n * part.n / self.n)
        return Moments(n, mean, self.scatter - part.scatter - between)


def number_of_groups(d: int) -> int:
    """Return how many groups rows of `d` columns are dealt to: 20, fewer where d is large."""
    return int(np.clip(_ROOM // (8 * d * d), _FEWEST_GROUPS, _MOST_GROUPS))


def grouped(unit: NDArray[np.float64], places: NDArray[np.int64], groups: int) -> list[Moments]:
    """Return the moments of each group; the row at place i belongs to group i modulo `groups`."""
    group = places % groups
    return [Moments.of(unit[group == g]) for g in range(groups)]


def in_double(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return unit vectors in double precision: those of single precision are of unit length only
    up to 1e-7. A row of zeros stays one.
    """
    exact = rows.astype(np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", exact, exact))
    norms[norms == 0] = 1
    exact /= norms[:, None]
    return exact


def moments_of(
    points: Points, groups: int, where: Workers | None = None, what: str = "moments"
) -> list[Moments]:
    """Return the moments of unit vectors, dealt to groups by their places."""
    tasks = [(a, min(a + _TASK, points.n)) for a in range(0, points.n, _TASK)]
    parts = (where or Workers()).map(_of_task, (points, groups), tasks, what)
    total = None
    for part in parts:
        total = merge_groups(total, part)
    return total or []


def _of_task(shared: tuple[Points, int], task: tuple[int, int]) -> list[Moments]:
    (points, groups), (first, last), total = shared, task, None
    for start in range(first, last, _BLOCK):
        stop = min(start + _BLOCK, last)
        block = in_double(points.block(start, stop))
        total = merge_groups(total, grouped(block, points.places(start, stop), groups))
    return total or []


def merged(parts: list[Moments]) -> Moments:
    """Return the moments of all parts together."""
    return reduce(Moments.merge, parts)


def merge_groups(old: list[Moments] | None, new: list[Moments]) -> list[Moments]:
    """Return the moments of each group, those of `old` (None: there are none yet) with `new`."""
    return new if old is None else [a.merge(b) for a, b in zip(old, new, strict=True)]


def cosine_statistics(m: Moments) -> dict[str, float]:
    """Return mean and variance of the cosine of two distinct unit vectors, and their parts.
    The numbers of :func:`paper_utils.geometry.cosine.cosine_moments`, from moments alone: ``mean``,
    ``variance``, ``mu2``, ``spectral``, ``cross``, ``cross_share``, ``inverse_d_eff``.
    """
    n = m.n
    C = m.scatter / n
    spread = float(np.trace(C))
    if spread <= _COINCIDE:
        return {"mean": 1.0, "variance": 0.0, "mu2": 1.0, "spectral": 0.0, "cross": 0.0} | {
            "cross_share": math.nan,
            "inverse_d_eff": math.nan,
        }
    spectral = float((C * C).sum())
    cross = 2 * float(m.mean @ C @ m.mean)
    variance = n / (n - 1) * (spectral + cross - spread**2 / (n - 1))
    return {
        "mean": 1 - spread * n / (n - 1),
        "variance": max(0.0, variance) if n > 2 else 0.0,
        "mu2": float(m.mean @ m.mean) if spread > 0.5 else 1 - spread,
        "spectral": spectral,
        "cross": cross,
        "cross_share": cross / (spectral + cross),
        "inverse_d_eff": spectral / spread**2,
    }


def trace_dimensions(m: Moments) -> dict[str, float]:
    """Return the participation ratio, plain and unbiased, IsoScore, and the unbiased one over d.
    Of at least four unit vectors; that they have unit length gives the fourth moment.
    """
    n, d = m.n, len(m.mean)
    names = ("participation", "unbiased", "isoscore", "share")
    tr_t, tr_t2 = float(np.trace(m.scatter)), float((m.scatter * m.scatter).sum())
    if n < 4 or tr_t / n <= _COINCIDE:
        return dict.fromkeys(names, math.nan)
    # |a|² = mean |a|² - 2 a'm for unit vectors, and a'm has mean zero.
    fourth = tr_t**2 / n + 4 * float(m.mean @ m.scatter @ m.mean)
    plug_in, unbiased = tr_t**2 / tr_t2, _unbiased(n, tr_t, tr_t2, fourth)
    isoscore = (plug_in - 1) / (d - 1)
    return dict(zip(names, (plug_in, unbiased, isoscore, unbiased / d), strict=True))


def _unbiased(n: int, tr_t: float, tr_t2: float, fourth: float) -> float:
    """The ratio of the unbiased estimators of (Tr Σ)² and Tr Σ² (Himeno & Yamada 2014), from the
    traces of the scatter and of its square and the sum of |a|⁴; infinite where the latter is not
    positive.
    """
    first, second, q = tr_t / (n - 1), tr_t2 / (n - 1) ** 2, fourth / (n - 1)
    sigma2 = (n - 1) * (n - 2) * second + first**2 - n * q
    trace2 = 2 * second + (n * n - 3 * n + 1) * first**2 - n * q
    return trace2 / sigma2 if sigma2 > 0 else math.inf


def spectral_dimensions(m: Moments) -> dict[str, float]:
    """Return the dimensions that need the eigenvalues; ``rankme`` is of directions not centred."""
    values = m.spectrum
    if values.sum() <= _COINCIDE:
        names = ("effective_rank", "stable_rank", "components_90", "rankme")
        return dict.fromkeys(names, math.nan)
    second = m.scatter / m.n + np.outer(m.mean, m.mean)
    singular = np.sqrt(np.clip(np.linalg.eigvalsh(second), 0.0, None))
    return {
        "effective_rank": entropy_rank(values),
        "stable_rank": float(values.sum() / values[0]),
        "components_90": float(components_for(values, 0.9)),
        "rankme": entropy_rank(singular),
    }


def with_intervals(
    parts: list[Moments], statistics: Callable[[Moments], Mapping[str, float]]
) -> dict[str, Measure]:
    """Return the statistics of all rows, with intervals from leaving out one group at a time."""
    total = merged(parts)
    left = [total.without(part) for part in parts if part.n]
    few = min(rest.n for rest in left) < 4
    whole, without = statistics(total), [] if few else list(map(statistics, left))
    return {
        name: from_jackknife(value, [found[name] for found in without], total.n)
        for name, value in whole.items()
    }
