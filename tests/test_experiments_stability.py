"""Simulated catalogues against closed forms and their limits, and the records of both."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from paper_chapters.topk_stability import title_stability as stability_real
from paper_chapters.topk_stability.common_mean_noise import noise_with_mean
from paper_chapters.topk_stability.noise import (
    DIMS,
    MODELS,
    PRINTED,
    SEEDS,
    class_churn,
    gaussian_cloud,
    injected_signal,
    margins_and_changes,
    noise_churn,
)
from paper_chapters.topk_stability.stored_order import stored_backwards
from paper_chapters.topk_stability.title_stability import (
    perturbation_rows,
    perturbed_scores,
    queries_of,
)
from paper_chapters.topk_stability.trend_intervals import (
    beyond_range,
    by_seed,
    calibration,
    lead_over_next,
    overlap_difference,
    slope_over_seeds,
)
from paper_utils import results
from paper_utils.errors import UsageError
from paper_utils.geometry.spectrum import participation_ratio, power_law_spectrum
from paper_utils.geometry.stability import swap_probability

FEW = {"n_docs": 600, "n_queries": 20}


def test_a_cloud_has_its_spectrum_and_its_mean():
    spectrum = power_law_spectrum(30, d_eff=8)
    X = gaussian_cloud(40_000, spectrum, kappa=2.0, seed=1)
    assert participation_ratio(X.var(axis=0)) == pytest.approx(8, rel=0.03)
    assert (X.mean(axis=0) ** 2).sum() == pytest.approx(2.0, rel=0.03)


def test_without_noise_nothing_changes():
    row = noise_churn(32, 12, noise=0.0, **FEW)
    for name, value in row.items():
        assert value == pytest.approx(1 if name.endswith("tau") else 0, abs=1e-9), name
    still = class_churn(0.5, noise=0.0, **FEW)
    assert still["A_left"] == still["A_positions"] == still["A_lost"] == still["C_net"] == 0


def test_more_noise_and_more_sides_change_more():
    row = noise_churn(64, 20, n_docs=1500, n_queries=60)
    for side in ("documents", "both"):
        assert row[f"D_{side}_left"] < row[f"A_{side}_left"]
        assert row[f"C_{side}_left"] < row[f"A_{side}_left"]
        assert row[f"A_{side}_left"] <= row[f"A_{side}_positions"]
    assert row["A_documents_left"] < row["A_both_left"]


def test_overwhelming_noise_leaves_chance():
    row = noise_churn(64, 20, noise=100.0, n_docs=400, n_queries=100)
    # 20 of 400 by chance: 5% stay.
    assert row["A_both_left"] == pytest.approx(0.95, abs=0.03)
    assert row["A_both_tau"] == pytest.approx(0, abs=0.1)


def test_classes_lower_the_effective_dimension_towards_their_number():
    rows = [class_churn(b, n_docs=2000, n_queries=40) for b in (0.0, 0.5, 0.95)]
    assert rows[0]["d_eff"] > rows[1]["d_eff"] > rows[2]["d_eff"]
    assert rows[2]["d_eff"] == pytest.approx(7, rel=0.25)
    assert rows[0]["spread"] > rows[1]["spread"] > rows[2]["spread"]
    assert rows[0]["var_cos"] < rows[2]["var_cos"]


def test_injected_documents_stand_out_by_their_cosine_times_the_root_of_d():
    for d in (64, 512):
        row = injected_signal(d, n_docs=3000, n_queries=50)
        # Up to the variance that an injected score itself has: 500 of them.
        assert row["separation"] == pytest.approx(0.2 * math.sqrt(d), abs=4 / math.sqrt(500) + 0.1)
        assert row["recall"] >= row["A_recall"] - 0.05


def test_documents_at_the_edge_swap_as_often_as_predicted():
    seen = margins_and_changes(128, 40, [1e-6, 1e-5], n_docs=1500, n_queries=800)
    for sd, swapped in zip(seen["noise_sd"], seen["swapped"], strict=True):
        predicted = swap_probability(seen["margin"], sd)
        slack = 4 * math.sqrt((predicted * (1 - predicted)).sum()) / len(predicted)
        assert swapped.mean() == pytest.approx(predicted.mean(), abs=slack + 0.005)
    assert seen["left"][0].mean() < seen["left"][1].mean()


def test_rows_of_perturbations_are_ordered_by_what_they_take_away():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(700, 32)) * np.linspace(2, 0.5, 32)
    Q = X[:60] + 0.3 * rng.normal(size=(60, 32))
    relevant = np.zeros((60, 700), dtype=bool)
    relevant[np.arange(60), np.arange(60)] = True
    rows = {row["name"]: row for row in perturbation_rows(Q, X, relevant)}
    keep = {name: row["overlap"] for name, row in rows.items()}
    assert keep["bfloat16"] > 0.97 and keep["int8"] > 0.95 and keep["HNSW"] > 0.9
    assert keep["one bit"] > keep["Hamming"] and keep["first 1/2"] > keep["first 1/8"]
    assert rows["one bit"]["bytes"] == rows["PQ, 4 bits for 4"]["bytes"] == 4
    assert rows["Hamming"]["tied"] > 0.3 and rows["bfloat16"]["tied"] < 0.2
    assert rows["bfloat16"]["lost"] <= rows["first 1/8"]["lost"]
    for row in rows.values():
        assert row["low"] <= row["overlap"] <= row["high"]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


@pytest.mark.parametrize("d", [31, 100, 384])
def test_equal_hamming_distances_are_ties(d):
    """No width of a vector may break a tie of whole numbers by rounding."""
    rng = np.random.default_rng(d)
    Q, X = rng.normal(size=(20, d)), rng.normal(size=(300, d))
    scores = {name: found for name, _, found in perturbed_scores(Q, X)}["Hamming"]
    distances = ((Q > 0)[:, None] != (X > 0)[None]).sum(axis=2)
    np.testing.assert_array_equal(scores, d - 2 * distances)


def test_few_documents_have_no_codes():
    rng = np.random.default_rng(0)
    names = [row["name"] for row in perturbation_rows(rng.normal(size=(30, 8)), np.eye(100, 8) + 1)]
    assert not any("PQ" in name for name in names)


def test_equal_rows_are_no_instability():
    rows = perturbation_rows(np.ones((25, 8)), np.tile([[1.0, 2.0] * 4], (100, 1)))
    kept = {row["name"]: row["overlap"] for row in rows if "noise" not in row["name"]}
    assert kept == pytest.approx(dict.fromkeys(kept, 1.0))
    assert rows[0]["tau"] is None and rows[0]["auc"] is None


def test_queries_of_the_built_in_catalogue_have_relevance():
    Q, X, relevant = queries_of("diy", "random", n_items=150, n_queries=30)
    assert len(Q) == 30 and len(X) == 150 and relevant.shape == (30, 150)
    assert (relevant.sum(axis=1) > 0).all()


def test_queries_of_a_file_are_its_titles(tmp_path):
    file = tmp_path / "titles.csv"
    file.write_text("title\n" + "\n".join(f"Дрель {i}" for i in range(50)), encoding="utf-8")
    Q, X, relevant = queries_of(str(file), "random", n_queries=20)
    assert (len(Q), len(X), relevant) == (20, 30, None)
    with pytest.raises(UsageError, match="at most 25"):
        queries_of(str(file), "random", n_queries=26)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: class_churn(1.0), "less than 1"),
        (lambda: class_churn(-0.1), "from 0"),
        (lambda: injected_signal(8, n_docs=100, n_queries=10), "above 100"),
        (lambda: noise_churn(8, 4, noise=-1.0, **FEW), "0 or more"),
        (lambda: noise_churn(8, 4, n_docs=15, n_queries=5), "from 1 to 14"),
        (lambda: perturbation_rows(np.eye(3), np.eye(3), k=1), "whole number from 2, not 1"),
        (lambda: perturbation_rows(np.eye(3), np.eye(3), k=4), "from 1 to 2"),
    ],
)
def test_bad_input(call, word):
    with pytest.raises(UsageError, match=word):
        call()


@pytest.mark.parametrize(
    "name",
    [
        "stability-noise",
        "stability-noise-mean",
        "stability-classes",
        "stability-planted",
        "stability-real-titles",
    ],
)
def test_the_records_are_current(name):
    kept = results.get(name)
    assert not kept.stale, f"re-run: {kept.provenance['command']}"


def test_the_record_of_noise_meets_the_review():
    """Its simulation, of the same clouds by other code, printed these; 0.02 is its tolerance."""
    frame = results.get("stability-noise").frame()
    assert set(frame["seed"]) == set(SEEDS)
    of = frame.groupby(["d", "d_eff", "kappa"]).mean()
    review = {"Qwen 2.5": (0.208, 0.285), "Phi-3.5": (0.204, 0.304), "mBERT": (0.178, 0.257)}
    for name, (documents, both) in review.items():
        row = of.loc[(*MODELS[name], 0)]
        assert row["A_documents_left"] == pytest.approx(documents, abs=0.02)
        assert row["A_both_left"] == pytest.approx(both, abs=0.02)
    isotropic = dict(zip(DIMS, (0.08, 0.15, 0.24, 0.34, 0.47), strict=True))
    for d, value in isotropic.items():
        assert of.loc[(d, d, 0)]["A_documents_left"] == pytest.approx(value, abs=0.02)
    for d_eff, value in {30: 0.125, 60: 0.146, 121: 0.179, 250: 0.221, 500: 0.283}.items():
        assert of.loc[(768, d_eff, 0)]["A_documents_left"] == pytest.approx(value, abs=0.02)


def test_the_record_with_a_mean_meets_the_review():
    """Positions that reading C changes, by the review's own code at 1,024 and 3,072 dimensions."""
    frame = results.get("stability-noise-mean").frame()
    of = frame.groupby(["d", "d_eff", "kappa"])["C_documents_positions"].mean()
    review = {0.25: (0.194, 0.212, 0.182, 0.107), 0.5: (0.239, 0.211, 0.217, 0.146)}
    shapes = (MODELS["Qwen 2.5"], MODELS["mBERT"], PRINTED["Phi-3.5"], MODELS["Phi-3.5"])
    for kappa, values in review.items():
        for shape, value in zip(shapes, values, strict=True):
            assert of[(*shape, kappa)] == pytest.approx(value, abs=0.03)


