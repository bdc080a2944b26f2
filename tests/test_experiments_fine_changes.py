"""Intervals of chapters 16 and 17: ratios, changes of pairs, differences over families."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from paper_chapters.coarse_fine.budget import _counted
from paper_chapters.coarse_fine.cross_encoder import STEPS
from paper_chapters.fine_mechanism.minilm_changes import (
    minilm_changes,
    pair_change,
    ratio_interval,
)
from paper_utils.data.title_task import family_shares
from paper_utils.results import get
from paper_utils.train.contrastive import Batch


def test_the_interval_of_a_ratio_covers_it():
    """Normal samples around 2 and 4: the ratio is a half, with the error of the delta method."""
    rng = np.random.default_rng(0)
    ratio, low, high = ratio_interval(rng.normal(2, 0.2, 400), rng.normal(4, 0.4, 400))
    half = 0.5 * np.hypot(0.1, 0.1) / 20 * 1.96  # house rule: the expected width, by hand
    assert low < 0.5 < high and ratio == pytest.approx(0.5, abs=0.02)
    assert (high - low) / 2 == pytest.approx(half, rel=0.15)


PAIRS = pd.DataFrame(
    {
        "query": [0, 0, 1, 2],
        "right": [0, 0, 2, 4],
        "wrong": [1, 2, 3, 5],
        "attribute": ["brand", "brand", "brand", "size_mm"],
        "family": ["a", "a", "a", "b"],
    }
)


def test_a_change_of_pairs_counts_an_attribute_of_a_query_once():
    plain = np.zeros((3, 6))  # all tied: a half each
    right = np.zeros((3, 6))
    right[[0, 1], [0, 2]] = 1.0  # puts the three brand pairs right
    mean, low, high = pair_change(right, plain, PAIRS, 6)
    assert mean == pytest.approx((0.5 + 0.5 + 0) / 3, abs=1e-4)
    assert low < mean < high
    assert pair_change(plain, plain, PAIRS, 6) == [0, 0, 0]


def test_a_family_counts_its_queries_once():
    right, wrong = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0, 1.0])
    found = family_shares(right, wrong, PAIRS)
    assert found["brand", "a"] == pytest.approx((0.5 + 0.5) / 2)
    assert found["size_mm", "b"] == 0


def test_the_small_slice_is_that_of_the_record():
    slice_ = {"source": "hashed, 128", "language": "ru", "small": True}
    agreed = get("fine-changes").agrees(minilm_changes(**slice_), **slice_)
    assert agreed.startswith("live slice agrees")


def test_new_records_have_the_means_of_the_old_ones():
    changes, mechanism = get("fine-changes"), get("fine-mechanism")
    pairs, search = get("real-catalogue-pairs"), get("real-catalogue-search")
    for language in ("ru", "en"):
        was = mechanism.value(source="minilm", language=language, seed=0, small=False)
        now = changes.value(source="minilm", language=language)
        length = was["length"]["voltage_v"] / was["length"]["any two titles"]
        assert now["length"]["voltage_v"][0] == pytest.approx(length, abs=1e-4)
        gained = was["pairs"]["centred"]["all"][0] - was["pairs"]["as it is"]["all"][0]
        assert now["pairs"]["centred − as it is"][0] == pytest.approx(gained, abs=1e-4)
        lost = was["pairs"]["without 10"]["brand"][0] - was["pairs"]["centred"]["brand"][0]
        assert now["pairs of"]["brand"]["without 10 − centred"][0] == pytest.approx(lost, abs=1e-4)
        for system, mean in pairs.value(language=language)["means"].items():
            row = search.value(catalogue="uhtt-tools", language=language, system=system)
            assert mean == pytest.approx(row["pairs"]["all"][0], abs=1e-3)


def test_graded_pairs_are_counted():
    batch = Batch(("q", "r"), ("a", "b", "c"), np.array([[2, 1, 0], [0, 0, 2]]))
    found = _counted(2, iter([batch] * 5))
    assert found == {"steps": 2, "pairs": 12, "grades": pytest.approx([1 / 2, 1 / 6, 1 / 3], 1e-5)}


def test_the_cross_encoder_read_eight_titles_for_each_of_32_queries_a_step():
    seen = get("catalogue-budget").value(language="en")
    assert seen["cross-encoder"]["pairs"] == STEPS * 32 * 8
    assert seen["two towers"]["pairs"] > 10 * seen["cross-encoder"]["pairs"]
