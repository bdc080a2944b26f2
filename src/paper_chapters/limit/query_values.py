"""Recall and completeness of a system on data of LIMIT's form, query by query."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from paper_chapters.limit.complete_lists import complete_at_k
from paper_utils.statistics import bootstrap_interval
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import RelevantRanks, ranks_from_scores

#: Cut-offs of LIMIT's tables.
CUTOFFS = (2, 10, 20, 100)

# Scores held at once: 64 MiB in single precision.
_CELLS = 1 << 24


def rank_values(ranks: RelevantRanks) -> dict[str, NDArray[np.float64]]:
    """Return ``recall@2``, ``complete@2``, ... -> shape (n_queries,), at cut-offs up to n_docs.
    complete@k is the probability that the first k hold all relevant documents.
    """
    found = {}
    for k in CUTOFFS:
        if k <= ranks.n_docs:
            found[f"recall@{k}"] = recall_at_k(ranks, k)
            found[f"complete@{k}"] = complete_at_k(ranks, k)
    return found


def query_values(
    score: Callable[[slice], ArrayLike], qrels: sparse.csr_array
) -> dict[str, NDArray[np.float64]]:
    """Return :func:`rank_values`, scoring block after block of queries.
    `score` takes a slice of queries and returns their scores, shape (n_rows, n_docs).

    >>> qrels = sparse.csr_array([[True, True, False]])
    >>> values = query_values(lambda rows: [[3, 1, 2]], qrels)
    >>> values["recall@2"].tolist(), values["complete@2"].tolist()
    ([0.5], [0.0])
    """
    n_queries, n_docs = qrels.shape
    step = max(1, _CELLS // n_docs)
    parts = []
    for start in range(0, n_queries, step):
        rows = slice(start, min(start + step, n_queries))
        parts.append(rank_values(ranks_from_scores(score(rows), qrels[rows])))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def summary(values: Mapping[str, NDArray[np.float64]]) -> dict[str, list[float]]:
    """Return measure -> [mean, low, high], a 95% bootstrap interval over queries."""
    return {name: list(bootstrap_interval(row)[:3]) for name, row in values.items()}
