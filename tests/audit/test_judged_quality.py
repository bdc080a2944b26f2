"""Quality on judged queries against ir_measures, convention by convention."""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged_sets import cloud_of, inputs_of, sets

from embedding_audit.given import Inputs
from embedding_audit.judged import measured, quality
from embedding_audit.judged.queries import MOST_QUERIES, judged_queries
from embedding_audit.reading import Vectors
from paper_utils.checks import unit_rows
from paper_utils.search.metrics import mrr
from paper_utils.search.ranks import ranks_from_scores


def reference(scores, grades, level=1, absent=None, own=None):
    """Return means over judged queries by ir_measures; scores in double precision."""
    run, qrels = {}, {}
    for i, line in enumerate(scores):
        run[f"q{i}"] = {f"d{j}": float(s) for j, s in enumerate(line) if own is None or own[i] != j}
        judged = {f"d{j}": int(g) for j, g in enumerate(grades[i]) if not np.isnan(g)}
        if absent is not None:
            judged |= {f"absent{j}": int(g) for j, g in enumerate(absent[i]) if g}
        if judged:
            qrels[f"q{i}"] = judged
    names = {
        "recall_1": f"R(rel={level})@1",
        "recall_10": f"R(rel={level})@10",
        "ndcg_10": "nDCG@10",
        "mrr": f"RR(rel={level})",
        "hit_10": f"Success(rel={level})@10",
    }
    parsed = {key: ir_measures.parse_measure(name) for key, name in names.items()}
    found = ir_measures.calc_aggregate(list(parsed.values()), qrels, run)
    return {key: found[measure] for key, measure in parsed.items()}


def scores_by(metric, X, Q):
    X, Q = X.astype(np.float64), Q.astype(np.float64)
    if metric == "cosine":
        return unit_rows(Q) @ unit_rows(X).T
    if metric == "dot":
        return Q @ X.T
    return -((Q[:, None] - X[None]) ** 2).sum(axis=2)


def agree(found, want, exact=1e-6):
    for key, value in want.items():
        assert found.measures[f"relevance.{key}"].value == pytest.approx(value, abs=exact), key


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_quality_is_that_of_ir_measures_under_each_metric(metric, dtype):
    X, Q, grades = sets(dtype=dtype)
    found = quality(inputs_of(X, Q, grades, metric=metric), cloud_of(X))
    agree(found, reference(scores_by(metric, X, Q), grades))


@pytest.mark.parametrize("factor", [1e-30, 1e30])
@pytest.mark.parametrize("metric", ["dot", "l2"])
def test_long_and_short_vectors_stay_finite(metric, factor):
    X, Q, grades = sets(dtype=np.float64)
    found = quality(inputs_of(X * factor, Q * factor, grades, metric=metric), cloud_of(X * factor))
    agree(found, reference(scores_by(metric, X, Q), grades))


@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_distances_of_long_vectors_that_are_close_keep_their_digits(shift):
    rng = np.random.default_rng(0)
    X = rng.integers(-3, 4, (60, 64)) + shift
    Q = X[:30] + rng.integers(-2, 3, (30, 64))
    grades = np.full((30, 60), np.nan)
    grades[np.arange(30), rng.integers(0, 60, 30)] = 1
    inputs = inputs_of(X.astype("f4"), Q.astype("f4"), grades, metric="l2")
    scores = scores_by("l2", X, Q)
    found = quality(inputs, cloud_of(X)).measures
    ranks = ranks_from_scores(scores, np.nan_to_num(grades))  # whole numbers: ties are exact
    assert found["relevance.mrr"].value == pytest.approx(mrr(ranks).mean(), abs=1e-12)


def test_a_level_is_for_what_is_relevant_and_gains_stay_grades():
    X, Q, grades = sets()
    found = quality(inputs_of(X, Q, grades, relevant_from=2.0), cloud_of(X))
    agree(found, reference(scores_by("cosine", X, Q), grades, level=2))


