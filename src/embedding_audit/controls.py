"""Is the instrument sound? Clouds with one injected fault each, and one without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.neighbours import Lists, hub_measures, nearest
from embedding_audit.cloud.points import Points, sample
from embedding_audit.inputs import Inputs
from embedding_audit.reading.vectors import Vectors
from embedding_audit.report import Report, audit


def sound_cloud(n: int, d: int, seed: int) -> NDArray[np.float64]:
    """Return unit vectors of directions drawn at random: no fault that an audit could find."""
    rows = np.random.default_rng([seed, 0x736F]).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _common_mean(rows: NDArray) -> NDArray:
    rows[:, 0] += 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def hubby_cloud(n: int, d: int, seed: int) -> NDArray[np.float32]:
    """Return unit vectors with a common mean, which has hubs where d is large."""
    return _common_mean(sound_cloud(n, d, seed)).astype(np.float32)


def _set(rows: NDArray, place: Any, value: Any) -> NDArray:
    rows[place] = value
    return rows


def _hubs(rows: NDArray) -> NDArray:
    # Near the middle of everything else: near to all of it, once a mean is there.
    moved = _common_mean(rows)
    middle = moved.mean(axis=0)
    moved[:3] = middle / np.linalg.norm(middle) + 0.02 * moved[:3]
    return moved


#: Fault -> what is done to a sound cloud, the measure that must show it, and the side.
FAULTS: dict[str, tuple[Callable[[NDArray], NDArray], str, str]] = {
    "a common mean": (_common_mean, "cosine.mean", "above"),
    "few directions": (
        lambda rows: rows * 0.8 ** np.arange(rows.shape[1]),
        "dimension.unbiased",
        "below",
    ),
    "equal rows": (
        lambda rows: _set(rows, slice(len(rows) // 3), rows[0]),
        "rows.duplicate_share",
        "above",
    ),
    "three hubs": (_hubs, "hubness.raw.largest", "above"),
    "unequal lengths": (
        lambda rows: rows * np.linspace(0.2, 3, len(rows))[:, None],
        "norms.cv",
        "above",
    ),
    "a row with NaN": (lambda rows: _set(rows, (3, 1), np.nan), "rows.nan", "above"),
    "two zero rows": (lambda rows: _set(rows, [5, 8], 0), "rows.zero", "above"),
}


def inject_faults(n: int = 200, d: int = 16, seed: int = 0) -> tuple[Report, list[dict]]:
    """Audit a sound cloud, and the same cloud with each fault.
    A row has ``fault``, ``measure``, ``sound`` and ``with fault`` (values), and ``found``: whether
    the interval with the fault lies outside that of the sound cloud, on the side expected.
    """

    def one(rows: NDArray) -> Report:
        return audit(Inputs(Vectors("controls", "encoder", rows)), seed=seed)

    sound = one(sound_cloud(n, d, seed))
    found = []
    for fault, (damage, key, side) in FAULTS.items():
        before, after = sound[key], one(damage(sound_cloud(n, d, seed)))[key]
        above = side == "above"
        edge = before.high if above else before.low
        limit = before.value if edge is None else edge
        found.append(
            {
                "fault": fault,
                "measure": key,
                "sound": round(before.value, 9),  # rounding errors are those of a processor
                "with fault": round(after.value, 9),
                "found": after.clears(limit, above=above) is True,
            }
        )
    return sound, found


def sampled_skewness(
    points: Points, n_queries: int, k: int = 10, draws: int = 100, seed: int = 0
) -> tuple[float, NDArray[np.float64]]:
    """Return the skewness with all points as queries, and estimates from samples of `n_queries`.
    Estimates have shape (draws,); NaN where a sample is too small to tell.
    """
    everything = nearest(points, np.arange(points.n), k)
    exact = hub_measures(everything)["skewness"].value
    found = []
    for draw in range(draws):
        some = sample(points.n, n_queries, seed + 1 + draw)
        lists = Lists(
            points.n, some, everything.indices[some], everything.scores[some], np.arange(len(some))
        )
        found.append(hub_measures(lists)["skewness"].value)
    return exact, np.array(found, dtype=float)
