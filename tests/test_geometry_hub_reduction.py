"""Whitening and mutual proximity: identities, an independent reading of the formula, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from paper_utils import k_occurrence, mutual_neighbours, mutual_proximity, whiten
from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError
from paper_utils.geometry.hubness import occurrences_in_lists


def sample(n: int = 400, d: int = 12, *, mean: float = 1.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) / np.sqrt(np.arange(1, d + 1)) + mean


# --- whitening --------------------------------------------------------------------------------


def test_whitened_rows_are_unit_and_nearly_isotropic():
    X = sample(n=5_000)
    W = whiten(X)
    np.testing.assert_allclose(np.linalg.norm(W, axis=1), 1)
    before, after = (np.linalg.eigvalsh(np.cov(rows.T)) for rows in (unit_rows(X), W))
    assert before[-1] / before[0] > 20 and after[-1] / after[0] < 1.5
    assert np.linalg.norm(W.mean(axis=0)) < 0.1


def test_rotating_the_rows_rotates_the_result():
    X = sample()
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))
    np.testing.assert_allclose(whiten(X @ turn), whiten(X) @ turn, atol=1e-8)


def test_queries_are_whitened_like_the_catalogue():
    X = sample()
    np.testing.assert_allclose(whiten(X[:7], X), whiten(X)[:7], atol=1e-12)


def test_with_many_rows_it_is_the_inverse_root_of_the_covariance():
    X = sample(n=50_000, d=4)
    U = unit_rows(X)
    centred = U - U.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(U))
    plain = unit_rows(centred @ vectors / np.sqrt(values) @ vectors.T)
    assert (plain * whiten(X)).sum(axis=1).min() > 0.999


def test_fewer_rows_than_columns_do_not_become_a_simplex():
    X = sample(n=30, d=100)
    cos = whiten(X) @ whiten(X).T
    assert cos[~np.eye(30, dtype=bool)].std() > 0.02


# --- mutual proximity -------------------------------------------------------------------------


def by_the_formula(cos: np.ndarray, i: int, j: int) -> float:
    """MP of one pair from SciPy's normal law, each side's own cosines to all others."""
    mine, yours = np.delete(cos[i], i), np.delete(cos[j], j)
    one = stats.norm(mine.mean(), mine.std()).cdf(cos[i, j])
    two = stats.norm(yours.mean(), yours.std()).cdf(cos[i, j])
    return one * two


def test_scores_are_the_published_formula():
    X = sample(n=60)
    U = unit_rows(X)
    cos, scores = U @ U.T, mutual_proximity(X)
    for i, j in [(0, 1), (3, 50), (20, 21), (59, 2)]:
        assert 1 - np.exp(-scores[i, j]) == pytest.approx(by_the_formula(cos, i, j), rel=1e-9)
    assert np.isneginf(np.diag(scores)).all()


def test_it_is_mutual():
    scores = mutual_proximity(sample())
    np.testing.assert_allclose(scores, scores.T, rtol=1e-9)


def test_queries_are_scored_by_the_formula_too():
    X, queries = sample(n=50), sample(n=5, seed=9)
    U, V = unit_rows(X), unit_rows(queries)
    scores = mutual_proximity(X, queries)
    cos = V @ U.T
    mine, yours = cos[2], np.delete(U @ U[7], 7)
    q = stats.norm(mine.mean(), mine.std()).cdf(cos[2, 7])
    p = stats.norm(yours.mean(), yours.std()).cdf(cos[2, 7])
    assert 1 - np.exp(-scores[2, 7]) == pytest.approx(p * q, rel=1e-9)


@pytest.mark.parametrize("asked", [False, True])
def test_neighbours_are_the_best_scores_in_any_block(monkeypatch, asked):
    X = sample(n=150)
    queries = sample(n=40, seed=3) if asked else None
    scores = mutual_proximity(X, queries)
    expected = np.argsort(-scores.astype(np.float32), axis=1, kind="stable")[:, :6]
    whole = mutual_neighbours(X, 6, queries)
    np.testing.assert_array_equal(whole, expected)
    monkeypatch.setattr("paper_utils.geometry.hub_reduction._CELLS", 1_000)
    np.testing.assert_array_equal(mutual_neighbours(X, 6, queries), whole)


def test_very_near_pairs_keep_their_order():
    """At 19 standard deviations 1 - MP is 1e-81, which single precision calls 0."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 384))
    X[1] = X[0] + 0.02 * rng.normal(size=384)
    X[2] = X[0] + 0.05 * rng.normal(size=384)
    assert mutual_neighbours(X, 2)[0].tolist() == [1, 2]


# --- what they are for ------------------------------------------------------------------------


def test_each_cures_the_hubs_that_a_mean_makes():
    X = np.random.default_rng(2).normal(size=(2_000, 60)) + 1
    raw = k_occurrence(X).skewness
    assert raw > 2.5
    assert k_occurrence(whiten(X)).skewness < 0.6
    assert occurrences_in_lists(mutual_neighbours(X), 2_000).skewness < 0.8


# --- bad input --------------------------------------------------------------------------------

GOOD = sample(n=20, d=4)


@pytest.mark.parametrize("cure", [whiten, mutual_proximity, mutual_neighbours])
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.where(GOOD == GOOD[3, 1], np.nan, GOOD), "NaN or infinite values in 1 of 20 rows"),
        (np.vstack([GOOD, np.zeros(4)]), "zero rows"),
        (GOOD[0], "must have shape"),
        (GOOD[:1], "at least"),
    ],
)
def test_bad_rows_are_named(cure, X, message):
    with pytest.raises(UsageError, match=message):
        cure(X)


def test_equal_rows_are_named():
    with pytest.raises(UsageError, match="all 20 rows have the same direction"):
        whiten(np.ones((20, 4)))
    with pytest.raises(UsageError, match="20 of 20 rows have the same cosine to all others"):
        mutual_proximity(np.ones((20, 4)))


def test_columns_must_agree():
    with pytest.raises(UsageError, match="mean must have shape"):
        whiten(np.ones((3, 5)), GOOD)
    with pytest.raises(UsageError, match="queries have 5 columns and X 4"):
        mutual_proximity(GOOD, np.ones((3, 5)))


@pytest.mark.parametrize("k", [0, 20, 2.0, True])
def test_bad_k(k):
    with pytest.raises(UsageError, match="k must be a whole number from 1 to 19"):
        mutual_neighbours(GOOD, k)
