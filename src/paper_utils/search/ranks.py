"""Where the relevant documents stand in a ranking, ties included: all that the metrics need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from paper_utils.errors import UsageError

_FEW = 32  # up to here one pass per document counts faster than sorting the whole row
_CELLS = 1 << 24  # scores held at once: 64 MiB in single precision


@dataclass(frozen=True)
class RelevantRanks:
    """Positions of the relevant documents, one entry per (query, relevant document).

    A document with `better` documents scored strictly higher and `tied` documents at its
    own score (itself included) stands, when ties are ordered at random, at each of the
    positions ``better + 1`` to ``better + tied`` with equal probability.
    """

    query: NDArray[np.int64]  #: row of the query, never decreasing
    grade: NDArray[np.float64]  #: relevance, above 0
    better: NDArray[np.int64]  #: documents scored strictly higher
    tied: NDArray[np.int64]  #: documents at the same score, itself included
    #: Of each query, the leading positions that the ranking settles, all documents or the length of
    #: a list, less the documents whose ties may run on past its end.
    settled: NDArray[np.int64]
    n_docs: int  #: documents that were ranked

    @property
    def n_queries(self) -> int:
        """Number of queries, those without a relevant document included."""
        return len(self.settled)


def qrels_matrix(
    qrels: Mapping[object, Mapping[object, float]],
    query_ids: Sequence[object],
    doc_ids: Sequence[object],
) -> sparse.csr_array:
    """Turn ``{query: {document: grade}}`` into a matrix whose rows and columns are in order.

    Parameters
    ----------
    qrels : mapping
        Grades of the judged documents of each query; 0 means judged not relevant.
    query_ids, doc_ids : sequence
        The ids of rows and columns. Queries that `qrels` does not name get an empty row.

    Returns
    -------
    scipy.sparse.csr_array of float64, shape (n_queries, n_docs)

    Raises
    ------
    UsageError
        An id that is unknown or given twice, or a grade that is negative or not finite.

    Examples
    --------
    >>> qrels_matrix({"q": {"b": 2}}, ["q"], ["a", "b"]).toarray()
    array([[0., 2.]])
    """
    rows, columns = _positions(query_ids, "query_ids"), _positions(doc_ids, "doc_ids")
    row, column, grade = [], [], []
    for query, judged in qrels.items():
        if query not in rows:
            raise UsageError(f"qrels judge an unknown query: {query!r} is not in query_ids")
        for document, value in judged.items():
            if document not in columns:
                raise UsageError(
                    f"qrels of query {query!r} name an unknown document: "
                    f"{document!r} is not in doc_ids"
                )
            row.append(rows[query])
            column.append(columns[document])
            grade.append(value)
    shape = (len(rows), len(columns))
    try:
        grades = np.asarray(grade, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError("qrels hold a grade that is not a number") from None
    return _checked_qrels(sparse.csr_array((grades, (row, column)), shape=shape))


def ranks_from_scores(scores: ArrayLike, qrels: ArrayLike | sparse.sparray) -> RelevantRanks:
    """Rank every document by its score and read off where the relevant ones stand.

    Parameters
    ----------
    scores : array_like, shape (n_queries, n_docs)
        Larger is better, NaN is refused. Only equal numbers are ties: nothing is rounded.
    qrels : array_like or scipy sparse array, shape (n_queries, n_docs)
        Grades, relevant above 0. From a dictionary of ids: :func:`qrels_matrix`; for a
        threshold t: ``qrels >= t``.

    Returns
    -------
    RelevantRanks

    Examples
    --------
    >>> ranks = ranks_from_scores([[0.9, 0.5, 0.5, 0.1]], [[0, 0, 1, 0]])
    >>> ranks.better, ranks.tied
    (array([1]), array([2]))
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or scores.dtype.kind not in "biuf":
        raise UsageError(
            f"scores must be numbers of shape (n_queries, n_docs), not {scores.dtype} "
            f"of shape {scores.shape}"
        )
    qrels = _checked_qrels(qrels)
    if qrels.shape != scores.shape:
        raise UsageError(f"scores have shape {scores.shape} and qrels {qrels.shape}")
    better, tied = (np.empty(qrels.nnz, dtype=np.int64) for _ in range(2))
    for row, (start, stop) in enumerate(_row_spans(qrels)):
        if np.isnan(scores[row]).any():
            raise UsageError(f"scores have NaN in row {row}")
        entries = slice(start, stop)
        better[entries], tied[entries] = _standing(scores[row], qrels.indices[entries])
    settled = np.full(scores.shape[0], scores.shape[1], dtype=np.int64)
    return RelevantRanks(_rows_of(qrels), qrels.data, better, tied, settled, qrels.shape[1])


