"""Checks of input at the door, so that bad input never becomes a wrong number."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.errors import UsageError


def as_vectors(
    X: ArrayLike, *, name: str = "X", min_rows: int = 1, allow_zero: bool = True
) -> NDArray[np.floating]:
    """Return `X`, shape (n_items, d), as a finite floating-point array, or raise UsageError.

    float32 and float64 stay, float16 becomes float32, all else float64; a copy is made only where
    needed. A row of zeros has no direction. `name` is how the message calls the array.

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


def whole(name: str, value: object, *, least: int, most: int | None = None) -> int:
    """Return `value`, a whole number from `least` to `most`, or raise UsageError.

    >>> whole("k", 2.5, least=1, most=1000)
    Traceback (most recent call last):
    ...
    paper_utils.errors.UsageError: k must be a whole number from 1 to 1,000, not 2.5
    """
    good = isinstance(value, Integral) and not isinstance(value, bool)
    if not good or value < least or (most is not None and value > most):
        end = "" if most is None else f" to {most:,}"
        raise UsageError(f"{name} must be a whole number from {least:,}{end}, not {value!r}")
    return int(value)


def texts_list(texts: Iterable[str], name: str) -> list[str]:
    """Return the texts, at least one, as a list, or raise UsageError."""
    if isinstance(texts, (str, bytes)):
        raise UsageError(f"{name} must be a list of texts, not the single text {texts[:40]!r}")
    texts = list(texts)
    if not texts:
        raise UsageError(f"{name} is empty")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise UsageError(f"{name} must hold texts; item {place} is {text!r}")
    return texts
