"""What poolings gain over the mean, with intervals for queries that share documents."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from paper_chapters.pooling.pooled_search import SYSTEMS, _data, _rounded, scores_of_poolings
from paper_utils.data.diy import diy_catalogue
from paper_utils.data.diy_queries import diy_queries
from paper_utils.encoders import load_encoder
from paper_utils.limit.data import load_limit
from paper_utils.results import Tolerance, experiment
from paper_utils.search.metrics import ndcg_at_k, recall_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.statistics import shared_interval


@experiment(
    "pooling-shared",
    "Poolings of MiniLM above its mean, with intervals that let queries share documents",
    tasks=lambda: [{"corpus": "diy"}, {"corpus": "limit-small"}],
    data=_data,
    tolerance=Tolerance(
        rel=1e-3, abs=0.005, why="Single precision and 200 queries: near ties change places."
    ),
)
def pooling_shared(corpus: str, encoder: str = "minilm") -> dict[str, list[float]]:
    """Return system -> gain over the mean, with its interval: of the corpora of `pooling-search`.

    Queries are taken to vary together where they have a relevant document (on titles: one of full
    grade) in common; those without one are left out.
    """
    if corpus == "diy":
        table = diy_catalogue(800, "en", seed=0)
        made = diy_queries(table, "en", n_queries=200, seed=0)
        queries, documents, qrels = list(made.texts), list(table["title"]), made.grades
        members = sparse.csr_array(qrels == 2)
    else:
        data = load_limit(corpus)
        queries, documents, qrels = list(data.queries), list(data.documents), data.qrels
        members = sparse.csr_array(qrels)
    found = scores_of_poolings(load_encoder(encoder, seed=0), queries, documents)
    values = {}
    for system, scores in found.items():
        ranks = ranks_from_scores(_rounded(scores), qrels)
        values[system] = ndcg_at_k(ranks, 10) if corpus == "diy" else recall_at_k(ranks, 2)
    answered = np.flatnonzero(members.sum(axis=1))
    return {
        system: list(
            shared_interval((values[system] - values["mean"])[answered], members[answered])[:3]
        )
        for system in SYSTEMS
        if system != "mean"
    }
