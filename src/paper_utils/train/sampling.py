"""Batches of practice: queries, items that fit, and items that do not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from paper_utils.errors import UsageError
from paper_utils.train.contrastive import Batch
from paper_utils.train.task import CatalogueTask


def practice_batches(
    task: CatalogueTask, *, n_queries: int = 64, hard: int = 1, seed: int = 0
) -> Iterator[Batch]:
    """Yield batches without end: per query one item of the top grade and `hard` near misses.

    The items of all queries of a batch stand against each query. Judgements are exact: an item
    that another query brought and that fits this one too counts as fitting.

    Parameters
    ----------
    task : CatalogueTask
    n_queries : int
        Queries of a batch, at least 2.
    hard : int
        Items of the right class and power source that lack an attribute, per query that has
        such; 0 leaves only the items of the other queries as negatives.
    seed : int

    Yields
    ------
    Batch

    Raises
    ------
    UsageError
        Numbers out of range, or fewer practice queries than `n_queries`.
    """
    if n_queries < 2 or hard < 0:
        raise UsageError(f"n_queries={n_queries} must be at least 2, and hard={hard} at least 0")
    queries = task.practice_queries
    if len(queries) < n_queries:
        raise UsageError(f"n_queries={n_queries}: practice has only {len(queries)} queries")
    rng = np.random.default_rng(seed)
    titles = task.practice_items["title"].tolist()
    grades = queries.grades.toarray()
    right = [np.flatnonzero(row == 2) for row in grades]
    near = [np.flatnonzero(row == 1) for row in grades]
    while True:
        order = rng.permutation(len(queries))
        for start in range(0, len(order) - n_queries + 1, n_queries):
            chosen = order[start : start + n_queries]
            items = {int(rng.choice(right[query])) for query in chosen}
            for query in chosen:
                some = min(hard, len(near[query]))
                items.update(rng.choice(near[query], some, replace=False).tolist())
            columns = sorted(items)
            yield Batch(
                tuple(queries.texts[query] for query in chosen),
                tuple(titles[item] for item in columns),
                grades[np.ix_(chosen, columns)] == 2,
            )
