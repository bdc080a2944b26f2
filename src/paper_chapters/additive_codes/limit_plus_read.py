"""The records of LIMIT+, read as one value a system, way of asking, measure and collection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from paper_utils.statistics import Interval, t_interval

#: Ways of asking -> how a table calls them; 'control' has the answers of 'not', asked with 'and'.
WAYS = {"and": "and", "A + B": "A + B", "not": "not", "not, asked with and": "control"}
WAYS |= {"A - B": "A \N{MINUS SIGN} B"}


def by_collection(tasks: Iterable[tuple[dict[str, Any], dict[str, Any], float]]) -> pd.DataFrame:
    """Return the means over queries: columns `system`, `seed`, `way`, `measure`, `value`."""
    rows = [
        (task["system"], task["seed"], way, measure, mean)
        for task, value, _ in tasks
        for way, found in value.items()
        for measure, (mean, *_) in found.items()
    ]
    return pd.DataFrame(rows, columns=["system", "seed", "way", "measure", "value"])


def by_way(found: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the mean over collections, one row a system in the order of `found`, by way."""
    part = found[found["measure"] == measure]
    table = part.pivot_table(index="system", columns="way", values="value", sort=False)
    return table[[way for way in WAYS if way in table]].rename(columns=WAYS)


def difference(found: pd.DataFrame, measure: str, one: str, other: str) -> dict[str, Interval]:
    """Return system -> `one` minus `other` on the same collections, Student's t over them."""
    part = found[found["measure"] == measure]
    wide = part.pivot_table(index=["system", "seed"], columns="way", values="value", sort=False)
    apart = (wide[one] - wide[other]).groupby(level="system", sort=False)
    return {name: t_interval(values.to_numpy()) for name, values in apart}
