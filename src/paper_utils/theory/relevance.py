"""Relevance judgements as a checked 0/1 matrix, one row a query, one column a document."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paper_utils.checks import whole
from paper_utils.errors import UsageError, did_you_mean

MAX_SUBSETS = 2_000_000
MAX_CELLS = 25_000_000


@dataclass(frozen=True)
class Relevance:
    """Distinct rows and columns of a relevance matrix."""

    matrix: NDArray[np.bool_]  # (n_queries, n_docs); at most one column without a relevant query
    queries: tuple[Hashable, ...]
    docs: tuple[Hashable, ...]  # names of the columns; equal columns keep the first name
    n_docs: int  # before equal columns were merged

    @property
    def k_max(self) -> int:
        """Most relevant documents of one query."""
        return int(self.matrix.sum(axis=1).max())

    @property
    def signs(self) -> NDArray[np.float64]:
        """``2 A - 1``: +1 where relevant, -1 elsewhere."""
        return np.where(self.matrix, 1.0, -1.0)


def all_subsets(n: int, k: int) -> NDArray[np.int64]:
    """Return every k-subset of ``range(n)``, in lexicographic order, shape (C(n, k), k)."""
    check_subset_size(n, k)
    count = math.comb(n, k)
    if count > MAX_SUBSETS:
        raise UsageError(
            f"C({n}, {k}) = {count:,} subsets cannot be enumerated; the limit is {MAX_SUBSETS:,}"
        )
    flat = itertools.chain.from_iterable(itertools.combinations(range(n), k))
    return np.fromiter(flat, dtype=np.int64, count=count * k).reshape(count, k)


def check_subset_size(n: int, k: int) -> None:
    """Raise UsageError unless ``1 <= k < n`` with whole numbers."""
    whole("n", n, least=2)
    whole("k", k, least=1, most=n - 1)


def subset_matrix(n: int, k: int) -> NDArray[np.bool_]:
    """Return the relevance matrix whose rows are all k-subsets of n documents."""
    sets = all_subsets(n, k)
    if sets.shape[0] * n > MAX_CELLS:
        raise UsageError(
            f"{sets.shape[0]:,} subsets of {n} documents are more than {MAX_CELLS:,} cells"
        )
    matrix = np.zeros((sets.shape[0], n), dtype=bool)
    np.put_along_axis(matrix, sets, True, axis=1)
    return matrix


def dense_qrels(n_queries: int = 1000, k: int = 2) -> dict[str, set[str]]:
    """Return the relevance pattern of LIMIT: the first k-subsets of as few documents as suffice.

    With the defaults 46 documents carry 1,000 of their 1,035 pairs, exactly the pattern of
    the released qrels (Weller et al., arXiv 2508.21038, section 5.2; names apart).

    Parameters
    ----------
    n_queries, k : int
        Queries, each with its own subset of k relevant documents; at least 1, else UsageError.

    Returns
    -------
    dict
        ``query_i -> {doc_a, doc_b, ...}``.

    Examples
    --------
    >>> qrels = dense_qrels()
    >>> len(qrels), len(set().union(*qrels.values()))
    (1000, 46)
    """
    whole("n_queries", n_queries, least=1)
    whole("k", k, least=1)
    n = k + 1
    while math.comb(n, k) < n_queries:
        n += 1
    sets = itertools.islice(itertools.combinations(range(n), k), n_queries)
    return {f"query_{i}": {f"doc_{j}" for j in s} for i, s in enumerate(sets)}


def read_relevance(
    qrels: Mapping[Hashable, Collection[Hashable]] | object,
    *,
    docs: Iterable[Hashable] | None = None,
    repeated: str = "error",
) -> Relevance:
    """Check relevance judgements and merge equal columns.
    `qrels` is a 0/1 matrix (n_queries, n_docs) or maps queries to sets of documents or to dicts of
    scores, relevant above 0. Without `docs`, a mapping's collection is what it names and one more
    document, of no query. `repeated`: whether equal relevant sets are an 'error' or 'merge'.
    """
    if repeated not in ("error", "merge"):
        raise UsageError(f"repeated = {repeated!r}: {did_you_mean(repeated, ['error', 'merge'])}")
    if isinstance(qrels, Mapping):
        matrix, queries, names, n_docs = _from_mapping(qrels, docs)
    else:
        if docs is not None:
            raise UsageError("docs names the documents of a mapping; a matrix has its columns")
        matrix, queries, names, n_docs = _from_matrix(qrels)
    matrix, queries = _distinct_rows(matrix, queries, repeated)
    _, first = np.unique(matrix, axis=1, return_index=True)
    first.sort()
    return Relevance(matrix[:, first], queries, tuple(names[i] for i in first), n_docs)


def _from_mapping(qrels: Mapping, docs: Iterable[Hashable] | None):
    if not qrels:
        raise UsageError("qrels is empty: at least one query with a relevant document is needed")
    known = None if docs is None else dict.fromkeys(docs)
    columns: dict[Hashable, int] = {}
    rows = []
    for query, relevant in qrels.items():
        if isinstance(relevant, Mapping):
            relevant = [doc for doc, score in relevant.items() if score > 0]
        elif isinstance(relevant, (str, bytes)):
            raise UsageError(f"query {query!r}: a collection of documents is needed, not a string")
        # Sets of strings come in another order in every process; certificates must not.
        unordered = isinstance(relevant, (set, frozenset))
        relevant = sorted(relevant, key=repr) if unordered else list(relevant)
        if not relevant:
            raise UsageError(f"query {query!r} has no relevant document; drop it first")
        seen = set()
        for doc in relevant:
            if doc in seen:
                raise UsageError(f"query {query!r} lists document {doc!r} twice")
            seen.add(doc)
            if known is not None and doc not in known:
                hint = did_you_mean(doc, known) if len(known) <= 20 else f"{len(known)} are known"
                raise UsageError(f"query {query!r}: document {doc!r} is unknown; {hint}")
            columns.setdefault(doc, len(columns))
        rows.append([columns[doc] for doc in relevant])
    n_docs = len(columns) + 1 if known is None else len(known)
    idle = n_docs > len(columns)
    shape = (len(rows), len(columns) + idle)
    _check_cells(shape)
    matrix = np.zeros(shape, dtype=bool)
    for i, row in enumerate(rows):
        matrix[i, row] = True
    names = [*columns, "(documents that no query asks for)"] if idle else list(columns)
    return matrix, tuple(qrels), names, n_docs


def _from_matrix(qrels: object):
    from scipy import sparse

    if sparse.issparse(qrels):
        stored = qrels.tocsc()
        stored.sum_duplicates()
        if not np.isin(stored.data, (0, 1)).all():
            raise UsageError("the relevance matrix must hold 0 and 1 only")
        active = np.flatnonzero(np.diff(stored.indptr) > 0)
        idle = np.setdiff1d(np.arange(stored.shape[1]), active)[:1]
        keep = np.concatenate([active, idle])
        _check_cells((stored.shape[0], keep.size))
        matrix, n_docs = stored[:, keep].toarray().astype(bool), stored.shape[1]
    else:
        array = np.asarray(qrels)
        if array.ndim != 2 or 0 in array.shape:
            raise UsageError(f"qrels must be a mapping or a matrix, not an array {array.shape}")
        if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
            raise UsageError("the relevance matrix must hold 0 and 1 only")
        _check_cells(array.shape)
        matrix, n_docs, keep = array.astype(bool), array.shape[1], np.arange(array.shape[1])
    empty = ~matrix.any(axis=1)
    if empty.any():
        raise UsageError(f"query {int(np.argmax(empty))} has no relevant document; drop it first")
    return matrix, tuple(range(matrix.shape[0])), [int(j) for j in keep], n_docs


def _check_cells(shape: tuple[int, int]) -> None:
    if shape[0] * shape[1] > MAX_CELLS:
        raise UsageError(
            f"{shape[0]:,} queries x {shape[1]:,} documents are more than {MAX_CELLS:,} cells; "
            "take a sample of the queries: a lower bound of a sample is one of the whole"
        )


def _distinct_rows(matrix: NDArray[np.bool_], queries: tuple, repeated: str):
    _, first, inverse = np.unique(matrix, axis=0, return_index=True, return_inverse=True)
    if first.size < matrix.shape[0] and repeated == "error":
        inverse = inverse.ravel()
        later = int(np.argmax(first[inverse] != np.arange(matrix.shape[0])))
        raise UsageError(
            f"queries {queries[int(first[inverse[later]])]!r} and {queries[later]!r} have the same "
            "relevant set; repeated='merge' keeps one of them"
        )
    first = np.sort(first)
    return matrix[first], tuple(queries[i] for i in first)
