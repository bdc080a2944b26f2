"""Which row of one file is which row of another, and the directions of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.points import FilePoints, sample
from embedding_audit.cloud.scan import digests
from embedding_audit.given import Match
from embedding_audit.reading.vectors import Vectors
from paper_utils.errors import UsageError

MOST_ROWS = 20_000  #: rows that are compared; of more a sample, drawn by content

_FEWEST = 20
_BLOCK = 8192


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Pairs:
    """The rows that both files have and can use, in the order of their content."""

    first: NDArray[np.int64]  # row numbers
    second: NDArray[np.int64]
    match: Match
    only_first: int  # rows without a partner
    only_second: int
    unusable: int  # pairs left out: NaN, infinite or zero on either side

    def __len__(self) -> int:
        return len(self.first)


def pair_rows(one: Vectors, other: Vectors) -> Pairs:
    """Match rows by id where both files have ids, else by position where the counts agree.
    The nth row of a repeated id goes with the nth of the other file. UsageError: no rows in common.
    """
    if one.ids is None or other.ids is None:
        first, by = _by_position(one, other), "position"
        second = first
    else:
        first, second = _by_id(one.ids, other.ids)
        by = f"id `{other.id_name}`" if other.id_name else "id"
        if not len(first):
            raise UsageError(
                f"{one.name} and {other.name} have no id in common: such as {one.ids[0]!r:.60} and "
                f"{other.ids[0]!r:.60}; --id-column names the column"
            )
    good = _usable(one)[first] & _usable(other)[second]
    match = Match(f"rows of {other.name}", by, len(first), other.shape[0])
    unpaired = one.shape[0] - len(first), other.shape[0] - len(first)
    unusable = int((~good).sum())
    first, second = first[good], second[good]
    if len(first) < _FEWEST:
        raise UsageError(
            f"{one.name} and {other.name} have {len(first)} usable rows in common: at least "
            f"{_FEWEST} are needed"
        )
    order = _by_content(one, other, first, second)
    return Pairs(first[order], second[order], match, *unpaired, unusable)


def drawn(pairs: Pairs, most: int, seed: int) -> NDArray[np.int64]:
    """Return the places of at most `most` pairs, whatever the order of the files."""
    return sample(len(pairs), most, seed)


def unit_rows_of(vectors: Vectors, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the directions of some usable rows, in the order asked for."""
    there, place = np.unique(rows, return_inverse=True)
    return FilePoints(vectors, there).take(np.arange(len(there)))[place]


def _by_position(one: Vectors, other: Vectors) -> NDArray[np.int64]:
    n, m = one.shape[0], other.shape[0]
    if n != m:
        lacking = [side.name for side in (one, other) if side.ids is None]
        raise UsageError(
            f"{one.name} has {n:,} rows and {other.name} {m:,}: without ids in both "
            f"({' and '.join(lacking)} have none) they cannot be matched"
        )
    return np.arange(n)


def _by_id(one: Sequence[str], other: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    place = {key: row for row, key in enumerate(_numbered(other))}
    pairs = [(row, place[key]) for row, key in enumerate(_numbered(one)) if key in place]
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return first, second


def _numbered(ids: Sequence[str]) -> list[tuple[str, int]]:
    """Each id with how often it was there before."""
    seen: Counter[str] = Counter()
    found = []
    for one in ids:
        found.append((one, seen[one]))
        seen[one] += 1
    return found


def _usable(vectors: Vectors) -> NDArray[np.bool_]:
    n = vectors.shape[0]
    good = np.empty(n, dtype=bool)
    for start in range(0, n, _BLOCK):
        block = vectors.block(start, min(start + _BLOCK, n))
        good[start : start + len(block)] = np.isfinite(block).all(axis=1) & block.any(axis=1)
    return good


def _by_content(
    one: Vectors, other: Vectors, first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The order of the pairs by checksums of both rows."""
    keys = []
    for vectors, rows in ((one, first), (other, second)):
        there, place = np.unique(rows, return_inverse=True)
        blocks = FilePoints(vectors, there).blocks()
        keys.append(np.concatenate([digests(block) for _, block in blocks])[place])
    return np.lexsort(np.concatenate(keys, axis=1).T)
