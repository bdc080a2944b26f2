"""Quality on the catalogue task beside what a search costs: time, memory, training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from paper_chapters.coarse_fine.indexed_systems import (
    System,
    fusion_system,
    lexical_systems,
    pretrained_systems,
    timed,
    tower_system,
)
from paper_chapters.coarse_fine.rows import values_by_query
from paper_chapters.coarse_fine.trained_cross_encoder import practised_cross_encoder, reading_system
from paper_chapters.coarse_fine.trained_towers import practised_tower
from paper_chapters.coarse_fine.untrained_rows import SMALL
from paper_utils.errors import UsageError
from paper_utils.results import experiment
from paper_utils.search.bootstrap import bootstrap_interval
from paper_utils.train.task import CatalogueTask, catalogue_task

DIMENSIONS = (64, 256)
DEPTHS = (10, 50, 200)
_ROUNDS, _ASKED = 3, 20


def measured(
    task: CatalogueTask, systems: Mapping[str, System], *, rounds: int = _ROUNDS
) -> list[dict[str, Any]]:
    """Return a row of quality and cost for each system, timed in turns.

    A round asks 20 queries one at a time (3 in the first round and of slow systems); the quickest
    counts, in processor time. `fine`, `coarse`: nDCG@10 with its interval.
    """
    asked = list(np.array(task.queries.texts)[:: max(1, len(task.queries) // _ASKED)][:_ASKED])
    quickest = dict.fromkeys(systems, np.inf)
    for _ in range(rounds):
        for name, system in systems.items():
            some = asked if quickest[name] < 10 else asked[:3]
            _, took = timed(lambda s=system, some=some: [_top_10(s.scores([q])) for q in some])
            quickest[name] = min(quickest[name], took / len(some))
    rows = []
    for name, system in systems.items():
        scores = system.scores(list(task.queries.texts))
        rows.append({"system": name, **_quality(task, scores), **_cost(system, quickest[name])})
    return rows


def _top_10(scores: NDArray) -> NDArray[np.int64]:
    return np.argpartition(-scores, 10, axis=1)[:, :10]


def _quality(task: CatalogueTask, scores: NDArray) -> dict[str, list[float]]:
    values = values_by_query(task, scores)
    return {
        name: [round(float(v), 6) for v in bootstrap_interval(values[name])[:3]]
        for name in ("fine", "coarse")
    }


def _cost(system: System, seconds: float) -> dict[str, float]:
    return {
        "queries_per_s": float(f"{1 / max(seconds, 1e-9):.4g}"),
        "index_mib": round(system.index_bytes / 2**20, 4),
        "model_mib": round(system.model_bytes / 2**20, 4),
        "practice_s": round(system.practice_s, 1),
        "index_s": round(system.index_s, 3),
    }


def _tasks() -> list[dict[str, Any]]:
    live = [{"language": language, "size": "small"} for language in ("ru", "en")]
    return [*live, {"language": "en", "size": "full"}]


@experiment(
    "catalogue-speed",
    "Quality on the catalogue task beside queries per second, memory and time of practice",
    tasks=_tasks,
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
        tower, took = practised_tower(task, d, kind, progress=f"{label}, {where}")
        found[label] = tower_system(tower, took, titles)
        if kind == "transformer":
            kept = tower  # the largest one is trained last
    tower = found[f"two towers, d = {DIMENSIONS[-1]}"]
    found["fusion of BM25 and two towers"] = both = fusion_system(bm25, tower)
    model, took = practised_cross_encoder(task, kept, progress=f"cross-encoder, {where}")
    for depth in DEPTHS:
        found[f"fusion, {depth} re-ranked"] = reading_system(model, took, titles, both, depth)
    found["cross-encoder, all titles"] = reading_system(model, took, titles)
    return found