def test_noise_with_a_mean_is_the_same_cloud_as_without():
    """On the same seed the two experiments agree where both measure."""
    task = {"d": 16, "d_eff": 8, "kappa": 1.0, "seed": 3, "n_docs": 200, "n_queries": 20}
    one, other = noise_with_mean(**task, k=5), noise_churn(**task, k=5)
    assert one == {name: other[name] for name in one}


def test_the_record_of_classes_has_the_other_sign():
    means = results.get("stability-classes").frame().groupby("between").mean()
    assert means["d_eff"].is_monotonic_decreasing and means["A_left"].is_monotonic_increasing


@pytest.mark.realdata
def test_a_slice_of_the_real_titles_is_measured_again(paper_data):
    """Random directions need no encoder: ten seconds."""
    kept = results.get("stability-real-titles")
    task = {"catalogue": "uhtt-drills", "language": "all", "encoder": "random", "n_queries": 100}
    assert "agrees" in kept.agrees(stability_real.titles_perturbed(**task), rel=0.05, **task)


def test_a_slope_over_seeds_is_that_of_each_seed_s_line():
    x = np.tile([1.0, 2.0, 4.0], 3)
    seeds = np.repeat([5, 3, 8], 3)
    rise = np.repeat([2.0, 2.5, 3.0], 3)
    mean, low, high = slope_over_seeds(x, rise * x + seeds, seeds)
    assert mean == pytest.approx(2.5)
    half = 4.302653 * 0.5 / math.sqrt(3)  # Student's t with two degrees of freedom
    assert (low, high) == pytest.approx((2.5 - half, 2.5 + half))


