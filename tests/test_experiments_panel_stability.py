"""Stability on the panel: closed forms of the changes, of the losses and of the law of the size."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import binom, norm

from paper_chapters.topk_stability.exact_cosines import cosine_matrix
from paper_chapters.topk_stability.panel_catalogue_size import (
    FAR,
    K,
    by_law,
    counts_above,
    curve,
    law,
    share_found,
    sizes_of,
)
from paper_chapters.topk_stability.panel_changes import (
    ABSENT,
    changed_scores,
    principal_axes,
    rescored,
)
from paper_chapters.topk_stability.panel_evidence import (
    CHANGES,
    change_rows,
    differences,
    loss_by_size,
    mean_area,
    safety,
)
from paper_chapters.topk_stability.panel_stability import compared, stability_of_pair
from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError
from paper_utils.panel.search import highest


def cloud(n: int, d: int = 16, seed: int = 0):
    rows = np.random.default_rng(seed).normal(size=(n, d)) * np.linspace(2, 0.5, d) + 0.3
    return unit_rows(rows).astype(np.float32)


def judged(n_queries: int, n_docs: int, seed: int = 0) -> sparse.csr_array:
    rng = np.random.default_rng(seed)
    grades = np.zeros((n_queries, n_docs))
    for row in grades:
        row[rng.permutation(n_docs)[:3]] = [1, 1, 2]
    return sparse.csr_array(grades)


def test_all_principal_axes_change_no_cosine_and_are_those_of_the_svd():
    U, V = cloud(60), cloud(20, seed=1)
    axes = principal_axes(U)
    np.testing.assert_allclose(V @ axes @ (U @ axes).T, V @ U.T, atol=1e-6)
    right = np.linalg.svd(U.astype(np.float64))[2][:3].T
    np.testing.assert_allclose(np.abs(np.diag(right.T @ axes[:, :3])), 1, atol=1e-6)


def test_rescoring_keeps_the_candidates_alone():
    coarse, exact = np.array([[3.0, 2, 1, 0]]), np.array([[0.1, 0.9, 0.5, 0.7]])
    np.testing.assert_allclose(rescored(coarse, exact, 2), [[0.1, 0.9, ABSENT, ABSENT]])
    np.testing.assert_allclose(rescored(coarse, exact, 9), exact)


def test_changes_of_few_and_of_enough_documents():
    V = cloud(12, seed=1)
    few = dict(changed_scores(V, cloud(60)))
    enough = dict(changed_scores(V, cloud(700, seed=2)))
    assert set(enough) - set(few) == {"codes, d/4 bytes", "codes, d/8 bytes"}
    assert {len(draws) for name, draws in few.items() if name.startswith("random")} == {5}
    assert all(scores.shape == (12, 60) for draws in few.values() for scores in draws)


def test_nothing_changes_where_nothing_is_changed():
    exact = cosine_matrix(cloud(20, seed=1), cloud(60))
    row = compared(exact, [exact, exact], judged(20, 60))
    assert row["loss_ndcg_10"] == [0, 0, 0] and row["kept"] == [1, 1, 1]
    assert row["lost"] == 0 and row["changed"] == 0


def test_reversed_scores_lose_what_there_was():
    grades = judged(20, 60)
    exact = grades.toarray().astype(np.float32) + np.random.default_rng(0).random((20, 60)) / 9
    row = compared(exact, [-exact], grades)
    assert row["loss_ndcg_10"][0] == 1 and row["kept"][0] == 0 and row["lost"] == 1
    assert row["auc"] is None  # every list changes


def test_shallow_sets_are_also_judged_by_what_was_judged():
    grades = judged(20, 60)
    grades.data[::3] = 0  # judged, and not relevant
    exact = cosine_matrix(cloud(20, seed=1), cloud(60))
    assert "loss_condensed" in compared(exact, [exact], grades)


def test_highest_grades_alone():
    grades = sparse.csr_array([[1.0, 2, 2], [0, 1, 0]])
    np.testing.assert_array_equal(highest(grades).toarray(), [[0, 1, 1], [0, 1, 0]])


def test_share_found_counts_all_draws():
    above, n_others, size = 12, 15, 14
    hits = [sum(i < above for i in drawn) < K for drawn in itertools.combinations(range(15), 13)]
    np.testing.assert_allclose(share_found([above], [n_others], [size]), [[np.mean(hits)]])


@given(st.integers(0, 400), st.integers(1, 400))
def test_share_found_falls_with_the_size_and_ends_at_the_truth(above, more):
    n_others = 400
    shares = share_found([above], [n_others], [2, min(more + 1, 401), 401])[0]
    assert shares[0] == 1 and shares[0] + 1e-12 >= shares[1] >= shares[2] - 1e-12
    assert shares[2] == (above < K)


def test_share_found_nears_independent_draws():
    found = share_found([10_000], [1_000_000], [501])[0, 0]
    assert found == pytest.approx(binom.cdf(K - 1, 500, 0.01), abs=1e-3)


def test_counts_above_against_a_count_by_hand():
    scores = np.array([[0.9, 0.5, 0.5, 0.5, 0.1, 0.8]])
    grades = sparse.csr_array([[0.0, 2, 0, 0, 1, 0]])
    of, above = counts_above(scores, grades)
    # 0.9 and 0.8 are above the second; of two that equal it one. The other relevant one is out.
    assert of.tolist() == [0, 0] and above.tolist() == [3, 4]


@given(st.floats(0.5, 4), st.floats(-0.4, -0.05))
def test_the_law_finds_itself(a, b):
    sizes = np.array([250, 500, 1000, 4000])
    found = law(sizes, norm.cdf(a + b * np.log2(sizes)))
    np.testing.assert_allclose(found, [a, b], rtol=1e-6, atol=1e-6)


def test_a_curve_that_obeys_the_law_is_foretold():
    sizes = sizes_of(20_000)
    assert sizes[0] == 250 and sizes[-1] == 20_000 and sizes[-2] == 16_000
    shares = norm.cdf(3 - 0.2 * np.log2(sizes))
    found = curve(np.tile(shares, (30, 1)), sizes)
    assert found["predicted"][0] == pytest.approx(shares[-1], abs=1e-4)
    assert found["far"][0] == pytest.approx(by_law((3, -0.2), FAR), abs=1e-4)
    with pytest.raises(UsageError, match="above 0 and below 1"):
        law(sizes, np.ones(len(sizes)))


def test_a_pair_is_measured_whole(monkeypatch):
    from paper_utils.panel import pairs
    from paper_utils.panel.sets import PanelSet

    texts = PanelSet("tiny", tuple("d" * 60), tuple("q" * 20), judged(20, 60))
    monkeypatch.setattr(pairs, "load_set", lambda name: texts)
    vectors = pairs.Vectors(cloud(60), cloud(20, seed=1))
    monkeypatch.setattr(pairs, "load_vectors", lambda pair: vectors)
    found = json.loads(json.dumps(stability_of_pair("random", "xquad-r-en", None)))
    assert found["n_docs"] == 60 and found["n_queries"] == 20
    weak, strong = (found["changes"][f"noise {reading}"] for reading in "DA")
    assert weak["positions"][0] <= strong["positions"][0] and weak["kept"][0] >= strong["kept"][0]
    for entry in found["changes"].values():
        low, high = entry["loss_ndcg_10"][1:]
        assert low <= entry["loss_ndcg_10"][0] <= high


def record_of(losses, area=None):
    """Tasks as a record has them: one change, one loss with its interval for each set."""
    for (encoder, name), (one, other) in losses.items():
        changes = {
            change: {"loss_ndcg_10": loss, "loss_condensed": [9, 9, 9], "kept": [0.9, 0.8, 1.0]}
            | {"lost": 0.1, "changed": 0.5, "auc": area}
            for change, loss in (("int8", one), ("bits of both", other))
        }
        value = {
            "n_docs": 9,
            "d": 4,
            "mean_cosine": 0.1,
            "level": {"ndcg_10": 0.5, "condensed": 0.6},
        }
        yield {"encoder": encoder, "set": name, "pooling": None}, value | {"changes": changes}, 0.1


def test_a_pair_is_safe_where_the_whole_interval_of_its_loss_is_small():
    small, unsure, large = [0.001, -0.002, 0.004], [0.004, -0.01, 0.02], [0.05, 0.04, 0.06]
    rows = change_rows(
        record_of(
            {
                ("minilm", "scifact"): (small, large),
                ("minilm", "nfcorpus"): (unsure, large),
                ("wordllama", "nfcorpus"): (small, large),
                ("random", "scifact"): (large, large),
            },
            [0.9, 0.8, 1.0],
        )
    )
    counted = rows.query("counts")
    found = safety(counted)["int8"]
    assert (found.safe, found.pairs, found.worst) == (2, 3, 0.004)
    assert found.where == "minilm, nfcorpus" and found.share[0] == pytest.approx(2 / 3)
    gap = differences(counted, "int8", "bits of both")
    assert gap.mean == pytest.approx(0.048, abs=0.002) and gap.n == 3
    assert mean_area(counted, "int8").mean == pytest.approx(0.9)
    assert mean_area(counted, "HNSW") is None
    np.testing.assert_allclose(rows["gain"] - rows["low"], rows["high"] - rows["gain"], atol=0.01)


def test_every_change_has_a_name():
    V, U = cloud(12, seed=1), cloud(700, seed=2)
    assert {name for name, _ in changed_scores(V, U)} == set(CHANGES)


def test_a_loss_by_size_is_that_of_the_ends_of_two_curves():
    def shares(*values):
        return {"shares": [[value, value - 0.1, value + 0.1] for value in values]}

    long = {"ways": {"whole": shares(0.9, 0.8, 0.5), "int8": shares(0.7, 0.1, 0.4)}}
    short = {"ways": {"whole": shares(0.6, 0.2), "int8": shares(0.6, 0.3)}}
    expected = [[0.2, 0.1], [0.0, -0.1]]
    np.testing.assert_allclose(loss_by_size([long, short], "int8"), expected, atol=1e-12)
