"""The trained arms at search: as re-rankers of a first stage, beside the backbone as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from paper_chapters.coarse_fine.arms import ARMS, Arm, pair_scores
from paper_chapters.coarse_fine.equal_training import (
    BUDGETS,
    RATE,
    SEEDS,
    TRAINING,
    trained_arm,
)
from paper_chapters.coarse_fine.judged_lists import GradedTitles, graded_titles
from paper_chapters.coarse_fine.judged_systems import bm25
from paper_utils.data.judged import judged_checksums
from paper_utils.panel.search import only_judged, search_values
from paper_utils.results import experiment
from paper_utils.statistics import bootstrap_interval

RERANKED = "crowdflower"  #: the set whose test queries are re-ranked: its pools are deep
DEPTHS = (10, 50, 200)


def final_arm(name: str, kind: str, trained: bool = True, *, seed: int = 0) -> Arm:
    """Return an arm at the last budget, or the backbone as it comes."""
    steps = BUDGETS[name][-1] if trained else 0
    return trained_arm(name, kind, n_steps=steps, rate=RATE[kind], seed=seed)[0]


def first_stage(data: GradedTitles, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the deepest of `DEPTHS` titles by BM25 for each of some queries, best first."""
    score, n = bm25(data), len(data.titles)
    found = np.empty((len(rows), max(DEPTHS)), dtype=np.int64)
    for at, row in enumerate(rows):
        scores = score(np.column_stack([np.full(n, row), np.arange(n)]))
        found[at] = np.argsort(-scores, kind="stable")[: max(DEPTHS)]
    return found


def reranked(first: NDArray, scores: NDArray, depth: int, n_titles: int) -> NDArray[np.float32]:
    """Return scores, (n_queries, n_titles), of lists whose first `depth` titles are in the order of
    `scores` and whose others stay. Both arrays (n_queries, n_first), in the order of the list.
    """
    place = np.tile(np.arange(first.shape[1], 0, -1.0), (len(first), 1))
    new = scores[:, :depth].argsort(axis=1, kind="stable").argsort(axis=1)
    place[:, :depth] = first.shape[1] - depth + 1 + new
    whole = np.zeros((len(first), n_titles), dtype=np.float32)
    np.put_along_axis(whole, first, place.astype(np.float32), axis=1)
    return whole


def _tasks() -> list[dict[str, Any]]:
    """Return the trained arms of all seeds, and the backbone as it comes of one."""
    cases = [(True, seed) for seed in SEEDS] + [(False, 0)]
    return [{"arm": arm, "trained": on, "seed": seed} for arm in ARMS for on, seed in cases]


@experiment(
    "equal-reranking",
    "Arms as re-rankers of BM25's first titles on crowdflower's test queries, by depth",
    tasks=_tasks,
    data=lambda: judged_checksums(RERANKED),
    tolerance=TRAINING,
    kinds=("arm",),
)
def reranking_row(arm: str, trained: bool, seed: int) -> dict[str, Any]:
    """Return by depth, 0 for BM25 alone, nDCG@10 of condensed lists [mean, low, high] over queries,
    and ``per_query``. Titles that nobody judged for a query leave its list.
    """
    data = graded_titles(RERANKED)
    rows = data.rows("test")
    first = first_stage(data, rows)
    pairs = np.column_stack([np.repeat(rows, first.shape[1]), first.ravel()])
    model = final_arm(RERANKED, arm, trained, seed=seed)
    scores = pair_scores(model, data.queries, data.titles, pairs).reshape(first.shape)
    qrels = data.grades[rows]
    found = {}
    for depth in (0, *DEPTHS):
        whole = reranked(first, scores, depth, len(data.titles))
        found[depth] = search_values(only_judged(lambda part, m=whole: m[part], qrels), qrels)
    return {
        "ndcg": {
            str(depth): [round(x, 5) for x in bootstrap_interval(values["ndcg_10"])[:3]]
            for depth, values in found.items()
        },
        "per_query": {
            str(depth): values["ndcg_10"].round(4).tolist() for depth, values in found.items()
        },
    }


def tower_vectors(model: Arm, texts: Sequence[str], side: int) -> NDArray[np.float32]:
    """Return the unit vectors of queries (`side` 0) or titles (1), (n, d)."""
    model.eval()
    with torch.inference_mode():
        parts = [model.encode(texts[at : at + 256], side) for at in range(0, len(texts), 256)]
    return torch.cat(parts).numpy()
