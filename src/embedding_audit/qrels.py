"""Relevance judgements of a user: TREC qrels, tables and JSON lines."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from scipy import sparse

from embedding_audit.readers import existing, reason, shown
from paper_utils.data.files import read_table
from paper_utils.errors import UsageError

#: Kinds of file that hold judgements.
KINDS = (".qrels", ".trec", ".txt", ".tsv", ".csv", ".jsonl", ".ndjson", ".parquet")

_QUERY = ("query-id", "query_id", "query", "qid", "q_id", "topic")
_DOCUMENT = ("corpus-id", "corpus_id", "doc_id", "doc-id", "docid", "document", "item_id", "id")
_GRADE = ("score", "relevance", "grade", "rel", "label")


def read_qrels(
    path: str | os.PathLike[str], query_ids: Sequence[str], doc_ids: Sequence[str]
) -> tuple[sparse.csr_array, tuple[str, ...]]:
    """Read which documents are relevant to which query: grades above 0, shape (n_queries, n_docs).
    TREC (``query 0 document grade``), or a table with columns such as ``query-id``, ``corpus-id``,
    ``score``; without a grade every line means relevant. UsageError: an unknown id, a pair judged
    twice, a grade that is no number, or nothing relevant.
    """
    file = existing(path, KINDS)
    name = shown(path)
    rows = _trec(file, name) if _is_trec(file, name) else _table(file, name)
    places = [{one: i for i, one in enumerate(ids)} for ids in (query_ids, doc_ids)]
    kinds = ("query", "document")
    seen: set[tuple[int, int]] = set()
    row, column, grades, negative = [], [], [], 0
    for number, query, document, grade in rows:
        found = []
        for one, known, kind in zip((query, document), places, kinds, strict=True):
            if one not in known:
                example = next(iter(known))
                raise UsageError(
                    f"{name}, line {number}: unknown {kind} {one!r:.60}; {len(known):,} are known, "
                    f"such as {example!r:.60}"
                )
            found.append(known[one])
        if tuple(found) in seen:
            raise UsageError(
                f"{name}, line {number}: query {query!r:.60} judges document {document!r:.60} twice"
            )
        seen.add((found[0], found[1]))
        negative += grade < 0
        if grade > 0:
            row.append(found[0])
            column.append(found[1])
            grades.append(grade)
    if not grades:
        raise UsageError(f"{name}: no document is relevant to any query")
    matrix = sparse.csr_array((grades, (row, column)), shape=(len(query_ids), len(doc_ids)))
    matrix.sort_indices()
    notes = [f"negative grades taken as not relevant: {negative:,}"] if negative else []
    judged = len(set(row))
    if judged < len(query_ids):
        notes.append(f"queries without a relevant document left out: {len(query_ids) - judged:,}")
    return matrix.astype(float), tuple(notes)


def _is_trec(file: Path, name: str) -> bool:
    if file.suffix.lower() in (".qrels", ".trec", ".txt"):
        return True
    if file.suffix.lower() != ".tsv":
        return False
    first = _text(file, name).lstrip("\ufeff").split("\n", 1)[0].split()
    return len(first) == 4 and _number(first[3]) is not None and _number(first[1]) is not None


def _text(file: Path, name: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} cannot be read: {reason(error)}") from None


def _trec(file: Path, name: str) -> Iterable[tuple[int, str, str, float]]:
    for number, line in enumerate(_text(file, name).lstrip("\ufeff").split("\n"), start=1):
        cells = line.split()
        if not cells:
            continue
        grade = _number(cells[3]) if len(cells) == 4 else None
        if grade is None:
            raise UsageError(
                f"{name}, line {number}: not 'query 0 document grade': {line.strip()!r:.60}"
            )
        yield number, cells[0], cells[2], grade


def _table(file: Path, name: str) -> Iterable[tuple[int, str, str, float]]:
    table = read_table(file)
    columns = [str(column) for column in table.columns]
    chosen = []
    for names in (_QUERY, _DOCUMENT):
        there = [one for one in names if one in columns]
        if not there:
            raise UsageError(
                f"{name} has no column {names[0]!r}; it has {', '.join(columns[:8])!r:.160}"
            )
        chosen.append(table[there[0]].tolist())
    graded = next((one for one in _GRADE if one in columns), None)
    grades = table[graded].tolist() if graded else [1] * len(table)
    first = 2 if file.suffix.lower() in (".csv", ".tsv") else 1
    for number, (query, document, value) in enumerate(zip(*chosen, grades, strict=True), first):
        grade = _number(value)
        if grade is None:
            raise UsageError(f"{name}, line {number}: a grade must be a number, not {value!r:.60}")
        yield number, str(query), str(document), grade


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
