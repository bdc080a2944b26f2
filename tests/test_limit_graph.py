"""The graphs of LIMIT's qrels, against networkx and against counting."""

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from paper_chapters.limit import query_graph as graph
from paper_utils.errors import UsageError
from paper_utils.limit.generate import relevant_sets


def _qrels(sets, n):
    A = np.zeros((len(sets), n), dtype=bool)
    np.put_along_axis(A, np.asarray(sets), True, axis=1)
    return sparse.csr_array(A)


def test_limit_in_closed_form():
    qrels = _qrels(relevant_sets(46, 2, n_queries=1000), 60)
    assert graph.qrel_density(qrels) == pytest.approx(2 * 1000 / (46 * 45), rel=1e-12)
    degrees = graph.document_degrees(qrels)
    assert np.unique(degrees, return_counts=True)[1].tolist() == [14, 7, 2, 37]
    # Two queries share a document when their pairs meet: a pair {a, b} meets
    # degree(a) + degree(b) - 2 others, and the Jaccard similarity of two pairs that meet is 1/3.
    meeting = (degrees.astype(float) ** 2).sum() - 2 * 1000
    assert graph.query_density(qrels) == pytest.approx(meeting / (1000 * 999), rel=1e-12)
    assert graph.query_strength(qrels) == pytest.approx(meeting / 3 / 1000, rel=1e-12)
    # As printed for LIMIT: 0.085481 (called the density of the documents) and 28.4653.
    assert round(graph.query_density(qrels), 6) == 0.085481
    assert round(graph.query_strength(qrels), 4) == 28.4653
    clique = graph.largest_clique(qrels)
    # The missing 35 pairs join nine documents, all but one pair of them.
    assert len(clique) == 39


@pytest.mark.parametrize(
    ("pattern", "k", "size"),
    [("dense", 2, 12), ("cycle", 2, 2), ("cycle", 4, 4), ("disjoint", 3, 3)],
)
def test_cliques_of_patterns(pattern, k, size):
    assert len(graph.largest_clique(_qrels(relevant_sets(12, k, pattern=pattern), 12))) == size


@settings(max_examples=30, deadline=None)
@given(n=st.integers(3, 14), q=st.integers(1, 20), p=st.floats(0.1, 0.9), seed=st.integers(0, 999))
def test_against_networkx(n, q, p, seed):
    A = np.random.default_rng(seed).random((q, n)) < p
    A[0, :2] = True
    A[~A.any(axis=1), 0] = True
    qrels = sparse.csr_array(A)
    G = nx.from_numpy_array(graph.document_graph(qrels).toarray().astype(int))
    clique = graph.largest_clique(qrels)
    assert len(clique) == max(len(c) for c in nx.find_cliques(G))
    assert all(G.has_edge(a, b) for a in clique for b in clique if a != b)
    active = G.subgraph(np.flatnonzero(A.any(axis=0)).tolist())
    assert graph.qrel_density(qrels) == pytest.approx(nx.density(active))
    strength = 0.0
    for i in range(q):
        strength += sum((A[i] & A[j]).sum() / (A[i] | A[j]).sum() for j in range(q) if j != i)
    assert graph.query_strength(qrels) == pytest.approx(strength / q)


def test_random_pairs_have_the_density_of_their_count():
    qrels = _qrels(relevant_sets(50, 2, pattern="random", n_queries=200, seed=1), 50)
    active = np.count_nonzero(graph.document_degrees(qrels))
    assert graph.qrel_density(qrels) == pytest.approx(200 / math.comb(active, 2))


def test_refuses():
    with pytest.raises(UsageError, match="sparse array"):
        graph.query_strength(np.eye(3))
    with pytest.raises(UsageError, match="no relevant document"):
        graph.qrel_density(sparse.csr_array((2, 3)))
    with pytest.raises(UsageError, match="two queries at least"):
        graph.query_density(sparse.csr_array([[1, 1]]))
    with pytest.raises(UsageError, match="two documents at least"):
        graph.qrel_density(sparse.csr_array([[1, 0]]))


def test_a_search_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(graph, "_MAX_NODES", 3)
    with pytest.raises(UsageError, match="take fewer queries"):
        graph.largest_clique(_qrels(relevant_sets(9, 2), 9))
