"""The rows of the chapter on cosine collapse, and the record of real titles."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from paper_chapters.cosine_collapse.title_cosines import ENCODERS, cosine_of_titles, cosine_row
from paper_utils import results
from paper_utils.errors import UsageError
from paper_utils.geometry.spectrum import gaussian_cosine_moments, power_law_spectrum


def test_a_row_of_a_gaussian_with_a_mean():
    rng = np.random.default_rng(0)
    spectrum, mean = power_law_spectrum(60, d_eff=15), np.r_[np.zeros(59), 0.7]
    row = cosine_row(rng.normal(size=(3000, 60)) * np.sqrt(spectrum) + mean)
    expected = gaussian_cosine_moments(spectrum, mean)
    assert row["mean"] == pytest.approx(expected[0], abs=4 * row["mean_se"])
    assert row["var"] == pytest.approx(expected[1], abs=4 * row["var_se"])
    assert row["d_eff_unbiased"] == pytest.approx(15, abs=4 * row["d_eff_unbiased_se"])
    assert row["d_eff"] < row["d_eff_unbiased"]
    assert row["d_uncentred"] == pytest.approx(1 / (expected[1] + expected[0] ** 2), rel=0.05)
    assert row["mu2_centred"] < 0.01 * row["mu2"]


def test_centring_changes_isotropic_vectors_only_by_chance():
    row = cosine_row(np.random.default_rng(1).normal(size=(2000, 30)))
    assert row["var_centred"] == pytest.approx(row["var"], rel=0.01)
    assert row["cross_share"] < 0.01


def test_rows_by_language_are_those_of_the_titles(tmp_path):
    file = tmp_path / "titles.csv"
    russian = [f"Дрель номер {i}" for i in range(20)]
    english = [f"Drill number {i}" for i in range(12)]
    file.write_text("\n".join(["title", *russian, *english]), encoding="utf-8")
    rows = cosine_of_titles(str(file), "random")
    assert {key: row["n"] for key, row in rows.items()} == {"all": 32, "ru": 20, "en": 12}
    assert cosine_of_titles(str(file), "random", language="ru")["ru"] == rows["ru"]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def test_too_few_titles(tmp_path):
    file = tmp_path / "titles.csv"
    file.write_text("title\nДрель\nШуруповёрт\n", encoding="utf-8")
    with pytest.raises(UsageError, match="at least 4"):
        cosine_of_titles(str(file), "random")


def test_the_record_is_complete_and_obeys_the_identity():
    kept = results.get("cosine-real-titles")
    assert not kept.stale, f"re-run: {kept.provenance['command']}"
    seen = {(task["catalogue"], task["encoder"]) for task, _, _ in kept.tasks}
    real = ("uhtt-drills", "uhtt-tools")
    assert seen == {(c, e) for c in (*real, "diy") for e in ENCODERS} | {(c, "navec") for c in real}
    for _, value, _ in kept.tasks:
        for row in value.values():
            n = row["n"]
            assert row["mean"] == pytest.approx((n * row["mu2"] - 1) / (n - 1), abs=1e-12)
            # The control of the same size and dimension never has a smaller variance.
            assert row["var_centred"] > 0.95 / row["d"]
            assert math.isfinite(row["d_eff_unbiased_se"])


@pytest.mark.realdata
@pytest.mark.parametrize("encoder", ["random", "minilm"])
def test_a_slice_of_the_record_is_measured_again(paper_data, encoder):
    """503 titles: a second for random directions, ten for the network."""
    task = {"catalogue": "uhtt-drills", "encoder": encoder}
    kept = results.get("cosine-real-titles")
    assert "agrees" in kept.agrees(cosine_of_titles(**task), **task)
