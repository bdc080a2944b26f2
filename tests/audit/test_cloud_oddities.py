"""Faults that are put into sound rows are found, and not found in sound rows."""

import numpy as np
import pandas as pd
import pytest
from cloud_rows import cloud_of, cloud_rows, measured, sound_rows, vectors_of

from embedding_audit.cloud.scan import longest_copy, merged_by_rounding, scan
from embedding_audit.cloud.slices import labels_of
from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError
from paper_utils.geometry.cosine import cosine_moments


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("d", [8, 24])
def test_sound_rows_have_no_near_duplicates_copies_or_outliers(seed, d):
    found = measured(sound_rows(400, d, seed)).measures
    assert found["rows.near_duplicate_share"].value <= 2 / 400
    assert found["rows.outlier_share"].value < 0.05
    for key in ("rows.copied_block", "rows.merged_by_rounding", "rows.duplicate_share"):
        assert found[key].value == 0, key


def test_near_duplicates_are_found_and_shown_with_their_texts():
    rows = sound_rows(400, 16)
    rng = np.random.default_rng(1)
    rows[100:120] = rows[:20] + 0.002 * rng.normal(size=(20, 16))
    texts = tuple(f"text {row}" for row in range(400))
    found = measured(rows, texts=texts)
    one = found.measures["rows.near_duplicate_share"]
    assert one.value == pytest.approx(40 / 400, abs=2 / 400)
    assert one.low > one.null["gaussian"]
    assert len(found.examples["near"]) == 10
    for pair in found.examples["near"]:
        assert abs(pair["row"] - pair["like_row"]) == 100
        assert pair["text"] == f"text {pair['row']}" and pair["cosine"] > 0.999


def test_rows_far_from_all_are_found():
    rng = np.random.default_rng(0)
    middles = sound_rows(8, 48)
    rows = middles[rng.integers(0, 8, 400)] + 0.03 * rng.normal(size=(400, 48))
    rows[[5, 77]] = sound_rows(2, 48, 9)
    found = measured(rows)
    assert [one["row"] for one in found.examples["outliers"]] in ([5, 77], [77, 5])
    assert found.measures["rows.outlier_share"].value == pytest.approx(2 / 400)


def test_a_shard_that_stands_there_twice_is_found_by_its_order():
    rows = sound_rows(300, 8)
    rows[200:260] = rows[40:100]
    found = measured(rows)
    assert found.measures["rows.copied_block"].value == 60
    assert "60 rows from row 200 repeat those from row 40, in their order" in found.notes
    rows[200:260] = rows[7]  # one row again and again is no copy
    assert longest_copy(scan(vectors_of(rows)))[0] == 0


def test_what_single_precision_makes_equal_is_counted():
    rows = sound_rows(100, 8)
    rows[50] = rows[5] * (1 + 1e-11 * np.arange(8))
    rows[60] = 3 * rows[4]  # the same direction
    vectors = vectors_of(rows)
    assert merged_by_rounding(vectors, scan(vectors)) == (1, 2)


def test_rows_without_a_direction_are_named_and_left_out():
    rows = cloud_rows(n=50, duplicates=0)
    rows[3], rows[4], rows[5] = np.nan, np.inf, 0
    found = measured(rows)
    kinds = ("used", "nan", "infinite", "zero")
    counts = {key: found.measures[f"rows.{key}"].value for key in kinds}
    assert counts == {"used": 47, "nan": 1, "infinite": 1, "zero": 1}
    assert [note.split(" left")[0] for note in found.notes] == [
        "rows with NaN", "rows with infinite values", "rows with zeros",
    ]  # fmt: skip
    cloud = found.cloud
    assert cloud.number_of_row[[3, 4, 5]].tolist() == [-1, -1, -1]
    assert np.array_equal(cloud.rows.row[cloud.number_of_row[[0, 49]]], [0, 49])
    with pytest.raises(UsageError, match="19 usable rows of 19"):
        measured(rows[30:49])
    with pytest.raises(UsageError, match="all 40 usable rows have the same direction"):
        measured(np.ones((40, 3)) * np.arange(1, 41)[:, None])
    with pytest.raises(UsageError, match="has 1 column: a direction needs at least 2"):
        measured(np.arange(1.0, 31)[:, None])
    with pytest.raises(UsageError, match="no usable row"):
        measured(rows, queries=vectors_of(np.zeros((2, 16), np.float32)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
@pytest.mark.parametrize(
    "rows",
    [
        np.repeat(np.eye(2), 15, axis=0),
        np.random.default_rng(0).normal(size=(25, 200)),
        (np.random.default_rng(1).random((80, 50)) < 0.1) * 1.0,
        1 + 1e-6 * np.random.default_rng(2).normal(size=(50, 8)),
        np.random.default_rng(3).choice([-1.0, 1.0], (60, 6)),
        np.append(np.random.default_rng(4).normal(size=(50, 4)), np.full((1, 4), 1e30), axis=0),
    ],
    ids=["two directions", "wide", "sparse", "tight", "signs", "one huge row"],
)
def test_odd_clouds_are_measured_or_said_not_to_be(rows, metric):
    for key, one in measured(rows, metric=metric).measures.items():
        assert one.measured or one.reason, key
        if one.low is not None:
            assert one.low <= one.value + 1e-9 and one.value <= one.high + 1e-9, key


def test_lengths_beyond_single_precision_are_compared():
    rows = sound_rows(60, 8)
    for scale in (1e-200, 1e200):
        for metric in ("cosine", "dot", "l2"):
            found = measured(rows * scale, metric=metric).measures
            assert found["stability.bfloat16"].value > 0.9
            assert found["norms.mean"].value == pytest.approx(scale)


def test_slices_have_the_rows_that_they_name():
    rng = np.random.default_rng(0)
    rows = cloud_rows(n=301)
    texts = tuple(rng.choice(["drill", "дрель большая", "a longer text than others"], 301))
    columns = pd.DataFrame({"brand": rng.choice(["x", "y"], 301)})
    columns["sku"] = np.arange(301).astype(str)
    found = measured(rows, texts=texts, columns=columns)
    labels = labels_of(texts, columns)
    assert set(labels) == {"language", "length", "brand"}
    unit = unit_rows(rows)
    sliced = found.cloud.rows.row[found.sliced]
    for one in found.slices:
        mine = np.sort(sliced[one.rows])
        assert np.array_equal(mine, np.flatnonzero(labels[one.by] == one.value)) and one.n >= 50
        want = cosine_moments(unit[mine]).mean
        assert one.measures["mean_cosine"].value == pytest.approx(want, abs=1e-5)
    pairs = np.repeat(np.arange(301), 2), np.tile([1.0, 0.0], 301)
    for one in found.sliced_recall(pairs):
        assert one.measures["recall"].value == pytest.approx(0.5)
    odd = np.arange(301), (labels["brand"] == "x").astype(float)
    recalls = {s.value: s.measures["recall"].value for s in found.sliced_recall(odd)}
    assert (recalls["x"], recalls["y"]) == (1, 0)


def test_a_scan_in_parts_is_that_of_the_whole(monkeypatch):
    rows = cloud_rows()
    whole = cloud_of(rows)
    monkeypatch.setattr("embedding_audit.cloud.scan.BLOCK", 64)
    parts = cloud_of(rows)
    for name in ("rows", "norms", "direction", "low", "high"):
        assert np.array_equal(getattr(whole.scan, name), getattr(parts.scan, name))
    assert np.array_equal(whole.rows.rows, parts.rows.rows)
