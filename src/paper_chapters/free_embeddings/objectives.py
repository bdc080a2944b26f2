"""Free embeddings: critical n by objective."""

from __future__ import annotations

import re
from typing import Any

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.optimise.critical import critical_n
from paper_utils.optimise.descent import PUBLISHED, Protocol
from paper_utils.results import Tolerance, experiment

# Name of a curve -> objective of `critical_n` and protocol of the descent.
OBJECTIVES: dict[str, tuple[str, Protocol]] = {
    "InfoNCE, T = 0.1": ("infonce", PUBLISHED),
    "InfoNCE, T = 0.02": ("infonce", Protocol(temperature=0.02)),
    "sigmoid": ("sigmoid", PUBLISHED),
    "squared hinge": ("hinge", PUBLISHED),
    "max-margin": ("max-margin", PUBLISHED),
}
AS_PUBLISHED = "InfoNCE, T = 0.1"
ONE_MORE_OR_LESS = Tolerance(
    abs=1,
    why="Descent from random starts: rounding may let one start more or less, or one document more "
    "or less, be solved.",
)


def find_objective(name: str) -> tuple[str, Protocol]:
    """Return the objective and protocol of a curve: one of `OBJECTIVES`, or InfoNCE at another T.

    >>> find_objective("InfoNCE, T = 0.05")[1].temperature
    0.05
    """
    if at := re.fullmatch(r"InfoNCE, T = (\d*\.?\d+)", name):
        return "infonce", Protocol(temperature=float(at[1]))
    if name not in OBJECTIVES:
        raise UsageError(f"objective = {name!r}: {did_you_mean(name, OBJECTIVES)}")
    return OBJECTIVES[name]


def _other_tasks() -> list[dict[str, Any]]:
    # Where an objective is still solving at `largest`, that is a lower bound.
    reach = {"InfoNCE, T = 0.02": 6, "sigmoid": 6, "squared hinge": 7, "max-margin": 7}
    return [
        {"objective": name, "d": d, "n_seeds": 4, "largest": 60}
        for name, most in reach.items()
        for d in range(2, most + 1)
    ]


@experiment(
    "free-embeddings-objectives",
    "Critical n of free embeddings for pairs: other objectives than the published one",
    tasks=_other_tasks,
    tolerance=ONE_MORE_OR_LESS,
    kinds=("objective",),
)
def critical_row(objective: str, d: int, n_seeds: int, largest: int, k: int = 2) -> dict[str, Any]:
    """Search the critical n of a curve in d dimensions, for sets of k, up to `largest`.
    `best`, `sure`, `per_seed` as in `CriticalN`; `n`, `solved`: each n tried, and by how many seeds
    it was solved.
    """
    loss, protocol = find_objective(objective)
    found = critical_n(
        d, k, objective=loss, seeds=range(n_seeds), protocol=protocol, largest=largest
    )
    return {
        "best": found.best,
        "sure": found.sure,
        "per_seed": list(found.per_seed.values()),
        "n": list(found.solved),
        "solved": [len(seeds) for seeds in found.solved.values()],
    }
