"""What an audit is given, once read and matched: vectors, texts and judgements in one order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from embedding_audit.readers import Vectors

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

    grades: sparse.csr_array  # (n_queries, n_documents), as judged; explicit zeros are judged too
    judged: NDArray[np.bool_]  # (n_queries,), whether a query has any judgement; zeros count
    relevant_from: float = 1.0

    @property
    def relevant(self) -> sparse.csr_array:
        """Return the relevant pairs, with their grades as gains."""
        found = self.grades.copy()
        found.data = np.where(found.data >= self.relevant_from, found.data, 0.0)
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
    own: NDArray[np.int64] | None = None  # row of the item that query i is and must not find; -1
    document: NDArray[np.int64] | None = None  # document that row i is a chunk of; None: itself
    metric: str = "cosine"  # one of METRICS
    matches: tuple[Match, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)  # what was given, for the report
    notes: tuple[str, ...] = ()  # one sentence for each treatment, with its count
