"""The ledger: what is malformed is refused, and verdicts follow from rules."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paper_utils import claims
from paper_utils.claims import Claim, Record, judge, plain, recording
from paper_utils.errors import PaperError, UsageError


def claim(rule=None, claimed=None, **more):
    return Claim("X", "own", "here", "s", "own", "c", claimed=claimed, rule=rule, **more)


@pytest.mark.parametrize(
    ("rule", "claimed", "measured", "interval", "verdict"),
    [
        ({"kind": "within", "abs": 0.1}, 1.0, 1.09, None, "holds"),
        ({"kind": "within", "abs": 0.1}, 1.0, 1.11, None, "fails"),
        ({"kind": "within", "rel": 0.01}, -200.0, -198.5, None, "holds"),
        ({"kind": "rounds_to", "digits": 4}, 0.0083, 1 / 121, None, "holds"),
        ({"kind": "rounds_to", "digits": 4}, 0.0082, 1 / 121, None, "fails"),
        ({"kind": "equals"}, 5, 5, None, "holds"),
        ({"kind": "at_least", "value": 3}, "more", 2.9, None, "fails"),
        ({"kind": "at_most", "value": 3}, "less", 2.9, None, "holds"),
        ({"kind": "interval_excludes", "value": 0}, "an effect", 1, (0.2, 2), "holds"),
        ({"kind": "interval_excludes", "value": 0}, "an effect", 1, (-0.2, 2), "fails"),
        ({"kind": "interval_includes", "value": 1}, 1, 1.1, (0.9, 1.3), "holds"),
        ({"kind": "interval_above", "value": 0}, "rises", 1, (0.1, 2), "holds"),
        ({"kind": "interval_below", "value": 0}, "falls", 1, (0.1, 2), "fails"),
        ({"kind": "at_least", "value": 0}, "", {"a": 1, "b": -1}, None, "conditional"),
        ({"kind": "at_least", "value": 0}, "", {"a": -1, "b": -1}, None, "fails"),
    ],
)
def test_the_verdict_follows_from_rule_and_measurement(rule, claimed, measured, interval, verdict):
    assert judge(claim(rule, claimed), Record("X", measured, interval)).verdict == verdict


def test_a_smoke_run_never_supports_a_verdict():
    rule = {"kind": "equals"}
    assert judge(claim(rule, 1), Record("X", 1, profile="smoke")).verdict == "open"
    assert judge(claim(rule, 1), Record("X", 1, profile="default")).verdict == "holds"


def test_a_judged_verdict_says_so_and_gives_its_reason():
    verdict = judge(claim(judged={"verdict": "fails", "reason": "wrong sign"}), Record("X", 1))
    assert (verdict.verdict, verdict.judged, verdict.reason) == ("fails", True, "wrong sign")
    assert "judged" in claims.badge(verdict)


def test_an_interval_rule_without_an_interval_is_an_error():
    with pytest.raises(PaperError, match="interval"):
        judge(claim({"kind": "interval_above", "value": 0}), Record("X", 1))


def test_a_kept_record_that_a_newer_rule_does_not_fit_is_open():
    entry = claim({"kind": "interval_above", "value": 0})
    (shown,) = claims.judge_all({"X": entry}, {"X": Record("X", 1)})
    assert (shown.verdict, shown.status) == ("open", "not_run")
    assert shown.reason.startswith("to be executed again: the rule 'interval_above' needs")


def test_nothing_measured_holds_nothing():
    with pytest.raises(PaperError, match="under no condition"):
        judge(claim({"kind": "at_least", "value": 0}), Record("X", {}))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"kind": "within", "rel": 0.02}, "rule: within 2% of 1"),
        ({"kind": "within", "rel": 1e-12}, "rule: within a relative 1e-12 of 1"),
        ({"kind": "at_least", "value": 0}, "rule: at least 0"),
    ],
)
def test_a_rule_reads_as_words(rule, text):
    assert judge(claim(rule, 1), Record("X", 1)).reason == text


def test_not_measured_is_said_as_such():
    shown = judge(claim(status="published", needs="a GPU"), None)
    assert (shown.verdict, shown.status, shown.reason) == ("open", "published", "a GPU")
    assert "published only" in claims.badge(shown)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 1e6))
def test_within_is_symmetric_and_never_looser_than_its_tolerance(target, slack):
    rule = {"kind": "within", "abs": slack}
    far = target + 2 * slack + abs(target) * 1e-9 + 1e-9
    assert judge(claim(rule, target), Record("X", target)).verdict == "holds"
    assert judge(claim(rule, target), Record("X", far)).verdict == "fails"


GOOD = {"id": "X", "source": "own", "at": "a", "statement": "s", "kind": "own", "chapter": "c"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rul": {}}, "unknown field 'rul'; did you mean 'rule'"),
        ({"statement": ""}, "'statement' is missing"),
        ({"kind": "guess"}, "kind 'guess'"),
        ({"rule": {"kind": "withn"}}, "did you mean 'within'"),
        ({"rule": "within"}, "'rule' must be dict"),
        ({"judged": {"verdict": "holds"}}, "needs a 'reason'"),
        ({"judged": {"verdict": "true", "reason": "r"}}, "judged verdict"),
        (
            {"rule": {"kind": "equals"}, "judged": {"verdict": "holds", "reason": "r"}},
            "not both",
        ),
        ({"status": "published"}, "needs 'needs'"),
        ({"status": "done"}, "status 'done'"),
    ],
)
def test_a_malformed_ledger_is_refused_in_one_line(tmp_path, change, message):
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump([GOOD | change]))
    with pytest.raises(PaperError, match=message) as error:
        claims.load_claims(path)
    assert "\n" not in str(error.value)


def test_an_id_may_occur_once(tmp_path):
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump([GOOD, GOOD]))
    with pytest.raises(PaperError, match="twice"):
        claims.load_claims(path)


@pytest.fixture
def ledger(monkeypatch):
    entry = claim({"kind": "at_least", "value": 0})
    monkeypatch.setattr(recording, "load_claims", lambda path=None: {"X": entry})
    monkeypatch.setattr(recording, "_recorded", {})
    monkeypatch.setenv("PAPER_PROFILE", "default")


def test_record_refuses_what_would_be_a_wrong_number(ledger):
    with pytest.raises(UsageError, match="no claim 'Y'"):
        claims.record("Y", 1)
    with pytest.raises(UsageError, match="NaN"):
        claims.record("X", math.nan)
    with pytest.raises(UsageError, match="low, high"):
        claims.record("X", 1, interval=(2, 1))
    claims.record("X", np.float32(0.5), interval=np.array([0.0, 1.0]), seeds=np.arange(3))
    assert recording._recorded["X"].measured == 0.5
    assert recording._recorded["X"].seeds == [0, 1, 2]
    with pytest.raises(UsageError, match="twice"):
        claims.record("X", 1)
    assert "X: holds" in repr(claims.verdicts())


def test_verdicts_without_a_record_is_an_error(ledger):
    with pytest.raises(UsageError, match="no claim yet"):
        claims.verdicts()


def test_records_travel_inside_a_notebook(ledger):
    entry = Record("X", {"a": 1.5}, n=3, data={"d": "abc"}, profile="default")
    _, metadata = recording._Recorded(entry)._repr_mimebundle_()
    notebook = {"cells": [{"outputs": [{"metadata": metadata}]}, {}]}
    assert claims.records_in(notebook) == {"X": entry}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_plain_keeps_what_json_can_hold(value):
    assert plain(value) == value


def test_tables_keep_pipes_and_newlines_inside_their_cell():
    entry = Claim("X", "own", "here", "a | b\nc", "own", "c")
    line = claims.markdown_table([judge(entry, None)]).splitlines()[2]
    assert "a \\| b c" in line


def test_of_many_conditions_the_count_is_seen_and_which_they_are_is_folded():
    values = {f"case {number}": number - 3 for number in range(9)}
    table = claims.markdown_table(
        [judge(claim({"kind": "at_least", "value": 0}), Record("X", values))]
    )
    seen = re.sub(r"<details>.*?</details>", "", table)
    assert "case 3: 0" in seen and "case 4: 1" not in seen and "true for case" not in seen
    assert "<summary>true for 6 of 9</summary>true for case 3, case 4" in table
    assert all(f"{name}: " in table for name in values)


def test_names_of_conditions_are_escaped():
    record = Record("X", {"vectors:<script>.npy": 1, "other": -1})
    table = claims.markdown_table([judge(claim({"kind": "at_least", "value": 0}), record)])
    assert "<script>" not in table
    assert table.count("vectors:&lt;script&gt;.npy") == 2, "measured, and the verdict's reason"


def test_what_was_accepted_can_be_quoted(tmp_path, monkeypatch):
    from paper_utils.claims import accepted

    kept = {"K-iso": {"chapter": "c", "measured": 1.3, "interval": [1, 2], "data": {}}}
    monkeypatch.setattr(accepted, "_default", lambda: kept)
    found = accepted.accepted("K-iso")
    assert (found.record.measured, found.record.interval) == (1.3, [1, 2])
    assert found.verdict == "fails", "judged by the rule of the ledger"
    with pytest.raises(UsageError, match="no accepted value of the claim 'K-H2'"):
        accepted.accepted("K-H2")


def test_the_ledger_holds_every_claim_of_the_review(root):
    text = (root / "tests" / "ledger_ids.txt").read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if line and not line.startswith("#")]
    ledger = claims.load_claims()
    assert len(set(listed)) == len(listed)
    assert [id for id in listed if id not in ledger] == []
    # Claims of others that are added later belong on the list too; our own results may be any.
    assert [id for id in ledger if not id.startswith("O-") and id not in listed] == []


def test_what_no_chapter_measures_says_why():
    for claim in claims.load_claims().values():
        if claim.status == "citation":
            assert claim.judged and len(claim.judged["reason"]) > 20, claim.id
        if claim.status == "published":
            assert len(claim.needs) > 20, claim.id
