"""Queries that are documents themselves, as in ArguAna and Quora: they must not find themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from embedding_audit.given import Judgements
from embedding_audit.reading.vectors import Vectors

_LOOKED_AT = 500  # shared ids by which it is told whether they mean the same item
_ROWS = 4096  # rows compared at once
_SEARCHED = 300_000  # documents up to which equal vectors are searched for in all rows


def own_documents(
    queries: Vectors,
    documents: Vectors,
    query_ids: pd.Index | None,
    document_ids: pd.Index | None,
    judgements: Judgements | None,
    document: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64] | None, list[str]]:
    """Return the document that each query is, or -1, and what to say of it. Equal ids tell, where
    the vectors bear it out (`document_ids` are distinct, `document` as in Inputs); without ids
    equal vectors. A document that is judged relevant to its own query stays.
    """
    if query_ids is None or document_ids is None:
        if query_ids is not None or document_ids is not None:
            return None, []
        own = _equal_vectors(queries, documents)
        by = "a query's vector equals that of a document"
    else:
        own = document_ids.get_indexer(query_ids)
        own[query_ids == ""] = -1
        by = "a query has the id of a document"
        shared = int((own >= 0).sum())
        # Queries and documents that are merely numbered, each from 1 on, are not the same items.
        if shared and all(one.isdecimal() for one in query_ids[own >= 0]):
            share = _nearer(queries, documents, query_ids, own, document)
            if share < 0.9:
                return None, [
                    f"{by} {shared:,} times, but is no nearer to it than by chance (nearer than to "
                    f"{share:.0%} of other documents): taken for two numberings"
                ]
    own = own.astype(np.int64)
    notes = []
    if judgements is not None:
        rows = np.flatnonzero(own >= 0)
        relevant = judgements.relevant
        kept = rows[np.asarray(relevant[rows, own[rows]]).ravel() > 0] if len(rows) else rows
        if len(kept):
            own[kept] = -1
            notes.append(f"{by} that is judged relevant to it, and stays: {len(kept):,}")
    if count := int((own >= 0).sum()):
        notes.append(
            f"{by}: {count:,} of {len(own):,}; it is left out of its own list (--keep-own keeps it)"
        )
        return own, notes
    return None, notes


def _nearer(
    queries: Vectors,
    documents: Vectors,
    ids: pd.Index,
    own: NDArray[np.integer],
    document: NDArray[np.int64] | None,
) -> float:
    """Return the median share of other queries' documents that a query's own one is nearer than."""
    rows = np.flatnonzero(own >= 0)
    rows = rows[np.argsort(ids[rows].to_numpy(dtype=str), kind="stable")][:_LOOKED_AT]
    place = {one: at for at, one in enumerate(own[rows].tolist())}
    parts = own[rows] if document is None else np.flatnonzero(np.isin(document, own[rows]))
    group = [place[one] for one in (parts if document is None else document[parts]).tolist()]
    with np.errstate(invalid="ignore"):
        of_parts = units(queries, rows) @ units(documents, parts).T
    scores = np.full((len(rows), len(rows)), -np.inf)
    np.fmax.at(scores.T, group, of_parts.T)  # a document is as near as its nearest chunk
    same = np.diagonal(scores)[:, None]
    others = ~np.eye(len(rows), dtype=bool) & np.isfinite(scores)
    below = ((scores < same) + 0.5 * (scores == same)) * others
    if len(rows) == 1:
        return float(same[0, 0] > 0.99)
    return float(np.nanmedian(below.sum(axis=1) / np.maximum(others.sum(axis=1), 1)))


def units(vectors: Vectors, rows: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return some rows at unit length; NaN where there is none."""
    found = np.concatenate([vectors.block(row, row + 1) for row in rows]).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        found /= np.abs(found).max(axis=1, keepdims=True)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def _equal_vectors(queries: Vectors, documents: Vectors) -> NDArray[np.int64]:
    """Return the first document with exactly the vector of a query; -1 for none."""
    n, n_documents = queries.shape[0], documents.shape[0]
    own = np.full(n, -1, dtype=np.int64)
    if n == n_documents and _same_rows(queries, documents):
        return np.arange(n)
    if n > _SEARCHED or n_documents > _SEARCHED:
        return own
    places: dict[bytes, int] = {}
    for start in range(0, n, _ROWS):
        for i, row in enumerate(_keys(queries, start)):
            places.setdefault(row, start + i)
    found: dict[bytes, int] = {}
    for start in range(0, n_documents, _ROWS):
        for i, row in enumerate(_keys(documents, start)):
            if row in places:
                found.setdefault(row, start + i)
    for start in range(0, n, _ROWS):
        for i, row in enumerate(_keys(queries, start)):
            own[start + i] = found.get(row, -1)
    return own


def _keys(vectors: Vectors, start: int) -> list[bytes]:
    rows = vectors.block(start, start + _ROWS)
    with np.errstate(over="ignore"):
        block = rows.astype(np.float32) + np.float32(0)  # no -0
    # What float32 cannot hold would all be equal.
    held = np.isfinite(block).all(axis=1) & ((block != 0) == (rows != 0)).all(axis=1)
    return [
        (row if kept else full).tobytes() for row, full, kept in zip(block, rows, held, strict=True)
    ]


def _same_rows(one: Vectors, other: Vectors) -> bool:
    return all(
        np.array_equal(
            one.block(start, start + _ROWS), other.block(start, start + _ROWS), equal_nan=True
        )
        for start in range(0, one.shape[0], _ROWS)
    )
