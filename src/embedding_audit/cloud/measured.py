"""Everything that the vectors alone say, in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.cloud import Cloud
from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.hubs import Hubs, hubness
from embedding_audit.cloud.oddities import Oddities, file_measures, oddities
from embedding_audit.cloud.points import InMemoryPoints, Points, sample
from embedding_audit.cloud.scan import Scan, longest_copy, named_rows, scan
from embedding_audit.cloud.shape import moment_measures, norm_measures, row_measures
from embedding_audit.cloud.slices import Slice, labels_of, slice_measures, summary, with_recall
from embedding_audit.cloud.stability import stability
from embedding_audit.given import Inputs
from embedding_audit.measure import Measure, not_measured, under

_SHOWN = 200  # characters of a text


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class CloudFound:
    """What the vectors alone say."""

    cloud: Cloud
    measures: dict[str, Measure]
    slices: list[Slice]
    sliced: NDArray[np.int64]  # numbers, in `cloud.rows`, of the points that slices number from 0
    curves: dict[str, Any]  # spectrum, spectrum_shuffled, occurrence
    examples: dict[str, Any]  # equal, hubs, near, outliers
    notes: tuple[str, ...]
    #: in how many neighbour lists each row of `cloud.scan.rows` is; None: not every row is a query
    occurrence: NDArray[np.int64] | None

    def sliced_recall(self, pairs: tuple[NDArray[np.int64], NDArray[np.float64]]) -> list[Slice]:
        """Return the slices with their recall. `pairs`: the row in the file of a relevant document
        for each judged pair, and its chance to be among the best 10.
        """
        place = np.full(self.cloud.scan.n_rows, -1)
        place[self.cloud.rows.row[self.sliced]] = np.arange(len(self.sliced))
        return with_recall(self.slices, len(self.sliced), (place[pairs[0]], pairs[1]))


def measure_cloud(
    inputs: Inputs, k: int, exact_up_to: int, seed: int, where: Workers | None = None
) -> CloudFound:
    """Measure rows, lengths, cosines, dimensions, neighbours, stability and slices of the vectors.
    UsageError: too few usable rows of vectors or of queries.
    """
    vectors = inputs.vectors
    seen = scan(vectors, where)
    cloud = Cloud.of(vectors, seen, inputs.metric, k, exact_up_to, seed, where)
    notes = _row_notes(inputs, seen)
    measures = row_measures(seen) | file_measures(vectors, seen)
    measures |= norm_measures(seen) | moment_measures(cloud)
    hubs = hubness(cloud, where)
    odd = oddities(cloud, hubs)
    measures |= odd.measures | hubs.measures
    queries = own = None
    if inputs.queries is not None:
        queries, kept, note = cloud.compared(inputs.queries)
        notes += [note] if note else []
        own = np.full(len(kept), -1)
        # Where rows are chunks, `own` is a document of several rows: none of them is left out here.
        if inputs.own is not None and inputs.document is None:
            mine = inputs.own[kept]
            own[mine >= 0] = cloud.number_of_row[mine[mine >= 0]]
    measures |= stability(cloud, queries, own, where)
    slices, sliced, together = _slices(inputs, cloud, hubs)
    measures |= under("slices_summary", together)
    if not hubs.lists.whole:
        notes.append(
            f"{len(hubs.lists.queries):,} of {cloud.distinct.n:,} different rows are queries, "
            f"since there are more than {exact_up_to:,}; the intervals say what that costs"
        )
    return CloudFound(
        cloud,
        measures,
        slices,
        sliced,
        _curves(cloud, hubs),
        _examples(inputs, cloud, hubs, odd),
        tuple(notes),
        _occurrence(cloud, hubs),
    )


def _occurrence(cloud: Cloud, hubs: Hubs) -> NDArray[np.int64] | None:
    if hubs.counts is None:
        return None
    by_content = np.empty(cloud.rows.n, dtype=np.int64)
    by_content[cloud.rows.places(0, cloud.rows.n)] = hubs.counts[cloud.point_of_row]
    return by_content


def _row_notes(inputs: Inputs, seen: Scan) -> list[str]:
    notes = []
    for name, rows in (("NaN", seen.nan), ("infinite values", seen.infinite), ("zeros", seen.zero)):
        if len(rows):
            notes.append(
                f"rows with {name} left out: {len(rows):,} of {seen.n_rows:,} (from 0: "
                f"{named_rows(rows)})"
            )
    if len(seen.infinite) and inputs.vectors.dtype == "float16":
        notes.append("float16 holds nothing above 65,504: larger values became infinite")
    length, later, earlier = longest_copy(seen)
    if length >= 10:
        notes.append(
            f"{length:,} rows from row {later:,} repeat those from row {earlier:,}, in their order"
        )
    return notes


def _curves(cloud: Cloud, hubs: Hubs) -> dict[str, Any]:
    curves: dict[str, Any] = {"spectrum": cloud.moments.spectrum.tolist()}
    curves["spectrum_shuffled"] = cloud.null_moments["shuffled"].spectrum.tolist()
    if hubs.counts is not None:
        curves["occurrence"] = np.bincount(hubs.counts).tolist()
    return curves


def _slices(
    inputs: Inputs, cloud: Cloud, hubs: Hubs
) -> tuple[list[Slice], NDArray[np.int64], dict[str, Measure]]:
    rows = cloud.rows
    # Equal rows with different texts are drawn, and dealt to groups, together: by their direction.
    content = cloud.scan.direction[rows.places(0, rows.n)]
    most = cloud.directions.n * cloud.exact_up_to // rows.n
    chosen = sample(cloud.directions.n, most, cloud.seed)
    some = np.flatnonzero(np.isin(content, chosen))
    some = some[np.argsort(rows.places(0, rows.n)[some])]
    points = InMemoryPoints(rows.take(some), rows.row[some], content[some])
    texts = columns = None
    if inputs.texts is not None:
        texts = [inputs.texts[row] for row in points.row]
    if inputs.columns is not None:
        columns = inputs.columns.iloc[points.row]
    labels = labels_of(texts, columns)
    if not labels:
        why = not_measured("no texts or columns to cut the rows by")
        return [], some, dict.fromkeys(("cosine_range", "seen_min", "language_gap"), why)
    counts = None if hubs.counts is None else hubs.counts[cloud.point_of_row[some]]
    slices = slice_measures(points, labels, counts, cloud.k)
    return slices, some, summary(slices, points, labels.get("language"))


def _examples(inputs: Inputs, cloud: Cloud, hubs: Hubs, odd: Oddities) -> dict[str, Any]:
    """Row numbers, ids and texts where there are any; the user's: escape them where shown."""

    def named(points: Points, number: int, **more: Any) -> dict[str, Any]:
        row = int(points.row[number])
        ids, texts = inputs.vectors.ids, inputs.texts
        found = {"row": row, "id": None if ids is None else str(ids[row])}
        found["text"] = None if texts is None else str(texts[row])[:_SHOWN]
        return found | more

    scan, directions = cloud.scan, cloud.directions
    sizes = np.bincount(scan.direction)[directions.places(0, directions.n)]
    found: dict[str, Any] = {
        "equal": [
            named(directions, i, count=int(sizes[i]))
            for i in _largest(sizes, directions)
            if sizes[i] > 1
        ],
        "hubs": [],
        "near": [
            named(directions, one, cosine=min(1.0, cosine))
            | {f"like_{name}": value for name, value in named(directions, other).items()}
            for one, other, cosine in odd.near
        ],
        "outliers": [named(directions, one, cosine=cosine) for one, cosine in odd.far],
    }
    if hubs.counts is not None:
        top = _largest(hubs.counts, cloud.distinct)
        found["hubs"] = [named(cloud.distinct, i, count=int(hubs.counts[i])) for i in top]
    return found


def _largest(counts: NDArray[np.int64], points: Points, most: int = 10) -> list[int]:
    return np.lexsort((points.places(0, points.n), -counts))[:most].tolist()
