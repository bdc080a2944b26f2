"""Directions that can be read a block at a time: of a file, of a part of it, or of a null."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.moments import Moments, grouped, merge_groups
from embedding_audit.readers import Vectors
from paper_utils.checks import unit_rows

QUERIES, NULL_QUERIES = 5_000, 2_000  #: points that are queries where not all are, and in the nulls

#: Unit vectors up to this size are kept in memory; larger sets are made anew for each block.
_ROOM = 512 * 2**20
_BLOCK = 8192

# Squared distance to the mean, in single precision, below which nothing is left after centring.
_COINCIDE = 1e-10


class Points:
    """Unit vectors in single precision, a block at a time; a subclass has their number n and d."""

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the points `start` to `stop`."""
        raise NotImplementedError

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


class InMemoryPoints(Points):
    """Points in memory."""

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self.rows = rows
        self.n, self.d = rows.shape

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        return self.rows[start:stop]

    def take(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.rows[which]


class FilePoints(Points):
    """The directions of some rows of a file."""

    def __init__(self, vectors: Vectors, rows: NDArray[np.int64]) -> None:
        self.vectors, self.rows = vectors, rows
        self.n, self.d = len(rows), vectors.shape[1]

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        rows = self.rows[start:stop]
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


class Centred(Points):
    """Points less a mean, at unit length again; those that coincide with the mean become zero."""

    def __init__(self, points: Points, mean: NDArray[np.float64]) -> None:
        self.points, self.mean = points, mean
        self.n, self.d = points.n, points.d

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        return centred_rows(self.points.block(start, stop), self.mean)

    def take(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        return centred_rows(self.points.take(which), self.mean)


def centred_rows(rows: NDArray[np.float32], mean: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return unit rows less a mean, at unit length again; zero where nothing is left."""
    found = np.empty(rows.shape, dtype=np.float32)
    for at in range(0, len(rows), _BLOCK):
        left = rows[at : at + _BLOCK].astype(np.float64) - mean
        squared = (left * left).sum(axis=1, keepdims=True)
        scale = np.where(squared > _COINCIDE, 1 / np.sqrt(np.maximum(squared, _COINCIDE)), 0.0)
        found[at : at + _BLOCK] = left * scale
    return found


class _Drawn(Points):
    """Points of a null, drawn anew for each block: chunk by chunk from streams of their own."""

    def _chunks(
        self, start: int, stop: int, key: int
    ) -> Iterator[tuple[np.random.Generator, int, slice]]:
        """Yield for each chunk its generator, its size, and the part between start and stop."""
        for chunk in range(start // _BLOCK, -(-stop // _BLOCK)):
            stream = np.random.SeedSequence(self.seed, spawn_key=(key, chunk))
            first, size = chunk * _BLOCK, min(_BLOCK, self.n - chunk * _BLOCK)
            inside = slice(max(start - first, 0), min(stop - first, size))
            yield np.random.default_rng(stream), size, inside


@dataclass(frozen=True, eq=False)
class Gaussian(_Drawn):
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
        return len(self.mean)

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        parts = []
        for rng, size, inside in self._chunks(start, stop, 0x67617573):
            z = rng.standard_normal((size, self.d), dtype=np.float32)
            rows = z @ self.root + self.mean.astype(np.float32)
            parts.append(unit_rows(rows[inside]).astype(np.float32))
        return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Shuffled(_Drawn):
    """The null: each coordinate keeps its values and loses its rows; more are drawn from `pool`."""

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
        return self.pool.shape[1]

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        if self.n <= len(self.pool):
            rows = self.pool[start:stop]
        else:
            parts = []
            for rng, size, inside in self._chunks(start, stop, 0x706F6F6C):
                place = rng.integers(0, len(self.pool), (size, self.d))[inside]
                parts.append(np.take_along_axis(self.pool, place, axis=0))
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
    return InMemoryPoints(np.concatenate([block for _, block in points.blocks()]))


def moments_of(points: Points, groups: int) -> list[Moments]:
    """Return the moments of points, by number modulo `groups`."""
    total: list[Moments] | None = None
    for start, block in points.blocks():
        rows = np.arange(start, start + len(block))
        total = merge_groups(total, grouped(block.astype(np.float64), rows, groups))
    return total or []
