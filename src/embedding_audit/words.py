"""One plain sentence for each measured number."""

from __future__ import annotations

from collections.abc import Mapping

from embedding_audit.measure import Measure
from paper_utils.claims.remedies import measure_table
from paper_utils.claims.tables import typeset


def sentence(key: str, one: Measure) -> str:
    """Return what a measured value says."""
    if one.value is None:
        return f"Not measured: {one.reason or 'not defined here'}."
    row = measure_table()[key]
    if one.value == 0 and "none" in row:
        return row["none"]
    return typeset(row["says"].format(v=one.value, n=one.n or 0))


def with_sentences(measures: Mapping[str, Measure], under: str = "") -> dict[str, Measure]:
    """Return the measures, each with its sentence; `under` goes before their keys."""
    return {key: one.saying(sentence(under + key, one)) for key, one in measures.items()}
