"""Rankings by scores of few bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors
from paper_utils.errors import UsageError


def to_bfloat16(x: ArrayLike) -> NDArray[np.float32]:
    """Round to the nearest bfloat16 (8 bits of significand), ties to even; the result is float32.

    >>> to_bfloat16([1.0, 0.971, 0.972, 0.973])
    array([1.        , 0.97265625, 0.97265625, 0.97265625], dtype=float32)
    """
    values = np.asarray(x, dtype=np.float32)
    if not np.isfinite(values).all():
        raise UsageError("only finite numbers can be rounded to bfloat16")
    bits = values.view(np.uint32)
    # Half of the last kept place, less one where the kept part is even.
    up = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return ((bits + up) & np.uint32(0xFFFF0000)).view(np.float32)


def top_k_kept(exact: ArrayLike, coarse: ArrayLike, k: int) -> NDArray[np.float64]:
    """Top-k overlap of each query: the share of the exact top k that coarse scores return.

    Scores of shape (n_queries, n_documents), larger is better, the exact ones distinct. Coarse ties
    at the k-th place are broken at random: their expected number is counted.
    """
    S, T = as_vectors(exact, name="exact"), as_vectors(coarse, name="coarse")
    if S.shape != T.shape:
        raise UsageError(f"exact has shape {S.shape}, coarse {T.shape}: they must agree")
    n = S.shape[1]
    if not 1 <= k < n:
        raise UsageError(f"k must be from 1 to {n - 1} for {n} documents, not {k}")
    members = np.argpartition(-S, k - 1, axis=1)[:, :k]
    last = -np.partition(-T, k - 1, axis=1)[:, k - 1 : k]  # coarse score of the k-th place
    above, tied = T > last, T == last
    chance = (k - above.sum(axis=1)) / tied.sum(axis=1)
    inside = np.take_along_axis(above, members, axis=1).sum(axis=1)
    at_the_edge = np.take_along_axis(tied, members, axis=1).sum(axis=1)
    return (inside + chance * at_the_edge) / k
