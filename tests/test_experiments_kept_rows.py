"""What is read from the records of numbers per document: curves and differences."""

import math

import numpy as np
import pytest

from paper_chapters.dimension_verdict.kept_rows import (
    at,
    at_each_size,
    curve,
    difference,
    kept_rows,
)
from paper_utils.errors import UsageError
from paper_utils.statistics import t_interval


def row(system, numbers, mean, half, draws):
    return {
        "system": system,
        "numbers": numbers,
        "draws": draws,
        "recall_2": [mean, mean - half, mean + half],
        "ndcg_10": [0.5, 0.4, 0.6],
    }


@pytest.fixture
def rows():
    found = [
        row("one", 256, 0.3, 0.03, [0.28, 0.32]),
        row("one", 64, 0.1, 0.03, [0.1]),
        row("apart", 300, 0.5, 0.04, [0.5]),
    ]
    tasks = [({"source": name}, {"rows": found}, 1.0) for name in ("limit-small", "xquad-r-en")]
    return kept_rows([*tasks, ({"source": "generated"}, {"rows": found}, 1.0)])


def test_rows_are_in_percent_of_the_measure_of_their_set(rows):
    assert len(rows) == 6  # generated data are left out
    assert at(rows, "LIMIT-small", "one", 64)["mean"] == pytest.approx(10)
    assert at(rows, "sentences", "one", 64)["high"] == pytest.approx(60)


def test_a_curve_is_sorted_and_the_nearest_size_is_found_by_ratio(rows):
    assert curve(rows, "LIMIT-small", "one")["numbers"].tolist() == [64, 256]
    assert at(rows, "LIMIT-small", "one", 127)["numbers"] == 64
    assert at(rows, "LIMIT-small", "one", 129)["numbers"] == 256
    assert at(rows, "LIMIT-small", "one")["numbers"] == 256


def test_a_difference_adds_variances_of_queries_and_of_draws(rows):
    one, apart = at(rows, "LIMIT-small", "one"), at(rows, "LIMIT-small", "apart")
    _, low, high, _ = t_interval(np.array([28.0, 32.0]))
    gap, *ends = difference(apart, one)
    assert gap == pytest.approx(20)
    half = math.hypot(3, 4, (high - low) / 2)
    assert ends == pytest.approx([20 - half, 20 + half])
    assert difference(one, apart)[0] == pytest.approx(-gap)


def test_each_size_meets_the_nearest_of_the_other_system(rows):
    found = at_each_size(rows, "apart", "one")
    assert set(found) == {"LIMIT-small, 300 numbers", "sentences, 300 numbers"}
    assert found["LIMIT-small, 300 numbers"][0] == pytest.approx(20)


def test_an_unknown_system_is_named(rows):
    with pytest.raises(UsageError, match=r"no system 'on' .* did you mean 'one'"):
        at(rows, "LIMIT-small", "on")
