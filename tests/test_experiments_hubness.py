"""Clouds of known distribution, titles and search: the measurements of the chapter on hubs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from paper_chapters.hubness.query_centring import search_with_centring
from paper_chapters.hubness.query_side import QUERY_SIDE, TEMPERATURE, query_side_scores
from paper_chapters.hubness.title_hubs import (
    REDUCTIONS,
    cloud,
    hubness_by_reduction,
    hubness_of_cloud,
    hubness_of_titles,
    reduced_scores,
    search_with_reductions,
    titles_row,
    towards_mean,
)
from paper_utils import results
from paper_utils.errors import UsageError
from paper_utils.geometry.centring import (
    CENTRINGS,
    centred_scores,
    search_by_centring,
    search_gains,
)
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.geometry.hubness import k_occurrence, poisson_reference

# --- clouds -----------------------------------------------------------------------------------


def test_a_cloud_has_the_mean_and_the_spectrum_asked_for():
    X = cloud("normal", 20_000, 30, kappa=0.5, d_eff=10)
    assert (X.mean(axis=0) ** 2).sum() / X.var(axis=0).sum() == pytest.approx(0.5, rel=0.03)
    assert effective_dimension(X, "unbiased").value == pytest.approx(10, rel=0.03)


def test_the_torus_is_the_same_around_every_point():
    """Each circle has radius 1, and distances from any point have one and the same distribution."""
    X = cloud("torus", 4_000, 5)
    assert X.shape == (4_000, 10)
    np.testing.assert_allclose(X[:, :5] ** 2 + X[:, 5:] ** 2, 1)
    squared = ((X[:8, None] - X[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared.mean(axis=1), 10, rtol=0.03)
    # Var |x-y|² = 5 Var(2 - 2 cos) = 10 around every point.
    np.testing.assert_allclose(squared.var(axis=1), 10, rtol=0.1)


@pytest.mark.parametrize(
    ("law", "options", "message"),
    [
        ("norml", {}, "no distribution 'norml'; did you mean 'normal'"),
        ("uniform", {"kappa": 1.0}, "belong to the normal distribution, not to 'uniform'"),
        ("torus", {"d_eff": 3}, "not to 'torus'"),
    ],
)
def test_bad_clouds(law, options, message):
    with pytest.raises(UsageError, match=message):
        cloud(law, 10, 5, **options)


def test_hubs_need_a_middle():
    chance = poisson_reference(10)["skewness"]
    flat = hubness_of_cloud("normal", "cosine", 50, 1_000)
    torus = hubness_of_cloud("torus", "l2", 50, 1_000)
    middle = hubness_of_cloud("normal", "cosine", 50, 1_000, kappa=1.0)
    for without in (flat, torus):
        assert np.median(without["skewness"]) == pytest.approx(chance, abs=0.2)
    assert min(middle["skewness"]) > 1.5 and min(middle["skewness_5"]) > 1.5
    assert json.loads(json.dumps(flat, allow_nan=False)) == flat


# --- titles and search ------------------------------------------------------------------------


def test_reductions_where_there_are_no_hubs_change_little():
    found = hubness_by_reduction(cloud("normal", 1_500, 40))
    assert list(found) == list(REDUCTIONS)
    assert max(counts.skewness for counts in found.values()) < 0.6


def test_a_row_of_titles_reports_duplicates_and_leaves_them_out():
    X = cloud("normal", 400, 20, kappa=1.0)
    row = titles_row(np.vstack([X, np.repeat(X[:1], 60, axis=0)]), reductions=True)
    alone = k_occurrence(X)
    assert (row["n"], row["n_duplicates"], row["largest_group"]) == (460, 60, 61)
    assert row["merged"]["skewness"] == pytest.approx(alone.skewness)
    assert row["cures"]["none"] == row["merged"] and row["n_sample"] == 400
    assert row["kept"]["largest"] >= 51 > row["merged"]["largest"] / 2
    assert row["cures"]["centring"]["skewness"] < row["merged"]["skewness"]
    assert row["towards_mean"] == pytest.approx(towards_mean(X, alone.counts)) and row["mu2"] > 0.3


def test_queries_equal_to_a_document_find_it_under_every_reduction():
    X = cloud("normal", 300, 30, kappa=0.5)
    for scores in reduced_scores(X, X[:20]).values():
        np.testing.assert_array_equal(scores.argmax(axis=1), np.arange(20))


def test_search_measures_a_perfect_ranking_as_one():
    X = cloud("normal", 60, 30)
    grades = 2 * np.eye(60, dtype=int)[:12]
    rows = search_gains(reduced_scores(X, X[:12]), grades, np.ones(12, dtype=bool), k=3)
    for name in REDUCTIONS:
        assert rows[name]["ndcg"] == [1.0, 1.0, 1.0] and rows[name]["recall"] == [1.0, 1.0, 1.0]
        assert rows[name]["ndcg_gain"] == [0.0, 0.0, 0.0]


def test_search_with_reductions_is_pure_and_json_able():
    once = search_with_reductions("random", "en", n_items=200, n_queries=30)
    assert json.loads(json.dumps(once, allow_nan=False)) == once
    assert search_with_reductions("random", "en", n_items=200, n_queries=30) == once
    # The control finds nothing: one title in twenty is shown, and few are right.
    assert once["search"]["none"]["recall"][1] < 0.3


# --- the mean of the queries ------------------------------------------------------------------


def shifted_search(n: int = 400, d: int = 40):
    """Titles, and queries that are titles with noise and a common shift of their own."""
    rng = np.random.default_rng(0)
    titles = rng.normal(size=(n, d)) + 0.5
    shift = 1.5 * rng.normal(size=d)
    return titles, titles[:100] + 0.8 * rng.normal(size=(100, d)) + shift


def test_taking_the_queries_mean_out_undoes_their_shift():
    titles, queries = shifted_search()
    grades = 2 * np.eye(len(titles), dtype=int)[:100]
    rows = search_by_centring(titles, queries, grades, np.ones(100, dtype=bool))
    assert rows["own means"]["ndcg_gain"][1] > 0
    assert rows["own means"]["ndcg"][0] > rows["titles' mean"]["ndcg"][0]
    # The shift made hubs of the titles that lie along it.
    assert rows["own means"]["skewness"] < 0.7 * rows["none"]["skewness"]
    assert abs(rows["between_means"]) < 1


def test_no_query_enters_the_mean_that_is_taken_out_of_it():
    titles, queries = shifted_search()
    before = centred_scores(titles, queries)["own means"]
    queries[::2] = np.roll(queries[::2], 1, axis=1)
    after = centred_scores(titles, queries)["own means"]
    assert not np.allclose(before[::2], after[::2])
    queries = shifted_search()[1]
    queries[4] *= -1.0
    changed = centred_scores(titles, queries)["own means"]
    others = np.arange(0, 100, 2)
    np.testing.assert_allclose(changed[others[others != 4]], before[others[others != 4]], rtol=1e-6)


def test_a_constant_taken_from_the_titles_changes_no_ranking():
    """Equation eq-query-mean: only what is taken from the query counts, unit length aside."""
    titles, queries = shifted_search()
    plain = queries @ titles.T
    moved = queries @ (titles - titles.mean(axis=0)).T
    np.testing.assert_array_equal(plain.argsort(axis=1), moved.argsort(axis=1))


def test_search_with_centring_is_pure_and_its_control_gains_nothing():
    once = search_with_centring("random", "ru", n_items=150, n_queries=30)
    assert json.loads(json.dumps(once, allow_nan=False)) == once
    assert set(once) == {*CENTRINGS, "between_means"}
    for name in CENTRINGS:
        low, high = once[name]["ndcg_gain"][1:]
        assert low <= 0.02 and high >= -0.02


def test_corrections_by_other_queries_are_what_their_authors_wrote():
    """One query, written out: its bank are the queries at the places of the other parity."""
    rng = np.random.default_rng(0)
    titles, queries = rng.normal(size=(12, 5)), rng.normal(size=(9, 5))
    unit = [X / np.linalg.norm(X, axis=1, keepdims=True) for X in (titles, queries)]
    cosines = unit[1] @ unit[0].T
    mine, bank = cosines[2], cosines[1::2]
    scores = query_side_scores(titles, queries)
    assert list(scores) == ["none", *QUERY_SIDE]
    np.testing.assert_allclose(scores["CSLS"][2], 2 * mine - bank.mean(axis=0), atol=1e-6)
    inverted = np.exp(mine / TEMPERATURE) / np.exp(bank / TEMPERATURE).sum(axis=0)
    np.testing.assert_array_equal(scores["inverted softmax"][2].argsort(), inverted.argsort())
    hub = mine.argmax() in bank.argmax(axis=1)
    expected = scores["inverted softmax"][2] if hub else scores["none"][2]
    np.testing.assert_allclose(scores["QB-Norm"][2], expected, atol=1e-6)


# --- records ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "hubness-synthetic",
        "hubness-real-titles",
        "hubness-search",
        "hubness-query-mean",
        "hubness-query-side",
    ],
)
def test_the_records_are_current(name):
    kept = results.get(name)
    assert not kept.stale, f"re-run: {kept.provenance['command']}"


def test_the_record_meets_the_figures_of_an_independent_script():
    """Medians of five seeds; third moments scatter, so a factor of two where they are large."""
    expected = {
        ("normal", "l2"): {3: -0.11, 20: 2.20, 100: 7.54},
        ("uniform", "l2"): {3: 0.05, 20: 1.66, 100: 5.44},
        ("normal", "cosine"): {3: 0.08, 20: 0.29, 100: 0.36},
        ("uniform", "cosine"): {3: 0.05, 20: 1.53, 100: 7.62},
    }
    kept = results.get("hubness-synthetic")
    for (law, metric), row in expected.items():
        for d, other in row.items():
            task = {"law": law, "metric": metric, "d": d, "n": 10_000, "kappa": 0.0}
            ours = float(np.median(kept.value(**task)["skewness"]))
            if other < 1:
                assert ours == pytest.approx(other, abs=0.15), task
            else:
                assert other / 2 < ours < other * 2, task


def test_the_control_of_the_record_has_no_hubs():
    kept = results.get("hubness-real-titles")
    for catalogue in ("uhtt-drills", "uhtt-tools"):
        row = kept.value(catalogue=catalogue, encoder="random")["ru"]
        assert abs(row["merged"]["skewness"] - poisson_reference(10)["skewness"]) < 0.25


@pytest.mark.realdata
@pytest.mark.parametrize("encoder", ["random", "navec"])
def test_a_slice_of_the_record_is_measured_again(paper_data, encoder):
    task = {"catalogue": "uhtt-drills", "encoder": encoder}
    kept = results.get("hubness-real-titles")
    assert "agrees" in kept.agrees(hubness_of_titles(**task), **task)
