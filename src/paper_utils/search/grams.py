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
_WORDS = 1 << 12  # words that are cut at a time: room is made for all grams that they can have


class GramSpec(NamedTuple):
    """How words become buckets."""

    d: int  # number of buckets
    sizes: NDArray[np.int64]  # in characters, increasing
    units: NDArray[np.int64]  # weight of a gram of each size
    markers: bool  # whether a word is put between ^ and $ first
    hash: int  # a value of HASHES
    seed: int  # of the hash "mixed"; the others have none


class GramTable:
    """The words met so far, the buckets of their grams, and numbers for both.
    Words are numbered in the order of their first appearance, and so are the buckets that occur at
    all ('terms'): no array has the length of the whole hash space.
    """

    def __init__(self, spec: GramSpec) -> None:
        self.spec = spec
        # Word w: its hash, the number of its bytes, and the bytes themselves, eight to a lane and
        # the first one lowest, in lanes[starts[w] : starts[w + 1]].
        self.n_words = 0
        self._slots = np.zeros(1 << 12, dtype=np.int32)
        self._hashes = np.empty(1 << 10, dtype=np.uint64)
        self._lengths = np.empty(1 << 10, dtype=np.int64)
        self._starts = np.zeros((1 << 10) + 1, dtype=np.int64)
        self._lanes = np.empty(1 << 11, dtype=np.uint64)
        # Grams of word w: terms and weights grams[pointers[w] : pointers[w + 1]].
        self.pointers = np.zeros(1, dtype=np.int64)
        self.grams = np.empty(1 << 14, dtype=np.uint32)
        self.weights = np.empty(1 << 14, dtype=np.int32)
        self.n_terms = 0  # term t: its bucket
        self._term_slots = np.zeros(1 << 12, dtype=np.int32)
        self._buckets = np.empty(1 << 10, dtype=np.uint32)

    @property
    def buckets(self) -> NDArray[np.uint32]:
        """Bucket of each term."""
        return self._buckets[: self.n_terms]

    def read(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Lower-case the texts, split them on white space and number their words.
        Return the words of all texts in one array, and where each text begins: (n_texts + 1,).
        """
        # A lone surrogate has no UTF-8; it gets the bytes that it would have.
        encoded = [text.lower().encode("utf-8", "surrogatepass") for text in texts]
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(text) for text in encoded], out=offsets[1:])
        longest = np.diff(offsets).max(initial=0)
        buffer = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        old = self.n_words
        words, offsets = self._number(buffer, offsets, longest)
        if self.n_words > old:
            self._cut(old)
        # ^ and $ at most triple a word: below this no sum can pass 32 bits.
        if 3 * longest * self.spec.units.sum() >= 1 << 31:
            self._check_sums(words, offsets)
        return words, offsets

    def find(self, buckets: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Return the term of each bucket, -1 where no word has one in it."""
        return _find_terms(buckets, self._term_slots, self._buckets)

    def _number(self, text, offsets, longest: int):
        n_texts = len(offsets) - 1
        words = np.empty((len(text) + n_texts) // 2 + 1, dtype=np.int32)
        out = np.zeros(n_texts + 1, dtype=np.int64)
        at = row = n = 0
        while True:
            at, row, n, self.n_words = _number_words(
                text, offsets, at, row, n, words, out, self.n_words,
                self._slots, self._hashes, self._lengths, self._starts, self._lanes,
            )  # fmt: skip
            if row == n_texts and at == len(text):
                out[n_texts] = n
                return words[:n].copy(), out
            # The loop moves no array (that makes it several times slower): it stops at a full one.
            used = self._starts[self.n_words]
            if used + longest // 8 + 1 > len(self._lanes):
                self._lanes = _longer(self._lanes, used, 2 * used + longest // 8 + 1)
            if self.n_words == len(self._hashes):
                size = 2 * self.n_words
                self._hashes = _longer(self._hashes, self.n_words, size)
                self._lengths = _longer(self._lengths, self.n_words, size)
                self._starts = _longer(self._starts, self.n_words + 1, size + 1)
                self._slots = _word_slots(self._hashes, self.n_words, 4 * size)

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
        pointers = _longer(self.pointers, old + 1, self.n_words + 1)
        for first in range(old, self.n_words, _WORDS):
            last = min(first + _WORDS, self.n_words)
            used, most = pointers[first], self._most_grams(first, last)
            if used + most > len(self.grams):
                size = 2 * used + most
                self.grams = _longer(self.grams, used, size)
                self.weights = _longer(self.weights, used, size)
            if self.n_terms + most > len(self._buckets):
                size = 2 * self.n_terms + most
                self._buckets = _longer(self._buckets, self.n_terms, size)
            if 2 * (self.n_terms + most) > len(self._term_slots):
                size = 4 << int(self.n_terms + most - 1).bit_length()
                self._term_slots = _term_slots(self._buckets, self.n_terms, size)
            self.n_terms = _cut_words(
                first, last, self._lengths, self._starts, self._lanes,
                spec.d, spec.sizes, spec.units, spec.markers, spec.hash, np.uint64(spec.seed),
                pointers, self.grams, self.weights, self.n_terms, self._term_slots, self._buckets,
            )  # fmt: skip
        self.pointers = pointers

    def _most_grams(self, first: int, last: int) -> int:
        """Grams of some words at most: one of each size begins at each byte and at ^ and $."""
        n_bytes = self._lengths[first:last].sum() + 2 * (last - first)
        return int(n_bytes) * len(self.spec.sizes)


def _crc_table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0xEDB88320), table >> 1)
    return table.astype(np.uint32)


_CRC = _crc_table()  # polynomial and bit order of zlib.crc32 (IEEE 802.3)
# 1: a white space of one byte; 2: first byte of one that may be longer; 0: neither.
_KIND = np.zeros(256, dtype=np.uint8)
_KIND[[9, 10, 11, 12, 13, 28, 29, 30, 31, 32]] = 1
_KIND[[0xC2, 0xE1, 0xE2, 0xE3]] = 2

_FNV_START, _FNV_PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)
# Odd, and its bits look random: 2**64 over the golden ratio.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


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
def _number_words(
    text, offsets, at, row, n, words, out, n_words, slots, hashes, lengths, starts, lanes
):
    """Go on at byte `at` of text `row` until all is read or there is no room for a word."""
    n_texts, end = len(offsets) - 1, np.uint64(offsets[row])
    at = np.uint64(at)  # unsigned: no test for an index from the end
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
        first = starts[n_words]
        if n_words == len(hashes) or first + np.int64((end - at) >> np.uint64(3)) >= len(lanes):
            break
        # The word goes behind the last one's lanes, and stays there if it is new.
        start, last, code = at, first, _FNV_START
        lane, shift = np.uint64(0), np.uint64(0)
        while at < end:
            kind = _KIND[text[at]]
            if kind == 1 or (kind == 2 and space_length(text, at, end) > 0):
                break
            lane |= np.uint64(text[at]) << shift
            shift += np.uint64(8)
            at += one
            if shift == np.uint64(64):
                lanes[last], code = lane, _mixed(code, lane)
                last += 1
                lane, shift = np.uint64(0), np.uint64(0)
        if shift > np.uint64(0):
            lanes[last], code = lane, _mixed(code, lane)
            last += 1
        length, code = np.int64(at - start), _scramble(code)
        slot, word = code & mask, -1
        while slots[slot] != 0:
            candidate = slots[slot] - 1
            if hashes[candidate] == code and lengths[candidate] == length:
                other, i = starts[candidate], 0
                while first + i < last and lanes[other + i] == lanes[first + i]:
                    i += 1
                if first + i == last:
                    word = candidate
                    break
            slot = (slot + one) & mask
        if word < 0:
            word = n_words
            hashes[word], lengths[word], starts[word + 1] = code, length, last
            n_words += 1
            slots[slot] = n_words
        words[n] = word
        n += 1
    return np.int64(at), row, n, n_words


