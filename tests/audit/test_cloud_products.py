"""Scores and the best of them against a full sort, ties included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedding_audit.cloud import products
from embedding_audit.cloud.points import InMemoryPoints


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 1200), st.integers(1, 90), st.integers(0, 9))
def test_equal_rows_get_equal_scores_wherever_they_stand(n, n_queries, d, seed):
    rng = np.random.default_rng(seed)
    few = rng.standard_normal((max(1, n // 4), d)).astype(np.float32)
    which = rng.integers(0, len(few), n)
    Q = few[rng.integers(0, len(few), n_queries)]
    for metric in ("cosine", "l2"):
        scores = products.metric_scores(Q, few[which], metric)
        _, first, group = np.unique(which, return_index=True, return_inverse=True)
        assert (scores == scores[:, first[group]]).all()
        again = products.metric_scores(Q[::-1], few[which], metric)[::-1]
        assert (scores == again).all()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 700),
    st.integers(1, 60),
    st.integers(1, 15),
    st.sampled_from(["cosine", "dot", "l2"]),
    st.sampled_from([65_536, 100]),
    st.integers(0, 99),
)
def test_the_best_are_those_of_a_full_sort_the_lower_number_first(n, m, k, metric, block, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, (n, 3)).astype(np.float32)  # ties everywhere
    Q = rng.integers(-1, 2, (m, 3)).astype(np.float32)
    own = rng.integers(-1, n, m)
    there = np.flatnonzero(own >= 0)
    full = Q.astype(float) @ X.T - (metric == "l2") * (X.astype(float) ** 2).sum(axis=1) / 2
    full[there, own[there]] = -np.inf
    want = np.argsort(-full, axis=1, kind="stable")[:, :k]
    want = np.where(np.isinf(np.take_along_axis(full, want, axis=1)), -1, want)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "BLOCK", block)
        patch.setattr(products, "CHUNK", 25)
        indices, scores = products.best(Q, InMemoryPoints(X), k, metric, own)
    assert (indices[:, : want.shape[1]] == want).all() and (indices[:, want.shape[1] :] == -1).all()
    found = indices >= 0
    assert (scores[~found] == -np.inf).all()
    assert (scores[found] == np.take_along_axis(full, np.maximum(indices, 0), axis=1)[found]).all()


def test_the_largest_of_each_row_are_those_of_numpy():
    scores = np.random.default_rng(0).integers(0, 9, (50, 300)).astype(np.float32)
    columns, values = products.top_of(scores, 7)
    want = np.argsort(-scores, axis=1, kind="stable")[:, :7]
    assert (columns == want).all()
    assert (values == np.take_along_axis(scores, want, axis=1)).all()
