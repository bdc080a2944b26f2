"""What remedies for hubs and crowded cosines do to search, on every judged pair of the panel.

Fixed before the first result: a seeded sample of at most 1,000 queries, in two random halves, each
of which is the bank of the other; nDCG@10 over the whole collection, of homedepot over what was
judged, since most of its relevant titles were never judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.hubness.panel_scores import K, csls, document_side, fused, query_side
from paper_utils.checks import unit_rows
from paper_utils.geometry.cosine import centre, cosine_moments
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.geometry.hubness import k_occurrence, occurrences_in_lists
from paper_utils.panel.pairs import Pair, load_sample, load_vectors, search_tasks
from paper_utils.panel.search import highest, interval, quality
from paper_utils.panel.sets import SEARCHED, load_set, seeded_order, set_checksums
from paper_utils.results import Tolerance, experiment
from paper_utils.search.bm25 import BM25
from paper_utils.search.topk import select_top_k

N_QUERIES = 1_000
BANK_SIZES = (16, 64, 256)
DRAWS = 5

NEAR_TIES = Tolerance(
    rel=0.03,
    abs=0.004,
    why="Single precision: near ties change places, in a few of a thousand lists.",
)


def foreign_set(pair: Pair) -> str:
    """Return the set whose queries are the foreign bank of a pair: of another form and topic."""
    if pair.encoder == "navec":
        return "danetqa-ru" if pair.set != "danetqa-ru" else "xquad-r-ru"
    return "limit-small" if pair.set != "limit-small" else "xquad-r-en"


def all_scores(
    U: NDArray, V: NDArray, foreign: NDArray, words: NDArray
) -> Iterator[tuple[str, NDArray]]:
    """Give the scores of plain search, of every remedy and of the controls. `words`: BM25's."""
    plain = V @ U.T
    yield "none", plain
    yield from document_side(U, V)
    halves = [(slice(fold, None, 2), slice(1 - fold, None, 2)) for fold in (0, 1)]
    parts = [dict(query_side(U, V[mine], V[bank])) for mine, bank in halves]
    for name in parts[0]:
        both = np.empty_like(plain)
        for (mine, _), part in zip(halves, parts, strict=True):
            both[mine] = part[name]
        yield name, both
    size = len(V) // 2  # both controls have as many rows as the bank
    noise = np.random.default_rng(0).normal(size=(size, U.shape[1]))
    yield "CSLS, random bank", csls(plain, unit_rows(noise) @ U.T)
    yield "CSLS, foreign bank", csls(plain, foreign[:size] @ U.T)
    yield "BM25", words
    yield "BM25 fused", fused(plain, words)


def symptoms(U: NDArray, V: NDArray) -> dict[str, float]:
    """Return what can be measured of the vectors without a judgement."""
    one, other = U.mean(axis=0), V.mean(axis=0)
    return {
        "mean_cosine": cosine_moments(U).mean,
        "means_cosine": float(one @ other / np.linalg.norm(one) / np.linalg.norm(other)),
        "dimension_share": effective_dimension(U, "unbiased").value / U.shape[1],
        "skewness": k_occurrence(U, K).skewness,
        "skewness_centred": k_occurrence(centre(U), K).skewness,
    }


@experiment(
    "panel-remedies",
    "Change of nDCG@10 by hubness reductions, whitening and BM25 on every judged pair of the panel",
    tasks=lambda: search_tasks(SEARCHED),
    data=lambda: set_checksums(*SEARCHED),
    tolerance=NEAR_TIES,
    kinds=("set",),
)
def remedies_on_pair(encoder: str, set: str, pooling: str | None) -> dict[str, Any]:
    """Measure one pair: its ``symptoms``, and of each remedy the change of what the set is judged
    by (mean, low, high; ``none`` and BM25 have the ``value`` too) and the skewness of its results.
    """
    pair = Pair(encoder, set, pooling)
    texts, sample = load_set(set), load_sample(pair, N_QUERIES)
    U, V, grades = sample.documents, sample.queries, sample.grades
    foreign = load_vectors(Pair(encoder, foreign_set(pair), pooling)).queries
    foreign = unit_rows(foreign[seeded_order(len(foreign))])
    words = BM25().fit(texts.documents).scores([texts.queries[row] for row in sample.rows])
    members, found, plain = highest(grades), {}, {}
    for name, scores in all_scores(U, V, foreign, words):
        values = quality(scores, grades)
        plain = plain or values
        lists = select_top_k(scores, K)[0]
        entry: dict[str, Any] = {
            measure: interval(value - plain[measure], members) for measure, value in values.items()
        }
        entry["skewness"] = round(occurrences_in_lists(lists, len(U)).skewness, 4)
        if name in ("none", "BM25"):
            entry["value"] = {key: interval(value, members) for key, value in values.items()}
        found[name] = entry
    return {
        "n_docs": len(U),
        "n_queries": len(V),
        "symptoms": {name: round(value, 5) for name, value in symptoms(U, V).items()},
        "remedies": found,
    }


@experiment(
    "panel-bank-size",
    "Change of nDCG@10 by CSLS against the number of queries in the bank, on eight judged pairs",
    tasks=lambda: [
        {"encoder": encoder, "set": set}
        for encoder in ("wordllama", "use-multilingual-v3", "minilm", "me5-small")
        for set in ("xquad-r-en", "xquad-r-ru")
    ],
    data=lambda: set_checksums("xquad-r-en", "xquad-r-ru"),
    tolerance=NEAR_TIES,
    kinds=("set",),
)
def csls_by_bank_size(encoder: str, set: str) -> dict[str, list[float]]:
    """Measure the change (mean, low, high) by size, over `DRAWS` banks from the other half."""
    sample = load_sample(Pair(encoder, set), N_QUERIES)
    cosines, members = sample.queries @ sample.documents.T, highest(sample.grades)
    plain = quality(cosines, sample.grades)["ndcg_10"]
    found = {}
    for size in (*BANK_SIZES, len(cosines) // 2):
        gains = [quality(scores, sample.grades)["ndcg_10"] for scores in _drawn(cosines, size)]
        found[str(size)] = interval(np.mean(gains, axis=0) - plain, members)
    return found


def _drawn(cosines: NDArray, size: int) -> Iterator[NDArray]:
    """Give CSLS's scores with banks of `size` queries drawn from the other half."""
    for draw in range(DRAWS):
        rng, scores = np.random.default_rng(draw), np.empty_like(cosines)
        for fold in (0, 1):
            bank = cosines[1 - fold :: 2]
            scores[fold::2] = csls(cosines[fold::2], bank[rng.permutation(len(bank))[:size]])
        yield scores
