"""How many dimensions the coarse and the fine relevance of the catalogue task need at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.results import Tolerance, experiment
from paper_utils.theory.realise import realise
from paper_utils.theory.signrank import sign_rank_bounds
from paper_utils.train.task import catalogue_task

LEVELS = ("coarse", "fine", "both")
DIMS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24)
N_STARTS = 3
_EVALUATIONS = 150  # a margin; a start that succeeds takes fewer
#: The task as fixed, a part of it beside random relevance of equal sizes, and a look in seconds.
SIZES = {
    "full": {},
    "part": {"n_train": 60, "n_items": 400, "n_train_queries": 40, "n_queries": 150},
    "small": {"n_train": 60, "n_items": 200, "n_train_queries": 40, "n_queries": 60},
}


def relevance(level: str, seed: int = 0, *, size: str = "full") -> NDArray[np.bool_]:
    """Return the relevance (n_queries, n_items) of the test's queries of one of `LEVELS`.
    Equal rows are there once: such queries can share a vector, so the least dimension is the same.
    ``both``: one set of item vectors answers all. Both languages have the same needs.
    """
    if level not in LEVELS:
        raise UsageError(f"level {level!r}: {did_you_mean(level, LEVELS)}")
    if size not in SIZES:
        raise UsageError(f"size {size!r}: {did_you_mean(size, SIZES)}")
    task = catalogue_task("en", seed, **SIZES[size])
    A = (task.queries.grades == 2).toarray()
    rows = {"coarse": ~task.fine, "fine": task.fine, "both": np.ones(len(A), dtype=bool)}[level]
    return np.unique(A[rows], axis=0)


def same_sums(A: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Return random relevance with as many relevant items for each query."""
    rng = np.random.default_rng([seed, 3])
    order = rng.random(A.shape).argsort(axis=1).argsort(axis=1)
    return order < A.sum(axis=1, keepdims=True)


def _tasks() -> list[dict[str, Any]]:
    kinds = [("small", (False,), (0,)), ("part", (False, True), (0, 1)), ("full", (False,), (0, 1))]
    return [
        {"level": level, "control": control, "seed": seed, "size": size}
        for size, controls, seeds in kinds
        for seed in seeds
        for level in LEVELS
        for control in controls
    ]


@experiment(
    "fine-rank",
    "Sign-rank bounds and the least dimension of a free fit, coarse and fine relevance",
    tasks=_tasks,
    tolerance=Tolerance(
        rel=1e-6,
        abs=0.01,
        why="The margin is where an optimiser stops: it moves by 0.009 with the seed. Ranks, "
        "dimensions and shares of starts are whole steps, which must be equal.",
    ),
    kinds=("size",),
)
def least_dimensions(level: str, control: bool, seed: int, size: str) -> dict[str, Any]:
    """Bound the dimension of one level's relevance, or of a random `control`; fit free vectors.
    `rates`: dimension -> share of starts that put every relevant item above all others (squared
    hinge, L-BFGS), until two in a row succeed always; `gap`: least margin at the last, median of
    starts; `free`: least dimension where a start succeeds; bounds are [lower, upper].
    """
    A = relevance(level, seed, size=size)
    if control:
        A = same_sums(A, seed)
    A = np.unique(np.unique(A, axis=0), axis=1)
    rates: dict[str, float] = {}
    margins: list[float] = []
    for d in DIMS:
        found = [
            realise(A, d, seed=start, max_evaluations=_EVALUATIONS) for start in range(N_STARTS)
        ]
        rates[str(d)] = float(np.mean([fit.solved for fit in found]))
        margins = [fit.margin for fit in found]
        if list(rates.values())[-2:] == [1.0, 1.0]:
            break
    free = next((int(d) for d, rate in rates.items() if rate > 0), None)
    bounds = sign_rank_bounds(A, repeated="merge", seeds=())
    high = min(bounds.dimension_upper, free or bounds.dimension_upper)
    return {
        "shape": list(A.shape),
        "relevant": float(A.sum(axis=1).mean()),
        "sign_rank": [bounds.lower, min(bounds.upper, high + 1)],
        "dimension": [bounds.dimension_lower, high],
        "rates": rates,
        "gap": float(np.median(margins)),
        "free": free,
    }
