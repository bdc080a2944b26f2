"""Codes in two bytes per number, and in one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors
from paper_utils.errors import UsageError
from paper_utils.geometry.perturb import to_bfloat16


def bfloat16_pair(queries: ArrayLike, codes: ArrayLike) -> tuple[NDArray, NDArray]:
    """Round queries and codes to bfloat16."""
    return to_bfloat16(queries), to_bfloat16(codes)


def byte_codes(codes: ArrayLike) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each row to whole numbers from -127 to 127 times a positive scale of its own.
    Shapes (n_items, d) and (n_items,). A comparison with zero needs the bytes alone.
    """
    X = as_vectors(codes, name="codes")
    largest = np.abs(X).max(axis=1)
    scales = np.where(largest > 0, largest, 127.0) / 127.0
    return np.rint(X / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def byte_pair(queries: ArrayLike, codes: ArrayLike) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Round queries (n_queries, d) and set codes (n_docs, d) to bytes.
    A query's last number, the constant, is far larger than the others and would take up the range
    of a byte. It is multiplied by :math:`(d-1)^{-1/4}`, and the cut-off of a code divided by it.
    """
    Q, X = as_vectors(queries, name="queries"), as_vectors(codes, name="codes")
    if Q.shape[1] != X.shape[1]:
        raise UsageError(f"queries have {Q.shape[1]} columns and codes {X.shape[1]}")
    balance = np.ones(Q.shape[1])
    balance[-1] = max(Q.shape[1] - 1, 1) ** -0.25
    return byte_codes(Q * balance)[0], byte_codes(X / balance)[0]
