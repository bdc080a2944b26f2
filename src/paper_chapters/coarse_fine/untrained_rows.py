"""The catalogue task for systems not trained on it: lexical, hashed, set codes, pre-trained."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.coarse_fine.indexed_systems import lexical_systems, pretrained_systems
from paper_chapters.coarse_fine.rows import oracle_recall, row
from paper_utils.errors import UsageError
from paper_utils.results import Tolerance, experiment
from paper_utils.train.task import CatalogueTask, attribute_pairs, catalogue_task

SEEDS = (0, 1, 2)
DEPTHS = (10, 20, 50, 100, 200)
#: Sizes of the small task, which the chapter computes live.
SMALL = {"n_train": 300, "n_items": 250, "n_train_queries": 240, "n_queries": 90}


def attribute_oracle(task: CatalogueTask) -> NDArray[np.float64]:
    """Return how much of what each query needs each title says, (n_queries, n_items).
    An attribute counts where the item has it and its title mentions it; brand, class and power
    source always count as mentioned. The last two weigh 10.
    """
    items = task.items
    said = [{*text.split(), "brand", "tool_class", "power_source"} for text in items["mentions"]]
    columns = {name: np.array([name in found for found in said]) for name in _needed(task)}
    values = {name: items[name].to_numpy() for name in columns}
    scores = np.zeros((len(task.queries), len(items)))
    for number, need in enumerate(task.queries.needs):
        for name, wanted in need.items():
            weight = 10.0 if name in ("tool_class", "power_source") else 1.0
            scores[number] += weight * (columns[name] & (values[name] == wanted))
    return scores


def _needed(task: CatalogueTask) -> list[str]:
    return sorted({name for need in task.queries.needs for name in need})


def _tasks() -> list[dict[str, Any]]:
    live = [{"language": language, "size": "small"} for language in ("ru", "en")]
    return live + [
        {"language": language, "seed": seed} for language in ("ru", "en") for seed in SEEDS
    ]


@experiment(
    "catalogue-untrained",
    "The catalogue task for systems not trained on it: lexical ones and pre-trained encoders",
    tasks=_tasks,
    tolerance=Tolerance(
        rel=1e-3,
        abs=0.01,
        why="Single precision: near ties change places, and some rates rest on few pairs.",
    ),
)
def untrained_rows(language: str, seed: int = 0, size: str = "full") -> dict[str, Any]:
    """Return rows of the systems not trained on the task, on the test of one language and seed.
    `size` ``small``: a small task without neural encoders, for a look in seconds. Numbers of items,
    queries and `pairs`; `rows` by `rows.row`; `oracle`, recall by depth.
    """
    if size not in ("full", "small"):
        raise UsageError(f"size must be 'full' or 'small', not {size!r}")
    task = catalogue_task(language, seed, **(SMALL if size == "small" else {}))
    pairs = attribute_pairs(task)
    chance = np.random.default_rng([seed, 11]).random((len(task.queries), len(task.items)))
    systems = lexical_systems(task.items["title"])
    if size == "full":
        systems |= pretrained_systems(task)
    scores = {name: system.scores(list(task.queries.texts)) for name, system in systems.items()}
    everything = {"chance": chance, "attributes read": attribute_oracle(task)} | scores
    return {
        "n_items": len(task.items),
        "fine": int(task.fine.sum()),
        "coarse": int((~task.fine).sum()),
        "pairs": {str(name): int(n) for name, n in pairs.groupby("attribute").size().items()},
        "rows": [row(name, task, found, pairs) for name, found in everything.items()],
        "oracle": {name: oracle_recall(task, found, DEPTHS) for name, found in scores.items()},
    }
