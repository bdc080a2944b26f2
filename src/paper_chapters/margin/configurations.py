"""Other vectors than the curve in 2k dimensions: its Euclidean image, the simplex, random ones."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import unit_rows, whole
from paper_utils.theory.construction import check_sets, trigonometric_curve, trigonometric_queries


def euclidean_curve(
    sets: ArrayLike, angles: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return documents in 2k - 1 dimensions, and for each set a centre and radius of exactly its k.
    The trigonometric curve is projected from a point p on it, halfway between two documents: the
    half-space <w, x> >= c of a set becomes the ball around w_perp / (c - <w, p>). Its documents lie
    at the radius, all others further away. Shapes (n, 2k - 1), (n_sets, 2k - 1), (n_sets,).
    """
    t = np.asarray(angles, dtype=np.float64)
    queries, cutoffs = trigonometric_queries(sets, t)
    k = np.asarray(sets).shape[1]
    ordered = np.sort(t % (2 * np.pi))
    spaces = np.diff(np.append(ordered, ordered[0] + 2 * np.pi))
    widest = int(np.argmax(spaces))
    pole = trigonometric_curve(ordered[widest : widest + 1] + spaces[widest] / 2, k)[0]
    # An orthonormal basis of the hyperplane orthogonal to the pole.
    basis = np.linalg.svd(pole[None, :])[2][1:]
    docs = trigonometric_curve(t, k)
    docs = docs @ basis.T / (1.0 - docs @ pole)[:, None]
    # <w, x> = c for x = (2y + (|y|^2 - 1) p) / (|y|^2 + 1) is a sphere in y.
    along = queries @ pole
    centres = queries @ basis.T / (cutoffs - along)[:, None]
    squared = (centres**2).sum(axis=1) - (cutoffs + along) / (cutoffs - along)
    return docs, centres, np.sqrt(np.maximum(squared, 0.0))  # k = 1: centres are documents


def simplex(n: int) -> NDArray[np.float64]:
    """Return the n vertices of a regular simplex as unit vectors, shape (n, n - 1)."""
    whole("n", n, least=2)
    centred = np.eye(n) - 1.0 / n
    vertices = np.linalg.eigh(centred)[1][:, 1:]  # the eigenvalue 0 comes first
    return vertices / np.linalg.norm(vertices, axis=1, keepdims=True)


def centroid_queries(docs: ArrayLike, sets: ArrayLike) -> NDArray[np.float64]:
    """Return the centroid of each set's documents, scaled to length 1, shape (n_sets, d)."""
    vectors = np.asarray(docs, dtype=np.float64)
    return unit_rows(vectors[check_sets(sets, len(vectors))].sum(axis=1), name="centroids")


def gaussian_documents(n: int, d: int, *, seed: int = 0) -> NDArray[np.float64]:
    """Return n independent uniformly distributed unit vectors, shape (n, d)."""
    whole("n", n, least=1)
    whole("d", d, least=1)
    return unit_rows(np.random.default_rng(seed).standard_normal((n, d)))


def centroid_margin(k: int) -> float:
    """Return the margin ``1 / (2 sqrt(2 k))`` that random vectors with centroid queries reach.
    In O(k^2 log n) dimensions (arXiv 2601.20844); not the best possible order.
    """
    whole("k", k, least=1)
    return 1.0 / (2.0 * math.sqrt(2.0 * k))
