"""What the judgements ask of any embedding: sign-rank, margin, and the dimension of a free fit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from embedding_audit.cloud.progress import track
from embedding_audit.measure import Measure, median_of, not_measured, share_of
from embedding_audit.retrieval import Judged
from paper_utils.codes.additive import additive_dimension
from paper_utils.errors import UsageError
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import RelevantRanks
from paper_utils.search.tokenizer import split_tokens
from paper_utils.theory.margin import margin_ceiling, packing_dimension
from paper_utils.theory.realise import realise
from paper_utils.theory.relevance import read_relevance
from paper_utils.theory.signrank import sign_rank_bounds

#: Queries and distinct documents whose judgements are bounded; a sample of more. A lower bound of
#: a sample is one of the whole.
MOST_QUERIES = 60
MOST_CELLS = 60_000

_BOUND = "a bound, not an estimate: it has no interval"


def bound_measures(judged: Judged, seed: int) -> dict[str, Measure]:
    """Bound what any vectors need for these judgements.
    ``sign_rank_low``, ``sign_rank_high``, ``dimension_low``, ``free_fit_d`` (smallest dimension in
    which free vectors rank a sample right), ``gap`` (median gap of the embeddings), ``solved``
    (share of queries with all that is relevant on top), ``gap_ceiling``, ``margin_d``.
    """
    found = _gaps(judged)
    relevance = _sampled(judged.relevance, seed)
    names = ("sign_rank_low", "sign_rank_high", "dimension_low", "free_fit_d")
    if relevance is None:
        return found | dict.fromkeys(names, not_measured("no query with a choice to make"))
    n = relevance.matrix.shape[0]
    bounds = sign_rank_bounds(relevance.matrix.astype(int), seeds=(seed,))
    fit = _free_fit(relevance.matrix, bounds.dimension_lower, bounds.dimension_upper, seed)
    values = (bounds.lower, bounds.upper, bounds.dimension_lower, fit)
    measures = [Measure(value, n=n, reason=_BOUND) for value in values]
    return found | dict(zip(names, measures, strict=True))


def _sampled(relevance: sparse.csr_array, seed: int):
    """Distinct judgements of some queries, few enough to be bounded in seconds."""
    sizes = np.diff(relevance.indptr)
    rows = np.flatnonzero((sizes > 0) & (sizes < relevance.shape[1]))
    if not len(rows):
        return None
    rng = np.random.default_rng([seed, 7])
    rows = rng.permutation(rows)[:MOST_QUERIES]
    while True:
        some = (relevance[np.sort(rows)] > 0).astype(int)
        reduced = read_relevance(sparse.csr_array(some), repeated="merge")
        if reduced.matrix.size <= MOST_CELLS or len(rows) <= 10:
            break
        rows = rows[: max(10, len(rows) * 2 // 3)]
    return None if reduced.matrix.all() else reduced


def _free_fit(matrix: NDArray[np.bool_], low: int, high: int, seed: int) -> int:
    """Smallest dimension at which some start succeeds, by halving between proven bounds."""
    low = max(1, low)
    for _ in track(range(12), "free fit"):
        if low >= high:
            break
        middle = (low + high) // 2
        solved = any(realise(matrix, middle, seed=seed + i).solved for i in range(2))
        low, high = (low, middle) if solved else (middle + 1, high)
    return high


def _gaps(judged: Judged) -> dict[str, Measure]:
    gaps = np.full(judged.shape[0], np.nan)
    for part in track(judged.chunks(), "gaps"):
        scores = judged.scores(part)
        for row, values in enumerate(scores, start=part.start):
            relevant = np.zeros(len(values), dtype=bool)
            span = slice(*judged.relevance.indptr[row : row + 2])
            relevant[judged.relevance.indices[span]] = True
            if relevant.any() and not relevant.all():
                lowest = values[relevant].min()
                gaps[row] = lowest - values[~relevant].max() if np.isfinite(lowest) else -2
    there = gaps[~np.isnan(gaps)]
    if len(there) < 2:
        return dict.fromkeys(("gap", "solved", "gap_ceiling", "margin_d"), not_measured("no gaps"))
    found = {"gap": median_of(there), "solved": share_of(float((there > 0).mean()), len(there))}
    n_docs = judged.shape[1]
    k = int(np.median(np.diff(judged.relevance.indptr)[~np.isnan(gaps)]))
    d = judged.queries.shape[1]
    try:
        found["gap_ceiling"] = Measure(margin_ceiling(n_docs, k, d), n=k, reason=_BOUND)
    except UsageError as error:
        found["gap_ceiling"] = not_measured(str(error))
    positive = there[there > 0]
    if len(positive):
        needed = packing_dimension(n_docs, k, float(np.median(positive)))
        found["margin_d"] = Measure(needed, n=len(positive), reason=_BOUND)
    else:
        found["margin_d"] = not_measured("no query has all its relevant documents on top")
    return found


def additive_measure(
    own: RelevantRanks, judged: Judged, texts: Sequence[str] | None, seed: int
) -> Measure:
    """Return the dimension at which sums of random vectors would have the same recall.
    `texts` are those of the documents: their mean number of tokens is the length of the sums.
    """
    if texts is None:
        return not_measured("no texts were given")
    sizes = np.diff(judged.relevance.indptr)
    some = (sizes > 0) & (sizes <= 10)
    if some.sum() < 10:
        return not_measured("fewer than 10 queries have 1 to 10 relevant documents")
    n_docs = judged.shape[1]
    step = max(1, len(texts) // 5000)
    length = max(1, round(float(np.mean([len(split_tokens(text)) for text in texts[::step]]))))
    recalls = {10: float(np.nanmean(recall_at_k(own, 10)[some]))} if n_docs > 10 else {}
    queries = {
        "n_relevant": max(1, round(float(np.median(sizes[some])))),
        "n_queries": int(some.sum()),
    }
    try:
        (found,) = additive_dimension(recalls, n_docs, length, **queries)
    except (UsageError, ValueError) as error:
        return not_measured(str(error))
    if not math.isfinite(found.dimension):
        return not_measured("recall at 10 is complete: any dimension from some on would do")
    return Measure(found.dimension, found.low, found.high, n=int(some.sum()))
