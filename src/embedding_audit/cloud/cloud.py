"""The usable rows of a file in order of content, as an audit compares them, and their nulls."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.moments import Moments, merged, moments_of, number_of_groups
from embedding_audit.cloud.nulls import Gaussian, Shuffled
from embedding_audit.cloud.points import (
    ROOM,
    FilePoints,
    InMemoryPoints,
    Points,
    Scaled,
    in_memory,
)
from embedding_audit.cloud.scan import Scan, named_rows
from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError

if TYPE_CHECKING:
    from embedding_audit.reading.vectors import Vectors


NULL_ROWS = 50_000  #: rows of a null of which only moments are taken


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Cloud:
    """The usable rows of a file, scanned.

    Points in memory are numbered by content; those that stay in the file by its order.
    """

    scan: Scan
    metric: str
    rows: Points  # direction of every usable row
    directions: Points  # one row of each direction
    documents: Points  # every usable row as the metric compares it
    distinct: Points  # of those, one of each that are equal
    point_of_row: NDArray[np.int64]  # (rows.n,), number of its point in `distinct`
    groups: list[Moments]  # of `rows`, dealt by place
    k: int  # neighbours
    exact_up_to: int  # points up to which all of them are queries
    seed: int  # of every sample
    _nulls: dict[int, dict[str, Points]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        vectors: Vectors,
        scan: Scan,
        metric: str,
        k: int,
        exact_up_to: int,
        seed: int,
        where: Workers | None = None,
    ) -> Cloud:
        """Return the cloud of a scanned file."""
        norms = (scan.norms / scale_of(scan)).astype(np.float32)
        alike = scan.direction
        if metric != "cosine":  # equal rows are of one direction and of one length
            new = (np.diff(alike) != 0) | (np.diff(norms) != 0)
            alike = np.concatenate([[0], np.cumsum(new)])
        rows = _points(vectors, scan)
        directions = distinct = _some(vectors, scan, rows, scan.direction)
        documents = rows
        if metric != "cosine":
            documents = in_memory(Scaled(rows, norms[rows.places(0, rows.n)]))
            distinct = documents
            if alike[-1] + 1 < rows.n:
                unique = _some(vectors, scan, rows, alike)
                own = norms[_first_of_each(alike)][unique.places(0, unique.n)]
                distinct = in_memory(Scaled(unique, own))
        point_of_row = alike[rows.places(0, rows.n)]
        if distinct.place is not None:  # from the place to the number
            point_of_row = np.argsort(distinct.place)[point_of_row]
        groups = moments_of(rows, number_of_groups(scan.d), where)
        parts = (scan, metric, rows, directions, documents, distinct, point_of_row, groups)
        return cls(*parts, min(k, directions.n - 1), exact_up_to, seed)

    @cached_property
    def moments(self) -> Moments:
        """Moments of all usable rows."""
        return merged(self.groups)

    @cached_property
    def norms(self) -> NDArray[np.float32]:
        """Lengths of the rows as stored, in the one scale."""
        norms = (self.scan.norms / scale_of(self.scan)).astype(np.float32)
        return norms[self.rows.places(0, self.rows.n)]

    @cached_property
    def number_of_row(self) -> NDArray[np.int64]:
        """Number of each row of the file in `rows`; -1: it cannot be used."""
        number = np.full(self.scan.n_rows, -1)
        number[self.rows.row] = np.arange(self.rows.n)
        return number

    def compared(self, vectors: Vectors) -> tuple[NDArray[np.float32], NDArray[np.int64], str]:
        """Return queries as the metric compares them, the rows that they have in their file, and a
        note on those that cannot be used. UsageError: none can.
        """
        block = vectors.block(0, vectors.shape[0])
        good = np.isfinite(block).all(axis=1) & block.any(axis=1)
        if not good.any():
            raise UsageError(f"{vectors.name} has no usable row (not NaN, infinite or zero)")
        bad, note = np.flatnonzero(~good), ""
        if len(bad):
            note = (
                f"queries with NaN, infinite values or zeros left out: {len(bad):,} of "
                f"{len(good):,} (from 0: {named_rows(bad)})"
            )
        kept = block[good]
        rows = unit_rows(kept) if self.metric == "cosine" else kept / scale_of(self.scan)
        return rows.astype(np.float32), np.flatnonzero(good), note

    def nulls(self, n: int, *, directions: bool = True) -> dict[str, Points]:
        """Return a Gaussian and a shuffled cloud of `n` points; fewer are the first of more.
        Without `directions` they have the rows' lengths, shuffled, where the metric sees lengths.
        """
        if n not in self._nulls:
            shuffled = in_memory(Shuffled(n, self._pool, self.seed))
            self._nulls[n] = {"gaussian": self._gaussian_of(n), "shuffled": shuffled}
        found = self._nulls[n]
        if directions or self.metric == "cosine":
            return found
        rng = np.random.default_rng([self.seed, 0x6E6F726D])
        norms = rng.permutation(np.sort(self.norms))[:n]
        return {name: Scaled(null, norms) for name, null in found.items()}

    @cached_property
    def null_moments(self) -> dict[str, Moments]:
        """Moments of at most `NULL_ROWS` points of both nulls."""
        nulls = self.nulls(min(self.rows.n, NULL_ROWS))
        return {name: merged(moments_of(points, 1)) for name, points in nulls.items()}

    def _gaussian_of(self, n: int) -> Points:
        whole = self._gaussian
        if isinstance(whole, InMemoryPoints):
            return InMemoryPoints(whole.rows[:n])
        return in_memory(replace(whole, n=n))

    @cached_property
    def _gaussian(self) -> InMemoryPoints | Gaussian:
        return in_memory(Gaussian.like(self.moments, self.rows.n, self.seed))

    @cached_property
    def _pool(self) -> NDArray[np.float32]:
        return Shuffled.like(self.rows, self.rows.n, self.seed).pool


def scale_of(scan: Scan) -> float:
    """Return what stored vectors are divided by: a power of two, which loses no digit, by which the
    longest has length 1 to 2.
    """
    return 2.0 ** math.floor(math.log2(scan.norms.max()))


def _points(vectors: Vectors, scan: Scan, which: NDArray[np.int64] | None = None) -> Points:
    """The directions of all usable rows, or of those at some places, in memory where they fit."""
    row = scan.rows if which is None else scan.rows[which]
    order = np.argsort(row)
    stored = FilePoints(vectors, row[order], order)
    if stored.n * stored.d * 4 > ROOM:
        return stored
    rows = np.empty((stored.n, stored.d), dtype=np.float32)
    for start, block in stored.blocks():
        rows[order[start : start + len(block)]] = block
    return InMemoryPoints(rows, row)


def _some(vectors: Vectors, scan: Scan, rows: Points, alike: NDArray[np.int64]) -> Points:
    """The first row of each group of those that are alike; `rows` where none are."""
    if alike[-1] + 1 == rows.n:
        return rows
    first = _first_of_each(alike)
    if isinstance(rows, InMemoryPoints):
        return InMemoryPoints(rows.rows[first], rows.row[first])
    return _points(vectors, scan, first)


def _first_of_each(alike: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(alike, np.arange(alike[-1] + 1))
