"""Which documents are relevant together: the same number of queries in four patterns."""

from __future__ import annotations

from typing import Any

import numpy as np

from paper_chapters.limit.query_values import query_values
from paper_chapters.limit.systems import SYSTEMS, Score
from paper_utils.checks import unit_rows
from paper_utils.encoders import load_encoder
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.limit.data import LimitData
from paper_utils.limit.generate import PATTERNS, generate_limit
from paper_utils.results import RANKS, experiment
from paper_utils.search.metrics import summary

N_QUERIES = 230  #: queries of the recorded collections, which have twice as many documents
LEXICAL = ("BM25", "BM25, stemmed", "TF-IDF", "letter trigrams (DSSM)")
SUMS = {f"random sums, d = {d}": d for d in (64, 256)}
ENCODER = "MiniLM, d = 384"
SEEDS = (0, 1, 2, 3, 4)


def sums(data: LimitData, d: int, seed: int) -> Score:
    """Score by sums of random attribute vectors: a document is the sum, a query one vector."""
    vectors = np.random.default_rng(seed).standard_normal((len(data.attributes), d))
    documents = np.array([vectors[row].sum(axis=0) for row in data.doc_attributes])
    return lambda rows: vectors[data.query_attributes[rows]] @ documents.T


def pooled(data: LimitData, encoder: str) -> Score:
    """Score by cosines of an encoder's vectors."""
    model = load_encoder(encoder)
    queries, documents = (
        unit_rows(model.encode(texts)) for texts in (data.queries, data.documents)
    )
    return lambda rows: queries[rows] @ documents.T


def pattern_data(pattern: str, seed: int, n_queries: int = N_QUERIES) -> LimitData:
    """Return `n_queries` queries for pairs in a pattern, among twice as many documents."""
    n_docs = 2 * n_queries
    smallest = next(n for n in range(3, n_docs + 1) if n * (n - 1) // 2 >= n_queries)
    active = {"dense": smallest, "cycle": n_queries}.get(pattern, n_docs)
    return generate_limit(active, n_docs=n_docs, pattern=pattern, n_queries=n_queries, seed=seed)


def _tasks() -> list[dict[str, Any]]:
    return [
        {"pattern": pattern, "system": system, "seed": seed}
        for pattern in PATTERNS
        for system in (*LEXICAL, *SUMS, ENCODER)
        for seed in (SEEDS if system != ENCODER else SEEDS[:1])  # a minute an encoding
    ]


@experiment(
    "limit-patterns",
    "Four patterns of relevance over equally many queries and documents, by lexical systems, "
    "random sums and MiniLM",
    tasks=_tasks,
    tolerance=RANKS,
    kinds=("system",),
)
def pattern_row(
    pattern: str, system: str, seed: int, n_queries: int = N_QUERIES
) -> dict[str, list[float]]:
    """Measure one system on one collection: ``recall@2`` -> [mean, low, high], and so on."""
    known = (*LEXICAL, *SUMS, ENCODER)
    if system not in known:
        raise UsageError(f"no system {system!r}: {did_you_mean(system, known)}")
    data = pattern_data(pattern, seed, n_queries)
    if system == ENCODER:
        score = pooled(data, "minilm")
    else:
        score = sums(data, SUMS[system], seed) if system in SUMS else SYSTEMS[system](data)
    return summary(query_values(score, data.qrels))
