"""complete@k against every order of the ties written out, and where it meets recall."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_chapters.limit.complete_lists import complete_at_k
from paper_utils.errors import UsageError
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import ranks_from_lists, ranks_from_scores


def _by_orders(scores, relevant, k):
    """Mean over all permutations of the documents, sorted stably by score."""
    hits = []
    for order in itertools.permutations(range(len(scores))):
        ranked = sorted(order, key=lambda i: -scores[i])[:k]
        hits.append(relevant <= set(ranked))
    return np.mean(hits)


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.integers(0, 2), min_size=2, max_size=6),
    data=st.data(),
)
def test_equals_the_mean_over_all_orders(scores, data):
    n = len(scores)
    relevant = data.draw(st.sets(st.integers(0, n - 1), min_size=1))
    k = data.draw(st.integers(1, n))
    qrels = np.zeros((1, n))
    qrels[0, sorted(relevant)] = 1
    found = complete_at_k(ranks_from_scores([scores], qrels), k)
    assert found[0] == pytest.approx(_by_orders(scores, relevant, k))


def test_meets_recall():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 9, size=(50, 30))
    qrels = np.zeros((50, 30))
    np.put_along_axis(qrels, rng.random((50, 30)).argsort(axis=1)[:, :2], 1, axis=1)
    ranks = ranks_from_scores(scores, qrels)
    for k in (1, 2, 5, 30):
        complete, recall = complete_at_k(ranks, k), recall_at_k(ranks, k)
        # Both found implies each found; one of two missing costs recall one half.
        assert (complete <= recall + 1e-12).all()
        assert (2 * recall - 1 <= complete + 1e-12).all()
    assert (complete_at_k(ranks, 30) == 1).all()
    one = ranks_from_scores(scores, qrels * (np.cumsum(qrels, axis=1) == 1))
    assert complete_at_k(one, 5) == pytest.approx(recall_at_k(one, 5))


def test_no_relevant_document_and_bad_cutoffs():
    ranks = ranks_from_scores([[1, 2], [2, 1]], [[0, 0], [1, 0]])
    assert np.isnan(complete_at_k(ranks, 1)[0]) and complete_at_k(ranks, 1)[1] == 1
    for k in (0, 1.0, True, 3):
        with pytest.raises(UsageError):
            complete_at_k(ranks, k)
    lists = ranks_from_lists([[1, 0]], [[1, 0, 0]])
    with pytest.raises(UsageError, match="settled to position 2"):
        complete_at_k(lists, 3)
