"""Many small separation problems at once: one weight vector a document, by alternating steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

_POOL = 512  # documents solved side by side: their scores stay in a processor's cache
_LOOK = 5  # steps between two looks at which documents are done
_RELAX = 1.5  # over-relaxation of the steps; any value between 0 and 2 converges
_PULL = 0.05  # towards short vectors (a wide margin), relative to the spread of the queries
_ENOUGH = 0.9  # a document is done when every score is this far on its side; the target is 1


@dataclass(frozen=True, eq=False)
class Solved:
    """Weights and how well they do, one row or number a document."""

    # (n_docs, d + 1): vector and, last, minus the cut-off; scores are `weights @ [q, 1]`
    weights: NDArray[np.float32] = field(repr=False)
    wrong: NDArray[np.int64]  # scores of the wrong sign or zero, counted on these very weights
    # least distance of a score from zero on its right side; negative if wrong
    least: NDArray[np.float32]
    steps: NDArray[np.int64]


def _places(members) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row and column of each listed attribute."""
    row = np.repeat(np.arange(len(members)), [len(m) for m in members])
    return row, np.concatenate([np.asarray(m, dtype=np.int64) for m in members])


class Pool:
    """Documents in work; the places of finished ones are given to the next."""

    def __init__(self, n_attributes: int, members, rows: NDArray) -> None:
        self.V, self.members, self.waiting = n_attributes, members, list(rows[::-1])
        self.place = np.empty(0, dtype=np.int64)
        self.used = np.empty(0, dtype=np.int64)
        self.state = self.low = self.high = torch.empty((0, n_attributes))

    def fill(self) -> bool:
        """Take in waiting documents; return whether any is in work."""
        free = _POOL - len(self.place)
        # A few places are not worth copying the rest.
        if self.waiting and (free >= _POOL // 8 or not len(self.place)):
            new = [self.waiting.pop() for _ in range(min(free, len(self.waiting)))]
            low = torch.full((len(new), self.V), -torch.inf)
            high = torch.full((len(new), self.V), -1.0)
            listed = _places([self.members[i] for i in new])
            low[listed], high[listed] = 1.0, torch.inf
            state = torch.where(low > 0, 1.0, -1.0)
            self.place = np.concatenate([self.place, np.array(new, dtype=np.int64)])
            self.used = np.concatenate([self.used, np.zeros(len(new), dtype=np.int64)])
            self.low, self.high = torch.cat([self.low, low]), torch.cat([self.high, high])
            self.state = torch.cat([self.state, state])
        return len(self.place) > 0

    def advance(self, projected: torch.Tensor) -> None:
        """Reflect in the attainable scores, clip to the right sides, move."""
        clipped = torch.sub(projected, self.state, alpha=0.5).mul_(2)
        torch.clamp(clipped, self.low, self.high, out=clipped)
        clipped.sub_(projected)
        self.state.add_(clipped, alpha=_RELAX)

    @staticmethod
    def sides(scores: torch.Tensor, listed: torch.Tensor) -> torch.Tensor:
        """Return how far each score is on its right side, (n_docs, n_attributes)."""
        return torch.where(listed, scores, -scores)

    def least(self, projected: torch.Tensor) -> NDArray[np.float32]:
        """Return the least of `sides` of each document in work."""
        return self.sides(projected, self.low > 0).amin(dim=1).numpy()

    def drop(self, done: NDArray[np.bool_]) -> None:
        stay = torch.from_numpy(~done)
        self.place, self.used = self.place[~done], self.used[~done]
        self.state, self.low, self.high = self.state[stay], self.low[stay], self.high[stay]


class Separator:
    """Finds a vector and a cut-off that part rows of `vectors`, (n_attributes, d), from the rest.
    Minimises |v|^2 with y_a (<q_a, v> - b) >= 1 by over-relaxed ADMM (J. Eckstein and D. Bertsekas,
    Math. Program. 55 (1992) 293). Unsolved sets are tried again without the pull to short vectors:
    Douglas-Rachford, which tends to the least violation (H. Bauschke, W. Moursi, 164 (2017) 263).
    """

    pool = Pool
    slack = 0.0  #: a score is wrong unless it is on its side of the cut-off by more than `slack`

    def __init__(self, vectors: NDArray[np.floating]) -> None:
        self.X = np.column_stack([vectors, np.ones(len(vectors))]).astype(np.float64)
        self._across = torch.from_numpy(np.ascontiguousarray(self.X.T, dtype=np.float32))
        self._fits = [self._least_squares(pull) for pull in (_PULL, 0.0)]

    def solve(
        self,
        members: Sequence[NDArray[np.int64]],
        *,
        max_steps: int = 1000,
        progress: bool = True,
    ) -> Solved:
        """Solve one problem a document; `members` holds the rows that each lists.
        `max_steps` bounds each of the two kinds of steps. Unsolved sets have `wrong` above 0.
        """
        n = len(members)
        weights = np.zeros((n, self.X.shape[1]), dtype=np.float32)
        least = np.full(n, -np.inf, dtype=np.float32)
        steps = np.zeros(n, dtype=np.int64)
        with tqdm(total=n, unit="doc", leave=False, disable=None if progress else True) as bar:
            for fit in self._fits:
                rows = np.flatnonzero(least <= 0)
                bar.reset(total=len(rows))
                for place, w, low, used in self._alternate(fit, members, rows, max_steps):
                    steps[place] += used
                    weights[place], least[place] = w, low
                    bar.update(len(place))
        wrong, least = self.check(members, weights)
        return Solved(weights, wrong, least, steps)

    def check(
        self, members: Sequence[NDArray[np.int64]], weights: NDArray[np.floating]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return each document's number of wrong scores, and its least margin."""
        wrong = np.empty(len(members), dtype=np.int64)
        least = np.empty(len(members), dtype=np.float32)
        for first in range(0, len(members), _POOL):
            part = slice(first, min(first + _POOL, len(members)))
            scores = np.asarray(weights[part], dtype=np.float32) @ self._across.numpy()
            listed = torch.zeros(scores.shape, dtype=torch.bool)
            listed[_places(members[part])] = True
            sides = self.pool.sides(torch.from_numpy(scores), listed).numpy()
            wrong[part] = (sides <= self.slack).sum(axis=1)
            least[part] = sides.min(axis=1) - self.slack
        return wrong, least

    def _least_squares(self, pull: float) -> torch.Tensor:
        """Return the map, one for all documents, from scores to the weights that fit them best."""
        gram, d = self.X.T @ self.X, self.X.shape[1] - 1
        gram[np.arange(d), np.arange(d)] += pull * np.trace(gram[:d, :d]) / d
        return torch.from_numpy((self.X @ np.linalg.pinv(gram, hermitian=True)).astype(np.float32))

    def _alternate(
        self, fit: torch.Tensor, members, rows: NDArray[np.int64], max_steps: int
    ) -> Iterator[tuple[NDArray, NDArray, NDArray, NDArray]]:
        """Yield places of finished documents with weights, least distance and steps."""
        pool = self.pool(len(self.X), members, rows)
        while pool.fill():
            for _ in range(_LOOK):
                w = pool.state @ fit
                projected = w @ self._across
                pool.advance(projected)
            low = pool.least(projected)
            pool.used += _LOOK
            done = (low >= _ENOUGH) | (pool.used >= max_steps)
            if done.any():
                yield pool.place[done], w.numpy()[done], low[done] - self.slack, pool.used[done]
                pool.drop(done)
