"""Judged queries that find least: what stands on top instead, and what they should have found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embedding_audit.found import WorstQuery
from embedding_audit.given import Inputs
from embedding_audit.judged.measured import Standing
from embedding_audit.judged.queries import Judged
from embedding_audit.judged.scores import Documents, Space, scores_of
from paper_utils.search.metrics import ndcg_at_k

MOST, SHOWN = 10, 3  #: queries, and documents of each
_LENGTH = 200  # characters of a text


def worst_queries(
    inputs: Inputs, documents: Documents, space: Space, judged: Judged, stand: Standing
) -> list[WorstQuery]:
    """Return the queries of the lowest nDCG@10 that have something to find, the lowest first."""
    ndcg = ndcg_at_k(stand.graded, 10)
    order = np.argsort(np.where(np.isnan(ndcg), np.inf, ndcg), kind="stable")
    chosen = [int(i) for i in order[:MOST] if ndcg[i] < 1]
    if not chosen:
        return []
    place = np.array(chosen)
    scores = scores_of(documents, space, space.plain(judged.vectors[place]), judged.own[place])
    row_of = _first_rows(documents)
    found = []
    for i, line in zip(chosen, scores, strict=True):
        graded = judged.gains.indices[slice(*judged.gains.indptr[i : i + 2])]
        found.append(
            WorstQuery(
                query=_query_name(inputs, int(judged.rows[i])),
                text=_query_text(inputs, int(judged.rows[i])),
                value=float(ndcg[i]),
                found=tuple(
                    (*_named(inputs, row_of[column]), float(line[column]))
                    for column in _top(inputs, line, graded, row_of)
                ),
                missed=_missed(inputs, stand, judged, i, row_of),
            )
        )
    return found


def _first_rows(documents: Documents) -> NDArray[np.int64]:
    """The first row of each column; -1 where the index has none."""
    found = np.full(documents.n_columns, -1)
    found[documents.column[::-1]] = documents.rows[::-1]
    return found


def _top(inputs: Inputs, line: NDArray, graded: NDArray, row_of: NDArray) -> list[int]:
    """The best columns that are not relevant; equal scores by the name of the row."""
    wrong = line.copy()
    wrong[graded] = -np.inf
    last = np.partition(wrong, -min(SHOWN, len(wrong)))[-min(SHOWN, len(wrong))]
    some = np.flatnonzero((wrong >= last) & np.isfinite(wrong))
    return sorted(some, key=lambda c: (-wrong[c], _named(inputs, row_of[c])[0]))[:SHOWN]


def _missed(
    inputs: Inputs, stand: Standing, judged: Judged, i: int, row_of: NDArray
) -> tuple[tuple[str, str | None, int], ...]:
    """What is relevant and behind place 10, with its mean place among equals."""
    graded = stand.graded
    first, last = np.searchsorted(graded.query, [i, i + 1])
    missed = []
    for entry in range(first, last):
        row = row_of[judged.gains.indices[entry]]
        rank = int(graded.better[entry] + (graded.tied[entry] + 1) // 2)
        if row >= 0 and 10 < rank <= stand.n_docs and graded.grade[entry] >= stand.level:
            missed.append((*_named(inputs, row), rank))
    return tuple(sorted(missed, key=lambda one: (one[2], one[0]))[:SHOWN])


def _named(inputs: Inputs, row: int) -> tuple[str, str | None]:
    ids = inputs.vectors.ids
    name = f"row {row}" if ids is None else ids[row]
    return str(name), None if inputs.texts is None else inputs.texts[row][:_LENGTH]


def _query_name(inputs: Inputs, row: int) -> str:
    ids = inputs.queries.ids
    return f"query {row}" if ids is None else str(ids[row])


def _query_text(inputs: Inputs, row: int) -> str | None:
    return None if inputs.query_texts is None else inputs.query_texts[row][:_LENGTH]
