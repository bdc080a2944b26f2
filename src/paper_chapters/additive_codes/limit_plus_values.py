"""What scores are worth on collections of LIMIT+'s form, and whether 'not' was read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_chapters.additive_codes.limit_plus import LimitPlus
from paper_utils.search.metrics import ndcg_at_k, recall_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.statistics import bootstrap_interval


def values(data: LimitPlus, form: str, scores: ArrayLike) -> dict[str, list[float]]:
    """Return recall at 2 and 10 and nDCG at 10, each a mean with its interval over queries.
    `scores` are (n_pairs, n_docs), judged by the answers of `form`.
    """
    ranks = ranks_from_scores(scores, data.qrels(form).astype(float))
    found = {f"recall@{k}": recall_at_k(ranks, k) for k in (2, 10)}
    found["nDCG@10"] = ndcg_at_k(ranks, 10)
    return {name: list(bootstrap_interval(row)[:3]) for name, row in found.items()}


def excludes(data: LimitPlus, scores: ArrayLike) -> list[float]:
    """Return how often a document with A alone is above one with A and B, a tie counting half.
    The mean over pairs of attributes with its interval; 0.5 is no preference.
    """
    S = np.asarray(scores)
    alone, both = (data.qrels(form).toarray() for form in ("not", "and"))
    share = [
        np.heaviside(row[a][:, None] - row[b], 0.5).mean()
        for row, a, b in zip(S, alone, both, strict=True)
    ]
    return list(bootstrap_interval(share)[:3])


def measured(data: LimitPlus, scores: dict[str, NDArray]) -> dict[str, Any]:
    """Measure scores by the way in which they were asked for.
    Keys 'and' and 'not' are whole questions, 'A + B' and 'A - B' (and variants that begin so) made
    of two. Each is judged by its own answers; 'and' once more by those of 'not', as the control.
    """
    found: dict[str, Any] = {}
    for name, S in scores.items():
        form = "and" if name == "and" or name.startswith("A + ") else "not"
        found[name] = values(data, form, S) | {"A alone first": excludes(data, S)}
        if name == "and":
            found["not, asked with and"] = values(data, "not", S)
    return found
