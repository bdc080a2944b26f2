"""Sets of columns on which a 0/1 matrix shows every pattern ('all': shattered, VC >= c).

'signed' adds complements. In R^(c-1) the c document vectors are linearly dependent; a row with
the signs of the coefficients would sum to zero with terms of one sign: sign-rank >= c. 'affine'
excepts constant patterns too: by Radon, with a threshold per row, dimension >= c - 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.errors import UsageError, did_you_mean

MODES = ("all", "signed", "affine")


@dataclass(frozen=True)
class Shattered:
    """A set of columns and what was found about its size."""

    columns: tuple[int, ...]
    exact: bool  # the search went through all sets, so that no larger one exists

    def __len__(self) -> int:
        return len(self.columns)


def largest_shattered(
    matrix: ArrayLike, *, mode: str = "all", cap: int | None = None, max_nodes: int = 3000
) -> Shattered:
    """Search for a largest set of columns with all patterns, in one of the module's three senses.
    Ends at a set of size `cap`, or with the best so far when `max_nodes` sets were extended.
    """
    if mode not in MODES:
        raise UsageError(f"mode = {mode!r}: {did_you_mean(mode, MODES)}")
    array = np.asarray(matrix)
    if array.ndim != 2 or not np.isin(array, (0, 1)).all():
        raise UsageError("a two-dimensional matrix of 0 and 1 is needed")
    search = _Search(array.astype(np.int32), mode, cap, max_nodes)
    search.extend((), np.zeros(len(array), dtype=np.int64), np.arange(array.shape[1]))
    return Shattered(tuple(sorted(search.best)), search.exhausted)


class _Search:
    def __init__(self, matrix, mode, cap, max_nodes):
        # Columns that split the rows evenly leave most room for further splits.
        self.order = np.argsort(np.abs(2 * matrix.sum(axis=0) - len(matrix)), kind="stable")
        self.matrix = matrix[:, self.order]
        self.mode, self.cap, self.nodes_left = mode, cap, max_nodes
        self.best: tuple[int, ...] = ()
        self.exhausted = True

    def extend(self, chosen: tuple[int, ...], code: NDArray[np.int64], candidates) -> bool:
        """Try to grow `chosen`; `code` is each row's pattern on it. True: stop everything."""
        if self.nodes_left <= 0:
            self.exhausted = False
            return True
        self.nodes_left -= 1
        support = self._support(code, 1 << len(chosen), candidates)
        fits = candidates[support >= 1]
        if fits.size and len(chosen) + 1 > len(self.best):
            self.best = (*(int(self.order[c]) for c in chosen), int(self.order[fits[0]]))
            if self.cap is not None and len(self.best) >= self.cap:
                return True
        # Each further column halves the support: it bounds how far a set can still grow.
        for position, (column, least) in enumerate(zip(fits, support[support >= 1], strict=True)):
            rest = fits[position + 1 :]
            room = len(chosen) + 1 + min(rest.size, int(least).bit_length() - 1)
            if room <= max(len(self.best), len(chosen) + 1):
                continue
            grown = code + (self.matrix[:, column].astype(np.int64) << len(chosen))
            if self.extend((*chosen, int(column)), grown, rest):
                return True
        return False

    def _support(self, code, n_patterns, candidates) -> NDArray[np.int64]:
        """Rows behind the least supported pattern of each extended set, shape (n_candidates,)."""
        order = np.argsort(code, kind="stable")
        starts = np.searchsorted(code[order], np.arange(n_patterns + 1))
        running = np.zeros((len(code) + 1, candidates.size), dtype=np.int64)
        np.cumsum(self.matrix[np.ix_(order, candidates)], axis=0, out=running[1:])
        ones = running[starts[1:]] - running[starts[:-1]]
        zeros = np.diff(starts)[:, None] - ones
        if self.mode == "all":
            return np.minimum(ones.min(axis=0), zeros.min(axis=0))
        pairs = ones + zeros[::-1]  # pattern T with the new column, or its complement without it
        if self.mode == "affine":
            # The last pattern is 'all ones'; with the new column that is constant: excepted.
            pairs = pairs[:-1]
            if not len(pairs):
                return np.full(candidates.size, len(code), dtype=np.int64)
        return pairs.min(axis=0)


def shows_patterns(matrix: ArrayLike, columns: tuple[int, ...], mode: str = "all") -> bool:
    """Check, straight from the definition, that `columns` have all patterns."""
    if mode not in MODES:
        raise UsageError(f"mode = {mode!r}: {did_you_mean(mode, MODES)}")
    c = len(columns)
    shown = {tuple(row) for row in np.asarray(matrix)[:, list(columns)].astype(int).tolist()}
    if mode != "all":
        shown |= {tuple(1 - bit for bit in row) for row in shown}
    if mode == "affine":
        shown |= {(0,) * c, (1,) * c}
    return len(shown) == 2**c
