"""Exact top-k: agreement with brute force, ties, borders of blocks, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_utils.errors import UsageError
from paper_utils.search.topk import select_top_k, top_k


def true_scores(Q, X, metric="dot", exclude_self=False):
    """The definition, in double precision."""
    Q, X = np.asarray(Q, dtype=np.float64), np.asarray(X, dtype=np.float64)
    if metric == "l2":
        scores = -((Q[:, None, :] - X[None, :, :]) ** 2).sum(axis=2)
    else:
        if metric == "cosine":
            Q = Q / np.linalg.norm(Q, axis=1, keepdims=True)
            X = X / np.linalg.norm(X, axis=1, keepdims=True)
        scores = Q @ X.T
    if exclude_self:
        np.fill_diagonal(scores, -np.inf)
    return scores


def brute_force(Q, X, k, metric="dot", exclude_self=False):
    """Sort by score, then by index."""
    scores = true_scores(Q, X, metric, exclude_self)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(scores, order, axis=1)


def assert_best(found, scores, k):
    """The documents found are k different ones whose true scores are the k best.

    Two documents whose scores differ by less than the documented accuracy may change
    places, so scores are compared, not indices.
    """
    indices, values = found
    best = -np.sort(-scores, axis=1)[:, :k]
    np.testing.assert_allclose(np.take_along_axis(scores, indices, axis=1), best, atol=3e-6)
    np.testing.assert_allclose(values, best, rtol=1e-6, atol=3e-6)
    assert (np.diff(np.sort(indices, axis=1), axis=1) > 0).all()
    assert (np.diff(values, axis=1) <= 0).all()


@pytest.mark.parametrize("metric", ["dot", "cosine", "l2"])
@pytest.mark.parametrize("exclude_self", [False, True])
@pytest.mark.parametrize("k", [1, 5, 150])
def test_agrees_with_brute_force(metric, exclude_self, k):
    rng = np.random.default_rng(7)
    X = rng.standard_normal((301, 24)) + 0.5
    Q = rng.standard_normal((301 if exclude_self else 70, 24))
    found = top_k(Q, X, k, metric=metric, exclude_self=exclude_self, block=128)
    assert found[0].dtype == np.int64
    assert found[1].dtype == np.float32
    assert_best(found, true_scores(Q, X, metric, exclude_self), k)
    same = found[0] == brute_force(Q, X, k, metric, exclude_self)[0]
    assert same.mean() > 0.999


def test_wide_blocks_search_chunks_first():
    """Above 2 * k * 64 documents a block, chunk maxima decide where to look."""
    rng = np.random.default_rng(8)
    X, Q = rng.standard_normal((5000, 16)), rng.standard_normal((65, 16))
    for k in (1, 10, 39, 40):
        assert_best(top_k(Q, X, k), Q @ X.T, k)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(2, 500),
    m=st.integers(1, 80),
    d=st.integers(1, 5),
    values=st.integers(0, 2),
    block=st.integers(1, 400),
    metric=st.sampled_from(["dot", "l2"]),
    seed=st.integers(0, 2**16),
    data=st.data(),
)
def test_ties_go_to_the_lower_index_across_blocks(n, m, d, values, block, metric, seed, data):
    """Small integers are exact in single precision, so that ties are everywhere and exact."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-values, values + 1, (n, d)).astype(float)
    Q = rng.integers(-values, values + 1, (m, d)).astype(float)
    k = data.draw(st.integers(1, n))
    expected, expected_scores = brute_force(Q, X, k, metric)
    indices, scores = top_k(Q, X, k, metric=metric, block=block)
    assert (indices == expected).all()
    assert (scores == expected_scores).all()
    if k < n:
        expected, _ = brute_force(X, X, k, metric, exclude_self=True)
        assert (top_k(X, X, k, metric=metric, exclude_self=True, block=block)[0] == expected).all()


@pytest.mark.parametrize("metric", ["dot", "cosine", "l2"])
@pytest.mark.parametrize("d", [7, 300, 384])
@pytest.mark.parametrize("n_docs", [65, 719, 1500])
def test_equal_documents_tie_wherever_they_stand(metric, d, n_docs):
    """BLAS adds in another order at the ragged edge of a block; no edge may reach the scores."""
    rng = np.random.default_rng(d)
    X = np.repeat(rng.standard_normal((1, d)).astype(np.float32), n_docs, axis=0)
    Q = rng.standard_normal((67, d)).astype(np.float32)
    for block in (64, 320, 4096):
        indices, scores = top_k(Q, X, n_docs, metric=metric, block=block)
        assert (indices == np.arange(n_docs)).all()
        assert (scores == scores[:, :1]).all()


