"""Hubs in clouds of points, among titles and in search results: the long measurements."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import spearmanr

from paper_utils.checks import unit_rows
from paper_utils.data.catalogue import catalogue_checksums, load_catalogue
from paper_utils.data.diy_queries import diy_queries
from paper_utils.encoders import load_encoder
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.geometry.centring import search_gains
from paper_utils.geometry.cosine import centre
from paper_utils.geometry.hub_reduction import mutual_neighbours, mutual_proximity, whiten
from paper_utils.geometry.hubness import (
    KOccurrence,
    equal_rows,
    hubness_row,
    k_occurrence,
    occurrences_in_lists,
)
from paper_utils.geometry.spectrum import power_law_spectrum
from paper_utils.results import Tolerance, experiment
from paper_utils.search.topk import top_k

DISTRIBUTIONS = ("normal", "uniform", "torus")
REDUCTIONS = ("none", "centring", "whitening", "mutual proximity")
ENCODERS = ("minilm", "navec", "untrained", "random")
SEEDS = range(5)

K = 10  # neighbours a point
SAMPLE = 10_000  # points on which all hubness reductions are compared
N_QUERIES = 400

NEAR_TIES = Tolerance(
    rel=0.03,
    abs=0.005,
    why="Single precision: near ties change places, and the largest count moves by one.",
)


def cloud(
    law: str, n: int, d: int, *, kappa: float = 0.0, d_eff: float | None = None, seed: int = 0
) -> NDArray[np.float64]:
    """Draw n independent points (n, d) of a ``normal``, ``uniform`` or ``torus`` distribution.
    ``uniform``: the cube from 0 to 1; ``torus``: d angles as points of d circles, (n, 2 d), without
    a middle or border. ``normal`` only: `kappa`, squared length of the mean over the total
    variance; `d_eff`, participation ratio of a power-law spectrum, else all variances are equal.
    """
    if law not in DISTRIBUTIONS:
        raise UsageError(f"no distribution {law!r}; {did_you_mean(law, DISTRIBUTIONS)}")
    if law != "normal" and (kappa or d_eff):
        raise UsageError(f"kappa and d_eff belong to the normal distribution, not to {law!r}")
    rng = np.random.default_rng(seed)
    if law == "uniform":
        return rng.random((n, d))
    if law == "torus":
        angles = 2 * np.pi * rng.random((n, d))
        return np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    X = rng.normal(size=(n, d))
    if d_eff:
        X *= np.sqrt(d * power_law_spectrum(d, d_eff=d_eff))
    return X + np.sqrt(kappa)  # the total variance is d, so each coordinate's mean is sqrt(kappa)


# --------------------------------------------------------------------------- clouds of points


def _cloud_tasks() -> list[dict[str, Any]]:
    def task(law="normal", metric="cosine", d=100, n=10_000, kappa=0.0, d_eff=None):
        return {"law": law, "metric": metric, "d": d, "n": n, "kappa": kappa, "d_eff": d_eff}

    return [
        *(
            task(law, metric, d)
            for law in ("normal", "uniform")
            for metric in ("l2", "cosine")
            for d in (3, 10, 20, 100, 300)
        ),
        *(task("torus", "l2", d) for d in (3, 20, 100)),
        *(task("normal", metric, n=n) for metric in ("l2", "cosine") for n in (1000, 3000)),
        *(
            task(d=d, n=5000, kappa=kappa)
            for d in (20, 100, 768)
            for kappa in (0.0, 0.1, 0.5, 2.0, 10.0)
        ),
        *(task(d=768, n=5000, d_eff=d_eff) for d_eff in (404, 200, 122, 60, 32, 15, 8)),
    ]


@experiment(
    "hubness-synthetic",
    "k-occurrences in simulated clouds, by dimension, number, mean and spectrum; five seeds",
    tasks=_cloud_tasks,
    tolerance=Tolerance(
        rel=0.005,
        abs=0.005,
        why="Counts of neighbours among thousands of points: near ties change places by rounding.",
    ),
    kinds=("metric",),
)
def hubness_of_cloud(
    law: str, metric: str, d: int, n: int, kappa: float = 0.0, d_eff: float | None = None
) -> dict[str, list[float]]:
    """Measure five clouds of one distribution: each measure of `hubness_row`, one value a seed.
    ``skewness_5`` is that of the five nearest neighbours.
    """
    rows = []
    for seed in SEEDS:
        X = cloud(law, n, d, kappa=kappa, d_eff=d_eff, seed=seed)
        # Continuous distributions have no equal rows to merge.
        lists, _ = top_k(X, X, K, metric=metric, exclude_self=True)
        five = occurrences_in_lists(lists[:, : K // 2], n)
        rows.append(hubness_row(occurrences_in_lists(lists, n)) | {"skewness_5": five.skewness})
    return {name: [row[name] for row in rows] for name in rows[0]}


# -------------------------------------------------------------------------------------- titles


def hubness_by_reduction(X: ArrayLike, k: int = K) -> dict[str, KOccurrence]:
    """Count k-occurrences among distinct rows (n_items, d) under each of `REDUCTIONS`."""
    return {
        "none": k_occurrence(X, k),
        "centring": k_occurrence(centre(X), k),
        "whitening": k_occurrence(whiten(X), k),
        "mutual proximity": occurrences_in_lists(mutual_neighbours(X, k), len(np.asarray(X))),
    }


def towards_mean(X: ArrayLike, counts: ArrayLike) -> float:
    """Rank correlation of the counts with the cosine to the mean direction."""
    U = unit_rows(X)
    return float(spearmanr(U @ U.mean(axis=0), counts).statistic)


def titles_row(X: NDArray, *, reductions: bool) -> dict[str, Any]:
    """Hubness of vectors of titles (n_items, d): with duplicates ``kept`` and ``merged``.
    ``mu2``, squared length of the mean unit vector, and ``towards_mean`` are of the merged rows;
    `reductions` compares hubness reductions on at most `SAMPLE` of them.
    """
    kept = k_occurrence(X, K, duplicates="keep")
    points = X[equal_rows(X)[0]]
    merged = k_occurrence(points, K) if kept.n_duplicates else kept
    row = {
        "n": len(kept.counts),
        "n_duplicates": kept.n_duplicates,
        "largest_group": kept.largest_group,
        "kept": hubness_row(kept),
        "merged": hubness_row(merged),
        "mu2": float((unit_rows(points).mean(axis=0) ** 2).sum()),
        "towards_mean": towards_mean(points, merged.counts),
    }
    if reductions:
        some = np.random.default_rng(0).permutation(len(points))[:SAMPLE]
        sample = points[np.sort(some)]
        row["n_sample"] = len(sample)
        row["cures"] = {
            name: hubness_row(found) for name, found in hubness_by_reduction(sample).items()
        }
    return row


@experiment(
    "hubness-real-titles",
    "k-occurrences of 45,989 real tool titles and of drills, before and after hubness reduction",
    tasks=lambda: [
        {"catalogue": catalogue, "encoder": encoder}
        for catalogue in ("uhtt-drills", "uhtt-tools")
        for encoder in ENCODERS
    ],
    data=lambda: catalogue_checksums("uhtt-tools", "uhtt-drills"),
    tolerance=NEAR_TIES,
)
def hubness_of_titles(catalogue: str, encoder: str) -> dict[str, Any]:
    """Measure one encoder on all titles of a real catalogue: `titles_row` of ``all`` and ``ru``.
    Hubness reductions are compared on the Russian titles.
    """
    titles = load_catalogue(catalogue, language="all")
    X = load_encoder(encoder).encode(titles.titles)
    mine = titles.table["language"].to_numpy() == "ru"
    return {"all": titles_row(X, reductions=False), "ru": titles_row(X[mine], reductions=True)}


# -------------------------------------------------------------------------------------- search


def reduced_scores(documents: ArrayLike, queries: ArrayLike) -> dict[str, NDArray[np.float32]]:
    """Score documents for queries under each hubness reduction, fitted to the documents alone.
    Scores are (n_queries, n_docs), in single precision so that equal documents tie.
    """
    U, V = unit_rows(documents), unit_rows(queries)
    mean = U.mean(axis=0)
    scores = {
        "none": V @ U.T,
        "centring": centre(V, mean) @ centre(U).T,
        "whitening": whiten(V, U) @ whiten(U).T,
        "mutual proximity": mutual_proximity(U, V),
    }
    return {name: matrix.astype(np.float32) for name, matrix in scores.items()}


def search_tasks() -> list[dict[str, Any]]:
    """Encoders and languages; navec knows Russian words only."""
    return [
        {"encoder": encoder, "language": language}
        for encoder in ENCODERS
        for language in ("ru", "en")
        if not (encoder == "navec" and language == "en")
    ]


def encoded_search(
    encoder: str, language: str, n_items: int, n_queries: int, seed: int
) -> tuple[NDArray, NDArray, Any, NDArray[np.bool_]]:
    """Return vectors of generated titles and of queries, the grades, and which queries are fine."""
    table = load_catalogue("diy", language=language, n_items=n_items, seed=seed).table
    queries = diy_queries(table, language, n_queries=n_queries, seed=seed)
    model = load_encoder(encoder, seed=seed)
    documents = model.encode(table["title"].tolist())
    fine = np.array(queries.level) == "fine"
    return documents, model.encode(list(queries.texts)), queries.grades, fine


@experiment(
    "hubness-search",
    "Search on 2,000 generated titles with 400 queries, before and after hubness reduction",
    tasks=search_tasks,
    tolerance=NEAR_TIES,
)
def search_with_reductions(
    encoder: str, language: str, n_items: int = 2000, n_queries: int = N_QUERIES, seed: int = 0
) -> dict[str, Any]:
    """Search generated titles with one encoder: ``search``, `search_gains` by hubness reduction.
    ``titles``: `hubness_row` by reduction, of the neighbours of titles among themselves.
    """
    documents, queries, grades, fine = encoded_search(encoder, language, n_items, n_queries, seed)
    among = hubness_by_reduction(documents[equal_rows(documents)[0]])
    return {
        "search": search_gains(reduced_scores(documents, queries), grades, fine),
        "titles": {name: hubness_row(found) for name, found in among.items()},
    }
