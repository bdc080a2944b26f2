"""NUMEN: texts as hashed character n-grams, searched exactly."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from tqdm import tqdm

from paper_utils.checks import texts_list, whole
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.search.grams import HASHES, GramSpec, GramTable
from paper_utils.search.postings import (
    SEGMENT,
    Segment,
    add_postings,
    count_terms,
    make_segment,
    search_segment,
    split_shared,
)

_CHARACTERS = 1 << 24  # of a segment's texts, so that long documents make short segments


class HashedNgrams:
    """Documents and queries as normalised logarithms of hashed n-gram counts.

    A text is lower-cased and split on white space; each word w becomes ``^w$`` and is cut into
    all its n-grams of the given sizes. A gram adds the weight of its size to the bucket
    ``crc32(gram) mod d``. A bucket's value is ``log(1 + sum)``, and the vector gets length one;
    the score is the inner product. Nothing is trained or rounded.

    Parameters
    ----------
    d : int
        Buckets, 1 to 2**32.
    sizes, weights : sequences of int
        Distinct sizes of the n-grams, at least 1, and the weight of each, 1 to 1,000.
    log, markers : bool
        Whether a bucket's value is the logarithm, not the sum; whether words get ``^`` and ``$``.
    normalise : bool
        Whether *documents* get length one; queries always do, which changes no ranking.
    hash : {"crc32", "fnv1a", "mixed"}
        Hash of a gram's UTF-8 bytes. "mixed" (64-bit FNV-1a, scrambled) stands for a random one.
    seed : int
        Of the hash "mixed"; 0 to 2**63 - 1.
    threads : int, optional
        By default one per processor. The result does not depend on it.

    Raises
    ------
    UsageError
        A parameter or a `k` out of range, texts that are no strings, or a search before `fit`.

    References
    ----------
    NUMEN, arXiv 2601.15205; without logarithm and weights and for trigrams P.-S. Huang et al.,
    "Learning deep structured semantic models for web search using clickthrough data", CIKM 2013.

    Examples
    --------
    >>> index = HashedNgrams(d=4096).fit(["Ann likes tea.", "Bob likes cake.", ""])
    >>> index.search(["who likes cakes?"], 2)[0]
    array([[1, 0]])
    """

    def __init__(
        self,
        d: int = 32_768,
        sizes: Sequence[int] = (3, 4, 5),
        weights: Sequence[int] = (1, 5, 10),
        *,
        log: bool = True,
        markers: bool = True,
        normalise: bool = True,
        hash: str = "crc32",
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        self.d = whole("d", d, least=1, most=1 << 32)
        self.sizes, self.weights = tuple(sizes), tuple(weights)
        grams = _checked_grams(self.sizes, self.weights)
        if hash not in HASHES:
            raise UsageError(f"unknown hash {hash!r}: {did_you_mean(hash, HASHES)}")
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        self.threads = (
            available if threads is None else whole("threads", threads, least=1, most=1024)
        )
        self.log, self.normalise = bool(log), bool(normalise)
        self._spec = GramSpec(
            self.d,
            *grams,
            bool(markers),
            HASHES[hash],
            whole("seed", seed, least=0, most=(1 << 63) - 1),
        )
        self._table = GramTable(self._spec)
        self._segments: list[Segment] = []
        self.n_docs = 0

    def fit(self, texts: Iterable[str]) -> HashedNgrams:
        """Index `texts`, replacing what was indexed, and return the object itself.

        A generator may give more text than fits in memory: a segment is read at a time. A document
        without a gram is kept and always scores 0; all of them are a UsageError.
        """
        table, segments, n_docs = GramTable(self._spec), [], 0
        with ThreadPoolExecutor(self.threads) as pool:
            waiting = []
            for first, part in _parts(texts):
                n_docs = first + len(part)
                # Reading is serial; the arrays that a worker gets are never changed in place.
                waiting.append(pool.submit(self._segment, first, *_read(table, part)))
                if len(waiting) > self.threads:
                    segments.append(waiting.pop(0).result())
            segments += [future.result() for future in waiting]
        if not table.n_terms:
            raise UsageError(f"none of the {n_docs} texts holds a gram to index")
        self._table, self._segments, self.n_docs = table, segments, n_docs
        return self

    def search(
        self, queries: Sequence[str], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the `k` best documents of each query, best first.

        Returns
        -------
        indices : ndarray of int64, shape (n_queries, k)
            Equal scores, all 0 for a query without a known gram, by the lower index.
        scores : ndarray of float64, shape (n_queries, k)
        """
        queries = texts_list(queries, "queries")
        self._check_fitted()
        k = whole("k", k, least=1, most=self.n_docs)
        terms, lengths = self._query_terms(queries, self._table)
        heaps = _Heaps(len(queries), k)
        self._push(self._segments, terms, self._table.n_terms, heaps)
        return heaps.ranked(lengths)

    def search_stream(
        self, texts: Iterable[str], queries: Sequence[str], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return what ``fit(texts).search(queries, k)`` would, in bounded memory and unindexed."""
        queries = texts_list(queries, "queries")
        k = whole("k", k, least=1)
        table, heaps, n_docs = GramTable(self._spec), _Heaps(len(queries), k), 0
        lengths = np.ones(len(queries))
        for first, part in _parts(texts):
            n_docs = first + len(part)
            segment = self._segment(first, *_read(table, part))
            terms, lengths = self._query_terms(queries, table)
            self._push([segment], terms, table.n_terms, heaps)
        if not table.n_terms:
            raise UsageError(f"none of the {n_docs} texts holds a gram to index")
        whole("k", k, least=1, most=n_docs)
        return heaps.ranked(lengths)

    def scores(self, queries: Sequence[str]) -> NDArray[np.float64]:
        """Return every document's score for every query, shape (n_queries, n_docs).

        When documents are normalised it is a cosine, 0 to 1.
        """
        queries = texts_list(queries, "queries")
        self._check_fitted()
        (pointers, terms, values), lengths = self._query_terms(queries, self._table)
        sums = np.zeros((len(queries), self.n_docs))
        for row in range(len(queries)):
            part = slice(pointers[row], pointers[row + 1])
            for s in self._segments:
                own = sums[row, s.first : s.first + len(s.scales)]
                add_postings(own, s.pointers, s.postings, s.values, terms[part], values[part])
                own *= s.scales
        return sums / lengths[:, None]

    def encode(self, texts: Sequence[str]) -> sparse.csr_array:
        """Return the vectors of `texts`, sparse of float64, shape (n_texts, d), columns sorted.

        A text without a gram has an empty row.
        """
        texts = texts_list(texts, "texts")
        table = GramTable(self._spec)
        counts = count_terms(*_read(table, texts))
        columns = table.buckets[counts.terms].astype(np.int64)
        entries = (self._values(counts.units), columns, counts.pointers)
        matrix = sparse.csr_array(entries, shape=(len(texts), self.d))
        matrix.sort_indices()
        if self.normalise:
            row = np.repeat(np.arange(len(texts)), np.diff(matrix.indptr))
            matrix.data /= np.sqrt(np.bincount(row, matrix.data**2, minlength=len(texts)))[row]
        return matrix

    @property
    def entries(self) -> int:
        """Non-zero entries of all documents together."""
        return sum(len(segment.postings) for segment in self._segments)

    @property
    def nbytes(self) -> int:
        """Bytes of all postings."""
        return sum(segment.nbytes for segment in self._segments)

    def postings_read(self, queries: Sequence[str]) -> tuple[int, int]:
        """Count the postings of all terms of all queries, and those that :meth:`search` reads.

        What queries share is read once per thread.
        """
        queries = texts_list(queries, "queries")
        self._check_fitted()
        query_terms, _ = self._query_terms(queries, self._table)
        lengths = _postings(self._segments, self._table.n_terms)
        base, rest, _ = _shared(query_terms, lengths)
        slices = min(self.threads, len(queries))
        read = lengths[rest[1]].sum() + slices * lengths[base[0]].sum()
        return int(lengths[query_terms[1]].sum()), int(read)

    def _values(self, units: NDArray) -> NDArray[np.float64]:
        return np.log1p(units) if self.log else units.astype(np.float64)

    def _segment(self, first: int, *read) -> Segment:
        return make_segment(first, count_terms(*read), read[-1], self._values, self.normalise)

    def _query_terms(self, queries: Sequence[str], table: GramTable):
        """Pointers, terms of `table` and values of the queries, and their lengths."""
        own = GramTable(self._spec)
        counts = count_terms(*_read(own, queries))
        values = self._values(counts.units)
        row = np.repeat(np.arange(len(queries)), np.diff(counts.pointers))
        squares = np.bincount(row, values**2, minlength=len(queries))
        terms = table.find(own.buckets)[counts.terms]
        known = terms >= 0
        pointers = np.zeros(len(queries) + 1, dtype=np.int64)
        np.cumsum(np.bincount(row[known], minlength=len(queries)), out=pointers[1:])
        lengths = np.sqrt(np.where(squares > 0, squares, 1))
        return (pointers, terms[known], values[known]), lengths

    def _push(self, segments, query_terms, n_terms: int, heaps: _Heaps) -> None:
        base, rest, shares = _shared(query_terms, _postings(segments, n_terms))
        n_queries = len(heaps.lengths)
        edges = np.linspace(0, n_queries, min(self.threads, n_queries) + 1).astype(int)

        def push(low: int, high: int) -> None:
            own = heaps.best[low:high], heaps.places[low:high], heaps.lengths[low:high]
            for s in segments:
                search_segment(
                    s.first, s.pointers, s.postings, s.values, s.scales,
                    *base, rest[0][low : high + 1], rest[1], rest[2], shares[low:high], *own,
                )  # fmt: skip

        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(push, edges[:-1], edges[1:]))

    def _check_fitted(self) -> None:
        if not self.n_docs:
            raise UsageError("nothing is indexed yet: call fit(texts) first")


class _Heaps:
    """The best documents of each query so far."""

    def __init__(self, n_queries: int, k: int) -> None:
        self.best = np.empty((n_queries, k))
        self.places = np.empty((n_queries, k), dtype=np.int64)
        self.lengths = np.zeros(n_queries, dtype=np.int64)

    def ranked(self, lengths: NDArray) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        order = np.lexsort((self.places, -self.best), axis=-1)
        scores = np.take_along_axis(self.best, order, axis=1) / lengths[:, None]
        return np.take_along_axis(self.places, order, axis=1), scores


def _read(table: GramTable, texts: Sequence[str]) -> tuple:
    """Read some texts; return what `count_terms` needs of them and of the grams known now."""
    return *table.read(texts), table.pointers, table.grams, table.weights, table.n_terms


def _postings(segments: Sequence[Segment], n_terms: int) -> NDArray[np.int64]:
    """Count the postings of each term."""
    lengths = np.zeros(n_terms, dtype=np.int64)
    for segment in segments:
        lengths[: len(segment.pointers) - 1] += np.diff(segment.pointers)
    return lengths


def _shared(query_terms, postings: NDArray[np.int64]):
    """Choose what is scored once for many queries, and return it with each query's rest.
    Terms are tried from the one that most queries have: the first j of them are worth their
    `postings`, times the queries that have all j.
    """
    pointers, terms, values = query_terms
    n_queries, n_terms = len(pointers) - 1, len(postings)
    held = np.bincount(terms, minlength=n_terms)
    common = np.flatnonzero(2 * held > max(n_queries, 2))
    common = common[np.argsort(-held[common], kind="stable")]
    place = np.full(n_terms, -1)
    place[common] = np.arange(len(common))
    has = np.zeros((n_queries, len(common) + 1), dtype=bool)
    row = np.repeat(np.arange(n_queries), np.diff(pointers))
    has[row, place[terms]] = True  # what is not common falls into the last column
    has[:, -1] = False
    reach = np.argmin(has, axis=1)  # leading common terms that a query has
    sharing = (reach[:, None] >= np.arange(len(common) + 1)).sum(axis=0) - 1
    saved = sharing * np.concatenate([[0], np.cumsum(postings[common])])
    base_terms = common[: int(np.argmax(saved))]
    least = np.full(n_terms, np.inf)
    np.minimum.at(least, terms, values)
    base = base_terms, least[base_terms]
    *rest, shares = split_shared(pointers, terms, values, *base, n_terms)
    return base, rest, shares


def _parts(texts: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the texts of one segment after the other, each with the place of its first."""
    if isinstance(texts, (str, bytes)):
        raise UsageError(f"texts must be a list of texts, not the single text {texts[:40]!r}")
    total = len(texts) if hasattr(texts, "__len__") else None
    stream, first = iter(texts), 0
    with tqdm(total=total, desc="indexing", unit="doc", disable=None, leave=False) as bar:
        while True:
            part, characters = [], 0
            for text in islice(stream, SEGMENT):
                if not isinstance(text, str):
                    raise UsageError(f"texts must hold texts; item {first + len(part)} is {text!r}")
                part.append(text)
                characters += len(text)
                if characters > _CHARACTERS:
                    break
            if not part:
                break
            yield first, part
            first += len(part)
            bar.update(len(part))
    if not first:
        raise UsageError("texts is empty")


def _checked_grams(sizes: tuple, weights: tuple) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sizes, increasing, and the weight of each."""
    if not sizes:
        raise UsageError("sizes is empty: name at least one size of n-grams")
    for size in sizes:
        whole("a size", size, least=1, most=1000)
    if len(set(sizes)) < len(sizes):
        raise UsageError(f"sizes must be distinct, not {sizes}")
    if len(weights) != len(sizes):
        raise UsageError(f"{len(sizes)} sizes {sizes} need as many weights, not {weights}")
    for weight in weights:
        whole("a weight", weight, least=1, most=1000)
    order = np.argsort(sizes)
    return np.array(sizes, dtype=np.int64)[order], np.array(weights, dtype=np.int64)[order]
