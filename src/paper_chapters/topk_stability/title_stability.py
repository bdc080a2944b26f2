"""Encoders under real changes of their vectors: rounding, codes, truncation, graph search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_chapters.topk_stability.approximate import hnsw_scores, product_quantised
from paper_chapters.topk_stability.exact_cosines import cosine_matrix
from paper_utils.checks import unit_rows, whole
from paper_utils.data.catalogue import catalogue_checksums, load_catalogue
from paper_utils.data.diy_queries import diy_queries
from paper_utils.encoders import load_encoder
from paper_utils.errors import UsageError
from paper_utils.geometry.perturb import perturb, to_bfloat16, to_binary, to_int8, truncate
from paper_utils.geometry.stability import margin_auc, rank_margin, topk_overlap
from paper_utils.results import Tolerance, experiment
from paper_utils.statistics import bootstrap_interval

N_QUERIES = 500
LINKS, WIDTH = 16, 64  # of the graph
# With fewer documents product quantisation into 16 or 256 codewords is not trained.
FEWEST_FOR_CODES, FEWEST_FOR_BYTES = 39 * 16, 39 * 256
# Fewer queries with a relevant document in their top k give no reliable share that is lost.
FEWEST_QUERIES = 20


def perturbed_scores(
    queries: NDArray, documents: NDArray, *, k: int = 20, noise: float = 1e-4, seed: int = 0
) -> Iterator[tuple[str, float, NDArray[np.float32]]]:
    """Yield each perturbation's name, bytes per document, and scores, shape (n_queries, n_docs).
    Vectors are scaled to unit length. `bfloat16` and `Hamming` round queries too; `noise` is a
    variance on the documents (readings A and C); the graph returns k documents. Codes `PQ` need
    enough documents to be trained, and take as many bytes as one bit per coordinate.
    """
    Q, X = (unit_rows(part).astype(np.float32) for part in (queries, documents))
    n, d = X.shape
    yield "bfloat16", 2 * d, cosine_matrix(to_bfloat16(Q), to_bfloat16(X))
    yield "int8", d, cosine_matrix(Q, to_int8(X))
    yield "one bit", d / 8, cosine_matrix(Q, to_binary(X))
    # Whole numbers, exact in single precision. Scaled to unit length they would be summed with
    # rounding errors, and equal distances would no longer tie.
    yield "Hamming", d / 8, to_binary(Q) @ to_binary(X).T
    if n >= FEWEST_FOR_CODES and d >= 4:
        codes = product_quantised(X, part=4, bits=4, seed=seed)
        yield "PQ, 4 bits for 4", -(-d // 4) / 2, cosine_matrix(Q, codes)
    if n >= FEWEST_FOR_BYTES and d >= 8:
        codes = product_quantised(X, part=8, bits=8, seed=seed)
        yield "PQ, 8 bits for 8", -(-d // 8), cosine_matrix(Q, codes)
    for share in (2, 8):
        if d >= 2 * share:
            m = d // share
            yield f"first 1/{share}", 4 * m, cosine_matrix(truncate(Q, m), truncate(X, m))
    found = hnsw_scores(Q, X, k, links=LINKS, width=max(WIDTH, k), seed=seed)
    yield "HNSW", 4 * d + 8 * LINKS, found
    for reading in "CA":
        moved = perturb(X, noise, reading, seed)
        yield f"noise {reading}", 4 * d, cosine_matrix(Q, moved)


def perturbation_rows(
    queries: NDArray,
    documents: NDArray,
    relevant: sparse.sparray | None = None,
    *,
    k: int = 20,
    noise: float = 1e-4,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Measure :func:`perturbed_scores` against exact cosines; None where queries are too few.
    At k: `overlap`, `positions` changed, `tau`, `tied` (share of queries with a tie across the
    cut-off). At k/2: `half` (overlap), `changed` (share of queries), `lost` and `net` relevant
    documents, `auc` of the margin for `changed`. 95% intervals: `low`, `high`.
    """
    whole("k", k, least=2)
    exact = cosine_matrix(queries, documents)
    margins = rank_margin(exact, k // 2)
    rows = []
    for name, size, after in perturbed_scores(queries, documents, k=k, noise=noise, seed=seed):
        full, half = topk_overlap(exact, after, k), topk_overlap(exact, after, k // 2, relevant)
        overlap = bootstrap_interval(full.overlap, seed=seed)
        row = {
            "name": name,
            "bytes": float(size),
            "overlap": overlap.mean,
            "low": overlap.low,
            "high": overlap.high,
            "half": float(half.overlap.mean()),
            "positions": float(full.positions_changed.mean()),
            "tau": _mean_or_none(full.rank_correlation),
            "tied": float((rank_margin(after, k) == 0).mean()),
            "changed": float((half.overlap < 1 - 1e-9).mean()),
        }
        lost = dict.fromkeys(("lost", "lost_low", "lost_high", "net"))
        if relevant is not None and np.isfinite(half.relevant_lost).sum() >= FEWEST_QUERIES:
            found = bootstrap_interval(half.relevant_lost, seed=seed)
            lost = {"lost": found.mean, "lost_low": found.low, "lost_high": found.high}
            lost["net"] = _mean_or_none(half.relevant_net)
        area = margin_auc(margins, half.overlap < 1 - 1e-9)
        auc = {"auc": area.mean, "auc_low": area.low, "auc_high": area.high}
        rows.append(row | lost | {key: _or_none(value) for key, value in auc.items()})
    return rows


def _mean_or_none(values: NDArray) -> float | None:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else None


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def queries_of(
    catalogue: str,
    encoder: str,
    *,
    language: str = "ru",
    n_items: int | None = None,
    n_queries: int = N_QUERIES,
    seed: int = 0,
) -> tuple[NDArray, NDArray, sparse.csr_array | None]:
    """Return vectors of queries and documents of a catalogue, and relevance where it is known.
    For ``diy``, its generated queries; relevant is what has every attribute of the query. Otherwise
    random titles are the queries, the other titles the documents, and relevance is None.
    """
    titles = load_catalogue(catalogue, language=language, n_items=n_items, seed=seed)
    model = load_encoder(encoder, seed=seed)
    if catalogue.partition(":")[0] == "diy":
        queries = diy_queries(titles.table, language, n_queries=n_queries, seed=seed)
        relevant = sparse.csr_array(queries.grades == 2)
        return model.encode(list(queries.texts)), model.encode(titles.titles), relevant
    if len(titles) < 2 * n_queries:
        raise UsageError(
            f"{len(titles)} titles are too few for {n_queries} of them as queries; "
            f"n_queries may be at most {len(titles) // 2}"
        )
    return *_split(model.encode(titles.titles), n_queries, seed), None


def _split(vectors: NDArray, n_queries: int, seed: int) -> tuple[NDArray, NDArray]:
    """Some rows as queries, the others as documents, each in their order."""
    chosen = np.zeros(len(vectors), dtype=bool)
    chosen[np.random.default_rng(seed).choice(len(vectors), n_queries, replace=False)] = True
    return vectors[chosen], vectors[~chosen]


def _tasks() -> list[dict[str, Any]]:
    kinds = {("uhtt-drills", "all"): 100, ("uhtt-tools", "ru"): N_QUERIES}
    return [
        {"catalogue": catalogue, "language": language, "encoder": name, "n_queries": n_queries}
        for (catalogue, language), n_queries in kinds.items()
        for name in ("minilm", "navec", "untrained", "random")
    ]


@experiment(
    "stability-real-titles",
    "Top-20 of real tool titles after rounding, codes, truncation and graph search",
    tasks=_tasks,
    data=lambda: catalogue_checksums("uhtt-tools", "uhtt-drills"),
    tolerance=Tolerance(
        rel=1e-3,
        abs=0.01,
        why="Single precision and 100 to 500 queries; the neighbour graph breaks near ties by "
        "rounding.",
    ),
)
def titles_perturbed(catalogue: str, language: str, encoder: str, n_queries: int) -> dict[str, Any]:
    """Perturb the vectors of all titles of one language: `rows` as :func:`perturbation_rows`.
    `n` counts documents, `distinct` different vectors among them.
    """
    titles = load_catalogue(catalogue, language="all")
    vectors = load_encoder(encoder).encode(titles.titles)
    if language != "all":
        vectors = vectors[titles.table["language"].to_numpy() == language]
    Q, X = _split(vectors, n_queries, 0)
    return {
        "n": len(X),
        "distinct": len(np.unique(X, axis=0)),
        "rows": perturbation_rows(Q, X),
    }
