"""Vectors of several subword tokens: formulas against simulation, identities and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from paper_chapters.norm_growth.expected_norm import (
    POOLINGS,
    common_share,
    dimension_of_lengths,
    expected_cosine,
    expected_norm2,
    fit_slope,
    mean_cosine_to_others,
    token_correlation,
    words_of_tokens,
)
from paper_utils import effective_dimension
from paper_utils.errors import UsageError
from paper_utils.geometry.cosine import cosine_moments
from paper_utils.published import published

COUNTS = st.integers(1, 200)
SHARES = st.floats(0, 1)


# ---------------------------------------------------------------------------- formulas


def test_the_printed_table():
    table = published("krasnov-norm-table").value
    assert expected_norm2(list(table), 0.1) == pytest.approx(list(table.values()), abs=1e-12)


@given(COUNTS, SHARES, st.floats(0.01, 100))
def test_the_formula_is_the_sum_of_a_gram_matrix(k, rho, sigma2):
    gram = sigma2 * (rho * np.ones((k, k)) + (1 - rho) * np.eye(k))
    assert expected_norm2(k, rho, sigma2=sigma2) == pytest.approx(gram.sum(), rel=1e-10)


def test_the_ends_of_rho():
    k = np.arange(1, 30)
    np.testing.assert_allclose(expected_norm2(k, 0.0), k)  # independent tokens
    np.testing.assert_allclose(expected_norm2(k, 1.0), k**2)  # one token, k times
    np.testing.assert_allclose(expected_norm2(k, 1.0, pooling="mean"), 1)
    np.testing.assert_allclose(expected_norm2(k, 0.3, pooling="unit"), 1)
    np.testing.assert_allclose(expected_cosine(k, 1.0), 1)
    np.testing.assert_allclose(expected_cosine(k, 0.0), 0)


@given(COUNTS, COUNTS, SHARES)
def test_the_mean_cosine_is_symmetric_grows_and_stays_below_one(k, other, rho):
    here = expected_cosine(k, rho, other=other)
    assert here == pytest.approx(expected_cosine(other, rho, other=k), rel=1e-12)
    assert -1e-12 <= here <= 1 + 1e-12
    assert expected_cosine(k + 1, rho, other=other) >= here - 1e-12
    # Of unequal lengths it is the geometric mean of the two shares.
    assert here**2 == pytest.approx(common_share(k, rho) * common_share(other, rho), abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 5, 20])
@pytest.mark.parametrize("rho", [0.0, 0.1, 0.6, 1.0])
@pytest.mark.parametrize("cause", ["common", "word"])
def test_simulated_norms_agree_with_the_formula(k, rho, cause):
    V = words_of_tokens(np.full(1500, k), rho, d=128, cause=cause, seed=k)
    norm2 = (V**2).sum(axis=1)
    se = norm2.std(ddof=1) / np.sqrt(len(norm2))
    assert norm2.mean() == pytest.approx(float(expected_norm2(k, rho)), abs=4 * se + 1e-9)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_simulated_cosines_agree_with_the_formula_whatever_the_pooling(pooling):
    for k in (1, 2, 5, 20):
        moments = cosine_moments(words_of_tokens(np.full(800, k), 0.1, d=512, pooling=pooling))
        tolerance = 4 * moments.se_mean + 1 / 512
        assert moments.mean == pytest.approx(float(expected_cosine(k, 0.1)), abs=tolerance)


def test_pooling_changes_no_cosine():
    k = np.repeat([1, 3, 9], 50)
    means = [mean_cosine_to_others(words_of_tokens(k, 0.2, pooling=p)) for p in POOLINGS]
    np.testing.assert_allclose(means[0], means[1], atol=1e-12)
    np.testing.assert_allclose(means[0], means[2], atol=1e-12)


def test_correlation_within_words_alone_moves_the_norm_and_no_cosine():
    for k in (2, 10):
        V = words_of_tokens(np.full(1500, k), 0.3, d=256, cause="word", seed=3)
        assert (V**2).sum(axis=1).mean() == pytest.approx(k * (1 + (k - 1) * 0.3), rel=0.02)
        assert abs(cosine_moments(V).mean) < 0.002
        assert expected_cosine(k, 0.3, between=0.0) == 0


def test_unequal_lengths():
    k = np.repeat([2, 12], 700)
    U = words_of_tokens(k, 0.15, d=512, pooling="unit", seed=1)
    across = float((U[:700] @ U[700:].T).mean())
    assert across == pytest.approx(float(expected_cosine(2, 0.15, other=12)), abs=0.006)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_effective_dimension_of_variable_lengths(pooling):
    lengths = [1, 2, 3, 4, 5]
    V = words_of_tokens(np.repeat(lengths, 1600), 0.1, d=300, pooling=pooling, seed=2)
    measured = effective_dimension(V, "unbiased")
    theory = dimension_of_lengths(lengths, 0.1, d=300, pooling=pooling)
    assert measured.value == pytest.approx(theory, abs=4 * measured.se, rel=0.01)


def test_one_length_has_the_full_dimension():
    for pooling in ("sum", "mean"):
        assert dimension_of_lengths([4], 0.1, d=50, pooling=pooling) == pytest.approx(50)


# -------------------------------------------------------------------------- estimation


def by_pairs(texts):
    """rho within and between by running over every pair of tokens."""
    squares = np.mean([t @ t for text in texts for t in text])
    within = [
        a @ b for text in texts for i, a in enumerate(text) for j, b in enumerate(text) if i != j
    ]
    between = [
        a @ b
        for i, one in enumerate(texts)
        for j, other in enumerate(texts)
        if i != j
        for a in one
        for b in other
    ]
    return squares, np.mean(within) / squares, np.mean(between) / squares


def of(texts):
    sums = np.array([text.sum(axis=0) for text in texts])
    squares = np.array([(text**2).sum() for text in texts])
    return token_correlation(sums, squares, np.array([len(text) for text in texts]))


def test_correlations_are_those_of_all_pairs():
    rng = np.random.default_rng(0)
    texts = [rng.normal(size=(n, 6)) + 0.4 for n in (1, 2, 5, 3, 1, 4)]
    row = of(texts)
    assert (row.sigma2, row.within, row.between) == pytest.approx(by_pairs(texts), rel=1e-10)
    assert (row.n_texts, row.n_tokens) == (6, 16)


def test_the_jackknife_leaves_each_text_out():
    rng = np.random.default_rng(1)
    texts = [rng.normal(size=(n, 5)) + 0.3 for n in (2, 3, 4, 1, 2)]
    left = np.array([by_pairs(texts[:i] + texts[i + 1 :])[1:] for i in range(5)])
    expected = np.sqrt(4 / 5 * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    row = of(texts)
    assert (row.se_within, row.se_between) == pytest.approx(expected, rel=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_rho_does_not_change_with_the_scale(seed, scale):
    rng = np.random.default_rng(seed)
    texts = [rng.normal(size=(n, 4)) + 0.5 for n in rng.integers(1, 6, size=8)]
    texts[0] = rng.normal(size=(3, 4))
    texts[1] = rng.normal(size=(2, 4))
    one, other = of(texts), of([text * scale for text in texts])
    assert (other.within, other.between) == pytest.approx((one.within, one.between), abs=1e-9)


def test_the_slope_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    y = 2 * x + rng.normal(size=300)
    (slope, se), library = fit_slope(x, y), stats.linregress(x, y)
    assert slope == pytest.approx(library.slope, rel=1e-12)
    assert se == pytest.approx(library.stderr, rel=0.15)  # equal scatter: nearly the same


def test_the_standard_error_covers_scatter_that_grows():
    rng = np.random.default_rng(5)
    x = rng.uniform(0, 1, size=(1000, 120))
    y = x + rng.normal(size=x.shape) * 3 * x**2
    slope, se = np.array([fit_slope(a, b) for a, b in zip(x, y, strict=True)]).T
    covered = np.mean(abs(slope - 1) < 1.96 * se)
    assert 0.92 < covered < 0.97


# --------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("k", [0, -1, [1, 0], 2.5, [], ["two"]])
def test_a_number_of_tokens_is_whole_and_positive(k):
    for function in (expected_norm2, expected_cosine, common_share, words_of_tokens):
        with pytest.raises(UsageError, match="at least 1"):
            function(k, 0.1)


@pytest.mark.parametrize("rho", [-0.01, 1.01, float("nan"), "0.1"])
def test_rho_lies_between_zero_and_one(rho):
    for function in (expected_norm2, expected_cosine, common_share, words_of_tokens):
        with pytest.raises(UsageError, match="rho must lie between 0 and 1"):
            function(3, rho)


def test_other_bad_values():
    with pytest.raises(UsageError, match="sigma2 must be above 0"):
        expected_norm2(2, 0.1, sigma2=0)
    with pytest.raises(UsageError, match="no pooling 'meen'; did you mean 'mean'"):
        expected_norm2(2, 0.1, pooling="meen")
    with pytest.raises(UsageError, match="no pooling 'max'"):
        words_of_tokens([2], 0.1, pooling="max")
    with pytest.raises(UsageError, match="no cause 'words'; did you mean 'word'"):
        words_of_tokens([2], 0.1, cause="words")
    with pytest.raises(UsageError, match="d must be"):
        words_of_tokens([2], 0.1, d=1)
    with pytest.raises(UsageError, match="seed must be a whole number from 0, not -1"):
        words_of_tokens([1, 2], 0.1, seed=-1)
    with pytest.raises(UsageError, match="between must lie"):
        expected_cosine(2, 0.1, between=1.5)


def test_texts_of_one_token_have_no_rho_and_no_slope():
    with pytest.raises(UsageError, match="no rho within a text"):
        token_correlation(np.eye(4), np.ones(4), np.ones(4, dtype=int))
    with pytest.raises(UsageError, match="texts of one length show no growth"):
        fit_slope([1, 1, 1], [1, 2, 3])


def test_shapes_and_values_that_do_not_fit():
    with pytest.raises(UsageError, match="4 sums"):
        token_correlation(np.eye(4), np.ones(3), np.full(4, 2))
    with pytest.raises(UsageError, match="NaN"):
        token_correlation(np.full((4, 2), np.nan), np.ones(4), np.full(4, 2))
    with pytest.raises(UsageError, match="at least 3 points"):
        fit_slope([1, 2], [1, 2])
    with pytest.raises(UsageError, match="finite"):
        fit_slope([1, 2, 3], [1, 2, np.inf])
    with pytest.raises(UsageError, match="zero rows"):
        mean_cosine_to_others([[0, 0], [1, 0]])