def ranks_in_blocks(score: Callable[[slice], ArrayLike], qrels: sparse.csr_array) -> RelevantRanks:
    """Rank as `ranks_from_scores` does; `score` returns the scores of a slice of queries."""
    n_queries, n_docs = qrels.shape
    step = max(1, _CELLS // n_docs)
    blocks = [slice(at, min(at + step, n_queries)) for at in range(0, n_queries, step)]
    return joined([ranks_from_scores(score(rows), qrels[rows]) for rows in blocks])


def joined(parts: Sequence[RelevantRanks]) -> RelevantRanks:
    """Return the ranks of several blocks of queries as one."""
    firsts = np.cumsum([0] + [part.n_queries for part in parts[:-1]])
    return RelevantRanks(
        query=np.concatenate([p.query + first for p, first in zip(parts, firsts, strict=True)]),
        grade=np.concatenate([p.grade for p in parts]),
        better=np.concatenate([p.better for p in parts]),
        tied=np.concatenate([p.tied for p in parts]),
        settled=np.concatenate([p.settled for p in parts]),
        n_docs=parts[0].n_docs,
    )


def ranks_from_lists(
    indices: ArrayLike,
    qrels: ArrayLike | sparse.sparray,
    *,
    scores: ArrayLike | None = None,
) -> RelevantRanks:
    """Read off where the relevant documents stand in ranked lists; others stand behind the list.

    Parameters
    ----------
    indices : array_like of int, shape (n_queries, depth)
        Column numbers of the documents, best first, as from :func:`~paper_utils.search.topk.top_k`.
    qrels : array_like or scipy sparse array, shape (n_queries, n_docs)
        As in :func:`ranks_from_scores`.
    scores : array_like, shape (n_queries, depth), optional
        Equal ones are ties. Those tied at the end of a list that does not hold every document are
        not settled, as more may follow: for a cut-off k list more than k documents. Without
        scores the order is taken as it is.

    Returns
    -------
    RelevantRanks

    Raises
    ------
    UsageError
        Indices that are no columns or repeated, scores that increase or are NaN, unusable grades.

    Examples
    --------
    >>> ranks = ranks_from_lists([[2, 0]], [[1, 0, 0, 1]])
    >>> ranks.better, ranks.settled
    (array([1, 2]), array([2]))
    """
    indices = np.asarray(indices)
    qrels = _checked_qrels(qrels)
    n_queries, n_docs = qrels.shape
    _check_lists(indices, n_queries, n_docs)
    depth = indices.shape[1]

    # Start and end of the run of equal scores that each listed document belongs to.
    first = np.broadcast_to(np.arange(depth), indices.shape)
    last = first
    settled = np.full(n_queries, depth, dtype=np.int64)
    if scores is not None:
        first, last = _runs(_checked_list_scores(scores, indices.shape))
        if depth < n_docs:
            settled = first[:, -1].copy()

    # A sparse lookup of (query, document) -> place in the list, one row at a time.
    better = np.full(qrels.nnz, depth, dtype=np.int64)
    tied = np.ones(qrels.nnz, dtype=np.int64)
    place = np.full(n_docs, -1, dtype=np.int64)
    for row, (start, stop) in enumerate(_row_spans(qrels)):
        place[indices[row]] = np.arange(depth)
        at = place[qrels.indices[start:stop]]
        place[indices[row]] = -1
        listed = at >= 0
        at = at[listed]
        better[start:stop][listed] = first[row, at]
        tied[start:stop][listed] = last[row, at] - first[row, at] + 1
    return RelevantRanks(_rows_of(qrels), qrels.data, better, tied, settled, qrels.shape[1])


def _standing(row: NDArray, documents: NDArray) -> tuple[NDArray, NDArray]:
    """Count the scores of `row` above, and at, those of `documents`."""
    own = row[documents]
    if len(own) <= _FEW:
        better = [np.count_nonzero(row > value) for value in own]
        tied = [np.count_nonzero(row == value) for value in own]
        return np.array(better, dtype=np.int64), np.array(tied, dtype=np.int64)
    ordered = np.sort(row)
    right = np.searchsorted(ordered, own, side="right")
    return len(row) - right, right - np.searchsorted(ordered, own, side="left")


def _runs(scores: NDArray) -> tuple[NDArray, NDArray]:
    """Return for each place the first and the last place with the same score."""
    n, depth = scores.shape
    places = np.arange(depth)
    new = np.ones((n, depth), dtype=bool)
    new[:, 1:] = scores[:, 1:] != scores[:, :-1]
    first = np.maximum.accumulate(np.where(new, places, 0), axis=1)
    ends = np.ones((n, depth), dtype=bool)
    ends[:, :-1] = new[:, 1:]
    last = np.minimum.accumulate(np.where(ends, places, depth)[:, ::-1], axis=1)[:, ::-1]
    return first, last


def _checked_qrels(qrels: ArrayLike | sparse.sparray) -> sparse.csr_array:
    """Return grades above 0 as a CSR matrix with sorted columns; the input is not changed."""
    if isinstance(qrels, Mapping):
        raise UsageError("qrels is a dictionary: turn it into rows and columns by qrels_matrix")
    if not sparse.issparse(qrels):
        qrels = np.asarray(qrels)
    if qrels.ndim != 2 or qrels.dtype.kind not in "biuf":
        raise UsageError(
            f"qrels must be grades of shape (n_queries, n_docs), not {qrels.dtype} "
            f"of shape {qrels.shape}"
        )
    matrix = sparse.csr_array(qrels, dtype=np.float64, copy=True)
    bad = ~(np.isfinite(matrix.data) & (matrix.data >= 0))
    if bad.any():
        raise UsageError(
            f"grades must be 0 or more and finite, not {matrix.data[bad][0]:g} "
            f"({int(bad.sum())} such)"
        )
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _check_lists(indices: NDArray, n_queries: int, n_docs: int) -> None:
    if indices.ndim != 2 or indices.dtype.kind not in "iu" or indices.shape[1] < 1:
        raise UsageError(
            f"indices must be whole numbers of shape (n_queries, depth), not {indices.dtype} "
            f"of shape {indices.shape}"
        )
    if len(indices) != n_queries:
        raise UsageError(f"indices have {len(indices)} rows and qrels {n_queries}")
    outside = (indices < 0) | (indices >= n_docs)
    if outside.any():
        raise UsageError(
            f"indices must be 0 to {n_docs - 1}, the columns of qrels, not {indices[outside][0]}"
        )
    ordered = np.sort(indices, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if twice.any():
        raise UsageError(f"a document occurs twice in row {int(np.argmax(twice))} of indices")


def _checked_list_scores(scores: ArrayLike, shape: tuple[int, ...]) -> NDArray:
    scores = np.asarray(scores)
    if scores.shape != shape:
        raise UsageError(f"scores have shape {scores.shape} and indices {shape}")
    if not (scores[:, 1:] <= scores[:, :-1]).all() or np.isnan(scores[:, :1]).any():
        raise UsageError("scores must never increase along a row, and never be NaN")
    return scores


def _row_spans(matrix: sparse.csr_array) -> zip:
    return zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True)


def _rows_of(matrix: sparse.csr_array) -> NDArray[np.int64]:
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _positions(ids: Sequence[object], name: str) -> dict[object, int]:
    positions = {identifier: place for place, identifier in enumerate(ids)}
    if len(positions) != len(ids):
        seen: set[object] = set()
        twice = next(i for i in ids if i in seen or seen.add(i))
        raise UsageError(f"{name} hold {twice!r} more than once")
    return positions
