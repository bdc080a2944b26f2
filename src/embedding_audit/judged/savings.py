"""Vectors that take less room: rounded, shortened, or one bit a coordinate with a second look."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.products import products
from embedding_audit.judged.scores import BLOCK, Space, unit
from paper_utils.geometry.perturb import to_bfloat16, to_int8

#: What rows can be changed to; half_random is the control of half.
SAVINGS = ("bfloat16", "int8", "half", "half_random")

RESCORED = 100  #: candidates by one bit that are scored again in full


def changed(
    name: str, plain: NDArray[np.float32], space: Space, seed: int, queries: bool = False
) -> NDArray[np.float32] | None:
    """Return plain rows after a change, as the metric compares them; None: there is too little of
    them. Of queries only those coordinates are rounded that an index would round.
    """
    d = plain.shape[1]
    if name.startswith("half") and d < 4:
        return None
    if name == "half":
        columns = np.arange(d // 2)
    elif name == "half_random":
        columns = np.sort(np.random.default_rng([seed, d]).choice(d, d // 2, replace=False))
    else:
        columns = np.arange(d)
    low, high = plain.min(axis=0), plain.max(axis=0)
    found = np.empty((len(plain), len(columns)), dtype=np.float32)
    for at in range(0, len(plain), BLOCK):
        X = plain[at : at + BLOCK]
        if name == "int8":
            # Its range is that of all rows: two carry it into each block. Queries stay as they are.
            X = X if queries else to_int8(np.vstack([low, high, X]))[2:]
        elif name == "bfloat16":
            X = to_bfloat16(X)
        found[at : at + BLOCK] = X[:, columns]
    return unit(found) if space.metric == "cosine" else found


def signs(X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return +1 where a coordinate is positive, else -1: one bit of it."""
    return np.where(X > 0, np.float32(1), np.float32(-1))


def rescored(
    scores: NDArray[np.float32], queries: NDArray[np.float32], bits: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the scores of the 100 rows whose signs agree best (and of ties at the cut), else -inf.
    `queries` and `bits` are the signs of both sides.
    """
    agree = products(queries, bits)
    depth = min(RESCORED, agree.shape[1])
    last = np.partition(agree, -depth, axis=1)[:, -depth, None]
    return np.where(agree >= last, scores, np.float32(-np.inf))
