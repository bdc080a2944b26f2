"""Bootstrap intervals: closed forms, coverage, reproducibility, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from paper_utils.errors import UsageError
from paper_utils.search.bootstrap import bootstrap_interval


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
