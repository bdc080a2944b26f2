"""Cosines against numpy, quantisation against its own codebook, the graph against exact search."""

from __future__ import annotations

import numpy as np
import pytest

from paper_chapters.topk_stability.approximate import hnsw_scores, product_quantised
from paper_chapters.topk_stability.exact_cosines import cosine_matrix
from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError
from paper_utils.search.topk import select_top_k, top_k


@pytest.mark.parametrize("block", [7, 64, 1000])
def test_cosines_are_numpys_and_those_of_top_k(block):
    rng = np.random.default_rng(0)
    Q, X = rng.normal(size=(9, 20)), rng.normal(size=(300, 20))
    S = cosine_matrix(Q, X, block=block)
    assert S == pytest.approx(unit_rows(Q) @ unit_rows(X).T, abs=1e-6)
    assert (select_top_k(S, 30)[0] == top_k(Q, X, 30, metric="cosine")[0]).all()


@pytest.mark.parametrize("n", [63, 64, 130, 201])
def test_equal_documents_have_equal_cosines_wherever_they_stand(n):
    rng = np.random.default_rng(n)
    X = np.tile(rng.normal(size=(1, 300)), (n, 1))
    S = cosine_matrix(rng.normal(size=(5, 300)), X, block=64)
    assert (S == S[:, :1]).all()


def test_quantised_rows_are_near_and_few():
    X = np.random.default_rng(0).normal(size=(1000, 10))
    Y = product_quantised(X, part=4, bits=3)
    U = unit_rows(X)
    assert Y.shape == X.shape
    for start in (0, 4, 8):
        part = Y[:, start : start + 4]
        words = np.unique(part, axis=0)
        assert len(words) <= 8
        # Each part holds the nearest of its codewords.
        distances = ((U[:, None, start : start + 4] - words[None]) ** 2).sum(axis=2)
        chosen = ((U[:, start : start + 4] - part) ** 2).sum(axis=1)
        assert chosen == pytest.approx(distances.min(axis=1), abs=1e-5)
    more = product_quantised(X, part=2, bits=4)
    assert ((more - U) ** 2).sum() < ((Y - U) ** 2).sum()
    assert (product_quantised(X, part=4, bits=3) == Y).all()


def test_a_wide_graph_search_is_exact_and_scores_are_cosines():
    rng = np.random.default_rng(0)
    Q, X = rng.normal(size=(20, 16)), rng.normal(size=(500, 16))
    found = hnsw_scores(Q, X, 10, width=500)
    exact = cosine_matrix(Q, X)
    assert (select_top_k(found, 10)[0] == select_top_k(exact, 10)[0]).all()
    assert found[found > -2] == pytest.approx(exact[found > -2], abs=1e-5)
    assert ((found > -2).sum(axis=1) == 10).all()
    assert (hnsw_scores(Q, X, 10, width=500) == found).all()


def test_equal_vectors_are_found_together():
    X = np.repeat(np.eye(4), 30, axis=0)
    found = hnsw_scores(np.eye(4)[:1], X, 5)
    assert (found[0, :30] == found[0, 0]).all() and found[0, 0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: cosine_matrix(np.eye(2), np.eye(3)), "2 columns"),
        (lambda: cosine_matrix(np.eye(2), np.zeros((2, 2))), "zero rows"),
        (lambda: cosine_matrix([[np.nan, 1.0]], np.eye(2)), "NaN"),
        (lambda: product_quantised(np.eye(30)), "too few"),
        (lambda: product_quantised(np.ones((700, 3)), part=4), "from 1 to 3"),
        (lambda: product_quantised(np.ones((700, 3)), part=1, bits=9), "from 1 to 8"),
        (lambda: product_quantised(np.ones((700, 3)), part=1, seed=-1), "seed"),
        (lambda: hnsw_scores(np.eye(2), np.eye(2), 3), "from 1 to 2"),
        (lambda: hnsw_scores(np.eye(2), np.eye(3), 1), "2 columns"),
        (lambda: hnsw_scores(np.eye(2), np.eye(2), 2, width=1), "width must be a whole"),
        (lambda: hnsw_scores(np.eye(2), np.eye(2), 1, links=1), "from 2 to 64"),
        (lambda: hnsw_scores(np.eye(2), np.eye(2), 1, seed=-1), "seed must be a whole number"),
    ],
)
def test_bad_input(call, word):
    with pytest.raises(UsageError, match=word):
        call()
