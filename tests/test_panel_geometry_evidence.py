"""Geometry over pairs: which count, ratios between sets, agreement within sets; made-up pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, norm
from statsmodels.stats.multitest import multipletests

from paper_utils import results
from paper_utils.panel import geometry_evidence, remedy_evidence
from paper_utils.panel.geometry import geometry_row
from paper_utils.panel.geometry_evidence import (
    BROAD,
    MEASURES,
    NARROW,
    UNTRAINED,
    beside_untrained,
    comparisons,
    correlations,
    geometry_rows,
    narrowing,
    within_sets,
)
from paper_utils.panel.remedy_evidence import KNOWS, rank_correlation
from paper_utils.statistics import random_effects

# Mean cosine, its variance raw and centred, and the unbiased dimension of the 503 titles, as an
# independent script saw them once.
SEEN = {
    ("minilm", None): (0.508, 0.0139, 0.0369, 26.7),
    ("me5-small", None): (0.870, 0.00075, 0.0269, 37.5),
    ("qwen2.5-coder-0.5b", "mean"): (0.899, 0.00247, 0.0926, 9.7),
    ("qwen2.5-coder-0.5b", "last"): (0.725, 0.0198, 0.0527, 14.9),
    ("smollm2-135m", "mean"): (0.981, 0.00011, 0.100, 8.3),
    ("use-multilingual-v3", None): (0.338, 0.0181, 0.0299, 34.9),
    ("wordllama", None): (0.540, 0.0190, 0.0351, 28.3),
}


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


def test_a_ratio_beside_the_network_without_training_in_closed_form():
    pairs = {"minilm": (10, 20), "untrained": (16, 20), "me5-small": (6, 30)}
    tasks = [task(name, NARROW, one, se=0.03 * one) for name, (one, _) in pairs.items()]
    tasks += [task(name, BROAD[0], other, se=0.04 * other) for name, (_, other) in pairs.items()]
    found = beside_untrained(narrowing(geometry_rows(tasks), BROAD[0]))
    assert list(found.of) == ["minilm"], "nobody without training met the sets of the other"
    assert found.mean is None
    ratio, low, high = found.of["minilm"]
    assert ratio == pytest.approx((10 / 20) / (16 / 20))
    assert np.log(high / low) == pytest.approx(2 * 1.959964 * 0.05 * np.sqrt(2), rel=1e-6)
    assert set(UNTRAINED) < set(KNOWS)


def test_every_number_is_tested_twice_and_adjusted_for_all(monkeypatch):
    for module in (geometry_evidence, remedy_evidence):
        monkeypatch.setattr(module, "_RESAMPLES", 20)
    rng = np.random.default_rng(2)
    names = [(encoder, name) for name in "abcd" for encoder in "uvwxyz"]
    rows = pd.DataFrame(names, columns=["encoder", "set"])
    rows[list(MEASURES)] = rng.normal(size=(len(rows), len(MEASURES)))
    rows["level"] = rows["d_eff"]
    found = correlations(rows)
    assert len(found) == 2 * len(MEASURES)
    for measure in ("d_eff", "mean"):
        over, within = (found.loc[(measure, what)] for what in ("over pairs", "on one set"))
        assert tuple(over[:4]) == rank_correlation(rows, measure, of="level")
        assert tuple(within[:4]) == within_sets(rows, measure)
    assert found.loc[("d_eff", "over pairs"), "mean"] == pytest.approx(1)
    half = np.where(found["mean"] > 0, found["mean"] - found["low"], found["high"] - found["mean"])
    with np.errstate(divide="ignore"):
        p = 2 * norm.sf(norm.ppf(0.975) * found["mean"].abs() / half)
    assert found["holm"].tolist() == pytest.approx(multipletests(p, method="holm")[1].tolist())


@pytest.mark.parametrize(("encoder", "pooling"), SEEN)
def test_the_record_is_what_an_independent_script_saw(encoder, pooling):
    task = {"encoder": encoder, "set": NARROW, "pooling": pooling}
    rows = [value for one, value, _ in results.get("panel-geometry").tasks if one == task]
    if not rows:
        pytest.skip(f"{encoder} has not met {NARROW} yet")
    found = rows[0]["documents"]
    keys = ("mean", "var", "var_centred", "d_eff_unbiased")
    # Half a unit of the fifth decimal too: the last one that the script printed of a variance.
    seen = pytest.approx(SEEN[encoder, pooling], rel=0.03, abs=5e-6)
    assert [found[key] for key in keys] == seen


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
