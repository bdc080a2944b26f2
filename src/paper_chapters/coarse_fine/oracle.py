"""A reader of attributes that allows for what a title leaves out: the room that a re-ranker has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paper_chapters.coarse_fine.rows import row, values_by_query
from paper_chapters.coarse_fine.untrained_rows import SEEDS, SMALL
from paper_utils.data.diy_queries import CONSTRAINTS
from paper_utils.errors import UsageError
from paper_utils.results import Tolerance, experiment
from paper_utils.train.task import CatalogueTask, attribute_pairs, catalogue_task

STATES = ("matches", "not stated", "states otherwise")  #: what a title says of a wanted value


@dataclass(frozen=True)
class Kind:
    """Items of one class and power source: what each has, and whether its title states it."""

    rows: NDArray[np.int64]  # (n,)
    values: Mapping[str, NDArray]  # by attribute, (n,)
    says: Mapping[str, NDArray[np.bool_]]  # by attribute, (n,); every title states its brand

    def met(self, need: Mapping[str, Any]) -> dict[str, NDArray[np.bool_]]:
        """Return by attribute of `need` which items have the value; class and power aside."""
        return {name: self.values[name] == need[name] for name in CONSTRAINTS if name in need}

    def states(self, need: Mapping[str, Any]) -> dict[str, NDArray[np.int64]]:
        """Return by attribute of `need` the place in `STATES` of what each title says of it."""
        met = self.met(need)
        return {n: np.where(self.says[n], np.where(met[n], 0, 2), 1) for n in met}


def kinds_of(items: pd.DataFrame) -> dict[tuple[str, str], Kind]:
    """Return the items by class and power source."""
    found = {}
    frame = items.reset_index(drop=True)
    for key, part in frame.groupby(["tool_class", "power_source"]):
        said = [{*text.split(), "brand"} for text in part["mentions"]]
        found[key] = Kind(
            part.index.to_numpy(),
            {name: part[name].to_numpy() for name in CONSTRAINTS},
            {name: np.array([name in words for words in said]) for name in CONSTRAINTS},
        )
    return found


def match_chances(task: CatalogueTask) -> dict[str, NDArray[np.float64]]:
    """Return, by attribute, how often an item has a wanted value, given each of `STATES`, (3,).

    Counted over training queries and the training items of their class and power source; half an
    item is added to both counts, so that no chance is 0 or 1.
    """
    kinds = kinds_of(task.training_items)
    found = {name: np.full((len(STATES), 2), 0.5) for name in CONSTRAINTS}
    for need in task.training_queries.needs:
        kind = kinds[need["tool_class"], need["power_source"]]
        met = kind.met(need)
        for name, state in kind.states(need).items():
            np.add.at(found[name], (state, met[name].astype(int)), 1)
    return {name: counts[:, 1] / counts.sum(axis=1) for name, counts in found.items()}


def oracle_scores(task: CatalogueTask) -> NDArray[np.float64]:
    """Return the log-probability that each test item has all a query names, (n_queries, n_items).

    The sum of the logs of `match_chances`, as if attributes were independent; class and power
    source are always read. It knows no more than the named attributes and the training data.
    """
    weights = {name: np.log(chance) for name, chance in match_chances(task).items()}
    kinds = kinds_of(task.items)
    scores = np.full((len(task.queries), len(task.items)), -1e3)
    for number, need in enumerate(task.queries.needs):
        kind = kinds[need["tool_class"], need["power_source"]]
        read = [weights[name][state] for name, state in kind.states(need).items()]
        scores[number, kind.rows] = np.sum(read, axis=0) if read else 0.0
    return scores


def _tasks() -> list[dict[str, Any]]:
    live = [{"language": language, "size": "small"} for language in ("ru", "en")]
    full = [{"language": language, "seed": seed} for language in ("ru", "en") for seed in SEEDS]
    return live + full


@experiment(
    "catalogue-oracle",
    "The catalogue task for a reader of attributes that allows for what titles leave out",
    tasks=_tasks,
    tolerance=Tolerance(rel=1e-6, abs=1e-6, why="Counts and sums in double precision."),
)
def oracle_row(language: str, seed: int = 0, size: str = "full") -> dict[str, Any]:
    """Return the row of `oracle_scores` by `rows.row`, and `fine per query`.

    `chances` by attribute; `unstated`: share of the named attributes of fine queries that the
    titles of the class and power source leave out. `size` ``small``: a look in seconds.
    """
    if size not in ("full", "small"):
        raise UsageError(f"size must be 'full' or 'small', not {size!r}")
    task = catalogue_task(language, seed, **(SMALL if size == "small" else {}))
    scores = oracle_scores(task)
    kinds = kinds_of(task.items)
    said = [
        state
        for need in task.queries.needs
        for state in kinds[need["tool_class"], need["power_source"]].states(need).values()
    ]
    fine = values_by_query(task, scores)["fine"]
    return row("attribute oracle", task, scores, attribute_pairs(task)) | {
        "chances": {n: c.round(6).tolist() for n, c in match_chances(task).items()},
        "unstated": float((np.concatenate(said) == STATES.index("not stated")).mean()),
        "fine per query": fine.round(4).tolist(),
    }
