"""Mean and variance of the cosine between two items, exactly and without n² work."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors, unit_rows
from paper_utils.errors import UsageError

_BLOCK = 4096  # rows brought to float64 at a time

# Squared distance to the mean direction below which unit vectors in float64 are equal
# up to rounding: each coordinate carries an error of some 2e-16.
_COINCIDE = 1e-29


@dataclass(frozen=True, slots=True)
class CosineMoments:
    r"""Moments of the cosine between two of `n` items, and what they are made of.

    Write u for the rows scaled to unit length, m for their mean and C for their covariance *with
    divisor n*. Over two **independent** draws from the rows, each row with itself included,

    .. math:: E\cos = \mu^2, \qquad
              \operatorname{Var}\cos = \operatorname{Tr} C^2 + 2\,m^\top C m

    exactly. Leaving out the n pairs of a row with itself gives the moments of **distinct** rows:

    .. math:: \text{mean} = \frac{n\mu^2 - 1}{n - 1}, \qquad
              \text{var} = \frac{n}{n-1}\Bigl(\text{spectral} + \text{cross}
                           - \frac{(1-\mu^2)^2}{n-1}\Bigr)
    """

    n: int  #: items
    d: int  #: coordinates
    mean: float  #: over the n(n-1)/2 pairs of distinct rows
    var: float  #: over the same pairs, with their number as divisor
    #: Jackknife standard error, items (not pairs) as independent draws; NaN for fewer than four.
    se_mean: float
    se_var: float  #: the same, of `var`
    mu2: float  #: |m|², the squared length of the mean unit vector
    d_c: float  #: (Tr C)²/Tr C², the participation ratio of C; NaN when all rows point the same way
    spectral: float  #: Tr C² = (1 - mu2)²/d_c, the share of the variance that the spectrum makes
    cross: float  #: 2 m'Cm, the share that the mean makes, half the variance of |u - m|²

    @property
    def var_independent(self) -> float:
        """Variance over independent draws (all n² pairs), ``spectral + cross``."""
        return self.spectral + self.cross

    @property
    def cross_share(self) -> float:
        """Share of ``var_independent`` that comes from the mean; NaN where it is zero."""
        return self.cross / self.var_independent if self.var_independent else math.nan


def cosine_moments(X: ArrayLike) -> CosineMoments:
    """Mean and variance of the cosine over all pairs of rows, split into their causes.

    Exact, in O(n d min(n, d)) operations and O(min(n, d)²) memory beside `X`, in float64.

    Parameters
    ----------
    X : array_like, shape (n_items, d)
        At least two finite rows, none zero; they are normalised here. Equal rows each count.

    Returns
    -------
    CosineMoments

    Examples
    --------
    Three of the corners of a square: two pairs at a right angle, one opposite.

    >>> square = cosine_moments([[1, 0], [0, 2], [-3, 0]])
    >>> round(square.mean, 12), round(square.var, 12)
    (-0.333333333333, 0.222222222222)
    """
    array = as_vectors(X, min_rows=2, allow_zero=False)
    n, d = array.shape
    m = _mean_direction(array)

    squared = np.concatenate([(a * a).sum(axis=1) for a in _centred_blocks(array, m)])
    spread = float(squared.mean())  # 1 - mu2 = Tr C
    if spread <= _COINCIDE:
        return CosineMoments(n, d, 1.0, 0.0, 0.0, 0.0, 1.0, math.nan, 0.0, 0.0)
    along = (spread - squared) / 2  # a'm
    along_var = float(np.mean(along * along))  # m'Cm

    quadratic, tr_c2 = _quadratic_forms(array, m)  # a'Ca for each item, Tr C²
    cross = 2 * along_var
    both = tr_c2 + cross

    # Per item, sums over the other items of z = cos - mu2 = a_i'a_j + a_i'm + a_j'm.
    g = sum(a.T @ b for a, b in _with(array, m, along)) / n
    a_g = np.concatenate([a @ g for a in _centred_blocks(array, m)])
    row_sum = n * along - spread
    row_square = n * (quadratic + along**2 + along_var + 2 * a_g) - spread**2
    se_mean, se_var = _jackknife(row_sum, row_square)

    return CosineMoments(
        n=n,
        d=d,
        mean=1 - spread * n / (n - 1),
        # A single pair does not vary; beyond that, only rounding can fall below zero.
        var=max(0.0, n / (n - 1) * (both - spread**2 / (n - 1))) if n > 2 else 0.0,
        se_mean=se_mean,
        se_var=se_var,
        # Each form is the accurate one on its side.
        mu2=float(m @ m) if spread > 0.5 else 1 - spread,
        d_c=spread**2 / tr_c2,
        spectral=tr_c2,
        cross=cross,
    )


def cosine_moments_by_pairs(X: ArrayLike) -> tuple[float, float]:
    """Mean and variance of the cosine over distinct pairs, by visiting every pair.

    Takes O(n² d), to check :func:`cosine_moments` against.

    Parameters
    ----------
    X : array_like, shape (n_items, d)
        As for :func:`cosine_moments`.

    Returns
    -------
    mean, var : float

    Examples
    --------
    >>> mean, var = cosine_moments_by_pairs([[1, 0], [0, 2], [-3, 0]])
    >>> round(mean, 12), round(var, 12)
    (-0.333333333333, 0.222222222222)
    """
    U = unit_rows(X, min_rows=2)
    n = len(U)
    rows = max(1, 2**22 // n)  # cosines held at a time
    mean = _over_pairs(U, rows, lambda cos: cos)
    return mean, _over_pairs(U, rows, lambda cos: (cos - mean) ** 2)


def centre(X: ArrayLike, mean: ArrayLike | None = None) -> NDArray[np.float64]:
    """Take the mean direction out of the rows of `X` and scale them to unit length again.

    The mean is that of the *unit* vectors. Normalising brings a small one back, as
    :func:`cosine_moments` of the result shows; it is not taken out a second time.

    Parameters
    ----------
    X : array_like, shape (n_items, d)
        Rows of any length, none of them zero.
    mean : array_like, shape (d,), optional
        Subtract this (no row may equal it): queries are centred by the mean of the *catalogue*.

    Returns
    -------
    ndarray of float64, shape (n_items, d)

    Examples
    --------
    >>> centre([[1.0, 1.0], [1.0, -1.0]])
    array([[ 0.,  1.],
           [ 0., -1.]])
    """
    U = unit_rows(X, min_rows=2 if mean is None else 1)
    m = U.mean(axis=0) if mean is None else np.asarray(mean, dtype=np.float64)
    if m.shape != (U.shape[1],):
        raise UsageError(f"mean must have shape ({U.shape[1]},), not {m.shape}")
    U -= m
    squared = (U * U).sum(axis=1)
    lost = squared <= _COINCIDE
    if lost.any():
        raise UsageError(
            f"{int(lost.sum())} of {len(U)} rows coincide with the mean, first row "
            f"{int(np.argmax(lost))}: nothing is left of them after centring"
        )
    return U / np.sqrt(squared)[:, None]


def _mean_direction(array: NDArray[np.floating]) -> NDArray[np.float64]:
    return sum(unit_rows(block).sum(axis=0) for block in _blocks(array)) / len(array)


def _blocks(array: NDArray) -> Iterator[NDArray]:
    return (array[i : i + _BLOCK] for i in range(0, len(array), _BLOCK))


def _centred_blocks(
    array: NDArray[np.floating], m: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    return (unit_rows(block) - m for block in _blocks(array))


def _with(
    array: NDArray[np.floating], m: NDArray[np.float64], values: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    return zip(_centred_blocks(array, m), _blocks(values), strict=True)


def _quadratic_forms(
    array: NDArray[np.floating], m: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return a'Ca for every centred row a, and Tr C² = its mean."""
    n, d = array.shape
    if n < d:  # the Gram matrix is the smaller one: a_i'Ca_i = sum_j (a_i'a_j)² / n
        A = unit_rows(array) - m
        gram = A @ A.T
        quadratic = (gram * gram).mean(axis=1)
    else:
        C = sum(a.T @ a for a in _centred_blocks(array, m)) / n
        quadratic = np.concatenate([((a @ C) * a).sum(axis=1) for a in _centred_blocks(array, m)])
    return quadratic, float(quadratic.mean())


def _jackknife(
    row_sum: NDArray[np.float64], row_square: NDArray[np.float64]
) -> tuple[float, float]:
    """Standard errors over pairs from the sums of z and z² over the pairs of each item."""
    n = len(row_sum)
    if n < 4:
        return math.nan, math.nan
    pairs_left = (n - 1) * (n - 2)
    means = (row_sum.sum() - 2 * row_sum) / pairs_left
    variances = (row_square.sum() - 2 * row_square) / pairs_left - means**2
    scale = (n - 1) ** 2 / n  # (n-1)/n times a sum, written with a variance of divisor n-1
    return (
        math.sqrt(scale * float(means.var(ddof=1))),
        math.sqrt(scale * float(variances.var(ddof=1))),
    )


def _over_pairs(U: NDArray[np.float64], rows: int, value) -> float:
    """Average ``value(cos)`` over the distinct pairs of the unit rows `U`."""
    n = len(U)
    total = 0.0
    for start in range(0, n, rows):
        block = U[start : start + rows]
        cos = block @ U[start:].T
        upper = np.triu(np.ones(cos.shape, dtype=bool), k=1)
        total += float(value(cos[upper]).sum())
    return total / (n * (n - 1) / 2)
