"""Training batches: queries, items that fit, and items that do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paper_utils.data.diy_queries import DiyQueries
from paper_utils.errors import UsageError
from paper_utils.train.contrastive import Batch
from paper_utils.train.task import CatalogueTask


def training_texts(task: CatalogueTask) -> list[str]:
    """Return all training texts, titles first."""
    return [*task.training_items["title"], *task.training_queries.texts]


def training_batches(
    task: CatalogueTask, *, n_queries: int = 64, hard: int = 1, seed: int = 0
) -> Iterator[Batch]:
    """Yield training batches without end: a query's item of grade 2, and `hard` of grade 1 if any.
    Grade 1 has the right class and power source but lacks an attribute. All items of a batch stand
    against each query with exact grades: what another query brought may fit this one too.
    """
    if n_queries < 2 or hard < 0:
        raise UsageError(f"n_queries={n_queries} must be at least 2, and hard={hard} at least 0")
    rng = np.random.default_rng(seed)
    queries, titles, grades = _training_part(task, n_queries)
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
                grades[np.ix_(chosen, columns)],
            )


@dataclass(frozen=True)
class Lists:
    """Queries, each with as many titles; the first title has the top grade alone."""

    queries: tuple[str, ...]
    titles: tuple[tuple[str, ...], ...]
    grades: NDArray[np.int8]  # shape (n_queries, n_titles)


def training_lists(
    task: CatalogueTask,
    first: NDArray | None = None,
    *,
    n_queries: int = 32,
    negatives: int = 7,
    depth: int = 50,
    seed: int = 0,
) -> Iterator[Lists]:
    """Yield training lists without end: an item of the top grade, and `negatives` below it.
    With first-stage scores `first`, shape (n_training_queries, n_training_items), half of the
    negatives (rounded up) are its mistakes within `depth`, which a re-ranker has to tell apart.
    """
    for name, value in (("n_queries", n_queries), ("negatives", negatives), ("depth", depth)):
        if value < 1:
            raise UsageError(f"{name} must be at least 1, not {value}")
    queries, titles, grades = _training_part(task, n_queries)
    if first is not None and first.shape != grades.shape:
        raise UsageError(f"first has shape {first.shape}, not {grades.shape}")
    right = [np.flatnonzero(row == 2) for row in grades]
    wrong = [np.flatnonzero(row < 2) for row in grades]
    mistakes = wrong if first is None else _mistakes(first, grades, depth)
    rng = np.random.default_rng([seed, 13])
    while True:
        order = rng.permutation(len(queries))
        for start in range(0, len(order) - n_queries + 1, n_queries):
            chosen = order[start : start + n_queries]
            rows, judged = [], []
            for query in chosen:
                hard = min((negatives + 1) // 2, len(mistakes[query]))
                items = [
                    rng.choice(right[query]),
                    *rng.choice(mistakes[query], hard, replace=False),
                    *rng.choice(wrong[query], negatives - hard, replace=False),
                ]
                rows.append(tuple(titles[item] for item in items))
                judged.append(grades[query, items])
            texts = tuple(queries.texts[query] for query in chosen)
            yield Lists(texts, tuple(rows), np.array(judged))


def _training_part(
    task: CatalogueTask, n_queries: int
) -> tuple[DiyQueries, list[str], NDArray[np.int8]]:
    """Queries, titles and grades of training, checked to fill a batch."""
    queries = task.training_queries
    if len(queries) < n_queries:
        raise UsageError(f"n_queries={n_queries}: training has only {len(queries)} queries")
    return queries, task.training_items["title"].tolist(), queries.grades.toarray()


def _mistakes(first: NDArray, grades: NDArray, depth: int) -> list[NDArray[np.int64]]:
    """Items below the top grade among the first `depth` of each query."""
    ahead = np.argsort(-first, axis=1, kind="stable")[:, :depth]
    return [row[grades[query, row] < 2] for query, row in enumerate(ahead)]
