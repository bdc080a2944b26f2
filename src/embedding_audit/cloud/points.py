"""Points that can be read a block at a time: directions of a file, or its rows as stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paper_utils.checks import unit_rows

if TYPE_CHECKING:
    from embedding_audit.reading.vectors import Vectors

QUERIES, NULL_QUERIES = 5_000, 2_000  #: points that are queries where not all are, and in the nulls

#: Points up to this size are kept in memory; larger sets are made anew for each block.
ROOM = 512 * 2**20
_BLOCK = 8192

# Squared distance to the mean, in single precision, below which nothing is left after centring.
_COINCIDE = 1e-10


class Points:
    """Vectors in single precision, a block at a time; a subclass has their number n and width d.
    `place` says where each stands by content, whatever the order of the file: samples and groups
    are drawn by it. `row` is its row in the file.
    """

    n: int
    d: int
    place: NDArray[np.int64] | None = None  # None: as numbered
    row: NDArray[np.int64] | None = None  # None: no row of a file

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the points `start` to `stop`."""
        raise NotImplementedError

    def places(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the places of the points `start` to `stop`."""
        return np.arange(start, stop) if self.place is None else self.place[start:stop]

    def blocks(self, size: int = _BLOCK) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield all points, `size` at a time, with the number of the first."""
        for start in range(0, self.n, size):
            yield start, self.block(start, min(start + size, self.n))

    def take(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return some points, by number."""
        order = np.argsort(which, kind="stable")
        found = np.empty((len(which), self.d), dtype=np.float32)
        for start in range(0, self.n, _BLOCK):
            low, high = np.searchsorted(which[order], [start, start + _BLOCK])
            if low < high:
                block = self.block(start, min(start + _BLOCK, self.n))
                found[order[low:high]] = block[which[order[low:high]] - start]
        return found

    def sample(self, most: int, seed: int) -> NDArray[np.int64]:
        """Return the numbers, ascending, of at most `most` points, the same in any order."""
        some = sample(self.n, most, seed)
        if self.place is None or len(some) == self.n:
            return some
        chosen = np.zeros(self.n, dtype=bool)
        chosen[some] = True
        return np.flatnonzero(chosen[self.place])


def sample(n: int, most: int, seed: int) -> NDArray[np.int64]:
    """Return at most `most` of the numbers 0 to n - 1, drawn without replacement, ascending."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, n]).choice(n, most, replace=False))


class InMemoryPoints(Points):
    """Points in memory."""

    def __init__(
        self,
        rows: NDArray[np.float32],
        row: NDArray[np.int64] | None = None,
        place: NDArray[np.int64] | None = None,
    ) -> None:
        self.rows, self.row, self.place = rows, row, place
        self.n, self.d = rows.shape

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        return self.rows[start:stop]

    def take(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.rows[which]


class FilePoints(Points):
    """The directions of some rows of a file, ascending."""

    def __init__(
        self, vectors: Vectors, row: NDArray[np.int64], place: NDArray[np.int64] | None = None
    ) -> None:
        self.vectors, self.row, self.place = vectors, row, place
        self.n, self.d = len(row), vectors.shape[1]

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        rows = self.row[start:stop]
        found = np.empty((len(rows), self.d), dtype=np.float32)
        end = int(rows[-1]) + 1
        # Some thousands at a time: unit_rows works in double precision. Rows to leave out are rare.
        for at in range(int(rows[0]), end, _BLOCK):
            low, high = np.searchsorted(rows, [at, at + _BLOCK])
            if low < high:
                block = self.vectors.block(at, min(at + _BLOCK, end))
                block = block if len(block) == high - low else block[rows[low:high] - at]
                found[low:high] = unit_rows(block)
        return found


class Scaled(Points):
    """Directions at the lengths that they are stored with, all in one scale."""

    def __init__(self, points: Points, norms: NDArray[np.float32]) -> None:
        self.points, self.norms = points, norms
        self.n, self.d, self.place, self.row = points.n, points.d, points.place, points.row

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        return self.points.block(start, stop) * self.norms[start:stop, None]

    def take(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.points.take(which) * self.norms[which, None]


class Centred(Points):
    """Points less a mean, at unit length again; those that coincide with the mean become zero."""

    def __init__(self, points: Points, mean: NDArray[np.float64]) -> None:
        self.points, self.mean = points, mean
        self.n, self.d, self.place, self.row = points.n, points.d, points.place, points.row

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        return centred_rows(self.points.block(start, stop), self.mean)

    def take(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        return centred_rows(self.points.take(which), self.mean)


class Moved(Points):
    """Points less a mean, at the length that this leaves them."""

    def __init__(self, points: Points, mean: NDArray[np.float64]) -> None:
        self.points, self.mean = points, mean.astype(np.float32)
        self.n, self.d, self.place, self.row = points.n, points.d, points.place, points.row

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        return self.points.block(start, stop) - self.mean

    def take(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.points.take(which) - self.mean


def centred_rows(rows: NDArray[np.float32], mean: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return unit rows less a mean, at unit length again; zero where nothing is left."""
    found = np.empty(rows.shape, dtype=np.float32)
    for at in range(0, len(rows), _BLOCK):
        left = rows[at : at + _BLOCK].astype(np.float64) - mean
        squared = np.einsum("ij,ij->i", left, left)[:, None]
        scale = np.where(squared > _COINCIDE, 1 / np.sqrt(np.maximum(squared, _COINCIDE)), 0.0)
        found[at : at + _BLOCK] = left * scale
    return found


def in_memory(points: Points) -> Points:
    """Return the same points in memory, where they fit into half a GiB."""
    if isinstance(points, InMemoryPoints) or points.n * points.d * 4 > ROOM:
        return points
    rows = np.empty((points.n, points.d), dtype=np.float32)
    for start, block in points.blocks():
        rows[start : start + len(block)] = block
    return InMemoryPoints(rows, points.row, points.place)
