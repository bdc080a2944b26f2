"""k-occurrences against scikit-learn and SciPy, closed forms, duplicates and bad input."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from paper_utils import hubness_skewness, k_occurrence, robin_hood_index, top_k
from paper_utils.errors import UsageError
from paper_utils.geometry.hubness import equal_rows, occurrences_in_lists, poisson_reference

METRICS = {"l2": "euclidean", "cosine": "cosine"}


def independent_counts(X: np.ndarray, k: int, metric: str) -> np.ndarray:
    """k-occurrences by scikit-learn, which leaves a point out of its own neighbours."""
    found = NearestNeighbors(n_neighbors=k, metric=METRICS[metric], algorithm="brute").fit(X)
    return np.bincount(found.kneighbors(return_distance=False).ravel(), minlength=len(X))


# --- against independent implementations ------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("d", [3, 20, 100])
@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_counts_and_skewness_are_those_of_scikit_learn_and_scipy(metric, d, law):
    rng = np.random.default_rng(d)
    X = rng.normal(size=(1_500, d)) if law == "normal" else rng.random((1_500, d))
    ours, theirs = k_occurrence(X, 10, metric=metric), independent_counts(X, 10, metric)
    # Two neighbours closer than single precision may change places at the edge of a list.
    assert np.abs(ours.counts - theirs).sum() <= 4
    assert ours.skewness == pytest.approx(stats.skew(theirs), abs=0.01)
    assert stats.skew(ours.counts) == pytest.approx(hubness_skewness(ours.counts), rel=1e-12)


def test_counts_of_queries_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    X, queries = rng.normal(size=(400, 16)), rng.normal(size=(90, 16))
    ours = k_occurrence(X, 7, queries=queries, metric="l2")
    found = NearestNeighbors(n_neighbors=7).fit(X).kneighbors(queries, return_distance=False)
    np.testing.assert_array_equal(ours.counts, np.bincount(found.ravel(), minlength=400))
    assert ours.n_searches == 90 and ours.counts.sum() == 7 * 90


def test_robin_hood_is_half_the_relative_mean_deviation_and_hoovers_area():
    """H is the largest gap between the Lorenz curve and the diagonal."""
    counts = np.random.default_rng(1).negative_binomial(1, 0.1, size=3_000)
    ordered = np.sort(counts)
    gap = np.arange(1, 3_001) / 3_000 - np.cumsum(ordered) / ordered.sum()
    assert robin_hood_index(counts) == pytest.approx(gap.max(), abs=1e-9)


# --- closed forms -----------------------------------------------------------------------------


def test_a_star_has_one_hub():
    """Corners of a simplex around its middle: the middle is everybody's nearest."""
    n = 40
    X = np.vstack([np.zeros(n), np.eye(n)])
    found = k_occurrence(X, 1, metric="l2")
    assert found.largest == n and found.counts[0] == n
    # The middle itself is as near to all corners, and lists the first.
    assert found.antihubs == pytest.approx((n - 1) / (n + 1))
    # Counts n, 1 and n - 1 zeros.
    values = np.r_[n, 1, np.zeros(n - 1)]
    assert found.skewness == pytest.approx(stats.skew(values))


def test_on_a_ring_everybody_is_listed_equally_often():
    angles = 2 * np.pi * (np.arange(12) + 0.0) / 12
    found = k_occurrence(np.c_[np.cos(angles), np.sin(angles)], 2)
    np.testing.assert_array_equal(found.counts, 2)
    assert found.robin_hood == 0 and found.antihubs == 0
    with pytest.raises(UsageError, match="all 12 points occur 2 times: the skewness is not"):
        _ = found.skewness


