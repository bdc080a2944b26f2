"""Relevance judgements of a user, by content: TREC, BEIR, tables, JSON, Python objects."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from embedding_audit.matching.grades import as_grade, column_of, graded_column, is_number
from embedding_audit.matching.names import as_id, missing
from embedding_audit.matching.texts import with_index
from embedding_audit.reading import read_rows
from embedding_audit.reading.names import ID_NAMES, plain
from embedding_audit.reading.source import open_source, reason, shown
from paper_utils.errors import UsageError

#: Names of the three columns, the preferred ones first; written in any case, with any of ``-_ .``.
QUERIES = (
    "query-id",
    "qid",
    "query_no",
    "topic_id",
    "topic",
    "question_id",
    "search_id",
    "search_term_id",
    "query_uid",
    "query",
    "question",
    "search_term",
    "q",
)
DOCUMENTS = (
    "corpus-id",
    "doc_id",
    "docno",
    "document_id",
    "document",
    "doc",
    "did",
    "passage_id",
    "pid",
    "product_id",
    "product_uid",
    "item_id",
    "item",
    "product",
    "sku",
    "asin",
    "article_id",
)
_RUN = (
    "{name} is a run, not judgements: {why}; judgements are lines 'query 0 document grade', or "
    "columns query-id, corpus-id, score"
)


@dataclass(frozen=True, eq=False)  # tables have no truth value
class Lines:
    """Judgements as they were given: who was judged, not yet which rows they are."""

    name: str  # as messages call the source
    table: pd.DataFrame  # query and document (texts), grade (float)
    notes: tuple[str, ...] = ()
    by_rows: bool = False  # a matrix: queries and documents are rows by their numbers


def read_judgements(given: Any) -> Lines:
    """Read judgements: a path, a dict of dicts, a table, a matrix (n_queries, n_documents), or a
    list of (query, document, grade). UsageError: a run, no grades that are numbers, another form.
    """
    name, by_rows = "qrels", False
    if isinstance(given, str | os.PathLike):
        name = shown(given)
        rows = _from_content(given, name)
    elif sparse.issparse(given) or (
        isinstance(given, np.ndarray) and given.ndim == 2 and given.dtype.kind in "fiub"
    ):
        matrix = sparse.coo_array(given)
        rows, by_rows = (
            zip(matrix.row.tolist(), matrix.col.tolist(), matrix.data.tolist(), strict=True),
            True,
        )
    elif hasattr(given, "to_pandas") or isinstance(given, pd.DataFrame):
        frame = given if isinstance(given, pd.DataFrame) else given.to_pandas()
        rows = _from_table(with_index(frame), name)
    elif isinstance(given, Mapping | list | tuple):
        rows = _from_objects(given, name)
    else:
        raise UsageError(
            f"judgements are {type(given).__name__}: a path, a dict of dicts, a DataFrame or a "
            "sparse matrix is needed"
        )
    places, notes = list(rows), []
    graded = [grade for _, _, grade in places if grade is not None]
    if not graded and places:
        notes = ["no grades are given: every judgement counts as relevant (1)"]
    numbers = [
        1.0 if grade is None else as_grade(grade, name, at, place)
        for at, (place, grade) in enumerate(((p[:2], p[2]) for p in places), start=1)
    ]
    table = pd.DataFrame(
        {
            "query": pd.Series([as_id(place[0]) for place in places], dtype=object),
            "document": pd.Series([as_id(place[1]) for place in places], dtype=object),
            "grade": pd.Series(numbers, dtype=float),
        }
    )
    if not len(table):
        raise UsageError(f"{name} holds no judgement")
    _check_no_run(table, name)
    return Lines(name, table, tuple(notes), by_rows)


def _check_no_run(table: pd.DataFrame, name: str) -> None:
    """Refuse the results of a search: ranks from 1 on, or scores that hardly repeat."""
    grades = table["grade"]
    if len(table) >= 20 and grades.nunique() > len(table) / 2 and (grades % 1 != 0).any():
        why = f"{grades.nunique():,} different numbers in {len(table):,} lines are scores"
        raise UsageError(_RUN.format(name=name, why=why))
    lists = grades.groupby(table["query"])
    counts = lists.size()
    if counts.max() >= 10 and (lists.nunique() == counts).all() and (lists.min() == 1).all():
        if (lists.max() == counts).all():
            raise UsageError(_RUN.format(name=name, why="its grades are ranks 1, 2, 3, …"))


def _from_content(path: str | os.PathLike[str], name: str) -> Iterable[tuple[Any, Any, Any]]:
    if not Path(path).expanduser().is_file():  # a folder or several files, or none
        return _from_table(read_rows(path), name)
    source = open_source(path)
    if source.kind not in ("", "table", "json", "jsonl"):
        return _from_table(read_rows(path), name)
    content = source.bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8: offset {error.start}; save it as UTF-8") from None
    if not text.strip():
        raise UsageError(f"{name} is empty")
    if text.lstrip()[:1] in "{[":
        return _from_objects(_json(text, name), name)
    return _from_text(text, name)


def _json(text: str, name: str) -> Any:
    """One document, or an object a line."""
    try:
        return _loads(text)
    except (ValueError, RecursionError) as whole:
        found = []
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                found.append(_loads(line))
            except (ValueError, RecursionError) as error:
                why = whole if number == 1 else error
                raise UsageError(f"{name}, line {number}: not JSON ({reason(why)})") from None
        return found


def _loads(text: str) -> Any:
    value = json.loads(text)
    if "\\ud" in text.lower():  # a lone surrogate becomes a question mark: no table can hold it
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def _from_objects(given: Any, name: str) -> Iterable[tuple[Any, Any, Any]]:
    """A dict of queries, a dict of columns, or a list of objects or of tuples."""
    if isinstance(given, Mapping):
        inner = [given[key] for key in given if plain(str(key)) in ("qrels", "relevantdocs")]
        if len(inner) == 1 and len(given) > 1 and isinstance(inner[0], Mapping):
            return _from_objects(inner[0], name)  # beside queries and corpus
        values = list(given.values())
        kinds = {_kind(value) for value in values}
        if len(kinds) == 1 and column_of(given, QUERIES) and column_of(given, DOCUMENTS):
            if kinds == {"other"}:
                return _from_table(pd.DataFrame([dict(given)], dtype=object), name)
            if len({len(value) for value in values}) > 1:
                raise UsageError(f"{name}: its columns are not equally long")
            return _from_table(pd.DataFrame(dict(given), dtype=object), name)
        if values and kinds <= {"dict", "list"}:
            return _pairs(given.items(), name)
        if len(values) == 1 and kinds == {"dict"}:
            return _from_objects(values[0], name)
    elif all(isinstance(one, Mapping) for one in given):
        if len(given) == 1 and not column_of(given[0], QUERIES):
            return _from_objects(given[0], name)  # JSON lines of one line
        columns = list(dict.fromkeys(str(key) for one in given for key in one))
        return _from_table(
            pd.DataFrame([dict(one) for one in given], columns=columns, dtype=object), name
        )
    elif all(hasattr(one, "query_id") and hasattr(one, "doc_id") for one in given):  # ir_measures
        return [(one.query_id, one.doc_id, getattr(one, "relevance", None)) for one in given]
    elif all(isinstance(one, list | tuple) and len(one) in (2, 3, 4) for one in given):
        return [_of_cells(list(one)) for one in given]
    raise UsageError(
        f"{name}: a dict of queries with a dict of documents each is needed, or a list of objects "
        "with query-id, corpus-id, score"
    )


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "dict"
    return "list" if isinstance(value, list | tuple | set | np.ndarray) else "other"


def _pairs(items: Iterable[tuple[Any, Any]], name: str) -> Iterable[tuple[Any, Any, Any]]:
    """The judgements of queries that come with all their documents."""
    found: list[tuple[Any, Any, Any]] = []
    for query, documents in items:
        if isinstance(documents, Mapping):
            found += [(query, document, grade) for document, grade in documents.items()]
        elif _kind(documents) == "list" and all(isinstance(one, Mapping) for one in documents):
            table = pd.DataFrame([{"qid": query, **one} for one in documents], dtype=object)
            found += _from_table(table, name) if len(table) else []
        elif _kind(documents) == "list":
            found += [(query, document, None) for document in documents]
        else:
            found.append((query, documents, None))
    if any(_kind(document) != "other" or _kind(grade) != "other" for _, document, grade in found):
        raise UsageError(f"{name}: documents must be ids and grades numbers")
    mixed = {grade is None for _, _, grade in found}
    if len(mixed) > 1:
        raise UsageError(f"{name}: some queries have grades and some have none")
    return found


def _from_text(text: str, name: str) -> Iterable[tuple[Any, Any, Any]]:
    lines = text.split("\n")
    first = next(line for line in lines if line.strip()).rstrip("\r")
    delimiter = next((one for one in ("\t", ",", ";") if one in first), None)
    trec = first.split()
    if delimiter != "\t" and len(trec) in (4, 6) and is_number(trec[3]):
        delimiter = None  # ids may hold commas
    rows = list(_split(text, lines, delimiter, name))
    if not rows:
        raise UsageError(f"{name} holds no judgement")
    head = [cell.strip() for cell in rows[0][1]]
    if column_of(head, QUERIES) and column_of(head, DOCUMENTS):
        return _from_table(_frame(rows, head, name), name)
    n = len(head)
    if n == 6 and (head[1].upper() == "Q0" or (is_number(head[3]) and is_number(head[4]))):
        raise UsageError(
            _RUN.format(name=name, why="its lines are 'query Q0 document rank score tag'")
        )
    if n not in (2, 3, 4) or (n > 2 and not is_number(head[-1])):
        raise UsageError(
            f"{name}, line {rows[0][0]}: neither 'query 0 document grade' nor a header with names "
            f"such as query-id, corpus-id, score: {first!r:.80}"
        )
    odd = next((row for row in rows if len(row[1]) != n), None)
    if odd is not None:
        raise UsageError(f"{name}, line {odd[0]}: {len(odd[1])} cells, the first line has {n}")
    bad = next((row for row in rows if n > 2 and not is_number(row[1][-1])), None)
    if bad is not None:
        raise UsageError(f"{name}, line {bad[0]}: a grade must be a number, not {bad[1][-1]!r:.40}")
    before = {row[1][-2] for row in rows}
    last = {row[1][-1] for row in rows}
    if n > 2 and len(last) > max(10, len(before)) and all(map(is_number, before)):
        raise UsageError(
            f"{name}: its last cells differ more ({rows[0][1][-1]!r:.40}, …) than those before "
            f"({rows[0][1][-2]!r:.40}, …): is the order 'query document grade'?"
        )
    if n == 4 and [row[1][0] for row in rows] == [str(i) for i in range(len(rows))]:
        if len({row[1][1] for row in rows}) > 1:  # the index of a data frame
            return [_of_cells(cells[1:]) for _, cells in rows]
    if n == 4 and len({row[1][2] for row in rows}) == 1 < len({row[1][1] for row in rows}):
        raise UsageError(
            f"{name}: all lines judge the document {head[2]!r:.40}, and their second cells differ: "
            "is the order 'query 0 document grade'?"
        )
    return [_of_cells(cells) for _, cells in rows]


def _of_cells(cells: list[Any]) -> tuple[Any, Any, Any]:
    """The judgement in 'query document [grade]' or 'query 0 document grade'."""
    if len(cells) == 4:
        return cells[0], cells[2], cells[3]
    return cells[0], cells[1], cells[2] if len(cells) == 3 else None


def _split(text: str, lines: list[str], delimiter: str | None, name: str):
    """Yield the number and the cells of each line that holds something."""
    if delimiter is None:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, line.split()
        return
    first = next(line for line in lines if line.strip()).strip().split(delimiter)
    quoted = all(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in first)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if delimiter == "\t" and not quoted else csv.QUOTE_MINIMAL,
    )
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise UsageError(f"{name}, line {reader.line_num}: {reason(error)}") from None


def _frame(rows: list[tuple[int, list[str]]], head: list[str], name: str) -> pd.DataFrame:
    odd = next((row for row in rows if len(row[1]) != len(head)), None)
    if odd is not None:
        raise UsageError(f"{name}, line {odd[0]}: {len(odd[1])} cells, the header has {len(head)}")
    doubled = next((one for one in head if head.count(one) > 1), None)
    if doubled is not None:
        raise UsageError(f"{name} has two columns named {doubled!r:.60}")
    return pd.DataFrame([cells for _, cells in rows[1:]], columns=head, dtype=object)


def _from_table(table: pd.DataFrame, name: str) -> Iterable[tuple[Any, Any, Any]]:
    query = column_of(table.columns, QUERIES)
    rest = [column for column in table.columns if column != query]
    document = column_of(rest, DOCUMENTS) or column_of(rest, ID_NAMES)
    for column, names in ((query, QUERIES), (document, DOCUMENTS)):
        if column is None:
            raise UsageError(
                f"{name} has no column {names[0]!r}, nor {', '.join(names[1:6])} …; it has "
                f"{', '.join(map(str, table.columns[:10]))!r:.160}"
            )
    rest = [column for column in rest if column != document]
    grade = graded_column(table, rest, name)
    if column_of(rest, ("rank",)) is not None:
        raise UsageError(_RUN.format(name=name, why="it has a column of ranks"))
    cells = table[document].tolist()
    if any(_kind(cell) != "other" for cell in cells):
        return _pairs(zip(table[query].tolist(), cells, strict=True), name)
    for row, pair in enumerate(zip(table[query].tolist(), cells, strict=True), start=1):
        if missing(pair[0]) or missing(pair[1]):
            raise UsageError(f"{name}, judgement {row}: the id is missing")
    grades = table[grade].tolist() if grade is not None else [None] * len(table)
    return [
        (q, d, math.nan if g is None and grade is not None else g)
        for q, d, g in zip(table[query].tolist(), cells, grades, strict=True)
    ]
