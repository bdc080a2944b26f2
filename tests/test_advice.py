"""The table of symptoms and remedies: measured, linked, and its numbers explained."""

from __future__ import annotations

import pytest
import yaml

from paper_utils.book.chapters import find_chapters
from paper_utils.claims import load_claims
from paper_utils.claims.evidence import Evidence, read_evidence
from paper_utils.claims.remedies import parse_advice
from paper_utils.errors import PaperError, UsageError
from paper_utils.paths import RESOURCES, project_root

ROWS = yaml.safe_load((RESOURCES / "advice.yml").read_text(encoding="utf-8"))
FIELDS = "id title when helps remedy cost backed evidence chapter".split()

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])


@each_row
def test_a_row_is_whole(row):
    assert set(row) | {"when"} == set(FIELDS), row["id"]
    assert row["helps"] in ("yes", "partly", "no")
    assert row["remedy"].strip().endswith(".") and row["cost"].strip().endswith(".")
    for line in row.get("when", []):
        assert set(line) == {"key", "is", "than", "from"}
        assert line["is"] in ("above", "below")
        assert len(line["from"]) > 15, "a threshold says which measurement it comes from"


@each_row
def test_a_row_is_backed_by_measurements(row):
    claims = load_claims()
    assert row["backed"] and set(row["backed"]) <= set(claims)
    assert row["chapter"] in {chapter.slug for chapter in find_chapters(project_root())}
    if row["id"] != "nothing":
        assert row["evidence"]
    for entry in row["evidence"]:
        found = read_evidence(entry)
        if "claim" in entry:
            assert entry["claim"] in row["backed"]
        if found.low is not None:
            assert found.low <= found.value <= found.high


def sign(evidence):
    """+1, -1, or 0 where the interval holds zero."""
    if evidence.low is None:
        return 0 if evidence.value == 0 else int(evidence.value > 0) * 2 - 1
    return int(evidence.low > 0) - int(evidence.high < 0)


@each_row
def test_a_gain_that_a_row_promises_was_measured(row):
    """Signed evidence is a change: none against what the row says, and one at least for it."""
    signs = {sign(read_evidence(e)) for e in row["evidence"] if e["format"].startswith("+")}
    if row["helps"] == "no":
        assert 1 not in signs
    elif row["helps"] == "yes" and signs:
        assert 1 in signs


def test_ids_are_unique_and_exactly_one_row_has_no_symptom():
    ids = [row["id"] for row in ROWS]
    assert len(set(ids)) == len(ids)
    assert [row["id"] for row in ROWS if not row.get("when")] == ["nothing"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"claim": "O-nothing"}, "no accepted value of the claim 'O-nothing'"),
        ({"case": "nowhere"}, "was not measured under 'nowhere'"),
        ({"case": None}, "is no number"),
    ],
)
def test_evidence_that_does_not_exist_is_an_error(change, message):
    entry = {"claim": "O-hub-search", "case": "minilm en, centring", "what": "x", "format": ".2f"}
    assert read_evidence(entry).low is not None
    with pytest.raises(UsageError, match=message):
        read_evidence(entry | change)


def test_evidence_of_a_result_is_found_by_path():
    task = {"encoder": "minilm", "language": "en"}
    entry = {"result": "hubness-search", "task": task, "what": "x", "format": ".2f"}
    whole = read_evidence(entry | {"at": ["search", "none", "ndcg"]})
    assert whole.low < whole.value < whole.high
    with pytest.raises(UsageError, match="hubness-search: nothing lies at 'nowhere'"):
        read_evidence(entry | {"at": ["search", "nowhere"]})
    with pytest.raises(UsageError, match="0 tasks match"):
        read_evidence(entry | {"task": {"encoder": "none"}, "at": []})


def test_evidence_reads_as_a_number_with_its_interval():
    assert str(Evidence(0.04, 0.03, 0.05, "gain", "+.2f", "X")) == "+0.04 [+0.03, +0.05]"
    assert str(Evidence(2.0, None, None, "gain", ".1f", "X")) == "2.0"


def test_a_table_of_another_form_is_refused():
    row = {"id": "a", "title": "A", "remedy": "B.", "chapter": "hubness", "backed": []}
    with pytest.raises(PaperError, match="did you mean 'above'"):
        parse_advice([row | {"when": [{"key": "x", "is": "abov", "than": 1}]}])
    with pytest.raises(PaperError, match="'remedy' is missing"):
        parse_advice([{"id": "a", "title": "A"}])
