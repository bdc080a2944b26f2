"""Free embeddings under the published settings, and how often their critical n is reached."""

from __future__ import annotations

from typing import Any

from paper_chapters.free_embeddings.objectives import (
    AS_PUBLISHED,
    ONE_MORE_OR_LESS,
    critical_row,
    find_objective,
)
from paper_utils.optimise.critical import solving_seeds
from paper_utils.results import Tolerance, experiment


def _published_tasks() -> list[dict[str, Any]]:
    return [  # fewer starts where one costs a minute
        {"objective": AS_PUBLISHED, "d": d, "n_seeds": 6 if d <= 12 else 3, "largest": 400}
        for d in range(2, 17)
    ]


experiment(
    "free-embeddings-critical-n",
    "Critical n of free embeddings for pairs: the published descent at d = 2 to 16",
    tasks=_published_tasks,
    tolerance=ONE_MORE_OR_LESS,
)(critical_row)


# From an n that every start solves to one that none does.
WINDOWS = {4: (7, 12), 6: (15, 22), 8: (24, 33), 10: (34, 43)}


def _rate_tasks() -> list[dict[str, Any]]:
    curves = [
        {"objective": AS_PUBLISHED, "d": d, "n": n, "n_seeds": 20}
        for d, (low, high) in WINDOWS.items()
        for n in range(low, high + 1)
    ]
    # The least dimension for a given number of documents; LIMIT-small has 46.
    reach = {AS_PUBLISHED: (10, 14), "InfoNCE, T = 0.02": (5, 8), "sigmoid": (5, 9)}
    reach |= {"squared hinge": (6, 9), "max-margin": (4, 7)}
    least = [
        {"objective": name, "d": d, "n": 46, "n_seeds": 6}
        for name, (low, high) in reach.items()
        for d in range(low, high + 1)
    ]
    return curves + least


@experiment(
    "free-embeddings-success",
    "How many starts solve all pairs of n documents: near the edge, and at n = 46 by objective",
    tasks=_rate_tasks,
    tolerance=Tolerance(
        abs=2,
        why="Counts of up to 20 starts of a descent: near the edge rounding decides one or two.",
    ),
    kinds=("objective",),
)
def success(objective: str, d: int, n: int, n_seeds: int) -> dict[str, int]:
    """Count the starts (seeds 0, 1, …) from which an objective solves all pairs of n documents."""
    loss, protocol = find_objective(objective)
    return {"solved": len(solving_seeds(n, d, 2, loss, tuple(range(n_seeds)), protocol))}