@pytest.mark.parametrize("k", [1, 5, 10, 40])
def test_the_reference_is_what_random_lists_give(k):
    rng = np.random.default_rng(k)
    n = 6_000
    lists = np.array([rng.choice(n, k, replace=False, shuffle=False) for _ in range(n)])
    expected, found = poisson_reference(k), occurrences_in_lists(lists, n)
    poisson = stats.poisson(k)
    assert expected["skewness"] == pytest.approx(float(poisson.stats("s")))
    deviation = poisson.expect(lambda x: abs(x - k), maxcount=2_000) / (2 * k)
    assert expected["robin_hood"] == pytest.approx(deviation, rel=1e-6)
    assert found.variance == pytest.approx(expected["variance"], rel=0.1)
    assert found.skewness == pytest.approx(expected["skewness"], abs=4 * math.sqrt(6 / n) + 0.02)
    assert found.robin_hood == pytest.approx(expected["robin_hood"], rel=0.05)


def test_published_facts_of_the_motivating_example():
    """Radovanović et al. 2010: skewness grows with d under L2, not for normal data and cosine."""
    rng = np.random.default_rng(0)
    clouds = {d: rng.normal(size=(3_000, d)) for d in (3, 20, 100)}
    l2 = [k_occurrence(X, 5, metric="l2").skewness for X in clouds.values()]
    cosine = [k_occurrence(X, 5, metric="cosine").skewness for X in clouds.values()]
    assert l2[0] < 0.5 and l2[0] < l2[1] < l2[2] and l2[2] > 3
    assert max(cosine) < 0.8


# --- properties -------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(4, 60),
    d=st.integers(1, 6),
    metric=st.sampled_from(["l2", "cosine"]),
    data=st.data(),
)
def test_counts_add_up_and_do_not_depend_on_the_order_of_rows(seed, n, d, metric, data):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) if d > 1 or metric == "l2" else rng.normal(size=(n, 2))
    k = data.draw(st.integers(1, n - 1))
    found = k_occurrence(X, k, metric=metric)
    assert found.counts.sum() == n * k and found.counts.max() <= n - 1
    order = rng.permutation(n)
    assert found.n_duplicates == 0
    again = k_occurrence(X[order], k, metric=metric)
    assert np.abs(again.counts - found.counts[order]).sum() <= 2


@settings(max_examples=50)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=40), st.integers(1, 9))
def test_measures_do_not_depend_on_scale_and_order(values, factor):
    counts = np.array(values)
    if counts.sum():
        assert 0 <= robin_hood_index(counts) < 1
        assert robin_hood_index(counts * factor) == pytest.approx(robin_hood_index(counts))
    if counts.std():
        expected = stats.skew(counts)
        assert hubness_skewness(counts[::-1] * factor) == pytest.approx(expected, abs=1e-9)


def test_scaling_rows_changes_nothing_for_the_cosine():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 8))
    scaled = X * rng.uniform(0.1, 10, size=(300, 1))
    np.testing.assert_array_equal(k_occurrence(X).counts, k_occurrence(scaled).counts)


# --- duplicates -------------------------------------------------------------------------------


@pytest.fixture
def with_duplicates() -> np.ndarray:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(500, 12))
    return np.vstack([X, np.repeat(X[:1], 100, axis=0), X[7:9]])


@pytest.mark.parametrize("metric", METRICS)
def test_equal_rows_count_as_one_point(with_duplicates, metric):
    found = k_occurrence(with_duplicates, 10, metric=metric)
    assert (found.n_points, found.n_duplicates, found.largest_group) == (500, 102, 101)
    alone = k_occurrence(with_duplicates[:500], 10, metric=metric)
    np.testing.assert_array_equal(found.counts, alone.counts)
    np.testing.assert_array_equal(found.point_of_row[500:], [0] * 100 + [7, 8])


def test_kept_duplicates_make_hubs_that_geometry_did_not(with_duplicates):
    kept = k_occurrence(with_duplicates, 10, duplicates="keep")
    merged = k_occurrence(with_duplicates, 10)
    assert kept.n_points == 602 and kept.n_duplicates == merged.n_duplicates == 102
    assert kept.largest >= 91 and kept.skewness > 5 > merged.skewness
    # The neighbours of the group are its first ten rows: the order of the rows decides.
    hubs = set(np.argsort(-kept.counts)[:10])
    assert hubs == {0, *range(500, 509)}
    indices, _ = top_k(with_duplicates, with_duplicates, 10, metric="cosine", exclude_self=True)
    np.testing.assert_array_equal(np.bincount(indices.ravel(), minlength=602), kept.counts)


