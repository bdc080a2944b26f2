"""What the directions of the rows look like, each number beside what two nulls give."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.moments import (
    Moments,
    cosine_statistics,
    merged,
    spectral_dimensions,
    trace_dimensions,
    with_intervals,
)
from embedding_audit.cloud.neighbours import (
    Lists,
    counts_of,
    hub_measures,
    nearest,
    sample,
    skewness_gain,
    two_nearest_dimension,
    with_duplicates,
)
from embedding_audit.cloud.overlap import Setting, applicable, overlaps
from embedding_audit.cloud.points import (
    NULL_QUERIES,
    QUERIES,
    Centred,
    FilePoints,
    Gaussian,
    InMemoryPoints,
    Points,
    Shuffled,
    in_memory,
    moments_of,
)
from embedding_audit.cloud.scan import Scan
from embedding_audit.measure import Measure, all_beside, difference, not_measured, share_of, under
from embedding_audit.readers import Vectors
from paper_utils.geometry.hubness import poisson_reference
from paper_utils.geometry.spectrum import gaussian_cosine_moments

STABILITY_QUERIES, STABILITY_NULL_QUERIES = 500, 100  #: queries of the stability; in the nulls

NULL_ROWS = 50_000  #: rows of a null of which only moments are taken

_FEW_COLUMNS = 1024  # eigenvalues of every group left out, up to here


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Cloud:
    """The usable rows of a file, scanned."""

    scan: Scan
    rows: Points  # every usable row
    distinct: Points  # one of each direction
    moments: Moments  # of all usable rows
    k: int  # neighbours
    exact_up_to: int  # points up to which all of them are queries
    seed: int  # of every sample
    _nulls: dict[int, dict[str, Points]] = field(default_factory=dict)

    @classmethod
    def of(cls, vectors: Vectors, scan: Scan, k: int, exact_up_to: int, seed: int) -> Cloud:
        """Return the cloud of a scanned file."""
        rows = in_memory(FilePoints(vectors, scan.used))
        if len(scan.first) == len(scan.used):
            distinct: Points = rows
        elif isinstance(rows, InMemoryPoints):
            distinct = InMemoryPoints(rows.rows[scan.first])
        else:
            distinct = FilePoints(vectors, scan.used[scan.first])
        moments = merged(scan.groups)
        return cls(scan, rows, distinct, moments, min(k, distinct.n - 1), exact_up_to, seed)

    def nulls(self, n: int) -> dict[str, Points]:
        """Return a Gaussian and a shuffled cloud of `n` points; fewer are the first of more."""
        if n not in self._nulls:
            whole = self._gaussian
            if isinstance(whole, InMemoryPoints):
                gaussian: Points = InMemoryPoints(whole.rows[:n])
            else:
                gaussian = in_memory(replace(whole, n=n))
            shuffled = Shuffled(n, self._pool, self.seed)
            self._nulls[n] = {"gaussian": gaussian, "shuffled": shuffled}
        return self._nulls[n]

    @cached_property
    def _gaussian(self) -> InMemoryPoints | Gaussian:
        return in_memory(Gaussian.like(self.moments, self.rows.n, self.seed))

    @cached_property
    def _pool(self) -> NDArray[np.float32]:
        return Shuffled.like(self.rows, self.rows.n, self.seed).pool


def row_measures(scan: Scan) -> dict[str, Measure]:
    """Count rows that cannot be used, and rows that say the same."""
    n, used = scan.n_rows, len(scan.used)
    counts = {"total": n, "used": used}
    counts |= {name: len(getattr(scan, name)) for name in ("nan", "infinite", "zero")}
    found = {name: Measure(count, n=n) for name, count in counts.items()}
    share = 1 - len(scan.first) / used
    found["duplicate_share"] = share_of(share, used).beside(gaussian=0)
    largest = int(np.bincount(scan.point_of_row).max())
    found["largest_group"] = Measure(largest, n=used).beside(gaussian=1)
    return under("rows", found)


def norm_measures(scan: Scan) -> dict[str, Measure]:
    """Describe the lengths of the usable rows."""
    norms = scan.norms
    n = len(norms)
    scale = float(norms.max())
    small = norms / scale
    mean, sd = float(small.mean()), float(small.std(ddof=1))
    # house rule: n is the number of rows, at which t is normal
    half = 1.96 * sd / math.sqrt(n)
    cv = sd / mean
    # Delta method; the fourth moment is that of the data.
    z = (small - mean) / sd if sd > 1e-12 * mean else np.zeros(n)
    # house rule: as above
    error = 1.96 * cv * math.sqrt(max(0.0, float((z**4).mean()) - 1) / (4 * n) + cv**2 / n)
    unit = float((np.abs(norms - 1) < 1e-3).mean())
    return {
        "norms.mean": Measure(scale * mean, scale * (mean - half), scale * (mean + half), n=n),
        "norms.cv": Measure(cv, max(0.0, cv - error), cv + error, n=n),
        "norms.min": Measure(float(norms.min()), n=n),
        "norms.max": Measure(scale, n=n),
        "norms.unit_share": share_of(unit, n),
    }


def _statistics(moments: Moments) -> dict[str, float]:
    return under("cosine", cosine_statistics(moments)) | under(
        "dimension", trace_dimensions(moments)
    )


def _spectral(moments: Moments) -> dict[str, float]:
    return under("dimension", spectral_dimensions(moments))


def moment_measures(cloud: Cloud) -> dict[str, Measure]:
    """Measure cosines and dimensions from the merged moments."""
    groups, moments = cloud.scan.groups, cloud.moments
    found = with_intervals(groups, _statistics)
    if cloud.scan.d <= _FEW_COLUMNS:
        found |= with_intervals(groups, _spectral)
    else:
        why = f"more than {_FEW_COLUMNS} columns: no interval"
        found |= {k: Measure(v, n=moments.n, reason=why) for k, v in _spectral(moments).items()}
    whole = found["dimension.components_90"]
    whole = replace(whole, low=None, high=None, reason="a whole number")
    found["dimension.components_90"] = whole
    for name, points in cloud.nulls(min(cloud.rows.n, NULL_ROWS)).items():
        null = merged(moments_of(points, 1))
        found = all_beside(found, name, _statistics(null) | _spectral(null))
    # Of the Gaussian both are known exactly.
    values, vectors = np.linalg.eigh(moments.scatter / moments.n)
    exact = gaussian_cosine_moments(np.clip(values, 0, None), moments.mean @ vectors)
    exact = {"cosine.mean": exact[0], "cosine.variance": exact[1]}
    found = all_beside(found, "gaussian", exact)
    some = sample(cloud.rows.n, cloud.exact_up_to, cloud.seed)
    rows = cloud.rows if len(some) == cloud.rows.n else InMemoryPoints(cloud.rows.take(some))
    centred = moments_of(Centred(rows, moments.mean), len(groups))
    found["cosine.variance_centred"] = with_intervals(centred, cosine_statistics)["variance"]
    return found


@dataclass(frozen=True, eq=False)
class Hubs:
    """Neighbour lists, what they measure, and who the hubs are."""

    measures: dict[str, Measure]
    lists: Lists  # of the points as they are, equal rows merged
    counts: NDArray[np.int64] | None  # k-occurrence; None where not every point is a query


def hubness(cloud: Cloud, where: Workers | None = None) -> Hubs:
    """Measure hubness before and after centring and merging equal rows."""
    points, k, seed = cloud.distinct, cloud.k, cloud.seed
    whole = points.n <= cloud.exact_up_to
    queries = np.arange(points.n) if whole else sample(points.n, QUERIES, seed)
    lists = nearest(points, queries, k, where, "neighbours")
    centred = in_memory(Centred(points, cloud.moments.mean))
    moved = nearest(centred, queries, k, where, "neighbours, centred")
    raw, after = hub_measures(lists), hub_measures(moved)
    del centred
    if whole and points.n < cloud.rows.n:
        kept = hub_measures(with_duplicates(lists, cloud.scan.point_of_row))
    elif whole:
        kept = raw
    else:
        kept = dict.fromkeys(raw, not_measured("not every point is a query"))
    found: dict[str, Measure] = {}
    random = poisson_reference(k)
    for kind, measured in (("raw", raw), ("centred", after), ("kept", kept)):
        found |= under(f"hubness.{kind}", all_beside(measured, "random", random))
    found["hubness.centring_gain"] = skewness_gain(lists, moved).beside(gaussian=0)
    found["hubness.duplicates_gain"] = _gain(kept["skewness"], raw["skewness"])
    for name, null in cloud.nulls(points.n).items():
        some = sample(null.n, NULL_QUERIES, seed + 1)
        control = nearest(null, some, k, where, f"neighbours, {name}")
        values = {key: one.value for key, one in hub_measures(control).items()}
        found = all_beside(found, name, under("hubness.raw", values))
        if control.k >= 3:
            value = two_nearest_dimension(null, control, seed=seed).value
            twonn = found.get("dimension.twonn") or two_nearest_dimension(points, lists, seed=seed)
            found["dimension.twonn"] = twonn.beside(**{name: value})
    found.setdefault("dimension.twonn", not_measured("fewer than three neighbours"))
    return Hubs(found, lists, counts_of(lists) if whole else None)


def _gain(before: Measure, after: Measure) -> Measure:
    if not (before.measured and after.measured):
        return not_measured(before.reason or after.reason or "no skewness")
    return difference(before, after, before.n).beside(gaussian=0)


def stability(
    cloud: Cloud, queries: NDArray[np.float32] | None, where: Workers | None = None
) -> dict[str, Measure]:
    """Measure the top-k overlap of the vectors with changed ones. `queries` are unit vectors, shape
    (n_queries, d); None: rows of the catalogue are the queries, and do not find themselves.
    """
    k = min(cloud.k, cloud.rows.n - 2)
    names = applicable(cloud.rows.d)

    def measure(
        points: Points, most: int, queries: NDArray | None, norms: NDArray, run: Callable
    ) -> dict[str, Measure]:
        if queries is None:
            own = sample(points.n, most, cloud.seed + 2)
            queries = points.take(own)
        else:
            queries = queries[sample(len(queries), most, cloud.seed + 2)]
            own = np.full(len(queries), -1)
        depth = min(points.n, max(4 * k, 48))
        low, high = cloud.scan.low, cloud.scan.high
        if points is not cloud.rows:
            block = points.block(0, min(points.n, 8192))
            low, high = block.min(axis=0), block.max(axis=0)
        setting = Setting(queries, own, run, low, high, norms, depth, cloud.seed)
        return overlaps(points, setting, k, where)

    norms = (cloud.scan.norms / cloud.scan.norms.max()).astype(np.float32)
    found = measure(cloud.rows, STABILITY_QUERIES, queries, norms, names)
    # Where the nulls are made anew for every block, the few changes that tell most.
    few = ("int8", "binary", "half") if cloud.rows.n > cloud.exact_up_to else names
    rest = tuple(name for name in few if name != "dot")
    for name, null in cloud.nulls(cloud.rows.n).items():
        control = measure(null, STABILITY_NULL_QUERIES, None, np.ones(null.n, np.float32), rest)
        found = all_beside(found, name, {key: one.value for key, one in control.items()})
    return under("stability", found)
