"""What the equal contest decides: differences of arms over the same queries, by seed and query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from paper_utils.claims.family import interval_p
from paper_utils.results import Result
from paper_utils.statistics import bootstrap_interval, holm, t_interval
from paper_utils.train.task import MARGIN

Rows = Sequence[Mapping[str, Any]]  # of one arm, a row a seed


def arm_mean(rows: Rows, kind: str) -> dict[str, float]:
    """Return the accuracy on 'coarse' or 'fine' pairs, ``mean``, ``low``, ``high`` (95%).

    The bootstrap over queries and, of several seeds, Student's t over them, half-widths added in
    quadrature: every seed is tested with the same queries, so seeds do not average them away.
    """
    return _pooled([row["per_query"][kind] for row in rows])


def arm_difference(ones: Rows, others: Rows, kind: str) -> dict[str, float]:
    """Return the accuracy of one arm less another's on the same queries, as `arm_mean`."""
    return _pooled(
        [
            np.subtract(one["per_query"][kind], other["per_query"][kind])
            for one, other in zip(ones, others, strict=True)
        ]
    )


def reranking_gain(rows: Rows, depth: int) -> dict[str, float]:
    """Return what re-ranking to a depth adds to the first stage alone, as `arm_mean`."""
    return _pooled(
        [np.subtract(row["per_query"][str(depth)], row["per_query"]["0"]) for row in rows]
    )


def best_rate(recorded: Result, rates: Sequence[float], **case: Any) -> Mapping[str, Any]:
    """Return the test row of a case at the rate that its development pairs choose: the one with
    the largest sum of the accuracies on coarse and fine pairs.
    """
    rows = [recorded.value(rate=rate, **case) for rate in rates]
    return max(rows, key=lambda row: sum(row["development"]["accuracy"].values()))["test"]


def decided(lead: Mapping[str, float], margin: float = MARGIN) -> str:
    """Return what the interval of a lead over the towers says of the margin of the decision.

    >>> decided({"mean": 0.08, "low": 0.06, "high": 0.1}, 0.05)
    'reaches the margin'
    >>> decided({"mean": 0.01, "low": -0.02, "high": 0.04}, 0.05)
    'stays below the margin'
    >>> decided({"mean": 0.04, "low": 0.01, "high": 0.07}, 0.05)
    'not settled'
    """
    if lead["low"] >= margin:
        return "reaches the margin"
    return "stays below the margin" if lead["high"] < margin else "not settled"


def after_holm(leads: Mapping[Any, Mapping[str, float]]) -> dict[Any, float]:
    """Return the p-values of leads against 0 after Holm's adjustment for as many.
    By the normal law of each interval: most of its width are queries, of which there are many.
    """
    found = {str(key): interval_p(*lead.values()) for key, lead in leads.items()}
    return dict(zip(leads, holm(found).values(), strict=True))


def _pooled(by_seed: Sequence[Any]) -> dict[str, float]:
    values = np.array(by_seed, dtype=np.float64)  # (n_seeds, n_queries)
    mean, low, high = map(float, bootstrap_interval(values.mean(axis=0))[:3])
    seeds = 0.0
    if len(values) > 1:
        _, least, most, _ = t_interval(values.mean(axis=1))
        seeds = (most - least) / 2
    return {
        "mean": mean,
        "low": mean - float(np.hypot(mean - low, seeds)),
        "high": mean + float(np.hypot(high - mean, seeds)),
    }
