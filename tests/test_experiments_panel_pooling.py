"""Poolings and shared vectors on the panel: closed forms, identities, and the records."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from paper_chapters.pooling.panel_groups import (
    PARTNERS,
    best,
    groups,
    joined,
    of_vectors,
    pooled,
    predicted,
    ratio,
    signal,
)
from paper_chapters.pooling.panel_poolings import compared, pooled_encoders, poolings_of
from paper_chapters.pooling.pooled_evidence import (
    by_pair,
    group_rows,
    mean_difference,
    mean_of,
    pooling_rows,
)
from paper_utils import load_encoder, results
from paper_utils.checks import unit_rows
from paper_utils.geometry.cosine import cosine_moments
from paper_utils.statistics import random_effects


def cloud(n: int, d: int = 12, seed: int = 0):
    return unit_rows(np.random.default_rng(seed).normal(size=(n, d)) + 0.2)


@given(st.integers(1, 60), st.integers(1, 9), st.sampled_from(PARTNERS), st.integers(0, 3))
def test_groups_are_a_partition_into_equal_parts(n, size, partners, draw):
    counts = np.bincount(groups(n, size, partners, draw))
    assert (counts[:-1] == size).all() and counts.sum() == n and 1 <= counts[-1] <= size


def test_strangers_are_drawn_anew_and_neighbours_are_not():
    one, other = (groups(40, 4, "strangers", draw) for draw in (0, 1))
    assert (one != other).any() and (one == groups(40, 4, "strangers", 0)).all()
    assert (groups(40, 4, "neighbours", 0) == np.arange(40) // 4).all()


def test_means_and_maxima_of_groups_by_hand():
    group, U = groups(23, 4, "strangers", 2), cloud(23)
    means, largest = pooled(U, group), best(U.T, group)
    for number in range(group.max() + 1):
        np.testing.assert_allclose(means[number], U[group == number].mean(axis=0))
        np.testing.assert_array_equal(largest[:, number], U.T[:, group == number].max(axis=1))
    assert joined(("a", "b", "c"), np.array([1, 0, 1])) == ["b", "a c"]


def test_groups_of_one_lose_nothing():
    qrels = sparse.csr_array(np.eye(20))
    row = of_vectors(cloud(20), cloud(20, seed=1), qrels, 1, "strangers")
    assert row["loss, none"] == row["loss, own means"] == [0, 0, 0]
    for name in ("signal", "unscaled", "sharpness"):
        np.testing.assert_allclose(row[name], 1, atol=1e-5)
    assert row["predicted"] == 1


@pytest.mark.parametrize("size", [2, 4, 8])
def test_at_right_angles_the_signal_falls_by_the_root(size):
    nearly = np.eye(32) + 1e-4 * np.random.default_rng(0).normal(size=(32, 32))
    row = of_vectors(np.eye(32), nearly, sparse.csr_array(np.eye(32)), size, "strangers")
    np.testing.assert_allclose(row["signal"], 1 / np.sqrt(size), atol=1e-3)
    np.testing.assert_allclose(row["unscaled"], 1 / size, atol=1e-3)
    assert row["predicted"] == pytest.approx(1 / np.sqrt(size), abs=1e-5)


def test_the_prediction_is_exact_for_the_mean_of_all():
    U = cloud(8)
    mean = pooled(U, np.zeros(8, dtype=np.int64))[0]
    length = 1 / (8 * predicted(8, cosine_moments(U).mean))
    assert np.linalg.norm(mean) == pytest.approx(length, abs=1e-12)


def test_signal_by_hand():
    scores, relevant = np.array([[3.0, 1, 0, 2]]), np.array([[True, False, False, False]])
    gap, sharp = signal(scores, relevant)
    assert gap == pytest.approx(2) and sharp == pytest.approx(2 / np.sqrt(2 / 3))


def test_a_constant_ratio_has_no_width():
    whole = np.random.default_rng(0).random(9) + 1
    members = sparse.csr_array(np.eye(9))
    np.testing.assert_allclose(ratio(0.3 * whole, whole, members), 0.3, atol=1e-5)


def test_equal_vectors_gain_nothing_over_the_mean():
    sides = (cloud(20), cloud(20, seed=1))
    rows = compared({"mean": sides, "cls": sides}, sparse.csr_array(np.eye(20)))
    assert rows["cls"]["gain, none"] == rows["cls"]["gain, own means"] == [0, 0, 0]
    assert rows["cls"]["none"] == rows["mean"]["none"]


def test_the_mean_of_the_plain_network_is_what_minilm_gives():
    texts = ["cordless drill 18 V", "saw", "a claw hammer and its handle"]
    own = load_encoder("minilm").encode(texts, cache=False)
    plain = pooled_encoders("minilm")
    assert [one.pooling for one in plain] == list(poolings_of("minilm"))
    mean = unit_rows(plain[0].encode(texts, cache=False))
    np.testing.assert_allclose(mean, own, atol=1e-5)


def test_evidence_counts_encoders_that_know_the_language_and_no_controls():
    cells = {"none": [0.5, 0.4, 0.6], "own means": [0.6, 0.5, 0.7]}
    cells |= {"gain, none": [0, 0, 0], "gain, own means": [0, 0, 0], "mean_cosine": 0.1}
    value = {"rows": {"mean": cells}}
    names = [("minilm", "xquad-r-en"), ("minilm", "limit-small"), ("untrained", "xquad-r-en")]
    tasks = [({"encoder": e, "set": s}, value, 0.0) for e, s in names]
    rows = pooling_rows(tasks)
    assert rows["counts"].tolist() == [True, True, False, False, False, False]
    assert rows.loc[1, ["level", "level_low", "level_high"]].tolist() == [0.6, 0.5, 0.7]
    tasks = [({"encoder": "minilm", "set": s}, {"rows": [groups_row(g)]}, 0) for s, g in SETS]
    found = group_rows(tasks)
    effects = random_effects([0.1, 0.2, 0.3], [0.02 / 1.959964] * 3)
    assert mean_of(found, "loss")[:3] == pytest.approx(effects[:3], abs=1e-6)
    assert found["loss_centred"].tolist() == [0.0] * 3
    gap = mean_difference(by_pair(found, "loss"), by_pair(found, "loss_centred"))
    assert gap.mean == pytest.approx(effects.mean) and gap.n == 3


SETS = (("a", 0.1), ("b", 0.2), ("c", 0.3))


def groups_row(loss: float) -> dict:
    cells = {"loss, none": [loss, loss - 0.02, loss + 0.02], "loss, own means": [0.0, -0.01, 0.01]}
    return {"partners": "strangers", "size": 2, "predicted": 0.7} | cells


def test_the_record_of_groups_is_consistent_with_itself():
    rows = group_rows(results.get("panel-pooled-passages").tasks)
    for kind in ("", "_centred"):
        there = rows[rows[f"loss{kind}"].notna()]
        gap = there[f"best{kind}"] - there[f"one{kind}"]
        np.testing.assert_allclose(there[f"loss{kind}"], gap, atol=2e-5)
    known = rows[rows["counts"] & (rows["partners"] == "strangers")]
    # Of strangers the inner product with their mean, not scaled back, is an average: 1/m is left.
    np.testing.assert_allclose(known["unscaled"] * known["size"], 1, atol=0.1)


def test_the_mean_of_a_plain_network_searches_as_the_encoder_does():
    rows = pooling_rows(results.get("panel-poolings").tasks)
    mean = rows[(rows["pooling"] == "mean") & (rows["centring"] == "none")]
    assert (mean["gain"] == 0).all()
    level = mean.set_index(["encoder", "set"])["level"]
    panel = results.get("panel-geometry")  # by sentence-transformers, from other code
    other = panel.value(encoder="minilm", set="xquad-r-en")["search"]["none"]["ndcg_10"][0]
    assert level["minilm", "xquad-r-en"] == pytest.approx(other, abs=0.001)
