"""Codes of few bits: rounding, one-bit codes against brute force, and what counting allows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from paper_chapters.margin.bit_codes import (
    bits_for_documents,
    greedy_signs,
    pairs_by_sums,
    random_signs_dimension,
    returns_all,
    rounded,
    rounded_in_range,
)
from paper_chapters.margin.bits_frontier import fewest_bits, held_by_bits, survives
from paper_chapters.margin.bits_read import bits_for, documents_by_bits, growth
from paper_chapters.margin.rounded_codes import bits_dimension
from paper_utils import results
from paper_utils.errors import PaperError, UsageError
from paper_utils.theory.construction import (
    equal_angles,
    trigonometric_curve,
    trigonometric_queries,
)
from paper_utils.theory.relevance import all_subsets


@given(st.integers(1, 12), st.integers(0, 99))
def test_rounding_has_two_to_the_bits_levels_and_errs_by_half_a_step(bits, seed):
    x = np.random.default_rng(seed).uniform(-2, 2, 300)
    once = rounded(x, bits, 2.0)
    assert len(np.unique(once)) <= 2**bits
    assert np.abs(once - x).max() <= 2.0 / 2**bits * (1 + 1e-12)
    np.testing.assert_array_equal(rounded(once, bits, 2.0), once)


def test_one_bit_is_the_sign():
    x = np.array([-3.0, -0.1, 0.0, 2.0])
    np.testing.assert_array_equal(rounded(x, 1, 3.0), [-1.5, -1.5, 1.5, 1.5])


def test_a_fixed_range_has_a_level_at_zero_and_loses_what_is_small():
    levels = np.unique(rounded_in_range(np.linspace(-1, 1, 9999), 3))
    np.testing.assert_allclose(levels, np.arange(-3, 4) / 3, atol=1e-15)
    small = np.full((2, 40), 1 / math.sqrt(40))  # unit rows
    assert not rounded_in_range(small, 3).any()
    assert not rounded_in_range(small, 1).any()
    assert rounded_in_range(small[:, :35] * math.sqrt(40 / 35), 3).any()


@given(st.integers(3, 9), st.integers(2, 9), st.integers(0, 10**6))
def test_a_separating_coordinate_for_each_triple_is_what_a_sum_needs(n, d, seed):
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(n, d))
    sets = all_subsets(n, 2)
    assert pairs_by_sums(signs) == returns_all(signs, signs[sets].sum(axis=1), sets)


def test_greedy_signs_return_all_pairs_and_stay_under_the_count():
    codes = greedy_signs(12, patience=500)
    n = len(codes)
    assert codes.shape[1] == 12 and set(np.unique(codes)) == {-1, 1}
    assert pairs_by_sums(codes) and n > 12
    assert math.comb(n, 2) <= 3**12  # sums of two rows differ
    assert len(np.unique(codes[all_subsets(n, 2)].sum(axis=1), axis=0)) == math.comb(n, 2)


def _has_a_query(docs, pair) -> bool:
    """Whether some query returns the pair: an independent linear program."""
    others = np.delete(docs, pair, axis=0)
    rows = [np.r_[-docs[i], 1.0] for i in pair] + [np.r_[x, -1.0] for x in others]
    bounds = np.r_[np.zeros(2), -np.ones(len(others))]
    return linprog(np.zeros(docs.shape[1] + 1), np.array(rows), bounds, bounds=(None, None)).success


@given(st.integers(4, 7), st.integers(1, 3), st.integers(2, 4), st.integers(0, 10**6))
def test_no_grid_passes_the_count_for_documents(n, bits, d, seed):
    grid = np.random.default_rng(seed).integers(0, 2**bits, size=(n, d)).astype(float)
    if all(_has_a_query(grid, pair) for pair in all_subsets(n, 2)):
        assert bits >= bits_for_documents(n, 2, d) - 1e-9


def test_counts_in_closed_form():
    # (k (2^b - 1) + 1)^d = C(n, k)
    assert bits_for_documents(3, 1, 1) == pytest.approx(math.log2(3))
    assert (2 ** (1 + bits_for_documents(100, 2, 10)) - 1) ** 10 == pytest.approx(4950)
    # Six of the cube's corners and so on: the median dimension makes the expected failures ln 2.
    d = random_signs_dimension(50)
    assert math.comb(50, 2) * 48 * 0.75**d == pytest.approx(math.log(2))


def test_random_signs_need_what_the_law_says():
    rng, d, n = np.random.default_rng(0), 24, 12
    kept = np.mean([pairs_by_sums(rng.choice([-1, 1], size=(n, d))) for _ in range(2000)])
    # Rare, nearly independent failures; the tolerance covers three standard errors and clumping.
    assert kept == pytest.approx(math.exp(-math.comb(n, 2) * (n - 2) * 0.75**d), abs=0.07)


def test_the_fewest_bits_do_and_one_less_does_not():
    sets, at = all_subsets(9, 2), equal_angles(9)
    docs, queries = trigonometric_curve(at, 2), trigonometric_queries(sets, at)[0]
    for rounding in ("largest", "rescored", "fixed"):
        bits = fewest_bits(docs, queries, sets, rounding, both=True)
        assert survives(docs, queries, sets, bits, rounding, both=True)
        assert bits == 1 or not survives(docs, queries, sets, bits - 1, rounding, both=True)
        assert 4 >= bits_dimension(9, 2, "float32")
        assert 4 * bits >= math.log2(math.comb(9, 2))
    best = fewest_bits(docs, queries, sets, "rescored", both=True)
    assert best <= fewest_bits(docs, queries, sets, "largest", both=True)


def test_a_record_is_read_as_documents_by_bits():
    free = [
        ({"code": "optimised", "n": 8, "d": d, "seed": 0}, {"margin": 0.1, "bits": bits}, 1.0)
        for d, bits in ((5, {"rescored": [4, 5]}), (6, {"rescored": [3, 9]}), (7, {}))
    ]
    greedy = [
        ({"code": "greedy", "d": d, "seed": 1}, {"n": 2 ** (d // 4)}, 1.0) for d in (8, 12, 20)
    ]
    found = documents_by_bits([*free, *greedy])
    assert found[found["code"] == "optimised, rounded"]["bits"].tolist() == [18]
    signs = found[found["code"] == "greedy signs"]
    assert growth(signs).mean == pytest.approx(1 / 4)
    assert bits_for(signs, 16) == {1: pytest.approx(16)}


def test_bad_input():
    with pytest.raises(UsageError, match="code = 'curv'"):
        held_by_bits("curv")
    docs, queries = np.eye(3), np.eye(3)
    with pytest.raises(UsageError, match="rounding = 'wide'"):
        survives(docs, queries, all_subsets(3, 1), 2, "wide", both=False)
    with pytest.raises(PaperError, match="30 bits"):
        fewest_bits(np.ones((3, 2)), queries[:, :2], all_subsets(3, 1), "largest", both=False)
    with pytest.raises(UsageError, match="bits"):
        rounded(docs, 0, 1.0)
    with pytest.raises(UsageError, match="d must be"):
        greedy_signs(63)
    with pytest.raises(UsageError, match="n must be"):
        random_signs_dimension(2)


def test_no_recorded_code_passes_the_counts():
    for task, value, _ in results.get("margin-bits").tasks:
        if task["code"] == "curve":
            for side, n in value["n"].items():
                least = bits_for_documents(n, 2, 4)
                assert task["bits"] >= (math.log2(math.comb(n, 2)) / 4 if side == "both" else least)
        elif task["code"] == "optimised":
            for documents, both in value["bits"].values():
                assert documents >= bits_for_documents(task["n"], 2, task["d"]) - 1e-9
                assert both * task["d"] >= math.log2(math.comb(task["n"], 2))
        elif task["code"] == "random":
            # A sum has a level less than twice as many.
            held = math.log2(2 ** (task["bits"] + 1) - 1) * value["d"]
            assert held >= math.log2(math.comb(task["n"], 2))
