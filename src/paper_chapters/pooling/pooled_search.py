"""One vector per text, pooled in several ways, against all its token vectors: which finds more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_utils.checks import unit_rows, whole
from paper_utils.data.diy import diy_catalogue
from paper_utils.data.diy_queries import diy_queries
from paper_utils.data.sources import data_file
from paper_utils.encoders import Encoder, load_encoder
from paper_utils.encoders.checkpoint import file_sha256
from paper_utils.encoders.token_states import TokenBatch, token_states
from paper_utils.encoders.transformer import pool
from paper_utils.errors import UsageError
from paper_utils.limit.data import load_limit
from paper_utils.results import Tolerance, experiment
from paper_utils.search.late_interaction import maxsim
from paper_utils.search.metrics import ndcg_at_k, recall_at_k
from paper_utils.search.ranks import RelevantRanks, ranks_from_scores
from paper_utils.statistics import bootstrap_interval

#: One vector per text: states of the last layer, special tokens included as MiniLM does.
POOLINGS = ("mean", "cls", "last", "max")
#: The mean of input embeddings, without special tokens, and the same centred on either side.
STATIC = ("static mean", "static mean, centred")
#: All token vectors: states of the last layer, and input embeddings.
LATE = ("MaxSim", "static MaxSim")
SYSTEMS = (*POOLINGS, *STATIC, *LATE)


def scores_of_poolings(
    encoder: Encoder, queries: Sequence[str], documents: Sequence[str], *, progress: bool = False
) -> dict[str, NDArray[np.floating]]:
    """Return system -> scores, shape (n_queries, n_docs), of one transformer's tokens.
    Cosines for one vector per text; for `LATE` sums of maximal cosines of all tokens, special ones
    and punctuation included, without the [MASK] tokens that ColBERT adds to queries.
    """
    pooled_queries = _empty(len(queries), len(_ONE))
    tokens = {layer: [None] * len(queries) for layer in ("last", "input")}
    for batch in token_states(encoder, queries, progress=progress):
        _fill(pooled_queries, batch)
        for layer, texts in tokens.items():
            for row, vectors in zip(batch.rows, batch.vectors(layer), strict=True):
                texts[row] = vectors
    pooled_documents = _empty(len(documents), len(_ONE))
    late = {layer: np.empty((len(queries), len(documents)), np.float32) for layer in tokens}
    for batch in token_states(encoder, documents, progress=progress):
        _fill(pooled_documents, batch)
        for layer, texts in tokens.items():
            late[layer][:, batch.rows] = maxsim(texts, batch.vectors(layer))

    scores = {}
    for system, Q, X in zip(_ONE, pooled_queries, pooled_documents, strict=True):
        Q, X = unit_rows(np.array(Q)), unit_rows(np.array(X))
        scores[system] = Q @ X.T
        if system == "static mean" and len(queries) > 1 and len(documents) > 1:
            Q, X = Q - Q.mean(axis=0), X - X.mean(axis=0)
            scores["static mean, centred"] = unit_rows(Q) @ unit_rows(X).T
    return scores | {"MaxSim": late["last"], "static MaxSim": late["input"]}


_ONE = (*POOLINGS, "static mean")


def _empty(n_texts: int, n_systems: int) -> list[list[Any]]:
    return [[None] * n_texts for _ in range(n_systems)]


def _fill(places: list[list[Any]], batch: TokenBatch) -> None:
    """Put the pooled vectors of a batch where its texts belong."""
    pooled = [pool(batch.states, batch.mask, how) for how in POOLINGS]
    pooled.append(pool(batch.embeddings, batch.mask & ~batch.special, "mean"))
    for place, vectors in zip(places, pooled, strict=True):
        for row, vector in zip(batch.rows, vectors.numpy(), strict=True):
            place[row] = vector


def _tasks() -> list[dict[str, Any]]:
    small = {"corpus": "diy", "encoder": "minilm", "language": "en", "n_items": 250}
    small |= {"n_queries": 80}
    full = [
        {"corpus": "diy", "encoder": encoder, "language": "en", "n_items": 800, "n_queries": 200}
        for encoder in ("minilm", "untrained")
    ]
    limit = [{"corpus": "limit-small", "encoder": encoder} for encoder in ("minilm", "untrained")]
    return [small, *full, *limit]


def _data() -> dict[str, str]:
    files = ("corpus.jsonl", "queries.jsonl", "qrels.jsonl")
    return {f"limit-small/{name}": file_sha256(data_file("limit-small", name)) for name in files}


@experiment(
    "pooling-search",
    "Mean, cls, last-token and max pooling against late interaction, on diy and LIMIT-small",
    tasks=_tasks,
    data=_data,
    tolerance=Tolerance(
        rel=1e-3,
        abs=0.005,
        why="Single precision and as few as 80 queries: near ties change places.",
    ),
)
def pooling_search(
    corpus: str,
    encoder: str,
    language: str = "en",
    n_items: int = 250,
    n_queries: int = 80,
    seed: int = 0,
) -> dict[str, Any]:
    """Search 'diy' (generated titles, graded queries) or 'limit-small' with every pooling of a
    network. `rows` have, as [mean, low, high] over queries, `ndcg@10` and `fine` (fine queries
    alone) on titles, `recall@2`, `@10`, `@20` on LIMIT-small; `gain` is the first measure less that
    of 'mean'. The parameters after `encoder` are for 'diy'.
    """
    if corpus not in ("diy", "limit-small"):
        raise UsageError(f"corpus must be 'diy' or 'limit-small', not {corpus!r}")
    whole("n_items", n_items, least=2)
    whole("n_queries", n_queries, least=2)  # one query has no mean of its own to be centred by
    if corpus == "diy":
        table = diy_catalogue(n_items, language, seed=seed)
        made = diy_queries(table, language, n_queries=n_queries, seed=seed)
        queries, documents, qrels = list(made.texts), list(table["title"]), made.grades
        fine = np.array(made.level) == "fine"
    else:
        data = load_limit(corpus)
        queries, documents, qrels = list(data.queries), list(data.documents), data.qrels

    def metrics(ranks: RelevantRanks) -> dict[str, NDArray[np.float64]]:
        if corpus == "diy":
            ndcg = ndcg_at_k(ranks, 10)
            return {"ndcg@10": ndcg, "fine": ndcg[fine]}
        return {f"recall@{k}": recall_at_k(ranks, k) for k in (2, 10, 20)}

    found = scores_of_poolings(load_encoder(encoder, seed=seed), queries, documents)
    ranks = {system: ranks_from_scores(_rounded(scores), qrels) for system, scores in found.items()}
    values = {system: metrics(rank) for system, rank in ranks.items()}
    rows = []
    for system in SYSTEMS:
        row = {name: list(bootstrap_interval(v)[:3]) for name, v in values[system].items()}
        first = next(iter(row))
        gain = bootstrap_interval(values[system][first] - values["mean"][first])
        rows.append({"system": system} | row | {"gain": list(gain[:3])})
    return {"n_docs": len(documents), "n_queries": len(queries), "rows": rows}


def _rounded(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Round, so that scores tie where they differ by the order of their sums alone."""
    return np.round(scores.astype(np.float64), 5)
