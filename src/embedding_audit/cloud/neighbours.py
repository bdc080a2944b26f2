"""Exact nearest neighbours of many points, block by block, and the hubs among them.

Every query is compared with every point. Above a size that the user sets only a random sample of
the points are queries; the moments of the k-occurrence are then estimated without bias: sampling
thins a count, and its factorial moments shrink by known factors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.points import Points
from embedding_audit.measure import Measure, from_jackknife, not_measured, share_of
from paper_utils.geometry.hubness import robin_hood_index
from paper_utils.search.topk import top_k

BLOCK, CHUNK = 65_536, 8_192  #: points that are compared at a time, and queries

GROUPS = 20  #: groups of queries that are left out one after the other for the intervals


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Lists:
    """The nearest neighbours of some points."""

    n_points: int
    queries: NDArray[np.int64]  # numbers of the points that are queries, ascending
    indices: NDArray[np.int64]  # (n_queries, k), best first; never themselves
    scores: NDArray[np.float32]  # (n_queries, k), cosines

    @property
    def k(self) -> int:
        """Neighbours of a query."""
        return self.indices.shape[1]

    @property
    def whole(self) -> bool:
        """Whether every point is a query."""
        return len(self.queries) == self.n_points


def merge_lists(
    indices: list[NDArray[np.int64]], scores: list[NDArray[np.float32]], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Merge ranked lists over ascending blocks of points; equal scores go by the lower index."""
    everything = np.concatenate(scores, axis=1)
    order = np.argsort(-everything, axis=1, kind="stable")[:, :k]
    places = np.concatenate(indices, axis=1)
    return np.take_along_axis(places, order, axis=1), np.take_along_axis(everything, order, axis=1)


def nearest(
    points: Points,
    queries: NDArray[np.int64],
    k: int,
    where: Workers | None = None,
    what: str = "neighbours",
) -> Lists:
    """Find the `k` nearest other points of the points numbered `queries` (ascending), exactly."""
    rows = points.take(queries)
    blocks = [(a, min(a + BLOCK, points.n)) for a in range(0, points.n, BLOCK)]
    chunks = [(a, min(a + CHUNK, len(rows))) for a in range(0, len(rows), CHUNK)]
    tasks = [(block, chunk) for block in blocks for chunk in chunks]
    found: dict[tuple[int, int], tuple[NDArray, NDArray]] = {}
    results = (where or Workers()).map(_block_lists, (points, rows, queries, k), tasks, what)
    for (_, chunk), part in zip(tasks, results, strict=True):
        if chunk in found:
            old = found[chunk]
            part = merge_lists([old[0], part[0]], [old[1], part[1]], k)
        found[chunk] = part
    indices = np.concatenate([found[chunk][0] for chunk in chunks])
    scores = np.concatenate([found[chunk][1] for chunk in chunks])
    return Lists(points.n, queries, indices, scores)


def _block_lists(shared, task) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The best points of one block for one chunk of queries, each query's own point left out."""
    points, rows, queries, k = shared
    (start, stop), (first, last) = task
    block = np.ascontiguousarray(points.block(start, stop))
    indices, scores = top_k(rows[first:last], block, min(k + 1, len(block)), metric="dot")
    indices = indices + start
    own = indices == queries[first:last, None]
    missing = ~own.any(axis=1)  # a list without its own point gives up its last one
    own[missing, -1] = True
    if indices.shape[1] <= k and missing.any():  # a small block: nothing may be given up
        scores = np.where(own & ~missing[:, None], -np.inf, scores)
        order = np.argsort(-scores, axis=1, kind="stable")
        return np.take_along_axis(indices, order, 1), np.take_along_axis(scores, order, 1)
    shape = (len(indices), indices.shape[1] - 1)
    return indices[~own].reshape(shape), scores[~own].reshape(shape)


def sample(n: int, most: int, seed: int) -> NDArray[np.int64]:
    """Return at most `most` of the numbers 0 to n - 1, drawn without replacement, ascending."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, n]).choice(n, most, replace=False))


def hub_measures(lists: Lists) -> dict[str, Measure]:
    """Measure the k-occurrence: ``skewness``, ``antihubs``, ``robin_hood`` and ``largest``.
    All but the first need every point as a query. Intervals are for other queries of the same kind.
    """
    m, n, k = len(lists.queries), lists.n_points, lists.k
    counts = _grouped_counts(lists)
    total, groups = counts.sum(axis=0), len(counts)
    sizes = [len(range(group, m, groups)) for group in range(groups)]
    value, left = _skewnesses(lists)
    found = {"skewness": from_jackknife(value, left, m)}
    if not lists.whole:
        why = f"{m:,} of {n:,} points are queries; all must be (raise exact_up_to)"
        rest = dict.fromkeys(("antihubs", "robin_hood", "largest"), not_measured(why))
        return found | rest
    found["antihubs"] = share_of(float((total == 0).mean()), n)
    hoods = [robin_hood_index(total - counts[g]) for g in range(groups) if m > sizes[g]]
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


def _grouped_counts(lists: Lists) -> NDArray[np.int32]:
    groups = min(GROUPS, len(lists.queries))
    counts = np.zeros((groups, lists.n_points), dtype=np.int32)
    for group in range(groups):
        near = lists.indices[group::groups].ravel()
        counts[group] = np.bincount(near, minlength=lists.n_points)
    return counts


def _skewnesses(lists: Lists) -> tuple[float, list[float]]:
    """Skewness by all queries, and with each group of queries left out."""
    m, n = len(lists.queries), lists.n_points
    counts = _grouped_counts(lists)
    total, groups = counts.sum(axis=0), len(counts)
    left = [_skewness(total - counts[g], m - len(range(g, m, groups)), n) for g in range(groups)]
    return _skewness(total, m, n), left


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


def with_duplicates(lists: Lists, point_of_row: NDArray[np.int64]) -> Lists:
    """Return the lists (scores 1 inside a point) that the rows get where equal rows stay apart.
    A row first finds the other rows of its own point, then those of the neighbours of its point;
    equal rows come in the order of the file, as an exact search shows them.
    """
    k, n = lists.k, len(point_of_row)
    order = np.argsort(point_of_row, kind="stable")
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
    return Lists(n, np.arange(n), indices, scores)


def two_nearest_dimension(
    points: Points, lists: Lists, *, most: int = 5_000, seed: int = 0
) -> Measure:
    """Estimate the intrinsic dimension from the two nearest neighbours (Facco et al. 2017).
    `points` are all different, and at most `most` queries are used; distances of the nearest are
    computed again in double precision.
    """
    if lists.k < 3:
        return not_measured("fewer than three neighbours")
    some = sample(len(lists.queries), most, seed)
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
    mu = np.sort(distances[positive, 1] / distances[positive, 0])
    used = int(0.9 * len(mu))  # the largest tenth is discarded there
    if used < 9:
        return not_measured("too few different points")
    x = np.log(mu[:used])
    y = -np.log1p(-np.arange(1, used + 1) / len(mu))
    if not x.any():
        return not_measured("the two nearest neighbours of every point are equally far")
    value = float(x @ y / (x @ x))
    # house rule: the estimator's asymptotic error over n rows
    half = 1.96 * value / math.sqrt(n)
    return Measure(value, value - half, value + half, n=n)
