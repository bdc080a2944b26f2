"""What is measured of a system's scores on the catalogue task, and systems made of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from paper_utils.errors import UsageError
from paper_utils.search.metrics import exponential_gains, mrr, ndcg_at_k, recall_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.statistics import bootstrap_interval
from paper_utils.train.task import CatalogueTask

#: What a row holds beside the pairs, in the order of the tables.
MEASURES = ("fine", "coarse", "recall@10", "mrr", "held out", "new wording")
RRF = 60  #: of reciprocal rank fusion, from the paper that proposed it
FEWEST_QUERIES = 5  #: of an attribute whose pairs are worth an interval


def values_by_query(task: CatalogueTask, scores: NDArray) -> dict[str, NDArray[np.float64]]:
    """Return each measure of scores (n_queries, n_items), one value for each query it covers.
    nDCG@10 (gains 2^grade − 1) of ``fine`` and ``coarse`` queries, and of fine ones for a ``held
    out`` combination or in a ``new wording``; ``recall@10`` and ``mrr`` of fine queries, of items
    of grade 2. Scores are rounded to 5 decimals; ties count at their expectation.
    """
    ranks = ranks_from_scores(_rounded(scores), exponential_gains(task.queries.grades))
    exact = ranks_from_scores(_rounded(scores), task.queries.grades == 2)
    ndcg, fine = ndcg_at_k(ranks, 10), task.fine
    return {
        "fine": ndcg[fine],
        "coarse": ndcg[~fine],
        "recall@10": recall_at_k(exact, 10)[fine],
        "mrr": mrr(exact)[fine],
        "held out": ndcg[fine & task.held_out],
        "new wording": ndcg[fine & task.new_form],
    }


def pair_values(scores: NDArray, pairs: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Return the share of `attribute_pairs` in the right order, one value a query, by attribute.
    A tie counts half; ``all`` counts each attribute of a query once.
    """
    rounded = _rounded(scores)
    right = rounded[pairs["query"], pairs["right"]]
    wrong = rounded[pairs["query"], pairs["wrong"]]
    won = (right > wrong) + (right == wrong) / 2
    by_query = pairs.assign(won=won).groupby(["attribute", "query"])["won"].mean()
    found = {str(name): group.to_numpy() for name, group in by_query.groupby("attribute")}
    return {"all": by_query.to_numpy()} | found


def row(system: str, task: CatalogueTask, scores: NDArray, pairs: pd.DataFrame) -> dict[str, Any]:
    """Return means with bootstrap intervals over queries: `MEASURES`, and ``pairs`` by attribute.
    An attribute of fewer than `FEWEST_QUERIES` queries is left out.
    """
    values = values_by_query(task, scores)
    won = pair_values(scores, pairs)
    return {
        "system": system,
        **{name: interval(values[name]) for name in MEASURES},
        "pairs": {name: interval(v) for name, v in won.items() if len(v) >= FEWEST_QUERIES},
    }


def gain(task: CatalogueTask, scores: NDArray, other: NDArray) -> dict[str, list[float]]:
    """Return what `scores` has above `other` in each measure: mean, low, high, standard error.
    The bootstrap is paired: it resamples the differences of the same queries.
    """
    first, second = values_by_query(task, scores), values_by_query(task, other)
    found = {}
    for name in MEASURES:
        gained = first[name] - second[name]
        error = float(gained.std(ddof=1) / np.sqrt(len(gained)))
        found[name] = [*interval(gained), error]
    return found


def pooled(parts: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return the mean with its 95% interval over seeds of (mean, low, high, standard error).
    The variance is the larger of that between seeds, which includes training, and that within.
    """
    if not parts:
        raise UsageError("no seeds to take the mean of")
    means = np.array([part[0] for part in parts])
    within = float(np.mean([part[3] ** 2 for part in parts])) / len(parts)
    between = float(means.var(ddof=1)) / len(parts) if len(parts) > 1 else 0.0
    # house rule: kept as the records were made with it; the chapter shows Student's t (`intervals`)
    half = 1.96 * max(within, between) ** 0.5
    mean = float(means.mean())
    return {"mean": mean, "low": mean - half, "high": mean + half}


def difference(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """Return the difference of two pooled means with an interval as if they were independent.
    On the same queries the true interval is narrower.
    """
    half = np.hypot(one["high"] - one["mean"], other["high"] - other["mean"])
    mean = one["mean"] - other["mean"]
    return {"mean": mean, "low": mean - float(half), "high": mean + float(half)}


def pooled_rows(values: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the `rows` of several seeds as one: ``[system][measure]`` as from `pooled`.
    ``[system]["pairs"]`` keeps the attributes that have an interval in every seed.
    """
    tables = [{str(found["system"]): found for found in value["rows"]} for value in values]
    everything: dict[str, dict[str, Any]] = {}
    for system, first in tables[0].items():
        rows = [table[system] for table in tables]
        names = [n for n in first["pairs"] if all(n in found["pairs"] for found in rows)]
        everything[system] = {
            **{name: pooled([_with_error(found[name]) for found in rows]) for name in MEASURES},
            "pairs": {n: pooled([_with_error(found["pairs"][n]) for found in rows]) for n in names},
        }
    return everything


def _with_error(part: Sequence[float]) -> tuple[float, ...]:
    mean, low, high = part
    return mean, low, high, (high - low) / (2 * 1.96)  # house rule: as above


def reranked(first: NDArray, second: NDArray, depth: int) -> NDArray[np.float64]:
    """Return scores that put the first `depth` of `first` in the order of `second`, then the rest.
    Shapes (n_queries, n_items). Ties at the depth go by place.
    """
    n = first.shape[1]
    if not 1 <= depth <= n:
        raise UsageError(f"depth must be from 1 to {n}, the number of items, not {depth}")
    order = np.argsort(-first, axis=1, kind="stable")
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(n)[None, :].repeat(len(order), 0), axis=1)
    # Places of the rest are below every place that the second stage gives.
    again = np.where(place < depth, rankdata(second, axis=1) + n, 0.0)
    return np.where(place < depth, again, -place.astype(np.float64))


def fused(*systems: NDArray) -> NDArray[np.float64]:
    """Return reciprocal rank fusion, the sum of 1/(60 + rank); ties share their mean rank.
    Cormack, Clarke, Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods", SIGIR 2009.
    """
    return sum(1 / (RRF + rankdata(-_rounded(scores), axis=1)) for scores in systems)


def oracle_recall(task: CatalogueTask, scores: NDArray, depths: Sequence[int]) -> dict[str, float]:
    """Return the share of fitting items within each depth, fine queries: a re-ranker's ceiling."""
    ranks = ranks_from_scores(_rounded(scores), task.queries.grades == 2)
    return {str(k): float(recall_at_k(ranks, k)[task.fine].mean()) for k in depths}


def interval(values: NDArray) -> list[float]:
    """Return mean, low and high of values of queries, as rows hold them."""
    return [round(float(v), 6) for v in bootstrap_interval(values)[:3]]


def _rounded(scores: NDArray) -> NDArray[np.float64]:
    return np.round(np.asarray(scores, dtype=np.float64), 5)
