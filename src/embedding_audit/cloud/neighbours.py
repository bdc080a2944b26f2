"""Exact nearest neighbours of many points, and the hubs among them.

Every query is compared with every point. Above a size that the user sets only a random sample of
the points are queries; the moments of the k-occurrence are then estimated without bias: sampling
thins a count, and its factorial moments shrink by known factors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.points import Points, sample
from embedding_audit.cloud.products import best
from embedding_audit.measure import Measure, from_jackknife, not_measured, share_of

GROUPS = 20  #: groups of queries that are left out one after the other for the intervals


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Lists:
    """The nearest neighbours of some points."""

    n_points: int
    queries: NDArray[np.int64]  # numbers of the points that are queries, ascending
    indices: NDArray[np.int64]  # (n_queries, k), best first; never themselves
    scores: NDArray[np.float32]  # (n_queries, k), by the metric
    order: NDArray[np.int64]  # (n_queries,), place of each query among them, by content

    @property
    def k(self) -> int:
        """Neighbours of a query."""
        return self.indices.shape[1]

    @property
    def whole(self) -> bool:
        """Whether every point is a query."""
        return len(self.queries) == self.n_points


def nearest(
    points: Points,
    queries: NDArray[np.int64],
    k: int,
    where: Workers | None = None,
    what: str = "neighbours",
    metric: str = "cosine",
) -> Lists:
    """Find the `k` nearest other points of the points numbered `queries` (ascending), exactly."""
    found = best(points.take(queries), points, k, metric, queries, where, what)
    order = np.arange(len(queries))
    if points.place is not None:
        order[np.argsort(points.place[queries])] = np.arange(len(queries))
    return Lists(points.n, queries, *found, order)


def hub_measures(lists: Lists) -> dict[str, Measure]:
    """Measure the k-occurrence: ``skewness``, ``antihubs``, ``robin_hood`` and ``largest``.
    All but the first need every point as a query. Intervals are for other queries of the same kind.
    """
    m, n, k = len(lists.queries), lists.n_points, lists.k
    total = counts_of(lists)
    found = {"skewness": from_jackknife(*_skewnesses(lists), m)}
    if not lists.whole:
        why = f"{m:,} of {n:,} points are queries; all must be (raise exact_up_to)"
        rest = dict.fromkeys(("antihubs", "robin_hood", "largest"), not_measured(why))
        return found | rest
    found["antihubs"] = share_of(float((total == 0).mean()), n)
    hoods = [robin_hood_index(counts) for counts, _ in _left_out(lists) if counts.any()]
    found["robin_hood"] = from_jackknife(robin_hood_index(total), hoods, m)
    largest = int(total.max())
    # house rule: a binomial count over m rows
    error = 1.96 * math.sqrt(largest * (1 - largest / m))
    found["largest"] = Measure(largest, max(float(k), largest - error), largest + error, n=m)
    return found


def skewness_gain(before: Lists, after: Lists) -> Measure:
    """Return by how much the skewness falls between two kinds of list of the same queries."""
    (first, left), (second, left_after) = _skewnesses(before), _skewnesses(after)
    gaps = [a - b for a, b in zip(left, left_after, strict=True)]
    return from_jackknife(first - second, gaps, len(before.queries))


def _left_out(lists: Lists) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Yield the counts with each group of queries left out, and how many queries are left."""
    groups = min(GROUPS, len(lists.queries))
    total = counts_of(lists)
    for group in range(groups):
        mine = lists.order % groups == group
        own = np.bincount(lists.indices[mine].ravel(), minlength=lists.n_points)
        yield total - own, int((~mine).sum())


def _skewnesses(lists: Lists) -> tuple[float, list[float]]:
    """Skewness by all queries, and with each group of queries left out."""
    n = lists.n_points
    left = [_skewness(counts, queries, n) for counts, queries in _left_out(lists)]
    return _skewness(counts_of(lists), len(lists.queries), n), left


def _skewness(seen: NDArray, queries: int, n: int) -> float:
    """Skewness of the occurrences with all n points as queries, from those of a sample.
    With m of M queries drawn without replacement, E (c)_r = (N)_r (m)_r / (M)_r for the falling
    factorials of the thinned count c of a point that occurs N times.
    """
    c = seen.astype(np.float64)
    factorial, scale = [], 1.0
    power = np.ones_like(c)
    for r in range(3):
        power = power * (c - r)
        if queries <= r:
            return math.nan
        scale *= (n - r) / (queries - r)
        factorial.append(float(power.sum()) / n * scale)
    f1, f2, f3 = factorial
    e1, e2, e3 = f1, f2 + f1, f3 + 3 * f2 + f1
    variance = e2 - e1**2
    if variance <= 1e-12:
        return math.nan
    return (e3 - 3 * e1 * e2 + 2 * e1**3) / variance**1.5


