"""The ledger says no more than was shown: units, intervals, rules that can fail, counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paper_utils.book.verdict_page import load_headlines
from paper_utils.claims import Claim, Record, judge, load_claims
from paper_utils.claims.accepted import accepted
from paper_utils.claims.tables import all_have_intervals

ROOT = Path(__file__).resolve().parents[1]
CLAIMS = load_claims()
ACCEPTED = json.loads((ROOT / "tests" / "expected" / "default.json").read_text(encoding="utf-8"))
MEASURED = {id: entry for id, entry in ACCEPTED.items() if id in CLAIMS}
RULED = {id: entry for id, entry in MEASURED.items() if CLAIMS[id].rule}


def record_of(id: str, entry: Mapping[str, Any]) -> Record:
    return Record(id, entry["measured"], entry.get("interval"), profile="default")


def moved(claim: Claim, record: Record) -> Iterator[Record]:
    """Yield records that a plausible world without the effect might give.

    Values four times as large or small, of the other sign, one count off, or four half-widths of
    their interval away; and the ledger's own `null`.
    """

    def each(change) -> Record:
        several = isinstance(record.measured, Mapping)
        values = record.measured if several else {"": record.measured}
        pairs = record.interval if isinstance(record.interval, Mapping) else {"": record.interval}
        new = {name: change(value, pairs.get(name)) for name, value in values.items()}
        found = {name: value for name, (value, _) in new.items()}
        bounds = {name: pair for name, (_, pair) in new.items()}
        if not several:
            return replace(record, measured=found[""], interval=bounds[""])
        return replace(record, measured=found, interval=bounds)

    def scaled(factor):
        return lambda v, pair: (v * factor, pair and sorted(end * factor for end in pair))

    def shifted(sign):
        def change(v, pair):
            by = sign * (2 * (pair[1] - pair[0]) if pair else isinstance(v, int))
            return v + by, pair and [end + by for end in pair]

        return change

    if claim.null is not None:
        yield each(lambda v, pair: (claim.null, pair and [claim.null, claim.null]))
    if isinstance(record.measured, str | bool | list | None):
        yield replace(record, measured=None)
        return
    for change in (scaled(4), scaled(0.25), scaled(-1), shifted(1), shifted(-1)):
        yield each(change)


@pytest.mark.parametrize("id", sorted(RULED))
def test_a_plausible_value_turns_the_verdict(id):
    """A rule that passes whatever is measured decides nothing."""
    claim, record = CLAIMS[id], record_of(id, RULED[id])
    if judge(claim, record).verdict != "holds":
        return  # it has failed, somewhere at least
    turned = any(judge(claim, other).verdict != "holds" for other in moved(claim, record))
    assert turned or claim.cannot_fail, f"{id}: it holds for every plausible value"
    assert not (turned and claim.cannot_fail), f"{id}: its rule can fail, and says that it cannot"


def fault_of(claim: Claim, entry: Mapping[str, Any]) -> str:
    """Return what a measured claim lacks in one line, empty when it is whole."""
    all_have = all_have_intervals(entry["measured"], entry.get("interval"))
    if not claim.unit:
        return f"{claim.id}: no unit"
    if not (all_have or claim.exact):
        return f"{claim.id}: neither interval nor reason"
    # The intervals of what only restates others come and go with theirs.
    if all_have and claim.exact and not claim.restates:
        return f"{claim.id}: an interval and a reason why there is none"
    return ""


@pytest.mark.parametrize("id", sorted(MEASURED))
def test_a_measured_claim_has_a_unit_and_an_interval_or_says_why_not(id):
    assert fault_of(CLAIMS[id], MEASURED[id]) == ""


@pytest.mark.parametrize(
    ("fields", "interval", "fault"),
    [
        ({}, {"a": [0, 2], "b": [0, 2]}, "X: no unit"),
        ({"unit": "points"}, None, "X: neither interval nor reason"),
        ({"unit": "points"}, {"a": [0, 2]}, "X: neither interval nor reason"),
        ({"unit": "points"}, {"a": [0, 2], "b": None}, "X: neither interval nor reason"),
        (
            {"unit": "points", "exact": "count"},
            {"a": [0, 2], "b": [0, 2]},
            "X: an interval and a reason why there is none",
        ),
        ({"unit": "points", "exact": "count"}, None, ""),
        ({"unit": "points"}, {"a": [0, 2], "b": [0, 2]}, ""),
    ],
)
def test_a_claim_without_unit_interval_or_reason_is_named(fields, interval, fault):
    claim = Claim("X", "own", "here", "s", "own", "c", **fields)
    assert fault_of(claim, {"measured": {"a": 1, "b": 1}, "interval": interval}) == fault


def test_what_restates_other_verdicts_names_them():
    for claim in CLAIMS.values():
        assert set(claim.restates) <= set(CLAIMS) - {claim.id}, claim.id
        if claim.id.startswith("O-con-") and claim.kind != "slip":
            assert claim.restates, f"{claim.id}: which claims does it restate?"


def wrong_headline(entry: Mapping[str, Any], verdict: str) -> str:
    """Return in one line how a headline departs from its claim's verdict."""
    if entry["verdict"] != verdict:
        return (
            f"headlines.yml: {entry['id']} is told as {entry['verdict']}, its verdict is {verdict}"
        )
    return ""


