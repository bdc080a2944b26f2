"""What the records on words in a vector say: numbers for a share, pairs that reach the fusion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from paper_chapters.hybrid_vector.one_index import MARGIN
from paper_utils.panel.remedy_evidence import over_pairs
from paper_utils.statistics import RandomEffects, wilson_interval

Tasks = Iterable[tuple[dict[str, Any], dict[str, Any], float]]


def share_rows(tasks: Tasks) -> pd.DataFrame:
    """Return one row for each set, number and code: the share of BM25's nDCG with its interval."""
    return pd.DataFrame(
        {"set": task["set"], "d": task["d"], "code": code}
        | dict(zip(("share", "low", "high"), found, strict=True))
        for task, value, _ in tasks
        for code, found in {**value["share"], "law": value["law"]}.items()
    )


def growth_rows(tasks: Tasks) -> pd.DataFrame:
    """Return one row for each collection, number and code, with what the collection asks for."""
    return pd.DataFrame(
        {"set": task["set"], "first": task["first"], "d": int(d), "code": code}
        | {key: value[key] for key in ("texts", "words", "length")}
        | dict(zip(("share", "low", "high"), found, strict=True))
        for task, value, _ in tasks
        for d, codes in value["share"].items()
        for code, found in codes.items()
    )


def numbers_for(goal: float, dims: Iterable[int], shares: Iterable[float]) -> float:
    """Return the numbers at which the share comes to `goal`, between two that were tried, straight
    in their logarithm; NaN where all tried have less, or the least has more.

    >>> round(numbers_for(0.9, [64, 256], [0.8, 1.0]), 6)
    128.0
    """
    d, share = (np.asarray(list(row), dtype=float) for row in (dims, shares))
    above = np.flatnonzero(share >= goal)
    if not len(above) or above[0] == 0:
        return float("nan")
    at = slice(above[0] - 1, above[0] + 1)
    return float(np.exp(np.interp(goal, share[at], np.log(d[at]))))


def slope(x: Iterable[float], y: Iterable[float]) -> float:
    """Return the exponent of a power law through the points that are known."""
    both = np.log(np.column_stack([list(x), list(y)]))
    known = both[~np.isnan(both).any(axis=1)]
    return float(np.polyfit(known[:, 0], known[:, 1], 1)[0]) if len(known) > 1 else float("nan")


def pair_rows(tasks: Tasks) -> pd.DataFrame:
    """Return one row for each pair and number: nDCG of each system, and differences as
    (mean, low, high) in columns named ``more, ...``; ``stored, ...`` are changes, where measured.
    """
    rows = []
    for task, value, _ in tasks:
        for encoder, found in value["pairs"].items():
            row = {"encoder": encoder, "set": task["set"], "d": task["d"], **found["value"]}
            row |= {f"more, {name}": tuple(change) for name, change in found["more"].items()}
            stored = found.get("stored", {})
            row |= {f"stored, {name}": tuple(change) for name, change in stored.items()}
            row["weights"] = tuple(found["weights"])
            rows.append(row)
    frame = pd.DataFrame(rows).sort_values(["set", "encoder", "d"], ignore_index=True)
    frame["reaches"] = [low > MARGIN for _, low, _ in frame["more, two"]]
    return frame


def reaching(rows: pd.DataFrame) -> Mapping[int, tuple[int, int, tuple[float, float, float]]]:
    """Return by numbers: pairs that reach the fusion, all pairs, their share by Wilson."""
    found = {}
    for d, part in rows.groupby("d"):
        hits, n = int(part["reaches"].sum()), len(part)
        found[int(d)] = (hits, n, (hits / n, *wilson_interval(hits, n)))
    return found


def mean_over_pairs(rows: pd.DataFrame, column: str) -> RandomEffects:
    """Return the random-effects mean of a difference over the pairs."""
    return over_pairs(rows[column].dropna())
