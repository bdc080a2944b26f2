"""Clouds of which the truth is known: without a fault, and with hubs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.neighbours import Lists, hub_measures, nearest
from embedding_audit.cloud.points import Points, sample


def sound_cloud(n: int, d: int, seed: int) -> NDArray[np.float64]:
    """Return unit vectors of directions drawn at random: no fault that an audit could find."""
    rows = np.random.default_rng([seed, 0x736F]).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def hubby_cloud(n: int, d: int, seed: int) -> NDArray[np.float32]:
    """Return unit vectors with a common mean, which has hubs where d is large."""
    rows = sound_cloud(n, d, seed)
    rows[:, 0] += 1
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def sampled_skewness(
    points: Points, n_queries: int, k: int = 10, draws: int = 100, seed: int = 0
) -> tuple[float, NDArray[np.float64]]:
    """Return the skewness with all points as queries, and estimates from samples of `n_queries`.
    Estimates have shape (draws,); NaN where a sample is too small to tell.
    """
    whole = nearest(points, np.arange(points.n), k)
    exact = hub_measures(whole)["skewness"].value
    found = []
    for draw in range(draws):
        some = sample(points.n, n_queries, seed + 1 + draw)
        parts = (whole.indices[some], whole.scores[some], np.arange(len(some)))
        found.append(hub_measures(Lists(points.n, some, *parts))["skewness"].value)
    return exact, np.array(found, dtype=float)
