"""The record of bits for all pairs, read as documents against bits of a vector."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from paper_utils.statistics import Interval, t_interval


def documents_by_bits(
    tasks: Iterable[tuple[dict[str, Any], dict[str, Any], float]],
) -> pd.DataFrame:
    """Return `code`, `seed`, `bits` of a document's vector and documents `n`, one row a code found.
    Of the curve documents alone are rounded; so of optimised vectors, at their best scale and in
    the dimension that takes the fewest bits.
    """
    rows: list[tuple[str, int, float, int]] = []
    least: dict[tuple[int, int], float] = {}
    for task, value, _ in tasks:
        seed, kind = task.get("seed", 0), task["code"]
        if kind == "greedy":
            rows.append(("greedy signs", seed, task["d"], value["n"]))
        elif kind == "curve":
            rows.append(("curve, d = 4", seed, 4 * task["bits"], value["n"]["documents"]))
        elif kind == "random":
            name = "random signs" if task["bits"] == 1 else f"random, {task['bits']} bits"
            rows.append((name, seed, task["bits"] * value["d"], task["n"]))
        elif value["bits"]:
            bits = task["d"] * value["bits"]["rescored"][0]
            least[task["n"], seed] = min(bits, least.get((task["n"], seed), math.inf))
    rows += [("optimised, rounded", seed, bits, n) for (n, seed), bits in least.items()]
    return pd.DataFrame(rows, columns=["code", "seed", "bits", "n"])


def growth(found: pd.DataFrame) -> Interval:
    """Return by how much log2 n grows per bit: a line for each seed, Student's t over them.
    One seed alone has no interval: both ends are its value.
    """
    slopes = [
        np.polyfit(part["bits"], np.log2(part["n"].astype(float)), 1)[0]
        for _, part in found.groupby("seed")
    ]
    if len(slopes) == 1:
        return Interval(slopes[0], slopes[0], slopes[0], 1)
    return t_interval(slopes)


def bits_for(found: pd.DataFrame, n: float) -> dict[int, float]:
    """Return seed -> bits at which a code holds n documents, interpolated in log2 n."""
    return {
        seed: float(np.interp(math.log2(n), np.log2(part["n"].astype(float)), part["bits"]))
        for seed, part in found.sort_values("n").groupby("seed")
    }
