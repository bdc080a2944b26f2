"""Recall and completeness of a system on data of LIMIT's form, query by query."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from paper_chapters.limit.complete_lists import complete_at_k
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import RelevantRanks, ranks_in_blocks

CUTOFFS = (2, 10, 20, 100)  #: cut-offs of LIMIT's tables


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
    """
    return rank_values(ranks_in_blocks(score, qrels))
