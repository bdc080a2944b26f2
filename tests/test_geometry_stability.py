"""Overlap of two top k against plain sets, ties against every order, margins against theory."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import kendalltau
from sklearn.metrics import roc_auc_score

from paper_utils.errors import UsageError
from paper_utils.geometry.stability import (
    expected_margin,
    margin_auc,
    rank_margin,
    swap_probability,
    topk_overlap,
)
from paper_utils.search.topk import select_top_k


def scores(seed, n_queries=7, n=40):
    rng = np.random.default_rng(seed)
    S = rng.normal(size=(n_queries, n))
    return S, S + 0.3 * rng.normal(size=S.shape)


@pytest.mark.parametrize("k", [1, 5, 20, 39])
def test_without_ties_it_is_plain_counting(k):
    S, T = scores(0)
    found = topk_overlap(S, T, k)
    (a, _), (b, _) = select_top_k(S, k), select_top_k(T, k)
    shared = [len(set(x) & set(y)) / k for x, y in zip(a, b, strict=True)]
    assert found.overlap == pytest.approx(shared)
    assert found.positions_changed == pytest.approx((a != b).mean(axis=1))


def test_rank_correlation_is_scipys_within_the_first_top_k():
    S, T = scores(1)
    T = np.round(T, 1)  # ties
    best = select_top_k(S, 15)[0]
    expected = [kendalltau(S[i, row], T[i, row]).statistic for i, row in enumerate(best)]
    assert topk_overlap(S, T, 15).rank_correlation == pytest.approx(expected)


def test_relevant_documents_are_counted_out_and_in():
    S, T = [[4.0, 3.0, 2.0, 1.0, 0.0]], [[4.0, 0.0, 1.0, 3.0, 2.0]]
    relevant = [[0, 1, 0, 1, 0]]  # 1 leaves the top two, 3 enters
    found = topk_overlap(S, T, 2, relevant)
    assert found.relevant_lost == pytest.approx([1.0])
    assert found.relevant_net == pytest.approx([0.0])
    none = topk_overlap(S, T, 2, sparse.csr_array([[0, 0, 0, 0, 1]]))
    assert np.isnan(none.relevant_lost).all()
    assert np.isnan(topk_overlap(S, T, 2).relevant_lost).all()


levels = st.lists(st.integers(0, 3), min_size=4, max_size=7)


@settings(max_examples=60, deadline=None)
@given(levels=levels, k=st.integers(1, 3), seed=st.integers(0, 999))
def test_ties_on_one_side_are_averaged_over_their_orders(levels, k, seed):
    n = len(levels)
    exact = np.random.default_rng(seed).permutation(n).astype(float)
    found = topk_overlap([exact], [levels], k)
    best = np.argsort(-exact)[:k]
    kept, changed = [], []
    for order in itertools.permutations(range(n)):
        ranked = sorted(order, key=lambda i: -levels[i])  # stable: ties keep this order
        kept.append(len(set(best) & set(ranked[:k])) / k)
        changed.append(np.mean([x != y for x, y in zip(ranked, best, strict=False)]))
    assert found.overlap == pytest.approx([np.mean(kept)])
    assert found.positions_changed == pytest.approx([np.mean(changed)])


@settings(max_examples=100, deadline=None)
@given(a=levels, seed=st.integers(0, 999), k=st.integers(1, 3))
def test_properties(a, seed, k):
    b = np.random.default_rng(seed).integers(0, 4, len(a)).astype(float)
    a = np.array(a, dtype=float)
    there, back = topk_overlap([a], [b], k), topk_overlap([b], [a], k)
    assert there.overlap == pytest.approx(back.overlap)
    assert there.positions_changed == pytest.approx(back.positions_changed)
    assert 0 <= there.overlap[0] <= 1 + 1e-12
    # A position held by the same document is a document kept.
    assert 1 - there.positions_changed[0] <= there.overlap[0] + 1e-12
    same = topk_overlap([a], [2 * a + 1], k)  # a monotone map changes nothing
    assert same.overlap == pytest.approx([1]) and same.positions_changed == pytest.approx([0])
    order = np.random.default_rng(seed).permutation(len(a))
    moved = topk_overlap([a[order]], [b[order]], k)
    assert moved.overlap == pytest.approx(there.overlap)


def test_equal_documents_change_nothing_by_changing_places():
    X = np.tile([[0.3, 0.4]], (50, 1))  # constant rows: all scores tie
    S = X[:1] @ X.T
    found = topk_overlap(S, S + 1, 10)
    assert found.overlap == pytest.approx([1]) and found.positions_changed == pytest.approx([0])
    assert np.isnan(found.rank_correlation).all()
    assert rank_margin(S, 10) == pytest.approx([0])


def test_a_constant_answer_is_chance():
    S, _ = scores(2)
    assert topk_overlap(S, np.zeros_like(S), 10).overlap == pytest.approx(10 / 40)


def test_margin_is_the_gap_of_the_sorted_scores():
    S, _ = scores(3)
    ordered = -np.sort(-S, axis=1)
    for k in (1, 7, 39):
        assert rank_margin(S, k) == pytest.approx(ordered[:, k - 1] - ordered[:, k])


def test_expected_margin_of_gaussian_scores():
    rng = np.random.default_rng(0)
    S = 0.09 * rng.normal(size=(3000, 2000))
    for k in (5, 10, 20):
        gaps = rank_margin(S, k)
        # First order in 1/k: within four standard errors and 5%.
        slack = 4 * gaps.std() / math.sqrt(len(gaps)) + 0.05 * gaps.mean()
        assert gaps.mean() == pytest.approx(expected_margin(0.09, 2000, k), abs=slack)


def test_swap_probability_against_simulation():
    rng = np.random.default_rng(0)
    for margin in (0.0, 0.01, 0.03):
        noise = 0.01 * rng.normal(size=(2, 200_000))
        seen = (noise[1] > noise[0] + margin).mean()
        assert swap_probability([margin], 0.01)[0] == pytest.approx(seen, abs=0.005)


def test_area_is_scikit_learns_and_its_interval_covers():
    rng = np.random.default_rng(0)
    margins, changed = rng.exponential(size=400).round(1), rng.random(400) < 0.3
    area = margin_auc(margins, changed)
    assert area.mean == pytest.approx(roc_auc_score(changed, -margins))
    # Normal scores one standard deviation apart have an area of Phi(1/sqrt 2).
    truth, hits = 0.7602499, 0
    for _ in range(300):
        moved = np.arange(120) < 50
        area = margin_auc(rng.normal(size=120) - moved, moved)
        hits += area.low <= truth <= area.high
    assert 0.91 <= hits / 300 <= 0.985


def test_area_of_too_few_is_nan():
    assert math.isnan(margin_auc(np.arange(20), np.arange(20) < 2).mean)
    assert margin_auc(np.arange(20), np.arange(20) < 10).mean == 1


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: topk_overlap(np.eye(3), np.eye(4), 1), "must agree"),
        (lambda: topk_overlap(np.eye(3), np.eye(3), 3), "from 1 to 2"),
        (lambda: topk_overlap(np.eye(3), np.eye(3), 0), "from 1 to 2"),
        (lambda: topk_overlap(np.eye(3), np.eye(3), 1.5), "whole number"),
        (lambda: topk_overlap([[1.0, np.nan]], [[1.0, 2.0]], 1), "NaN"),
        (lambda: topk_overlap(np.eye(3), np.eye(3), 1, np.eye(2)), "relevant has shape"),
        (lambda: rank_margin(np.eye(3), 3), "from 1 to 2"),
        (lambda: rank_margin([[np.inf, 0.0]], 1), "infinite"),
        (lambda: expected_margin(0.0, 100, 3), "above 0"),
        (lambda: expected_margin(1.0, 100, 50), "half"),
        (lambda: swap_probability([-1.0], 1.0), "negative"),
        (lambda: swap_probability([1.0], 0.0), "above 0"),
        (lambda: margin_auc([1.0], [True, False]), "shape"),
        (lambda: margin_auc([np.nan, 1.0], [True, False]), "finite"),
    ],
)
def test_bad_input(call, word):
    with pytest.raises(UsageError, match=word):
        call()
