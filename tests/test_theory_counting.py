"""Cover's counts, the sources' bounds, and the dimension of the rank variety."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_chapters.sign_rank.counting import (
    counting_sign_rank,
    enumerate_dichotomies,
    log2_low_rank_patterns,
    rank_tangent_dimension,
    rank_variety_dimension,
    sauer_bound,
)
from paper_utils.errors import UsageError
from paper_utils.theory.dichotomies import affine_dichotomies, homogeneous_dichotomies


@pytest.mark.parametrize(
    "n, d, homogeneous, affine, krasnov",
    [(5, 2, 10, 22, 26), (6, 3, 32, 52, 57), (7, 2, 14, 44, 64)],
)
def test_enumeration_by_linear_programs_meets_cover(n, d, homogeneous, affine, krasnov):
    X = np.random.default_rng(n * d).standard_normal((n, d))
    found, found_affine = enumerate_dichotomies(X), enumerate_dichotomies(X, affine=True)
    assert len(found) == homogeneous_dichotomies(n, d) == homogeneous
    assert len(found_affine) == affine_dichotomies(n, d) == affine
    assert len({tuple(y) for y in found_affine}) == affine  # none twice
    assert sauer_bound(n, d + 1) == krasnov > affine


def test_each_dichotomy_is_realised_and_its_negative_too():
    X = np.random.default_rng(3).standard_normal((6, 2))
    found = {tuple(y) for y in enumerate_dichotomies(X)}
    assert {tuple(-np.array(y)) for y in found} == found


def test_points_in_special_position_have_fewer_dichotomies():
    line = np.c_[np.arange(5.0), np.zeros(5)]  # on a line: only its 5 cuts, both ways
    assert len(enumerate_dichotomies(line, affine=True)) == 10


@given(st.integers(1, 40), st.integers(1, 12))
def test_counts_are_monotone_and_end_at_all_subsets(n, d):
    assert homogeneous_dichotomies(n, d) <= affine_dichotomies(n, d) <= 2**n
    assert affine_dichotomies(n, d) <= sauer_bound(n, d + 1)
    assert (affine_dichotomies(n, d) == 2**n) == (n <= d + 1)  # VC dimension d + 1


def test_counting_argument():
    r = counting_sign_rank(1000, 1000)
    assert log2_low_rank_patterns(1000, 1000, r - 1) < 1e6 <= log2_low_rank_patterns(1000, 1000, r)
    # Of the order of min(n, m): doubling the matrix doubles the bound.
    assert counting_sign_rank(4000, 4000) / r == pytest.approx(4, rel=0.03)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), st.data())
def test_rank_variety(n, m, data):
    d = data.draw(st.integers(1, min(n, m)))
    assert rank_tangent_dimension(n, m, d) == rank_variety_dimension(n, m, d)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: homogeneous_dichotomies(0, 2), "n must be a whole number from 1, not 0"),
        (lambda: affine_dichotomies(5, 0), "d must be a whole number from 1, not 0"),
        (lambda: sauer_bound(5, -1), "vc must be a whole number from 0, not -1"),
        (lambda: homogeneous_dichotomies(5, 2.0), "2.0"),
        (lambda: enumerate_dichotomies(np.ones((40, 9))), "20,000"),
        (lambda: rank_variety_dimension(3, 4, 5), "min(n, m) = 3"),
        (lambda: rank_tangent_dimension(500, 500, 20), "50,000,000"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(UsageError) as caught:
        call()
    assert said in str(caught.value)


def test_polynomially_many_sets_both_ways():
    """For fixed k the sets that matter grow like n^k, half-spaces like n^d: no gap for d >= k."""
    for n in (10**3, 10**5):
        growth = math.log(affine_dichotomies(10 * n, 4) / affine_dichotomies(n, 4), 10)
        assert growth == pytest.approx(4, abs=0.01)
        assert math.log(math.comb(10 * n, 2) / math.comb(n, 2), 10) == pytest.approx(2, abs=0.01)
