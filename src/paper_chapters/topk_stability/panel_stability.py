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
from paper_utils.geometry.cosine import cosine_moments
from paper_utils.geometry.stability import margin_auc, rank_margin, topk_overlap
from paper_utils.panel.pairs import Pair, load_sample, search_tasks
from paper_utils.panel.search import highest, interval, quality, rounded
from paper_utils.panel.sets import SEARCHED, set_checksums
from paper_utils.results import Tolerance, experiment
from paper_utils.statistics import bootstrap_interval

K, LONG = 10, 20
N_QUERIES, SEED = 500, 6  #: another sample than that of the remedies
SAFE = 0.01  #: a point of nDCG@10

NEAR_TIES = Tolerance(
    rel=0.03,
    abs=0.01,
    why="Single precision: near ties change places, in a few of 500 lists; graphs break them too.",
)


def compared(exact: NDArray, draws: list[NDArray], grades: sparse.csr_array) -> dict[str, Any]:
    """Measure changed scores, one a draw, against exact ones; means over draws, query by query.
    Losses of quality and `kept`, overlap at 10, with intervals; `lost`: relevant documents that
    left. `auc`: of the margin at 10 for the lists that change; `auc_score`: of the tenth score.
    """
    members, relevant = highest(grades), grades > 0
    before = quality(exact, grades)
    after = [quality(scores, grades) for scores in draws]
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


@experiment(
    "panel-stability",
    "Top 10 and nDCG@10 after noise, rounding, codes, fewer coordinates and graph search, on "
    "every judged pair of the panel",
    tasks=lambda: search_tasks(SEARCHED),
    data=lambda: set_checksums(*SEARCHED),
    tolerance=NEAR_TIES,
    kinds=("set",),
)
def stability_of_pair(encoder: str, set: str, pooling: str | None) -> dict[str, Any]:
    """Measure one pair: of each change what :func:`compared` tells, of noise on the documents the
    share of `positions` of the top 20 that changes and that `left` it too. `level`: before.
    """
    sample = load_sample(Pair(encoder, set, pooling), N_QUERIES, SEED)
    U, V = (part.astype(np.float32) for part in (sample.documents, sample.queries))
    exact, found = cosine_matrix(V, U), {}
    for name, draws in changed_scores(V, U):
        found[name] = compared(exact, draws, sample.grades)
        if name.startswith("noise"):
            longer = topk_overlap(exact, draws[0], LONG)
            found[name]["left"] = rounded(bootstrap_interval(1 - longer.overlap)[:3])
            found[name]["positions"] = rounded(bootstrap_interval(longer.positions_changed)[:3])
    levels = quality(exact, sample.grades)
    return {
        "n_docs": len(U),
        "n_queries": len(V),
        "d": U.shape[1],
        "mean_cosine": round(cosine_moments(U).mean, 5),
        "level": {key: rounded([np.nanmean(value)])[0] for key, value in levels.items()},
        "changes": found,
    }
