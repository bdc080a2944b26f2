"""Checks of arrays at the door, so that bad input never becomes a wrong number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.errors import UsageError


def as_vectors(
    X: ArrayLike, *, name: str = "X", min_rows: int = 1, allow_zero: bool = True
) -> NDArray[np.floating]:
    """Return `X` as a finite two-dimensional floating-point array, or say why not.

    Parameters
    ----------
    X : array_like, shape (n_items, d)
        One vector a row.
    name : str
        How the error message calls the array.
    min_rows : int
        Fewest rows that the caller can work with.
    allow_zero : bool
        Whether all-zero rows are accepted (they have no direction).

    Returns
    -------
    ndarray, shape (n_items, d)
        float32 and float64 are kept as they are; float16 becomes float32;
        everything else float64. No copy is made where none is needed.

    Raises
    ------
    UsageError
        Not two-dimensional, too few rows, no columns, not numeric, NaN or infinite
        entries, or zero rows where they are not allowed.

    Examples
    --------
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
    """Return the rows of `X` scaled to unit Euclidean length, in float64.

    Parameters
    ----------
    X : array_like, shape (n_items, d)
    name, min_rows
        As in :func:`as_vectors`.

    Returns
    -------
    ndarray of float64, shape (n_items, d)

    Raises
    ------
    UsageError
        As in :func:`as_vectors`; also when a row is zero.

    Examples
    --------
    >>> unit_rows([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    array = as_vectors(X, name=name, min_rows=min_rows, allow_zero=False).astype(np.float64)
    # Dividing by the largest entry first keeps subnormal and huge rows from
    # under- or overflowing when they are squared.
    array /= np.abs(array).max(axis=1, keepdims=True)
    return array / np.linalg.norm(array, axis=1, keepdims=True)
