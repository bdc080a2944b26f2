"""Checks of arrays at the door, so that bad input never becomes a wrong number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.errors import UsageError


def as_vectors(
    X: ArrayLike, *, name: str = "X", min_rows: int = 1, allow_zero: bool = True
) -> NDArray[np.floating]:
    """Return `X`, shape (n_items, d), as a finite floating-point array, or raise UsageError.

    float32 and float64 stay, float16 becomes float32, all else float64; a copy is made only where
    needed. A row of zeros has no direction. `name` is how the message calls the array.

    >>> as_vectors([[1, 2], [3, 4]]).dtype
    dtype('float64')
    >>> as_vectors([1.0, 2.0])
    Traceback (most recent call last):
    ...
    paper_utils.errors.UsageError: X must have shape (n_items, d), not (2,)
    """
    array = np.asarray(X)
    if array.ndim != 2:
        raise UsageError(f"{name} must have shape (n_items, d), not {array.shape}")
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    elif array.dtype not in (np.float32, np.float64):
        if array.dtype.kind not in "biuf":
            raise UsageError(f"{name} must hold real numbers, not {array.dtype}")
        array = array.astype(np.float64)
    n, d = array.shape
    if d < 1:
        raise UsageError(f"{name} has no columns: shape {array.shape}")
    if n < min_rows:
        raise UsageError(f"{name} has {n} rows; at least {min_rows} are needed")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise UsageError(
            f"{name} has NaN or infinite values in {(~finite).sum()} of {n} rows, "
            f"first in row {int(np.argmin(finite))}"
        )
    if not allow_zero:
        zero = ~array.any(axis=1)
        if zero.any():
            raise UsageError(
                f"{name} has {int(zero.sum())} zero rows (no direction), first row "
                f"{int(np.argmax(zero))}; drop them first"
            )
    return array


def unit_rows(X: ArrayLike, *, name: str = "X", min_rows: int = 1) -> NDArray[np.float64]:
    """Return the rows of `X`, (n_items, d), at unit Euclidean length; a row of zeros is an error.

    >>> unit_rows([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    array = as_vectors(X, name=name, min_rows=min_rows, allow_zero=False).astype(np.float64)
    # Dividing by the largest entry first keeps subnormal and huge rows from
    # under- or overflowing when they are squared.
    array /= np.abs(array).max(axis=1, keepdims=True)
    return array / np.linalg.norm(array, axis=1, keepdims=True)
