"""The geometry of every pair of the panel, and search raw and centred beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import unit_rows
from paper_utils.data.catalogue import title_language
from paper_utils.encoders import describe_encoder
from paper_utils.encoders.window import language_note, texts_cut
from paper_utils.geometry.cosine import centre, cosine_moments, cosine_moments_by_pairs
from paper_utils.geometry.dimension import effective_dimension, isoscore
from paper_utils.geometry.hubness import hubness_row, k_occurrence
from paper_utils.panel.pairs import Pair, load_pair_encoder, load_vectors, pair_tasks, sides
from paper_utils.panel.search import cosine_scores, search_values, summarised
from paper_utils.panel.sets import ALONE, SETS, load_set, seeded_order, set_checksums
from paper_utils.results import Tolerance, experiment
from paper_utils.statistics import bootstrap_interval

NEIGHBOURS = 5_000  # rows, at most, among which neighbours are looked for and all pairs visited
PAIRS = 1_500  # rows, at most, on which the identity is checked pair by pair
K = 10


def geometry_row(X: ArrayLike) -> dict[str, Any]:
    """Measure vectors (n, d), of which directions alone count; four rows at least, none zero.
    `var` is that of the cosine of distinct rows, `residual` its largest relative distance from a
    visit of all pairs, raw and centred. What needs neighbours is of `neighbours` seeded rows.
    """
    U = unit_rows(X)
    centred = centre(U)
    raw, of_centred = cosine_moments(U), cosine_moments(centred)
    unbiased = effective_dimension(U, "unbiased")
    near = _seeded(len(U), NEIGHBOURS)
    hubs, centred_hubs = (hubness_row(k_occurrence(Y[near], K)) for Y in (U, centred))
    return {
        "n": raw.n,
        "d": raw.d,
        "mean": raw.mean,
        "mean_se": raw.se_mean,
        "var": raw.var,
        "var_se": raw.se_var,
        "cross_share": raw.cross_share,
        "var_centred": of_centred.var,
        "var_centred_se": of_centred.se_var,
        "residual": max(_residual(Y[_seeded(len(U), PAIRS)]) for Y in (U, centred)),
        "d_eff": effective_dimension(U).value,
        "d_eff_unbiased": unbiased.value,
        "d_eff_unbiased_se": unbiased.se,
        "isoscore": isoscore(U),
        "rankme": effective_dimension(U, "rankme").value,
        "effective_rank": effective_dimension(U, "effective-rank").value,
        "uniformity": uniformity(U[near]),
        "twonn": effective_dimension(U[near], "twonn").value,
        "neighbours": len(near),
        "skewness": hubs["skewness"],
        "skewness_centred": centred_hubs["skewness"],
    }


def uniformity(U: NDArray[np.float64]) -> float:
    """Return log of the mean of exp(-2 |u - v|²) over distinct unit rows (Wang and Isola 2020).

    >>> round(uniformity(np.eye(4)), 6)
    -4.0
    """
    n, total = len(U), 0.0
    for start in range(0, n, 1024):
        total += np.exp(4 * (U[start : start + 1024] @ U.T) - 4).sum()
    diagonal = np.exp(4 * (U * U).sum(axis=1) - 4).sum()
    return float(np.log((total - diagonal) / (n * (n - 1))))


def _residual(U: NDArray[np.float64]) -> float:
    moments = cosine_moments(U)
    _, var = cosine_moments_by_pairs(U)
    return abs(moments.var - var) / var


def _seeded(n: int, most: int) -> NDArray[np.int64]:
    """Return all rows of n, or `most` seeded ones in their order."""
    return np.sort(seeded_order(n)[:most])


def search_rows(pair: Pair) -> dict[str, dict[str, Any]]:
    """Measure search by each centring: `search_values` with intervals, and gains over 'none'."""
    qrels, vectors = load_set(pair.set).qrels, load_vectors(pair)
    rows: dict[str, dict[str, Any]] = {}
    first: dict[str, NDArray] = {}
    for name, score in cosine_scores(vectors.documents, vectors.queries).items():
        values = search_values(score, qrels)
        first = first or values
        rows[name] = summarised(values)
        rows[name]["ndcg_10_gain"] = list(
            bootstrap_interval(values["ndcg_10"] - first["ndcg_10"])[:3]
        )
    return rows


@experiment(
    "panel-geometry",
    "Cosines, dimensions, hubs, and search raw and centred, of every encoder on every set",
    tasks=pair_tasks,
    data=lambda: set_checksums(*SETS),
    tolerance=Tolerance(
        rel=0.03,
        abs=0.005,
        why="Single precision in the encoders: near ties change places, counts move by one.",
    ),
    kinds=("encoder",),
)
def geometry_of_pair(encoder: str, set: str, pooling: str | None = None) -> dict[str, Any]:
    """Measure one pair: `documents` and, where there are some, `queries` by `geometry_row`.
    Titles alone are also measured by language; `search` is there where the set is judged.
    """
    pair = Pair(encoder, set, pooling)
    texts, vectors = load_set(set), load_vectors(pair)
    row: dict[str, Any] = {"documents": geometry_row(vectors.documents)}
    if set in ALONE and len(ALONE[set]) > 1:
        spoken = np.array([title_language(text) for text in texts.documents])
        row["languages"] = {
            language: geometry_row(vectors.documents[spoken == language]) for language in ALONE[set]
        }
    if texts.queries:
        row["queries"] = geometry_row(vectors.queries)
        row["search"] = search_rows(pair)
    row["cut"] = sum(texts_cut(*side) for side in sides(load_pair_encoder(pair), set))
    languages = describe_encoder(encoder).languages
    row["note"] = language_note(languages, [*texts.documents, *texts.queries])
    return row
