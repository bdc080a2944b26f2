"""How much of the top lists stays when vectors are stored in fewer bytes or moved a little."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.cloud import Cloud, scale_of
from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.overlap import Setting, applicable, overlaps
from embedding_audit.cloud.points import Points, sample
from embedding_audit.cloud.scan import digests
from embedding_audit.measure import Measure, all_beside, mean_over, median_of, share_of, under

STABILITY_QUERIES, STABILITY_NULL_QUERIES = 500, 100  #: queries of the stability; in the nulls


def stability(
    cloud: Cloud,
    queries: NDArray[np.float32] | None = None,
    own: NDArray[np.int64] | None = None,
    where: Workers | None = None,
) -> dict[str, Measure]:
    """Measure the top-k overlap of the vectors with changed ones. `queries` are as the metric
    compares them, shape (n_queries, d), and do not find the point `own` (-1: they find all); None:
    rows of the catalogue are the queries, and do not find themselves.
    """
    points, seed = cloud.documents, cloud.seed
    k = min(cloud.k, points.n - 2)
    if queries is None:
        own = points.sample(STABILITY_QUERIES, seed + 2)
        queries = points.take(own)
    else:
        own = np.full(len(queries), -1) if own is None else own
        marks = digests(queries)
        order = np.lexsort((own, marks[:, 1], marks[:, 0]))
        some = order[sample(len(queries), STABILITY_QUERIES, seed + 2)]
        queries, own = queries[some], own[some]
    names = applicable(points.d, cloud.metric)
    content = cloud.scan.direction[cloud.rows.places(0, points.n)]
    ends = cloud.scan.low, cloud.scan.high
    if cloud.metric != "cosine":
        ends = tuple((end / scale_of(cloud.scan)).astype(np.float32) for end in cloud.scan.stored)
    values = _values(cloud, points, queries, own, names, ends, cloud.norms, content, k, where)
    margins = values.pop("margin")
    found = {name: mean_over(one, seed) for name, one in values.items()}
    found["margin"] = median_of(margins)
    found["tied"] = share_of(float((margins == 0).mean()), len(margins))
    # Where the nulls are made anew for every block, the few changes that tell most.
    few = ("int8", "binary", "half") if points.n > cloud.exact_up_to else names
    rest = tuple(name for name in few if name in names and name not in ("dot", "cosine"))
    for name, null in cloud.nulls(points.n, directions=False).items():
        own = np.arange(min(null.n, STABILITY_NULL_QUERIES))  # drawn independently of each other
        block = null.block(0, min(null.n, 8192))
        ends = block.min(axis=0), block.max(axis=0)
        norms = np.ones(null.n, dtype=np.float32)
        setting = (null.take(own), own, rest, ends, norms, np.arange(null.n))
        control = _values(cloud, null, *setting, k, where)
        margins = control.pop("margin")
        means = {key: float(one.mean()) for key, one in control.items()}
        means |= {"margin": float(np.median(margins)), "tied": float((margins == 0).mean())}
        found = all_beside(found, name, means)
    return under("stability", found)


def _values(
    cloud: Cloud,
    points: Points,
    queries: NDArray[np.float32],
    own: NDArray[np.int64],
    names: Sequence[str],
    ends: tuple[NDArray, NDArray],
    norms: NDArray[np.float32],
    content: NDArray[np.int64],
    k: int,
    where: Workers | None,
) -> dict[str, NDArray[np.float64]]:
    depth = min(points.n, max(4 * k, 48))
    setting = Setting(
        queries, own, tuple(names), *ends, norms, content, depth, cloud.seed, cloud.metric
    )
    return overlaps(points, setting, k, where)
