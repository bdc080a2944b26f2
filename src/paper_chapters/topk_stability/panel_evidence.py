"""What the panel says of each change of the vectors: over how many pairs, how much, how often safe.

Fixed before the first result. Encoders and sets count as in `paper_utils.panel.remedy_evidence`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paper_chapters.topk_stability.panel_changes import LISTS
from paper_chapters.topk_stability.panel_stability import SAFE
from paper_utils.panel.remedy_evidence import KNOWS, SETS, error_of, over_pairs, primary
from paper_utils.statistics import RandomEffects, random_effects, wilson_interval

CHANGES = {  #: in the order of the figure, and their names there
    "noise D": "noise D",
    "noise C": "noise C",
    "noise A": "noise A",
    "bfloat16": "bfloat16, 2d bytes",
    "int8": "int8, d bytes",
    "bits of documents": "one bit, documents, d/8",
    "bits of both": "one bit, both sides, d/8",
    "bits, rescored": "one bit, 100 rescored",
    "codes, d/4 bytes": "codes, d/4 bytes",
    "codes, d/8 bytes": "codes, d/8 bytes",
    "HNSW": "HNSW",
    "principal 1/2": "half, principal axes",
    "first 1/2": "half, first coordinates",
    "random 1/2": "half, random coordinates",
    "principal 1/4": "quarter, principal axes",
    "first 1/4": "quarter, first coordinates",
    "random 1/4": "quarter, random coordinates",
}


def change_rows(tasks: Iterable[tuple[dict[str, Any], dict[str, Any], float]]) -> pd.DataFrame:
    """Return one row for each pair and change: `gain` in nDCG@10, below 0 a loss, with interval.
    homedepot is judged by condensed lists unless a short list is returned.
    """
    rows = []
    for task, value, _ in tasks:
        encoder, name, pooling = task["encoder"], task["set"], task["pooling"]
        counts = encoder in KNOWS and name in SETS and pooling in (None, "mean")
        pair = {"encoder": encoder, "set": name, "pooling": pooling, "counts": counts}
        pair |= {key: value[key] for key in ("n_docs", "d", "mean_cosine")}
        for change, found in value["changes"].items():
            measure = "ndcg_10" if change in LISTS else primary(name)
            loss, low, high = found[f"loss_{measure}"]
            ends = {"gain": -loss, "low": -high, "high": -low, "error": error_of(low, high)}
            row = {"remedy": change, "level": value["level"][measure]} | ends
            row |= {key: found[key] for key in ("lost", "changed")}
            row["kept"] = found["kept"][0]
            for key in ("left", "positions", "auc", "auc_score"):
                row[key], row[f"{key}_low"], row[f"{key}_high"] = found.get(key) or [np.nan] * 3
            rows.append(pair | row)
    return pd.DataFrame(rows)


class Safety(NamedTuple):
    """On how many pairs a change costs less than `SAFE` for certain, and where it costs most."""

    safe: int
    pairs: int
    worst: float  #: largest loss
    where: str

    @property
    def share(self) -> tuple[float, float, float]:
        """Return the share of safe pairs with Wilson's interval."""
        return self.safe / self.pairs, *wilson_interval(self.safe, self.pairs)


def safety(rows: pd.DataFrame) -> Mapping[str, Safety]:
    """Return the safety of each change over the rows that are given."""
    found = {}
    for change, part in rows.groupby("remedy", sort=False):
        last = part.loc[part["gain"].idxmin()]
        where = f"{last['encoder']}, {last['set']}"
        n_safe = int((part["low"] > -SAFE).sum())
        found[change] = Safety(n_safe, len(part), float(-last["gain"]), where)
    return found


def differences(rows: pd.DataFrame, one: str, other: str) -> RandomEffects:
    """Return the mean over pairs of the gain of one change less that of another, errors added as
    if measured on different queries, which is more than they are.
    """
    wide = rows.pivot(index=["encoder", "set"], columns="remedy", values=["gain", "error"])
    gap = (wide["gain"][one] - wide["gain"][other]).dropna()
    return random_effects(gap, np.hypot(wide["error"][one], wide["error"][other])[gap.index])


def mean_area(rows: pd.DataFrame, change: str, key: str = "auc") -> RandomEffects | None:
    """Return the mean area under the curve over the pairs that have one; None of fewer than 3."""
    part = rows[(rows["remedy"] == change) & rows[key].notna()]
    if len(part) < 3:
        return None
    return over_pairs(part[[key, f"{key}_low", f"{key}_high"]].itertuples(index=False))


def loss_by_size(curves: Iterable[Mapping[str, Any]], way: str) -> NDArray[np.float64]:
    """Return what a way loses against whole vectors in the smallest part of a collection and in
    all of it: the share of relevant documents in the top 10, a row for each curve.
    """
    ends = [
        [np.array(curve["ways"][name]["shares"])[[0, -1], 0] for name in ("whole", way)]
        for curve in curves
    ]
    return np.subtract(*np.swapaxes(ends, 0, 1))
