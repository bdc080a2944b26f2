"""BM25 against MiniLM on the same pairs of real titles, with an interval over families."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from paper_chapters.real_catalogue.title_search import NEAR_TIES, Searcher
from paper_utils.data.catalogue import load_catalogue
from paper_utils.data.title_task import family_shares, title_task
from paper_utils.results import experiment
from paper_utils.statistics import bootstrap_interval

_RIGHT, _WRONG = "right", "wrong"


def pair_scores(name: str, titles: tuple[str, ...], texts: tuple[str, ...], pairs: pd.DataFrame):
    """Return the scores of the right and of the wrong title of each pair, under one system.

    MiniLM encodes the titles of the pairs alone; BM25 counts words over all titles.
    """
    if name == "BM25":
        found = Searcher(name, titles).scores(texts)
        return tuple(found[pairs["query"], pairs[side]] for side in (_RIGHT, _WRONG))
    used = np.unique(pairs[[_RIGHT, _WRONG]].to_numpy())
    found = Searcher(name, [titles[i] for i in used]).scores(texts)
    at = {side: np.searchsorted(used, pairs[side]) for side in (_RIGHT, _WRONG)}
    return tuple(found[pairs["query"], at[side]] for side in (_RIGHT, _WRONG))


@experiment(
    "real-catalogue-pairs",
    "BM25 less MiniLM on the same pairs of real titles of one class",
    tasks=lambda: [{"language": language} for language in ("ru", "en")],
    data=lambda: {"uhtt-tools": load_catalogue("uhtt-tools", language="all").sha256},
    tolerance=NEAR_TIES,
)
def pair_gain(language: str, catalogue: str = "uhtt-tools") -> dict[str, Any]:
    """Return the `difference` in pairs in the right order: mean, low, high, over families.

    With both systems' means, and the numbers of `families` (class and attribute) and `pairs`. The
    bootstrap is paired: it resamples the differences of the same families.
    """
    task = title_task(load_catalogue(catalogue, language=language), language)
    pairs = task.fine.pairs
    found = {
        name: family_shares(*pair_scores(name, task.titles, task.fine.texts, pairs), pairs)
        for name in ("BM25", "MiniLM")
    }
    gained = (found["BM25"] - found["MiniLM"]).to_numpy()
    return {
        "difference": [round(float(v), 5) for v in bootstrap_interval(gained)[:3]],
        "means": {name: round(float(part.mean()), 5) for name, part in found.items()},
        "families": len(gained),
        "pairs": len(pairs),
    }
