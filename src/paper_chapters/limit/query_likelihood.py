"""LIMIT-small by a language model: how probable it finds a query after each document."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.limit.query_values import query_values
from paper_utils.encoders.likelihood import log_probabilities, scorer
from paper_utils.errors import UsageError
from paper_utils.limit.data import load_limit, released_checksums
from paper_utils.results import RANKS, Tolerance, experiment, get
from paper_utils.statistics import shared_interval

N_DOCS, N_QUERIES = 46, 100  #: of LIMIT-small; the queries are drawn, since all cost hours


@experiment(
    "limit-query-likelihood",
    "LIMIT-small: how probable Qwen2.5-Coder finds 100 of the queries after each document",
    tasks=lambda: [{"document": document} for document in range(N_DOCS)],
    data=lambda: released_checksums("limit-small"),
    tolerance=Tolerance(
        rel=1e-3, abs=0.01, why="Sums in single precision over the layers and the vocabulary."
    ),
)
def query_likelihoods(document: int) -> dict[str, Any]:
    """Return `start`, the log probability (nats) of what all queries begin with after one document
    and a line break, and `rest`, that of what follows, of each query of :func:`drawn_queries`.
    """
    if not 0 <= document < N_DOCS:
        raise UsageError(f"document = {document} must be 0 to {N_DOCS - 1}")
    data = load_limit()
    texts = [data.queries[row] for row in drawn_queries(len(data.queries))]
    start, rest = log_probabilities(*scorer(), data.documents[document], texts)
    return {"start": round(start, 4), "rest": rest.round(3).tolist()}


def drawn_queries(n_queries: int) -> NDArray[np.int64]:
    """Return the places of the drawn queries, increasing."""
    order = np.random.Generator(np.random.PCG64(0)).random(n_queries)
    return np.sort(np.argsort(order, kind="stable")[:N_QUERIES])


@experiment(
    "limit-query-likelihood-rows",
    "LIMIT-small: recall of 100 queries by the log probabilities of limit-query-likelihood",
    tasks=lambda: [{"n_queries": N_QUERIES}],
    data=lambda: released_checksums("limit-small"),
    tolerance=RANKS,
)
def likelihood_row(n_queries: int) -> dict[str, list[float]]:
    """Return ``recall@2`` -> [mean, low, high], and so on, of the first `n_queries` drawn, by the
    recorded probabilities: where the judgements are not at hand a chapter shows these.
    """
    qrels = load_limit().qrels
    drawn = qrels[drawn_queries(qrels.shape[0])[:n_queries]]
    tasks = sorted(get("limit-query-likelihood").tasks, key=lambda task: task[0]["document"])
    scores = np.array([np.add(value["start"], value["rest"]) for _, value, _ in tasks]).T
    values = query_values(lambda rows: scores[:n_queries][rows], drawn)
    return {key: list(shared_interval(row, drawn)[:3]) for key, row in values.items()}
