"""Additive-equivalent dimensions whose intervals count documents that queries share."""

from __future__ import annotations

from numpy.typing import NDArray
from scipy import sparse

from paper_utils.codes.additive import AdditiveDimension, AdditiveLaw, wilson
from paper_utils.statistics import shared_interval


def worth_shared(
    values: NDArray, qrels: sparse.csr_array, law: AdditiveLaw, k: int
) -> AdditiveDimension:
    """Return what a recall@k, given query by query, is worth; the interval is that of queries that
    share relevant documents, and Wilson's where all queries have the same recall.
    """
    recall = float(values.mean())
    if (values == values[0]).all():
        low, high = wilson(recall, len(values))
    else:
        found = shared_interval(values, qrels)
        low, high = max(found.low, 0.0), min(found.high, 1.0)
    d, least, most = (law.dimension(x, k) for x in (recall, low, high))
    return AdditiveDimension(k, recall, d, min(least, d), max(most, d), float("nan"))
