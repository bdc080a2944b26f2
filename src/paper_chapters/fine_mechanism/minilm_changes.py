"""MiniLM's numbers of the chapter with intervals: ratios of steps, and changes of pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse, stats

from paper_chapters.fine_mechanism.mechanism import (
    SMALL,
    VectorSource,
    changed_titles,
    principal_directions,
    projected,
    shares,
)
from paper_utils.results import RANKS, experiment
from paper_utils.statistics import shared_interval
from paper_utils.train.task import CatalogueTask, attribute_pairs, catalogue_task

NUMBERS = ("voltage_v", "capacity_ah", "power_w", "size_mm")
KINDS = {"numbers": NUMBERS, "brand": ("brand",)}  #: pairs that are also counted alone
CUT = 10  #: leading principal components
STEPS = (("centred", "as it is"), ("without 10", "centred"))  #: what is compared with what


def ratio_interval(values: NDArray, others: NDArray, *, seed: int = 0) -> list[float]:
    """Return the ratio of two means, and a bootstrap interval that resamples both."""
    found = stats.bootstrap(
        (values, others),
        lambda a, b, axis=-1: a.mean(axis=axis) / b.mean(axis=axis),
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    ratio = values.mean() / others.mean()
    return [round(float(v), 5) for v in (ratio, found.low, found.high)]


def pair_change(scores: NDArray, other: NDArray, pairs: pd.DataFrame, n_items: int) -> list[float]:
    """Return what `scores` has above `other` in pairs in the right order: mean, low, high.

    One value for each attribute of a query; values that share a title of their pairs may be
    correlated (`shared_interval`). A tie counts half.
    """

    def won(found: NDArray) -> NDArray[np.float64]:
        rounded = np.round(found, 6)
        right = rounded[pairs["query"], pairs["right"]]
        wrong = rounded[pairs["query"], pairs["wrong"]]
        return (right > wrong) + (right == wrong) / 2

    number = pairs.groupby(["attribute", "query"]).ngroup().to_numpy()
    changed = np.bincount(number, won(scores) - won(other)) / np.bincount(number)
    rows, columns = np.tile(number, 2), np.concatenate([pairs["right"], pairs["wrong"]])
    shape = (len(changed), n_items)
    members = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
    return [round(float(v), 5) for v in shared_interval(changed, members)[:3]]


@experiment(
    "fine-changes",
    "MiniLM: steps of changed numbers over those of other titles, and changes of pairs",
    tasks=lambda: [
        {"language": language, "source": source, "small": source != "minilm"}
        for source in ("hashed, 128", "minilm")
        for language in ("ru", "en")
    ],
    tolerance=RANKS,
    kinds=("small",),
)
def minilm_changes(language: str, source: str = "minilm", small: bool = False) -> dict[str, Any]:
    """Return `length` and `share` of each of `NUMBERS` over those of two titles, and `pairs`.

    `share`: in the first ten principal components. `pairs`: the changes of `STEPS`; `pairs of`:
    by `KINDS`. All with intervals, seed 0. `small`: another source, for a look in seconds.
    """
    task = catalogue_task(language, 0, **(SMALL if small else {}))
    vectors = VectorSource(source, task)
    return measure_changes(task, vectors, limit=40 if small else 150)


def measure_changes(task: CatalogueTask, vectors: Any, *, limit: int = 150) -> dict[str, Any]:
    """Measure a callable as `minilm_changes` does; attributes of under ten titles are left out."""
    X = vectors(task.items["title"].tolist())
    Q = vectors(list(task.queries.texts), queries=True)
    directions = principal_directions(X)
    changed = changed_titles(task, limit=limit)
    D = vectors(changed["title"].tolist()) - vectors(changed["other"].tolist())
    rng = np.random.default_rng(task.seed)
    first, second = (rng.permutation(len(X)) for _ in range(2))
    any_two = (X[first] - X[second])[first != second]
    groups = {name: D[group.index] for name, group in changed.groupby("attribute")}
    groups = {name: groups[name] for name in NUMBERS if len(groups.get(name, ())) >= 10}
    reference = shares(any_two, directions, CUT)
    lengths = np.linalg.norm(any_two, axis=1)
    scores = {
        "as it is": Q @ X.T,
        "centred": projected(X, Q, directions, cut=0, keep=False),
        "without 10": projected(X, Q, directions, cut=CUT, keep=False),
    }
    pairs = attribute_pairs(task)
    moved = {n: part[np.linalg.norm(part, axis=1) > 1e-6] for n, part in groups.items()}

    def changes(some: pd.DataFrame) -> dict[str, list[float]]:
        return {
            f"{one} − {other}": pair_change(scores[one], scores[other], some, len(X))
            for one, other in STEPS
        }

    return {
        "length": {
            n: ratio_interval(np.linalg.norm(part, axis=1), lengths) for n, part in groups.items()
        },
        "share": {
            n: ratio_interval(shares(part, directions, CUT), reference) for n, part in moved.items()
        },
        "pairs": changes(pairs),
        "pairs of": {
            kind: changes(pairs[pairs["attribute"].isin(names)]) for kind, names in KINDS.items()
        },
    }
