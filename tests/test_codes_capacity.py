"""The capacity law: closed forms, and the cone whose dimension it is, drawn at random."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_chapters.set_codes.feasibility import separable
from paper_utils import UsageError, attainable_margin, critical_dimension, transition


def squared_distances(rng, n, V, L):
    """Squared distances of Gaussian vectors from the cone of the right signs, any cut-off."""
    g = rng.standard_normal((n, V))
    inside, outside = g[:, :L], g[:, L:]
    b = np.zeros((n, 1))
    for _ in range(40):
        low, high = np.maximum(b - inside, 0), np.maximum(outside - b, 0)
        active = (low > 0).sum(axis=1, keepdims=True) + (high > 0).sum(axis=1, keepdims=True)
        b -= (low.sum(axis=1, keepdims=True) - high.sum(axis=1, keepdims=True)) / active
    return (low**2).sum(axis=1) + (high**2).sum(axis=1)


def test_half_of_all_attributes_take_half_as_many_dimensions():
    assert critical_dimension(500, 250) == pytest.approx(250)  # Cover: V / 2
    # Without a set cut-off the variance of Cover's binomial would be V / 4; a free one leaves it.
    assert transition(500, 250).width == pytest.approx(np.sqrt(500 / 4))


@pytest.mark.parametrize("V, L", [(60, 30), (200, 5), (300, 60)])
def test_centre_and_width_are_those_of_the_cone(V, L):
    rng = np.random.default_rng(V)
    drawn = squared_distances(rng, 4000, V, L)
    error = drawn.std() / np.sqrt(len(drawn))
    law = transition(V, L)
    assert law.centre == pytest.approx(drawn.mean(), abs=4 * error + 0.15)
    # Var = width^2 + 2 centre, with the sampling error of a variance.
    variance = drawn.var()
    spread = variance * np.sqrt(3 / len(drawn))
    assert law.width**2 + 2 * law.centre == pytest.approx(variance, abs=4 * spread + 2)


def test_the_law_predicts_what_linear_programmes_find():
    V, L, n = 150, 5, 60
    law = transition(V, L)
    rng = np.random.default_rng(0)
    d = round(law.centre)
    hits = sum(
        separable(rng.standard_normal((V, d)), rng.choice(V, L, replace=False)).feasible
        for _ in range(n)
    )
    p = law.probability(d)
    assert abs(hits - n * p) < 4 * np.sqrt(n * p * (1 - p))


@given(st.integers(3, 5000), st.data())
def test_listing_and_leaving_out_are_alike(V, data):
    L = data.draw(st.integers(1, V - 1))
    assert critical_dimension(V, L) == pytest.approx(critical_dimension(V, V - L), rel=1e-6)
    assert 0 < critical_dimension(V, L) <= V / 2 + 1e-6


@given(st.integers(100, 3000), st.integers(1, 40), st.floats(0, 3))
def test_a_margin_takes_more_dimensions_and_comes_back(V, L, margin):
    d = critical_dimension(V, L, margin)
    assert d >= critical_dimension(V, L) - 1e-6
    if margin > 0.05:
        whole = int(np.ceil(d))
        assert attainable_margin(V, L, whole) * np.sqrt(whole) >= margin - 1e-6


def test_with_no_gain_from_a_cutoff_the_margin_is_gardners():
    # f = 1/2: u = 0 and d = V E(kappa + z)_+^2, her equation for unbiased patterns.
    z = np.random.default_rng(1).standard_normal(2_000_000)
    expected = 1000 * (np.maximum(0.7 + z, 0) ** 2).mean()
    assert critical_dimension(1000, 500, 0.7) == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: critical_dimension(1, 1), "n_attributes must .* from 2, not 1"),
        (lambda: critical_dimension(10, 0), "length must .* not 0"),
        (lambda: critical_dimension(10, 10), "length must be a whole number from 1 to 9, not 10"),
        (lambda: critical_dimension(10.5, 2), "10.5"),
        (lambda: critical_dimension(float("nan"), 2), "nan"),
        (lambda: critical_dimension(10, True), "True"),
        (lambda: critical_dimension(10, 2, -1.0), "margin = -1.0"),
        (lambda: transition(10, 12), "length must .* not 12"),
        (lambda: attainable_margin(10, 2, 0), "d must be"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(UsageError, match=said):
        call()
