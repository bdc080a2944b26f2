"""The experiments behind the chapter on margin."""

from __future__ import annotations

import pytest

from paper_chapters.margin.frontier import frontier_margin
from paper_chapters.margin.onset import onset
from paper_chapters.margin.precision import largest_exact_n, narrowest_margin
from paper_utils import results
from paper_utils.errors import UsageError
from paper_utils.theory.margin import largest_margin, margin_ceiling


def test_the_ceiling_is_reached_in_one_dimension_less_than_documents():
    assert frontier_margin(8, 7, "random", 0)["gap"] == pytest.approx(
        largest_margin(8, 2), rel=1e-3
    )


def test_from_the_curve_four_dimensions_return_all_pairs_and_more_widely():
    margin = frontier_margin(16, 4, "curve", 0)["gap"]
    assert 2 * narrowest_margin(16, 2) < margin < margin_ceiling(16, 2, 4)


@pytest.mark.parametrize("k, dtype, low, high", [(2, "float16", 9, 60), (3, "float32", 12, 90)])
def test_worst_subsets_fail_first(k, dtype, low, high):
    found = onset(k, dtype, low, high)
    n, lost = largest_exact_n(k, dtype)
    assert found["first"] == n + 1
    assert 0 < found["lost"] <= min(lost, found["checked"])


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: frontier_margin(16, 3, "curve", 0), "d must be a whole number from 4, not 3"),
        (lambda: frontier_margin(16, 5, "spiral", 0), "spiral"),
        (lambda: onset(2, "float16", 30, 60), "n = 30"),
        (lambda: onset(2, "float64", 9, 30), "float64"),
        (lambda: onset(2, "float8", 9, 30), "float8"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(UsageError, match=said):
        call()


def test_no_recorded_margin_passes_its_upper_bound():
    for task, value, _ in results.get("margin-frontier").tasks:
        assert value["gap"] <= margin_ceiling(task["n"], 2, task["d"]) * (1 + 1e-9), task
