"""Vectors made from lists on collections of LIMIT+'s form: sums, and codes with equal scores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_chapters.additive_codes.limit_plus import limit_plus
from paper_chapters.additive_codes.limit_plus_values import measured
from paper_utils.codes.level_codes import LevelCodes
from paper_utils.errors import UsageError
from paper_utils.results import RANKS, experiment

DIMS = (256, 384, 512)
SEEDS = range(5)


def exclusion_weights(scores: ArrayLike, listed: ArrayLike) -> tuple[float, float]:
    r"""Return the ends between which every weight w answers 'A but not B' by <q_A - w q_B, x>.
    Let listed scores lie within e of 1 and others between -M and -1 + e. Then
    :math:`e / (1 - e) < w < 2 (1 - e) / (M - 1 + e)` puts each document with A alone above all
    others. `scores` and `listed` are (n_attributes, n_docs); the interval may be empty.
    """
    S, held = np.asarray(scores, dtype=np.float64), np.asarray(listed, dtype=bool)
    off = max(float(np.abs(S[held] - 1).max()), float((S[~held] + 1).max()), 0.0)
    if off >= 1:
        raise UsageError(f"a score is {off:.2f} off its level; below 1 is needed")
    least = -float(S[~held].min())
    return off / (1 - off), 2 * (1 - off) / max(least - 1 + off, 1e-12)


@experiment(
    "limit-plus-codes",
    "Sums of random vectors and codes with equal scores on collections of LIMIT+'s form",
    tasks=lambda: [{"d": d, "seed": seed} for d in DIMS for seed in SEEDS],
    tolerance=RANKS,
)
def limit_plus_codes(d: int, seed: int) -> dict[str, Any]:
    """Encode every list in `d` numbers, by a sum and with equal scores; queries are q_A + q_B,
    q_A - q_B, and q_A - w q_B with the geometric mean w of :func:`exclusion_weights`. Kind of code
    -> what :func:`measured` says; `weights`, and `deepest`, minus the lowest score.
    """
    data = limit_plus(seed=seed)
    codes = LevelCodes(d, seed=seed).fit(data.attributes)
    names = [[data.attributes[a] for a in row] for row in data.doc_attributes]
    queries = codes.queries(data.attributes)
    equal, sums = (queries @ x.T for x in (codes.encode(names), codes.sums(names)))
    low, high = exclusion_weights(equal, data.listed().T)
    asked = {"equal": _asked(equal, data.pairs, math.sqrt(low * high))}
    asked["sum"] = _asked(sums, data.pairs)
    return {
        "weights": [low, high],
        "deepest": -float(equal.min()),
        **{name: measured(data, scores) for name, scores in asked.items()},
    }


def _asked(scores: NDArray, pairs: NDArray[np.int64], weight: float = 0.0) -> dict[str, NDArray]:
    """Scores of both attributes put together; by linearity those of a query's sum."""
    first, second = scores[pairs[:, 0]], scores[pairs[:, 1]]
    found = {"A + B": first + second, "A - B": first - second}
    return found | ({"A - w B": first - weight * second} if weight else {})
