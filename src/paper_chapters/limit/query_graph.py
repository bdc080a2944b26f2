"""The two graphs of a relevance matrix: documents relevant together, queries that share one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.errors import UsageError

# Nodes of the search tree for a clique before it is given up: some ten seconds.
_MAX_NODES = 1_000_000


def document_degrees(qrels: sparse.sparray) -> NDArray[np.int64]:
    """Return to how many queries each document is relevant, int64 (n_docs,)."""
    return np.diff(_checked(qrels).tocsc().indptr).astype(np.int64)


def document_graph(qrels: sparse.sparray) -> sparse.csr_array:
    """Return which documents are relevant together for some query.
    Boolean, (n_docs, n_docs), symmetric, with an empty diagonal.
    """
    A = _checked(qrels)
    return _without_diagonal(A.T @ A).astype(bool)


def qrel_density(qrels: sparse.sparray) -> float:
    """Return the density of the document graph, 2 E / (n (n - 1)), over relevant documents.
    LIMIT defines the density of its qrels so (Weller et al., arXiv 2508.21038); the value that it
    prints is that of :func:`query_density`.
    """
    n = int(np.count_nonzero(document_degrees(qrels)))
    return _density(document_graph(qrels), n, "documents")


def query_density(qrels: sparse.sparray) -> float:
    """Return the density of the graph of queries, joined when they share a relevant document."""
    A = _checked(qrels)
    return _density(_without_diagonal(A @ A.T), A.shape[0], "queries")


def query_strength(qrels: sparse.sparray) -> float:
    """Return the mean over queries of the summed Jaccard similarity to all other queries.
    The Jaccard similarity is that of the relevant sets.
    """
    A = _checked(qrels)
    sizes = np.diff(A.indptr)
    shared = _without_diagonal(A @ A.T).tocoo()
    union = sizes[shared.row] + sizes[shared.col] - shared.data
    return float((shared.data / union).sum() / A.shape[0])


def largest_clique(qrels: sparse.sparray) -> tuple[int, ...]:
    """Return a largest set of documents, increasing, of which any two are relevant together.
    Branch and bound with greedy colouring: E. Tomita and T. Seki, "An efficient branch-and-bound
    algorithm for finding a maximum clique", DMTCS 2003. Too large a graph raises `UsageError`.
    """
    graph = document_graph(qrels)
    active = np.flatnonzero(document_degrees(qrels))
    # A well connected document first: the colouring is tighter.
    active = active[np.argsort(-np.diff(graph.indptr)[active], kind="stable")]
    place = {int(document): i for i, document in enumerate(active)}
    neighbours = [
        sum(1 << place[int(other)] for other in graph.indices[slice(*graph.indptr[d : d + 2])])
        for d in active
    ]
    try:
        best = _Search(neighbours).best
    except RecursionError:
        raise UsageError("the largest clique has some 1,000 documents: too many") from None
    return tuple(sorted(int(active[i]) for i in best))


class _Search:
    """Largest clique of a graph whose neighbourhoods are bit masks."""

    def __init__(self, neighbours: list[int]) -> None:
        self.neighbours = neighbours
        self.best: list[int] = []
        self.nodes = 0
        self._expand([], (1 << len(neighbours)) - 1)

    def _expand(self, clique: list[int], candidates: int) -> None:
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            raise UsageError(
                f"the largest clique of {len(self.neighbours):,} documents was not found in "
                f"{_MAX_NODES:,} steps; take fewer queries"
            )
        if len(clique) > len(self.best):
            self.best = list(clique)
        coloured = self._colour(candidates)
        while coloured:
            vertex, colour = coloured.pop()
            if len(clique) + colour <= len(self.best):
                return
            self._expand([*clique, vertex], candidates & self.neighbours[vertex])
            candidates &= ~(1 << vertex)

    def _colour(self, candidates: int) -> list[tuple[int, int]]:
        """Return candidates with the number of their colour, which never decreases."""
        ordered, colour = [], 0
        while candidates:
            colour += 1
            rest = candidates
            while rest:
                lowest = rest & -rest
                vertex = lowest.bit_length() - 1
                candidates ^= lowest
                rest &= ~(lowest | self.neighbours[vertex])
                ordered.append((vertex, colour))
        return ordered


def _density(graph: sparse.csr_array, n: int, what: str) -> float:
    if n < 2:
        raise UsageError(f"a density needs two {what} at least, not {n}")
    return graph.nnz / (n * (n - 1))


def _without_diagonal(product: sparse.sparray) -> sparse.csr_array:
    matrix = product.tocoo()
    off = matrix.row != matrix.col
    cells = (matrix.data[off], (matrix.row[off], matrix.col[off]))
    return sparse.csr_array(cells, shape=product.shape)


def _checked(qrels: sparse.sparray) -> sparse.csr_array:
    """Return 0/1 relevance in whole numbers; the input is not changed."""
    if not sparse.issparse(qrels):
        raise UsageError("qrels must be a scipy sparse array of shape (n_queries, n_docs)")
    matrix = sparse.csr_array(qrels != 0).astype(np.int64)
    if not matrix.nnz:
        raise UsageError("qrels hold no relevant document")
    return matrix
