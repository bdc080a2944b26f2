"""MUVERA's fixed encoding: a set of token vectors as one vector, for inner products like MaxSim.

L. Dhulipala, M. Hadian, R. Jayaram, J. Lee and V. Mirrokni, arXiv 2405.19504, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.checks import whole
from paper_utils.errors import UsageError


def fixed_encoding_scores(
    queries: Sequence[NDArray],
    documents: Sequence[NDArray],
    *,
    repetitions: int,
    bits: int,
    kept: int | None = None,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return inner products of encodings, (n_queries, n_docs), of texts as vectors (n_tokens, d).
    The signs of `bits` projections give a vector its cell. A cell of the query holds the sum of its
    vectors; one of the document their mean, or the nearest cell's vector where it has none. `kept`
    coordinates of a cell remain: ``repetitions * 2**bits * kept`` numbers in all.
    """
    whole("repetitions", repetitions, least=1)
    whole("bits", bits, least=0, most=16)
    (Q, of_query), (D, of_document) = _joined(queries), _joined(documents)
    if Q.shape[1] != D.shape[1]:
        raise UsageError(f"queries have {Q.shape[1]} columns and documents {D.shape[1]}")
    rng, d = np.random.default_rng(seed), Q.shape[1]
    scores = np.zeros((len(queries), len(documents)))
    for _ in range(repetitions):
        planes = rng.standard_normal((d, bits)).astype(np.float32)
        codes = [(X @ planes > 0) @ (1 << np.arange(bits)) for X in (Q, D)]
        sides = Q, D
        if kept is not None:
            signs = rng.choice(np.float32([-1, 1]), size=(d, kept)) / np.float32(np.sqrt(kept))
            sides = Q @ signs, D @ signs
        left, _ = _sums(sides[0], codes[0], of_query, len(queries), 1 << bits)
        right = _means(sides[1], codes[1], of_document, len(documents), 1 << bits)
        scores += left.reshape(len(queries), -1) @ right.reshape(len(documents), -1).T
    return scores / repetitions


def _joined(texts: Sequence[NDArray]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All token vectors, and the text of each."""
    if not len(texts) or not all(map(len, texts)):
        raise UsageError("a text without a token vector has no fixed encoding")
    owner = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    return np.concatenate(texts).astype(np.float32, copy=False), owner


def _sums(
    X: NDArray, codes: NDArray, owner: NDArray, n_texts: int, cells: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Sums (n_texts, cells, d) of the vectors in each cell, and how many there are."""
    place = owner * cells + codes
    ones = np.ones(len(X), dtype=np.float32)
    shape = n_texts * cells, len(X)
    sums = sparse.csr_array((ones, (place, np.arange(len(X)))), shape=shape) @ X
    counts = np.bincount(place, minlength=shape[0])
    return sums.reshape(n_texts, cells, -1), counts.reshape(n_texts, cells)


def _means(
    X: NDArray, codes: NDArray, owner: NDArray, n_texts: int, cells: int
) -> NDArray[np.float32]:
    """Means of the vectors in each cell; an empty one has the vector of the nearest code."""
    sums, counts = _sums(X, codes, owner, n_texts, cells)
    sums /= np.maximum(counts, 1)[:, :, None]
    ends = np.searchsorted(owner, np.arange(n_texts + 1))
    for text in range(n_texts):
        empty = np.flatnonzero(counts[text] == 0)
        own = slice(ends[text], ends[text + 1])
        nearest = np.bitwise_count(empty[:, None] ^ codes[own]).argmin(axis=1)
        sums[text, empty] = X[own][nearest]
    return sums
