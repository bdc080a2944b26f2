"""Geometry over pairs: which count, ratios between sets, agreement within sets; made-up pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from paper_utils.panel.geometry import geometry_row
from paper_utils.panel.geometry_evidence import (
    BROAD,
    MEASURES,
    NARROW,
    comparisons,
    geometry_rows,
    narrowing,
    within_sets,
)
from paper_utils.statistics import random_effects


def documents(d_eff: float, *, d: int = 100, se: float = 0.5, **more: float) -> dict[str, float]:
    same = dict.fromkeys(("mean", "isoscore", "rankme", "twonn", "uniformity", "skewness"), d_eff)
    found = {"d": d, "d_eff_unbiased": d_eff, "d_eff_unbiased_se": se}
    return same | found | {"var": 0.5 / d_eff, "var_centred": 1 / d_eff} | more


def task(encoder: str, name: str, d_eff: float, level: float | None = None, pooling=None, **more):
    value = {"documents": documents(d_eff, **more)}
    if level is not None:
        row = {"ndcg_10": [level, 0, 1], "condensed": [level / 2, 0, 1]}
        value["search"] = {"none": row}
    return {"encoder": encoder, "set": name, "pooling": pooling}, value, 1.0


def test_which_pairs_count_and_what_decides():
    rows = geometry_rows(
        [
            task("minilm", "xquad-r-ru", 20, 0.4),
            task("minilm", "homedepot-5k", 20, 0.4),
            task("minilm", "limit-small", 20, 0.4),
            task("random", "xquad-r-en", 100, 0.0),
            task("smollm2-135m", NARROW, 10, pooling="mean"),
            task("smollm2-135m", NARROW, 10, pooling="last"),
        ]
    )
    assert rows["counts"].tolist() == [True, True, False, False, False, False]
    assert rows["member"].tolist() == [True, True, True, False, True, False]
    assert rows["level"].tolist()[:4] == [0.4, 0.2, 0.4, 0.0]
    assert rows["level"].isna().tolist()[4:] == [True, True]
    assert rows["share"].tolist() == pytest.approx([0.2, 0.2, 0.2, 1.0, 0.1, 0.1])
    assert rows["product_raw"].tolist() == pytest.approx([0.5] * 6)
    assert rows["product_centred"].tolist() == pytest.approx([1.0] * 6)


def test_a_real_row_has_what_is_read():
    X = np.random.default_rng(0).normal(size=(40, 6))
    assert {*MEASURES} - {"d_eff", "share"} <= {*geometry_row(X)}
    tasks = [({"encoder": "minilm", "set": NARROW, "pooling": None}, {}, 1.0)]
    tasks[0][1]["documents"] = geometry_row(X)
    (row,) = geometry_rows(tasks).to_dict("records")
    assert row["share"] == pytest.approx(row["d_eff_unbiased"] / 6)


def test_the_ratio_of_two_sets_in_closed_form():
    names = {"minilm": 10.0, "me5-small": 20.0, "wordllama": 40.0, "untrained": 5.0}
    tasks = [task(name, NARROW, value) for name, value in names.items()]
    tasks += [task(name, BROAD[0], 2 * value) for name, value in names.items()]
    tasks += [task("navec", NARROW, 10.0)]  # met one of the two sets
    found = narrowing(geometry_rows(tasks), BROAD[0])
    assert list(found.of) == list(names)
    for name, value in names.items():
        ratio, low, high = found.of[name]
        error = np.hypot(0.5 / value, 0.25 / value)
        assert ratio == pytest.approx(0.5)
        assert np.log(high / low) == pytest.approx(2 * 1.959964 * error, rel=1e-6)
    errors = [np.hypot(0.5 / value, 0.25 / value) for value in (10, 20, 40)]
    assert found.mean == pytest.approx(random_effects(np.log([0.5] * 3), errors))
    assert narrowing(geometry_rows(tasks[:1] + tasks[4:5]), BROAD[0]).mean is None


def test_agreement_within_one_set_is_kendalls():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"set": "a", "encoder": list("abcdefgh")})
    rows["x"], rows["level"] = rng.normal(size=(2, 8))
    found = within_sets(rows, "x")
    assert found.n == 28
    assert found.mean == pytest.approx(kendalltau(rows["x"], rows["level"]).statistic)
    assert found.low <= found.mean <= found.high


def test_a_difference_between_sets_tells_nothing():
    rows = pd.DataFrame({"set": list("aabbcc"), "encoder": list("xyxyxy")})
    rows["level"] = [0.1, 0.2, 0.5, 0.6, 0.8, 0.9]
    rows["by_set"] = [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    assert within_sets(rows, "by_set").mean == 0
    assert within_sets(rows, "level")[:3] == (1, 1, 1)


@given(st.lists(st.floats(-5, 5), min_size=6, max_size=6), st.integers(0, 99))
def test_agreement_changes_its_sign_with_the_measure(values, seed):
    rows = pd.DataFrame({"set": list("aaabbb"), "encoder": list("xyzxyz"), "x": values})
    rows["level"] = np.random.default_rng(seed).normal(size=6)
    rows["minus"] = -rows["x"]
    one, other = comparisons(rows, "x"), comparisons(rows, "minus")
    assert (one["agree"] == -other["agree"]).all()
    assert len(one) == 6
