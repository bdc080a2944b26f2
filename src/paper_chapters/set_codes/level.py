"""The dimension that set codes with equal scores take: its law, and linear programs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog, minimize_scalar
from scipy.special import ndtr

from paper_chapters.set_codes.feasibility import checked_sides
from paper_utils.codes.capacity import critical_dimension
from paper_utils.errors import PaperError

# The linear program's widest margin is 0 where no level code exists, up to its own tolerance.
_LEAST = 1e-7


def level_dimension(n_attributes: int, length: int, margin: float = 0.0) -> float:
    r"""Return the dimension from which a random set has a code with equal listed scores.
    The law of `critical_dimension` with listed scores *on* the level and not above it:
    :math:`d = V \min_u \{ f (1 + (\kappa + u)^2) + (1 - f) h(\kappa - u) \}`. As
    :math:`1 + x^2 = h(x) + h(-x)`, that is more by :math:`L h(-\kappa - u^*)` at most.
    """
    critical_dimension(n_attributes, length, margin)  # says what is wrong with the sizes
    f = length / n_attributes

    def share(u: float) -> float:
        x = margin - u
        tail = (1 + x * x) * ndtr(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
        return f * (1 + (margin + u) ** 2) + (1 - f) * tail

    found = minimize_scalar(
        share, bounds=(-9.0 - margin, 9.0 + margin), method="bounded", options={"xatol": 1e-10}
    )
    return n_attributes * float(found.fun)


def level_margin(vectors: ArrayLike, listed: ArrayLike) -> float:
    """Return how far equal scores of the rows `listed` can stand above all others.
    A linear program over vectors with coordinates between -1 and 1; `vectors` has shape
    (n_attributes, d). 0 if there is no level code.
    """
    Q, rows = checked_sides(vectors, listed)
    # Unknowns: the vector, the level b of what is listed, and the margin t below it.
    d = Q.shape[1]
    others = np.delete(Q, rows, axis=0)
    found = linprog(
        np.r_[np.zeros(d + 1), -1.0],
        A_ub=np.column_stack([others, -np.ones(len(others)), np.ones(len(others))]),
        b_ub=np.zeros(len(others)),
        A_eq=np.column_stack([Q[rows], -np.ones(rows.size), np.zeros(rows.size)]),
        b_eq=np.zeros(rows.size),
        bounds=[(-1, 1)] * d + [(None, None), (0, None)],
        method="highs",
    )
    if found.status != 0:
        raise PaperError(f"the linear program stopped: {found.message}")
    return float(found.x[-1]) if found.x[-1] > _LEAST else 0.0
