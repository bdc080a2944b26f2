"""Lists and search quality under changes of the vectors, on every judged pair of the panel.

Fixed before the first result: a seeded sample of at most 500 queries; nDCG@10 over the whole
collection, of homedepot over what was judged unless a short list is returned; a change is safe
where the interval of the loss lies below `SAFE`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_chapters.topk_stability.exact_cosines import cosine_matrix
from paper_chapters.topk_stability.panel_changes import changed_scores
from paper_utils.checks import unit_rows
from paper_utils.geometry.cosine import cosine_moments
from paper_utils.geometry.stability import margin_auc, rank_margin, topk_overlap
from paper_utils.panel.pairs import Pair, judged_pairs, load_vectors
from paper_utils.panel.search import only_judged
from paper_utils.panel.sets import load_set, set_checksums
from paper_utils.results import Tolerance, experiment
from paper_utils.search.metrics import ndcg_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.statistics import bootstrap_interval, shared_interval

K, LONG = 10, 20
N_QUERIES = 500
SAFE = 0.01  #: a point of nDCG@10
SHALLOW = ("crowdflower", "homedepot-5k")  #: few documents of a query are judged
LEFT_OUT = "homedepot"  #: homedepot-5k is a part of it

NEAR_TIES = Tolerance(
    rel=0.03,
    abs=0.01,
    why="Single precision: near ties change places, in a few of 500 lists; graphs break them too.",
)


def seeded_order(n: int) -> NDArray[np.int64]:
    """Return a seeded order of n queries; nothing but uniform numbers is asked of NumPy."""
    return np.argsort(np.random.Generator(np.random.PCG64(6)).random(n), kind="stable")


def highest(grades: sparse.csr_array) -> sparse.csr_array:
    """Return which documents have the highest grade of their query: what its value rests on."""
    best = np.repeat(grades.max(axis=1).toarray().ravel(), np.diff(grades.indptr))
    members = grades.copy()
    members.data = ((grades.data == best) & (grades.data > 0)).astype(np.float64)
    members.eliminate_zeros()
    return members


def values_of(scores: NDArray, grades: sparse.csr_array, name: str) -> dict[str, NDArray]:
    """Return nDCG@10 of each query, of shallow sets among what was judged too."""
    values = {"ndcg": ndcg_at_k(ranks_from_scores(scores, grades), K)}
    if name in SHALLOW:
        among = only_judged(lambda rows: scores[rows], grades)(slice(None))
        values["condensed"] = ndcg_at_k(ranks_from_scores(among, grades), K)
    return values


def compared(
    exact: NDArray, draws: list[NDArray], grades: sparse.csr_array, name: str
) -> dict[str, Any]:
    """Measure changed scores, one a draw, against exact ones; means over draws, query by query.
    Losses of nDCG@10 and `kept`, overlap at 10, with intervals; `lost`: relevant documents that
    left. `auc`: of the margin at 10 for the lists that change; `auc_score`: of the tenth score.
    """
    members, relevant = highest(grades), grades > 0
    before = values_of(exact, grades, name)
    after = [values_of(scores, grades, name) for scores in draws]
    at = [topk_overlap(exact, scores, K, relevant) for scores in draws]
    kept = np.mean([found.overlap for found in at], axis=0)
    row: dict[str, Any] = {
        f"loss_{key}": interval(value - np.mean([one[key] for one in after], axis=0), members)
        for key, value in before.items()
    }
    row["kept"] = rounded(bootstrap_interval(kept)[:3])
    lost = np.mean([found.relevant_lost for found in at], axis=0)
    row["lost"] = rounded([float(np.nanmean(lost))])[0]
    row["changed"] = rounded([float((kept < 1 - 1e-9).mean())])[0]
    if len(draws) == 1:
        ordered = np.partition(exact, -K, axis=1)[:, -K]
        for key, predictor in (("auc", rank_margin(exact, K)), ("auc_score", ordered)):
            area = margin_auc(predictor, kept < 1 - 1e-9)[:3]
            row[key] = None if np.isnan(area[0]) else rounded(area)
    return row


def interval(values: NDArray, members: sparse.csr_array) -> list[float]:
    """Return mean, low and high, for queries that share documents; NaN is left out."""
    known = np.flatnonzero(~np.isnan(values))
    return rounded(shared_interval(values[known], members[known])[:3])


def rounded(values: Any) -> list[float]:
    """Return numbers to five decimals."""
    return [round(float(value), 5) for value in values]


def _tasks() -> list[dict[str, Any]]:
    return [
        {"encoder": pair.encoder, "set": pair.set, "pooling": pair.pooling}
        for pair in judged_pairs()
        if pair.set != LEFT_OUT
    ]


def _data() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in dict.fromkeys(task["set"] for task in _tasks()):
        found |= set_checksums(name)
    return found


@experiment(
    "panel-stability",
    "Top 10 and nDCG@10 after noise, rounding, codes, fewer coordinates and graph search, on "
    "every judged pair of the panel",
    tasks=_tasks,
    data=_data,
    tolerance=NEAR_TIES,
    kinds=("set",),
)
def stability_of_pair(encoder: str, set: str, pooling: str | None) -> dict[str, Any]:
    """Measure one pair: of each change what :func:`compared` tells, of noise on the documents the
    share of `positions` of the top 20 that changes and that `left` it too. `level`: nDCG@10 before.
    """
    texts, vectors = load_set(set), load_vectors(Pair(encoder, set, pooling))
    answered = np.flatnonzero((texts.qrels > 0).sum(axis=1) > 0)
    rows = answered[seeded_order(len(answered))[:N_QUERIES]]
    grades = sparse.csr_array(texts.qrels[rows])
    U, V = (
        unit_rows(part).astype(np.float32) for part in (vectors.documents, vectors.queries[rows])
    )
    exact, found = cosine_matrix(V, U), {}
    for name, draws in changed_scores(V, U):
        found[name] = compared(exact, draws, grades, set)
        if name.startswith("noise"):
            longer = topk_overlap(exact, draws[0], LONG)
            found[name]["left"] = rounded(bootstrap_interval(1 - longer.overlap)[:3])
            found[name]["positions"] = rounded(bootstrap_interval(longer.positions_changed)[:3])
    levels = values_of(exact, grades, set)
    return {
        "n_docs": len(U),
        "n_queries": len(V),
        "d": U.shape[1],
        "mean_cosine": round(cosine_moments(U).mean, 5),
        "level": {key: rounded([np.nanmean(value)])[0] for key, value in levels.items()},
        "changes": found,
    }
