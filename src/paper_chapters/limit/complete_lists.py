"""Whether all relevant documents are found, ties included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from paper_utils.errors import UsageError
from paper_utils.search.ranks import RelevantRanks


def complete_at_k(ranks: RelevantRanks, k: int) -> NDArray[np.float64]:
    """Return the probability that the first `k` hold every relevant document.

    Ties are ordered at random, as in :mod:`paper_utils.search.metrics`. Of e documents with one
    score, m of them among the first `k`, r relevant ones are all among these with probability
    ``C(e - r, m - r) / C(e, m)``.

    Parameters
    ----------
    ranks : RelevantRanks
        From :func:`~paper_utils.search.ranks.ranks_from_scores` or ``ranks_from_lists``.
    k : int
        1 to the number of documents, or to the settled length of the lists.

    Returns
    -------
    ndarray of float64, shape (n_queries,)
        0 to 1; NaN where no document is relevant.

    Raises
    ------
    UsageError
        `k` is not a whole number from 1, or reaches beyond what the ranking settles.

    Examples
    --------
    >>> from paper_utils.search.ranks import ranks_from_scores
    >>> ranks = ranks_from_scores([[0.9, 0.5, 0.5, 0.1], [1, 1, 1, 1]], [[1, 0, 1, 0]] * 2)
    >>> complete_at_k(ranks, 2)
    array([0.5       , 0.16666667])
    """
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise UsageError(f"k must be a whole number from 1, not {k!r}")
    if (ranks.settled < k).any():
        query = int(np.argmax(ranks.settled < k))
        raise UsageError(
            f"k={k} reaches beyond what is known: the ranking of query {query} is settled to "
            f"position {ranks.settled[query]}; give longer lists, or all scores"
        )
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
