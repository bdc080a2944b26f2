"""Who is in everybody's list of neighbours, and who is nearest to nobody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.cloud import Cloud
from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.neighbours import (
    Lists,
    counts_of,
    hub_measures,
    nearest,
    random_lists,
    skewness_gain,
    two_nearest_dimension,
    with_duplicates,
)
from embedding_audit.cloud.points import (
    NULL_QUERIES,
    QUERIES,
    Centred,
    Moved,
    Points,
    in_memory,
)
from embedding_audit.measure import Measure, all_beside, difference, not_measured, under


@dataclass(frozen=True, eq=False)
class Hubs:
    """Neighbour lists, what they measure, and who the hubs are."""

    measures: dict[str, Measure]
    lists: Lists  # of `cloud.distinct`, by the metric
    directions: Lists  # of `cloud.directions`, by the cosine
    null: Lists  # of the Gaussian null, by the cosine
    counts: NDArray[np.int64] | None  # k-occurrence; None where not every point is a query


def hubness(cloud: Cloud, where: Workers | None = None) -> Hubs:
    """Measure hubness before and after centring and merging equal rows."""
    points, k, seed, metric = cloud.distinct, cloud.k, cloud.seed, cloud.metric
    whole = points.n <= cloud.exact_up_to
    queries = np.arange(points.n) if whole else points.sample(QUERIES, seed)
    lists = nearest(points, queries, k, where, "neighbours", metric)
    raw = hub_measures(lists)
    found = _centred(cloud, queries, lists, raw, where)
    if whole and points.n < cloud.rows.n:
        places = cloud.rows.places(0, cloud.rows.n)
        kept = hub_measures(with_duplicates(lists, cloud.point_of_row, places))
    elif whole:
        kept = raw
    else:
        kept = dict.fromkeys(raw, not_measured("not every point is a query"))
    random = random_lists(k)
    for kind, measured in (("raw", raw), ("kept", kept)):
        found |= under(f"hubness.{kind}", all_beside(measured, "random", random))
    found["hubness.duplicates_gain"] = _gain(kept["skewness"], raw["skewness"])
    directions = lists
    if metric != "cosine":
        some = cloud.directions.sample(QUERIES, seed)
        directions = nearest(cloud.directions, some, k, where, "directions")
    found["dimension.twonn"] = two_nearest_dimension(cloud.directions, directions, seed=seed)
    controls = {}
    for name, null in cloud.nulls(points.n).items():
        # Drawn independently, so the first are a sample. Who is in most lists and who in none is
        # compared with one null, and takes all of its points.
        every = whole and name == "gaussian"
        some = np.arange(null.n if every else min(null.n, NULL_QUERIES))
        controls[name] = control = nearest(null, some, k, where, f"neighbours, {name}")
        value = two_nearest_dimension(null, control, seed=seed).value
        found["dimension.twonn"] = found["dimension.twonn"].beside(**{name: value})
        if metric != "cosine":
            null = cloud.nulls(points.n, directions=False)[name]
            control = nearest(null, some, k, where, f"neighbours, {name}", metric)
        values = {key: one.value for key, one in hub_measures(control).items()}
        found = all_beside(found, name, under("hubness.raw", values))
    counts = counts_of(lists) if whole else None
    return Hubs(found, lists, directions, controls["gaussian"], counts)


def _centred(
    cloud: Cloud,
    queries: NDArray[np.int64],
    lists: Lists,
    raw: dict[str, Measure],
    where: Workers | None,
) -> dict[str, Measure]:
    """Hubness of the points less their mean. Distances do not see it."""
    if cloud.metric == "l2":
        why = not_measured("distances are the same wherever the mean is")
        return dict.fromkeys([f"hubness.centred.{key}" for key in raw], why) | {
            "hubness.centring_gain": why
        }
    points = cloud.distinct
    moved: Points = Centred(points, cloud.moments.mean)
    if cloud.metric == "dot":
        total = sum(block.sum(axis=0, dtype=np.float64) for _, block in points.blocks())
        moved = Moved(points, total / points.n)
    after = nearest(in_memory(moved), queries, cloud.k, where, "neighbours, centred", cloud.metric)
    measured = all_beside(hub_measures(after), "random", random_lists(cloud.k))
    found = under("hubness.centred", measured)
    found["hubness.centring_gain"] = skewness_gain(lists, after).beside(gaussian=0)
    return found


def _gain(before: Measure, after: Measure) -> Measure:
    if not (before.measured and after.measured):
        return not_measured(before.reason or after.reason or "no skewness")
    return difference(before, after, before.n).beside(gaussian=0)
