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
from embedding_audit.cloud.cloud import Cloud
from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.measured import measure_cloud
from embedding_audit.cloud.points import sample
from embedding_audit.cloud.slices import Slice
from embedding_audit.found import Action, Finding, WorstQuery
from embedding_audit.given import Inputs as Given
from embedding_audit.given import Match
from embedding_audit.inputs import Inputs
from embedding_audit.measure import Measure, not_measured, under
from embedding_audit.retrieval import (
    MOST_QUERIES,
    Judged,
    chances,
    lexical_measures,
    retrieval_measures,
)
from embedding_audit.subwords import subword_measures, tokenizer_name
from embedding_audit.words import with_sentences
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
    >>> from embedding_audit.readers import Vectors
    >>> rows = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    >>> report = audit(Inputs(Vectors("some", "encoder", rows)), table=())
    >>> report["rows.used"].value, 5 < report["dimension.unbiased"].value < 11
    (60.0, True)
    """
    for name, value, least in (("k", k, 1), ("exact_up_to", exact_up_to, 100), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise UsageError(f"{name} must be a whole number of at least {least}, not {value!r}")
    table_ = inputs.table
    given = Given(
        inputs.vectors,
        inputs.queries,
        texts=None if table_ is None else tuple(table_["title"]),
        columns=None if table_ is None else table_.drop(columns=["title", "language"]),
    )
    measured = measure_cloud(given, int(k), int(exact_up_to), int(seed), where)
    cloud, measures, curves = measured.cloud, dict(measured.measures), dict(measured.curves)
    notes, slices = [*inputs.notes, *measured.notes], measured.slices
    queries = kept = None
    if inputs.queries is not None:
        queries, kept, _ = cloud.compared(inputs.queries)
    (judged, rows), pairs = _judged(inputs, cloud, queries, kept, seed, notes), None
    if judged is not None:
        found, curves["recall"], pairs = _relevance(inputs, judged, cloud, rows, seed)
        measures |= under("relevance", found)
        slices = measured.sliced_recall(pairs)
    if inputs.table is not None:
        name = tokenizer_name(inputs.source.get("model"))
        found = subword_measures(inputs.table["title"].tolist(), name, seed)
        measures |= under("fragmentation", found)
        notes.append(f"words are cut by the tokenizer of {name}")
    return Report(
        input=inputs.source,
        settings={"k": cloud.k, "exact_up_to": int(exact_up_to), "seed": int(seed)},
        notes=tuple(notes),
        measures=with_sentences(measures),
        slices=[replace(one, measures=with_sentences(one.measures, "slices.")) for one in slices],
        advice=advise(measures, table),
        curves=curves,
        examples=measured.examples,
    )


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
    return Judged(queries[some], cloud.rows, cloud.rows.row, chosen), kept[some]


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
