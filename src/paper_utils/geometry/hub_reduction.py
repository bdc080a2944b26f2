"""Hubness reduction beside centring (`paper_utils.centre`): whitening and mutual proximity."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from paper_utils.checks import unit_rows, whole
from paper_utils.errors import UsageError
from paper_utils.geometry.cosine import centre
from paper_utils.search.topk import select_top_k

_CELLS = 1 << 22  # scores held at once: 32 MiB in double precision

_TINY = 1e-300  # smaller tails double precision does not hold: 37 standard deviations off


def whiten(X: ArrayLike, reference: ArrayLike | None = None) -> NDArray[np.float64]:
    r"""Give the rows of `X` equal variance in all directions, and unit length again.

    The unit rows u lose their mean m, get the identity as covariance, and unit length again:

    .. math:: x \mapsto \hat\Sigma^{-1/2}\,(u-m), \qquad
              \hat\Sigma = (1-\alpha)\,S + \alpha\,\tfrac{\operatorname{Tr}S}{d}\,I

    S is the sample covariance of the unit vectors, α the shrinkage of Ledoit and Wolf. Whitening
    divides by the smallest eigenvalues, which a sample underestimates: without shrinkage n ≤ d rows
    would become the corners of a simplex, all equally far from each other.

    Parameters
    ----------
    X : array_like, shape (n_items, d)
    reference : array_like, shape (n_reference, d), optional
        Mean and covariance are of these rows, two of them different: queries are to be
        whitened like the catalogue.

    Returns
    -------
    ndarray of float64, shape (n_items, d)

    References
    ----------
    Su, Cao, Liu and Ou 2021 (whitening of sentence embeddings); Ledoit and Wolf 2004.

    Examples
    --------
    >>> from paper_utils.geometry.dimension import effective_dimension
    >>> X = np.random.default_rng(0).normal(size=(2000, 20)) * [8, 4, 2, *[1] * 17]
    >>> [round(effective_dimension(rows).value, 1) for rows in (X, whiten(X))]
    [2.3, 18.8]
    """
    from sklearn.covariance import ledoit_wolf

    like, name = (X, "X") if reference is None else (reference, "reference")
    R = unit_rows(like, name=name, min_rows=2)
    mean = R.mean(axis=0)
    covariance, _ = ledoit_wolf(R - mean, assume_centered=True)
    values, vectors = np.linalg.eigh(np.atleast_2d(covariance))
    if values[-1] <= 1e-29:
        raise UsageError(f"all {len(R)} rows have the same direction: they have no covariance")
    # Shrunk values are positive; the floor is for rounding.
    values = np.maximum(values, values[-1] * 1e-12)
    return unit_rows(centre(X, mean) @ (vectors / np.sqrt(values)) @ vectors.T)


def mutual_proximity(X: ArrayLike, queries: ArrayLike | None = None) -> NDArray[np.float64]:
    r"""Score pairs by how near they are *for both*, not in absolute terms.

    Take the cosines of x to all other rows of `X` as Gaussian with mean :math:`\mu_x` and standard
    deviation :math:`\sigma_x`; let :math:`Q_x(c)` be the chance of a cosine above c. With both
    sides as if independent

    .. math:: \text{MP}(x,y) = (1-Q_x(c))\,(1-Q_y(c)), \qquad c = \cos(x,y) .

    A hub is near everything, so its own :math:`Q` is never small: to count it must be nearer still.

    Parameters
    ----------
    X : array_like, shape (n_items, d)
        At least three rows, none zero.
    queries : array_like, shape (n_queries, d), optional
        Without them the rows of `X` are scored with each other.

    Returns
    -------
    ndarray of float64, shape (n_queries, n_items)
        :math:`-\ln(1-\text{MP})`, which orders pairs as MP does and does not run out of digits near
        1; 0 and more. Without queries the diagonal is minus infinity.

    References
    ----------
    Schnitzer, Flexer, Schedl and Widmer 2012, equation 4, with independent Gaussians.

    Examples
    --------
    >>> cross = [[1, 0.0], [1, 0.2], [0.2, 1], [0, 1]]
    >>> mutual_proximity(cross).argmax(axis=1)
    array([1, 0, 3, 2])
    """
    U, documents, V, searching = _both(X, queries)
    scores = _mutual(V, searching, U, documents)
    if queries is None:
        np.fill_diagonal(scores, -np.inf)
    return scores


def mutual_neighbours(
    X: ArrayLike, k: int = 10, queries: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Find the `k` rows of `X` of the highest mutual proximity, in blocks.

    Parameters
    ----------
    X, queries
        As for :func:`mutual_proximity`.
    k : int
        From 1 to the number of rows, or to one fewer without queries.

    Returns
    -------
    ndarray of int64, shape (n_queries, k)
        Best first; the lower index first among equals.

    Examples
    --------
    >>> mutual_neighbours([[1, 0.0], [1, 0.2], [0.2, 1], [0, 1]], 1).ravel()
    array([1, 0, 3, 2])
    """
    U, documents, V, searching = _both(X, queries)
    most = len(U) - (queries is None)
    whole("k", k, least=1, most=most)
    height = max(1, _CELLS // len(U))
    found = []
    for top in range(0, len(V), height):
        part = slice(top, top + height)
        scores = _mutual(V[part], searching[:, part], U, documents)
        if queries is None:
            own = np.arange(len(scores))
            scores[own, own + top] = -1.0  # all others are 0 or more
        found.append(select_top_k(scores, k)[0])
    return np.concatenate(found)


def _both(X: ArrayLike, queries: ArrayLike | None) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Unit rows, and (mean, standard deviation) of their cosines to `X`, of both sides."""
    U = unit_rows(X, min_rows=3)
    mean, second = U.mean(axis=0), U.T @ U / len(U)
    documents = _cosine_spread(U, mean, second, len(U), itself=True)
    if queries is None:
        return U, documents, U, documents
    V = unit_rows(queries, name="queries")
    if V.shape[1] != U.shape[1]:
        raise UsageError(f"queries have {V.shape[1]} columns and X {U.shape[1]}: they must agree")
    return U, documents, V, _cosine_spread(V, mean, second, len(U), itself=False)


def _cosine_spread(V, mean, second, n: int, *, itself: bool) -> NDArray[np.float64]:
    """Mean and standard deviation of each row's cosines to n rows, less its own cosine of 1."""
    total = n * (V @ mean) - itself
    squares = n * ((V @ second) * V).sum(axis=1) - itself
    n -= itself
    average = total / n
    variance = squares / n - average**2
    flat = variance <= 1e-13
    if flat.any():
        raise UsageError(
            f"{int(flat.sum())} of {len(V)} rows have the same cosine to all others, first row "
            f"{int(np.argmax(flat))}: mutual proximity needs a spread"
        )
    return np.stack([average, np.sqrt(variance)])


def _mutual(V, searching, U, documents) -> NDArray[np.float64]:
    cos = V @ U.T
    q = ndtr((searching[0][:, None] - cos) / searching[1][:, None])
    p = ndtr((documents[0] - cos) / documents[1])
    return -np.log(np.maximum(q + p - q * p, _TINY))  # 1 - (1-q)(1-p), without cancelling
