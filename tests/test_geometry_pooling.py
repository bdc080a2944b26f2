"""Theorem 1, mean pairwise distance and semantic shift: identities, closed forms, edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from paper_chapters.pooling.semantic_shift import (
    METRICS,
    dilution,
    dilution_from_pairs,
    mean_pairwise_distance,
    semantic_shift,
)
from paper_utils import cosine_moments
from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError


def some_rows(n: int, d: int, seed: int = 0, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) + mean


@given(n=st.integers(2, 12), d=st.integers(1, 8), seed=st.integers(0, 50))
def test_distances_are_those_of_scipy(n, d, seed):
    X = some_rows(n, d, seed)
    for metric in METRICS:
        assert mean_pairwise_distance(X, metric) == pytest.approx(
            pdist(X, metric).mean(), abs=1e-10
        )


@given(k=st.integers(1, 12), d=st.integers(2, 9), mean=st.floats(-2, 2), seed=st.integers(0, 50))
def test_theorem_1_is_an_identity(k, d, mean, seed):
    X = some_rows(k, d, seed, mean)
    c_pair = mean_pairwise_distance(X) if k > 1 else 0.0
    assert dilution(X) == pytest.approx(dilution_from_pairs(c_pair, k), abs=1e-7)


def test_dilution_grows_with_diversity_and_with_length():
    by_pairs = [dilution_from_pairs(c, 5) for c in np.linspace(0, 1.25, 20)]
    by_length = [dilution_from_pairs(0.6, k) for k in range(1, 200)]
    assert (np.diff(by_pairs) > 0).all() and (np.diff(by_length) > 0).all()
    assert by_length[-1] < 1 - np.sqrt(1 - 0.6)  # it saturates there


def test_mean_pairwise_cosine_distance_is_one_minus_the_squared_mean():
    X = some_rows(300, 20, mean=0.5)
    n, mu2 = len(X), cosine_moments(X).mu2
    assert mean_pairwise_distance(X) == pytest.approx(n / (n - 1) * (1 - mu2), abs=1e-12)


@given(k=st.integers(2, 6), texts=st.integers(2, 9), seed=st.integers(0, 30))
def test_averaging_lowers_the_squared_distance_by_the_variance_within(k, texts, seed):
    """Law of total variance, for texts of equal length; over all pairs with the diagonal."""
    X = some_rows(texts * k, 4, seed).reshape(texts, k, 4)
    n = texts * k
    before = mean_pairwise_distance(X.reshape(n, 4), "sqeuclidean") * (n - 1) / n
    after = mean_pairwise_distance(X.mean(axis=1), "sqeuclidean") * (texts - 1) / texts
    assert before - after == pytest.approx(2 * X.var(axis=1).sum(axis=1).mean(), abs=1e-10)


def test_equal_sentences_lose_nothing_and_their_mean_even_rises_over_distinct_pairs():
    X = unit_rows(some_rows(60, 50))
    twice = mean_pairwise_distance(np.repeat(X, 2, axis=0), "euclidean")
    assert mean_pairwise_distance(X, "euclidean") / twice == pytest.approx(119 / 118)


def test_shift_of_exchangeable_sentences_is_linear_in_their_number():
    """E Shift = (k-1) C_pair² up to the covariance of its factors, which vanishes in many d."""
    rng = np.random.default_rng(0)
    for k in (2, 5, 20):
        found = [semantic_shift(rng.normal(size=(k, 3000)) + 0.5) for _ in range(20)]
        c_pair = 1 - 0.25 / 1.25
        shifts = [text.shift for text in found]
        assert np.mean(shifts) == pytest.approx((k - 1) * c_pair**2, rel=0.02)
        assert np.mean([text.per_step for text in found]) == pytest.approx(c_pair**2, rel=0.02)


def test_shift_depends_on_the_order_and_dispersion_does_not():
    X = unit_rows(some_rows(2, 6))[[0, 0, 0, 1, 1, 1]]
    blocks, alternating = semantic_shift(X), semantic_shift(X[[0, 3, 1, 4, 2, 5]])
    assert alternating.local == pytest.approx(5 * blocks.local)
    assert alternating.dispersion == pytest.approx(blocks.dispersion)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_pairwise_distance([[1.0, 2.0]]), "at least 2"),
        (lambda: mean_pairwise_distance([[1.0], [0.0]]), "zero rows"),
        (lambda: mean_pairwise_distance([[1.0], [np.nan]], "euclidean"), "NaN"),
        (lambda: mean_pairwise_distance([[1.0], [2.0]], "cosin"), "did you mean 'cosine'"),
        (lambda: mean_pairwise_distance(np.ones((14_001, 1)), "euclidean"), "at most 14,000"),
        (lambda: dilution([[1.0, 0.0], [-1.0, 0.0]]), "average to zero"),
        (lambda: dilution(np.empty((0, 2))), "0 rows"),
        (lambda: dilution_from_pairs(1.0, 0), "whole number from 1, not 0"),
        (lambda: dilution_from_pairs(2.1, 2), "0 to 2"),
        (lambda: dilution_from_pairs(-0.1, 2), "0 to 2"),
        (lambda: semantic_shift([[1.0, 0.0]]), "at least 2"),
        (lambda: semantic_shift([[1.0, 0.0], [0.0, 0.0]]), "zero rows"),
    ],
)
def test_what_cannot_be_measured_is_named(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_constant_rows_have_distance_zero():
    assert [mean_pairwise_distance(np.ones((5, 3)), metric) for metric in METRICS] == [0, 0, 0]
    assert semantic_shift(np.ones((3, 2))).shift == 0
