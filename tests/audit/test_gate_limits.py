"""Conditions, baselines and the config file: what breaks a build, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedding_audit.config import read_config
from embedding_audit.gate import Baseline, conditions, read_baseline, tolerances, worsened
from embedding_audit.measure import Measure, not_measured
from paper_utils.errors import UsageError

RECALL = "relevance.recall_10"
SETTINGS = {"k": 10, "metric": "cosine"}


@pytest.mark.parametrize(
    ("text", "value", "breached"),
    [
        ("recall@10<0.8", 0.79, True),
        ("recall@10<0.8", 0.8, False),
        ("Recall@10 <= 0.8", 0.8, True),
        ("relevance.recall_10>0.8", 0.81, True),
        ("relevance.recall_10 >= .8", 0.79, False),
    ],
)
def test_a_condition_that_holds_is_a_breach(text, value, breached):
    (one,) = conditions([text])
    line = one.breach({RECALL: Measure(value, value - 0.1, value + 0.1)})
    assert bool(line) is breached
    if breached:
        assert line.startswith(text) and f"{value}" in line and "95% interval" in line


@given(st.floats(-9, 9), st.floats(-9, 9), st.sampled_from(["<", "<=", ">", ">="]))
def test_conditions_are_those_of_python(value, limit, sign):
    (one,) = conditions([f"stability.int8{sign}{limit!r}"])
    breached = bool(one.breach({"stability.int8": Measure(value)}))
    assert breached is eval(f"{value!r} {sign} {limit!r}")


def test_what_was_not_measured_cannot_pass():
    (one,) = conditions(["ndcg@10<0.1"])
    assert "cannot be judged: not measured, because it needs --queries" in one.breach({})
    few = {"relevance.ndcg_10": not_measured("fewer than two judged queries")}
    assert "fewer than two judged queries" in one.breach(few)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("recal@10<0.8", "did you mean 'recall@10'?"),
        ("stability.int9<0.8", "did you mean 'stability.int8'?"),
        ("recall@10=0.8", "one of < <= > >="),
        ("recall@10<high", "such as 'recall@10<0.8'"),
        ("recall@10<nan", "such as 'recall@10<0.8'"),
        ("slices.seen<0.8", "no measure is called 'slices.seen'"),
        ("", "must be a measure"),
    ],
)
def test_a_condition_that_is_none_is_refused(text, words):
    with pytest.raises(UsageError) as told:
        conditions([text])
    assert words in str(told.value) and "\n" not in str(told.value)


def baseline(**values):
    """An earlier report with these measures."""
    return Baseline("old.json", SETTINGS, values)


def judged(old, new, **allowed):
    """Breaches where recall@10 was `old` and is `new`."""
    return worsened(baseline(**{RECALL: old}), SETTINGS, {RECALL: new}, allowed)


def test_by_default_worse_is_what_both_intervals_exclude():
    old, near, far = Measure(0.8, 0.76, 0.84), Measure(0.75, 0.71, 0.79), Measure(0.7, 0.66, 0.74)
    assert judged(old, near) == []  # less by .05; the errors add up to .057
    (line,) = judged(old, far)
    assert line == f"{RECALL}: 0.7, was 0.8; worse by 0.1, allowed 0.05657"
    assert judged(far, old) == []  # better is no breach


def test_a_tolerance_replaces_the_interval():
    old, new = Measure(0.8, 0.76, 0.84), Measure(0.75, 0.71, 0.79)
    assert judged(old, new, **{RECALL: 0.02})
    assert judged(old, new, **{"": 0.02})
    assert judged(old, new, **{"": 0.02, RECALL: 0.1}) == []


def test_damage_is_counted_and_directions_are_those_of_each_measure():
    old = baseline(**{"rows.nan": Measure(0), "hubness.raw.skewness": Measure(1, 0.9, 1.1)})
    new = {"rows.nan": Measure(1), "hubness.raw.skewness": Measure(0.2, 0.1, 0.3)}
    (line,) = worsened(old, SETTINGS, new, {})
    assert line.startswith("rows.nan: 1, was 0")
    new["hubness.raw.skewness"] = Measure(2, 1.9, 2.1)
    assert len(worsened(old, SETTINGS, new, {})) == 2


def test_what_was_measured_and_is_not_any_more_is_a_breach():
    (line,) = worsened(baseline(**{RECALL: Measure(0.8)}), SETTINGS, {}, {})
    assert "cannot be judged against the baseline" in line


@pytest.mark.parametrize(("name", "value"), [("k", 20), ("metric", "dot")])
def test_a_baseline_with_other_settings_is_refused(name, value):
    with pytest.raises(UsageError, match=f"made with {name} = "):
        worsened(baseline(), SETTINGS | {name: value}, {}, {})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is no report.json"),
        ("[]", "is no report.json"),
        ('{"a": 1}', "is no report.json"),
        ('{"schema_version": 0}', "schema_version 0"),
        ("[" * 100_000, "is no report.json"),
        ('{"schema_version": 2, "a": {"value": "x", "low": 1, "high": 1, "null": 3}}', "cannot be"),
    ],
)
def test_a_file_that_is_no_baseline_is_refused(content, words, tmp_path):
    (tmp_path / "old.json").write_text(content)
    with pytest.raises(UsageError, match=words):
        read_baseline(str(tmp_path / "old.json"), 2)
    with pytest.raises(UsageError, match="No such file"):
        read_baseline(str(tmp_path / "none.json"), 2)


def test_a_baseline_gives_back_what_a_report_holds(tmp_path):
    old = Measure(0.8, 0.7, 0.9, n=50, null={"shuffled": 0.1})
    content = {"schema_version": 2, "settings": SETTINGS, "relevance": {"recall_10": old.as_dict()}}
    (tmp_path / "old.json").write_text(json.dumps(content))
    read = read_baseline(str(tmp_path / "old.json"), 2)
    assert dict(read.measures) == {RECALL: old} and read.settings == SETTINGS


@pytest.mark.parametrize("text", ["-0.1", "x", "=3", "recall@10=", "recall@10=inf"])
def test_a_tolerance_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="at least 0, or KEY=NUMBER"):
        tolerances([text])


def test_a_tolerance_for_what_has_no_direction_is_refused():
    with pytest.raises(UsageError, match="has no better or worse"):
        tolerances(["cosine.mean=0.1"])
    assert tolerances(["0.1", "recall@10=0.2"]) == {"": 0.1, RECALL: 0.2}


ALLOWED = {"queries": False, "fail_on": True, "keep_own": False, "k": False}


def test_a_config_file_has_the_names_of_the_options(tmp_path):
    file = tmp_path / "embedding-audit.toml"
    file.write_text('queries = "q.npy"\nfail-on = ["mrr<0.5"]\nk = 5\nkeep-own = true\n')
    told = {"queries": "q.npy", "fail_on": ["mrr<0.5"], "k": 5, "keep_own": True}
    assert read_config(str(file), ALLOWED) == told
    file.write_text('fail_on = "mrr<0.5"\n')
    assert read_config(str(file), ALLOWED) == {"fail_on": ["mrr<0.5"]}


def test_the_working_folder_is_looked_into(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_config(None, ALLOWED) == {}
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert read_config(None, ALLOWED) == {}
    (tmp_path / "pyproject.toml").write_text("[tool.embedding-audit]\nk = 3\n")
    assert read_config(None, ALLOWED) == {"k": 3}
    (tmp_path / "embedding-audit.toml").write_text("k = 4\n")
    assert read_config(None, ALLOWED) == {"k": 4}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("k = ", "not TOML"),
        ("querys = 1", "did you mean 'queries'"),
        ("queries = [1]", "takes one value"),
        ("queries = {a = 1}", "must be a string"),
        ("k = 2026-01-01", "must be a string"),
    ],
)
def test_a_config_file_that_says_something_else_is_refused(content, words, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(content)
    with pytest.raises(UsageError) as told:
        read_config(str(file), ALLOWED)
    assert words in str(told.value) and "\n" not in str(told.value)
    with pytest.raises(UsageError, match="No such file"):
        read_config(str(tmp_path / "none.toml"), ALLOWED)
