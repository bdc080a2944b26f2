"""The audit: everything that is measured of one set of embeddings, and its JSON form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from embedding_audit.advice import advise
from embedding_audit.bounds import additive_measure, bound_measures
from embedding_audit.cloud.cloud import (
    NULL_ROWS,
    Cloud,
    Hubs,
    hubness,
    moment_measures,
    norm_measures,
    row_measures,
    stability,
)
from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.moments import merged, spectrum_of
from embedding_audit.cloud.neighbours import sample
from embedding_audit.cloud.points import InMemoryPoints, moments_of
from embedding_audit.cloud.scan import named_rows, scan
from embedding_audit.cloud.slices import Slice, labels_of, slice_measures, summary
from embedding_audit.found import Action, Finding, WorstQuery
from embedding_audit.given import Match
from embedding_audit.inputs import Inputs
from embedding_audit.measure import Measure, not_measured, under
from embedding_audit.readers import Vectors
from embedding_audit.retrieval import (
    MOST_QUERIES,
    Judged,
    chances,
    lexical_measures,
    retrieval_measures,
)
from embedding_audit.subwords import subword_measures, tokenizer_name
from embedding_audit.words import with_sentences
from paper_utils.checks import unit_rows
from paper_utils.claims.remedies import Remedy
from paper_utils.errors import UsageError
from paper_utils.paths import write_text

SCHEMA_VERSION = 1  #: changes with the meaning of a key, not with new keys


@dataclass(frozen=True, eq=False)  # tables have no truth value
class Report:
    """What an audit found.

    Attributes
    ----------
    input, settings : dict
        What was audited, and how.
    notes : tuple of str
        Treatments of bad or missing input, one sentence each.
    measures : dict of str to Measure
        By dotted key.
    matches : tuple of Match
        How rows of texts and judgements were brought to vectors.
    findings : tuple of Finding
        The worst first.
    actions : tuple of Action
        What was tried on these data, those advised first.
    worst : tuple of WorstQuery
    slices : list of Slice
    curves : dict
        ``spectrum`` (eigenvalues, largest first), ``occurrence`` (number of points by
        k-occurrence), ``recall`` (by depth).
    examples : dict
        Rows with counts or scores and the user's texts (escape them): ``hubs``, ``equal``, ``near``
        (near-duplicates), ``outliers``.
    comparison : Comparison, optional
        With other vectors of the same items.
    """

    input: dict[str, Any]
    settings: dict[str, Any]
    notes: tuple[str, ...]
    measures: dict[str, Measure]
    slices: list[Slice]
    advice: list[dict[str, Any]]
    curves: dict[str, Any] = field(default_factory=dict)
    examples: dict[str, Any] = field(default_factory=dict)
    matches: tuple[Match, ...] = ()
    findings: tuple[Finding, ...] = ()
    actions: tuple[Action, ...] = ()
    worst: tuple[WorstQuery, ...] = ()
    comparison: Any = None

    def __getitem__(self, key: str) -> Measure:
        return self.measures.get(key) or not_measured("not part of this audit")

    def as_dict(self) -> dict[str, Any]:
        """Return the form of ``report.json``: dotted keys become nested objects."""
        content: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "input": self.input}
        content |= {"settings": self.settings, "notes": list(self.notes)}
        for key, one in self.measures.items():
            place = content
            *path, last = key.split(".")
            for name in path:
                place = place.setdefault(name, {})
            place[last] = one.as_dict()
        content["slices"] = [one.as_dict() for one in self.slices]
        return content | {"advice": self.advice, "curves": self.curves, "examples": self.examples}

    def write(self, path: str | Path) -> Path:
        """Write ``report.json`` and return its path; nothing in it is NaN."""
        file = Path(path)
        text = json.dumps(self.as_dict(), ensure_ascii=False, indent=1, allow_nan=False)
        write_text(file, text + "\n")
        return file


def audit(
    inputs: Inputs,
    *,
    k: int = 10,
    exact_up_to: int = 50_000,
    seed: int = 0,
    where: Workers | None = None,
    table: tuple[Remedy, ...] | None = None,
) -> Report:
    """Audit embeddings.

    Parameters
    ----------
    inputs : Inputs
    k : int
        Neighbours of a query, from 1.
    exact_up_to : int
        Different rows up to which every row is a query; above, a sample is, and what it estimates
        has an interval.
    seed : int
        Of every sample.
    where : Workers, optional
        A cluster.
    table : tuple of Remedy, optional
        Other advice than the package's.

    Returns
    -------
    Report

    Raises
    ------
    UsageError
        Too few usable rows, or a number out of range.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    >>> report = audit(Inputs(Vectors("some", "encoder", rows)), table=())
    >>> report["rows.used"].value, 5 < report["dimension.unbiased"].value < 11
    (60.0, True)
    """
    for name, value, least in (("k", k, 1), ("exact_up_to", exact_up_to, 100), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise UsageError(f"{name} must be a whole number of at least {least}, not {value!r}")
    seen = scan(inputs.vectors, where)
    cloud = Cloud.of(inputs.vectors, seen, int(k), int(exact_up_to), int(seed))
    notes = [*inputs.notes, *_row_notes(inputs.vectors, seen)]
    queries, kept = _queries(inputs, notes)
    measures = row_measures(seen) | norm_measures(seen) | moment_measures(cloud)
    hubs = hubness(cloud, where)
    measures |= hubs.measures
    measures |= stability(cloud, queries, where)
    curves: dict[str, Any] = {"spectrum": spectrum_of(cloud.moments).tolist()}
    shuffled = cloud.nulls(min(cloud.rows.n, NULL_ROWS))["shuffled"]
    curves["spectrum_shuffled"] = spectrum_of(merged(moments_of(shuffled, 1))).tolist()
    if hubs.counts is not None:
        curves["occurrence"] = np.bincount(hubs.counts).tolist()
    (judged, rows), pairs = _judged(inputs, cloud, queries, kept, seed, notes), None
    if judged is not None:
        found, curves["recall"], pairs = _relevance(inputs, judged, cloud, rows, seed)
        measures |= under("relevance", found)
    slices, together = _slices(inputs, cloud, hubs, pairs)
    measures |= under("slices_summary", together)
    if inputs.table is not None:
        name = tokenizer_name(inputs.source.get("model"))
        found = subword_measures(inputs.table["title"].tolist(), name, seed)
        measures |= under("fragmentation", found)
        notes.append(f"words are cut by the tokenizer of {name}")
    if cloud.distinct.n > exact_up_to:
        notes.append(
            f"{len(hubs.lists.queries):,} of {cloud.distinct.n:,} different rows are queries, "
            f"since there are more than {exact_up_to:,}; the intervals say what that costs"
        )
    return Report(
        input=inputs.source,
        settings={"k": cloud.k, "exact_up_to": int(exact_up_to), "seed": int(seed)},
        notes=tuple(notes),
        measures=with_sentences(measures),
        slices=[replace(one, measures=with_sentences(one.measures, "slices.")) for one in slices],
        advice=advise(measures, table),
        curves=curves,
        examples=_examples(inputs, cloud, hubs),
    )


def _row_notes(vectors: Vectors, seen) -> list[str]:
    notes = []
    for name, rows in (("NaN", seen.nan), ("infinite values", seen.infinite), ("zeros", seen.zero)):
        if len(rows):
            notes.append(
                f"rows with {name} left out: {len(rows):,} of {seen.n_rows:,} (from 0: "
                f"{named_rows(rows)})"
            )
    if len(seen.infinite) and vectors.dtype == "float16":
        notes.append("float16 holds nothing above 65,504: larger values became infinite")
    return notes


def _queries(inputs: Inputs, notes: list[str]) -> tuple[NDArray | None, NDArray | None]:
    """Unit vectors of the usable queries, and their row numbers."""
    if inputs.queries is None:
        return None, None
    block = inputs.queries.block(0, inputs.queries.shape[0])
    good = np.isfinite(block).all(axis=1) & block.any(axis=1)
    if not good.any():
        raise UsageError(f"{inputs.queries.name} has no usable row (not NaN, infinite or zero)")
    if not good.all():
        bad = np.flatnonzero(~good)
        notes.append(
            f"queries with NaN, infinite values or zeros left out: {len(bad):,} of {len(good):,} "
            f"(from 0: {named_rows(bad)})"
        )
    return unit_rows(block[good]).astype(np.float32), np.flatnonzero(good)


def _judged(
    inputs: Inputs,
    cloud: Cloud,
    queries: NDArray | None,
    kept: NDArray | None,
    seed: int,
    notes: list[str],
) -> tuple[Judged | None, NDArray | None]:
    """The queries that can be scored, and their row numbers; `kept` are those of `queries`."""
    if inputs.relevance is None or queries is None or kept is None:
        return None, None
    relevance = sparse.csr_array(inputs.relevance[kept])
    lost = np.setdiff1d(np.arange(cloud.scan.n_rows), cloud.scan.used)
    if len(lost) and relevance[:, lost].nnz:
        notes.append(
            f"judged pairs whose document cannot be used count as not found: "
            f"{relevance[:, lost].nnz:,}"
        )
    rows = np.flatnonzero(np.diff(relevance.indptr))
    if not len(rows):
        return None, None
    some = rows[sample(len(rows), MOST_QUERIES, seed)]
    if len(some) < len(rows):
        notes.append(f"judged queries sampled: {len(some):,} of {len(rows):,}")
    chosen = sparse.csr_array(relevance[some])
    return Judged(queries[some], cloud.rows, cloud.scan.used, chosen), kept[some]


def _relevance(
    inputs: Inputs, judged: Judged, cloud: Cloud, rows: NDArray, seed: int
) -> tuple[dict[str, Measure], list, tuple[NDArray, NDArray]]:
    measures, own, curve = retrieval_measures(judged, cloud.moments.mean, seed)
    texts = None if inputs.table is None else inputs.table["title"].tolist()
    words = ("recall_10_bm25", "recall_10_hybrid", "hybrid_gain")
    if texts is None or inputs.query_texts is None:
        measures |= dict.fromkeys(words, not_measured("no texts of both queries and documents"))
    else:
        query_texts = [inputs.query_texts[row] for row in rows]
        measures |= lexical_measures(judged, texts, query_texts, own, seed)
    measures |= bound_measures(judged, seed)
    measures["additive_dimension"] = additive_measure(own, judged, texts, seed)
    return measures, curve, (judged.relevance.indices, chances(own, 10))


def _slices(
    inputs: Inputs, cloud: Cloud, hubs: Hubs, pairs: tuple[NDArray, NDArray] | None
) -> tuple[list[Slice], dict[str, Measure]]:
    if inputs.table is None:
        why = not_measured("no texts were given")
        return [], dict.fromkeys(("cosine_range", "seen_min", "language_gap"), why)
    used = cloud.scan.used
    some = sample(len(used), cloud.exact_up_to, cloud.seed)
    points = cloud.rows if len(some) == len(used) else InMemoryPoints(cloud.rows.take(some))
    table = inputs.table.iloc[used[some]].reset_index(drop=True)
    labels = labels_of(table)
    counts = None if hubs.counts is None else hubs.counts[cloud.scan.point_of_row[some]]
    found = None
    if pairs is not None:
        place = np.full(cloud.scan.n_rows, -1)
        place[used[some]] = np.arange(len(some))
        inside = place[pairs[0]] >= 0
        found = place[pairs[0]][inside], pairs[1][inside]
    slices = slice_measures(points, labels, counts, cloud.k, found)
    return slices, summary(slices, points, labels.get("language"))


def _examples(inputs: Inputs, cloud: Cloud, hubs: Hubs, most: int = 10) -> dict[str, Any]:
    """Row numbers, and texts where there are any, of the largest hubs and groups of equal rows."""
    used, first = cloud.scan.used, cloud.scan.first

    def named(point: int, count: int) -> dict[str, Any]:
        row = int(used[first[point]])
        text = None if inputs.table is None else str(inputs.table["title"].iloc[row])[:200]
        return {"row": row, "text": text, "count": int(count)}

    sizes = np.bincount(cloud.scan.point_of_row)
    large = [p for p in np.argsort(-sizes, kind="stable")[:most] if sizes[p] > 1]
    found = {"equal": [named(point, sizes[point]) for point in large], "hubs": []}
    if hubs.counts is not None:
        top = np.argsort(-hubs.counts, kind="stable")[:most]
        found["hubs"] = [named(point, hubs.counts[point]) for point in top]
    return found
