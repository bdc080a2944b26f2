"""Keys of report.json: each has a sentence, a place in the file, and a line of the page on them."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from embedding_audit import audit
from embedding_audit.compare.faults import toy_base
from embedding_audit.gate import _WORSE_HIGH, _WORSE_LOW, ALIASES
from embedding_audit.measure import Measure, measures_in, median_of, share_of
from embedding_audit.words import sentence
from paper_utils.claims.remedies import measure_table


@pytest.fixture(scope="module")
def report():
    """The audit of a set with everything: texts, judgements and other vectors."""
    base = toy_base(n=220, d=48)
    kinds = [text.split()[1] for text in base.texts]
    columns = pd.DataFrame({"title": base.texts, "kind": kinds})
    given = {"queries": base.queries, "qrels": base.qrels, "texts": columns}
    return audit(base.rows, against=base.otherwise["stale"], **given)


def test_every_measure_has_a_sentence_and_a_place_in_the_json(report):
    content = json.loads(report.to_json())
    again = measures_in({name: part for name, part in content.items() if name != "slices"})
    assert again == report.measures
    for key, one in report.measures.items():
        assert one.sentence.endswith(".") and len(one.sentence) > 10, key
        if one.value is None:
            assert one.reason, key
        elif one.low is not None:
            assert one.low <= one.value <= one.high, key


def test_every_key_stands_on_the_page_of_the_package(report, root):
    page = (root / "book" / "api" / "audit.md").read_text(encoding="utf-8")
    table = {key: row for key, row in measure_table().items() if not key.startswith("slices.")}
    assert set(report.measures) <= set(table), set(report.measures) - set(table)
    rows = [
        f"| `{key}` | {'; '.join(row[field] for field in ('name', 'doc') if field in row)} |"
        for key, row in table.items()
    ]
    assert page.split("|---|---|\n")[-1].splitlines() == rows, "\n".join(rows)


def test_every_part_of_the_file_stands_there_too(report, root):
    page = (root / "book" / "api" / "audit.md").read_text(encoding="utf-8")
    groups = {key.split(".")[0] for key in report.measures}
    parts = set(report.as_dict()) - {"schema_version"} - groups
    told = set(re.findall(r"^\| `(\w+)` \|", page, re.M))
    assert parts == told
    for name in (*report.input, *report.settings, *report.examples, *report.curves):
        assert f"`{name}`" in page, name


def test_what_a_gate_names_is_a_key():
    named = {*_WORSE_LOW, *_WORSE_HIGH, *ALIASES.values()}
    assert named <= set(measure_table()), named - set(measure_table())


def test_shares_medians_and_sentences():
    assert share_of(1.0, 50).high == 1.0
    one = median_of(np.arange(101.0))
    assert (one.value, one.low, one.high) == (50, 40, 60)
    assert sentence("rows.nan", Measure(3, n=9)).startswith("3 rows hold NaN")
    assert sentence("rows.nan", Measure(0, n=9)) == "No row holds NaN."
    assert sentence("cosine.mean", Measure(reason="why not")) == "Not measured: why not."
