"""What the panel says of poolings and of shared vectors: over how many pairs, and how much.

Encoders count as in `paper_utils.panel.remedy_evidence`. LIMIT-small is no human judgement; it,
BM25, untrained and random vectors are shown beside.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from paper_chapters.pooling.panel_poolings import CENTRINGS
from paper_utils.panel.remedy_evidence import KNOWS, error_of, over_pairs
from paper_utils.statistics import RandomEffects, random_effects

TENTH = 0.1  #: how near to the law 1/√m a pair has to be
FITS = 0.02  #: share of joined texts that may be cut where reading them counts
Tasks = Iterable[tuple[dict[str, Any], dict[str, Any], float]]


def pooling_rows(tasks: Tasks) -> pd.DataFrame:
    """Return one row for each pair, pooling and centring: its `level` in nDCG@10 and its `gain`
    over the mean of tokens, with intervals.
    """
    rows = []
    for task, value, _ in tasks:
        counts = task["encoder"] in KNOWS and task["set"] != "limit-small"
        for pooling, found in value["rows"].items():
            for centring in CENTRINGS:
                row = {**task, "counts": counts, "pooling": pooling, "centring": centring}
                row["mean_cosine"] = found["mean_cosine"]
                row |= _ends("level", found[centring]) | _ends("gain", found[f"gain, {centring}"])
                rows.append(row)
    return pd.DataFrame(rows)


def group_rows(tasks: Tasks) -> pd.DataFrame:
    """Return one row for each pair, kind of partners and size of a group: nDCG@10 of `one` vector
    and of the `best` of several, the `loss` between them, raw and `_centred`, and the rest.
    """
    rows = []
    for task, value, _ in tasks:
        for found in value["rows"]:
            row = {**task, "counts": task["encoder"] in KNOWS}
            for key, cell in found.items():
                name = key.removesuffix(", none").replace(", own means", "_centred")
                row |= _ends(name, cell) if isinstance(cell, list) else {name: cell}
            rows.append(row)
    return pd.DataFrame(rows)


def _ends(name: str, cell: list[float]) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), cell, strict=True))


def by_pair(rows: pd.DataFrame, name: str, *keys: str) -> pd.DataFrame:
    """Return mean, low and high of a column, by encoder and set or by `keys`."""
    found = rows.set_index(list(keys or ("encoder", "set")))
    return found[[name, f"{name}_low", f"{name}_high"]].set_axis(["mean", "low", "high"], axis=1)


def mean_of(rows: pd.DataFrame, name: str) -> RandomEffects:
    """Return the mean over pairs of a column, random effects; three rows at least."""
    return over_pairs(by_pair(rows, name).itertuples(index=False))


def mean_difference(one: pd.DataFrame, other: pd.DataFrame) -> RandomEffects:
    """Return the mean over pairs of one less other, each of `by_pair`, where both are known.
    Errors are added as if of different queries, which is more than they are.
    """
    known = one.index.intersection(other.index)
    errors = [
        [error_of(low, high) for low, high in frame.loc[known, ["low", "high"]].to_numpy()]
        for frame in (one, other)
    ]
    return random_effects(one.loc[known, "mean"] - other.loc[known, "mean"], np.hypot(*errors))
