"""Explicit embeddings in which every k-subset of n documents is the exact top-k of some query.

The trigonometric moment curve (Gale 1963) needs 2k dimensions whatever n is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import whole
from paper_utils.errors import UsageError
from paper_utils.theory.relevance import check_subset_size


def equal_angles(n: int) -> NDArray[np.float64]:
    """Return n equally spaced angles in [0, 2 pi)."""
    whole("n", n, least=1)
    return 2.0 * np.pi * np.arange(n) / n


def trigonometric_curve(angles: ArrayLike, k: int) -> NDArray[np.float64]:
    """Return unit vectors ``(cos t, sin t, ..., cos kt, sin kt) / sqrt(k)``, shape (n, 2k)."""
    whole("k", k, least=1)
    t = np.asarray(angles, dtype=np.float64)
    if t.ndim != 1 or not np.isfinite(t).all():
        raise UsageError(f"angles must be a finite vector, not of shape {t.shape}")
    turns = np.outer(t, np.arange(1, k + 1))
    return np.stack([np.cos(turns), np.sin(turns)], axis=2).reshape(t.size, 2 * k) / np.sqrt(k)


def trigonometric_queries(
    sets: ArrayLike, angles: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return unit queries (n_sets, 2k) and cut-offs (n_sets,) of sets on the trigonometric curve.
    :math:`f_S(t) = \prod_{i \in S} (1 - \cos(t - t_i))` is zero on S and positive elsewhere. The
    query holds minus its Fourier coefficients and the cut-off (positive) is its mean: scores equal
    the cut-off on S and lie below it elsewhere.
    """
    t = np.asarray(angles, dtype=np.float64)
    members = check_sets(sets, t.size)
    k = members.shape[1]
    phases = np.exp(-1j * t[members])
    # Coefficients of f_S for the frequencies -k..k, one factor after the other.
    spectrum = np.ones((len(members), 1), dtype=complex)
    for phase in phases.T[:, :, None]:
        longer = np.zeros((len(members), spectrum.shape[1] + 2), dtype=complex)
        longer[:, 1:-1] = spectrum
        longer[:, 2:] -= spectrum * phase / 2
        longer[:, :-2] -= spectrum * phase.conj() / 2
        spectrum = longer
    mean, above = spectrum[:, k].real, spectrum[:, k + 1 :]
    queries = np.stack([-2 * above.real, 2 * above.imag], axis=2).reshape(len(members), 2 * k)
    length = np.linalg.norm(queries, axis=1)
    return queries / length[:, None], mean / (length * np.sqrt(k))


def check_sets(sets: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return relevant sets as an integer array, shape (n_sets, k), or say what is wrong."""
    members = np.asarray(sets)
    if members.ndim != 2 or members.size == 0:
        raise UsageError(f"sets must have shape (n_sets, k) and not be empty, not {members.shape}")
    if members.dtype.kind not in "iu":
        raise UsageError(f"sets must hold document numbers, not {members.dtype}")
    check_subset_size(n, members.shape[1])
    outside = (members < 0) | (members >= n)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise UsageError(
            f"set {row} names document {members[row, column]}; there are documents 0 to {n - 1}"
        )
    ordered = np.sort(members, axis=1)
    twice = ordered[:, 1:] == ordered[:, :-1]
    if twice.any():
        row, column = np.argwhere(twice)[0]
        raise UsageError(f"set {row} lists document {ordered[row, column]} twice")
    return members.astype(np.int64)


def set_margins(
    docs: ArrayLike, queries: ArrayLike, sets: ArrayLike, *, block: int = 4096
) -> NDArray[np.float64]:
    """Return each set's lowest score minus the highest outside it: positive for the exact top-k.
    Shapes (n, d), (n_sets, d) and (n_sets, k); `block` queries are scored at a time.
    """
    D, Q = np.asarray(docs, dtype=np.float64), np.asarray(queries, dtype=np.float64)
    members = check_sets(sets, len(D))
    margins = np.empty(len(members))
    for start in range(0, len(members), block):
        part = members[start : start + block]
        scores = Q[start : start + block] @ D.T
        inside = np.take_along_axis(scores, part, axis=1).min(axis=1)
        np.put_along_axis(scores, part, -np.inf, axis=1)
        margins[start : start + block] = inside - scores.max(axis=1)
    return margins
