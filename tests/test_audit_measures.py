"""Measures of the audit against the book's own functions, closed forms and nulls."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from embedding_audit import audit, controls
from embedding_audit.inputs import read_inputs
from embedding_audit.measure import (
    Measure,
    measures_in,
    median_of,
    not_measured,
    share_of,
)
from embedding_audit.report import Report
from embedding_audit.show import sentences
from embedding_audit.words import sentence
from paper_utils.claims.remedies import advice_table, measure_table


@pytest.fixture(scope="module")
def report():
    """The audit of the built-in catalogue, untrained."""
    return audit(read_inputs(model="random", n_items=200))


def test_every_measure_has_a_sentence_and_a_place_in_the_json(report, tmp_path):
    content = json.loads(report.write(tmp_path / "report.json").read_text())
    assert content["schema_version"] == 1
    again = measures_in({k: v for k, v in content.items() if k != "slices"})
    assert again == report.measures
    for key, one in report.measures.items():
        assert one.sentence.endswith(".") and len(one.sentence) > 10, key
        if one.value is None:
            assert one.reason, key
        elif one.low is not None:
            assert one.low <= one.value <= one.high, key


GROUPS = {
    "rows", "norms", "cosine", "dimension", "hubness", "stability", "slices_summary",
    "fragmentation", "relevance",
}  # fmt: skip


def test_keys_are_those_that_are_documented(report):
    assert {key.split(".")[0] for key in report.measures} == GROUPS
    for row in advice_table():
        for condition in row.when:
            assert condition.key in report.measures, f"{row.id}: no key {condition.key}"


def test_every_key_stands_on_the_page_of_the_package(report, root):
    page = (root / "book" / "api" / "audit.md").read_text(encoding="utf-8")
    table = {key: row for key, row in measure_table().items() if not key.startswith("slices.")}
    assert list(table) == list(dict.fromkeys(table | report.measures))
    rows = [
        f"| `{key}` | {'; '.join(row[field] for field in ('name', 'doc') if field in row)} |"
        for key, row in table.items()
    ]
    assert page.split("|---|---|\n")[-1].splitlines() == rows, "\n".join(rows)
    told = re.findall(r"^\| `(\w+)` (?:… `relevance` )?\|", page, re.M)
    assert set(told) == set(report.as_dict()) - {"schema_version"} - (GROUPS - {"rows"})
    for name in report.input:
        assert f"`{name}`" in page


def test_two_audits_are_equal(report):
    again = audit(read_inputs(model="random", n_items=200))
    assert again.as_dict() == report.as_dict()


def test_injected_faults_are_found():
    _, rows = controls.inject_faults(n=200, d=16)
    assert all(row["found"] for row in rows), rows


# ------------------------------------------------------------------------ small things


def test_what_has_no_value_is_said_once_for_each_reason():
    nothing = not_measured("no texts were given")
    measures = {
        "slices_summary.seen_min": nothing,
        "rows.nan": Measure(0, n=9).saying("No row holds NaN."),
        "slices_summary.cosine_range": nothing,
    }
    found = sentences(Report({}, {}, (), measures, [], []), measures)
    assert found.lines == (
        "No row holds NaN.",
        "Not measured: no texts were given (least seen slice, of its fair share; range of the mean cosine over slices).",
    )


def test_shares_medians_and_sentences():
    assert share_of(1.0, 50).high == 1.0
    one = median_of(np.arange(101.0))
    assert (one.value, one.low, one.high) == (50, 40, 60)
    assert sentence("rows.nan", Measure(3, n=9)).startswith("3 rows hold NaN")
    assert sentence("rows.nan", Measure(0, n=9)) == "No row holds NaN."
    assert "by −0.149 or less" in sentence("relevance.gap", Measure(-0.149, n=9))
    assert sentence("cosine.mean", Measure(reason="why not")) == "Not measured: why not."
