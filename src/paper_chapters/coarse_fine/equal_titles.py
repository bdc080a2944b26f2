"""The arms on real titles that nobody judged: pairs that differ in a number, read off by rules.

Training saw people's grades of English titles of another shop, and no title of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.coarse_fine.arms import ARMS, Arm, pair_scores
from paper_chapters.coarse_fine.equal_reranking import final_arm
from paper_chapters.coarse_fine.equal_training import TRAINING
from paper_utils.data.catalogue import load_catalogue
from paper_utils.data.judged import judged_checksums
from paper_utils.data.title_task import QuerySet, family_shares, title_task
from paper_utils.results import experiment
from paper_utils.search.bm25 import BM25
from paper_utils.statistics import bootstrap_interval

#: Of queries, titles, and pairs of their numbers, (n_pairs, 2): the scores, (n_pairs,).
PairScores = Callable[[Sequence[str], Sequence[str], NDArray[np.integer]], NDArray]
TRAINED_ON = "homedepot"
KINDS = ("pairs", "minimal")
WORDS = "BM25"
#: A cross-encoder as it comes has a random last layer; me5-small reads Russian, MiniLM letters.
READERS = (
    ("none", WORDS, 0),
    *(("minilm", arm, 0) for arm in ARMS[:2]),
    *(("minilm", arm, 1) for arm in ARMS),
    *(("me5-small", arm, 0) for arm in ARMS[:2]),
)


@experiment(
    "equal-real-titles",
    "Arms of one backbone on pairs of real titles that differ in a number, by language",
    tasks=lambda: [
        {"language": language, "backbone": backbone, "arm": arm, "trained": bool(trained)}
        for language in ("ru", "en")
        for backbone, arm, trained in READERS
    ],
    data=lambda: (
        judged_checksums(TRAINED_ON)
        | {"uhtt-tools": load_catalogue("uhtt-tools", language="all").sha256}
    ),
    tolerance=TRAINING,
    kinds=("arm", "backbone"),
)
def title_row(language: str, backbone: str, arm: str, trained: bool) -> dict[str, Any]:
    """Return for ``pairs`` and ``minimal`` pairs of chapter 17 the share in the right order [mean,
    low, high] over families, the number of `families`, and ``per_family``.
    """
    task = title_task(load_catalogue("uhtt-tools", language=language), language)
    if arm == WORDS:
        score = word_scores(task.titles)
    else:
        model = final_arm(TRAINED_ON, arm) if trained else Arm(arm, backbone).eval()
        score = partial(pair_scores, model)
    found = {
        kind: shares(score, task.titles, part)
        for kind, part in zip(KINDS, (task.fine, task.minimal), strict=True)
    }
    return {
        kind: {
            "share": [round(float(end), 5) for end in bootstrap_interval(values)[:3]],
            "families": len(values),
            "per_family": values.round(4).tolist(),
        }
        for kind, values in found.items()
    }


def word_scores(titles: Sequence[str]) -> PairScores:
    """BM25 over all titles, as chapter 17 has it."""
    index = BM25().fit(list(titles))
    return lambda queries, _, pairs: index.scores(list(queries))[pairs[:, 0], pairs[:, 1]]


def shares(score: PairScores, titles: Sequence[str], part: QuerySet) -> NDArray[np.float64]:
    """Return the share of a part's pairs in the right order by family, each title read once."""
    sides = [part.pairs[["query", side]].to_numpy() for side in ("right", "wrong")]
    distinct, places = np.unique(np.concatenate(sides), axis=0, return_inverse=True)
    scores = np.round(np.asarray(score(part.texts, titles, distinct), dtype=np.float64), 5)
    return family_shares(*scores[places.reshape(2, -1)], part.pairs).to_numpy()
