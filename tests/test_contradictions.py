"""The contradictions: two sides, each with its place, and a measurement between them."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
import yaml

from paper_chapters.contradictions.pairs_of_claims import contradictions, side_by_side
from paper_utils.claims import load_claims
from paper_utils.claims.links import chapter_link
from paper_utils.claims.remedies import decision_table, remedies
from paper_utils.errors import UsageError

ENTRIES = yaml.safe_load(
    files("paper_chapters.contradictions").joinpath("contradictions.yml").read_text("utf-8")
)

each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])


@each_entry
def test_each_has_two_sides_of_known_sources_and_a_claim(entry, root):
    keys = set(re.findall(r"@\w+\{([^,\s]+),", (root / "book" / "references.bib").read_text()))
    found = side_by_side(entry["id"])
    for said in (found.one, found.two):
        assert said.source in keys and said.at and "{}" not in said.says
    assert found.one.says != found.two.says and found.sides and found.recorded
    if found.claim:
        claim = load_claims()[found.claim]
        assert claim.chapter == "contradictions"
        assert claim.rule or claim.judged


@each_entry
def test_no_value_is_typed(entry):
    """A decimal in a statement comes from the published table."""
    for side in ("one", "two"):
        plain = re.sub(r"\$[^$]*\$|Qwen2\.5|Phi-3\.5|\(0\.5B\)", "", entry[side]["says"])
        assert not re.search(r"\d\.\d", plain)
        assert ("{}" in plain) == ("value" in entry[side])


def test_all_sixteen_of_the_review_and_the_four_of_theory_and_practice_are_there():
    found = contradictions().values()
    assert sum(one.claim.startswith("O-con-") for one in found) == 16
    assert [one.id for one in found if not one.claim.startswith("O-con-")] == [
        "capacity",
        "stability",
        "linear",
        "compression",
    ]


def test_a_contradiction_shows_itself_with_its_interval_and_a_link():
    shown = side_by_side("two-signs")._repr_mimebundle_()
    assert "[-0.89, -0.87]" in shown["text/plain"]
    assert "(./01-cosine-collapse.ipynb)" in shown["text/markdown"]
    with pytest.raises(UsageError, match="did you mean 'two-signs'"):
        side_by_side("two-sign")
    with pytest.raises(UsageError, match="no chapter 'hub'"):
        chapter_link("hub")


def test_the_decision_table_shows_every_row_with_its_measurement():
    text = decision_table(remedies())._repr_mimebundle_()["text/markdown"]
    lines = text.splitlines()[2:]
    assert len(lines) == len(remedies())
    for line, row in zip(lines, remedies().values(), strict=True):
        assert row.title in line and f"{row.cost}" in line and ".ipynb)" in line
        assert all(str(item) in line for item in row.evidence)
        assert all(str(symptom) in line for symptom in row.when)
    assert set(remedies("no")) < set(remedies()) and all(
        row.helps == "no" for row in remedies("no").values()
    )
