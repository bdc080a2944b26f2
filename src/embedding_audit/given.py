"""What an audit is given, once read and matched: vectors, texts and judgements in one order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from embedding_audit.reading.vectors import Vectors

METRICS = ("cosine", "dot", "l2")  #: how a query is compared with a document


@dataclass(frozen=True)
class Match:
    """How the rows of one input were brought to those of another."""

    what: str  # 'texts', 'query texts', 'judged documents', 'judged queries'
    by: str  # "id `custom_id`" or "position"
    matched: int  # of the rows, or of the judged ids, those that were found
    of: int

    def __str__(self) -> str:
        """Return the match as the first screen says it."""
        return f"{self.what} by {self.by}: {self.matched:,} of {self.of:,}"


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Judgements:
    """Grades of documents for queries; a grade of at least `relevant_from` means relevant."""

    #: (n_queries, n_documents), as judged; explicit zeros are judged too. A column is a row of the
    #: vectors, or a document where rows are its chunks (`Inputs.document`).
    grades: sparse.csr_array
    judged: NDArray[np.bool_]  # (n_queries,), whether a query has any judgement; zeros count
    relevant_from: float = 1.0
    #: (n_queries, n_absent): grades of documents that are not in the index and cannot be found
    absent: sparse.csr_array | None = None

    @property
    def relevant(self) -> sparse.csr_array:
        """Return the relevant pairs that can be found, with their grades as gains."""
        return at_least(self.grades, self.relevant_from)

    @property
    def gains(self) -> sparse.csr_array:
        """Return the positive grades, which nDCG sums whatever counts as relevant (trec_eval)."""
        return at_least(self.grades, np.nextafter(0.0, 1.0))

    @property
    def lost(self) -> sparse.csr_array:
        """Return the positive grades of the documents that are not in the index."""
        empty = sparse.csr_array((len(self.judged), 0))
        return at_least(empty if self.absent is None else self.absent, np.nextafter(0.0, 1.0))


def at_least(grades: sparse.csr_array, level: float) -> sparse.csr_array:
    """Return the grades of at least `level`, and store no other.

    >>> at_least(sparse.csr_array([[0.0, 1.0, 2.0]]), 2).toarray().tolist()
    [[0.0, 0.0, 2.0]]
    """
    found = grades.astype(float)
    found.data = np.where(found.data >= level, found.data, 0.0)
    found.eliminate_zeros()
    return found


@dataclass(frozen=True, eq=False)  # tables have no truth value
class Inputs:
    """Everything that an audit works on; row i of everything belongs to vector i."""

    vectors: Vectors  # one row an item
    queries: Vectors | None = None
    texts: tuple[str, ...] | None = None  # title and text joined where both are there
    columns: pd.DataFrame | None = None  # other columns of the texts' table, by which rows are cut
    query_texts: tuple[str, ...] | None = None
    judgements: Judgements | None = None
    #: column of the grades (row, or document of chunks) that query i is and must not find; -1: none
    own: NDArray[np.int64] | None = None
    document: NDArray[np.int64] | None = None  # document that row i is a chunk of; None: itself
    metric: str = "cosine"  # one of METRICS
    matches: tuple[Match, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)  # what was given, for the report
    notes: tuple[str, ...] = ()  # one sentence for each treatment, with its count
