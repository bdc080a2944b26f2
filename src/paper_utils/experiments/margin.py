"""How wide a gap free vectors reach, and where a floating-point format loses its first set."""

from __future__ import annotations

import numpy as np

from paper_utils.errors import UsageError
from paper_utils.optimise.max_margin import max_margin
from paper_utils.results import experiment
from paper_utils.theory.construction import (
    equal_angles,
    trigonometric_curve,
    trigonometric_queries,
)
from paper_utils.theory.precision import lost_worst_sets
from paper_utils.theory.relevance import all_subsets, check_dimension

DIMS_46 = (4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 45)
DIMS_100 = (11, 12, 13, 14, 15, 16)
# The curve's own gap is some 1e-5: a softer minimum would not see it.
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
    "Widest gap found for all pairs of 46 and of 100 documents, by dimension",
    tasks=_frontier_tasks,
)
def frontier_gap(n: int, d: int, start: str, seed: int, k: int = 2) -> dict[str, float]:
    """Widen the least gap over all k-subsets of n documents, from one start.

    Parameters
    ----------
    n, d : int
        Documents and dimension.
    start : {'random', 'cyclic', 'curve'}
        As in :func:`~paper_utils.optimise.max_margin.max_margin`; 'curve' is the trigonometric
        curve in its 2k dimensions and noise in the others.
    seed : int
        Seed of the start.
    k : int
        Relevant documents of a query.

    Returns
    -------
    dict
        `gap`: the least gap reached, negative where some set is not returned.

    Examples
    --------
    >>> round(frontier_gap(n=6, d=5, start="random", seed=0)["gap"], 3)
    0.949
    """
    sets = all_subsets(n, k)
    if start != "curve":
        return {"gap": max_margin(sets, n, d, seed=seed, start=start).gap}
    check_dimension(d, name="d", least=2 * k)
    rng, angles = np.random.default_rng(seed), equal_angles(n)
    vectors = trigonometric_queries(sets, angles)[0], trigonometric_curve(angles, k)
    given = tuple(np.hstack([X, 0.01 * rng.normal(size=(len(X), d - 2 * k))]) for X in vectors)
    temperatures = FINE[-5:] if d == 2 * k else FINE  # the narrowest has no room for a detour
    found = max_margin(sets, n, d, start=given, temperatures=temperatures, max_evaluations=300)
    return {"gap": found.gap}


@experiment(
    "margin-onset",
    "First number of documents at which a format loses a set on the trigonometric curve",
    tasks=lambda: [
        {"k": 1, "dtype": "float16", "low": 6, "high": 200, "step": 1},
        {"k": 1, "dtype": "float32", "low": 6000, "high": 9000, "step": 1},
        {"k": 2, "dtype": "float16", "low": 9, "high": 60, "step": 1},
        {"k": 2, "dtype": "float32", "low": 9, "high": 250, "step": 1},
        {"k": 2, "dtype": "float64", "low": 16000, "high": 28000, "step": 10},
        {"k": 3, "dtype": "float32", "low": 12, "high": 90, "step": 1},
        {"k": 3, "dtype": "float64", "low": 1000, "high": 1800, "step": 1},
    ],
)
def onset(k: int, dtype: str, low: int, high: int, step: int = 1) -> dict[str, int]:
    """Look for the first loss among the sets with the narrowest gaps.

    Parameters
    ----------
    k : int
        Relevant documents of a query.
    dtype : {'float16', 'float32', 'float64'}
        Format of vectors, products and sums.
    low, high, step : int
        Numbers of documents tried: from `low`, in steps, below `high`.

    Returns
    -------
    dict
        `first`: the least n tried at which a set is lost; `lost` of the `checked` sets there.

    Raises
    ------
    UsageError
        Nothing is lost in the range, or already at its lower end.

    Examples
    --------
    >>> onset(2, "float16", 9, 60)
    {'first': 20, 'lost': 8, 'checked': 60}
    """
    for n in range(low, high, step):
        lost, checked = lost_worst_sets(n, k, dtype)
        if lost:
            if n == low:
                raise UsageError(f"{dtype} loses {k}-subsets at n = {low} already; lower `low`")
            return {"first": n, "lost": lost, "checked": checked}
    raise UsageError(f"{dtype} loses no {k}-subset for n from {low} to {high - 1}; raise `high`")
