"""Words and their hashed character n-grams, each distinct word cut and hashed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from paper_utils.errors import UsageError

#: Hash functions of a gram's UTF-8 bytes, by the number that the compiled loops know.
HASHES = {"crc32": 0, "fnv1a": 1, "mixed": 2}


class GramSpec(NamedTuple):
    """How words become buckets.

    Attributes
    ----------
    d : int
        Number of buckets.
    sizes : ndarray of int64
        Sizes of the grams in characters, increasing.
    units : ndarray of int64
        Weight of a gram of each size, in whole units.
    markers : bool
        Whether a word is put between ``^`` and ``$`` first.
    hash : int
        A value of `HASHES`.
    seed : int
        Of the hash "mixed"; the two others have none.
    """

    d: int
    sizes: NDArray[np.int64]
    units: NDArray[np.int64]
    markers: bool
    hash: int
    seed: int


class GramTable:
    """The words met so far, the buckets of their grams, and numbers for both.

    Words are numbered in the order of their first appearance, and so are the buckets that occur
    at all ('terms'): no array has the length of the whole hash space.

    Parameters
    ----------
    spec : GramSpec
    """

    def __init__(self, spec: GramSpec) -> None:
        self.spec = spec
        # Word w: its hash, and its bytes arena[starts[w] : starts[w + 1]].
        self.n_words = 0
        self._slots = np.zeros(1 << 12, dtype=np.int32)
        self._hashes = np.empty(1 << 10, dtype=np.uint64)
        self._starts = np.zeros((1 << 10) + 1, dtype=np.int64)
        self._arena = np.empty(1 << 14, dtype=np.uint8)
        # Grams of word w: terms and weights grams[pointers[w] : pointers[w + 1]].
        self.pointers = np.zeros(1, dtype=np.int64)
        self.grams = np.empty(1 << 14, dtype=np.uint32)
        self.weights = np.empty(1 << 14, dtype=np.int32)
        # Term t: its bucket.
        self.n_terms = 0
        self._term_slots = np.zeros(1 << 12, dtype=np.int32)
        self._buckets = np.empty(1 << 10, dtype=np.uint32)

    @property
    def buckets(self) -> NDArray[np.uint32]:
        """Bucket of each term."""
        return self._buckets[: self.n_terms]

    def read(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Lower-case the texts, split them on white space and number their words.

        Parameters
        ----------
        texts : sequence of str

        Returns
        -------
        words : ndarray of int32, shape (n_occurrences,)
            Of all texts, one after the other.
        offsets : ndarray of int64, shape (n_texts + 1,)
            Where each text begins.

        Raises
        ------
        UsageError
            A text so long that its weights might not fit into 32 bits.
        """
        # A lone surrogate has no UTF-8; it gets the bytes that it would have.
        encoded = [text.lower().encode("utf-8", "surrogatepass") for text in texts]
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(text) for text in encoded], out=offsets[1:])
        longest = np.diff(offsets).max(initial=0)
        buffer = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        old = self.n_words
        words, offsets, self.n_words, self._slots, self._hashes, self._starts, self._arena = (
            _number_words(
                buffer, offsets, old, self._slots, self._hashes, self._starts, self._arena
            )
        )
        if self.n_words > old:
            self._cut(old)
        # ^ and $ at most triple a word: below this no sum can pass 32 bits.
        if 3 * longest * self.spec.units.sum() >= 1 << 31:
            self._check_sums(words, offsets)
        return words, offsets

    def find(self, buckets: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Return the term of each bucket, -1 where no word has one in it."""
        return _find_terms(buckets, self._term_slots, self._buckets)

    def _check_sums(self, words: NDArray[np.int32], offsets: NDArray[np.int64]) -> None:
        running = np.concatenate(
            [[0], np.cumsum(self.weights[: self.pointers[-1]], dtype=np.int64)]
        )
        of_words = np.diff(running[self.pointers])[words]
        of_texts = np.diff(np.concatenate([[0], np.cumsum(of_words)])[offsets])
        if of_texts.max() >= 1 << 31:
            raise UsageError(
                f"a text is too long: its weights sum to {of_texts.max():,} units, "
                f"and at most {(1 << 31) - 1:,} are counted"
            )

    def _cut(self, old: int) -> None:
        spec = self.spec
        pointers = np.empty(self.n_words + 1, dtype=np.int64)
        pointers[: old + 1] = self.pointers
        self.grams, self.weights, self.n_terms, self._term_slots, self._buckets = _cut_words(
            old, self.n_words, self._starts, self._arena,
            spec.d, spec.sizes, spec.units, spec.markers, spec.hash, np.uint64(spec.seed),
            pointers, self.grams, self.weights, self.n_terms, self._term_slots, self._buckets,
        )  # fmt: skip
        self.pointers = pointers


def _crc_table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0xEDB88320), table >> 1)
    return table.astype(np.uint32)


# Polynomial and bit order of zlib.crc32 (IEEE 802.3).
_CRC = _crc_table()
# 1: a white space of one byte; 2: first byte of one that may be longer; 0: neither.
_KIND = np.zeros(256, dtype=np.uint8)
_KIND[[9, 10, 11, 12, 13, 28, 29, 30, 31, 32]] = 1
_KIND[[0xC2, 0xE1, 0xE2, 0xE3]] = 2

_FNV_START, _FNV_PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)


@njit(cache=True, nogil=True)
def space_length(text, at, end):
    """Bytes of the white space character (as str.split knows it) at `at`, 0 if there is none."""
    first, left = text[at], end - at
    if _KIND[first] < 2:
        return int(_KIND[first])
    second = text[at + np.uint64(1)] if left > 1 else 0
    third = text[at + np.uint64(2)] if left > 2 else 0
    if first == 0xC2:  # U+0085, U+00A0
        return 2 if second == 0x85 or second == 0xA0 else 0
    if first == 0xE1:  # U+1680
        return 3 if second == 0x9A and third == 0x80 else 0
    if first == 0xE3:  # U+3000
        return 3 if second == 0x80 and third == 0x80 else 0
    if second == 0x80:  # U+2000 to U+200A, U+2028, U+2029, U+202F
        return 3 if third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF else 0
    return 3 if second == 0x81 and third == 0x9F else 0  # U+205F


@njit(cache=True, nogil=True)
def _number_words(text, offsets, n_words, slots, hashes, starts, arena):
    n_texts = len(offsets) - 1
    words = np.empty((len(text) + n_texts) // 2 + 1, dtype=np.int32)
    out = np.zeros(n_texts + 1, dtype=np.int64)
    n, row = 0, 0
    at, end = np.uint64(0), np.uint64(0)  # unsigned: no test for an index from the end
    one, mask = np.uint64(1), np.uint64(len(slots) - 1)
    while row < n_texts or at < end:
        if at == end:
            out[row] = n
            row += 1
            end = np.uint64(offsets[row])
            continue
        kind = _KIND[text[at]]
        if kind == 1:
            at += one
            continue
        if kind == 2:
            skip = space_length(text, at, end)
            if skip > 0:
                at += np.uint64(skip)
                continue
        start, code = at, _FNV_START
        while at < end:
            kind = _KIND[text[at]]
            if kind == 1 or (kind == 2 and space_length(text, at, end) > 0):
                break
            code = (code ^ np.uint64(text[at])) * _FNV_PRIME
            at += one
        # Low bits of FNV mix little; the high half is folded in.
        slot = (code ^ (code >> np.uint64(32))) & mask
        word = -1
        while slots[slot] != 0:
            candidate = slots[slot] - 1
            first = np.uint64(starts[candidate])
            if hashes[candidate] == code and np.uint64(starts[candidate + 1]) - first == at - start:
                i = np.uint64(0)
                while start + i < at and arena[first + i] == text[start + i]:
                    i += one
                if start + i == at:
                    word = candidate
                    break
            slot = (slot + one) & mask
        if word < 0:
            word, length = n_words, np.int64(at - start)
            if n_words == len(hashes):
                hashes, starts = _longer(hashes, n_words), _longer(starts, n_words + 1)
            begin = starts[word]
            while begin + length > len(arena):
                arena = _longer(arena, begin)
            arena[begin : begin + length] = text[start:at]
            starts[word + 1], hashes[word] = begin + length, code
            slots[slot] = word + 1
            n_words += 1
            if 2 * n_words > len(slots):
                slots = _wider_words(hashes, n_words, 4 * len(slots))
                mask = np.uint64(len(slots) - 1)
        words[n] = word
        n += 1
    out[n_texts] = n
    return words[:n].copy(), out, n_words, slots, hashes, starts, arena


@njit(cache=True, nogil=True)
def _longer(array, used):
    longer = np.empty(2 * len(array) + 1, dtype=array.dtype)
    longer[:used] = array[:used]
    return longer


@njit(cache=True, nogil=True)
def _wider_words(hashes, n_words, size):
    slots = np.zeros(size, dtype=np.int32)
    for word in range(n_words):
        slot = (hashes[word] ^ (hashes[word] >> np.uint64(32))) & np.uint64(size - 1)
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & np.uint64(size - 1)
        slots[slot] = word + 1
    return slots


@njit(cache=True, nogil=True)
def _cut_words(
    old, n_words, starts, arena, d, sizes, units, markers, kind, seed,
    pointers, grams, weights, n_terms, slots, buckets,
):  # fmt: skip
    n = pointers[old]
    for word in range(old, n_words):
        first, length = starts[word], starts[word + 1] - starts[word]
        edge = 1 if markers else 0
        marked = np.empty(length + 2 * edge, dtype=np.uint8)
        marked[edge : edge + length] = arena[first : first + length]
        if markers:
            marked[0], marked[length + 1] = 94, 36  # ^ and $
        for start in range(len(marked)):
            if marked[start] & 0xC0 == 0x80:
                continue  # inside a character
            state = _begin(kind, seed)
            taken, size, at = 0, 0, start
            while size < len(sizes) and at < len(marked):
                state = _absorb(kind, state, marked[at])
                at += 1
                while at < len(marked) and marked[at] & 0xC0 == 0x80:
                    state = _absorb(kind, state, marked[at])
                    at += 1
                taken += 1
                if taken < sizes[size]:
                    continue
                bucket = np.uint32(_finish(kind, state) % np.uint64(d))
                term, slots, buckets = _term(bucket, n_terms, slots, buckets)
                n_terms = max(n_terms, term + 1)
                if n == len(grams):
                    grams, weights = _longer(grams, n), _longer(weights, n)
                grams[n], weights[n] = term, units[size]
                n += 1
                size += 1
        pointers[word + 1] = n
    return grams, weights, n_terms, slots, buckets


@njit(cache=True, nogil=True)
def _begin(kind, seed):
    if kind == 0:
        return np.uint64(0xFFFFFFFF)
    if kind == 1:
        return np.uint64(2166136261)
    return _FNV_START ^ _scramble(seed)


@njit(cache=True, nogil=True)
def _absorb(kind, state, byte):
    if kind == 0:
        mixed = (state ^ np.uint64(byte)) & np.uint64(0xFF)
        return np.uint64(_CRC[mixed]) ^ (state >> np.uint64(8))
    if kind == 1:
        return ((state ^ np.uint64(byte)) * np.uint64(16777619)) & np.uint64(0xFFFFFFFF)
    return (state ^ np.uint64(byte)) * _FNV_PRIME


@njit(cache=True, nogil=True)
def _finish(kind, state):
    if kind == 0:
        return state ^ np.uint64(0xFFFFFFFF)
    return state if kind == 1 else _scramble(state)


@njit(cache=True, nogil=True)
def _scramble(x):
    """The finaliser of splitmix64: every bit of the result hangs on every bit of `x`."""
    x = (x + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True)
def _term(bucket, n_terms, slots, buckets):
    """The number of the bucket, a new one if need be, and the tables, longer if need be."""
    slot = _scramble(np.uint64(bucket)) & np.uint64(len(slots) - 1)
    while slots[slot] != 0:
        if buckets[slots[slot] - 1] == bucket:
            return slots[slot] - 1, slots, buckets
        slot = (slot + np.uint64(1)) & np.uint64(len(slots) - 1)
    if n_terms == len(buckets):
        buckets = _longer(buckets, n_terms)
    buckets[n_terms] = bucket
    slots[slot] = n_terms + 1
    if 2 * (n_terms + 1) > len(slots):
        slots = np.zeros(4 * len(slots), dtype=np.int32)
        for term in range(n_terms + 1):
            slot = _scramble(np.uint64(buckets[term])) & np.uint64(len(slots) - 1)
            while slots[slot] != 0:
                slot = (slot + np.uint64(1)) & np.uint64(len(slots) - 1)
            slots[slot] = term + 1
    return n_terms, slots, buckets


@njit(cache=True, nogil=True)
def _find_terms(wanted, slots, buckets):
    found = np.full(len(wanted), -1, dtype=np.int32)
    for i in range(len(wanted)):
        slot = _scramble(np.uint64(wanted[i])) & np.uint64(len(slots) - 1)
        while slots[slot] != 0:
            if buckets[slots[slot] - 1] == wanted[i]:
                found[i] = slots[slot] - 1
                break
            slot = (slot + np.uint64(1)) & np.uint64(len(slots) - 1)
    return found
