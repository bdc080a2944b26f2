"""Judged row numbers that start at 1: by numbers less one relevant pairs are nearer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embedding_audit.given import Judgements
from embedding_audit.matching.own import units
from embedding_audit.reading.vectors import Vectors

_PAIRS = 1000  # relevant pairs that are looked at
_LEAST = 10  # pairs below which nothing is said
_SURE = 5.0  # standard errors


def from_one(
    queries: Vectors, documents: Vectors, judgements: Judgements, numbered: tuple[bool, bool]
) -> str:
    """Return what seems to be numbered from 1, 'documents', 'queries' or both, and by how much the
    cosine of relevant pairs is higher so; '' where that is not sure. `numbered`: whether documents,
    and queries, are matched by their row numbers.
    """
    pairs = judgements.relevant.tocoo()
    some = np.linspace(0, pairs.nnz - 1, min(pairs.nnz, _PAIRS)).astype(int)
    document, query = pairs.col[some], pairs.row[some]
    best, said = 0.0, ""
    for less in ((1, 0), (0, 1), (1, 1)):
        kept = (document >= less[0]) & (query >= less[1])
        if any(one > may for one, may in zip(less, numbered, strict=True)) or kept.sum() < _LEAST:
            continue
        at = query[kept], document[kept]
        gain = _cosines(queries, at[0] - less[1], documents, at[1] - less[0])
        gain -= _cosines(queries, at[0], documents, at[1])
        gain = gain[np.isfinite(gain)]
        if len(gain) < _LEAST:
            continue
        mean = float(gain.mean())
        if mean > max(best, _SURE * gain.std(ddof=1) / np.sqrt(len(gain))):
            which = [one for one, by in zip(("documents", "queries"), less, strict=True) if by]
            best, said = mean, f"{' and '.join(which)} (mean cosine of relevant pairs {mean:+.3f})"
    return said


def _cosines(
    queries: Vectors, query: NDArray, documents: Vectors, document: NDArray
) -> NDArray[np.float64]:
    return np.einsum("nd,nd->n", units(queries, query), units(documents, document))
