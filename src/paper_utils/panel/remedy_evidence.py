"""What the panel says of a remedy: on how many pairs it helps, how much, and which symptom tells.

Fixed before the first result. Language models count once, pooled by their mean; LIMIT-small, the
whole of homedepot, `untrained` and `random` do not count. A rule for a stranger's index is learnt
on all pairs but those of one encoder, or of one set, and tried on these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr

from paper_utils.panel.sets import JUDGED, SEARCHED
from paper_utils.statistics import Interval, RandomEffects, holm, random_effects

KNOWS = {  #: languages of each encoder that counts
    "wordllama": ("en",),
    "use-multilingual-v3": ("en", "ru"),
    "minilm": ("en",),
    "me5-small": ("en", "ru"),
    "mpnet": ("en",),
    "smollm2-135m": ("en",),
    "qwen2.5-coder-0.5b": ("en", "ru"),
    "navec": ("ru",),
}
SETS = tuple(name for name in SEARCHED if name != "limit-small")  #: which is no human judgement
SYMPTOMS = (
    "unknown_language",
    "bm25_lead",
    "mean_cosine",
    "means_cosine",
    "dimension_share",
    "skewness",
    "results_skewness",
)
LEAST_ERROR = 0.0005  # of a change: half of a digit in the third place, where no query changed
_RESAMPLES = 2000


def primary(name: str) -> str:
    """Return what decides on a set: of homedepot the condensed lists, else nDCG@10 of all."""
    return "condensed" if name == "homedepot-5k" else "ndcg_10"


def pair_rows(tasks: list[tuple[dict[str, Any], dict[str, Any], float]]) -> pd.DataFrame:
    """Return one row for each pair and remedy of a record: its change, and the pair's symptoms."""
    rows = []
    for task, value, _ in tasks:
        encoder, name, pooling = task["encoder"], task["set"], task["pooling"]
        measure, remedies = primary(name), value["remedies"]
        counts = encoder in KNOWS and name in SETS and pooling in (None, "mean")
        level = {system: remedies[system]["value"][measure][0] for system in ("none", "BM25")}
        pair = {"encoder": encoder, "set": name, "pooling": pooling, "counts": counts}
        pair |= value["symptoms"] | {
            "unknown_language": int(not set(JUDGED[name]) <= set(KNOWS.get(encoder, ()))),
            "bm25_lead": level["BM25"] - level["none"],
            "results_skewness": remedies["none"]["skewness"],
            "level": level["none"],
        }
        for remedy, found in remedies.items():
            gain, low, high = found[measure]
            change = {"remedy": remedy, "gain": gain, "low": low, "high": high}
            change["error"] = error_of(low, high)
            rows.append(pair | change | {"skewness_after": found["skewness"]})
    return pd.DataFrame(rows)


def error_of(low: float, high: float) -> float:
    """Return the standard error behind a 95% interval, never quite 0."""
    return float(max((high - low) / 2 / norm.ppf(0.975), LEAST_ERROR))


def over_pairs(intervals: Iterable[tuple[float, float, float]]) -> RandomEffects:
    """Return the mean over pairs of changes (mean, low, high)."""
    means, lows, highs = zip(*intervals, strict=True)
    return random_effects(means, list(map(error_of, lows, highs)))


class Effect(NamedTuple):
    """What a remedy does over the pairs that count."""

    pairs: int
    improved: int  #: 95% interval above 0
    harmed: int  #: interval below 0
    improved_holm: int  #: the same after Holm's adjustment over all pairs and remedies
    harmed_holm: int
    median: float
    worst: float
    best: float
    mean: RandomEffects


def effects(rows: pd.DataFrame) -> dict[str, Effect]:
    """Return the effect of every remedy, plain search left out; `rows` are pairs that count."""
    tried = rows[rows["remedy"] != "none"]
    p = {str(i): float(2 * norm.sf(abs(r.gain) / r.error)) for i, r in tried.iterrows()}
    stands = {int(i): value <= 0.05 for i, value in holm(p).items()}
    found = {}
    for remedy, part in tried.groupby("remedy", sort=False):
        gain, sure = part["gain"], part.index.map(stands).to_numpy(dtype=bool)
        found[remedy] = Effect(
            len(part),
            int((part["low"] > 0).sum()),
            int((part["high"] < 0).sum()),
            int((sure & (gain > 0)).sum()),
            int((sure & (gain < 0)).sum()),
            float(gain.median()),
            float(gain.min()),
            float(gain.max()),
            random_effects(gain, part["error"]),
        )
    return found


