"""Several intervals at once: p-values off intervals, and what is left after Holm."""

from __future__ import annotations

import pytest
from scipy import stats

from paper_utils.claims import Claim, Record
from paper_utils.claims.family import p_values, several_tests
from paper_utils.errors import UsageError
from paper_utils.statistics import t_interval

ABOVE = Claim("X", "own", "here", "s", "own", "c", rule={"kind": "interval_above", "value": 0})


def test_the_p_of_a_t_interval_is_that_of_the_t_test():
    values = [0.3, 0.1, 0.4, 0.2, 0.6]
    mean, low, high, _ = t_interval(values)
    record = Record("X", {"a": mean}, {"a": (low, high)}, seeds=range(5))
    assert p_values(ABOVE, record)["a"] == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_a_value_without_width_is_not_tested():
    record = Record("X", {"a": 1.0, "b": 1.0, "c": 1.0}, {"a": (1, 1), "b": (0.5, 1.5)})
    assert set(p_values(ABOVE, record)) == {"b"}


def test_holm_takes_back_what_just_passes_among_many():
    """Two-sided p of 0.04 passes alone, and not as the best of two."""
    just = 1.96 / stats.norm.isf(0.02)
    measured, interval = {"a": 1.0, "b": -1.0}, {"a": (1 - just, 1 + just), "b": (-9.0, 7.0)}
    row = several_tests({"X": ABOVE}, {"X": Record("X", measured, interval)}).iloc[0]
    assert row["conditions"] == 2 and row["pass alone"] == 1
    assert row["after Holm"] == 0 and row["lost"] == "a"


def test_a_chapter_without_intervals_has_no_family():
    with pytest.raises(UsageError, match="no claim recorded"):
        several_tests({"X": ABOVE}, {})
