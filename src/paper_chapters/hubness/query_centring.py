"""Which mean to take out of the queries: that of the titles, or their own."""

from __future__ import annotations

from typing import Any

from paper_chapters.hubness.title_hubs import N_QUERIES, NEAR_TIES, encoded_search, search_tasks
from paper_utils.geometry.centring import search_by_centring
from paper_utils.results import experiment


@experiment(
    "hubness-query-mean",
    "Search on 2,000 generated titles, queries centred by the titles' mean or by their own",
    tasks=search_tasks,
    tolerance=NEAR_TIES,
)
def search_with_centring(
    encoder: str, language: str, n_items: int = 2000, n_queries: int = N_QUERIES, seed: int = 0
) -> dict[str, Any]:
    """Search generated titles with one encoder and either mean, by `search_by_centring`."""
    return search_by_centring(*encoded_search(encoder, language, n_items, n_queries, seed))
