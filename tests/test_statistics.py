"""Uncertainty: closed forms, coverage, independent libraries, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.proportion import proportion_confint

from paper_utils.errors import UsageError
from paper_utils.statistics import (
    bootstrap_interval,
    holm,
    random_effects,
    randomisation_p,
    shared_interval,
    t_interval,
    wilson_interval,
)


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_large_samples_give_the_normal_interval(method):
    values = np.random.default_rng(0).standard_normal(3000)
    mean, low, high, n = bootstrap_interval(values, method=method, n_resamples=4000)
    half = 1.96 * values.std() / np.sqrt(3000)
    assert mean == values.mean() and n == 3000
    # 4,000 resamples fix the ends to about 3% of the half-width (one standard error).
    assert low == pytest.approx(mean - half, abs=0.12 * half)
    assert high == pytest.approx(mean + half, abs=0.12 * half)


def test_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        interval = bootstrap_interval(rng.random(60), level=0.9, n_resamples=400)
        hits += interval.low <= 0.5 <= interval.high
    assert 0.85 <= hits / 400 <= 0.94  # 0.9 less the percentile method's bias, +- 3 errors


def test_bca_moves_towards_the_long_tail():
    values = np.random.default_rng(2).exponential(size=40)
    plain = bootstrap_interval(values)
    corrected = bootstrap_interval(values, method="BCa")
    assert corrected.low > plain.low and corrected.high > plain.high


def test_seed_decides():
    values = np.random.default_rng(3).random(50)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


def test_nan_is_left_out_and_counted_out():
    values = [0.0, 1.0, 1.0, 0.5]
    assert bootstrap_interval([np.nan, *values, np.nan]) == bootstrap_interval(values)
    assert bootstrap_interval([np.nan, *values]).n == 4


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_equal_values_have_no_width(method):
    assert bootstrap_interval([True] * 5, method=method) == (1.0, 1.0, 1.0, 5)


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        ([[1.0, 2.0]], {}, r"shape \(n,\)"),
        (["a", "b"], {}, "must be numbers"),
        ([1.0, np.nan], {}, "hold 1 numbers that are not NaN"),
        ([1.0, np.inf], {}, "infinite"),
        ([1.0, 2.0], {"level": 95}, "between 0 and 1, not 95"),
        ([1.0, 2.0], {"n_resamples": 10}, "at least 100, not 10"),
        ([1.0, 2.0], {"method": "bca"}, "unknown method 'bca'"),
    ],
)
def test_bad_input_is_named(values, options, words):
    with pytest.raises(UsageError, match=words):
        bootstrap_interval(values, **options)


# ------------------------------------------------------------------- seeds, counts, families


def test_the_interval_over_seeds_is_that_of_the_t_test():
    values = [0.91, 0.94, 0.9, 0.93, 0.95]
    low, high = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert t_interval(values, level=0.9)[1:3] == pytest.approx((low, high))


def test_three_seeds_are_worth_more_than_two_standard_errors():
    mean, _, high, _ = t_interval([0.0, 1.0, 2.0])
    assert (high - mean) / (1 / math.sqrt(3)) == pytest.approx(4.3027, abs=1e-4), "not 1.96"


def test_the_interval_of_a_proportion_is_wilsons():
    for right, n in ((0, 1), (0, 40), (7, 9), (40, 40)):
        assert wilson_interval(right, n) == pytest.approx(
            proportion_confint(right, n, method="wilson"), abs=1e-12
        )
        assert wilson_interval(right, n)[0] >= 0


def test_holm_steps_down():
    p = {"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.5}
    assert holm(p) == pytest.approx({"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.5})


def test_flips_of_signs_are_counted_exactly_where_there_are_few():
    assert randomisation_p([1.0, 2.0, 3.0, 4.0]) == pytest.approx(2 / 16)
    assert randomisation_p([0.0, 0.0]) == 1


# -------------------------------------------------------------------------- shared documents


def pair_means(rng, n_docs, n_queries):
    """Queries of two documents, whose values are sums of effects of their documents."""
    pairs = np.array([rng.choice(n_docs, 2, replace=False) for _ in range(n_queries)])
    members = np.zeros((n_queries, n_docs))
    np.put_along_axis(members, pairs, 1, axis=1)
    return members @ rng.normal(size=n_docs), members


def test_queries_that_share_documents_get_an_interval_that_covers():
    """The true mean is 0; bootstrapping queries as if they were independent misses it often."""
    rng, covered = np.random.default_rng(0), {"shared": 0, "bootstrap": 0}
    for _ in range(200):
        values, members = pair_means(rng, 40, 400)
        _, low, high, _ = shared_interval(values, members)
        covered["shared"] += low <= 0 <= high
        _, low, high, _ = bootstrap_interval(values, n_resamples=200)
        covered["bootstrap"] += low <= 0 <= high
    assert covered["shared"] >= 176, "close to 95%"
    assert covered["bootstrap"] <= 120, "independent queries would be a fiction"


def test_without_shared_documents_it_is_the_t_interval():
    values = np.random.default_rng(1).normal(size=30)
    assert shared_interval(values, np.eye(30)) == pytest.approx(t_interval(values))


# ------------------------------------------------------------------------------------ pairs


def test_random_effects_are_those_of_hartung_and_knapp():
    effects, errors = np.array([0.1, 0.3, -0.1, 0.25]), np.array([0.05, 0.05, 0.1, 0.08])
    found = random_effects(effects, errors)
    w = 1 / (errors**2 + found.tau**2)
    mean = (w * effects).sum() / w.sum()
    # Paule and Mandel: the weighted sum of squares is its expectation.
    assert (w * (effects - mean) ** 2).sum() == pytest.approx(3, rel=1e-4)
    error = math.sqrt((w * (effects - mean) ** 2).sum() / 3 / w.sum())
    half = scipy.stats.t.ppf(0.975, 3) * error
    assert found.mean == pytest.approx(mean)
    assert (found.low, found.high) == pytest.approx((mean - half, mean + half), rel=1e-4)


def test_equal_effects_have_no_spread_between_pairs():
    assert random_effects([0.2, 0.2, 0.2], [0.1, 0.2, 0.1]).tau == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: t_interval([1.0]), "at least 2"),
        (lambda: t_interval([1.0, math.nan]), "NaN"),
        (lambda: t_interval([1.0, 2.0], level=1), "level"),
        (lambda: shared_interval([1, 2], np.eye(3)), "3 rows for 2 values"),
        (lambda: shared_interval([1, 2], [[1, 0], [0, 0]]), "no document"),
        (lambda: shared_interval([1, 2], [[1], [1]]), "at least 2"),
        (lambda: wilson_interval(3, 2), "3 successes in 2 trials"),
        (lambda: holm({"a": 1.2}), r"between 0 and 1: \['a'\]"),
        (lambda: holm({}), "none was given"),
        (lambda: random_effects([1, 2], [1, 1]), "at least three"),
        (lambda: random_effects([1, 2, 3], [1, 0, 1]), "positive"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(UsageError, match=message):
        call()
