"""What hash collisions cost: the recall of NUMEN from its dimension, without a fitted constant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import gammainc, gammaincc, gammaincinv, ndtr, ndtri, pdtr
from tqdm import tqdm

from paper_utils.checks import whole
from paper_utils.search.hashing import HashedNgrams

_BLOCK = 2048  # documents whose grams are counted at once: some 60 MB
# Documents and buckets from which the contents of a bucket are estimated.
_DOCS, _BUCKETS = 300, 600
# Quantiles of the relevant document's own score, and bins of the scores of the others.
_NODES, _BINS = 11, 128
_NORMAL = 1e-2  # below this skewness the distribution is taken as normal


class GramCounts(NamedTuple):
    """A collection as if no two grams ever shared a bucket."""

    # (n_queries, n_grams), log(1 + sum) of each gram; grams are those that queries have
    weights: sparse.csr_array
    sums: sparse.csc_array  # (n_docs, n_grams), sums of weights of these grams in the documents
    squares: NDArray[np.float64]  # squared length of each document's vector, all its grams counted
    qrels: sparse.csr_array  # (n_queries, n_docs)
    sample: list[str]  # some documents


def gram_counts(
    documents: Sequence[str], queries: Sequence[str], qrels: sparse.csr_array, *, seed: int = 0
) -> GramCounts:
    """Count the grams of NUMEN without hashing them together; `seed` chooses the sample."""
    plain = HashedNgrams(1 << 32, log=False, normalise=False)
    encoded = plain.encode(queries)
    grams, places = np.unique(encoded.indices, return_inverse=True)
    shape = (len(queries), len(grams))
    weights = sparse.csr_array((np.log1p(encoded.data), places, encoded.indptr), shape=shape)
    parts, squares = [], []
    for start in tqdm(range(0, len(documents), _BLOCK), desc="counting", disable=None, leave=False):
        block = plain.encode(documents[start : start + _BLOCK])
        squares.append(_squares(block))
        parts.append(_columns(block, grams))
    drawn = np.random.default_rng(seed).permutation(len(documents))[:_DOCS]
    return GramCounts(
        weights,
        sparse.vstack(parts, format="csc"),
        np.concatenate(squares),
        sparse.csr_array(qrels, dtype=bool),
        [documents[i] for i in drawn],
    )


def predicted_recall(
    counts: GramCounts, d: int, ks: Sequence[int], *, seed: int = 0
) -> list[float]:
    """Predict the mean recall at each of `ks` for `d` buckets (1 to 2**32).
    A query's gram scores ``log(1 + t + X)``: t is its own sum in the document, X that of the other
    grams in its bucket. Three moments over documents, for random buckets, give a score the Pearson
    distribution (type III). A relevant document is found when fewer than k others score higher.
    """
    for k in ks:
        whole("k", k, least=1)
    rng = np.random.default_rng(seed)
    values, places = np.unique(counts.sums.data, return_inverse=True)
    moments = _bucket_moments(counts.sample, d, values, rng, seed)
    scale = 1 / _norms(counts, d, seed)
    chances = (np.arange(_NODES) + 0.5) / _NODES
    sums, others = np.empty((3, len(scale))), np.ones(len(scale), dtype=bool)
    found = np.zeros(len(ks))
    for query in tqdm(range(counts.weights.shape[0]), desc=f"d={d}", disable=None, leave=False):
        row = slice(counts.weights.indptr[query], counts.weights.indptr[query + 1])
        terms, weights = counts.weights.indices[row], counts.weights.data[row]
        buckets = rng.integers(0, moments.shape[1], len(terms))
        _add_moments(
            sums, moments, terms, weights, buckets, counts.sums.indptr, counts.sums.indices, places
        )
        mean, deviation = sums[0] * scale, np.sqrt(np.maximum(sums[1], 1e-18)) * scale
        skew = sums[2] / np.maximum(sums[1], 1e-18) ** 1.5
        relevant = counts.qrels.indices[counts.qrels.indptr[query] : counts.qrels.indptr[query + 1]]
        others[relevant] = False
        own = mean[relevant, None] + deviation[relevant, None] * np.array(
            [_pearson_quantile(chances, skew[document]) for document in relevant]
        )
        better, variance = _number_better(own, mean[others], deviation[others], skew[others])
        others[relevant] = True
        for place, value in enumerate(own):  # the other relevant ones are in the way too
            rest = np.delete(relevant, place)[:, None]
            above = _pearson_above((value - mean[rest]) / deviation[rest], skew[rest])
            better[place] += above.sum(axis=0)
            variance[place] += (above * (1 - above)).sum(axis=0)
        found += [_chance_found(better, variance, k).sum() for k in ks]
    return (found / counts.qrels.nnz).tolist()


@njit(cache=True, nogil=True)
def _add_moments(sums, moments, terms, weights, buckets, pointers, docs, places):
    """Sum three cumulants of the score of every document over the terms of a query."""
    sums[:] = 0.0
    for j in range(len(terms)):
        for order in range(3):
            at = moments[order, buckets[j]]
            factor = weights[j] ** (order + 1)
            sums[order] += factor * at[0]
            for i in range(pointers[terms[j]], pointers[terms[j] + 1]):
                sums[order, docs[i]] += factor * (at[places[i] + 1] - at[0])


def _chance_found(better: NDArray, variance: NDArray, k: int) -> NDArray[np.float64]:
    """Chance of each relevant document, shape (n_relevant,), to be among the first k.
    How many others are above has mean `better` and `variance`, (n_relevant, n_nodes), and a
    translated Poisson distribution (A. Barbour, V. Cekanavicius, 2002): what is certain stays so.
    """
    certain = np.floor(np.maximum(better - variance, 0) + 1e-9)
    left = k - 1 - certain
    chance = pdtr(np.maximum(left, 0), np.maximum(better - certain, 0))
    return np.where(left >= 0, chance, 0.0).mean(axis=1)


def _columns(matrix: sparse.csr_array, kept: NDArray) -> sparse.csr_array:
    place = np.minimum(np.searchsorted(kept, matrix.indices), len(kept) - 1)
    known = kept[place] == matrix.indices
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    entries = (matrix.data[known], (row[known], place[known]))
    return sparse.csr_array(entries, shape=(matrix.shape[0], len(kept)))


def _bucket_moments(
    sample: list[str], d: int, values: NDArray, rng: np.random.Generator, seed: int
) -> NDArray[np.float64]:
    """Three cumulants of log(1 + t + X) over documents, by bucket and by t in (0, *values)."""
    hashed = HashedNgrams(d, log=False, normalise=False, hash="mixed", seed=seed).encode(sample)
    drawn = np.unique(rng.integers(0, d, _BUCKETS))
    filled = _columns(hashed, drawn).toarray()
    moments = np.empty((3, len(drawn), len(values) + 1))
    for place, value in enumerate((0, *values)):
        logs = np.log1p(filled + value)
        moments[0, :, place] = logs.mean(axis=0)
        logs -= moments[0, :, place]
        moments[1, :, place] = (logs**2).mean(axis=0)
        moments[2, :, place] = (logs**3).mean(axis=0)
    return moments


def _norms(counts: GramCounts, d: int, seed: int) -> NDArray[np.float64]:
    """Length of each document's vector: collisions change its square by a line, from the sample."""
    options = {"log": False, "normalise": False}
    before = _squares(HashedNgrams(1 << 32, **options).encode(counts.sample))
    after = _squares(HashedNgrams(d, hash="mixed", seed=seed, **options).encode(counts.sample))
    slope, level = np.polyfit(before, after, 1)
    return np.sqrt(np.maximum(level + slope * counts.squares, after.min() / 4))


