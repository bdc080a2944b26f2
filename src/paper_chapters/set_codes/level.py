"""Set codes with equal scores for all that is listed, so that a query's parts add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog, minimize_scalar
from scipy.special import ndtr

from paper_utils.checks import as_vectors
from paper_utils.codes.capacity import critical_dimension
from paper_utils.codes.set_codes import SetCodes
from paper_utils.codes.solver import Separator, _Pool
from paper_utils.errors import PaperError, UsageError

#: What each listed attribute scores; the others score minus that or less.
LEVEL = 1.0
# A score further than this from its level, or from the bound of the others, counts as wrong.
# Below one half, documents with both of two attributes stand above all that lack one.
_TOLERANCE = 0.5
# Steps between two looks at which documents are done, and when they are: as for set codes.
_LOOK, _ENOUGH = 5, 0.9
# The linear program's widest gap is 0 where no level code exists, up to its own tolerance.
_GAP = 1e-7


class LevelCodes(SetCodes):
    r"""Set codes in which every listed attribute scores the same.

    :class:`SetCodes` promises the *sign* of a score. Here listed attributes score 1 and all others
    -1 or less, both usually within a tenth and always within one half. So the score
    of a sum of m queries is m for a document that lists all of them and m - 2 or less for one
    that does not: a document cannot make up for an attribute that it lacks. The price in
    dimensions is small, see :func:`level_dimension`.

    Parameters and methods are those of :class:`SetCodes`; `wrong` also counts listed attributes
    off their level.

    Examples
    --------
    >>> codes = LevelCodes(24).fit([f"a{i}" for i in range(40)])
    >>> found = codes.encode([["a1", "a7"], ["a7", "a30"]])
    >>> (codes.queries(["a7", ["a1", "a7"]]) @ found.T).round().astype(int).tolist()[0]
    [1, 1]
    """

    def fit(self, vocabulary: Sequence[str]) -> LevelCodes:
        """Draw a query vector for each attribute, as :meth:`SetCodes.fit` does."""
        super().fit(vocabulary)
        self._separator = LevelSeparator(self.vectors)
        return self


class LevelSeparator(Separator):
    """As :class:`Separator`, with the scores of listed attributes bounded on both sides."""

    def check(
        self, members: Sequence[NDArray[np.int64]], weights: NDArray[np.floating]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Count, per document, scores off their side or level; find the least distance from it.

        Wrong are listed scores outside 0.5 to 1.5 and others above -0.5. The distance is the least
        of 1 - |score - 1| of what is listed and -score of all else, less 0.5. Shapes (n_docs,).
        """
        wrong = np.empty(len(members), dtype=np.int64)
        least = np.empty(len(members), dtype=np.float32)
        across = self._across.numpy()
        for place, (row, code) in enumerate(zip(members, weights, strict=True)):
            scores = code.astype(np.float32) @ across
            good = -scores
            good[row] = LEVEL - np.abs(scores[row] - LEVEL)
            wrong[place] = (good <= _TOLERANCE).sum()
            least[place] = good.min() - _TOLERANCE
        return wrong, least

    def _alternate(
        self, fit: torch.Tensor, members, rows: NDArray[np.int64], max_steps: int
    ) -> Iterator[tuple[NDArray, NDArray, NDArray, NDArray]]:
        pool = _LevelPool(len(self.X), members, rows)
        while pool.fill():
            for _ in range(_LOOK):
                w = pool.state @ fit
                projected = w @ self._across
                pool.advance(projected)
            low = pool.least(projected)
            pool.used += _LOOK
            done = (low >= _ENOUGH) | (pool.used >= max_steps)
            if done.any():
                yield pool.place[done], w.numpy()[done], low[done] - _TOLERANCE, pool.used[done]
                pool.drop(done)


class _LevelPool(_Pool):
    """Documents in work, whose listed scores are clipped from above too."""

    def fill(self) -> bool:
        work = super().fill()
        self.high.clamp_(max=LEVEL)
        return work

    def least(self, projected: torch.Tensor) -> NDArray[np.float32]:
        listed = self.low > 0
        good = torch.where(listed, LEVEL - (projected - LEVEL).abs(), -projected)
        return good.amin(dim=1).numpy()


def level_dimension(n_attributes: int, length: int, margin: float = 0.0) -> float:
    r"""Return the dimension from which a random set has a code with equal listed scores.

    The law of :func:`~paper_utils.codes.capacity.critical_dimension` with the listed scores
    *on* the level and not above it,

    .. math:: d = V \min_u \{ f (1 + (\kappa + u)^2) + (1 - f) h(\kappa - u) \}.

    As :math:`1 + x^2 = h(x) + h(-x)`, that is more by at most :math:`L h(-\kappa - u^*)` with
    :math:`u^*` the best cut-off of plain set codes: for sparse sets, a few dimensions or less.

    Parameters
    ----------
    n_attributes, length : int
        V, at least 2, and L, from 1 to V - 1.
    margin : float
        :math:`\kappa \ge 0`, in standard deviations of a score.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        Lengths or margins outside these bounds.

    Examples
    --------
    >>> from paper_utils import critical_dimension
    >>> round(critical_dimension(1848, 45), 1), round(level_dimension(1848, 45), 1)
    (184.9, 186.2)
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


def level_gap(vectors: ArrayLike, listed: ArrayLike) -> float:
    """Return how far equal scores of the rows `listed` can stand above all others.

    A linear program over vectors with coordinates between -1 and 1; `vectors` has shape
    (n_attributes, d). 0 if there is no level code.

    >>> square = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> level_gap(square, [0]), level_gap(square, [0, 3])
    (1.0, 0.0)
    """
    Q = as_vectors(vectors, name="vectors").astype(np.float64)
    rows = np.unique(listed)
    if rows.dtype.kind not in "iu" or rows.size != np.size(listed) or not rows.size:
        raise UsageError("listed must be different row numbers of vectors, at least one")
    if rows[0] < 0 or rows[-1] >= len(Q) or rows.size == len(Q):
        raise UsageError(f"listed must be some, not all, of the rows 0 to {len(Q) - 1}")
    # Unknowns: the vector, the level b of what is listed, and the gap t below it.
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
    return float(found.x[-1]) if found.x[-1] > _GAP else 0.0
