"""Search with both sides centred, and what a change of the scores gains in search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import unit_rows
from paper_utils.geometry.cosine import centre
from paper_utils.geometry.hubness import hubness_row, occurrences_in_lists
from paper_utils.search.metrics import ndcg_at_k, recall_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.search.topk import select_top_k
from paper_utils.statistics import bootstrap_interval

CENTRINGS = ("none", "titles' mean", "own means")


def centred_scores(documents: ArrayLike, queries: ArrayLike) -> dict[str, NDArray[np.float32]]:
    """Score documents for queries (at least four) as they are, and centred in two ways.
    Documents lose their mean; queries lose the same, or a mean of *other* queries, of those at odd
    places for even ones and vice versa: no query enters the mean that is taken out of it.
    """
    U, V = unit_rows(documents), unit_rows(queries, name="queries", min_rows=4)
    titles = centre(U)
    own = np.empty_like(V)
    for fold in (0, 1):
        own[fold::2] = centre(V[fold::2], V[1 - fold :: 2].mean(axis=0))
    scores = {
        "none": V @ U.T,
        "titles' mean": centre(V, U.mean(axis=0)) @ titles.T,
        "own means": own @ titles.T,
    }
    return {name: matrix.astype(np.float32) for name, matrix in scores.items()}


def search_gains(
    scores: Mapping[str, NDArray], grades: Any, fine: ArrayLike, *, k: int = 10
) -> dict[str, dict[str, Any]]:
    """Measure search by several scores (n_queries, n_docs); `grades`, of the same shape, 0 to 2.
    nDCG at k of all queries, recall at 2 k of `fine` queries for grade 2, each (mean, low, high) by
    a 95% bootstrap over queries; `_gain` over the first scores is paired by query. `hubness_row` is
    of how often the queries list a document.
    """
    fine = np.flatnonzero(np.asarray(fine, dtype=bool))
    rows: dict[str, dict[str, Any]] = {}
    first: dict[str, NDArray] = {}
    for name, matrix in scores.items():
        values = {
            "ndcg": ndcg_at_k(ranks_from_scores(matrix, grades), k),
            "recall": recall_at_k(ranks_from_scores(matrix[fine], (grades == 2)[fine]), 2 * k),
        }
        first = first or values
        lists = select_top_k(matrix, k)[0]
        rows[name] = hubness_row(occurrences_in_lists(lists, matrix.shape[1]))
        for measure, value in values.items():
            rows[name][measure] = list(bootstrap_interval(value)[:3])
            rows[name][f"{measure}_gain"] = list(bootstrap_interval(value - first[measure])[:3])
    return rows


def search_by_centring(
    documents: ArrayLike, queries: ArrayLike, grades: Any, fine: ArrayLike, *, k: int = 10
) -> dict[str, Any]:
    """Measure `search_gains` by `CENTRINGS`; ``between_means``: cosine of both mean directions."""
    rows: dict[str, Any] = search_gains(centred_scores(documents, queries), grades, fine, k=k)
    one, other = (unit_rows(X).mean(axis=0) for X in (documents, queries))
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    return rows | {"between_means": float(cosine)}
