"""Hubness reductions that look at other queries, beside taking out the queries' mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.special import logsumexp

from paper_chapters.hubness.title_hubs import N_QUERIES, NEAR_TIES, K, encoded_search, search_tasks
from paper_utils.checks import unit_rows
from paper_utils.geometry.centring import centred_scores, search_gains
from paper_utils.results import experiment
from paper_utils.search.metrics import ndcg_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.statistics import bootstrap_interval, randomisation_p, shared_interval

QUERY_SIDE = ("own means", "CSLS", "inverted softmax", "QB-Norm")
TEMPERATURE = 0.05  # of the inverted softmax; one value, not tuned


def query_side_scores(documents: ArrayLike, queries: ArrayLike) -> dict[str, NDArray[np.float32]]:
    """Score documents for queries plainly and by `QUERY_SIDE`; each query's bank is the other half.

    CSLS takes from twice the cosine the mean cosine of a document to its `K` nearest queries of the
    bank; the inverted softmax divides by the sum over the bank; QB-Norm does so only for queries
    whose best document is the best of a query of the bank.
    """
    plain = centred_scores(documents, queries)
    U, V = unit_rows(documents), unit_rows(queries)
    cosines = V @ U.T
    scores = {"none": plain["none"], "own means": plain["own means"]}
    scores |= {name: np.empty_like(cosines) for name in QUERY_SIDE[1:]}
    for fold in (0, 1):
        mine, bank = cosines[fold::2], cosines[1 - fold :: 2]
        nearest = np.sort(bank, axis=0)[-min(K, len(bank)) :].mean(axis=0)
        inverted = mine - TEMPERATURE * logsumexp(bank / TEMPERATURE, axis=0)
        hubs = np.isin(mine.argmax(axis=1), bank.argmax(axis=1))
        scores["CSLS"][fold::2] = 2 * mine - nearest
        scores["inverted softmax"][fold::2] = inverted
        scores["QB-Norm"][fold::2] = np.where(hubs[:, None], inverted, mine)
    return {name: matrix.astype(np.float32) for name, matrix in scores.items()}


@experiment(
    "hubness-query-side",
    "Search on 2,000 generated titles with CSLS, inverted softmax and QB-Norm beside query means",
    tasks=search_tasks,
    tolerance=NEAR_TIES,
)
def search_query_side(
    encoder: str, language: str, n_items: int = 2000, n_queries: int = N_QUERIES, seed: int = 0
) -> dict[str, Any]:
    """Search generated titles with one encoder: `search_gains` by score, and of the nDCG@10.

    ``p``: randomisation over queries; ``shared``: interval that lets queries with a common title of
    full grade vary together; ``over_own``: gain over the queries' own mean, mean, low and high.
    """
    documents, queries, grades, fine = encoded_search(encoder, language, n_items, n_queries, seed)
    scores = query_side_scores(documents, queries)
    rows = search_gains(scores, grades, fine)
    ndcg = {name: ndcg_at_k(ranks_from_scores(s, grades), K) for name, s in scores.items()}
    members = sparse.csr_array(grades == 2)
    answered = np.flatnonzero(members.sum(axis=1))
    for name in QUERY_SIDE:
        gain, over = ndcg[name] - ndcg["none"], ndcg[name] - ndcg["own means"]
        rows[name] |= {
            "p": randomisation_p(gain),
            "shared": list(shared_interval(gain[answered], members[answered])[:3]),
            "over_own": list(bootstrap_interval(over)[:3]),
        }
    return rows
