"""Advice: which remedies the measured values call for, by a table of symptoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from embedding_audit.measure import Measure
from paper_utils.claims.remedies import Remedy, Symptom, advice_table

STATES = ("applies", "unsure", "no", "not_measured")  #: what a row of the table can come to


def symptom_state(symptom: Symptom, measures: Mapping[str, Measure]) -> str:
    """Return one of :data:`STATES` for one line of a symptom."""
    one, limit = measures.get(symptom.key), _limit(symptom, measures)
    if one is None or not one.measured or limit is None:
        return "not_measured"
    clears = one.clears(limit, above=symptom.side == "above")
    return {True: "applies", None: "unsure", False: "no"}[clears]


def remedy_state(row: Remedy, measures: Mapping[str, Measure]) -> str:
    """Return one of :data:`STATES`: the weakest of the row's symptoms."""
    found = [symptom_state(symptom, measures) for symptom in row.when]
    return next((state for state in ("no", "not_measured", "unsure") if state in found), "applies")


def _limit(symptom: Symptom, measures: Mapping[str, Measure]) -> float | None:
    if not isinstance(symptom.than, str):
        return float(symptom.than)
    other = measures.get(symptom.than)
    return None if other is None else other.value


def _because(symptom: Symptom, measures: Mapping[str, Measure]) -> str:
    """The symptom with the measured value, for people."""
    one, limit = measures.get(symptom.key), _limit(symptom, measures)
    value = "not measured" if one is None or one.value is None else f"{one.value:.3g}"
    than = f"{symptom.than} = " if isinstance(symptom.than, str) else ""
    than += "–" if limit is None else f"{limit:.3g}"
    return f"{symptom.key} is {value} ({symptom.side} {than})"


def advise(
    measures: Mapping[str, Measure], table: Sequence[Remedy] | None = None
) -> list[dict[str, Any]]:
    """Return every row of `table` (the package's) with its state, those that apply first.
    Each is a mapping of ``id``, ``state``, ``title``, ``because`` (list of str), ``remedy``,
    ``helps``, ``cost``, ``chapter``, ``backed``. A row without symptoms applies when no other does.
    """
    rows = advice_table() if table is None else table
    states = {row.id: remedy_state(row, measures) for row in rows if row.when}
    quiet = "applies" not in states.values()
    found = [
        {
            "id": row.id,
            "state": states.get(row.id, "applies" if quiet else "no"),
            "title": row.title,
            "because": [_because(symptom, measures) for symptom in row.when],
            "remedy": row.remedy,
            "helps": row.helps,
            "cost": row.cost,
            "chapter": row.chapter,
            "backed": list(row.backed),
        }
        for row in rows
    ]
    return sorted(found, key=lambda one: STATES.index(one["state"]))
