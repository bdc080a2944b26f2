"""Relevance matrices for the chapter on sign-rank: a reader's own, and random controls."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paper_utils.checks import whole
from paper_utils.data.files import read_table
from paper_utils.errors import UsageError
from paper_utils.theory.relevance import check_subset_size

_QUERY, _DOC, _SCORE = "query-id", "corpus-id", "score"


def read_qrels(path: str | os.PathLike[str]) -> dict[str, dict[str, float]]:
    """Read relevance judgements in LIMIT's form: ``query -> {document: score}``, without queries
    that have no positive score. `path` is a table with the columns ``query-id``, ``corpus-id`` and,
    if graded, ``score``, or a folder that holds such a ``qrels.jsonl``.
    """
    given = Path(path).expanduser()
    table = read_table(given / "qrels.jsonl" if given.is_dir() else given)
    missing = [name for name in (_QUERY, _DOC) if name not in table.columns]
    if missing:
        raise UsageError(
            f"{path} has no column {missing[0]!r}; it has {', '.join(map(str, table.columns))}"
        )
    scores = table[_SCORE] if _SCORE in table.columns else [1] * len(table)
    judged: dict[str, dict[str, float]] = {}
    for query, doc, score in zip(table[_QUERY], table[_DOC], scores, strict=True):
        try:
            value = float(score)
        except (TypeError, ValueError):
            raise UsageError(
                f"{path}: the score {score!r} of query {query!r} is no number"
            ) from None
        row = judged.setdefault(str(query), {})
        if str(doc) in row:
            raise UsageError(f"{path}: query {query!r} judges document {doc!r} twice")
        row[str(doc)] = value
    relevant = {query: row for query, row in judged.items() if any(s > 0 for s in row.values())}
    if not relevant:
        raise UsageError(f"{path} names no relevant document: every score is 0 or less")
    return relevant


def dense_control(n_queries: int, n_docs: int, *, seed: int = 0) -> NDArray[np.bool_]:
    """Return relevance by fair coin, shape (n_queries, n_docs); no query is left without."""
    whole("n_queries", n_queries, least=1)
    whole("n_docs", n_docs, least=2)
    A = np.random.default_rng(seed).random((n_queries, n_docs)) < 0.5
    A[~A.any(axis=1), 0] = True  # a query with nothing relevant is none
    return A


def sparse_control(n_queries: int, n_docs: int, k: int, *, seed: int = 0) -> NDArray[np.bool_]:
    """Return k relevant documents a query, drawn at random, shape (n_queries, n_docs)."""
    whole("n_queries", n_queries, least=1)
    check_subset_size(n_docs, k)
    order = np.random.default_rng(seed).random((n_queries, n_docs)).argsort(axis=1)
    A = np.zeros((n_queries, n_docs), dtype=bool)
    np.put_along_axis(A, order[:, :k], True, axis=1)
    return A