@pytest.mark.parametrize("metric", ["dot", "cosine", "l2"])
def test_block_and_batch_of_queries_change_no_bit(metric):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((1000, 100)).astype(np.float32)
    Q = rng.standard_normal((130, 100)).astype(np.float32)
    whole = top_k(Q, X, 20, metric=metric)
    for block in (1, 200, 999):
        part = top_k(Q, X, 20, metric=metric, block=block)
        assert (part[0] == whole[0]).all() and (part[1] == whole[1]).all()
    alone = top_k(Q[129:], X, 20, metric=metric)
    assert (alone[0] == whole[0][129:]).all() and (alone[1] == whole[1][129:]).all()


def test_small_squared_distances_are_not_lost_to_cancellation():
    """Two points 1e-3 apart, 1000 away from the origin: single precision would say 0."""
    X = np.array([[1000.0, 0.0], [1000.0, 1e-3], [1000.0, 3e-3]])
    indices, scores = top_k(X, X, 1, metric="l2", exclude_self=True)
    assert indices.ravel().tolist() == [1, 0, 1]
    np.testing.assert_allclose(scores.ravel(), [-1e-6, -1e-6, -4e-6], rtol=1e-3)


def test_documented_accuracy_of_dot_products():
    rng = np.random.default_rng(0)
    Q, X = rng.standard_normal((200, 384)), rng.standard_normal((3000, 384))
    Q, X = Q.astype(np.float32), X.astype(np.float32)
    indices, scores = top_k(Q, X, 50)
    exact = np.einsum("qd,qkd->qk", Q.astype(float), X[indices].astype(float))
    size = np.linalg.norm(Q, axis=1)[:, None] * np.linalg.norm(X[indices], axis=2)
    error = np.abs(scores - exact) / size
    assert error.max() <= 384 * 2.0**-24
    assert np.quantile(error, 0.99) <= 2e-7


def test_negative_zero_ties_with_zero():
    indices, _ = select_top_k(np.array([[-1.0, 0.0, -0.0, 0.0]]), 3)
    assert indices.tolist() == [[1, 2, 3]]
    indices, _ = select_top_k(np.array([[-1.0, -0.0, 0.0, -0.0]]), 3)
    assert indices.tolist() == [[1, 2, 3]]


@settings(max_examples=60, deadline=None)
@given(
    m=st.integers(1, 5),
    n=st.integers(1, 1000),
    levels=st.integers(1, 6),
    seed=st.integers(0, 2**16),
    data=st.data(),
)
def test_select_top_k_is_a_stable_sort(m, n, levels, seed, data):
    scores = np.random.default_rng(seed).integers(-levels, levels, (m, n)) / 4
    k = data.draw(st.integers(1, n))
    indices, values = select_top_k(scores, k)
    assert (indices == np.argsort(-scores, axis=1, kind="stable")[:, :k]).all()
    assert (values == np.take_along_axis(scores, indices, axis=1)).all()


def test_accepts_views_and_read_only_memory_maps(tmp_path):
    X = np.random.default_rng(1).standard_normal((40, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert (top_k(mapped, mapped, 3)[0] == top_k(X, X, 3)[0]).all()
    assert (top_k(X[::-1, :4], X[:, :4], 3)[0] == brute_force(X[::-1, :4], X[:, :4], 3)[0]).all()
    assert (select_top_k(X[:, ::-1], 3)[0] == select_top_k(X[:, ::-1].copy(), 3)[0]).all()


X4 = np.eye(4)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((X4, X4, 5), {}, "k must be a whole number from 1 to 4"),
        ((X4, X4, 4), {"exclude_self": True}, "k must be a whole number from 1 to 3"),
        ((X4, X4, 0), {}, "k must be a whole number from 1 to 4"),
        ((X4, X4, 2.0), {}, "whole number"),
        ((X4, X4, 2), {"metric": "cosin"}, "did you mean 'cosine'"),
        ((X4, X4[:, :3], 2), {}, "4 columns and documents 3"),
        ((X4[:2], X4, 2), {"exclude_self": True}, "not 2 and 4"),
        ((X4, np.zeros((4, 4)), 2), {"metric": "cosine"}, "documents has 4 zero rows"),
        ((X4, X4 * np.nan, 2), {}, "documents has NaN"),
        ((X4 * 1e30, X4 * 1e30, 2), {}, "overflow"),
        ((X4, X4 * 1e39, 2), {}, "overflow"),
        ((X4 * 1e30, X4, 2), {"metric": "l2"}, "overflow"),
        ((X4, X4, 2), {"block": 0}, "block must be"),
    ],
)
def test_bad_input_is_named(arguments, options, words):
    with pytest.raises(UsageError, match=words):
        top_k(*arguments, **options)


def test_bad_scores_are_named():
    with pytest.raises(UsageError, match="scores has NaN"):
        select_top_k([[1.0, np.nan]], 1)
    with pytest.raises(UsageError, match="k must be a whole number from 1 to 2"):
        select_top_k([[1.0, 2.0]], 3)
