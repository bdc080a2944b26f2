"""Exact search over postings of hashed counts, a segment of the documents at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Bits of a posting that say which document of the segment it is; the others say the count.
_BITS, _LOW = np.uint32(12), np.uint32((1 << 12) - 1)
_CODES = 1 << 20

SEGMENT = 1 << 12  #: documents of a segment: its scores, 32 KiB, stay in the first cache


class Counts(NamedTuple):
    """Summed weights of terms by text: rows of a sparse matrix, unsorted."""

    pointers: NDArray[np.int64]  # (n_texts + 1,)
    terms: NDArray[np.uint32]  # (n_entries,)
    units: NDArray[np.int32]  # (n_entries,)


class Segment(NamedTuple):
    """Postings of up to `SEGMENT` documents."""

    first: int  # place of its first document in the whole index
    pointers: NDArray[np.int64]  # (n_terms + 1,), of the terms known when it was made
    # Low 12 bits: place of the document here, increasing in each term; high 20: place in `values`.
    postings: NDArray[np.uint32]
    values: NDArray[np.float64]  # value of a count: its logarithm, or the count itself
    scales: NDArray[np.float64]  # (n_docs,), factor of a document's values; 0 without a gram

    @property
    def nbytes(self) -> int:
        """Bytes of the postings and of what belongs to them."""
        return sum(part.nbytes for part in (self.pointers, self.postings, self.values, self.scales))


def make_segment(first: int, counts: Counts, n_terms: int, values, normalise: bool) -> Segment:
    """Turn counts of at most `SEGMENT` documents into postings; `values` maps counts to values."""
    units = counts.units
    largest = int(units.max(initial=0))
    if largest < _CODES:
        table = values(np.arange(largest + 1))
    else:  # number the counts that occur; they are fewer
        distinct, units = np.unique(units, return_inverse=True)
        table, units = values(distinct), units.astype(np.int32)
    pointers = _count_postings(counts.terms, n_terms)
    postings = np.empty(len(units), dtype=np.uint32)
    _fill_postings(counts.pointers, counts.terms, units, pointers[:-1].copy(), postings)
    # Summed term by term, not in the order of the text: equal bags of words tie to the last bit.
    squares = np.zeros(len(counts.pointers) - 1)
    _add_squares(squares, postings, table**2)
    held = squares > 0
    scales = held / np.sqrt(np.where(held, squares, 1)) if normalise else held.astype(np.float64)
    return Segment(first, pointers, postings, table, scales)


def count_terms(words, offsets, pointers, grams, weights, n_terms: int) -> Counts:
    """Sum the weights of the grams of each text. `words` and `offsets` are those of
    :meth:`~paper_utils.search.grams.GramTable.read`, the next three the grams of each word.
    """
    # numpy's large arrays come in huge pages; those made inside a compiled loop do not.
    most = int(_grams_of(words, pointers))
    terms = np.empty(most + 1, dtype=np.uint32)  # the last place is written, never kept
    units = np.empty(most, dtype=np.int32)
    out = np.zeros(len(offsets), dtype=np.int64)
    totals = np.zeros(n_terms, dtype=np.int32)
    n = _sum_units(words, offsets, pointers, grams, weights, totals, terms, units, out)
    return Counts(out, terms[:n], units[:n])


@njit(cache=True, nogil=True)
def _grams_of(words, pointers):
    n = 0
    for word in words:
        n += pointers[word + 1] - pointers[word]
    return n


@njit(cache=True, nogil=True)
def _sum_units(words, offsets, pointers, grams, weights, totals, terms, units, out):
    n = 0
    for row in range(len(offsets) - 1):
        first = n
        for place in range(offsets[row], offsets[row + 1]):
            word = words[place]
            for i in range(pointers[word], pointers[word + 1]):
                term = grams[i]
                terms[n] = term  # overwritten by the next one unless the term is new
                n += totals[term] == 0
                totals[term] += weights[i]
        for i in range(first, n):
            units[i] = totals[terms[i]]
            totals[terms[i]] = 0
        out[row + 1] = n
    return n


@njit(cache=True, nogil=True)
def _count_postings(terms, n_terms):
    pointers = np.zeros(n_terms + 1, dtype=np.int64)
    for i in range(len(terms)):
        pointers[terms[i] + np.uint32(1)] += 1
    for term in range(n_terms):
        pointers[term + 1] += pointers[term]
    return pointers


@njit(cache=True, nogil=True)
def _fill_postings(doc_pointers, terms, units, ends, postings):
    for doc in range(len(doc_pointers) - 1):
        for i in range(doc_pointers[doc], doc_pointers[doc + 1]):
            at = ends[terms[i]]
            postings[at] = (np.uint32(units[i]) << _BITS) | np.uint32(doc)
            ends[terms[i]] = at + 1


@njit(cache=True, nogil=True)
def _add_squares(squares, postings, table):
    for posting in postings:
        squares[posting & _LOW] += table[posting >> _BITS]


@njit(cache=True, nogil=True)
def add_postings(sums, pointers, postings, values, terms, weights):
    """Add to the scores of a segment what the given terms contribute."""
    for j in range(len(terms)):
        if terms[j] + 1 < len(pointers):
            weight = weights[j]
            for at in range(pointers[terms[j]], pointers[terms[j] + 1]):
                posting = postings[at]
                sums[posting & _LOW] += weight * values[posting >> _BITS]


@njit(cache=True, nogil=True)
def search_segment(
    first, pointers, postings, values, scales,
    base_terms, base_weights, query_pointers, query_terms, query_weights, shares_base,
    best, places, lengths,
):  # fmt: skip
    """Push a segment's documents onto the heap of each query.
    `best` and `places`, shape (n_queries, k), are heaps with the worst document first: the lowest
    score and, among equals, the last place. Documents come in increasing order, so that one that
    only equals the worst never replaces it.
    """
    n, k = len(scales), best.shape[1]
    base = np.zeros(n, dtype=np.float64)
    add_postings(base, pointers, postings, values, base_terms, base_weights)
    sums = np.empty(n, dtype=np.float64)
    for row in range(len(lengths)):
        if shares_base[row]:
            sums[:] = base
        else:
            sums[:] = 0.0
        part = slice(query_pointers[row], query_pointers[row + 1])
        add_postings(sums, pointers, postings, values, query_terms[part], query_weights[part])
        heap, place, length = best[row], places[row], lengths[row]
        for doc in range(n):
            score = sums[doc] * scales[doc]
            if length < k:
                _sift_up(heap, place, length, score, first + doc)
                length += 1
            elif score > heap[0]:
                _sift_down(heap, place, score, first + doc)
        lengths[row] = length


@njit(cache=True, nogil=True)
def _sift_up(heap, place, at, score, doc):
    while at > 0:
        parent = (at - 1) >> 1
        if heap[parent] < score or (heap[parent] == score and place[parent] > doc):
            break
        heap[at], place[at] = heap[parent], place[parent]
        at = parent
    heap[at], place[at] = score, doc


@njit(cache=True, nogil=True)
def _sift_down(heap, place, score, doc):
    n, at = len(heap), 0
    while True:
        child = 2 * at + 1
        if child >= n:
            break
        other = child + 1
        if other < n and (
            heap[other] < heap[child]
            or (heap[other] == heap[child] and place[other] > place[child])
        ):
            child = other
        if heap[child] > score or (heap[child] == score and place[child] < doc):
            break
        heap[at], place[at] = heap[child], place[child]
        at = child
    heap[at], place[at] = score, doc


@njit(cache=True, nogil=True)
def split_shared(pointers, terms, weights, base_terms, base_weights, n_terms):
    """Take out of each query what all share.
    A query that has every term of the base, with at least its weight, keeps the rest only; another
    keeps all. Nothing is ever subtracted from a score, so that what is exactly 0 stays 0.
    """
    n_queries = len(pointers) - 1
    base = np.zeros(n_terms, dtype=np.float64)
    for j in range(len(base_terms)):
        base[base_terms[j]] = base_weights[j]
    out = np.zeros(n_queries + 1, dtype=np.int64)
    rest_terms, rest_weights = np.empty_like(terms), np.empty_like(weights)
    shares = np.zeros(n_queries, dtype=np.bool_)
    n = 0
    for row in range(n_queries):
        held = 0
        for i in range(pointers[row], pointers[row + 1]):
            if base[terms[i]] > 0 and weights[i] >= base[terms[i]]:
                held += 1
        shares[row] = len(base_terms) > 0 and held == len(base_terms)
        for i in range(pointers[row], pointers[row + 1]):
            weight = weights[i] - base[terms[i]] if shares[row] else weights[i]
            if weight > 0:
                rest_terms[n], rest_weights[n] = terms[i], weight
                n += 1
        out[row + 1] = n
    return out, rest_terms[:n], rest_weights[:n], shares
