"""Metrics: trec_eval as oracle (ties too), closed forms, lists against scores, bad input."""

from __future__ import annotations

import itertools
import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, R, nDCG
from scipy import sparse

from paper_utils.errors import UsageError
from paper_utils.search.metrics import mrr, ndcg_at_k, recall_at_k
from paper_utils.search.ranks import (
    _standing,
    qrels_matrix,
    ranks_from_lists,
    ranks_from_scores,
)
from paper_utils.search.topk import select_top_k


def trec_eval(scores, qrels, names, measures):
    """Per-query values of ir-measures, as {measure: array}, for the given document names."""
    grades = {
        f"q{row}": {name: int(g) for name, g in zip(names[row], line, strict=True)}
        for row, line in enumerate(qrels)
    }
    run = {
        f"q{row}": {name: float(s) for name, s in zip(names[row], line, strict=True)}
        for row, line in enumerate(scores)
    }
    values = {measure: np.full(len(scores), np.nan) for measure in measures}
    for metric in ir_measures.iter_calc(measures, grades, run):
        values[metric.measure][int(metric.query_id[1:])] = metric.value
    return values


def ours(ranks, measures):
    values = {}
    for measure in measures:
        cutoff = measure.params.get("cutoff")
        function = {"R": recall_at_k, "nDCG": ndcg_at_k, "RR": mrr}[measure.NAME]
        values[measure] = function(ranks) if cutoff is None else function(ranks, cutoff)
    return values


def test_agrees_with_trec_eval_without_ties():
    rng = np.random.default_rng(0)
    n_docs = 60
    scores = rng.permuted(np.tile(np.arange(n_docs), (40, 1)), axis=1)
    qrels = rng.integers(0, 4, (40, n_docs)) * (rng.random((40, n_docs)) < 0.15)
    qrels[:, 0] = 1  # at least one each
    names = [[f"d{i}" for i in range(n_docs)]] * 40
    measures = [R @ 1, R @ 5, R @ 60, nDCG @ 3, nDCG @ 20, nDCG @ 60, RR, RR @ 2]
    expected = trec_eval(scores, qrels, names, measures)
    for measure, values in ours(ranks_from_scores(scores, qrels), measures).items():
        np.testing.assert_allclose(values, expected[measure], rtol=0, atol=1e-12)


TIE_MEASURES = [R @ 1, R @ 2, R @ 3, R @ 4, nDCG @ 1, nDCG @ 3, nDCG @ 4, RR]


@settings(max_examples=40, deadline=None)
@given(
    scores=st.lists(st.integers(0, 2), min_size=4, max_size=5),
    grades=st.lists(st.integers(0, 2), min_size=4, max_size=4),
)
def test_expected_value_is_trec_eval_averaged_over_all_namings(scores, grades):
    """trec_eval orders ties by descending id, so all namings together are all orders of ties."""
    grades = [*grades, 1][: len(scores)]
    if not any(grades):
        grades[0] = 1
    names = list(itertools.permutations("abcde"[: len(scores)]))
    copies = np.tile(scores, (len(names), 1)), np.tile(grades, (len(names), 1))
    expected = trec_eval(*copies, names, TIE_MEASURES)
    for measure, values in ours(ranks_from_scores([scores], [grades]), TIE_MEASURES).items():
        assert values[0] == pytest.approx(expected[measure].mean(), abs=1e-12)


def test_one_order_of_the_ties_is_trec_eval_itself():
    """Lists in trec_eval's order (score, then id, both descending) give its values."""
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 3, (30, 9))
    qrels = rng.integers(0, 3, (30, 9))
    qrels[:, 4] = 2
    names = [[f"d{i}" for i in range(9)]] * 30
    order = np.lexsort((-np.tile(np.arange(9), (30, 1)), -scores), axis=1)
    expected = trec_eval(scores, qrels, names, TIE_MEASURES)
    for measure, values in ours(ranks_from_lists(order, qrels), TIE_MEASURES).items():
        np.testing.assert_allclose(values, expected[measure], rtol=0, atol=1e-12)


def test_all_documents_tied_is_chance():
    n, k = 46, 10
    qrels = np.zeros((2, n))
    qrels[0, [3, 40]] = 1
    qrels[1, :] = 1
    ranks = ranks_from_scores(np.zeros((2, n)), qrels)
    np.testing.assert_allclose(recall_at_k(ranks, k), k / n)
    # The first of two relevant ones among n: P(place j) = 2 (n - j) / (n (n - 1)).
    j = np.arange(1, n)
    expected = (2 * (n - j) / (n * (n - 1)) / j).sum()
    np.testing.assert_allclose(mrr(ranks), [expected, 1.0])
    np.testing.assert_allclose(ndcg_at_k(ranks, k)[1], 1.0)


def test_graded_gain_by_hand():
    """Order 1, 0, 2 against the ideal 2, 1, 0."""
    ranks = ranks_from_scores([[3.0, 2.0, 1.0]], [[1, 0, 2]])
    dcg = 1 / math.log2(2) + 2 / math.log2(4)
    ideal = 2 / math.log2(2) + 1 / math.log2(3)
    assert ndcg_at_k(ranks, 3)[0] == pytest.approx(dcg / ideal)


def test_query_without_relevant_documents_is_nan_where_trec_eval_says_zero():
    scores, qrels = [[1.0, 2.0], [1.0, 2.0]], [[0, 0], [0, 1]]
    measures = [R @ 1, nDCG @ 1, RR]
    expected = trec_eval(scores, qrels, [["a", "b"]] * 2, measures)
    for measure, values in ours(ranks_from_scores(scores, qrels), measures).items():
        assert np.isnan(values[0]) and values[1] == 1.0
        assert expected[measure].tolist() == [0.0, 1.0]


