"""Neighbours and hubs against the book's exact search, by every metric."""

import numpy as np
import pytest
from cloud_rows import cloud_of, cloud_rows, measured

from embedding_audit.cloud import hubs, products
from embedding_audit.cloud.neighbours import (
    counts_of,
    hub_measures,
    nearest,
    random_lists,
    two_nearest_dimension,
    with_duplicates,
)
from embedding_audit.cloud.points import InMemoryPoints, sample
from paper_utils.checks import unit_rows
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.geometry.hubness import k_occurrence, poisson_reference


@pytest.mark.parametrize(("block", "chunk"), [(65_536, 2_048), (64, 50), (7, 1000)])
def test_neighbours_do_not_depend_on_blocks(monkeypatch, block, chunk):
    rows = cloud_rows()
    cloud = cloud_of(rows)
    monkeypatch.setattr(products, "BLOCK", block)
    monkeypatch.setattr(products, "CHUNK", chunk)
    lists = nearest(cloud.distinct, np.arange(cloud.distinct.n), 10)
    book = k_occurrence(rows, 10)
    counts = np.empty(500, dtype=int)
    counts[cloud.rows.row] = counts_of(lists)[cloud.point_of_row]
    assert np.array_equal(counts, book.counts[book.point_of_row])
    found = hub_measures(lists)
    assert found["skewness"].value == pytest.approx(book.skewness, rel=1e-9)
    assert found["antihubs"].value == book.antihubs
    assert found["robin_hood"].value == pytest.approx(book.robin_hood)
    kept = with_duplicates(lists, cloud.point_of_row, np.arange(500))
    want = k_occurrence(rows, 10, duplicates="keep")
    assert np.array_equal(np.sort(counts_of(kept)), np.sort(want.counts))


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_hubs_are_those_of_the_metric(metric):
    rows = cloud_rows(n=300, duplicates=0) * np.linspace(0.3, 4, 300, dtype=np.float32)[:, None]
    found = measured(rows, metric=metric)
    book = k_occurrence(rows, 10, metric=metric)
    assert found.measures["hubness.raw.skewness"].value == pytest.approx(book.skewness, rel=1e-9)
    assert found.measures["hubness.raw.largest"].value == book.largest
    assert np.array_equal(found.occurrence, book.counts[found.cloud.scan.rows])
    top = found.examples["hubs"][0]
    assert top["count"] == book.largest == book.counts[top["row"]]
    centred = found.measures["hubness.centred.skewness"]
    assert centred.measured == (metric != "l2")
    if metric == "dot":
        want = k_occurrence(rows - rows.mean(axis=0), 10, metric="dot").skewness
        assert centred.value == pytest.approx(want, rel=0.01)


def test_by_other_metrics_rows_of_one_direction_and_two_lengths_are_two_points():
    rows = cloud_rows()
    assert cloud_of(rows).distinct.n == 500 - 41
    for metric in ("dot", "l2"):
        cloud = cloud_of(rows, metric)
        assert cloud.distinct.n == 500 - 40  # forty rows are equal, and one has half their length
        assert cloud.directions.n == 500 - 41


def test_a_row_never_finds_itself_and_equal_scores_go_by_number():
    points = InMemoryPoints(np.eye(4, dtype=np.float32).repeat(3, axis=0))
    lists = nearest(points, np.arange(12), 4)
    assert not (lists.indices == lists.queries[:, None]).any()
    assert lists.indices[0].tolist() == [1, 2, 3, 4]


def test_the_skewness_of_a_sample_has_hardly_a_bias():
    rows = np.random.default_rng(0).normal(size=(1000, 64)) / 8
    rows[:, 0] += 1
    points = InMemoryPoints(unit_rows(rows).astype(np.float32))
    everything = nearest(points, np.arange(1000), 10)
    exact = hub_measures(everything)["skewness"].value
    found = []
    for draw in range(60):
        lists = nearest(points, sample(1000, 250, draw), 10)
        found.append(hub_measures(lists)["skewness"].value)
    error = np.std(found, ddof=1) / len(found) ** 0.5
    assert error < 0.03 * exact
    assert abs(np.mean(found) / exact - 1) < 0.07


def test_factorial_moments_of_a_thinned_count_are_exact_on_average():
    rng = np.random.default_rng(0)
    counts = np.array([[0, 3, 7, 1], [2, 0, 5, 4]])  # by group of queries; points in columns
    occurrences = np.repeat(np.arange(4), counts.sum(axis=0))
    m, total = 12, len(occurrences)
    sums = np.zeros(3)
    draws = 4000
    for _ in range(draws):
        c = np.bincount(rng.choice(occurrences, m, replace=False), minlength=4)
        sums += [c.sum(), (c * (c - 1)).sum(), (c * (c - 1) * (c - 2)).sum()]
    whole = np.bincount(occurrences)
    want = [whole.sum(), (whole * (whole - 1)).sum(), (whole * (whole - 1) * (whole - 2)).sum()]
    scale = np.cumprod([(total - r) / (m - r) for r in range(3)])
    assert sums / draws * scale == pytest.approx(want, rel=0.05)


def test_the_two_nearest_dimension_is_that_of_the_book():
    points = InMemoryPoints(unit_rows(cloud_rows(duplicates=0)).astype(np.float32))
    lists = nearest(points, np.arange(points.n), 10)
    want = effective_dimension(points.rows, "twonn").value
    assert two_nearest_dimension(points, lists).value == pytest.approx(want, rel=1e-6)


def test_the_largest_hub_and_the_unseen_have_a_null_of_as_many_queries(monkeypatch):
    monkeypatch.setattr(hubs, "NULL_QUERIES", 40)
    found = measured(cloud_rows(n=400, duplicates=0)).measures
    for key in ("largest", "antihubs", "robin_hood"):
        one = found[f"hubness.raw.{key}"]
        assert one.null["gaussian"] == pytest.approx(one.value, rel=0.5, abs=0.02), key
        assert one.null.get("shuffled") is None
    assert found["hubness.raw.skewness"].null["shuffled"] is not None


def test_lists_at_random_have_poisson_counts():
    want = poisson_reference(7)
    assert random_lists(7) == pytest.approx({name: want[name] for name in random_lists(7)})


def test_a_sampled_audit_agrees_with_the_exact_one(monkeypatch):
    monkeypatch.setattr(hubs, "QUERIES", 150)
    rows = cloud_rows(n=700, d=12, duplicates=0)
    exact, some = measured(rows), measured(rows, exact_up_to=100)
    one = some.measures["hubness.raw.skewness"]
    assert one.low <= exact.measures["hubness.raw.skewness"].value <= one.high
    assert one.high - one.low > 0
    assert some.measures["hubness.raw.antihubs"].value is None and some.occurrence is None
    assert any("150 of 700" in note for note in some.notes)
    assert some.measures["cosine.mean"].value == exact.measures["cosine.mean"].value
