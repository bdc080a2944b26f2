"""Codes in one byte a number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors
from paper_utils.errors import UsageError


def byte_codes(codes: ArrayLike) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each row to whole numbers from -127 to 127 times a scale of its own.

    A positive scale changes no sign, so that a comparison with zero needs the bytes alone.

    Parameters
    ----------
    codes : array_like, shape (n_items, d)

    Returns
    -------
    rounded : ndarray of int8, shape (n_items, d)
    scales : ndarray of float32, shape (n_items,)
        ``rounded * scales[:, None]`` is near the codes. A row of zeros has scale 1.

    Raises
    ------
    UsageError
        Unusable vectors.

    Examples
    --------
    >>> rounded, scales = byte_codes([[1.0, -0.5, 0.0]])
    >>> rounded, scales.round(5)
    (array([[127, -64,   0]], dtype=int8), array([0.00787], dtype=float32))
    """
    X = as_vectors(codes, name="codes")
    largest = np.abs(X).max(axis=1)
    scales = np.where(largest > 0, largest, 127.0) / 127.0
    return np.rint(X / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def byte_pair(queries: ArrayLike, codes: ArrayLike) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    r"""Round queries and set codes to bytes, the constant and the cut-off included.

    The constant of a query is far larger than its other numbers and would take up the range of
    a byte. Times :math:`d^{-1/4}` it is not, nor is the cut-off of a code, divided by it.

    Parameters
    ----------
    queries : array_like, shape (n_queries, d + 1)
        The last number is the constant.
    codes : array_like, shape (n_docs, d + 1)

    Returns
    -------
    queries, codes : ndarray of int8
        Their products have the signs of the scores, but for rounding.

    Raises
    ------
    UsageError
        Unusable vectors, or different numbers of columns.

    Examples
    --------
    >>> queries, codes = byte_pair([[0.6, 0.8, 1.0]], [[1.0, 2.0, -1.5]])
    >>> int((queries.astype(int) @ codes.T.astype(int))[0, 0]) > 0
    True
    """
    Q, X = as_vectors(queries, name="queries"), as_vectors(codes, name="codes")
    if Q.shape[1] != X.shape[1]:
        raise UsageError(f"queries have {Q.shape[1]} columns and codes {X.shape[1]}")
    balance = np.ones(Q.shape[1])
    balance[-1] = max(Q.shape[1] - 1, 1) ** -0.25
    return byte_codes(Q * balance)[0], byte_codes(X / balance)[0]
