"""How much of a top k survives when its scores change, and the margin that predicts it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.special import ndtr
from scipy.stats import rankdata

from paper_utils.checks import as_vectors, whole
from paper_utils.errors import UsageError
from paper_utils.statistics import Interval

#: Queries of either kind without which an area under the curve has no interval worth its name.
FEWEST = 5


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class TopKOverlap:
    """Two rankings of the same documents, query by query: arrays of shape (n_queries,)."""

    k: int
    overlap: NDArray[np.float64]  # share of the top k that stays in it
    positions_changed: NDArray[np.float64]  # share of positions 1 to k with another document
    # Kendall's tau-b of the scores of the top k before; NaN if one side has them equal, or k = 1.
    rank_correlation: NDArray[np.float64]
    # Share of the relevant documents of the top k that leave it; NaN if it held or was given none.
    relevant_lost: NDArray[np.float64]
    relevant_net: NDArray[np.float64]  # the same, less the relevant ones that come in


def topk_overlap(
    before: ArrayLike,
    after: ArrayLike,
    k: int,
    relevant: ArrayLike | sparse.sparray | None = None,
) -> TopKOverlap:
    r"""Compare the top k by two score matrices; no result depends on how ties are ordered.

    Documents that share the score of the k-th place are members of the top k with a probability
    below one, that of a random order of the tie. With p and q the probabilities of document i
    before and after, and P_ij, Q_ij those of standing at position j,

    .. math:: \text{overlap}=\frac1k\sum_i\min(p_i,q_i),\qquad
       \text{positions changed}=1-\frac1k\sum_{j\le k}\sum_i\min(P_{ij},Q_{ij}).

    Without ties these are the plain counts. Where only one side has ties the overlap is its
    expected value over their orders. Equal rankings have an overlap of 1, ties or none.

    Parameters
    ----------
    before, after : array_like, shape (n_queries, n_documents)
        Finite scores, larger is better. Only equal numbers are ties: nothing is rounded.
    k : int
        From 1 to n_documents - 1.
    relevant : array_like or scipy sparse array, shape (n_queries, n_documents), optional
        A document is relevant where this is not zero.

    Returns
    -------
    TopKOverlap

    Examples
    --------
    Of the best two documents one falls to a tie of three: one in three chances to keep it.

    >>> topk_overlap([[4.0, 3.0, 2.0, 1.0]], [[4.0, 2.0, 2.0, 2.0]], k=2).overlap.round(3)
    array([0.667])
    """
    S, T = as_vectors(before, name="before"), as_vectors(after, name="after")
    if S.shape != T.shape:
        raise UsageError(f"before has shape {S.shape}, after {T.shape}: they must agree")
    whole("k", k, least=1, most=S.shape[1] - 1)
    R = None
    if relevant is not None:
        R = sparse.csr_array(relevant)
        if R.shape != S.shape:
            raise UsageError(f"relevant has shape {R.shape}, the scores {S.shape}")
    rows = np.full((len(S), 5), np.nan)
    for row, (s, t) in enumerate(zip(S, T, strict=True)):
        marked = None if R is None else R.indices[R.indptr[row] : R.indptr[row + 1]]
        rows[row] = _compared(s, t, k, marked)
    return TopKOverlap(k, *np.ascontiguousarray(rows.T))


def _compared(s: NDArray, t: NDArray, k: int, relevant: NDArray | None) -> tuple[float, ...]:
    """Return the five measures for one query."""
    last = [np.partition(x, len(x) - k)[len(x) - k] for x in (s, t)]
    # Only these can be in either top k; in the order of the documents.
    some = np.flatnonzero((s >= last[0]) | (t >= last[1]))
    s, t = s[some], t[some]
    p, q = _membership(s, k, last[0]), _membership(t, k, last[1])
    before, after = (-np.sort(-x)[:k] for x in (s, t))
    at_before, at_after = s[:, None] == before, t[:, None] == after
    sizes = np.maximum(at_before.sum(axis=0), at_after.sum(axis=0))
    same = float(((at_before & at_after).sum(axis=0) / sizes).mean())
    first = np.argsort(-s, kind="stable")[:k]
    lost = net = math.nan
    if relevant is not None:
        mine = np.isin(some, relevant)
        held = p[mine].sum()
        if held > 0:
            lost = float(np.maximum(p - q, 0)[mine].sum() / held)
            net = float((p - q)[mine].sum() / held)
    return float(np.minimum(p, q).sum() / k), 1 - same, _tau_b(s[first], t[first]), lost, net


def _membership(x: NDArray, k: int, last: float) -> NDArray[np.float64]:
    """Probability of each document to be in the top k when ties are ordered at random."""
    above, tied = x > last, x == last
    return above + tied * ((k - above.sum()) / tied.sum())


def _tau_b(x: NDArray, y: NDArray) -> float:
    signs = [np.sign(np.subtract.outer(values, values)) for values in (x, y)]
    size = math.sqrt(np.abs(signs[0]).sum() * np.abs(signs[1]).sum())
    return float((signs[0] * signs[1]).sum() / size) if size else math.nan


def rank_margin(scores: ArrayLike, k: int) -> NDArray[np.float64]:
    """Margin s_k - s_(k+1) between the last score in each top k and the first one outside.

    Parameters
    ----------
    scores : array_like, shape (n_queries, n_documents)
        Finite; else UsageError.
    k : int
        From 1 to n_documents - 1.

    Returns
    -------
    ndarray of float64, shape (n_queries,)
        Never negative; 0 where a tie runs across the cut-off.

    Examples
    --------
    >>> rank_margin([[0.9, 0.1, 0.5], [1.0, 1.0, 1.0]], k=2)
    array([0.4, 0. ])
    """
    S = as_vectors(scores, name="scores")
    n = S.shape[1]
    whole("k", k, least=1, most=n - 1)
    ordered = np.partition(S, (n - k - 1, n - k), axis=1).astype(np.float64)
    return ordered[:, n - k] - ordered[:, n - k - 1]


def expected_margin(score_sd: float, n_docs: int, k: int) -> float:
    """Mean margin s_k - s_(k+1) of `n_docs` Gaussian scores, σ/(k h(z)), to first order. The scores
    are independent. Differences between the largest ones are exponential with mean 1/(k h), h the
    hazard at the upper quantile k/n (Rényi 1953): h(z) = φ(z)/(k/n) with z = Φ⁻¹(1 - k/n).
    """
    if not (math.isfinite(score_sd) and score_sd > 0):
        raise UsageError(f"score_sd must be above 0 and finite, not {score_sd}")
    if not 1 <= k < n_docs / 2:
        raise UsageError(f"k must be from 1 to less than half of {n_docs} documents, not {k}")
    from scipy.stats import norm

    share = k / n_docs
    return score_sd * share / (k * float(norm.pdf(norm.isf(share))))


def swap_probability(margins: ArrayLike, score_noise: float) -> NDArray[np.float64]:
    """Probability of a swap, Φ(-margin / (σ√2)), by independent errors of scores of deviation σ."""
    margins = np.asarray(margins, dtype=np.float64)
    if not np.isfinite(margins).all() or (margins < 0).any():
        raise UsageError("margins must be finite and not negative")
    if not (math.isfinite(score_noise) and score_noise > 0):
        raise UsageError(f"score_noise must be above 0 and finite, not {score_noise}")
    return ndtr(-margins / (score_noise * math.sqrt(2)))


def margin_auc(margins: ArrayLike, changed: ArrayLike) -> Interval:
    """Area under the ROC curve of small margins for the queries whose top k changed; 0.5 is chance.
    It is the probability that a changed query has a smaller margin than an unchanged one, ties one
    half. 95% interval: DeLong, DeLong and Clarke-Pearson (1988), normal, cut at 0 and 1. All NaN
    with fewer than `FEWEST` queries of either kind.
    """
    margins, moved = np.asarray(margins, dtype=np.float64), np.asarray(changed, dtype=bool)
    if margins.ndim != 1 or margins.shape != moved.shape:
        raise UsageError(f"margins have shape {margins.shape} and changed {moved.shape}")
    if not np.isfinite(margins).all():
        raise UsageError("margins must be finite")
    small, large = -margins[moved], -margins[~moved]
    m, n = len(small), len(large)
    if min(m, n) < FEWEST:
        return Interval(math.nan, math.nan, math.nan, len(margins))
    # Of each value, the share of the other kind that it beats (ties one half).
    ranks = rankdata(np.r_[small, large])
    v_small = (ranks[:m] - rankdata(small)) / n
    v_large = 1 - (ranks[m:] - rankdata(large)) / m
    area = float(v_small.mean())
    # house rule: DeLong's variance is asymptotic
    half = 1.959964 * math.sqrt(v_small.var(ddof=1) / m + v_large.var(ddof=1) / n)
    return Interval(area, max(0.0, area - half), min(1.0, area + half), m + n)
