"""Clouds without the effect that is measured: Gaussian of the same moments, and shuffled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.moments import Moments
from embedding_audit.cloud.points import Points
from paper_utils.checks import unit_rows

_BLOCK = 8192


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
        values, vectors = moments.axes
        root = np.sqrt(values)[:, None] * vectors.T
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
        some = points.sample(most, seed)
        if points.place is not None:
            some = some[np.argsort(points.place[some])]
        columns = np.ascontiguousarray(points.take(some).T)
        rng.permuted(columns, axis=1, out=columns)
        return cls(n, np.ascontiguousarray(columns.T), seed)

    @property
    def d(self) -> int:
        return self.pool.shape[1]

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        if self.n <= len(self.pool):
            return _directions(self.pool[start:stop])
        parts = []
        for rng, size, inside in self._chunks(start, stop, 0x706F6F6C):
            place = rng.integers(0, len(self.pool), (size, self.d))[inside]
            parts.append(_directions(np.take_along_axis(self.pool, place, axis=0)))
        return np.concatenate(parts)


def _directions(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows at unit length; one of zeros, which only very sparse vectors have, gets a direction."""
    empty = ~rows.any(axis=1)
    if empty.any():
        rows = rows.copy()
        rows[empty, 0] = 1
    return unit_rows(rows).astype(np.float32)
