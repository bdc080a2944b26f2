"""Whether numbers about vectors predict who orders people's pairs: encoders and trained towers.

Beside each the fusion with BM25, which needs no training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from paper_chapters.coarse_fine.arms import ARMS, Arm, pair_scores
from paper_chapters.coarse_fine.equal_reranking import final_arm, tower_vectors
from paper_chapters.coarse_fine.equal_training import BUDGETS, TRAINING, measured_pairs, scored_row
from paper_chapters.coarse_fine.judged_lists import GradedTitles, graded_titles
from paper_chapters.coarse_fine.judged_systems import Score, bm25
from paper_utils.checks import unit_rows
from paper_utils.data.judged import judged_checksums
from paper_utils.encoders import load_encoder
from paper_utils.geometry.cosine import cosine_moments
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.geometry.hubness import k_occurrence
from paper_utils.geometry.stability import rank_margin
from paper_utils.results import experiment

ENCODERS = ("untrained", "wordllama", "use-multilingual-v3", "minilm", "mpnet", "me5-small")

#: Fixed before the first run: what is asked whether it predicts.
MEASURES = ("d", "effective dimension", "margin", "mean cosine", "variance", "skewness")
K = 10
RRF = 60


def fused(data: GradedTitles, score: Score) -> Score:
    """Return 1/(60 + rank) by `score` plus the same by BM25, ranks among the titles that are
    scored for a query.
    """
    words = bm25(data)

    def both(pairs: NDArray[np.integer]) -> NDArray[np.float64]:
        parts, found = (score(pairs), words(pairs)), np.empty(len(pairs))
        for query in np.unique(pairs[:, 0]):
            rows = pairs[:, 0] == query
            found[rows] = sum(1 / (RRF + rankdata(-part[rows])) for part in parts)
        return found

    return both


def geometry(titles: NDArray, queries: NDArray) -> dict[str, float]:
    """Return `MEASURES` of unit vectors; ``margin`` is the median of the 10th minus the 11th
    score of a query, as in chapter 16.
    """
    moments = cosine_moments(titles)
    return {
        "d": titles.shape[1],
        "effective dimension": round(effective_dimension(titles, "unbiased").value, 3),
        "margin": round(float(np.median(rank_margin(queries @ titles.T, K))), 6),
        "mean cosine": round(moments.mean, 5),
        "variance": round(moments.var, 6),
        "skewness": round(k_occurrence(titles, k=K).skewness, 4),
    }


def _vectors(source: str, name: str, texts: Sequence[str], side: int) -> NDArray[np.float64]:
    if source in ENCODERS:
        encoder = load_encoder(source, batch_size=32)
        return unit_rows((encoder.document_side if side else encoder).encode(texts))
    return unit_rows(tower_vectors(_arm(source, name), texts, side))


def _arm(source: str, name: str) -> Arm:
    return final_arm(name, source.removesuffix(", trained"), trained=source.endswith("trained"))


SOURCES = (*ENCODERS, ARMS[1], *(f"{arm}, trained" for arm in ARMS))


@experiment(
    "equal-backbones",
    "Encoders and trained arms on people's pairs: order, with BM25 added, and their geometry",
    tasks=lambda: [{"set": name, "source": source} for name in BUDGETS for source in SOURCES],
    data=lambda: {
        file: digest for name in BUDGETS for file, digest in judged_checksums(name).items()
    },
    tolerance=TRAINING,
    kinds=("source",),
)
def backbone_row(set: str, source: str) -> dict[str, Any]:
    """Return `scored_row` of a source on the test, the same ``fused`` with BM25, and
    ``geometry`` of the titles in those pairs, where a title is one vector.
    """
    data = graded_titles(set)
    if source not in ENCODERS and "two towers" not in source:
        arm = _arm(source, set)
        return _rows(data, lambda some: pair_scores(arm, data.queries, data.titles, some))
    pairs = measured_pairs(data, "test")
    asked = np.unique(pairs["query"])
    read = np.unique(pairs[["right", "wrong"]])
    queries = _vectors(source, set, [data.queries[q] for q in asked], 0)
    titles = _vectors(source, set, [data.titles[t] for t in read], 1)

    def score(some: NDArray[np.integer]) -> NDArray[np.float64]:
        left, right = (
            X[np.searchsorted(numbers, column)]
            for X, numbers, column in zip((queries, titles), (asked, read), some.T, strict=True)
        )
        return np.round((left * right).sum(axis=1), 6)

    return _rows(data, score) | {"geometry": geometry(titles, queries)}


def _rows(data: GradedTitles, score: Score) -> dict[str, Any]:
    return scored_row(data, "test", score) | {"fused": scored_row(data, "test", fused(data, score))}