def test_queries_with_nothing_relevant_count_as_zero_and_unjudged_ones_do_not():
    X, Q, grades = sets()
    grades[7] = np.nan
    found = quality(inputs_of(X, Q, grades), cloud_of(X))
    agree(found, reference(scores_by("cosine", X, Q), grades))
    assert found.measures["relevance.queries"].value == 29
    some = found.measures["relevance.ndcg_10_answerable"]
    assert some.value == pytest.approx(found.measures["relevance.ndcg_10"].value * 29 / some.n)
    assert any(one.key == "relevance.ndcg_10_answerable" for one in found.findings)


def test_documents_that_are_not_in_the_index_count_as_not_found():
    X, Q, grades = sets()
    absent = np.zeros((30, 3))
    absent[:10, 0], absent[3, 2] = 1, 2
    found = quality(inputs_of(X, Q, grades, absent=absent), cloud_of(X))
    agree(found, reference(scores_by("cosine", X, Q), grades, absent=absent))
    whole, there = (found.measures[f"relevance.recall_10{x}"].value for x in ("", "_indexed"))
    assert there > whole
    share = found.measures["relevance.absent_share"]
    assert share.value == pytest.approx(11 / (np.nansum(grades > 0) + 11))
    assert any(one.key == "relevance.absent_share" for one in found.findings)


def test_rows_that_cannot_be_used_count_as_not_found():
    X, Q, grades = sets()
    X[0], X[9] = np.nan, 0
    found = quality(inputs_of(X, Q, grades), cloud_of(X))
    scores = scores_by("cosine", np.where(np.isfinite(X) & (X != 0), X, 1), Q)
    scores[:, [0, 9]] = -9
    run = np.where(scores == -9, np.nan, scores)
    want = {"recall_10": [], "hit_10": []}
    for line, judged in zip(run, grades, strict=True):
        order = np.argsort(np.where(np.isnan(line), np.inf, -line))[:10]
        relevant = np.flatnonzero(np.nan_to_num(judged) > 0)
        hits = np.isin(relevant, order)
        want["recall_10"].append(hits.mean() if len(relevant) else 0)
        want["hit_10"].append(float(hits.any()))
    agree(found, {key: np.mean(values) for key, values in want.items()})
    assert found.measures["relevance.damaged_share"].value > 0
    assert found.findings[0].severity >= 0.7


def test_a_query_does_not_find_itself():
    X, _, grades = sets(n_queries=60)
    own = np.arange(60)
    found = quality(inputs_of(X, X, grades, own=own), cloud_of(X))
    agree(found, reference(scores_by("cosine", X, X), grades, own=own))
    assert "cannot find themselves" in found.notes[0]
    kept = quality(inputs_of(X, X, grades), cloud_of(X))
    agree(kept, reference(scores_by("cosine", X, X), grades))


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_the_best_chunk_of_a_document_counts(metric):
    X, Q, _ = sets()
    document = np.random.default_rng(1).permutation(np.arange(60) % 25)
    grades = np.full((30, 25), np.nan)
    grades[np.arange(30), np.arange(30) % 25] = 1
    grades[:, 3] = 2
    found = quality(inputs_of(X, Q, grades, document=document, metric=metric), cloud_of(X))
    by_row = scores_by(metric, X, Q)
    scores = np.stack([by_row[:, document == one].max(axis=1) for one in range(25)], axis=1)
    agree(found, reference(scores, grades))
    assert found.pairs[0].max() < 60


def test_equal_rows_share_their_places_in_expectation():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 8)).astype(np.float32)
    X[:20] = X[0] * rng.choice([1, 2, 4], size=(20, 1))
    Q = np.repeat(X[:1], 4, axis=0) + rng.normal(size=(4, 8)).astype(np.float32) * 1e-3
    grades = np.full((4, 40), np.nan)
    grades[np.arange(4), [0, 7, 11, 19]] = 1
    found = quality(inputs_of(X, Q.astype(np.float32), grades), cloud_of(X))
    discounts = 1 / np.log2(np.arange(10) + 2)
    agree(
        found,
        {
            "recall_1": 1 / 20,
            "recall_10": 1 / 2,
            "hit_10": 1 / 2,
            "ndcg_10": discounts.sum() / 20,
            "mrr": (1 / np.arange(1, 21)).mean(),
        },
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_the_hit_rate_is_the_mean_over_orders_of_ties(seed, levels):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (3, 14)).astype(float)
    relevant = (rng.random((3, 14)) < 0.3).astype(float)
    relevant[:, 0] = 1
    found = measured.hit_rate(ranks_from_scores(scores, relevant), 5)
    draws = np.zeros((3, 2000))
    for at in range(2000):
        order = np.lexsort((rng.random((3, 14)), -scores), axis=1)[:, :5]
        draws[:, at] = np.take_along_axis(relevant, order, axis=1).any(axis=1)
    assert np.abs(found - draws.mean(axis=1)).max() < 0.06


