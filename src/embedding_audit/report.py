"""The audit: everything that is found out about one set of embeddings, and its JSON form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedding_audit.found import Action, Finding, WorstQuery
from embedding_audit.given import Inputs, Match
from embedding_audit.measure import Measure, not_measured
from embedding_audit.words import with_sentences
from paper_utils.errors import UsageError
from paper_utils.paths import write_text

if TYPE_CHECKING:
    from embedding_audit.cloud.cluster import Workers
    from embedding_audit.cloud.slices import Slice
    from embedding_audit.compare.against import Comparison

SCHEMA_VERSION = 2  #: changes with the meaning of a key, not with new keys


@dataclass(frozen=True, eq=False)  # tables have no truth value
class Report:
    """What an audit found; in a notebook it shows its first screen.

    Attributes
    ----------
    input, settings : dict
        What was audited, and how.
    matches : tuple of Match
        How rows of texts and judgements were brought to vectors.
    notes : tuple of str
        Treatments of bad or missing input, one sentence each.
    measures : dict of str to Measure
        By dotted key.
    findings : tuple of Finding
        The worst first.
    actions : tuple of Action
        What was tried on these data.
    worst : tuple of WorstQuery
    slices : list of Slice
    curves : dict
        ``spectrum`` (eigenvalues, largest first), ``occurrence`` (number of points by
        k-occurrence), ``recall`` (by depth).
    examples : dict
        Rows with counts or scores and the user's texts (escape them): ``hubs``, ``equal``, ``near``
        (near-duplicates), ``outliers``, ``mixture`` and ``encoding`` (rows encoded otherwise).
    comparison : Comparison, optional
        With other vectors of the same items.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(60, 8))
    >>> report = audit(rows)
    >>> report.measures["rows.used"].value, report["no.such"].measured
    (60.0, False)
    """

    input: dict[str, Any]
    settings: dict[str, Any]
    matches: tuple[Match, ...]
    notes: tuple[str, ...]
    measures: dict[str, Measure]
    findings: tuple[Finding, ...]
    actions: tuple[Action, ...]
    worst: tuple[WorstQuery, ...]
    slices: list[Slice]
    curves: dict[str, Any] = field(default_factory=dict)
    examples: dict[str, Any] = field(default_factory=dict)
    comparison: Comparison | None = None

    def __getitem__(self, key: str) -> Measure:
        return self.measures.get(key) or not_measured("not part of this audit")

    def as_dict(self) -> dict[str, Any]:
        """Return the form of ``report.json``: dotted keys become nested objects."""
        content: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "input": self.input}
        content |= {"settings": self.settings, "matches": [str(one) for one in self.matches]}
        content["notes"] = list(self.notes)
        for key, one in self.measures.items():
            place = content
            *path, last = key.split(".")
            for name in path:
                place = place.setdefault(name, {})
            place[last] = one.as_dict()
        for name in ("findings", "actions", "worst", "slices"):
            content[name] = [one.as_dict() for one in getattr(self, name)]
        if self.comparison is not None:
            content["comparison"] = self.comparison.as_dict()
        return content | {"curves": self.curves, "examples": self.examples}

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the report as JSON, in which nothing is NaN; with `path` write it there too."""
        text = json.dumps(self.as_dict(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        if path is not None:
            write_text(Path(path), text)
        return text

    def to_html(self, path: str | Path | None = None) -> str:
        """Return the report as one page without requests; with `path` write it there too."""
        from embedding_audit.page import html

        text = html(self)
        if path is not None:
            write_text(Path(path), text)
        return text

    def _repr_html_(self) -> str:
        from embedding_audit.page import picture

        return picture(self)

    def __repr__(self) -> str:
        """Return the first screen as text."""
        from embedding_audit.page import first_screen

        return first_screen(self)


def audit(
    vectors: Any,
    *,
    k: int = 10,
    exact_up_to: int = 50_000,
    seed: int = 0,
    against: Any = None,
    where: Workers | None = None,
    **given: Any,
) -> Report:
    """Audit embeddings: how well they retrieve, what is wrong with them, and what would help.

    Parameters
    ----------
    vectors : path, array_like of shape (n, d), or Inputs
        One vector an item, in any form that :func:`read_inputs` takes.
    k : int
        Neighbours of a query, from 1.
    exact_up_to : int
        Different rows up to which every row is a query, from 100; above, a sample is, and what it
        estimates has an interval.
    seed : int
        Of every sample.
    against : path, array_like or Inputs, optional
        Other vectors of the same items: another model, or another date.
    where : Workers, optional
        A Dask cluster.
    **given
        ``queries``, ``qrels``, ``texts``, ``query_texts``, ``metric`` and the other arguments of
        :func:`read_inputs`.

    Returns
    -------
    Report

    Raises
    ------
    UsageError
        What cannot be read or understood, too few usable rows, or a number out of range.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(60, 8))
    >>> judged = {str(i): {str(i): 1} for i in range(20)}
    >>> report = audit(rows, queries=rows[:20] + 0.01, qrels=judged)
    >>> report.measures["relevance.recall_10"].value
    1.0
    """
    for name, value, least in (("k", k, 1), ("exact_up_to", exact_up_to, 100), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise UsageError(f"{name} must be a whole number of at least {least}, not {value!r}")
    inputs = _inputs(vectors, given)
    other = None if against is None else _inputs(against, {})
    return _audited(inputs, other, int(k), int(exact_up_to), int(seed), where)


def _inputs(vectors: Any, given: Mapping[str, Any]) -> Inputs:
    if isinstance(vectors, Inputs):
        if given:
            raise UsageError(
                f"{next(iter(given))!r} goes with vectors, not with inputs read before"
            )
        return vectors
    from embedding_audit.matching import read_inputs

    return read_inputs(vectors, **given)


def _audited(
    inputs: Inputs,
    other: Inputs | None,
    k: int,
    exact_up_to: int,
    seed: int,
    where: Workers | None,
) -> Report:
    from embedding_audit.cloud.measured import measure_cloud
    from embedding_audit.compare.findings import belonging_findings
    from embedding_audit.judged import quality
    from embedding_audit.page.findings import geometry_findings

    seen = measure_cloud(inputs, k, exact_up_to, seed, where)
    belonging, rows = _belonging(inputs, seen.cloud, seed)
    measures = seen.measures | belonging
    judged = quality(inputs, seen.cloud, seed, measures, seen.occurrence)
    measures |= judged.measures
    slices = seen.slices if judged.pairs is None else seen.sliced_recall(judged.pairs)
    curves = seen.curves | ({"recall": judged.curve} if judged.curve else {})
    comparison = None
    if other is not None:
        from embedding_audit.compare.against import compare

        comparison = compare(inputs, other, k=k, seed=seed)
        measures |= comparison.measures
    columns = inputs.vectors.shape[1]
    findings = [
        *judged.findings,
        *belonging_findings(measures),
        *geometry_findings(measures, columns=columns, metric=inputs.metric),
        *(() if comparison is None else comparison.findings),
    ]
    return Report(
        input=inputs.source,
        settings={
            "metric": inputs.metric,
            "k": seen.cloud.k,
            "exact_up_to": exact_up_to,
            "seed": seed,
        },
        matches=inputs.matches,
        notes=(*inputs.notes, *seen.notes, *judged.notes),
        measures=with_sentences(measures, metric=inputs.metric),
        findings=tuple(sorted(findings, key=lambda one: (-one.severity, one.key))),
        actions=tuple(judged.actions),
        worst=tuple(judged.worst),
        slices=[
            replace(one, measures=with_sentences(one.measures, "slices.", inputs.metric))
            for one in slices
        ],
        curves=curves,
        examples=seen.examples | rows,
        comparison=comparison,
    )


def _belonging(inputs: Inputs, cloud: Any, seed: int) -> tuple[dict[str, Measure], dict[str, Any]]:
    """Look for rows of another model or another way of encoding; measures, and some of the rows."""
    from embedding_audit.compare.encoding import find_encodings
    from embedding_audit.compare.mixture import find_mixture

    mixed = find_mixture(cloud.directions, seed)
    measures, rows = dict(mixed.measures), {"mixture": mixed.rows}
    if inputs.texts is not None:
        encoded = find_encodings(cloud, inputs.texts, seed)
        measures |= encoded.measures
        rows["encoding"] = encoded.rows
    named = {
        name: [_named(inputs, int(row)) for row in np.sort(some)[:10]]
        for name, some in rows.items()
    }
    return measures, named


def _named(inputs: Inputs, row: int) -> dict[str, Any]:
    ids, texts = inputs.vectors.ids, inputs.texts
    return {
        "row": row,
        "id": None if ids is None else str(ids[row]),
        "text": None if texts is None else str(texts[row])[:200],
    }
