"""The queries that can be scored, in the order of their content, and what is relevant to them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from embedding_audit.given import Inputs
from paper_utils.checks import unit_rows

MOST_QUERIES = 1000  #: judged queries that are scored; of more a sample, drawn by content


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Judged:
    """Queries with judgements and a usable vector; whatever order they came in."""

    rows: NDArray[np.int64]  # their row numbers
    vectors: NDArray[np.floating]  # as stored, (n_queries, d)
    #: positive grades, (n_queries, n_columns); a column is a row or a document of the index, the
    #: last ones are judged documents that are not in it
    gains: sparse.csr_array
    own: NDArray[np.int64]  # column that a query is and must not find; -1: none
    relevant_from: float  # least grade that is relevant

    @property
    def n(self) -> int:
        """Number of queries."""
        return len(self.rows)

    @property
    def fold(self) -> NDArray[np.int64]:
        """The half, 0 or 1, that each query belongs to: at random, by content."""
        return np.arange(self.n) % 2

    @property
    def relevant(self) -> sparse.csr_array:
        """The relevant pairs, (n_queries, n_columns)."""
        found = self.gains.copy()
        found.data = np.where(found.data >= self.relevant_from, found.data, 0.0)
        found.eliminate_zeros()
        return found


def judged_queries(inputs: Inputs, seed: int) -> tuple[Judged | None, list[str]]:
    """Return the queries that can be scored (None: there are none), and notes with their counts."""
    given, queries = inputs.judgements, inputs.queries
    if given is None or queries is None:
        return None, []
    notes = []
    rows = np.flatnonzero(given.judged)
    stored = queries.block(0, queries.shape[0])[rows]
    usable = np.isfinite(stored).all(axis=1) & stored.any(axis=1)
    if not usable.all():
        notes.append(
            f"judged queries with NaN, infinite values or zeros left out: "
            f"{int((~usable).sum()):,} of {len(rows):,}"
        )
    rows, stored = rows[usable], stored[usable]
    if not len(rows):
        return None, [*notes, "no judged query has a vector that can be used"]
    keys = digests(unit_rows(stored).astype(np.float32), seed)
    names = rows.astype(str) if queries.ids is None else np.array(queries.ids)[rows]
    order = sorted(range(len(rows)), key=lambda i: (keys[i], names[i]))[:MOST_QUERIES]
    if len(order) < len(rows):
        notes.append(f"judged queries sampled by content: {len(order):,} of {len(rows):,}")
    rows, stored = rows[order], stored[order]
    own = np.full(len(rows), -1) if inputs.own is None else inputs.own[rows]
    gains = sparse.csr_array(sparse.hstack([given.gains[rows], given.lost[rows]], format="csr"))
    gains.sort_indices()
    found = Judged(rows, stored, gains, own, float(given.relevant_from))
    return found, notes + _own_notes(found)


def _own_notes(judged: Judged) -> list[str]:
    rows = np.repeat(np.arange(judged.n), np.diff(judged.gains.indptr))
    itself = int((judged.gains.indices == judged.own[rows]).sum())
    if not itself:
        return []
    return [
        f"queries that are judged relevant to themselves and cannot find themselves: {itself:,}"
    ]


def digests(rows: NDArray[np.float32], seed: int) -> list[bytes]:
    """Return for each row a checksum that another seed orders differently; equal rows, equal."""
    key = int(seed).to_bytes(8, "little")
    clean = np.ascontiguousarray(rows + np.float32(0))  # -0.0, whose bits differ, becomes 0.0
    return [hashlib.blake2b(row, digest_size=16, key=key).digest() for row in clean]