def test_the_order_of_rows_and_of_queries_changes_nothing():
    X, Q, grades = sets(n=80)
    texts = tuple(f"word{i % 7} other{i}" for i in range(80))
    asked = tuple(f"word{i % 7} other{i}" for i in range(30))
    one = quality(inputs_of(X, Q, grades, texts=texts, query_texts=asked), cloud_of(X))
    rng = np.random.default_rng(3)
    rows, order = rng.permutation(80), rng.permutation(30)
    mixed = inputs_of(
        X[rows],
        Q[order],
        grades[order][:, rows],
        texts=tuple(texts[i] for i in rows),
        query_texts=tuple(asked[i] for i in order),
    )
    other = quality(mixed, cloud_of(X[rows]))
    for key, measure in one.measures.items():
        again = other.measures[key]
        for name in ("value", "low", "high"):
            assert getattr(measure, name) == pytest.approx(getattr(again, name), abs=1e-9), key
    assert [a.id for a in one.actions] == [a.id for a in other.actions]
    for a, b in zip(one.actions, other.actions, strict=True):
        assert a.gain.value == pytest.approx(b.gain.value, abs=1e-6), a.id
    assert [w.text for w in one.worst] == [w.text for w in other.worst]


def test_more_queries_are_sampled_by_content():
    rng = np.random.default_rng(0)
    Q = rng.normal(size=(MOST_QUERIES + 50, 4)).astype(np.float32)
    grades = np.full((len(Q), 30), np.nan)
    grades[:, 0] = 1
    X = rng.normal(size=(30, 4)).astype(np.float32)
    one, notes = judged_queries(inputs_of(X, Q, grades), 0)
    assert one.n == MOST_QUERIES and "1,000 of 1,050" in notes[0]
    order = rng.permutation(len(Q))
    other, _ = judged_queries(inputs_of(X, Q[order], grades), 0)
    assert np.array_equal(one.vectors, other.vectors)
    third, _ = judged_queries(inputs_of(X, Q, grades), 1)
    assert not np.array_equal(one.vectors, third.vectors)


def test_queries_without_a_direction_are_left_out_and_counted():
    X, Q, grades = sets()
    Q[3], Q[4, 0] = 0, np.nan
    found = quality(inputs_of(X, Q, grades), cloud_of(X))
    assert found.measures["relevance.queries"].value == 28
    assert any("left out: 2 of 30" in note for note in found.notes)
    nothing = quality(inputs_of(X, np.zeros_like(Q), grades), cloud_of(X))
    assert nothing.measures == {} and "no judged query" in nothing.notes[-1]


def test_large_files_are_scored_block_by_block_as_in_memory(monkeypatch):
    X, Q, grades = sets(n=300)
    inputs = inputs_of(X, Q, grades)
    want = quality(inputs, cloud_of(X))
    monkeypatch.setattr("embedding_audit.judged.entry.MOST_ROWS", 200)
    monkeypatch.setattr("embedding_audit.judged.scores.BLOCK", 64)
    monkeypatch.setattr("embedding_audit.judged.measured._STREAMED", 3 * 300)
    found = quality(inputs, cloud_of(X))
    for key in ("recall_10", "ndcg_10", "mrr", "gap"):
        assert found.measures[f"relevance.{key}"].value == pytest.approx(
            want.measures[f"relevance.{key}"].value, abs=1e-6
        )
    assert any("remedies are tried on" in note for note in found.notes)
    assert found.measures["relevance.recall_10_dot"].value is None
    assert any(a.gain.measured for a in found.actions)


