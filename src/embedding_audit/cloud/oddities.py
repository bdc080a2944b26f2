"""Rows that are almost others, rows that are far from all, and blocks that stand there twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.cloud import Cloud
from embedding_audit.cloud.hubs import Hubs
from embedding_audit.cloud.neighbours import Lists
from embedding_audit.cloud.scan import Scan, longest_copy, merged_by_rounding
from embedding_audit.measure import Measure, not_measured, share_of

if TYPE_CHECKING:
    from embedding_audit.reading.vectors import Vectors

#: Pairs nearer than the cut that a cloud of the same intrinsic dimension is expected to have.
_EXPECTED = 0.05

#: Share of the rows of the Gaussian null that are as far from all others as an outlier.
_FAR = 0.01


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Oddities:
    """Which rows are odd, by number in `cloud.directions`, the oddest first."""

    measures: dict[str, Measure]
    near: list[tuple[int, int, float]]  # two points and their cosine
    far: list[tuple[int, float]]  # a point and the cosine of its nearest


def oddities(cloud: Cloud, hubs: Hubs) -> Oddities:
    """Count near-duplicates and outliers among the directions that were queries."""
    lists, dimension = hubs.directions, hubs.measures["dimension.twonn"].value
    found = {}
    near = _near(lists, dimension)
    if near is None:
        found["rows.near_duplicate_share"] = not_measured("no intrinsic dimension to compare with")
        near = np.zeros(len(lists.queries), dtype=bool)
    else:
        expected = min(1.0, 2 * _EXPECTED / len(near))
        found["rows.near_duplicate_share"] = share_of(float(near.mean()), len(near)).beside(
            gaussian=expected
        )
    places = cloud.directions.places(0, cloud.directions.n)
    first = lists.scores[:, 0]
    far = first < np.quantile(hubs.null.scores[:, 0], _FAR)
    found["rows.outlier_share"] = share_of(float(far.mean()), len(far)).beside(gaussian=_FAR)
    return Oddities(found, _pairs(lists, near, places), _lonely(lists, far))


def _near(lists: Lists, dimension: float | None) -> NDArray[np.bool_] | None:
    """Whether the nearest of each query is nearer than chance puts any in the whole cloud.
    Where n points lie evenly in D dimensions, r1 < t rk has probability (k - 1) t^D for the
    distances of the first and the k-th neighbour; t is where n (k - 1) t^D is `_EXPECTED`.
    """
    if dimension is None or lists.k < 3:
        return None
    cut = (_EXPECTED / (lists.n_points * (lists.k - 1))) ** (1 / dimension)
    squared = np.maximum(0.0, 1 - lists.scores[:, [0, -1]].astype(np.float64))  # half of r²
    # A point in an empty part of the cloud has a far k-th neighbour: the usual one counts then.
    usual = np.minimum(squared[:, 1], np.median(squared[:, 1]))
    return squared[:, 0] < cut**2 * usual


def _pairs(
    lists: Lists, near: NDArray[np.bool_], places: NDArray[np.int64], most: int = 10
) -> list[tuple[int, int, float]]:
    found: dict[tuple[int, int], float] = {}
    chosen = np.flatnonzero(near)
    for at in chosen[np.lexsort((lists.order[chosen], -lists.scores[chosen, 0]))]:
        pair = sorted(
            (int(lists.queries[at]), int(lists.indices[at, 0])), key=lambda one: places[one]
        )
        found.setdefault(tuple(pair), float(lists.scores[at, 0]))
        if len(found) == most:
            break
    return [(*pair, cosine) for pair, cosine in found.items()]


def _lonely(lists: Lists, far: NDArray[np.bool_], most: int = 10) -> list[tuple[int, float]]:
    chosen = np.flatnonzero(far)
    order = chosen[np.lexsort((lists.order[chosen], lists.scores[chosen, 0]))][:most]
    return [(int(lists.queries[at]), float(lists.scores[at, 0])) for at in order]


def file_measures(vectors: Vectors, scan: Scan) -> dict[str, Measure]:
    """Measure what only the file as it stands shows: rows that single precision makes equal, and
    the longest block of rows that stands there twice, by the order of the file.
    """
    merged, seen = merged_by_rounding(vectors, scan)
    length = longest_copy(scan)[0]
    return {
        "rows.merged_by_rounding": Measure(merged, n=seen),
        "rows.copied_block": Measure(length, n=len(scan.rows)),
    }
