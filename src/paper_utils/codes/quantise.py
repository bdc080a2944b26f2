"""Codes in one byte a number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors


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
