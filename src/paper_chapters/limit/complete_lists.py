"""Whether all relevant documents are found, ties included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from paper_utils.search.metrics import check_cutoff
from paper_utils.search.ranks import RelevantRanks


def complete_at_k(ranks: RelevantRanks, k: int) -> NDArray[np.float64]:
    """Return the probability that the first `k` hold every relevant document, shape (n_queries,).
    Ties are ordered at random. Of e documents with one score, m of them among the first `k`, r
    relevant ones are all among these with probability ``C(e - r, m - r) / C(e, m)``. NaN where no
    document is relevant.
    """
    check_cutoff(ranks, k)
    # One relevant document of a tie after the other: the i-th has m - i places of e - i left.
    order = np.lexsort((ranks.better, ranks.query))
    query, better, tied = ranks.query[order], ranks.better[order], ranks.tied[order]
    new = np.ones(len(query), dtype=bool)
    new[1:] = (query[1:] != query[:-1]) | (better[1:] != better[:-1])
    places = np.arange(len(query))
    earlier = places - np.maximum.accumulate(np.where(new, places, 0))
    left = np.clip(k - better, 0, tied) - earlier
    chance = np.maximum(left, 0) / (tied - earlier)
    values = np.ones(ranks.n_queries)
    np.multiply.at(values, query, chance)
    values[np.bincount(query, minlength=ranks.n_queries) == 0] = np.nan
    return values
