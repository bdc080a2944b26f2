"""The widest margin that free vectors reach."""

from __future__ import annotations

import numpy as np

from paper_utils.checks import whole
from paper_utils.optimise.max_margin import max_margin
from paper_utils.results import Tolerance, experiment
from paper_utils.theory.construction import (
    equal_angles,
    trigonometric_curve,
    trigonometric_queries,
)
from paper_utils.theory.relevance import all_subsets

DIMS_46 = (4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 45)
DIMS_100 = (11, 12, 13, 14, 15, 16)
# The curve's own margin is some 1e-5: a softer minimum would not see it.
FINE = tuple(float(t) for t in np.geomspace(1e-2, 1e-6, 10))


def _frontier_tasks() -> list[dict]:
    small = [
        {"n": 46, "d": d, "start": start, "seed": seed}
        for d in DIMS_46
        for start in ("random", "cyclic")
        for seed in range(3)
    ]
    curve = [{"n": 46, "d": d, "start": "curve", "seed": s} for d in (4, 5, 6) for s in range(3)]
    large = [
        {"n": 100, "d": d, "start": start, "seed": seed}
        for d in DIMS_100
        for start in ("random", "cyclic")
        for seed in range(2)
    ]
    return small + curve + large


@experiment(
    "margin-frontier",
    "Widest margin found for all pairs of 46 and of 100 documents, by dimension",
    tasks=_frontier_tasks,
    tolerance=Tolerance(
        rel=1e-3,
        abs=0.005,
        why="The widest margin that an optimiser finds: it moves by 0.001, at most 0.012, with the "
        "seed.",
    ),
    kinds=("start",),
)
def frontier_margin(n: int, d: int, start: str, seed: int, k: int = 2) -> dict[str, float]:
    """Widen the least margin over all k-subsets of n documents, `gap`; negative where some set is
    not returned. `start` 'curve' is the trigonometric curve in its 2k dimensions and noise in the
    others; the rest as in :func:`~paper_utils.optimise.max_margin.max_margin`.
    """
    sets = all_subsets(n, k)
    if start != "curve":
        return {"gap": max_margin(sets, n, d, seed=seed, start=start).margin}
    whole("d", d, least=2 * k)
    rng, angles = np.random.default_rng(seed), equal_angles(n)
    vectors = trigonometric_queries(sets, angles)[0], trigonometric_curve(angles, k)
    given = tuple(np.hstack([X, 0.01 * rng.normal(size=(len(X), d - 2 * k))]) for X in vectors)
    temperatures = FINE[-5:] if d == 2 * k else FINE  # the narrowest has no room for a detour
    found = max_margin(sets, n, d, start=given, temperatures=temperatures, max_evaluations=300)
    return {"gap": found.margin}