def test_the_worst_queries_name_what_they_found_and_missed():
    rng = np.random.default_rng(0)
    X = np.eye(30, dtype=np.float32) + 0.01 * rng.random((30, 30)).astype(np.float32)
    Q = X[:20].copy()
    Q[4] = X[25] + 0.1 * X[26] + 0.05 * X[27]
    grades = np.full((20, 30), np.nan)
    grades[np.arange(20), np.arange(20)] = 1
    texts = tuple(f"text {i}" for i in range(30))
    found = quality(inputs_of(X, Q, grades, texts=texts), cloud_of(X))
    (one,) = found.worst
    assert one.query == "query 4" and one.value == 0
    assert [hit[:2] for hit in one.found] == [(f"row {i}", f"text {i}") for i in (25, 26, 27)]
    assert one.found[0][2] > one.found[1][2]
    (missed,) = one.missed
    assert missed[:2] == ("row 4", "text 4") and missed[2] > 10


def test_without_judgements_nothing_is_measured_and_all_is_named():
    X, Q, _ = sets()
    found = quality(Inputs(Vectors("documents", "npy", X), Vectors("queries", "npy", Q)), None)
    assert found.measures == {} and found.worst == []
    assert not any(a.advised for a in found.actions)
    assert all("judged" in a.gain.reason for a in found.actions)


def test_a_perfect_re_ranker_finds_what_is_deep_enough():
    scores = np.array([[0.9, 0.5, 0.5, 0.1], [0.2, 0.9, 0.8, 0.7]])
    found = ranks_from_scores(scores, np.array([[0, 0, 1, 1], [1, 1, 1, 0]]))
    # Of the first query one of two is found at depth 3, with a chance of one half at depth 2.
    assert measured.oracle(found, 3, 2) == pytest.approx([0.5, 2 / 3])
    assert measured.oracle(found, 2, 2) == pytest.approx([0.25, 2 / 3])
    assert measured.oracle(found, 4, 1) == pytest.approx([0.5, 1 / 3])


def test_gaps_and_bounds_are_those_of_plain_scores():
    X, Q, grades = sets()
    found = quality(inputs_of(X, Q, grades), cloud_of(X)).measures
    scores, relevant = scores_by("cosine", X, Q), np.nan_to_num(grades) > 0
    gaps = [
        line[right].min() - line[~right].max()
        for line, right in zip(scores, relevant, strict=True)
        if right.any()
    ]
    assert found["relevance.gap"].value == pytest.approx(np.median(gaps), abs=1e-6)
    assert found["relevance.solved"].value == pytest.approx(np.mean(np.array(gaps) > 0))
    enough = min(2 * relevant.sum(axis=1).max(), relevant.any(axis=1).sum())
    assert found["relevance.dimension_enough"].value == enough
    other = quality(inputs_of(X, Q, grades, metric="dot"), cloud_of(X)).measures
    assert "cosines" in other["relevance.gap"].reason
    assert other["relevance.solved"].value is not None


def test_unseen_documents_are_compared_inside_a_query():
    X, Q, grades = sets(n=80, n_queries=40)
    cloud = cloud_of(X)
    occurrence = np.where(np.isin(cloud.scan.rows, np.arange(0, 80, 2)), 0, 3)
    one = quality(inputs_of(X, Q, grades), cloud, 0, {}, occurrence)
    found = one.measures["relevance.antihub_gap"]
    scores = scores_by("cosine", X, Q)
    gaps = []
    for line, judged in zip(scores, np.nan_to_num(grades), strict=True):
        hit = np.isin(np.arange(80), np.argsort(-line)[:10])
        kinds = [hit[(judged > 0) & (np.arange(80) % 2 == odd)] for odd in (0, 1)]
        if all(len(kind) for kind in kinds):
            gaps.append(kinds[0].mean() - kinds[1].mean())
    assert (found.value, found.n) == (pytest.approx(np.mean(gaps)), len(gaps))
