"""Findings of the geometry: each needs its null to be cleared, and says both numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedding_audit.measure import Measure, not_measured
from embedding_audit.page.findings import FAULT, geometry_findings


def found(measures, **settings):
    """Findings by key."""
    return {one.key: one for one in geometry_findings(measures, columns=8, **settings)}


@pytest.mark.parametrize(
    ("key", "bad", "sound"),
    [
        ("rows.nan", Measure(2), Measure(0)),
        ("rows.infinite", Measure(2), Measure(0)),
        ("rows.zero", Measure(2), Measure(0)),
        ("rows.duplicate_share", Measure(0.3, 0.25, 0.35, n=90), Measure(0, 0, 0.01, n=90)),
        (
            "hubness.raw.largest",
            Measure(80, 70, 90, n=200, null={"gaussian": 20}),
            Measure(24, 18, 30, n=200, null={"gaussian": 20}),
        ),
        (
            "hubness.raw.antihubs",
            Measure(0.4, 0.35, 0.45, null={"gaussian": 0.1}),
            Measure(0.12, 0.08, 0.16, null={"gaussian": 0.1}),
        ),
        ("stability.tied", Measure(0.5, 0.4, 0.6), Measure(0, 0, 0.02)),
        ("slices_summary.language_gap", Measure(0.4, 0.3, 0.5), Measure(0.01, -0.1, 0.1)),
        (
            "stability.int8",
            Measure(0.6, 0.5, 0.7, null={"gaussian": 0.99}),
            Measure(0.99, 0.98, 1, null={"gaussian": 0.99}),
        ),
        ("rows.used", Measure(7), Measure(900)),
        ("norms.unit_share", Measure(0.5, 0.4, 0.6), Measure(1, 0.99, 1)),
        ("norms.unit_share", Measure(0.9, 0.85, 0.95), Measure(0, 0, 0.02)),
        ("rows.copied_block", Measure(50, n=100), Measure(3, n=100)),
        ("rows.merged_by_rounding", Measure(5, n=100), Measure(0, n=100)),
        (
            "rows.near_duplicate_share",
            Measure(0.2, 0.15, 0.25, n=400, null={"gaussian": 0.001}),
            Measure(0.001, 0, 0.01, n=400, null={"gaussian": 0.001}),
        ),
        (
            "rows.outlier_share",
            Measure(0.2, 0.15, 0.25, n=400, null={"gaussian": 0.01}),
            Measure(0.03, 0.016, 0.05, n=300, null={"gaussian": 0.01}),
        ),
    ],
)
def test_a_fault_is_found_and_its_control_is_not(key, bad, sound):
    assert key in found({key: bad})
    assert key not in found({key: sound})
    assert key not in found({key: not_measured("no rows")})


def test_what_nobody_can_miss_is_called_a_fault():
    rows = {"rows.nan": Measure(1), "rows.duplicate_share": Measure(1 / 3, 0.3, 0.4)}
    assert all(one.severity >= FAULT for one in found(rows).values())
    mean = Measure(0.9, 0.89, 0.91)
    assert found({"cosine.mean": mean})["cosine.mean"].severity < FAULT


def test_one_direction_is_held_against_shuffled_coordinates():
    rank = Measure(1 / 0.6, 1.5, 1.8, null={"shuffled": 1 / 0.38})
    sentence = found({"dimension.stable_rank": rank})["dimension.stable_rank"].sentence
    assert "60% of the variance" in sentence and "38%" in sentence
    same = Measure(1 / 0.6, 1.5, 1.8, null={"shuffled": 1.7})
    assert found({"dimension.stable_rank": same}) == {}


def test_lengths_are_left_to_the_judged_queries_where_there_are_any():
    lengths = {"norms.cv": Measure(0.4, 0.35, 0.45), "stability.dot": Measure(0.5, 0.45, 0.55)}
    assert "stability.dot" in found(lengths)
    assert found(lengths, metric="dot") == {}
    assert found(lengths | {"relevance.recall_10": Measure(0.5, 0.4, 0.6)}) == {}


shares = st.floats(0, 1)


@given(shares, shares, shares)
def test_severities_lie_between_0_and_1_and_the_worst_come_first(a, b, c):
    measures = {
        "rows.total": Measure(100),
        "rows.duplicate_share": Measure(a, a / 2, min(1, 2 * a)),
        "stability.tied": Measure(b, b / 2, b),
        "hubness.raw.antihubs": Measure(c, c / 2, c, null={"gaussian": 0.1}),
        "cosine.mean": Measure(c, c, c),
    }
    severities = [one.severity for one in geometry_findings(measures, columns=8)]
    assert all(0 <= one <= 1 for one in severities)
    assert severities == sorted(severities, reverse=True)
