"""The first screen: what it says, in what order, and that nothing in a text acts."""

from __future__ import annotations

import unicodedata
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_report import HOSTILE, made_report

from embedding_audit.found import Action
from embedding_audit.measure import Measure
from embedding_audit.page import first_screen
from embedding_audit.page.findings import FAULT
from embedding_audit.page.screen import screen
from embedding_audit.page.spelled import MOST_TEXT, clean, number, short


def test_the_three_worst_findings_come_first_and_the_rest_are_counted():
    shown = screen(made_report())
    assert [one.severity for one in shown.findings] == [0.9, 0.7, 0.4]
    assert shown.further == 1 and shown.verdict == "Found: 2 faults"


def test_remarks_alone_are_no_fault():
    report = made_report()
    report.findings = tuple(one for one in report.findings if one.severity < FAULT)
    assert screen(report).verdict == "No fault found; worth knowing"
    report.findings = ()
    assert screen(report).verdict == "Nothing wrong in what was measured"


def test_what_gains_most_is_tried_first_and_nothing_without_gain_is_advised():
    shown = screen(made_report())
    assert [title for title, _ in shown.actions] == ["Centre the documents", "One byte (cost)"]
    assert shown.actions[0][1] == "+0.050 nDCG@10 [+0.010, +0.090]"
    assert shown.tried == "Whitening (−0.040)"


def test_of_several_ways_to_do_the_same_one_is_shown():
    report = made_report()
    gains = {"rrf": 0.1, "weighted_sum": 0.2, "centre_both": 0.05, "bfloat16": 0, "int8": -0.001}
    report.actions = tuple(
        Action(
            name,
            name,
            "saving" if gain <= 0 else "gain",
            Measure(gain),
            "nDCG@10",
            True,
            "",
            "cost",
        )
        for name, gain in gains.items()
    )
    shown = [title for title, _ in screen(report).actions]
    assert shown == ["weighted_sum", "centre_both", "int8 (cost)"]


def test_quality_has_its_interval_its_queries_and_its_null():
    shown = screen(made_report())
    assert shown.figures[0] == ("recall@10", "0.700", "[0.600, 0.800]")
    assert shown.judged.startswith("60 queries") and "0.020" in shown.judged


def test_other_vectors_are_compared_beside_two_nulls():
    report = made_report()
    report.comparison = SimpleNamespace(name="old/items.npy")
    report.measures |= {
        "compare.overlap": Measure(0.5, 0.4, 0.6, null={"float16": 0.999, "random": 0.01}),
        "compare.ndcg_gain": Measure(-0.02, -0.04, 0.01),
        "compare.won": Measure(7),
        "compare.lost": Measure(9),
    }
    assert screen(report).against == (
        "against items.npy: 50.0% of the nearest rows stay (in half precision 99.9%, by chance "
        "1.0%)",
        "nDCG@10 by the other: −0.020 [−0.040, +0.010], 7 queries won, 9 lost",
    )


def test_what_is_missing_names_the_option_that_would_close_it():
    shown = screen(made_report(judged=False))
    assert shown.figures == ()
    assert ("recall, nDCG and what would raise them", "--qrels") in shown.missing
    assert any(need == "--texts" for _, need in shown.missing)
    told = screen(made_report()).missing
    assert told == (("BM25, alone and beside the vectors", "--query-texts"),)


@pytest.mark.parametrize("width", [40, 100])
def test_the_terminal_gets_lines_that_fit_and_no_character_that_acts(width):
    lines = first_screen(made_report(), width).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("items <img src=x")
    text = "\n".join(lines)
    assert "texts by id `custom_id`: 400 of 400" in " ".join(text.split())
    assert not {unicodedata.category(c) for c in text if c != "\n"} & {"Cc", "Cf", "Cs"}


@given(st.text(st.characters(exclude_categories=()), max_size=400))
def test_a_clean_text_can_be_written_and_does_nothing(text):
    shown = short(text)
    shown.encode("utf-8")
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs"}
    assert not any(unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE") for c in shown)


def test_a_long_text_is_cut_and_its_length_is_told():
    assert short(HOSTILE[-1]).endswith("… (99,999 characters)")
    assert len(short(HOSTILE[-1])) < MOST_TEXT + 40
    assert clean("plain – text") == "plain – text"


@given(st.floats(-1e300, 1e300))
def test_a_number_as_shown_is_near_the_number(value):
    shown = number(Measure(value).value)
    back = float(shown.replace("−", "-").replace(",", ""))
    assert abs(back - value) <= 0.06 * abs(value)