def test_no_query_has_a_relevant_document():
    ranks = ranks_from_scores(np.ones((2, 3)), np.zeros((2, 3)))
    for values in (recall_at_k(ranks, 1), ndcg_at_k(ranks, 1), mrr(ranks)):
        assert values.shape == (2,) and np.isnan(values).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**16), levels=st.integers(1, 30), depth=st.integers(1, 20))
def test_lists_with_scores_agree_with_all_scores_as_far_as_they_settle(seed, levels, depth):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (6, 20)).astype(np.float32)
    qrels = rng.integers(0, 2, (6, 20))
    full = ranks_from_scores(scores, qrels)
    indices, values = select_top_k(scores, depth)
    lists = ranks_from_lists(indices, qrels, scores=values)
    certain = int(lists.settled.min())
    for k in range(1, certain + 1):
        np.testing.assert_allclose(recall_at_k(lists, k), recall_at_k(full, k))
        np.testing.assert_allclose(ndcg_at_k(lists, k), ndcg_at_k(full, k))
        np.testing.assert_allclose(mrr(lists, k), mrr(full, k))
    if certain < depth:
        with pytest.raises(UsageError, match="reaches beyond"):
            recall_at_k(lists, certain + 1)
    if depth == 20:
        assert certain == 20
        np.testing.assert_allclose(mrr(lists), mrr(full))


def test_counting_and_sorting_agree():
    row = np.random.default_rng(2).integers(0, 20, 500).astype(np.float32)
    documents = np.arange(0, 500, 7)  # above the number from which the row is sorted
    better, tied = _standing(row, documents)
    pairs = [_standing(row, documents[i : i + 1]) for i in range(len(documents))]
    assert better.tolist() == [b[0] for b, _ in pairs]
    assert tied.tolist() == [t[0] for _, t in pairs]


def test_every_form_of_qrels_says_the_same():
    scores = np.random.default_rng(5).random((2, 3))
    dense = np.array([[0, 2, 0], [1, 0, 1]])
    named = {"q0": {"b": 2, "c": 0}, "q1": {"a": 1, "c": 1}}
    expected = ndcg_at_k(ranks_from_scores(scores, dense), 3)
    stored_zero = sparse.coo_array(([0, 2, 1, 1], ([0, 0, 1, 1], [2, 1, 2, 0])), shape=(2, 3))
    for form in (
        dense.tolist(),
        sparse.csr_matrix(dense),
        stored_zero,
        qrels_matrix(named, ["q0", "q1"], ["a", "b", "c"]),
    ):
        assert (ndcg_at_k(ranks_from_scores(scores, form), 3) == expected).all()
    assert (recall_at_k(ranks_from_scores(scores, dense > 0), 1) >= 0).all()
    assert stored_zero.nnz == 4  # the caller's matrix is left as it was


def test_query_unknown_to_the_qrels_has_an_empty_row():
    matrix = qrels_matrix({"q": {"a": 1}}, ["other", "q"], ["a"])
    assert matrix.toarray().tolist() == [[0.0], [1.0]]


@pytest.mark.parametrize(
    ("qrels", "query_ids", "doc_ids", "words"),
    [
        ({"x": {"a": 1}}, ["q"], ["a"], "unknown query: 'x'"),
        ({"q": {"x": 1}}, ["q"], ["a"], "unknown document: 'x'"),
        ({"q": {"a": 1}}, ["q", "q"], ["a"], "query_ids hold 'q' more than once"),
        ({"q": {"a": 1}}, ["q"], ["a", "b", "a"], "doc_ids hold 'a' more than once"),
        ({"q": {"a": -1}}, ["q"], ["a"], "grades must be 0 or more"),
        ({"q": {"a": "high"}}, ["q"], ["a"], "not a number"),
    ],
)
def test_bad_qrels_are_named(qrels, query_ids, doc_ids, words):
    with pytest.raises(UsageError, match=words):
        qrels_matrix(qrels, query_ids, doc_ids)


ONE = [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ranks_from_scores([[1.0, np.nan]], ONE), "NaN in row 0"),
        (lambda: ranks_from_scores([1.0, 2.0], ONE), "shape"),
        (lambda: ranks_from_scores(ONE, [[1.0]]), r"\(1, 2\) and qrels \(1, 1\)"),
        (lambda: ranks_from_scores(ONE, [[1, -2]]), "not -2"),
        (lambda: ranks_from_scores(ONE, [[1, np.inf]]), "finite"),
        (lambda: ranks_from_scores(ONE, {"q": {"a": 1}}), "qrels_matrix"),
        (lambda: ranks_from_lists([[0, 0]], ONE), "twice in row 0"),
        (lambda: ranks_from_lists([[0, -1]], ONE), "0 to 1, the columns of qrels, not -1"),
        (lambda: ranks_from_lists([[0.0]], ONE), "whole numbers"),
        (lambda: ranks_from_lists([[0], [1]], ONE), "2 rows and qrels 1"),
        (lambda: ranks_from_lists([[0, 1]], ONE, scores=[[1, 2]]), "never increase"),
        (lambda: ranks_from_lists([[0, 1]], ONE, scores=[[1]]), "indices"),
        (lambda: recall_at_k(ranks_from_scores(ONE, ONE), 0), "from 1, not 0"),
        (lambda: recall_at_k(ranks_from_scores(ONE, ONE), 3), "k=3 reaches beyond"),
        (lambda: mrr(ranks_from_lists([[0]], ONE)), "give mrr a cut-off"),
        (lambda: ndcg_at_k(ranks_from_lists([[0]], ONE), 2), "settled to position 1"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(UsageError, match=words):
        call()
