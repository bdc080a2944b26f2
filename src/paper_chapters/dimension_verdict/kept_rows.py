"""What the records of `kept_numbers` say: curves of numbers per document, and differences."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.statistics import t_interval

#: What a set is called, and the measure that its rows are read by.
SETS = {"limit-small": ("LIMIT-small", "recall_2"), "xquad-r-en": ("sentences", "ndcg_10")}

Tasks = Iterable[tuple[dict[str, Any], dict[str, Any], float]]
Ends = tuple[float, float, float]  #: mean, low, high


def kept_rows(tasks: Tasks) -> pd.DataFrame:
    """Return one row for each set, system and number of numbers, in % of the set's measure; `noise`
    is half of the interval that draws of random vectors alone would give.
    """
    rows = []
    for task, value, _ in tasks:
        if task["source"] not in SETS:
            continue
        name, measure = SETS[task["source"]]
        for row in value["rows"]:
            ends = dict(zip(("mean", "low", "high"), 100 * np.array(row[measure]), strict=True))
            known = {"set": name, "system": row["system"], "numbers": row["numbers"]}
            rows.append(known | ends | {"noise": _noise(row["draws"])})
    return pd.DataFrame(rows)


def _noise(draws: list[float]) -> float:
    if len(draws) < 2:
        return 0.0
    found = t_interval(100 * np.array(draws))
    return (found.high - found.low) / 2


def curve(rows: pd.DataFrame, name: str, system: str) -> pd.DataFrame:
    """Return the rows of one system on one set, by their numbers."""
    found = rows[(rows["set"] == name) & (rows["system"] == system)]
    if found.empty:
        known = sorted(rows["system"].unique())
        raise UsageError(f"no system {system!r} on {name!r}; {did_you_mean(system, known)}")
    return found.sort_values("numbers", ignore_index=True)


def at(rows: pd.DataFrame, name: str, system: str, numbers: float = math.inf) -> pd.Series:
    """Return the row whose numbers are nearest to `numbers` in ratio; the largest if infinite."""
    line = curve(rows, name, system)
    if math.isinf(numbers):
        return line.iloc[-1]
    return line.loc[np.log(line["numbers"] / numbers).abs().idxmin()]


def difference(one: pd.Series, other: pd.Series) -> Ends:
    """Return the difference of two rows with an interval as if they were independent, which is too
    wide for systems that find the same queries hard; draws of random vectors add their noise.
    """
    gap = one["mean"] - other["mean"]
    parts = [(row["high"] - row["low"]) / 2 for row in (one, other)]
    half = math.hypot(*parts, one["noise"], other["noise"])
    return gap, gap - half, gap + half


def at_each_size(rows: pd.DataFrame, system: str, other: str) -> dict[str, Ends]:
    """Return the difference from `other` at each size of `system`: 'set, numbers' -> ends."""
    return {
        f"{name}, {row['numbers']:,.0f} numbers": difference(
            row, at(rows, name, other, row["numbers"])
        )
        for name, _ in SETS.values()
        for _, row in curve(rows, name, system).iterrows()
    }