def test_equal_directions_are_equal_for_the_cosine_only():
    X = np.array([[1.0, 2.0], [2.0, 4.0], [0.0, 1.0], [-0.0, 1.0], [3.0, 0.0]])
    assert equal_rows(X)[0].tolist() == [0, 2, 4]
    first, group = equal_rows(X, metric="l2")
    assert first.tolist() == [0, 1, 2, 4] and group.tolist() == [0, 1, 2, 2, 3]


def test_queries_are_never_merged():
    X = np.eye(4)
    found = k_occurrence(X, 1, queries=[[1.0, 0, 0, 0]] * 5)
    assert found.counts.tolist() == [5, 0, 0, 0] and found.n_searches == 5


# --- bad input --------------------------------------------------------------------------------

GOOD = np.random.default_rng(5).normal(size=(20, 4))
NAN = np.where(np.arange(80).reshape(20, 4) == 13, np.nan, GOOD)
ZERO = np.vstack([GOOD, np.zeros((1, 4))])


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (GOOD, {"k": 20}, "k must be a whole number from 1 to 19"),
        (GOOD, {"k": 200}, "k must be a whole number from 1 to 19"),
        (GOOD, {"k": 0}, "k must be a whole number from 1 to 19"),
        (GOOD, {"k": 2.5}, "k must be a whole number from 1 to 19, not 2.5"),
        (GOOD, {"k": 21, "queries": GOOD}, "k must be a whole number from 1 to 20"),
        (np.ones((20, 4)), {}, "only 1 different rows of 20: k=10 is more than the 0 neighbours"),
        (
            np.repeat(GOOD[:5], 4, axis=0),
            {},
            "only 5 different rows of 20: k=10 is more than the 4",
        ),
        (NAN, {}, "NaN or infinite values in 1 of 20 rows, first in row 3"),
        (GOOD * np.inf, {}, "NaN or infinite"),
        (ZERO, {}, "1 zero rows (no direction), first row 20"),
        (GOOD[:1], {"k": 1}, "1 rows; at least 2"),
        (GOOD[0], {}, "must have shape (n_items, d)"),
        (GOOD, {"metric": "cosin"}, "unknown metric 'cosin': did you mean 'cosine'?"),
        (GOOD, {"duplicates": "drop"}, "duplicates 'drop': Allowed: merge, keep"),
        (GOOD, {"queries": np.ones((3, 5))}, "queries have 5 columns and documents 4"),
    ],
)
def test_bad_vectors_are_named(X, options, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        k_occurrence(X, **options)


def test_zero_rows_are_points_for_l2():
    assert k_occurrence(ZERO, 3, metric="l2").n_points == 21


@pytest.mark.parametrize(
    ("lists", "n_points", "message"),
    [
        ([[0, 1], [1, 1]], 3, "same point twice"),
        ([[0, 3]], 3, "name points 0 to 3 of 3"),
        ([[-1, 0]], 3, "name points -1 to 0 of 3"),
        ([[0.5, 1.0]], 3, "whole numbers of shape"),
        ([0, 1], 3, "of shape (2,)"),
    ],
)
def test_bad_lists_are_named(lists, n_points, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        occurrences_in_lists(lists, n_points)


@pytest.mark.parametrize("measure", [hubness_skewness, robin_hood_index])
@pytest.mark.parametrize("counts", [[1], [[1, 2]], ["a", "b"], [1, -1], [1, np.nan]])
def test_bad_counts_are_named(measure, counts):
    with pytest.raises(UsageError, match="counts must be"):
        measure(counts)


def test_measures_of_nothing():
    with pytest.raises(UsageError, match="no point occurs"):
        robin_hood_index([0, 0, 0])
    with pytest.raises(UsageError, match="k must be a whole number from 1"):
        poisson_reference(0)
