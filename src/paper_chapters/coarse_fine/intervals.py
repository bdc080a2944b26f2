"""Means over seeds of the catalogue task, with intervals.

Each seed draws its own catalogue, queries, weights and batches, so the spread between seeds holds
all of these. Within one seed queries share titles: `one_seed` allows for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from paper_chapters.coarse_fine.rows import MEASURES
from paper_utils.statistics import shared_interval, t_interval
from paper_utils.train.task import CatalogueTask

Tables = Sequence[Mapping[str, Mapping[str, Any]]]  # one a seed: the rows by system


def tables(*recorded: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of several records by system, one table a seed.

    Each of `recorded` holds one value a seed, in the same order.
    """
    return [
        {str(row["system"]): row for value in values for row in value["rows"]}
        for values in zip(*recorded, strict=True)
    ]


def over_seeds(parts: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return ``mean``, ``low`` and ``high`` (95%) over seeds of (mean, low, high) within each.

    The wider of Student's t over the seeds' means and of their intervals over queries, pooled: a
    few seeds may agree by chance.
    """
    values = np.array([part[:3] for part in parts], dtype=np.float64)
    mean, low, high, n = t_interval(values[:, 0])
    within = float(np.linalg.norm(values[:, 2] - values[:, 1])) / 2 / n
    half = max((high - low) / 2, within)
    return {"mean": mean, "low": mean - half, "high": mean + half}


def pooled_rows(seeds: Tables) -> dict[str, dict[str, Any]]:
    """Return ``[system][measure]`` as from `over_seeds`, and ``[system]["pairs"][attribute]``.

    An attribute is kept where every seed has it.
    """
    found: dict[str, dict[str, Any]] = {}
    for system in seeds[0]:
        rows = [table[system] for table in seeds]
        names = [name for name in rows[0]["pairs"] if all(name in row["pairs"] for row in rows)]
        found[system] = {name: over_seeds([row[name] for row in rows]) for name in MEASURES}
        found[system]["pairs"] = {
            name: over_seeds([row["pairs"][name] for row in rows]) for name in names
        }
    return found


def difference(seeds: Tables, one: str, other: str, measure: str = "fine") -> dict[str, float]:
    """Return the mean of system `one` less `other` as `over_seeds`: means are paired by seed.

    The intervals over queries are taken as independent, which on the same queries is too wide.
    """
    parts = []
    for table in seeds:
        first, second = (np.array(table[name][measure]) for name in (one, other))
        mean = first[0] - second[0]
        half = np.hypot(first[2] - first[1], second[2] - second[1]) / 2
        parts.append((mean, mean - half, mean + half))
    return over_seeds(parts)


def one_seed(task: CatalogueTask, differences: ArrayLike) -> tuple[float, float, float]:
    """Return mean, low and high of `differences` of the fine queries of one seed.

    By `shared_interval`: two queries may be correlated where a title has a grade above 0 in both.
    """
    graded = task.queries.grades[np.flatnonzero(task.fine)] > 0
    mean, low, high, _ = shared_interval(differences, graded)
    return mean, low, high
