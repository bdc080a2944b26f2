"""What each of several changes is worth, averaged over all orders in which they can be made."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.errors import UsageError
from paper_utils.statistics import shared_interval


def shapley(
    cells: Mapping[frozenset[str], NDArray[np.float64]], members: sparse.csr_array
) -> dict[str, Any]:
    """Return the worth of each change from the values of every query, shape (n_queries,), under
    every set of changes. `shares`: change -> [mean, low, high] over all orders (L. Shapley, "A
    value for n-person games", 1953), queries sharing the `members`; they add up to `whole`, of the
    same form. `steps`: change -> least and largest mean of one step. `cells`: set -> mean.
    """
    changes = sorted(max(cells, key=len))
    subsets = (itertools.combinations(changes, n) for n in range(len(changes) + 1))
    sets = [frozenset(chosen) for chosen in itertools.chain.from_iterable(subsets)]
    if missing := [set(s) for s in sets if s not in cells]:
        raise UsageError(f"no values for the changes {missing[0]}; every set of them is needed")
    orders = list(itertools.permutations(changes))
    steps: dict[str, list[NDArray]] = {change: [] for change in changes}
    for order in orders:
        for place, change in enumerate(order):
            before = frozenset(order[:place])
            steps[change].append(cells[before | {change}] - cells[before])
    whole = cells[frozenset(changes)] - cells[frozenset()]
    return {
        "shares": {
            change: list(shared_interval(np.mean(rows, axis=0), members)[:3])
            for change, rows in steps.items()
        },
        "whole": list(shared_interval(whole, members)[:3]),
        "steps": {
            change: [float(min(map(np.mean, rows))), float(max(map(np.mean, rows)))]
            for change, rows in steps.items()
        },
        "cells": {", ".join(sorted(s)) or "none": float(cells[s].mean()) for s in sets},
    }