def test_a_difference_of_overlaps_adds_the_half_widths_as_squares():
    one = {"overlap": 0.9, "low": 0.87, "high": 0.94}
    other = {"overlap": 0.7, "low": 0.67, "high": 0.74}
    assert overlap_difference(one, other) == pytest.approx((0.2, 0.15, 0.25))
    back = overlap_difference(other, one)
    assert back == pytest.approx((-0.2, -0.25, -0.15))


def test_a_kind_of_cloud_is_read_by_seed():
    rows = [(4, 2, 0, 1, 0.3), (4, 2, 0, 0, 0.1), (4, 2, 1, 0, 0.9), (8, 2, 0, 0, 0.5)]
    clouds = pd.DataFrame(rows, columns=["d", "d_eff", "kappa", "seed", "left"])
    np.testing.assert_array_equal(by_seed(clouds, (4, 2), "left"), [0.1, 0.3])
    np.testing.assert_array_equal(by_seed(clouds, (4, 2), "left", 1), [0.9])


def test_a_lead_is_over_the_next_and_may_be_a_lag():
    rows = [(d, 2, 0, seed, d / 10 + seed / 100) for d in (1, 4, 6) for seed in range(3)]
    clouds = pd.DataFrame(rows, columns=["d", "d_eff", "kappa", "seed", "left"])
    shapes = {"narrow": (1, 2), "middle": (4, 2), "wide": (6, 2)}
    assert lead_over_next(clouds, shapes, "wide", "left")[:3] == pytest.approx((0.2, 0.2, 0.2))
    assert lead_over_next(clouds, shapes, "middle", "left").mean == pytest.approx(-0.2)


