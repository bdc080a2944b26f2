"""Hubs in clouds of points, among titles and in search results: the long measurements."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import spearmanr

from paper_utils.checks import unit_rows
from paper_utils.data.catalogue import load_catalogue
from paper_utils.data.diy_queries import diy_queries
from paper_utils.encoders import load_encoder
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.geometry.cosine import centre
from paper_utils.geometry.hub_reduction import mutual_neighbours, mutual_proximity, whiten
from paper_utils.geometry.hubness import (
    KOccurrence,
    equal_rows,
    k_occurrence,
    occurrences_in_lists,
)
from paper_utils.geometry.spectrum import power_law_spectrum
from paper_utils.results import experiment
from paper_utils.search.bootstrap import bootstrap_interval
from paper_utils.search.metrics import ndcg_at_k, recall_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.search.topk import select_top_k, top_k

LAWS = ("normal", "uniform", "torus")
CURES = ("none", "centring", "whitening", "mutual proximity")
ENCODERS = ("minilm", "navec", "untrained", "random")
SEEDS = range(5)

K = 10  # neighbours a point
SAMPLE = 10_000  # points on which all hubness reductions are compared
N_QUERIES = 400


def cloud(
    law: str, n: int, d: int, *, kappa: float = 0.0, d_eff: float | None = None, seed: int = 0
) -> NDArray[np.float64]:
    """Draw n independent points (n, d) of a ``normal``, ``uniform`` or ``torus`` distribution.

    ``uniform``: the cube from 0 to 1; ``torus``: d angles as points of d circles, (n, 2 d), without
    a middle or border. ``normal`` only: `kappa`, squared length of the mean over the total
    variance; `d_eff`, participation ratio of a power-law spectrum, else all variances are equal.
    """
    if law not in LAWS:
        raise UsageError(f"unknown law {law!r}: {did_you_mean(law, LAWS)}")
    if law != "normal" and (kappa or d_eff):
        raise UsageError(f"kappa and d_eff belong to the normal law, not to {law!r}")
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


def hubness_row(found: KOccurrence) -> dict[str, float]:
    """The measures of hubness of one set of counts.

    >>> row = hubness_row(occurrences_in_lists([[0], [0], [0], [1]], 4))
    >>> row["antihubs"], row["largest"], round(row["skewness"], 2)
    (0.5, 3, 0.82)
    """
    return {
        "skewness": found.skewness,
        "variance": found.variance,
        "largest": found.largest,
        "antihubs": found.antihubs,
        "robin_hood": found.robin_hood,
    }


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
    "k-occurrences in clouds of known law, by dimension, number, mean and spectrum; five seeds",
    tasks=_cloud_tasks,
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


def hubness_by_cure(X: ArrayLike, k: int = K) -> dict[str, KOccurrence]:
    """Count k-occurrences among distinct rows (n_items, d) under each hubness reduction, `CURES`.

    >>> found = hubness_by_cure(cloud("normal", 1000, 50, kappa=1))
    >>> {name: round(counts.skewness, 1) for name, counts in found.items()}
    {'none': 2.5, 'centring': 0.2, 'whitening': 0.2, 'mutual proximity': 0.3}
    """
    return {
        "none": k_occurrence(X, k),
        "centring": k_occurrence(centre(X), k),
        "whitening": k_occurrence(whiten(X), k),
        "mutual proximity": occurrences_in_lists(mutual_neighbours(X, k), len(np.asarray(X))),
    }


def towards_mean(X: ArrayLike, counts: ArrayLike) -> float:
    """Rank correlation of the counts with the cosine to the mean direction.

    >>> X = cloud("normal", 1000, 50, kappa=1)
    >>> round(towards_mean(X, k_occurrence(X).counts), 1)
    0.9
    """
    U = unit_rows(X)
    return float(spearmanr(U @ U.mean(axis=0), counts).statistic)


def titles_row(X: NDArray, *, cures: bool) -> dict[str, Any]:
    """Hubness of vectors of titles (n_items, d): with duplicates ``kept`` and ``merged``.

    ``mu2``, squared length of the mean unit vector, and ``towards_mean`` are of the merged rows;
    `cures` compares hubness reductions on at most `SAMPLE` of them.
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
    if cures:
        some = np.random.default_rng(0).permutation(len(points))[:SAMPLE]
        sample = points[np.sort(some)]
        row["n_sample"] = len(sample)
        row["cures"] = {name: hubness_row(found) for name, found in hubness_by_cure(sample).items()}
    return row


