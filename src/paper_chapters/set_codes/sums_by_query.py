"""Recall of sums query by query, for intervals that count the documents that queries share."""

from __future__ import annotations

from numpy.typing import NDArray
from scipy import sparse

from paper_chapters.set_codes.answers import names_of
from paper_chapters.set_codes.by_dimension import N_DOCS
from paper_utils.codes.set_codes import SetCodes
from paper_utils.limit.generate import generate_limit
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import ranks_from_scores


def sum_recalls(
    d: int, seed: int, n_docs: int = N_DOCS, k: int = 2
) -> tuple[NDArray, sparse.csr_array]:
    """Return each query's recall@k by the sums of `by_dimension`, and the judgements."""
    data = generate_limit(46, 2, n_docs=n_docs, n_attributes=45, seed=seed)
    codes = SetCodes(d + 1, seed=seed).fit(data.attributes)
    queries = codes.queries([data.attributes[a] for a in data.query_attributes])
    ranks = ranks_from_scores(queries @ codes.sums(names_of(data)).T, data.qrels)
    return recall_at_k(ranks, k), data.qrels