def left_out_range(part: pd.DataFrame, by: str) -> tuple[float, float]:
    """Return the lowest and highest mean effect of one remedy with one encoder or set left out."""
    rest = (part[part[by] != name] for name in part[by].unique())
    means = [random_effects(one["gain"], one["error"]).mean for one in rest]
    return min(means), max(means)


def rank_correlation(part: pd.DataFrame, symptom: str, of: str = "gain") -> Interval:
    """Return Spearman's correlation of a symptom with the change, over the pairs of one remedy.
    The interval resamples encoders and sets at once (the two-way bootstrap of Owen), since pairs of
    one encoder, or of one set, are alike.
    """
    encoders, of_encoder = np.unique(part["encoder"], return_inverse=True)
    names, of_set = np.unique(part["set"], return_inverse=True)
    x, y = part[symptom].to_numpy(dtype=float), part[of].to_numpy(dtype=float)
    rng, draws = np.random.default_rng(0), []
    for _ in range(_RESAMPLES):
        one, other = (
            np.bincount(rng.integers(n, size=n), minlength=n) for n in (len(encoders), len(names))
        )
        chosen = np.repeat(np.arange(len(x)), one[of_encoder] * other[of_set])
        if len(chosen) and np.ptp(x[chosen]) > 0 and np.ptp(y[chosen]) > 0:
            draws.append(spearmanr(x[chosen], y[chosen]).statistic)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(spearmanr(x, y).statistic), float(low), float(high), len(x))


class Rule(NamedTuple):
    """Apply a remedy where ``sign * symptom > threshold``."""

    sign: int
    threshold: float

    def applies(self, x: NDArray) -> NDArray[np.bool_]:
        """Return where the rule says to apply the remedy."""
        return self.sign * x > self.threshold


def learn(x: NDArray, gain: NDArray) -> Rule:
    """Return the threshold that is right most often (then gains most): applied where the change is
    above 0, not applied elsewhere. 'Always' and 'never' are among the thresholds.
    """
    best, found = (-1, -np.inf), Rule(1, np.inf)
    for sign in (1, -1):
        values = np.unique(sign * x)
        for threshold in (-np.inf, *(values[1:] + values[:-1]) / 2, np.inf):
            rule = Rule(sign, float(threshold))
            chosen = rule.applies(x)
            score = (int((chosen == (gain > 0)).sum()), float(gain[chosen].sum()))
            if score > best:
                best, found = score, rule
    return found


class Trial(NamedTuple):
    """A rule tried on pairs that it was not learnt on, beside doing it always."""

    right: int  #: pairs on which what it says is right
    pairs: int
    always: int  #: pairs on which doing it is right
    gain: float  #: mean change when the rule is followed
    gain_always: float
    harmed: int  #: pairs that the rule harms, interval below 0


def try_rule(part: pd.DataFrame, symptom: str, by: str) -> Trial:
    """Learn a rule on all pairs but those of one encoder or set (`by`), and try it on these."""
    x, gain = part[symptom].to_numpy(dtype=float), part["gain"].to_numpy(dtype=float)
    chosen = np.zeros(len(x), dtype=bool)
    for name in part[by].unique():
        out = (part[by] == name).to_numpy()
        chosen[out] = learn(x[~out], gain[~out]).applies(x[out])
    return Trial(
        int((chosen == (gain > 0)).sum()),
        len(x),
        int((gain > 0).sum()),
        float(np.where(chosen, gain, 0).mean()),
        float(gain.mean()),
        int((chosen & (part["high"].to_numpy() < 0)).sum()),
    )


def trials(part: pd.DataFrame) -> Mapping[tuple[str, str], Trial]:
    """Return the trial of every symptom for one remedy, encoders and sets left out in turn."""
    return {
        (symptom, by): try_rule(part, symptom, by)
        for symptom in SYMPTOMS
        for by in ("encoder", "set")
    }