def counts_of(lists: Lists) -> NDArray[np.int64]:
    """Return how often each point is in the lists."""
    return np.bincount(lists.indices.ravel(), minlength=lists.n_points)


def with_duplicates(
    lists: Lists, point_of_row: NDArray[np.int64], places: NDArray[np.int64]
) -> Lists:
    """Return the lists (scores 1 inside a point) that the rows get where equal rows stay apart.
    A row first finds the other rows of its own point, then those of the neighbours of its point;
    equal rows come in one order everywhere, as an exact search shows them. `places` are those of
    the rows.
    """
    k, n = lists.k, len(point_of_row)
    order = np.lexsort((places, point_of_row))
    sizes = np.bincount(point_of_row, minlength=lists.n_points)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    indices = np.empty((n, k), dtype=np.int64)
    scores = np.empty((n, k), dtype=np.float32)
    # Where neither a point nor a neighbour stands for several rows, numbers alone change.
    alone = (sizes == 1) & (sizes[lists.indices] == 1).all(axis=1)
    first = order[starts[:-1]]
    indices[first[alone]] = first[lists.indices[alone]]
    scores[first[alone]] = lists.scores[alone]
    for point in np.flatnonzero(~alone):
        mine = order[starts[point] : starts[point + 1]]
        found, values = [], []
        if len(mine) <= k:
            for other, cosine in zip(lists.indices[point], lists.scores[point], strict=True):
                rows = order[starts[other] : starts[other + 1]]
                found.extend(rows[: k - len(found)].tolist())
                values.extend([cosine] * (len(found) - len(values)))
                if len(found) >= k:
                    break
        for row in mine:
            same = [other for other in mine[: k + 1].tolist() if other != row][:k]
            indices[row] = (same + found)[:k]
            scores[row] = ([1.0] * len(same) + values)[:k]
    return Lists(n, np.arange(n), indices, scores, places)


def robin_hood_index(counts: NDArray[np.int64]) -> float:
    """Return the share of all occurrences that must move until all points have equally many."""
    return float(np.abs(counts - counts.mean()).sum() / (2 * counts.sum()))


def random_lists(k: int) -> dict[str, float]:
    """Return the measures of the Poisson counts that lists of k points drawn at random have."""
    # De Moivre: the mean absolute deviation of a Poisson number is 2 k P(N = k).
    likely = math.exp(k * math.log(k) - k - math.lgamma(k + 1))
    return {"skewness": k**-0.5, "antihubs": math.exp(-k), "robin_hood": likely}


def two_nearest_dimension(
    points: Points, lists: Lists, *, most: int = 5_000, seed: int = 0
) -> Measure:
    """Estimate the intrinsic dimension from the two nearest neighbours (Facco et al. 2017).
    `points` are all different, and at most `most` queries are used; distances of the nearest are
    computed again in double precision.
    """
    if lists.k < 3:
        return not_measured("fewer than three neighbours")
    some = lists.order.argsort()[sample(len(lists.queries), most, seed)]
    near = lists.indices[some][:, : min(8, lists.k)]
    queries = lists.queries[some]  # read at once: a null is made anew for every pass over it
    needed = np.union1d(queries, near)
    rows = points.take(needed)
    own = rows[np.searchsorted(needed, queries)].astype(np.float64)
    distances = np.empty(near.shape)
    for place in range(near.shape[1]):
        gap = own - rows[np.searchsorted(needed, near[:, place])]
        distances[:, place] = np.sqrt((gap * gap).sum(axis=1))
    distances = np.sort(distances, axis=1)[:, :2]
    n = len(some)
    positive = distances[:, 0] > 0
    slope = two_nearest_slope(distances[positive, 1] / distances[positive, 0])
    if slope is None:
        return not_measured("too few points whose two nearest neighbours are not equally far")
    # house rule: the estimator's asymptotic error over n rows
    half = 1.96 * slope / math.sqrt(n)
    return Measure(slope, slope - half, slope + half, n=n)


def two_nearest_slope(ratios: NDArray[np.float64]) -> float | None:
    """Return the dimension by the ratios of the second distance to the first; None if too few.
    A line through the origin is fitted to all but the largest tenth.
    """
    mu = np.sort(ratios)
    used = int(0.9 * len(mu))
    x = np.log(mu[:used])
    y = -np.log1p(-np.arange(1, used + 1) / max(len(mu), 1))
    return float(x @ y / (x @ x)) if used >= 9 and x.any() else None
