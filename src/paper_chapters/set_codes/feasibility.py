"""Can a set be separated at all? Linear programs with certificates for both answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

from paper_utils.checks import as_vectors
from paper_utils.errors import PaperError, UsageError

_SLACK = 1e-6  # HiGHS keeps constraints within 1e-7; a mixture has total weight 1 on either side


@dataclass(frozen=True, eq=False)
class Separability:
    """The answer of :func:`separable`, with what proves it."""

    feasible: bool
    # if feasible, (d + 1,), vector and minus cut-off: listed score >= 1, all others <= -1
    weights: NDArray[np.float64] | None = field(default=None, repr=False)
    # if not, (n_attributes,), total 1 on either side: both sides have the same mean vector
    mixture: NDArray[np.float64] | None = field(default=None, repr=False)


def separable(vectors: ArrayLike, listed: ArrayLike) -> Separability:
    """Decide by linear programming whether some vector and cut-off part a set from the rest.
    `vectors` has shape (n_attributes, d); `listed` names the rows above the cut-off. Certificates
    are checked with plain arithmetic. One corner of a square can be cut off, two opposite not.
    """
    Q, rows = checked_sides(vectors, listed)
    side = np.full(len(Q), -1.0)
    side[rows] = 1.0
    signed = side[:, None] * np.column_stack([Q, np.ones(len(Q))])
    # Most total weight, each at most 1, under which the signed rows cancel: 0 always does.
    # If nothing else does, the prices of the d + 1 equations part the set from the rest.
    found = linprog(
        -np.ones(len(Q)),
        A_eq=signed.T,
        b_eq=np.zeros(signed.shape[1]),
        bounds=(0, 1),
        method="highs",
    )
    if found.status != 0:
        raise PaperError(f"the linear program stopped: {found.message}")
    weights = -found.eqlin.marginals
    least = float((signed @ weights).min())
    if least > 0:
        return Separability(True, weights=weights / least)
    mixture = found.x / found.x[rows].sum() if found.x[rows].sum() > 0 else found.x
    total = mixture @ np.column_stack([signed, side > 0, side < 0])
    if np.abs(total - [*np.zeros(signed.shape[1]), 1, 1]).max() > _SLACK or mixture.min() < 0:
        raise PaperError("no certificate of the linear program holds: too close to call")
    return Separability(False, mixture=mixture)


def checked_sides(vectors: ArrayLike, listed: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return the vectors in double precision and the rows listed, increasing: some, not all."""
    Q = as_vectors(vectors, name="vectors").astype(np.float64)
    rows = np.unique(listed)
    if rows.dtype.kind not in "iu" or rows.size != np.size(listed) or not rows.size:
        raise UsageError("listed must be different row numbers of vectors, at least one")
    if rows[0] < 0 or rows[-1] >= len(Q) or rows.size == len(Q):
        raise UsageError(f"listed must be some, not all, of the rows 0 to {len(Q) - 1}")
    return Q, rows


def least_dimension(possible: Callable[[int], bool], expected: float, width: float, V: int) -> int:
    """Return the least d up to V at which `possible(d)`, which stays so as d grows, by bisection.
    Few sets lie further from `expected` than three widths; the bracket is widened where one does.
    """
    reach = max(2, round(3 * width))
    low, high = max(0, round(expected) - reach), min(V, round(expected) + reach)
    while low > 0 and possible(low):
        low, high = max(0, low - reach), low
    while high < V and not possible(high):
        low, high = high, min(V, high + reach)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if possible(middle) else (middle, high)
    return high