@pytest.mark.parametrize("entry", load_headlines(ROOT), ids=lambda entry: entry["id"])
def test_a_headline_says_the_verdict_of_its_claim(entry):
    assert wrong_headline(entry, accepted(entry["id"]).verdict) == ""


def test_a_headline_of_another_verdict_is_named():
    entry = {"id": "X", "verdict": "holds"}
    told = "headlines.yml: X is told as holds, its verdict is fails"
    assert (wrong_headline(entry, "holds"), wrong_headline(entry, "fails")) == ("", told)


# --- the house rules of statistics, as far as a search of the text can see them

ALLOWED = "house rule:"  # begins the comment that says why a line may break one
_Z = r"1\.9(?:6|59964)"
_NORMAL = re.compile(rf"\b{_Z}\s*\*|\*\s*{_Z}\b|[\[(]-?{_Z}\b")
_SPREAD = re.compile(r"\.std\((?![^()]*(\([^()]*\)[^()]*)*ddof=1)")
_BEST = re.compile(r"best of (?:(?:the|all|its) )?(?:seeds|starts|runs|draws|several|four)\b")
_MEAN = re.compile(r"\bmeans?\b|\bmedian\b|\.mean\(")


def broken_rules(text: str) -> list[str]:
    """Return the lines of a source that break a house rule without saying why.

    Half-widths come from `paper_utils.statistics`, not from a typed quantile; the spread of a
    sample has ddof=1; a section that tells the best of several runs tells their mean too.
    """
    lines, found = text.splitlines(), []
    best, mean = 0, False
    for number, line in enumerate([*lines, "## the end"], 1):
        if re.match("##+ ", line):
            if best and not mean:
                found.append(f"line {best}: the best without the mean: {lines[best - 1].strip()}")
            best, mean = 0, False
        before = lines[number - 2] if number > 1 else ""
        if ALLOWED in line or ALLOWED in before:
            continue
        mean = mean or bool(_MEAN.search(line))
        best = best or (number if _BEST.search(line) else 0)
        code = line.partition("#")[0]
        if _NORMAL.search(code):
            found.append(f"line {number}: a typed quantile: {line.strip()}")
        if _SPREAD.search(code):
            found.append(f"line {number}: a spread without ddof=1: {line.strip()}")
    return found


SOURCES = sorted(
    [*(ROOT / "notebooks").glob("*.md"), *(ROOT / "src").rglob("*.py")],
    key=lambda path: path.relative_to(ROOT),
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_house_rules_of_statistics_hold(path):
    text = path.read_text(encoding="utf-8")
    assert [f"{path.name}, {one}" for one in broken_rules(text)] == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("half = 1.96 * error", "a typed quantile"),
        ("half = 1.96 * error  # house rule: over ten thousand rows", None),
        ("# half = 1.96 * error", None),
        ("intervals of $\\pm1.96$ standard errors", None),
        ("sd = values.std()", "a spread without ddof=1"),
        ("sd = np.std(values, axis=f(0))", "a spread without ddof=1"),
        ("sd = values.std(axis=(0, 1), ddof=1)", None),
        ("The best of four starts is shown.", "the best without the mean"),
        ("The best of four starts is shown, beside their mean.", None),
    ],
)
def test_a_broken_house_rule_is_found(line, fault):
    found = broken_rules(line)
    assert bool(found) == bool(fault)
    assert not fault or fault in found[0]
