"""What is audited: vectors and what is known of their rows, opened and brought into one order."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from embedding_audit.given import METRICS, Inputs, Judgements
from embedding_audit.matching.judged import Named, as_spelled, in_order, judgements_of, named_by
from embedding_audit.matching.judgements import Lines, read_judgements
from embedding_audit.matching.names import ROW, filled
from embedding_audit.matching.objects import vectors_of
from embedding_audit.matching.own import own_documents
from embedding_audit.matching.shifted import from_one
from embedding_audit.matching.side import Side, side_of
from embedding_audit.matching.texts import read_texts
from embedding_audit.reading.vectors import Vectors
from paper_utils.errors import UsageError, did_you_mean

_ROWS = 8192  # of the queries, looked at at once


def read_inputs(
    vectors: Any,
    *,
    queries: Any = None,
    texts: Any = None,
    query_texts: Any = None,
    qrels: Any = None,
    metric: str = "cosine",
    id_column: str = "",
    vector_column: str = "",
    text_column: str = "",
    dtype: str = "",
    relevant_from: float | None = None,
    drop_own: bool = True,
) -> Inputs:
    """Open what is given and bring it into one order; how, is recorded in `matches` and `notes`.

    Rows are matched by ids where both sides have them, else by position where the counts agree.
    Judged ids are looked for in the columns with names of ids, then in the others, and are row
    numbers (from 0) only where nothing has ids. Ids that are there in another spelling (case, zeros
    before numbers, %20) are taken for the same, and documents may stand before queries; it is said.

    Parameters
    ----------
    vectors : path or array_like, shape (n, d)
        A file (any format of ``reading``), an array, a tensor, lists, a dict from ids to vectors,
        or a DataFrame with a column of lists.
    queries : path or array_like, shape (n_queries, d), optional
        Vectors of the queries, likewise. Those with NaN, infinite values or only zeros are left
        out and counted.
    texts, query_texts : path, list of str, dict or DataFrame, optional
        Title and text are joined with a blank where both are there. Where none are given, texts
        beside the vectors are taken.
    qrels : path, dict of dict, DataFrame or matrix (n_queries, n), optional
        Judgements: TREC, BEIR, CSV, JSON. Of several grades of a pair the highest counts; negative
        ones are 0. Judged queries with nothing relevant count as 0, relevant documents that are not
        among the vectors as not found (trec_eval); unknown queries are left out.
    metric : {"cosine", "dot", "l2"}
        How a query is compared with a document.
    id_column, vector_column, text_column : str
        Columns to take where there are several; ``id_column="row"`` says that judgements name rows
        by their number.
    dtype : str
        What whole numbers mean, as for the reader.
    relevant_from : float, optional
        Least relevant grade. Default: 1, or any above 0 where grades are fractions up to 1. The
        gain of nDCG is the grade, whatever is relevant.
    drop_own : bool
        Whether a query that is a document is left out of its own list.

    Returns
    -------
    Inputs

    Raises
    ------
    UsageError
        What cannot be read, does not fit together, or can be understood in two ways.

    Examples
    --------
    >>> found = read_inputs(
    ...     {"a": [1.0, 0.0], "b": [0.0, 1.0]},
    ...     queries={"q": [1.0, 1.0]},
    ...     qrels={"q": {"b": 1}},
    ... )
    >>> found.judgements.grades.toarray().tolist(), [str(match) for match in found.matches]
    ([[0.0, 1.0]], ['judged documents by id `id`: 1 of 1', 'judged queries by id `id`: 1 of 1'])
    """
    if metric not in METRICS:
        raise UsageError(f"metric {metric!r:.40}: {did_you_mean(metric, METRICS)}")
    if queries is None and (qrels is not None or query_texts is not None):
        given = "judgements" if qrels is not None else "texts of queries"
        raise UsageError(f"{given} need queries: name the vectors with --queries (queries=)")
    words = None if texts is None else read_texts(texts, text_column, "texts")
    options = {"id_column": id_column, "vector_column": vector_column, "dtype": dtype}
    options = {name: value for name, value in options.items() if value not in ("", ROW)}
    beside = words is not None and bool(id_column) and bool(words.keys(id_column))
    opened = _opened(vectors, "vectors", options, {"id_column"} if beside else set())
    side = side_of(opened, words, "texts", id_column, text_column)
    if text_column and side.texts is None:
        raise UsageError(f"{opened.name} has no column {text_column!r:.60} beside the vectors")
    if queries is None:
        return assembled(side, metric=metric)
    words = None
    if query_texts is not None:
        words = read_texts(query_texts, text_column, "query texts", must=False)
    if queries is not vectors:
        opened = _opened(queries, "queries", options, set(options))
    opened = replace(opened, notes=tuple(f"queries: {note}" for note in opened.notes))
    query_side = side_of(opened, words, "query texts", id_column, text_column)
    return assembled(
        side,
        query_side,
        None if qrels is None else read_judgements(qrels),
        metric=metric,
        id_column=id_column,
        relevant_from=relevant_from,
        drop_own=drop_own,
    )


def _opened(given: Any, what: str, options: dict[str, str], free: set[str]) -> Vectors:
    """Open vectors; those of `options` that are `free` are left out where they do not fit: the ids
    may lie beside the texts instead, and queries may call their columns otherwise.
    """
    fixed = [name for name in options if name not in free]
    loose = [name for name in options if name in free]
    errors = []
    for n in range(len(loose), -1, -1):
        for some in combinations(loose, n):
            try:
                return vectors_of(given, what, **{k: options[k] for k in (*fixed, *some)})
            except UsageError as error:
                errors.append(error)
    raise errors[0]


def assembled(
    side: Side,
    queries: Side | None = None,
    lines: Lines | None = None,
    *,
    metric: str = "cosine",
    id_column: str = "",
    relevant_from: float | None = None,
    drop_own: bool = True,
) -> Inputs:
    """Return what both sides of a search and the judgements come to, as :func:`read_inputs` says.
    UsageError: they do not fit each other.
    """
    found = Inputs(side.vectors, metric=metric, matches=side.matches, notes=side.notes)
    if queries is None:
        found = replace(found, notes=(*found.notes, *_repeated(side)))
        return _with_source(_with_texts(found, side))
    _check_columns(queries.vectors, side.vectors)
    notes = [*side.notes, *queries.notes]
    matches = [*side.matches, *queries.matches]
    judgements = document = None
    if lines is None:
        ids = [keys[0].values if (keys := one.keys()) else None for one in (queries, side)]
        notes += _repeated(side)
        ids = ids if all(one is None or one.is_unique for one in ids) else None
    else:
        lines = in_order(lines, side, queries) if not id_column else lines
        wanted = [
            pd.Index(lines.table[kind].unique(), dtype=object) for kind in ("document", "query")
        ]
        named = [
            named_by(side, wanted[0], "documents", lines, id_column),
            named_by(queries, wanted[1], "queries", lines, id_column),
        ]
        queries, named[1], more = _distinct(queries, named[1])
        labels, document, chunks = _documents(named[0])
        lines = as_spelled(lines, *named)
        judgements, said = judgements_of(lines, filled(named[1].key.values), labels, relevant_from)
        notes += [*more, *chunks, *said, *_of_one_file(side, queries, named, wanted)]
        numbered = (named[0].by_position, named[1].by_position)
        if any(numbered) and document is None and not lines.by_rows and id_column != ROW:
            _check_numbering(queries.vectors, side.vectors, judgements, numbered, lines.name)
        matches += [one.match for one in named]
        side, queries = (_renamed(one, by) for one, by in zip((side, queries), named, strict=True))
        ids = [
            None if by.by_position else key
            for by, key in zip(named[::-1], (named[1].key.values, labels), strict=True)
        ]
    own = None
    if drop_own and ids is not None:
        own, more = own_documents(queries.vectors, side.vectors, *ids, judgements, document)
        notes += more
    found = replace(found, vectors=side.vectors, document=document, matches=tuple(matches))
    found = _usable(_with_texts(found, side), queries, judgements, own, notes)
    return _with_source(found)


def _check_numbering(
    queries: Vectors,
    documents: Vectors,
    judgements: Judgements,
    numbered: tuple[bool, bool],
    name: str,
) -> None:
    if told := from_one(queries, documents, judgements, numbered):
        raise UsageError(
            f"{name} seems to number from 1 the {told}, and rows count from 0: take 1 off, save "
            f"the ids beside the vectors, or say --id-column {ROW}"
        )


def _of_one_file(side: Side, queries: Side, named: list[Named], wanted: list) -> list[str]:
    """Say where a column of one file tells queries from documents, which compete all the same."""
    columns = side.vectors.columns
    if queries.vectors.name != side.vectors.name or columns is None:
        return []
    for column in columns:
        values = columns[column].astype(str)
        documents, asked = (set(values[named[0].key.values.isin(ids)]) for ids in wanted)
        if values.nunique() <= 10 and documents and asked and not documents & asked:
            count = int(values.isin(asked).sum())
            return [
                f"judged queries are rows whose `{column}` no judged document has "
                f"({', '.join(sorted(asked))!r:.60}): these {count:,} rows are searched too; give "
                "documents and queries as two files if they are no documents"
            ]
    return []


def _check_columns(queries: Vectors, documents: Vectors) -> None:
    if queries.shape[1] != documents.shape[1]:
        raise UsageError(
            f"{queries.name} has {queries.shape[1]} columns, {documents.name} "
            f"{documents.shape[1]}: queries and documents must come from one space"
        )


def _repeated(side: Side) -> list[str]:
    keys = side.keys()
    if not keys or keys[0].values.is_unique:
        return []
    rows, n = len(keys[0].values), keys[0].values.nunique()
    return [f"ids repeat: {n:,} different ones in `{keys[0].name or 'id'}` for {rows:,} rows"]


def _distinct(queries: Side, named: Named) -> tuple[Side, Named, list[str]]:
    """Keep one row of each query; rows of one id must have one vector."""
    values = named.key.values
    again = values.duplicated() & (values != "")
    if not again.any():
        return queries, named, []
    first = {one: row for row, one in reversed(list(enumerate(values)))}
    for row in np.flatnonzero(again):
        rows = [queries.vectors.block(at, at + 1) for at in (row, first[values[row]])]
        if not np.array_equal(*rows, equal_nan=True):
            raise UsageError(
                f"{queries.vectors.name}: the id {values[row]!r:.60} names several queries with "
                "different vectors"
            )
    kept = np.flatnonzero(~again)
    key = replace(named.key, values=values[kept])
    note = f"rows that repeat a query, with its id and vector, left out: {int(again.sum()):,}"
    return queries.take(kept), replace(named, key=key), [note]


def _documents(named: Named) -> tuple[pd.Index, np.ndarray | None, list[str]]:
    """The names of the documents, which of them each row is a chunk of, and what to say of it."""
    values = named.key.values
    names = filled(values)  # a row without an id is a document that no judgement names
    if names.is_unique:
        return names, None, []
    labels, document = np.unique(names.to_numpy(dtype=str), return_inverse=True)
    note = (
        f"several rows are one document (chunks): {len(values):,} rows, {len(labels):,} "
        f"documents by `{named.key.name or 'id'}`; the best row of a document counts"
    )
    return pd.Index(labels, dtype=object), document.astype(np.int64), [note]


def _renamed(side: Side, named: Named) -> Side:
    """Call the rows as the judgements do."""
    if named.by_position:
        return side
    ids, name = tuple(named.key.values), named.key.name
    return replace(side, vectors=replace(side.vectors, ids=ids, id_name=name))


def _with_texts(found: Inputs, side: Side) -> Inputs:
    columns = side.vectors.columns
    if side.texts is not None:
        words = side.texts.columns
        fresh = words if columns is None else words.drop(columns=columns.columns, errors="ignore")
        columns = fresh if columns is None else pd.concat([columns, fresh], axis=1)
        found = replace(found, texts=side.texts.strings if any(side.texts.strings) else None)
    return replace(found, columns=columns if columns is not None and len(columns.columns) else None)


def _usable(
    found: Inputs,
    queries: Side,
    judgements: Judgements | None,
    own: np.ndarray | None,
    notes: list[str],
) -> Inputs:
    """Leave out the queries that have no direction."""
    vectors = queries.vectors
    good = np.concatenate(
        [
            _directed(vectors.block(start, start + _ROWS))
            for start in range(0, vectors.shape[0], _ROWS)
        ]
    )
    if not good.any():
        raise UsageError(f"{vectors.name} has no usable row (not NaN, infinite or zero)")
    if not good.all():
        rows = np.flatnonzero(good)
        less = f"queries with NaN, infinite values or zeros left out: {int((~good).sum()):,} of "
        less += f"{len(good):,}"
        if judgements is not None:
            less += f", {int(judgements.judged[~good].sum()):,} of them judged"
            judgements = _some(judgements, rows)
        notes = [*notes, less]
        queries, own = queries.take(rows), None if own is None else own[rows]
    words = None if queries.texts is None else queries.texts.strings
    return replace(
        found,
        queries=queries.vectors,
        query_texts=words if words is not None and any(words) else None,
        judgements=judgements,
        own=own,
        notes=tuple(notes),
    )


def _directed(rows: np.ndarray) -> np.ndarray:
    return np.isfinite(rows).all(axis=1) & (rows != 0).any(axis=1)


def _some(judgements: Judgements, rows: np.ndarray) -> Judgements:
    found = replace(
        judgements,
        grades=judgements.grades[rows],
        judged=judgements.judged[rows],
        absent=None if judgements.absent is None else judgements.absent[rows],
    )
    if not found.relevant.nnz:
        raise UsageError("no query with a usable vector has a relevant document")
    return found


def _with_source(found: Inputs) -> Inputs:
    vectors, judgements = found.vectors, found.judgements
    source = {
        "name": vectors.name,
        "kind": vectors.kind,
        "rows": vectors.shape[0],
        "columns": vectors.shape[1],
        "dtype": vectors.dtype,
        "model": None,
        "catalogue": None,
        "documents": vectors.shape[0] if found.document is None else int(found.document.max()) + 1,
        "queries": None if found.queries is None else found.queries.shape[0],
        "metric": found.metric,
        "texts": found.texts is not None,
        "query_texts": found.query_texts is not None,
        "judged_queries": None if judgements is None else int(judgements.judged.sum()),
        "judged_pairs": None if judgements is None else int(judgements.relevant.nnz),
        "relevant_from": None if judgements is None else judgements.relevant_from,
    }
    return replace(found, source=source)