@njit(cache=True, nogil=True)
def _mixed(code, lane):
    code = (code ^ lane) * _GOLDEN
    return code ^ (code >> np.uint64(32))


def _longer(array: NDArray, used: int, size: int) -> NDArray:
    longer = np.empty(size, dtype=array.dtype)
    longer[:used] = array[:used]
    return longer


@njit(cache=True, nogil=True)
def _word_slots(hashes, n_words, size):
    slots = np.zeros(size, dtype=np.int32)
    for word in range(n_words):
        slot = hashes[word] & np.uint64(size - 1)
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & np.uint64(size - 1)
        slots[slot] = word + 1
    return slots


@njit(cache=True, nogil=True)
def _cut_words(
    first, last, lengths, starts, lanes, d, sizes, units, markers, kind, seed,
    pointers, grams, weights, n_terms, slots, buckets,
):  # fmt: skip
    """Cut some words; `grams`, `weights`, `slots` and `buckets` have room for what they bring."""
    n, edge = pointers[first], 1 if markers else 0
    marked = np.empty(lengths[first:last].max() + 2 * edge, dtype=np.uint8)
    power = d & (d - 1) == 0  # needs no division
    modulus, low, mask = np.uint64(d), np.uint64(d - 1), np.uint64(len(slots) - 1)
    for word in range(first, last):
        length = lengths[word] + 2 * edge
        for i in range(lengths[word]):
            lane = lanes[starts[word] + (i >> 3)]
            marked[edge + i] = (lane >> np.uint64(8 * (i & 7))) & np.uint64(0xFF)
        if markers:
            marked[0], marked[length - 1] = 94, 36  # ^ and $
        for start in range(length):
            if marked[start] & 0xC0 == 0x80:
                continue  # inside a character
            state = _begin(kind, seed)
            taken, size, at = 0, 0, start
            while size < len(sizes) and at < length:
                state = _absorb(kind, state, marked[at])
                at += 1
                while at < length and marked[at] & 0xC0 == 0x80:
                    state = _absorb(kind, state, marked[at])
                    at += 1
                taken += 1
                if taken < sizes[size]:
                    continue
                code = _finish(kind, state)
                bucket = np.uint32(code & low if power else code % modulus)
                slot = _scramble(np.uint64(bucket)) & mask
                while slots[slot] != 0 and buckets[slots[slot] - 1] != bucket:
                    slot = (slot + np.uint64(1)) & mask
                if slots[slot] == 0:
                    buckets[n_terms] = bucket
                    n_terms += 1
                    slots[slot] = n_terms
                grams[n], weights[n] = slots[slot] - 1, units[size]
                n += 1
                size += 1
        pointers[word + 1] = n
    return n_terms


@njit(cache=True, nogil=True)
def _term_slots(buckets, n_terms, size):
    slots = np.zeros(size, dtype=np.int32)
    for term in range(n_terms):
        slot = _scramble(np.uint64(buckets[term])) & np.uint64(size - 1)
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & np.uint64(size - 1)
        slots[slot] = term + 1
    return slots


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
    x = (x + _GOLDEN) & np.uint64(0xFFFFFFFFFFFFFFFF)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


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
