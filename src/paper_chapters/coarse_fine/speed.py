"""Quality on the catalogue task beside what a search costs: time, memory, training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from paper_chapters.coarse_fine.cross_encoder import trained_cross_encoder
from paper_chapters.coarse_fine.indexed_systems import (
    System,
    fusion_system,
    lexical_systems,
    pretrained_systems,
    reading_system,
    tower_system,
)
from paper_chapters.coarse_fine.rows import interval, values_by_query
from paper_chapters.coarse_fine.towers import timed
from paper_chapters.coarse_fine.trained_towers import trained_tower
from paper_chapters.coarse_fine.untrained_rows import SMALL
from paper_utils.errors import UsageError
from paper_utils.results import Tolerance, experiment
from paper_utils.train.task import CatalogueTask, catalogue_task

DIMENSIONS = (64, 256)
DEPTHS = (10, 50, 200)
_ROUNDS, _QUERIES = 3, 20


def measured(task: CatalogueTask, systems: Mapping[str, System]) -> list[dict[str, Any]]:
    """Return a row of quality and cost for each system, timed in turns. A round takes 20 queries
    one at a time, or 3 of systems that need 10 s each; the quickest of 3 rounds counts, in
    processor time, after 3 queries to warm up. `fine`, `coarse`: nDCG@10 with its interval.
    """
    texts = list(task.queries.texts)
    some = texts[:: max(1, len(texts) // _QUERIES)][:_QUERIES]
    slow = {name: _seconds(system, some[:3]) >= 10 for name, system in systems.items()}
    rounds = [
        {name: _seconds(s, some[:3] if slow[name] else some) for name, s in systems.items()}
        for _ in range(_ROUNDS)
    ]
    rows = []
    for name, system in systems.items():
        quickest = min(took[name] for took in rounds)
        cost = _cost(system, quickest)
        rows.append({"system": name, **_quality(task, system.scores(texts)), **cost})
    return rows


def _seconds(system: System, queries: Sequence[str]) -> float:
    """Processor seconds a query."""
    _, took = timed(lambda: [_top_10(system.scores([query])) for query in queries])
    return took / len(queries)


def _top_10(scores: NDArray) -> NDArray[np.int64]:
    return np.argpartition(-scores, 10, axis=1)[:, :10]


def _quality(task: CatalogueTask, scores: NDArray) -> dict[str, list[float]]:
    values = values_by_query(task, scores)
    return {name: interval(values[name]) for name in ("fine", "coarse")}


def _cost(system: System, seconds: float) -> dict[str, float]:
    return {
        "queries_per_s": float(f"{1 / max(seconds, 1e-9):.4g}"),
        "index_mib": round(system.index_bytes / 2**20, 4),
        "model_mib": round(system.model_bytes / 2**20, 4),
        "practice_s": round(system.training_s, 1),
        "index_s": round(system.index_s, 3),
    }


def _tasks() -> list[dict[str, Any]]:
    live = [{"language": language, "size": "small"} for language in ("ru", "en")]
    return [*live, {"language": "en", "size": "full"}]


@experiment(
    "catalogue-speed",
    "Quality on the catalogue task beside queries per second, memory and time of training",
    tasks=_tasks,
    tolerance=Tolerance(
        rel=1e-3,
        abs=0.03,
        unchecked=("queries_per_s", "index_s", "practice_s"),
        why="Trained systems are in it: twice the spread of nDCG between seeds, about 0.01.",
    ),
)
def catalogue_speed(language: str, size: str = "full", seed: int = 0) -> dict[str, Any]:
    """Return `rows` of quality and cost (`measured`) in one language, on one thread.
    `size` ``small``: a small task with the lexical systems alone, for a look in seconds.
    """
    if size not in ("full", "small"):
        raise UsageError(f"size must be 'full' or 'small', not {size!r}")
    task = catalogue_task(language, seed, **(SMALL if size == "small" else {}))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        systems = lexical_systems(task.items["title"])
        if size == "full":
            systems |= _trained_and_pretrained(task, systems["BM25"])
        rows = measured(task, systems)
    finally:
        torch.set_num_threads(threads)
    return {"n_items": len(task.items), "n_queries": len(task.queries), "threads": 1, "rows": rows}


def _trained_and_pretrained(task: CatalogueTask, bm25: System) -> dict[str, System]:
    titles, where = task.items["title"].tolist(), f"{task.language} {task.seed}"
    found = pretrained_systems(task)
    for kind, d in (*(("transformer", d) for d in DIMENSIONS), ("DSSM", 128)):
        label = f"{'two towers' if kind == 'transformer' else kind}, d = {d}"
        tower, took = trained_tower(task, d, kind, progress=f"{label}, {where}")
        found[label] = tower_system(tower, took, titles)
        if kind == "transformer":
            kept = tower  # the largest one is trained last
    tower = found[f"two towers, d = {DIMENSIONS[-1]}"]
    found["fusion of BM25 and two towers"] = both = fusion_system(bm25, tower)
    model, took = trained_cross_encoder(task, kept, progress=f"cross-encoder, {where}")
    for depth in DEPTHS:
        found[f"fusion, {depth} re-ranked"] = reading_system(model, took, titles, both, depth)
    found["cross-encoder, all titles"] = reading_system(model, took, titles)
    return found
