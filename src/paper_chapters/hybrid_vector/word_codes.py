"""Ways to keep the words of texts in d numbers, from the texts' own vocabulary alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.codes.factors import fit_rows, random_vectors, word_vectors

_POOL = 512  # texts solved side by side
_STEPS = 40
_RELAX = 1.5  # over-relaxation of the steps, as in `paper_utils.codes.solver`
_PULL = 0.05  # towards short vectors, relative to the spread of the word vectors

#: Codes of texts and vectors of queries, both of d columns.
CodedPair = tuple[NDArray, NDArray]


def sums(weights: sparse.csr_array, counts: sparse.csr_array, d: int, seed: int) -> CodedPair:
    """Return weighted sums of random word vectors, which no text was looked at to choose."""
    vectors = random_vectors(weights.shape[1], d, seed)
    return weights @ vectors, counts @ vectors


def semantic(weights: sparse.csr_array, counts: sparse.csr_array, d: int, seed: int) -> CodedPair:
    """Return latent semantic analysis: the best fit of rank d to all weights, zeros included."""
    from sklearn.utils.extmath import randomized_svd

    axes = randomized_svd(weights, d, n_iter=2, random_state=seed)[2].T
    return weights @ axes, counts @ axes


def learned(weights: sparse.csr_array, counts: sparse.csr_array, d: int, seed: int) -> CodedPair:
    """Return what `LexicalCodes` makes, its queries not scaled."""
    vectors = word_vectors(weights, d, seed=seed)
    return fit_rows(weights, vectors), counts @ vectors


def solved(weights: sparse.csr_array, counts: sparse.csr_array, d: int, seed: int) -> CodedPair:
    """Return least squares on random word vectors: what `learned` has before it learns."""
    vectors = random_vectors(weights.shape[1], d, seed)
    return fit_rows(weights, vectors), counts @ vectors


def weighted(weights: sparse.csr_array, counts: sparse.csr_array, d: int, seed: int) -> CodedPair:
    """Return codes on random word vectors in which listed words have their weight, others none
    above 0; the last of the d numbers is the cut-off.
    """
    vectors = with_cutoff(random_vectors(weights.shape[1], d - 1, seed))
    return bounded_codes(weights, vectors), counts @ vectors


def equal(weights: sparse.csr_array, counts: sparse.csr_array, d: int, seed: int) -> CodedPair:
    """Return the same with one score for all listed words; queries have the words' rarity."""
    rarity = np.log1p(weights.shape[0] / np.maximum((weights > 0).sum(axis=0), 1))
    listed = weights.copy()
    listed.data = np.ones_like(listed.data)
    vectors = with_cutoff(random_vectors(weights.shape[1], d - 1, seed))
    return bounded_codes(listed, vectors), (counts * rarity[None, :]) @ vectors


CODES: dict[str, Callable[..., CodedPair]] = {
    "sums": sums,
    "equal scores": equal,
    "weights, others bounded": weighted,
    "least squares": solved,
    "LSA": semantic,
    "learned": learned,
}
BOUNDED = ("equal scores", "weights, others bounded")


def with_cutoff(vectors: NDArray) -> NDArray:
    """Return `vectors` with a last column of ones."""
    return np.column_stack([vectors, np.ones(len(vectors), dtype=vectors.dtype)])


def bounded_codes(weights: sparse.csr_array, vectors: NDArray) -> NDArray[np.float32]:
    """Return codes (n_texts, d) whose scores are the weights where there are any, else at most 0.
    Douglas and Rachford's steps between scores that some code has and scores that are allowed; what
    cannot be met in `_STEPS` steps is met as well as they do.
    """
    W = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
    gram = W.double().T @ W.double()
    gram.diagonal()[:-1] += _PULL * gram.diagonal()[:-1].mean()
    fit = (W.double() @ torch.linalg.pinv(gram, hermitian=True)).float()
    codes = []
    for start in range(0, weights.shape[0], _POOL):
        goal = torch.from_numpy(weights[start : start + _POOL].toarray().astype(np.float32))
        listed, state = goal > 0, goal.clone()
        for _ in range(_STEPS):
            projected = (state @ fit) @ W.T
            reflected = 2 * projected - state
            allowed = torch.where(listed, goal, reflected.clamp(max=0))
            state += _RELAX * (allowed - projected)
        codes.append((state @ fit).numpy())
    return np.concatenate(codes)


def noise_variance(
    weights: sparse.csr_array, counts: sparse.csr_array, d: int
) -> NDArray[np.float64]:
    r"""Return the variance of scores by `sums` over the draw of the vectors, (n_queries, n_texts).
    For Gaussian vectors it is :math:`(|b|^2 |q|^2 + (b \cdot q)^2) / d`, with b the weights of the
    text's words and q the counts of the query's.
    """
    lengths = np.outer(counts.power(2).sum(axis=1), weights.power(2).sum(axis=1))
    return (lengths + (counts @ weights.T).toarray() ** 2) / d
