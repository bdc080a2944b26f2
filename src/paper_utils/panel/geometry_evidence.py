"""What the panel says of geometry: which pairs, how narrow a domain is, and what tells good search.

Fixed before the first result. Language models count once, pooled by their mean; LIMIT-small, the
whole of homedepot, `untrained` and `random` do not count.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from paper_utils.encoders.panel import RANDOM
from paper_utils.panel.remedy_evidence import KNOWS, SETS, primary, rank_correlation
from paper_utils.statistics import Interval, RandomEffects, holm, random_effects

NARROW = "tools-503"  #: titles of drills and screwdrivers; the sets below have as many texts
BROAD = ("general-ru-503", "general-en-503")  #: sentences, of the language of the titles first
#: The network without training that has the architecture and tokenizer of a member.
UNTRAINED = {"minilm": "untrained"} | {name.partition(":")[2]: name for name in RANDOM}
QUARTER = 0.25  #: of the dimensions: what counts as well below d
TENTH = 0.1  #: how near to 1 the product of variance and effective dimension has to be
#: What may tell good search, of the documents alone.
MEASURES = {
    "d_eff": "effective dimension",
    "share": "effective dimension over d",
    "isoscore": "IsoScore",
    "rankme": "RankMe",
    "twonn": "TwoNN",
    "mean": "mean cosine",
    "uniformity": "uniformity",
    "skewness": "skewness of hubs",
}
_RESAMPLES = 2000
_TWO_SIDED = float(norm.ppf(0.975))


def geometry_rows(tasks: list[tuple[dict[str, Any], dict[str, Any], float]]) -> pd.DataFrame:
    """Return one row for each pair of the record: the geometry of its documents, and the ``level``,
    nDCG@10, where the set is judged; of homedepot by condensed lists.
    """
    rows = []
    for task, value, _ in tasks:
        found, once = value["documents"], task["pooling"] in (None, "mean")
        one = {**task, "member": task["encoder"] in KNOWS and once, **found}
        one["counts"] = one["member"] and task["set"] in SETS
        one["d_eff"], one["share"] = found["d_eff_unbiased"], found["d_eff_unbiased"] / found["d"]
        for kind, key in (("raw", "var"), ("centred", "var_centred")):
            one[f"product_{kind}"] = found[key] * found["d_eff_unbiased"]
        if "search" in value:
            one["level"] = value["search"]["none"][primary(task["set"])][0]
        rows.append(one)
    return pd.DataFrame(rows)


class Narrowing(NamedTuple):
    """Ratios of effective dimensions by encoder, with 95% intervals, and their mean."""

    of: dict[str, tuple[float, float, float]]  #: as is
    mean: RandomEffects | None  #: of logarithms, over three members of the panel at least


def narrowing(rows: pd.DataFrame, broad: str) -> Narrowing:
    """Return the dimension of the narrow set over that of a broad one, of every encoder that met
    both; errors by the jackknife over texts. Controls have ratios, and no part in the mean.
    """
    found = {}
    once = rows[rows["member"] | ~rows["encoder"].isin(KNOWS)]
    for name, part in once.groupby("encoder", sort=False):
        by_set = part.set_index("set")
        if NARROW not in by_set.index or broad not in by_set.index:
            continue
        one, other = by_set.loc[NARROW], by_set.loc[broad]
        error = np.hypot(*(row["d_eff_unbiased_se"] / row["d_eff"] for row in (one, other)))
        found[str(name)] = float(np.log(one["d_eff"] / other["d_eff"])), float(error)
    return _ratios(found)


def beside_untrained(found: Narrowing) -> Narrowing:
    """Return the ratio of each member over that of its network without training."""
    logs = {}
    for name, control in UNTRAINED.items():
        if name in found.of and control in found.of:
            (one, its), (other, their) = map(_log, (found.of[name], found.of[control]))
            logs[name] = one - other, float(np.hypot(its, their))
    return _ratios(logs)


def _ratios(logs: dict[str, tuple[float, float]]) -> Narrowing:
    of = {
        name: tuple(float(np.exp(log + side * _TWO_SIDED * error)) for side in (0, -1, 1))
        for name, (log, error) in logs.items()
    }
    members = [pair for name, pair in logs.items() if name in KNOWS]
    return Narrowing(of, random_effects(*zip(*members, strict=True)) if len(members) > 2 else None)


def _log(ratio: tuple[float, float, float]) -> tuple[float, float]:
    """Return the logarithm of a ratio and its error."""
    value, low, high = ratio
    return float(np.log(value)), float(np.log(high / low) / 2 / _TWO_SIDED)


def comparisons(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return every two encoders on one set: ``agree`` is 1 where the larger measure searches
    better, -1 where worse, 0 where either ties.
    """
    found = []
    for name, part in rows.groupby("set", sort=False):
        x, y = part[measure].to_numpy(dtype=float), part["level"].to_numpy(dtype=float)
        for i, j in zip(*np.triu_indices(len(part), k=1), strict=True):
            agree = float(np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]))
            found.append((name, part["encoder"].iloc[i], part["encoder"].iloc[j], agree))
    return pd.DataFrame(found, columns=["set", "one", "other", "agree"])


def within_sets(rows: pd.DataFrame, measure: str) -> Interval:
    """Return Kendall's correlation of a measure with nDCG@10 among encoders on the same set.
    Its mean is over comparisons of two encoders; the interval resamples encoders and sets at once.
    """
    table = comparisons(rows, measure)
    names, code = np.unique(table[["one", "other"]].to_numpy().ravel(), return_inverse=True)
    one, other = code.reshape(-1, 2).T
    sets, of_set = np.unique(table["set"].to_numpy(), return_inverse=True)
    agree, rng, draws = table["agree"].to_numpy(), np.random.default_rng(0), []
    for _ in range(_RESAMPLES):
        by_name, by_set = (
            np.bincount(rng.integers(n, size=n), minlength=n) for n in (len(names), len(sets))
        )
        weight = by_name[one] * by_name[other] * by_set[of_set]
        if weight.sum() > 0:
            draws.append(float((weight * agree).sum() / weight.sum()))
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(agree.mean()), float(low), float(high), len(table))


def correlations(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how every measure goes with nDCG@10: by ranks over pairs, and on one set.
    `holm`: two-sided p off the interval's end that faces zero, adjusted over all of them.
    """
    found = {
        (measure, what): one
        for measure in MEASURES
        for what, one in (
            ("over pairs", rank_correlation(rows, measure, of="level")),
            ("on one set", within_sets(rows, measure)),
        )
    }
    table = pd.DataFrame(found.values(), index=pd.MultiIndex.from_tuples(found))
    half = np.where(table["mean"] > 0, table["mean"] - table["low"], table["high"] - table["mean"])
    p = 2 * norm.sf(_TWO_SIDED * table["mean"].abs() / half)
    table["holm"] = list(holm(dict(zip(map(str, table.index), p, strict=True))).values())
    return table
