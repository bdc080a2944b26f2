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


#: Beginnings of the keys of measures that depend on how rows are compared, and names of metrics.
METRIC_DEPENDENT = ("hubness.", "stability.", "relevance.", "slices_summary.seen", "slices.seen")
_METRICS = {"cosine": "cosine", "dot": "inner product", "l2": "Euclidean distance"}
_NAME_THEIRS = ("_dot", ".dot", "dot_gain", "cosine", "bm25", "absent_share", "damaged_share")


def with_sentences(
    measures: Mapping[str, Measure], under: str = "", metric: str = ""
) -> dict[str, Measure]:
    """Return the measures, each with its sentence; `under` goes before their keys, and `metric` is
    said where a measured value depends on it.
    """
    found = {}
    for key, one in measures.items():
        text, name = sentence(under + key, one), under + key
        depends = name.startswith(METRIC_DEPENDENT) and not name.endswith(_NAME_THEIRS)
        if metric and one.measured and depends:
            text = f"{text.removesuffix('.')} (by {_METRICS[metric]})."
        found[key] = one.saying(text)
    return found
