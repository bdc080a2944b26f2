"""A matrix of word weights as products of short vectors, with the words that a text has first.

Weighted alternating least squares, as for the likes and unknowns of recommenders: Y. Hu, Y. Koren
and C. Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

LISTED = 20.0  #: how much more a miss of a listed word counts than one of a word that is not there
ROUNDS = 3  #: texts' vectors are solved for so often, words' once less
RIDGE = 0.01  #: relative to the mean square of a coordinate

_CELLS = 1 << 22  # numbers of a batch: 16 MiB in single precision


def fit_rows(
    weights: sparse.csr_array, vectors: NDArray, *, listed: float = LISTED, ridge: float = RIDGE
) -> NDArray[np.float32]:
    """Return one vector x a row, (n_rows, d), for the `vectors` w of the columns, (n_columns, d).
    It minimises the sum of (xw - weight)^2 over all columns, plus `listed` times that over those
    with an entry, plus the ridge. A row without an entry gets zeros.
    """
    W = vectors.astype(np.float32)
    gram = W.T.astype(np.float64) @ W
    gram[np.diag_indices_from(gram)] += ridge * np.trace(gram) / len(gram)
    P = (W @ np.linalg.inv(gram)).astype(np.float32)
    found = np.zeros((weights.shape[0], W.shape[1]), dtype=np.float32)
    sizes = np.diff(weights.indptr)
    for size in np.unique(sizes[sizes > 0]):
        rows = np.flatnonzero(sizes == size)
        for part in np.split(rows, range(0, len(rows), max(1, _CELLS // (size * W.shape[1])))[1:]):
            at = weights.indptr[part][:, None] + np.arange(size)
            goal = (1 + listed) * weights.data[at][..., None].astype(np.float32)
            mine, across = W[weights.indices[at]], P[weights.indices[at]].transpose(0, 2, 1)
            if size < W.shape[1]:  # Woodbury: a small system of the listed words alone
                inner = np.eye(size, dtype=np.float32) + listed * (mine @ across)
                found[part] = (across @ np.linalg.solve(inner, goal))[..., 0]
            else:
                for row, own, wanted in zip(part, mine.astype(np.float64), goal, strict=True):
                    solved = np.linalg.solve(gram + listed * own.T @ own, own.T @ wanted)
                    found[row] = solved[:, 0]
    return found


def word_vectors(
    weights: sparse.csr_array,
    d: int,
    *,
    seed: int = 0,
    listed: float = LISTED,
    ridge: float = RIDGE,
    rounds: int = ROUNDS,
) -> NDArray[np.float32]:
    """Return vectors of the columns, (n_columns, d), from random ones by alternating least squares.
    With `listed` and `ridge` 0 the fit tends to the best of its rank: latent semantic analysis.
    """
    vectors = random_vectors(weights.shape[1], d, seed)
    across = sparse.csr_array(weights.T)
    across.sort_indices()
    for _ in range(rounds - 1):
        rows = fit_rows(weights, vectors, listed=listed, ridge=ridge)
        vectors = fit_rows(across, rows, listed=listed, ridge=ridge)
    return vectors


def random_vectors(n: int, d: int, seed: int | list[int]) -> NDArray[np.float32]:
    """Return Gaussian vectors whose mean square length is 1, (n, d)."""
    drawn = np.random.default_rng(seed).standard_normal((n, d)) / np.sqrt(d)
    return drawn.astype(np.float32)