def test_the_farthest_row_says_how_far_beyond_a_range():
    inside, below, above = [0.2, 0.22], [0.1, 0.12], [0.4, 0.3]
    assert beyond_range([inside], 0.18, 0.27).mean == pytest.approx(-(0.02 + 0.04) / 2)
    found = beyond_range([inside, below, above], 0.18, 0.27)
    assert found.mean == pytest.approx((0.13 + 0.06) / 2)
    half = 12.7062 * 0.035  # Student's t with one degree of freedom
    assert found[1:3] == pytest.approx((0.095 - half, 0.095 + half), rel=1e-4)


def test_calibrated_predictions_lie_on_the_line():
    rng = np.random.default_rng(3)
    predicted = rng.uniform(size=60_000)
    happened = rng.uniform(size=60_000) < predicted
    x, y, low, high = calibration(predicted, happened, 6)
    np.testing.assert_allclose(x, (np.arange(6) + 0.5) / 6, atol=0.01)
    np.testing.assert_allclose(y, x, atol=0.02)
    assert ((low < y) & (y < high)).all()
    wilson = stats.binomtest(int(happened.sum()), 60_000).proportion_ci(method="wilson")
    assert calibration(predicted, happened, 1)[2:, 0] == pytest.approx((wilson.low, wilson.high))


def test_stored_backwards_only_ties_change_a_list():
    rng = np.random.default_rng(4)
    distinct = rng.permuted(np.tile(np.arange(50.0), (8, 1)), axis=1)
    assert stored_backwards(distinct, 10) == (0, 1, pytest.approx(1))
    tied = np.zeros((3, 20))  # all are equal: the first five one way, the last five the other
    assert stored_backwards(tied, 5) == (1, 0, pytest.approx(1))