def _data() -> dict[str, str]:
    return {
        name: load_catalogue(name, language="all").sha256 for name in ("uhtt-tools", "uhtt-drills")
    }


@experiment(
    "hubness-real-titles",
    "k-occurrences among 45,989 real tool titles and the drills among them, before and after cures",
    tasks=lambda: [
        {"catalogue": catalogue, "encoder": encoder}
        for catalogue in ("uhtt-drills", "uhtt-tools")
        for encoder in ENCODERS
    ],
    data=_data,
)
def hubness_of_titles(catalogue: str, encoder: str) -> dict[str, Any]:
    """Measure one encoder on all titles of a real catalogue: `titles_row` of ``all`` and ``ru``.

    Hubness reductions are compared on the Russian titles.
    """
    titles = load_catalogue(catalogue, language="all")
    X = load_encoder(encoder).encode(titles.titles)
    mine = titles.table["language"].to_numpy() == "ru"
    return {"all": titles_row(X, cures=False), "ru": titles_row(X[mine], cures=True)}


# -------------------------------------------------------------------------------------- search


def cured_scores(documents: ArrayLike, queries: ArrayLike) -> dict[str, NDArray[np.float32]]:
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


def search_by_cure(
    documents: ArrayLike, queries: ArrayLike, grades: Any, fine: ArrayLike, *, k: int = K
) -> dict[str, dict[str, Any]]:
    """Measure search and hubness under each hubness reduction; `grades` (n_queries, n_docs) 0 to 2.

    nDCG at k of all queries, recall at 2 k of `fine` queries for grade 2, each (mean, low, high) by
    a 95% bootstrap over queries; `_gain` over no reduction is paired by query. `hubness_row` is of
    how often the queries list a document.
    """
    fine = np.asarray(fine, dtype=bool)
    per_query, lists = {}, {}
    for name, scores in cured_scores(documents, queries).items():
        graded = ranks_from_scores(scores, grades)
        full = ranks_from_scores(scores[fine], (grades == 2)[np.flatnonzero(fine)])
        per_query[name] = {"ndcg": ndcg_at_k(graded, k), "recall": recall_at_k(full, 2 * k)}
        lists[name] = occurrences_in_lists(select_top_k(scores, k)[0], scores.shape[1])
    rows = {}
    for name, values in per_query.items():
        row: dict[str, Any] = hubness_row(lists[name])
        for measure, value in values.items():
            row[measure] = list(bootstrap_interval(value)[:3])
            row[f"{measure}_gain"] = list(
                bootstrap_interval(value - per_query["none"][measure])[:3]
            )
        rows[name] = row
    return rows


@experiment(
    "hubness-search",
    "Search on 2,000 generated titles with 400 queries, before and after cures of hubs",
    tasks=lambda: [
        {"encoder": encoder, "language": language}
        for encoder in ENCODERS
        for language in ("ru", "en")
        if not (encoder == "navec" and language == "en")
    ],
)
def search_with_cures(
    encoder: str, language: str, n_items: int = 2000, n_queries: int = N_QUERIES, seed: int = 0
) -> dict[str, Any]:
    """Search generated titles with one encoder: ``search`` by `search_by_cure`.

    ``titles``: `hubness_row` by reduction, of the neighbours of titles among themselves.
    """
    table = load_catalogue("diy", language=language, n_items=n_items, seed=seed).table
    queries = diy_queries(table, language, n_queries=n_queries, seed=seed)
    model = load_encoder(encoder, seed=seed)
    documents = model.encode(table["title"].tolist())
    asked = model.encode(list(queries.texts))
    among = hubness_by_cure(documents[equal_rows(documents)[0]])
    return {
        "search": search_by_cure(
            documents, asked, queries.grades, np.array(queries.level) == "fine"
        ),
        "titles": {name: hubness_row(found) for name, found in among.items()},
    }
