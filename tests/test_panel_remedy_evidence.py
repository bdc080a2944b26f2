"""What is said of a remedy over pairs: counts, effects, symptoms and rules, on made-up pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_utils.panel.remedy_evidence import (
    KNOWS,
    SETS,
    Rule,
    effects,
    learn,
    left_out_range,
    over_pairs,
    pair_rows,
    primary,
    rank_correlation,
    try_rule,
)


def task(encoder: str, name: str, gain: float, pooling: str | None = None):
    entry = {"ndcg_10": [gain, gain - 0.01, gain + 0.01], "skewness": 1.0}
    entry |= {"condensed": [0.5, 0.4, 0.6]} if name == "homedepot-5k" else {}
    flat = {key: [0.0, 0.0, 0.0] for key in entry if key != "skewness"} | {"skewness": 2.0}
    value = {key: [0.3, 0.2, 0.4] for key in entry if key != "skewness"}
    better = {key: [0.7, 0.6, 0.8] for key in value}
    remedies = {"none": flat | {"value": value}, "CSLS": entry, "BM25": flat | {"value": better}}
    symptoms = {"mean_cosine": gain, "skewness": 1.0}
    parameters = {"encoder": encoder, "set": name, "pooling": pooling}
    return parameters, {"symptoms": symptoms, "remedies": remedies}, 1.0


def test_which_pairs_count_and_what_decides():
    rows = pair_rows(
        [
            task("minilm", "xquad-r-ru", 0.02),
            task("minilm", "homedepot-5k", 0.02),
            task("minilm", "limit-small", 0.02),
            task("random", "xquad-r-en", 0.0),
            task("smollm2-135m", "xquad-r-en", 0.02, "mean"),
            task("smollm2-135m", "xquad-r-en", 0.02, "last"),
        ]
    )
    found = rows[rows["remedy"] == "CSLS"].reset_index(drop=True)
    assert found["counts"].tolist() == [True, True, False, False, True, False]
    assert found["gain"].tolist() == [0.02, 0.5, 0.02, 0.0, 0.02, 0.02]
    assert found["unknown_language"].tolist()[:2] == [1, 0]
    assert found["bm25_lead"].tolist() == [pytest.approx(0.4)] * 6
    assert found["results_skewness"].eq(2).all()
    assert primary("homedepot-5k") == "condensed" and primary("scifact") == "ndcg_10"


def test_an_encoder_that_knows_one_language_does_not_know_two():
    rows = pair_rows([task(name, "ntrex-ru-en", 0.0) for name in KNOWS])
    known = rows[rows["remedy"] == "CSLS"].set_index("encoder")["unknown_language"]
    assert known[["minilm", "navec"]].tolist() == [1, 1]
    assert known[["me5-small", "use-multilingual-v3"]].tolist() == [0, 0]


def test_effects_count_pairs_by_their_intervals():
    gains = [0.02, 0.03, -0.05, 0.005]
    rows = pair_rows([task("minilm", name, g) for name, g in zip(SETS, gains, strict=False)])
    found = effects(rows)["CSLS"]
    assert (found.pairs, found.improved, found.harmed) == (4, 2, 1)
    assert (found.improved_holm, found.harmed_holm) == (2, 1)
    assert (found.median, found.worst, found.best) == (0.0125, -0.05, 0.03)
    assert found.mean.low < found.mean.mean < found.mean.high
    alone = over_pairs((gain, gain - 0.01, gain + 0.01) for gain in gains)
    assert alone == pytest.approx(found.mean)
    low, high = left_out_range(rows[rows["remedy"] == "CSLS"], "set")
    assert low <= found.mean.mean <= high


def grid(gain, x):
    names = [(a, b) for a in "abcd" for b in "uvwxyz"]
    return pd.DataFrame(names, columns=["encoder", "set"]).assign(
        gain=gain, x=x, high=np.asarray(gain) + 0.001
    )


def test_a_rank_correlation_has_an_interval_of_both_kinds_of_clusters():
    x = np.arange(24.0)
    same = rank_correlation(grid(x**3, x), "x")
    assert same[:3] == pytest.approx((1, 1, 1))
    noise = np.random.default_rng(0).normal(size=24)
    _, low, high, n = rank_correlation(grid(noise, x), "x")
    assert low < 0 < high and n == 24


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12), st.integers(0, 99))
def test_a_learnt_rule_is_never_worse_than_always_and_never(gains, seed):
    gain = np.array(gains)
    x = np.random.default_rng(seed).normal(size=len(gain))
    right = (learn(x, gain).applies(x) == (gain > 0)).sum()
    assert right >= max((gain > 0).sum(), (gain <= 0).sum())


def test_a_rule_finds_a_symptom_that_tells_and_none_where_none_does():
    x = np.arange(24.0)
    assert learn(x, x - 9.5) == Rule(1, 9.5)
    assert learn(x, 9.5 - x) == Rule(-1, -9.5)
    told = try_rule(grid(np.tile([1.0, -1, 1, -1, 1, -1], 4), np.tile([3.0, 1] * 3, 4)), "x", "set")
    assert (told.right, told.pairs, told.always, told.harmed) == (24, 24, 12, 0)
    assert (told.gain, told.gain_always) == (0.5, 0)
    # Nothing to learn: where all gain, the rule is 'always', whatever the symptom.
    rng = np.random.default_rng(0)
    assert try_rule(grid(np.ones(24), rng.normal(size=24)), "x", "encoder").right == 24
