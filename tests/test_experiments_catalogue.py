"""Measures on the catalogue task against the naive way, and what a reader of titles can reach."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_chapters.coarse_fine.rows import (
    MEASURES,
    difference,
    gain,
    oracle_recall,
    pair_values,
    pooled,
    pooled_rows,
    reranked,
    row,
    values_by_query,
)
from paper_chapters.coarse_fine.trained_rows import pipelines
from paper_chapters.coarse_fine.untrained_rows import SMALL, attribute_oracle, untrained_rows
from paper_utils.errors import UsageError
from paper_utils.results import get
from paper_utils.train.task import attribute_pairs, catalogue_task

WIDE, WIDER = (0.7, 1.0, 1.3), (0.1, 0.5, 0.9)


@pytest.fixture(scope="module")
def task():
    return catalogue_task("ru", 5, **SMALL)


@pytest.fixture(scope="module")
def pairs(task):
    return attribute_pairs(task)


@pytest.fixture(scope="module")
def noise(task):
    return np.random.default_rng(0).random((len(task.queries), len(task.items)))


def test_ndcg_is_that_of_an_independent_library(task, noise):
    ir_measures = pytest.importorskip("ir_measures")
    grades = task.queries.grades.tocoo()
    qrels = [
        ir_measures.Qrel(str(q), str(d), int(g))
        for q, d, g in zip(grades.row, grades.col, grades.data, strict=True)
    ]
    run = [
        ir_measures.ScoredDoc(str(q), str(d), float(np.round(noise[q, d], 5)))
        for q in range(len(noise))
        for d in range(noise.shape[1])
    ]
    # pytrec_eval has linear gains: 2^grade − 1 is 3 and 1, so grades are put in as gains.
    gains = [q._replace(relevance={1: 1, 2: 3}.get(q.relevance, 0)) for q in qrels]
    measure = ir_measures.nDCG @ 10
    theirs = {m.query_id: m.value for m in ir_measures.iter_calc([measure], gains, run)}
    ours = values_by_query(task, noise)
    fine = np.flatnonzero(task.fine)
    np.testing.assert_allclose(ours["fine"], [theirs[str(q)] for q in fine], atol=1e-3)
    assert np.mean(ours["fine"]) == pytest.approx(np.mean([theirs[str(q)] for q in fine]), abs=1e-3)


def test_pairs_are_counted_as_by_hand(noise, pairs):
    found = pair_values(noise, pairs)
    by_hand: dict[tuple[str, int], list[float]] = {}
    for query, right, wrong, name in pairs.itertuples(index=False):
        by_hand.setdefault((name, query), []).append(noise[query, right] > noise[query, wrong])
    assert found["all"].mean() == pytest.approx(np.mean([np.mean(v) for v in by_hand.values()]))
    brands = [np.mean(v) for (name, _), v in by_hand.items() if name == "brand"]
    assert found["brand"].mean() == pytest.approx(np.mean(brands))
    tied = pair_values(np.zeros_like(noise), pairs)
    assert set(np.concatenate(list(tied.values()))) == {0.5}


def test_the_attribute_oracle_is_near_the_top_and_chance_is_not(task, pairs, noise):
    read, chance = (row("x", task, s, pairs) for s in (attribute_oracle(task), noise))
    assert read["fine"][0] > 0.9 and read["coarse"][0] == pytest.approx(1)
    assert chance["pairs"]["all"][1] < 0.5 < chance["pairs"]["all"][2]
    assert chance["fine"][0] < 0.2


def test_a_system_gains_nothing_over_itself(task, noise):
    found = gain(task, noise, noise)
    assert set(found) == set(MEASURES)
    assert all(value == [0, 0, 0, 0] for value in found.values())


@given(st.integers(1, 12), st.integers(0, 20))
def test_reranking_moves_only_what_was_found(depth, seed):
    rng = np.random.default_rng(seed)
    first, second = rng.random((3, 12)), rng.random((3, 12))
    order = np.argsort(-reranked(first, second, depth), axis=1)
    before = np.argsort(-first, axis=1)
    for now, was, score in zip(order, before, second, strict=True):
        assert set(now[:depth]) == set(was[:depth])
        assert list(now[depth:]) == list(was[depth:])
        assert (np.diff(score[now[:depth]]) <= 0).all()


def test_a_re_ranker_cannot_find_more_than_its_first_stage(task, noise):
    right = (task.queries.grades == 2).toarray().astype(float)
    made = pipelines(noise, noise, right)
    ceiling = oracle_recall(task, noise, (10, 50))
    found = values_by_query(task, made["BM25, 10 re-ranked"])["recall@10"].mean()
    assert found == pytest.approx(ceiling["10"])
    deeper = values_by_query(task, made["BM25, 50 re-ranked"])["recall@10"].mean()
    assert found <= deeper <= ceiling["50"] + 1e-12


def test_means_over_seeds_have_the_wider_of_two_errors():
    alike = pooled([(0.5, 0, 1, 0.1), (0.5, 0, 1, 0.1)])
    assert alike["high"] - alike["mean"] == pytest.approx(1.96 * 0.1 / 2**0.5)
    spread = pooled([(0.0, 0, 0, 0.001), (1.0, 1, 1, 0.001)])
    assert spread["high"] - spread["mean"] == pytest.approx(1.96 * 0.5)
    wide = difference(
        {"mean": 1.0, "low": 0.7, "high": 1.3}, {"mean": 0.5, "low": 0.1, "high": 0.9}
    )
    assert wide["high"] == pytest.approx(0.5 + 0.5)
    values = [{"rows": [{"system": "a", "pairs": {"all": [0.5, 0.4, 0.6]}}
                        | {name: [float(seed), seed - 1.0, seed + 1.0] for name in MEASURES}]}
              for seed in (0, 2)]  # fmt: skip
    assert pooled_rows(values)["a"]["fine"]["mean"] == 1
    with pytest.raises(UsageError, match="no seeds"):
        pooled([])


def test_the_small_task_is_that_of_the_record():
    kept = get("catalogue-untrained")
    for language in ("ru", "en"):
        agreed = kept.agrees(
            untrained_rows(language, size="small"), language=language, size="small"
        )
        assert agreed.startswith("live slice agrees")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: untrained_rows("en", size="tiny"), "size must be 'full' or 'small'"),
        (lambda: untrained_rows("de"), "de"),
        (lambda: reranked(np.zeros((1, 3)), np.zeros((1, 3)), 4), "depth must be from 1 to 3"),
        (lambda: catalogue_task("en", n_items=49), "at least 50"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_pairs_without_rows_are_an_empty_mean(noise):
    none = pd.DataFrame({"query": [], "right": [], "wrong": [], "attribute": []}).astype(
        {"query": int, "right": int, "wrong": int, "attribute": str}
    )
    assert pair_values(noise, none)["all"].size == 0
