"""Remedies on the panel: closed forms of the scores, the halves, and what a set is judged by."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from paper_chapters.hubness.panel_remedies import (
    all_scores,
    foreign_set,
    remedies_on_pair,
)
from paper_chapters.hubness.panel_scores import (
    DOCUMENT_SIDE,
    QUERY_SIDE,
    ROUNDS,
    csls,
    document_side,
    fused,
    log_sums,
    query_side,
    sinkhorn,
    temperature,
)
from paper_utils.checks import unit_rows
from paper_utils.geometry.cosine import centre
from paper_utils.geometry.hub_reduction import whiten
from paper_utils.panel.pairs import Pair
from paper_utils.panel.search import highest, only_judged, pair_accuracy, quality


def cloud(n: int, d: int = 12, seed: int = 0, mean: float = 0.4):
    return unit_rows(
        np.random.default_rng(seed).normal(size=(n, d)) * np.linspace(2, 0.5, d) + mean
    )


def test_document_side_has_its_closed_forms():
    U, V = cloud(80), cloud(30, seed=1)
    scores = dict(document_side(U, V))
    assert tuple(scores) == DOCUMENT_SIDE
    mean = U.mean(axis=0)
    np.testing.assert_allclose(scores["centring"], centre(V, mean) @ centre(U).T, atol=1e-12)
    np.testing.assert_allclose(scores["whitening 0.5"], whiten(V, U) @ whiten(U).T, atol=1e-9)
    np.testing.assert_allclose(scores["all but the top d/100"], scores["all but the top 1"])
    gone = np.linalg.svd(U - mean)[2][:2]
    kept = [unit_rows(X - X @ gone.T @ gone) for X in (centre(V, mean), centre(U))]
    np.testing.assert_allclose(scores["all but the top 2"], kept[0] @ kept[1].T, atol=1e-9)


def test_csls_takes_the_nearest_of_the_bank_away():
    bank = np.array([[0.9, 0.1]] * 5 + [[0.5, 0.1]] * 5 + [[-1.0, 0.0]] * 7)
    np.testing.assert_allclose(csls(np.array([[0.6, 0.4]]), bank), [[1.2 - 0.7, 0.8 - 0.1]])


def test_sinkhorn_evens_out_what_it_scales():
    bank = cloud(30, seed=2) @ cloud(20, seed=3).T
    cost, tau = sinkhorn(bank, 0.2), 0.2
    plan = np.exp((bank - cost) / tau)
    plan /= plan.sum(axis=1, keepdims=True)  # the step that would come next
    np.testing.assert_allclose(plan.sum(axis=0), 1.5, rtol=0.02)
    assert ROUNDS == 10


@given(st.floats(0.3, 3), st.integers(0, 1000))
def test_a_temperature_follows_the_scale_of_the_cosines(scale, seed):
    bank = np.random.default_rng(seed).normal(size=(24, 15))
    for popularity in (log_sums, sinkhorn):
        tau = temperature(bank, popularity)
        assert temperature(scale * bank, popularity) == pytest.approx(scale * tau)


def test_an_equal_popularity_changes_no_ranking():
    """Control: where every document is as popular as the next, nothing happens."""
    U = np.eye(4)
    bank = np.concatenate([np.eye(4)] * 6)
    mine = unit_rows([[4, 3, 2, 1.0]])
    for name, scores in query_side(U, mine, bank):
        if name != "own means":
            assert scores.argsort(axis=1).tolist() == [[3, 2, 1, 0]], name


def test_no_query_is_scored_by_its_own_half():
    U, V, F = cloud(40), cloud(20, seed=1), cloud(12, seed=2)
    words = np.zeros((20, 40))
    before = dict(all_scores(U, V, F, words))
    W = V.copy()
    W[4] = unit_rows([np.arange(12.0)])[0]  # of the even half
    after = dict(all_scores(U, W, F, words))
    others = [row for row in range(0, 20, 2) if row != 4]
    for name in QUERY_SIDE:
        np.testing.assert_allclose(after[name][others], before[name][others], err_msg=name)
        assert not np.allclose(after[name][1::2], before[name][1::2]) or name == "QB-Norm"
    assert before.keys() > {"CSLS, random bank", "CSLS, foreign bank", "BM25 fused"}


def test_fusion_gives_equal_scores_their_mean_rank():
    np.testing.assert_allclose(
        fused([[3.0, 1, 1]], [[0.0, 0, 0]]), [[1 / 61 + 1 / 62, *[1 / 62.5 + 1 / 62] * 2]]
    )


# --- what a set is judged by ------------------------------------------------------------------

GRADES = sparse.csr_array(
    (np.array([3.0, 0.0, 1.0, 2.0, 2.33]), ([0, 0, 0, 1, 1], [0, 1, 2, 1, 3])), shape=(2, 24)
)


def test_condensed_lists_hold_what_was_judged():
    scores = np.tile([[0.1, 0.9, 0.2, 1.0], [0.5, 0.6, 0.7, 0.4]], 6)
    among = only_judged(lambda rows: scores[rows], GRADES)(slice(None))
    rows, columns = np.nonzero(np.isfinite(among))
    assert list(zip(rows, columns, strict=True)) == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 3)]
    found = quality(scores, GRADES)
    assert found.keys() == {"ndcg_10", "condensed", "pair_accuracy"}
    assert (found["condensed"] >= found["ndcg_10"]).all()
    assert quality(scores, highest(GRADES)).keys() == {"ndcg_10"}


def test_pair_accuracy_counts_pairs_apart_in_grade():
    scores = np.tile([[0.5, 0.5, 0.7, 1.0], [0.5, 0.6, 0.7, 0.4]], 6)
    found = pair_accuracy(lambda rows: scores[rows], GRADES)
    assert found[0] == pytest.approx((0.5 + 0 + 1) / 3)  # 3 over 0 tied, 3 over 1 wrong, 1 over 0
    assert np.isnan(found[1])  # a third of a grade is no difference


def test_a_value_rests_on_the_documents_of_the_highest_grade():
    assert [list(where) for where in highest(GRADES).nonzero()] == [[0, 1], [0, 3]]


def test_the_foreign_bank_is_of_another_set():
    for name in ("xquad-r-ru", "danetqa-ru", "limit-small"):
        for encoder in ("minilm", "navec"):
            assert foreign_set(Pair(encoder, name)) != name


@pytest.mark.realdata
def test_random_directions_gain_nothing():
    value = remedies_on_pair("random", "limit-small", None)
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    for name in ("centring", "CSLS", "own means", "whitening 0.5"):
        _, low, high = value["remedies"][name]["ndcg_10"]
        assert low <= 0.02 and high >= -0.02, name
    discounts = (1 / np.log2(np.arange(10) + 2)).sum()
    chance = 2 / 46 * discounts / (1 + 1 / np.log2(3))
    _, low, high = value["remedies"]["none"]["value"]["ndcg_10"]
    assert low <= chance <= high
