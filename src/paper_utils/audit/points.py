"""Directions that can be read a block at a time: of a file, of a part of it, or of a null."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from paper_utils.audit.moments import Moments, grouped, merge_groups
from paper_utils.audit.readers import Vectors
from paper_utils.checks import unit_rows

#: Points that search where not all do, and in the nulls.
QUERIES, NULL_QUERIES = 5_000, 2_000

#: Unit vectors up to this size are kept in memory; larger sets are made anew for each block.
_ROOM = 512 * 2**20
_BLOCK = 8192

# Squared distance to the mean, in single precision, below which nothing is left after centring.
_COINCIDE = 1e-10


class Points:
    """Unit vectors in single precision, a block at a time.

    A subclass has `n`, the number of points, and `d`, the number of coordinates.
    """

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the points `start` to `stop`."""
        raise NotImplementedError

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


class InMemoryPoints(Points):
    """Points in memory."""

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self.rows = rows
        self.n, self.d = rows.shape

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the points `start` to `stop`."""
        return self.rows[start:stop]

    def take(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return some points, by number."""
        return self.rows[which]


@dataclass(frozen=True, eq=False)
class FilePoints(Points):
    """The directions of some rows of a file."""

    vectors: Vectors
    rows: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of points."""
        return len(self.rows)

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return self.vectors.shape[1]

    @cached_property
    def _whole(self) -> bool:
        return len(self.rows) == self.rows[-1] + 1  # ascending numbers from 0

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the points `start` to `stop`."""
        if self._whole:
            # Some thousands at a time: unit_rows works in double precision.
            found = np.empty((stop - start, self.d), dtype=np.float32)
            for at in range(start, stop, _BLOCK):
                part = self.vectors.block(at, min(at + _BLOCK, stop))
                found[at - start : at - start + len(part)] = unit_rows(part)
            return found
        rows = self.rows[start:stop]
        found = []
        # Rows to leave out are rare: read through them.
        for at in range(int(rows[0]), int(rows[-1]) + 1, _BLOCK):
            inside = rows[(rows >= at) & (rows < at + _BLOCK)]
            if len(inside):
                block = self.vectors.block(at, min(at + _BLOCK, int(rows[-1]) + 1))
                found.append(unit_rows(block[inside - at]).astype(np.float32))
        return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Centred(Points):
    """Points less a mean, at unit length again; those that coincide with the mean become zero."""

    points: Points
    mean: NDArray[np.float64]

    @property
    def n(self) -> int:
        """Number of points."""
        return self.points.n

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return self.points.d

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the points `start` to `stop`."""
        return self._centred(self.points.block(start, stop))

    def take(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return some points, by number."""
        return self._centred(self.points.take(which))

    def _centred(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return centred_rows(rows, self.mean)


def centred_rows(rows: NDArray[np.float32], mean: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return unit rows less a mean, at unit length again; zero where nothing is left."""
    found = np.empty(rows.shape, dtype=np.float32)
    for at in range(0, len(rows), _BLOCK):
        left = rows[at : at + _BLOCK].astype(np.float64) - mean
        squared = (left * left).sum(axis=1, keepdims=True)
        scale = np.where(squared > _COINCIDE, 1 / np.sqrt(np.maximum(squared, _COINCIDE)), 0.0)
        found[at : at + _BLOCK] = left * scale
    return found


@dataclass(frozen=True, eq=False)
class Gaussian(Points):
    """The null: directions of independent Gaussian vectors of the same mean and covariance."""

    n: int
    mean: NDArray[np.float64]
    root: NDArray[np.float32]
    seed: int

    @classmethod
    def like(cls, moments: Moments, n: int, seed: int) -> Gaussian:
        """Return `n` points with the mean and the covariance of `moments`."""
        values, vectors = np.linalg.eigh(moments.scatter / moments.n)
        root = np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T
        return cls(n, moments.mean, root.astype(np.float32), seed)

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return len(self.mean)

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the points `start` to `stop`."""
        parts = []
        for chunk in range(start // _BLOCK, -(-stop // _BLOCK)):
            stream = np.random.SeedSequence(self.seed, spawn_key=(0x67617573, chunk))
            size = min(_BLOCK, self.n - chunk * _BLOCK)
            z = np.random.default_rng(stream).standard_normal((size, self.d), dtype=np.float32)
            rows = z @ self.root + self.mean.astype(np.float32)
            low, high = max(start - chunk * _BLOCK, 0), min(stop - chunk * _BLOCK, size)
            parts.append(unit_rows(rows[low:high]).astype(np.float32))
        return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Shuffled(Points):
    """The null: each coordinate keeps its values and loses its rows.

    Where there are more points than `pool`, values are drawn from a pool of rows.
    """

    n: int
    pool: NDArray[np.float32]
    seed: int

    @classmethod
    def like(cls, points: Points, n: int, seed: int, most: int = 50_000) -> Shuffled:
        """Return `n` points whose coordinates are those of `points`, each shuffled by itself."""
        rng = np.random.default_rng([seed, 0x73687566])
        size = min(points.n, most)
        if size == points.n:
            pool = np.array(points.block(0, points.n))
        else:
            pool = points.take(np.sort(rng.choice(points.n, size, replace=False)))
        return cls(n, rng.permuted(pool, axis=0), seed)

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return self.pool.shape[1]

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the points `start` to `stop`."""
        if self.n <= len(self.pool):
            rows = self.pool[start:stop]
        else:
            parts = []
            for chunk in range(start // _BLOCK, -(-stop // _BLOCK)):
                stream = np.random.SeedSequence(self.seed, spawn_key=(0x706F6F6C, chunk))
                rng = np.random.default_rng(stream)
                size = min(_BLOCK, self.n - chunk * _BLOCK)
                place = rng.integers(0, len(self.pool), (size, self.d))
                low, high = max(start - chunk * _BLOCK, 0), min(stop - chunk * _BLOCK, size)
                parts.append(np.take_along_axis(self.pool, place[low:high], axis=0))
            rows = np.concatenate(parts)
        empty = ~rows.any(axis=1)
        if empty.any():  # very sparse vectors only
            rows = rows.copy()
            rows[empty, 0] = 1
        return unit_rows(rows).astype(np.float32)


def in_memory(points: Points) -> Points:
    """Return the same points in memory, where they fit into half a GiB."""
    if isinstance(points, InMemoryPoints) or points.n * points.d * 4 > _ROOM:
        return points
    starts = range(0, points.n, _BLOCK)
    rows = [points.block(start, min(start + _BLOCK, points.n)) for start in starts]
    return InMemoryPoints(np.concatenate(rows))


def moments_of(points: Points, groups: int) -> list[Moments]:
    """Return the moments of points, by number modulo `groups`."""
    total: list[Moments] | None = None
    for start in range(0, points.n, _BLOCK):
        block = points.block(start, min(start + _BLOCK, points.n)).astype(np.float64)
        total = merge_groups(total, grouped(block, np.arange(start, start + len(block)), groups))
    return total or []
