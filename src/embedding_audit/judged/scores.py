"""Scores of documents for queries under a metric, and where the relevant ones stand by them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from embedding_audit.cloud.products import products
from embedding_audit.reading import Vectors
from paper_utils.checks import unit_rows
from paper_utils.search.ranks import RelevantRanks, ranks_from_scores

BLOCK = 8192  #: rows read at a time

_CELLS = 1 << 24  # scores held at once
_NEVER = 1 << 40  # documents before one that is never found
_MOST_DEPTH = 1000


@dataclass(frozen=True)
class Space:
    """How rows and queries are brought to what the metric compares."""

    metric: str
    scale: float  # lengths are divided by it: a power of two, which loses no digit

    @classmethod
    def of(cls, metric: str, longest: float) -> Space:
        """Return the space for vectors of about this length, which stay finite in it."""
        return cls(metric, 2.0 ** math.floor(math.log2(longest)))

    def plain(self, X: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return rows in single precision: for cosines at unit length, else as stored."""
        if self.metric == "cosine":
            return unit_rows(X).astype(np.float32) + np.float32(0)
        return (X / self.scale).astype(np.float32)

    def scores(self, Q: NDArray[np.float32], X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scores of plain queries with plain rows, for l2 -|q - x|² / 2.
        Squares of long vectors that are close would leave no digit of it in single precision.
        """
        if self.metric != "l2":
            return products(Q, X)
        found = np.empty((len(Q), len(X)), dtype=np.float32)
        wide = Q.astype(np.float64)
        own = np.einsum("ij,ij->i", wide, wide)[:, None]
        for at in range(0, len(X), BLOCK):
            rows = X[at : at + BLOCK].astype(np.float64)
            squares = own + np.einsum("ij,ij->i", rows, rows)
            found[:, at : at + BLOCK] = products(wide, rows) - squares / 2
        return found


def unit(X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows at unit length; zero rows stay zero."""
    norms = np.sqrt(np.einsum("ij,ij->i", X, X, dtype=np.float64))
    return (X / np.where(norms > 0, norms, 1.0)[:, None]).astype(np.float32)


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Documents:
    """Some rows of an index, and the column of the judgements that each belongs to."""

    vectors: Vectors
    rows: NDArray[np.int64]  # ascending, usable
    column: NDArray[np.int64]  # (n_rows,)
    n_columns: int
    held: NDArray[np.float32] | None = None  # the plain rows, where they fit into memory

    def plain(self, space: Space) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the plain rows block by block, with the place of the first."""
        if self.held is not None:
            for low in range(0, len(self.rows), BLOCK):
                yield low, self.held[low : low + BLOCK]
            return
        end = int(self.rows[-1]) + 1
        for at in range(int(self.rows[0]), end, BLOCK):
            low, high = np.searchsorted(self.rows, [at, at + BLOCK])
            if low < high:
                block = self.vectors.block(at, min(at + BLOCK, end))
                yield int(low), space.plain(block[self.rows[low:high] - at])

    def hold(self, space: Space) -> Documents:
        """Return the same documents with their plain rows in memory."""
        held = np.empty((len(self.rows), self.vectors.shape[1]), dtype=np.float32)
        for low, block in self.plain(space):
            held[low : low + len(block)] = block
        return replace(self, held=held)

    def some(self, which: NDArray[np.int64]) -> Documents:
        """Return a part of the documents, by place."""
        return replace(self, rows=self.rows[which], column=self.column[which], held=None)


def scores_of(
    documents: Documents, space: Space, queries: NDArray[np.float32], own: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the scores of all columns for plain queries; the best row of a document counts.
    What has no row in the index, and a query's own document, get -inf.
    """
    found = np.full((len(queries), documents.n_columns), -np.inf, dtype=np.float32)
    for low, block in documents.plain(space):
        part = documents.column[low : low + len(block)]
        put_best(found, space.scores(queries, block), part)
    return without_own(found, own)


def put_best(found: NDArray, product: NDArray, column: NDArray[np.int64]) -> None:
    """Put scores of rows into the columns that they belong to, where they are the best so far."""
    step = np.diff(column)
    if (step > 0).all():
        first, last = column[0], column[-1] + 1
        place = slice(first, last) if last - first == len(column) else column
        found[:, place] = np.maximum(found[:, place], product)
        return
    order = np.argsort(column, kind="stable")
    starts = np.flatnonzero(np.diff(column[order], prepend=-1))
    best = np.maximum.reduceat(product[:, order], starts, axis=1)
    place = column[order[starts]]
    found[:, place] = np.maximum(found[:, place], best)


def without_own(found: NDArray, own: NDArray[np.int64]) -> NDArray:
    """Return scores with each query's own column at -inf."""
    some = np.flatnonzero(own >= 0)
    found[some, own[some]] = -np.inf
    return found


def ranks_of(scores: NDArray, gains: sparse.csr_array) -> RelevantRanks:
    """Return where the judged documents stand; one at -inf is never found, however deep."""
    found = ranks_from_scores(scores, gains)
    lost = np.isneginf(scores[found.query, gains.indices])
    return replace(
        found,
        better=np.where(lost, _NEVER, found.better),
        tied=np.where(lost, 1, found.tied),
        settled=np.maximum(found.settled, _MOST_DEPTH),
    )


def relevant_ranks(found: RelevantRanks, level: float) -> RelevantRanks:
    """Return the ranks of the documents of at least a grade."""
    kept = found.grade >= level
    parts = {name: getattr(found, name)[kept] for name in ("query", "grade", "better", "tied")}
    return replace(found, **parts)


def parts_of(
    which: NDArray[np.int64], n_columns: int, cells: int = _CELLS
) -> list[NDArray[np.int64]]:
    """Return the numbers of queries in parts whose scores are held at once."""
    height = max(1, cells // n_columns)
    return [which[at : at + height] for at in range(0, len(which), height)]
