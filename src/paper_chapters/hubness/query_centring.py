"""Which mean to take out of the queries: that of the titles, or their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_chapters.hubness.title_hubs import ENCODERS, N_QUERIES, K, hubness_row
from paper_utils.checks import unit_rows
from paper_utils.data.catalogue import load_catalogue
from paper_utils.data.diy_queries import diy_queries
from paper_utils.encoders import load_encoder
from paper_utils.geometry.cosine import centre
from paper_utils.geometry.hubness import occurrences_in_lists
from paper_utils.results import experiment
from paper_utils.search.bootstrap import bootstrap_interval
from paper_utils.search.metrics import ndcg_at_k, recall_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.search.topk import select_top_k

CENTRINGS = ("none", "titles' mean", "own means")


def centred_scores(documents: ArrayLike, queries: ArrayLike) -> dict[str, NDArray[np.float32]]:
    """Score documents for queries (at least four) as they are, and centred in two ways.

    Documents lose their mean; queries lose the same, or a mean of *other* queries, of those at odd
    places for even ones and vice versa: no query enters the mean that is taken out of it.

    >>> rng = np.random.default_rng(0)
    >>> documents, queries = rng.normal(size=(50, 8)) + 1, rng.normal(size=(10, 8)) - 1
    >>> scores = centred_scores(documents, queries)
    >>> [round(float(scores[name].mean()), 1) for name in CENTRINGS]
    [-0.4, -0.1, -0.0]
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


def search_by_centring(
    documents: ArrayLike, queries: ArrayLike, grades: Any, fine: ArrayLike, *, k: int = K
) -> dict[str, Any]:
    """Measure search as `hubness.search_by_cure` does, by `CENTRINGS`.

    ``between_means``: cosine between the mean directions of the documents and of the queries.
    """
    fine = np.flatnonzero(np.asarray(fine, dtype=bool))
    rows: dict[str, Any] = {}
    plain: dict[str, NDArray] = {}
    for name, scores in centred_scores(documents, queries).items():
        values = {
            "ndcg": ndcg_at_k(ranks_from_scores(scores, grades), k),
            "recall": recall_at_k(ranks_from_scores(scores[fine], (grades == 2)[fine]), 2 * k),
        }
        plain = plain or values
        lists = occurrences_in_lists(select_top_k(scores, k)[0], scores.shape[1])
        rows[name] = hubness_row(lists)
        for measure, value in values.items():
            rows[name][measure] = list(bootstrap_interval(value)[:3])
            rows[name][f"{measure}_gain"] = list(bootstrap_interval(value - plain[measure])[:3])
    one, other = (unit_rows(X).mean(axis=0) for X in (documents, queries))
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    return rows | {"between_means": float(cosine)}


@experiment(
    "hubness-query-mean",
    "Search on 2,000 generated titles, queries centred by the titles' mean or by their own",
    tasks=lambda: [
        {"encoder": encoder, "language": language}
        for encoder in ENCODERS
        for language in ("ru", "en")
        if not (encoder == "navec" and language == "en")
    ],
)
def search_with_centring(
    encoder: str, language: str, n_items: int = 2000, n_queries: int = N_QUERIES, seed: int = 0
) -> dict[str, Any]:
    """Search generated titles with one encoder and either mean, by `search_by_centring`."""
    table = load_catalogue("diy", language=language, n_items=n_items, seed=seed).table
    queries = diy_queries(table, language, n_queries=n_queries, seed=seed)
    model = load_encoder(encoder, seed=seed)
    return search_by_centring(
        model.encode(table["title"].tolist()),
        model.encode(list(queries.texts)),
        queries.grades,
        np.array(queries.level) == "fine",
    )
