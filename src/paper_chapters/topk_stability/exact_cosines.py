"""All cosines of queries with documents, in single precision, ties kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors, unit_rows
from paper_utils.errors import UsageError


def cosine_matrix(
    queries: ArrayLike, documents: ArrayLike, *, block: int = 8192
) -> NDArray[np.float32]:
    """Cosines, shape (n_queries, n_docs); equal documents get exactly equal scores."""
    Q = unit_rows(queries, name="queries")
    X = as_vectors(documents, name="documents")
    if Q.shape[1] != X.shape[1]:
        raise UsageError(f"queries have {Q.shape[1]} columns, documents {X.shape[1]}")
    # Whole tiles only: BLAS adds in another order at a ragged edge, and ties would be lost.
    Q32 = _padded(Q)
    scores = np.empty((len(Q), len(X)), dtype=np.float32)
    for start in range(0, len(X), block):
        part = unit_rows(X[start : start + block], name="documents")
        scores[:, start : start + len(part)] = (Q32 @ _padded(part).T)[: len(Q), : len(part)]
    return scores


def _padded(rows: NDArray) -> NDArray[np.float32]:
    missing = -len(rows) % 64
    return np.pad(rows.astype(np.float32), ((0, missing), (0, 0)))
