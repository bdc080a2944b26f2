"""Means over seeds of the catalogue task, with Student's t.

Each seed draws its own catalogue, queries, weights and batches, so the spread between seeds holds
all of these. Within one seed queries share titles: `one_seed` allows for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import ttest_1samp

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


def over_seeds(values: ArrayLike) -> dict[str, float]:
    """Return ``mean``, ``low`` and ``high`` (95%, Student's t) of one value a seed, and ``p``.

    `p` is the two-sided p-value of the mean against 0.
    """
    values = np.asarray(values, dtype=np.float64)
    mean, low, high, _ = t_interval(values)
    p = float(ttest_1samp(values, 0).pvalue) if np.ptp(values) > 0 else float(mean == 0)
    return {"mean": mean, "low": low, "high": high, "p": p}


def pooled_rows(seeds: Tables) -> dict[str, dict[str, Any]]:
    """Return ``[system][measure]`` as from `over_seeds`, and ``[system]["pairs"][attribute]``.

    An attribute is kept where every seed has it.
    """
    found: dict[str, dict[str, Any]] = {}
    for system in seeds[0]:
        rows = [table[system] for table in seeds]
        names = [name for name in rows[0]["pairs"] if all(name in row["pairs"] for row in rows)]
        found[system] = {name: over_seeds([row[name][0] for row in rows]) for name in MEASURES}
        found[system]["pairs"] = {
            name: over_seeds([row["pairs"][name][0] for row in rows]) for name in names
        }
    return found


def difference(seeds: Tables, one: str, other: str, measure: str = "fine") -> dict[str, float]:
    """Return the mean of system `one` less `other`, paired by seed: the same titles and queries."""
    return over_seeds([table[one][measure][0] - table[other][measure][0] for table in seeds])


def one_seed(task: CatalogueTask, differences: ArrayLike) -> tuple[float, float, float]:
    """Return mean, low and high of `differences` of the fine queries of one seed.

    By `shared_interval`: two queries may be correlated where a title has a grade above 0 in both.
    """
    graded = task.queries.grades[np.flatnonzero(task.fine)] > 0
    mean, low, high, _ = shared_interval(differences, graded)
    return mean, low, high