def _squares(sums: sparse.csr_array) -> NDArray[np.float64]:
    row = np.repeat(np.arange(sums.shape[0]), np.diff(sums.indptr))
    return np.bincount(row, np.log1p(sums.data) ** 2, minlength=sums.shape[0])


def _number_better(
    own: NDArray, mean: NDArray, deviation: NDArray, skew: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of how many others are above `own`; the others in bins of the mean."""
    low = own.min() - 10 * deviation.max()
    near = mean > low
    if not near.any():
        return np.zeros(own.shape), np.zeros(own.shape)
    mean, deviation, skew = mean[near], deviation[near], skew[near]
    step = max(mean.max() - low, 1e-300) / (_BINS - 1)
    place = ((mean - low) / step).astype(np.int64)
    number = np.bincount(place, minlength=_BINS)
    used = number > 0
    centre, width, lean = (
        np.bincount(place, part, minlength=_BINS)[used] / number[used]
        for part in (mean, deviation, skew)
    )
    above = _pearson_above((own[..., None] - centre) / width, lean)
    return above @ number[used], (above * (1 - above)) @ number[used]


def _pearson_above(x: NDArray, skew: NDArray) -> NDArray[np.float64]:
    """Probability above `x` of the standardised Pearson distribution of type III."""
    safe = np.where(np.abs(skew) < _NORMAL, 1.0, skew)
    shape = 4 / safe**2
    gamma = np.maximum(shape + x * np.sign(safe) * np.sqrt(shape), 0)
    right = np.broadcast_to(safe > 0, gamma.shape)
    tail = np.empty(gamma.shape)
    for function, side in ((gammaincc, right), (gammainc, ~right)):
        tail[side] = function(np.broadcast_to(shape, gamma.shape)[side], gamma[side])
    return np.where(np.abs(skew) < _NORMAL, ndtr(-x), tail)


def _pearson_quantile(chances: NDArray, skew: float) -> NDArray[np.float64]:
    """Quantiles of the same distribution."""
    if abs(skew) < _NORMAL:
        return ndtri(chances)
    shape = 4 / skew**2
    gamma = gammaincinv(shape, chances if skew > 0 else 1 - chances)
    return np.sign(skew) * (gamma - shape) / np.sqrt(shape)
