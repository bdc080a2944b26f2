"""The first pass over a file: which rows can be used, their lengths, equals and moments."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.moments import Moments, grouped, merge_groups, number_of_groups
from embedding_audit.readers import Vectors
from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError

BLOCK = 8192  #: rows read at a time

FEWEST_ROWS = 20  #: usable rows below which no audit is made


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Scan:
    """What one pass finds out about all rows."""

    n_rows: int
    d: int
    nan: NDArray[np.int64]  # row numbers, from 0
    infinite: NDArray[np.int64]  # with no NaN
    zero: NDArray[np.int64]
    norms: NDArray[np.float64]  # (n_used,), as stored
    used: NDArray[np.int64]  # row numbers
    point_of_row: NDArray[np.int64]  # (n_used,), group of equal directions by first occurrence
    first: NDArray[np.int64]  # place in `used` of the first row of each group
    groups: list[Moments]  # of directions, by row number modulo the number of groups
    low: NDArray[np.float32]  # least of each coordinate of the directions
    high: NDArray[np.float32]  # greatest of each


def scan(vectors: Vectors, where: Workers | None = None) -> Scan:
    """Look at every row once; those without a direction are named and left out of everything else.
    UsageError: fewer than `FEWEST_ROWS` usable rows, or all of one direction.
    """
    n, d = vectors.shape
    tasks = [(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]
    parts: list[dict[str, Any]] = []
    groups: list[Moments] | None = None
    for part in (where or Workers()).map(_scanned, vectors, tasks, "reading"):
        groups = merge_groups(groups, part.pop("groups"))  # 24 MiB a part
        parts.append(part)

    def joined(name: str) -> NDArray:
        return np.concatenate([part[name] for part in parts])

    used = joined("used")
    if len(used) < FEWEST_ROWS:
        raise UsageError(
            f"{vectors.name} has {len(used)} usable rows of {n} (not NaN, infinite or zero): at "
            f"least {FEWEST_ROWS} are needed"
        )
    first, point_of_row = _equal(joined("digests"))
    if len(first) < 2:
        raise UsageError(f"{vectors.name}: all {len(used)} usable rows have the same direction")
    return Scan(
        n_rows=n,
        d=d,
        **{name: joined(name) for name in ("nan", "infinite", "zero", "norms")},
        used=used,
        point_of_row=point_of_row,
        first=first,
        groups=groups or [],
        low=np.min([part["low"] for part in parts], axis=0),
        high=np.max([part["high"] for part in parts], axis=0),
    )


def _scanned(vectors: Vectors, task: tuple[int, int]) -> dict[str, Any]:
    """What one pass finds out about some rows; `digests` stand for the directions."""
    start, stop = task
    block = vectors.block(start, stop)
    rows = np.arange(start, stop)
    nan = np.isnan(block).any(axis=1)
    infinite = ~np.isfinite(block).all(axis=1) & ~nan
    zero = ~block.any(axis=1)
    good = ~(nan | infinite | zero)
    block = block[good].astype(np.float64)
    d = vectors.shape[1]
    with np.errstate(over="ignore"):
        largest = np.abs(block).max(axis=1, initial=0.0)
        scaled = block / np.maximum(largest, np.finfo(float).tiny)[:, None]
        norms = largest * np.linalg.norm(scaled, axis=1)
    unit = unit_rows(block) if len(block) else block
    single = unit.astype(np.float32) + np.float32(0)  # -0.0, whose bits differ, becomes 0.0
    return dict(
        nan=rows[nan],
        infinite=rows[infinite],
        zero=rows[zero],
        norms=norms,
        used=rows[good],
        digests=_digests(single),
        groups=grouped(unit, rows[good], number_of_groups(d)),
        low=single.min(axis=0, initial=np.float32(1)),
        high=single.max(axis=0, initial=np.float32(-1)),
    )


def _digests(rows: NDArray[np.float32]) -> NDArray[np.void]:
    """A checksum of 16 bytes for each row: equal rows, equal checksums."""
    data = [hashlib.blake2b(row, digest_size=16).digest() for row in np.ascontiguousarray(rows)]
    return np.frombuffer(b"".join(data), dtype="V16")


def _equal(digests: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of each group of equal ones, ascending, and the group of each row."""
    _, first, group = np.unique(digests, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return first[order], place[group.ravel()]


def named_rows(rows: Sequence[int], most: int = 5) -> str:
    """Return the first few row numbers as text.

    >>> named_rows([3, 5, 8], most=2)
    '3, 5, …'
    """
    some = ", ".join(str(int(row)) for row in rows[:most])
    return some + (", …" if len(rows) > most else "")
