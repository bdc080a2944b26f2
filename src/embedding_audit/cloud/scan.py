"""The first pass over a file: which rows can be used, their lengths, equals and ranges.

Rows are brought into an order of their own, by a checksum of the direction: whatever is drawn,
summed or broken by that order is the same for any order of the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.cluster import Workers
from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError

if TYPE_CHECKING:
    from embedding_audit.reading.vectors import Vectors

BLOCK = 8192  #: rows read at a time

FEWEST_ROWS = 20  #: usable rows below which no audit is made

MOST_EQUAL = 20_000  #: equal rows that are looked at again in double precision

#: Largest difference between coordinates of two unit vectors in double precision that are one.
_SAME = 1e-12


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Scan:
    """What one pass finds out about all rows; `n_used` of them can be used, in order of content."""

    n_rows: int
    d: int
    nan: NDArray[np.int64]  # row numbers, from 0
    infinite: NDArray[np.int64]  # with no NaN
    zero: NDArray[np.int64]
    rows: NDArray[np.int64]  # (n_used,), row numbers in order of content
    norms: NDArray[np.float64]  # (n_used,), as stored; rising among equal directions
    direction: NDArray[np.int64]  # (n_used,), number of the direction, rising from 0
    low: NDArray[np.float32]  # least of each coordinate of the directions
    high: NDArray[np.float32]  # greatest of each
    stored: tuple[NDArray[np.float64], NDArray[np.float64]]  # both as stored

    @property
    def n_directions(self) -> int:
        """Number of different directions."""
        return int(self.direction[-1]) + 1

    @property
    def used(self) -> NDArray[np.int64]:
        """Row numbers that can be used, ascending."""
        return np.sort(self.rows)


def scan(vectors: Vectors, where: Workers | None = None) -> Scan:
    """Look at every row once; those without a direction are named and left out of everything else.
    UsageError: one column, fewer than `FEWEST_ROWS` usable rows, or all of one direction.
    """
    n, d = vectors.shape
    if d < 2:
        raise UsageError(f"{vectors.name} has {d} column: a direction needs at least 2")
    tasks = [(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]
    parts = list((where or Workers()).map(_scanned, vectors, tasks, "reading"))

    def joined(name: str) -> NDArray:
        return np.concatenate([part[name] for part in parts])

    used, norms, digests = (joined(name) for name in ("used", "norms", "digests"))
    if len(used) < FEWEST_ROWS:
        raise UsageError(
            f"{vectors.name} has {len(used)} usable rows of {n} (not NaN, infinite or zero): at "
            f"least {FEWEST_ROWS} are needed"
        )
    order = np.lexsort((norms, digests[:, 1], digests[:, 0]))
    digests = digests[order]
    new = np.concatenate([[False], (digests[1:] != digests[:-1]).any(axis=1)])
    if not new.any():
        raise UsageError(
            f"{vectors.name}: all {len(used)} usable rows have the same direction, in single "
            "precision"
        )
    low, high, *stored = (f([part[name] for part in parts], axis=0) for name, f in _ENDS.items())
    return Scan(
        n_rows=n,
        d=d,
        **{name: joined(name) for name in ("nan", "infinite", "zero")},
        rows=used[order],
        norms=norms[order],
        direction=np.cumsum(new),
        low=low.astype(np.float32),
        high=high.astype(np.float32),
        stored=tuple(stored),
    )


_ENDS = {"low": np.min, "high": np.max, "stored_low": np.min, "stored_high": np.max}


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
    with np.errstate(over="ignore"):
        largest = np.abs(block).max(axis=1, initial=0.0)
        scaled = block / np.maximum(largest, np.finfo(float).tiny)[:, None]
        norms = largest * np.linalg.norm(scaled, axis=1)
    unit = unit_rows(block) if len(block) else block
    single = unit.astype(np.float32) + np.float32(0)  # -0.0, whose bits differ, becomes 0.0
    ends = {"": single, "stored_": block}
    found = {f"{name}low": A.min(axis=0, initial=np.inf) for name, A in ends.items()}
    found |= {f"{name}high": A.max(axis=0, initial=-np.inf) for name, A in ends.items()}
    return found | dict(
        nan=rows[nan],
        infinite=rows[infinite],
        zero=rows[zero],
        norms=norms,
        used=rows[good],
        digests=digests(single),
    )


def digests(rows: NDArray[np.float32]) -> NDArray[np.uint64]:
    """A checksum of 16 bytes for each row, as two numbers: equal rows, equal checksums."""
    data = [hashlib.blake2b(row, digest_size=16).digest() for row in np.ascontiguousarray(rows)]
    return np.frombuffer(b"".join(data), dtype="<u8").reshape(-1, 2)


def merged_by_rounding(vectors: Vectors, found: Scan) -> tuple[int, int]:
    """Return how many rows differ in double precision from one that single precision takes for
    their equal, and how many equal rows were looked at (at most `MOST_EQUAL`).
    """
    first = np.searchsorted(found.direction, np.arange(found.n_directions))
    again = np.setdiff1d(np.arange(len(found.rows)), first)[:MOST_EQUAL]
    if not len(again):
        return 0, 0
    pairs = found.rows[again], found.rows[first[found.direction[again]]]
    needed = np.unique(np.concatenate(pairs))
    exact = np.empty((len(needed), found.d))
    for start in range(0, found.n_rows, BLOCK):
        low, high = np.searchsorted(needed, [start, start + BLOCK])
        if low < high:
            block = vectors.block(start, min(start + BLOCK, found.n_rows))
            exact[low:high] = unit_rows(block[needed[low:high] - start])
    one, other = (exact[np.searchsorted(needed, rows)] for rows in pairs)
    return int((np.abs(one - other).max(axis=1) > _SAME).sum()), len(again)


def longest_copy(found: Scan) -> tuple[int, int, int]:
    """Return the length of the longest block of rows that an earlier block equals row by row, and
    the first rows of the later and of the earlier one. Blocks are those of the file's own order,
    and half of the rows of a block must differ: a run of one row is no copy.
    """
    order = np.argsort(found.rows)
    rows, direction = found.rows[order], found.direction[order]
    last = np.argsort(direction, kind="stable")
    before = np.full(len(rows), -1)  # the row before of the same direction
    same = direction[last[1:]] == direction[last[:-1]]
    before[last[1:][same]] = last[:-1][same]
    step = np.where(before >= 0, np.arange(len(rows)) - before, 0)
    cuts = np.flatnonzero(np.diff(step, prepend=-1, append=-1))
    lengths = np.where(step[cuts[:-1]] > 0, np.diff(cuts), 0)
    for at in np.argsort(-lengths, kind="stable"):
        start, length = cuts[at], int(lengths[at])
        if length < 2:
            break
        if 2 * len(np.unique(direction[start : start + length])) >= length:
            return length, int(rows[start]), int(rows[before[start]])
    return 0, 0, 0


def named_rows(rows: Sequence[int], most: int = 5) -> str:
    """Return the first few row numbers as text.

    >>> named_rows([3, 5, 8], most=2)
    '3, 5, …'
    """
    some = ", ".join(str(int(row)) for row in rows[:most])
    return some + (", …" if len(rows) > most else "")
