"""Experiments on free embeddings: rows of the searches and counts of starts."""

import pytest

from paper_chapters.free_embeddings.objectives import (
    AS_PUBLISHED,
    OBJECTIVES,
    critical_row,
    find_objective,
)
from paper_chapters.free_embeddings.success import success
from paper_utils.errors import UsageError
from paper_utils.optimise.descent import Protocol
from paper_utils.results import experiments


def test_the_published_curve_is_the_published_protocol():
    assert find_objective(AS_PUBLISHED) == ("infonce", Protocol())


def test_tasks_are_distinct_and_known():
    for name, most in (("critical-n", 16), ("objectives", 7), ("success", 14)):
        tasks = experiments()[f"free-embeddings-{name}"].tasks()
        assert len({tuple(task.items()) for task in tasks}) == len(tasks)
        assert {task["objective"] for task in tasks} <= set(OBJECTIVES)
        assert max(task["d"] for task in tasks) == most


def test_a_row_of_the_search_agrees_with_the_counts():
    row = critical_row("squared hinge", 3, n_seeds=2, largest=20)
    counts = dict(zip(row["n"], row["solved"], strict=True))
    assert row["best"] == max(row["per_seed"]) == max(n for n in counts if counts[n])
    for n in (4, 5):
        assert success("squared hinge", 3, n, n_seeds=2) == {"solved": counts[n]}
    assert counts[4] > 0 == counts[5]  # unit vectors in three dimensions separate the pairs of four


def test_a_lower_temperature_is_another_experiment():
    # Six dimensions, n well above what T = 0.1 solves and well below what T = 0.02 does.
    assert success(AS_PUBLISHED, 6, 26, n_seeds=1) == {"solved": 0}
    assert success("InfoNCE, T = 0.02", 6, 26, n_seeds=1) == {"solved": 1}


def test_a_reader_names_another_temperature_and_size_of_sets():
    for name in (AS_PUBLISHED, "InfoNCE, T = 0.02"):
        assert find_objective(name) == OBJECTIVES[name]
    assert find_objective("InfoNCE, T = 0.05") == ("infonce", Protocol(temperature=0.05))
    with pytest.raises(UsageError, match=r"temperature = 0\.001 must be at least"):
        find_objective("InfoNCE, T = 0.001")
    # Any point of a circle is the nearest of its own direction: single documents all fit.
    assert critical_row("max-margin", 2, n_seeds=1, largest=8, k=1)["best"] == 8


def test_an_unknown_objective_is_named():
    with pytest.raises(UsageError, match="objective = 'InfoNCE'"):
        success("InfoNCE", 4, 6, n_seeds=1)
