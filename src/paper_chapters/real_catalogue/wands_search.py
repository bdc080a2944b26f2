"""Search over WANDS, with human judgements: the same systems and measures as on tool titles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.real_catalogue.title_search import NEAR_TIES, Searcher
from paper_chapters.real_catalogue.wands import Wands, load_wands
from paper_utils.data.sources import find_dataset
from paper_utils.results import experiment
from paper_utils.search.metrics import exponential_gains, ndcg_at_k, recall_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.statistics import bootstrap_interval

SYSTEMS = ("chance", "BM25", "character TF-IDF", "NUMEN", "MiniLM", "fusion")
_AT_ONCE = 50


def measure_wands(data: Wands, system: str, *, seed: int = 0) -> dict[str, Any]:
    """Measure one of `SYSTEMS`: [mean, low, high], 95%, bootstrap over queries, and numbers ``n``.
    ``class``: share of the first ten in a class of an exact product (coarse); ``ndcg``: nDCG@10,
    gains 3, 1, unjudged 0; ``recall``: of exact products at 10; ``pairs``: share of pairs of an
    exact and a partial product of one query in the right order (fine).
    """
    searcher = Searcher(system, data.titles, seed=seed)
    classes = np.array(data.classes, dtype=str)
    k = min(10, len(data.titles))
    found: dict[str, list[NDArray]] = {name: [] for name in ("class", "ndcg", "recall", "pairs")}
    for start in range(0, len(data.queries), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        scores, grades = searcher.scores(data.queries[rows]), data.grades[rows]
        exact = ranks_from_scores(scores, grades == 2)
        found["ndcg"].append(ndcg_at_k(ranks_from_scores(scores, exponential_gains(grades)), k))
        found["recall"].append(recall_at_k(exact, k))
        dense = grades.toarray()
        found["class"].append(_right_class(scores, dense, classes))
        found["pairs"].append(_ordered(scores, dense))
    values = {name: np.concatenate(parts) for name, parts in found.items()}
    measured = {
        name: [round(float(v), 5) for v in bootstrap_interval(part)[:3]]
        for name, part in values.items()
    }
    return measured | {"n": {"titles": len(data.titles), "queries": len(data.queries)}}


def _right_class(scores: NDArray, grades: NDArray, classes: NDArray) -> NDArray[np.float64]:
    shares = []
    for row, grade in zip(scores, grades, strict=True):
        first = np.argsort(-row, kind="stable")[:10]
        wanted = set(classes[grade == 2]) - {""}
        shares.append(np.mean([c in wanted for c in classes[first]]) if wanted else np.nan)
    return np.array(shares)


def _ordered(scores: NDArray, grades: NDArray) -> NDArray[np.float64]:
    """Share of (exact, partial) pairs in the right order, ties half; NaN without partial ones."""
    shares = []
    for row, grade in zip(scores, grades, strict=True):
        right, wrong = row[grade == 2], np.sort(row[grade == 1])
        if not len(wrong):
            shares.append(np.nan)
            continue
        below = np.searchsorted(wrong, right, side="left")
        tied = np.searchsorted(wrong, right, side="right") - below
        shares.append((below + tied / 2).mean() / len(wrong))
    return np.array(shares)


@experiment(
    "wands-search",
    "Coarse and fine search over WANDS, by system (needs: paper data fetch wands)",
    tasks=lambda: [{"system": system} for system in SYSTEMS],
    data=lambda: {f"wands/{file.name}": file.checksum for file in find_dataset("wands")},
    tolerance=NEAR_TIES,
)
def wands_row(system: str) -> dict[str, Any]:
    """Return :func:`measure_wands` of one system on all of WANDS."""
    return measure_wands(load_wands(), system)
