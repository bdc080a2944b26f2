"""Free embeddings: critical n by objective, and how often it is reached."""

from __future__ import annotations

from typing import Any

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.optimise.critical import critical_n, solving_seeds
from paper_utils.optimise.descent import PUBLISHED, Protocol
from paper_utils.results import experiment

# Name of a curve -> objective of `critical_n` and protocol of the descent.
OBJECTIVES: dict[str, tuple[str, Protocol]] = {
    "InfoNCE, T = 0.1": ("infonce", PUBLISHED),
    "InfoNCE, T = 0.02": ("infonce", Protocol(temperature=0.02)),
    "sigmoid": ("sigmoid", PUBLISHED),
    "squared hinge": ("hinge", PUBLISHED),
    "max-margin": ("max-margin", PUBLISHED),
}
AS_PUBLISHED = "InfoNCE, T = 0.1"


def find_objective(name: str) -> tuple[str, Protocol]:
    """Return the objective and protocol that a curve of the chapter stands for.

    Parameters
    ----------
    name : str
        One of `OBJECTIVES`.

    Raises
    ------
    UsageError
        None of them.

    Examples
    --------
    >>> find_objective("squared hinge")[0]
    'hinge'
    """
    if name not in OBJECTIVES:
        raise UsageError(f"objective = {name!r}: {did_you_mean(name, OBJECTIVES)}")
    return OBJECTIVES[name]


def _published_tasks() -> list[dict[str, Any]]:
    # Fewer starts where one costs a minute.
    return [
        {"objective": AS_PUBLISHED, "d": d, "n_seeds": 6 if d <= 12 else 3, "largest": 400}
        for d in range(2, 17)
    ]


def _other_tasks() -> list[dict[str, Any]]:
    # Where an objective is still solving at `largest`, that is a lower bound.
    reach = {"InfoNCE, T = 0.02": (7, 100), "sigmoid": (7, 100)}
    reach |= {"squared hinge": (9, 100), "max-margin": (7, 60)}
    return [
        {"objective": name, "d": d, "n_seeds": 4, "largest": largest}
        for name, (most, largest) in reach.items()
        for d in range(2, most + 1)
    ]


@experiment(
    "free-embeddings-objectives",
    "Critical n of free embeddings for pairs: other objectives than the published one",
    tasks=_other_tasks,
)
@experiment(
    "free-embeddings-critical-n",
    "Critical n of free embeddings for pairs: the published descent at d = 2 to 16",
    tasks=_published_tasks,
)
def critical_row(objective: str, d: int, n_seeds: int, largest: int) -> dict[str, Any]:
    """Search the critical n of one objective in one dimension.

    Parameters
    ----------
    objective : str
        One of `OBJECTIVES`.
    d : int
        Dimension.
    n_seeds : int
        Starts at each n: seeds 0, 1, ...
    largest : int
        Largest n to try.

    Returns
    -------
    dict
        `best`, `sure` and `per_seed` of :class:`~paper_utils.optimise.critical.CriticalN`;
        `n` and `solved`: the n that were tried and how many seeds solved each.

    Raises
    ------
    UsageError
        An unknown objective, or sizes that `critical_n` refuses.

    Examples
    --------
    >>> critical_row("squared hinge", 3, n_seeds=2, largest=20)["best"]
    4
    """
    loss, protocol = find_objective(objective)
    found = critical_n(d, objective=loss, seeds=range(n_seeds), protocol=protocol, largest=largest)
    return {
        "best": found.best,
        "sure": found.sure,
        "per_seed": list(found.per_seed.values()),
        "n": list(found.solved),
        "solved": [len(seeds) for seeds in found.solved.values()],
    }


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
)
def success(objective: str, d: int, n: int, n_seeds: int) -> dict[str, int]:
    """Count the starts from which an objective solves all pairs of n documents.

    Parameters
    ----------
    objective : str
        One of `OBJECTIVES`.
    d, n : int
        Dimension and documents.
    n_seeds : int
        Starts: seeds 0, 1, ...

    Returns
    -------
    dict
        `solved`, the number of starts.

    Raises
    ------
    UsageError
        An unknown objective, or bad sizes.

    Examples
    --------
    >>> success("InfoNCE, T = 0.1", 4, 6, n_seeds=2)
    {'solved': 2}
    """
    loss, protocol = find_objective(objective)
    return {"solved": len(solving_seeds(n, d, 2, loss, tuple(range(n_seeds)), protocol))}
