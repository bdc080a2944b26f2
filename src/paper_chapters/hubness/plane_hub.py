"""A hub that can be drawn: queries and documents in the plane whose means differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Sides = tuple[NDArray[np.float64], NDArray[np.float64]]


def plane_clouds(seed: int, draw: int, n: int = 40) -> dict[str, Sides]:
    """Return documents and queries, each (n, 2): as drawn, and each side less its own mean.
    Both are standard normal; the queries' mean lies two standard deviations to the right.
    """
    rng = np.random.default_rng([seed, draw])
    D, Q = rng.standard_normal((n, 2)), rng.normal([2.0, 0.0], size=(n, 2))
    return {"different means": (D, Q), "own means subtracted": (D - D.mean(0), Q - Q.mean(0))}
