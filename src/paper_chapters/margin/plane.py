"""Margins that can be drawn: three documents in the plane, and the best query for two of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.errors import UsageError


def on_circle(degrees: ArrayLike) -> NDArray[np.float64]:
    """Return unit vectors of the plane at the angles given, shape (n, 2)."""
    turned = np.deg2rad(np.asarray(degrees, dtype=float))
    return np.stack([np.cos(turned), np.sin(turned)], axis=1)


def widest_query(first: ArrayLike, second: ArrayLike, third: ArrayLike) -> NDArray[np.float64]:
    """Return the unit query with the widest margin between two documents and a third.
    It points from the third to the nearest point of the segment between the two, and its margin is
    the length of that way. UsageError where the third lies on the segment: nothing parts them.
    """
    a, b, c = (np.asarray(one, dtype=float) for one in (first, second, third))
    along = b - a
    length = along @ along
    share = np.clip((c - a) @ along / length, 0.0, 1.0) if length else 0.0
    way = a + share * along - c
    margin = np.linalg.norm(way)
    if margin < 1e-12:
        raise UsageError(f"document {c.tolist()} lies between the two: no query ranks it last")
    return way / margin
