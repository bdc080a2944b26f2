"""What MaxSim gains by token identities alone: counts of shared ids, random vectors of tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.codes.additive_simulation import additive_code_ranks, token_counts
from paper_utils.encoders import load_encoder
from paper_utils.errors import UsageError
from paper_utils.limit.data import load_limit, released_checksums
from paper_utils.limit.generate import generate_limit
from paper_utils.results import Tolerance, experiment
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import RelevantRanks, ranks_from_scores

SEEDS = 10  # draws of random vectors
DIMS = (3, 4, 8, 16)  # numbers of a token's random vector, beside a sum of equal size
WIDE = 384  # as many as MiniLM's states have
COUNTED, MAXSIM = "shared ids, counted", f"MaxSim, {WIDE}"


@experiment(
    "dimension-token-identity",
    "Recall on LIMIT-small from token ids alone: counted, by MaxSim over random vectors, in sums",
    tasks=lambda: [{"source": "limit-small"}, {"source": "generated", "n_docs": 12}],
    data=lambda: released_checksums("limit-small"),
    tolerance=Tolerance(
        rel=1e-3,
        abs=0.005,
        unchecked=("per_query",),
        why="Single precision: near ties change places in a few of 1,000 queries. `per_query` are "
        "the same recalls one by one; their means are compared.",
    ),
)
def token_identity(source: str, n_docs: int = 46) -> dict[str, Any]:
    """Measure recall@2 from MiniLM's token ids, special ones left out; the network does not run.

    `distinct`: mean number of distinct tokens of a document. `draws`: system -> recall by draw; a
    sum has as many numbers as the vectors of a document's distinct tokens together (`numbers`).
    `per_query`: of two systems, the recall of each query, mean over draws; `pairs`: its documents.
    """
    if source not in ("limit-small", "generated"):
        raise UsageError(f"source = {source!r} must be 'limit-small' or 'generated'")
    data = load_limit(source) if source == "limit-small" else generate_limit(n_docs)
    queries, documents = token_counts(*map(token_ids, (data.queries, data.documents)))
    held = (documents > 0).astype(np.float64)
    distinct = float(held.sum(axis=1).mean())
    sizes = {d: round(d * distinct) for d in DIMS}
    recalls = {COUNTED: [_recall(ranks_from_scores((queries @ held.T).toarray(), data.qrels))]}
    for d in (*DIMS, WIDE):
        scores = (random_maxsim(queries, documents, d, draw) for draw in range(SEEDS))
        recalls[f"MaxSim, {d}"] = [_recall(ranks_from_scores(S, data.qrels)) for S in scores]
    for d, size in sizes.items():
        sums = (
            additive_code_ranks(queries, documents, data.qrels, size, seed=draw, cosine=True)
            for draw in range(SEEDS)
        )
        recalls[f"sum, {d}"] = [_recall(ranks) for ranks in sums]
    return {
        "distinct": distinct,
        "numbers": {str(d): size for d, size in sizes.items()},
        "draws": {name: [float(row.mean()) for row in rows] for name, rows in recalls.items()},
        "per_query": {
            name: np.mean(recalls[name], axis=0).round(6).tolist() for name in (COUNTED, MAXSIM)
        },
        "pairs": data.qrels.indices.reshape(-1, 2).tolist(),
    }


def token_ids(texts: tuple[str, ...]) -> list[list[int]]:
    """Return the ids of MiniLM's tokens of each text, cut at its window, without special ones."""
    model = load_encoder("minilm").model
    encoded = model.tokenizer(
        list(texts),
        add_special_tokens=False,
        truncation=True,
        max_length=model.max_seq_length - 2,  # [CLS] and [SEP] take two places
    )
    return encoded["input_ids"]


def random_maxsim(
    queries: sparse.csr_array, documents: sparse.csr_array, d: int, seed: int
) -> NDArray[np.float64]:
    """Return MaxSim, shape (n_queries, n_docs), over one random unit vector of `d` for each token.

    Counts come from :func:`~paper_utils.codes.additive_simulation.token_counts`. A token of the
    query that the document has scores exactly 1, so that equal matches tie.
    """
    vectors = np.random.default_rng(seed).standard_normal((documents.shape[1], d))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    used = np.unique(queries.indices)
    best = np.empty((len(used), documents.shape[0]))
    for place in range(documents.shape[0]):
        held = documents.indices[documents.indptr[place] : documents.indptr[place + 1]]
        best[:, place] = (vectors[used] @ vectors[held].T).max(axis=1)
        best[np.isin(used, held), place] = 1.0
    return queries[:, used] @ best


def _recall(ranks: RelevantRanks) -> NDArray[np.float64]:
    return recall_at_k(ranks, 2)
