"""What is audited: vectors, and what is known of their rows, brought into one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import sparse

from embedding_audit.formats import open_vectors
from embedding_audit.qrels import read_qrels
from embedding_audit.readers import ID_NAMES, Vectors, existing, shown
from paper_utils.data.catalogue import load_catalogue, title_language
from paper_utils.data.diy_queries import diy_queries
from paper_utils.data.files import read_table
from paper_utils.encoders import load_encoder
from paper_utils.errors import UsageError

#: Kinds of file that hold texts.
TEXT_KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".txt")

_TITLES = ("title", "name", "text", "query")


@dataclass(frozen=True, eq=False)  # tables have no truth value
class Inputs:
    """Everything that an audit reads."""

    vectors: Vectors  # one row an item
    queries: Vectors | None = None
    table: pd.DataFrame | None = None  # row i of vector i: title, language, others
    query_texts: tuple[str, ...] | None = None
    relevance: sparse.csr_array | None = None  # shape (n_queries, n_rows)
    source: dict[str, Any] = field(default_factory=dict)  # what was given, for the report
    notes: tuple[str, ...] = ()  # one sentence for each treatment


def read_inputs(
    embeddings: str = "",
    *,
    queries: str = "",
    texts: str = "",
    query_texts: str = "",
    qrels: str = "",
    model: str = "minilm",
    catalogue: str = "diy",
    language: str = "ru",
    n_items: int = 0,
    n_queries: int = 100,
    seed: int = 0,
) -> Inputs:
    """Open the files, or encode a catalogue where there are no embeddings.

    Parameters
    ----------
    embeddings : str
        File of vectors; empty: the titles of `catalogue` are encoded with `model`.
    queries : str
        File of query vectors; beside a catalogue a file of texts, which are encoded too.
    texts, query_texts : str
        Files of the texts of items and of queries, row i for vector i, or matched by ids where both
        sides have them.
    qrels : str
        Judgements, by ids; rows are called by their number from 0 where there are none.
    model, catalogue, language, n_items, seed
        As for the chapters; no `n_items`, or 0: all. ``diy`` brings `n_queries` judged queries.

    Returns
    -------
    Inputs

    Raises
    ------
    UsageError
        Files that cannot be read, do not fit each other, or are not enough for each other.
    """
    if embeddings:
        found = _opened(embeddings, queries, texts, query_texts, qrels)
    elif texts or query_texts:
        raise UsageError("texts and query texts go with embeddings; a catalogue has its own")
    else:
        titles = read_titles(
            catalogue,
            queries=queries,
            qrels=qrels,
            language=language,
            n_items=n_items,
            n_queries=n_queries,
            seed=seed,
        )
        found = _encoded(titles, model, seed)
    source = {
        "name": found.vectors.name,
        "kind": found.vectors.kind,
        "rows": found.vectors.shape[0],
        "columns": found.vectors.shape[1],
        "dtype": found.vectors.dtype,
        "model": None if embeddings else model,
        "catalogue": None if embeddings else catalogue,
        "queries": None if found.queries is None else found.queries.shape[0],
        "texts": found.table is not None,
        "query_texts": found.query_texts is not None,
        "judged_pairs": None if found.relevance is None else int(found.relevance.nnz),
    }
    return replace(found, source=source)


def _opened(embeddings: str, queries: str, texts: str, query_texts: str, qrels: str) -> Inputs:
    if (qrels or query_texts) and not queries:
        given = "qrels" if qrels else "query texts"
        raise UsageError(f"{given} need queries: name the file of their vectors with --queries")
    vectors = open_vectors(embeddings)
    table, notes = _texts_of(texts, vectors) if texts else (None, ())
    notes = (*vectors.notes, *notes)
    if not queries:
        return Inputs(vectors, table=table, notes=notes)
    query_vectors = open_vectors(queries)
    if query_vectors.shape[1] != vectors.shape[1]:
        raise UsageError(
            f"{query_vectors.name} has {query_vectors.shape[1]} columns, {vectors.name} "
            f"{vectors.shape[1]}: queries and documents must come from one space"
        )
    words, more = _texts_of(query_texts, query_vectors) if query_texts else (None, ())
    notes, relevance = (*notes, *more), None
    if qrels:
        relevance, more = read_qrels(qrels, _ids(query_vectors, words), _ids(vectors, table))
        notes = (*notes, *more)
    strings = None if words is None else tuple(words["title"])
    return Inputs(vectors, query_vectors, table, strings, relevance, notes=notes)


@dataclass(frozen=True, eq=False)  # tables have no truth value
class Titles:
    """A catalogue and its queries, not yet encoded."""

    name: str  # the specification of the catalogue
    table: pd.DataFrame  # title, language, other columns
    queries_name: str = ""  # empty: there are none
    query_texts: tuple[str, ...] | None = None
    query_ids: tuple[str, ...] | None = None
    relevance: sparse.csr_array | None = None  # shape (n_queries, n_titles)
    notes: tuple[str, ...] = ()


def read_titles(
    catalogue: str,
    *,
    queries: str = "",
    qrels: str = "",
    language: str = "ru",
    n_items: int = 0,
    n_queries: int = 100,
    seed: int = 0,
) -> Titles:
    """Read a catalogue, queries and judgements as :func:`read_inputs` does, and encode nothing."""
    found = load_catalogue(catalogue, language=language, n_items=n_items or None, seed=seed)
    titles = Titles(str(catalogue), found.table, notes=found.notes)
    if queries:
        query_table, ids, notes = read_texts(queries)
        titles = replace(
            titles,
            queries_name=shown(queries),
            query_texts=tuple(query_table["title"]),
            query_ids=ids,
            notes=(*titles.notes, *notes),
        )
    elif catalogue.partition(":")[0] == "diy":
        own = diy_queries(found.table, language, n_queries=n_queries, seed=seed)
        titles = replace(
            titles,
            queries_name=f"the queries of {catalogue}",
            query_texts=tuple(own.texts),
            relevance=sparse.csr_array((own.grades == 2).astype(float)),
        )
    if qrels:
        if titles.query_texts is None:
            raise UsageError("qrels need queries: name the file of their texts with --queries")
        ids = titles.query_ids or tuple(map(str, range(len(titles.query_texts))))
        _distinct(ids, titles.queries_name)
        relevance, notes = read_qrels(qrels, ids, _title_ids(titles, qrels))
        titles = replace(titles, relevance=relevance, notes=(*titles.notes, *notes))
    return titles


def _title_ids(titles: Titles, qrels: str) -> tuple[str, ...]:
    """The column of ids, or row numbers where they are those of the file."""
    column = next((name for name in ID_NAMES if name in titles.table.columns), None)
    if column is not None:
        ids = tuple(str(value) for value in titles.table[column])
        _distinct(ids, shown(titles.name))
        return ids
    n = len(titles.table)
    if Path(titles.name).suffix.lower() in TEXT_KINDS and n < (
        n_file := len(read_table(titles.name))
    ):
        raise UsageError(
            f"{shown(titles.name)}: {n:,} of {n_file:,} rows are audited, so the row numbers in "
            f"{shown(qrels)} are not theirs: give the titles a column 'id'"
        )
    return tuple(map(str, range(n)))


def _encoded(titles: Titles, model: str, seed: int) -> Inputs:
    encoder = load_encoder(model, seed=seed)

    def vectors(name: str, texts: Sequence[str], ids: tuple[str, ...] | None = None) -> Vectors:
        return Vectors(f"{model} of {name}", "encoder", encoder.encode(list(texts)), ids=ids)

    documents = vectors(titles.name, titles.table["title"])
    queries = None
    if titles.query_texts is not None:
        queries = vectors(titles.queries_name, titles.query_texts, titles.query_ids)
    known = (titles.table, titles.query_texts, titles.relevance)
    return Inputs(documents, queries, *known, notes=titles.notes)


def read_texts(path: str) -> tuple[pd.DataFrame, tuple[str, ...] | None, tuple[str, ...]]:
    """Read texts: a line each (.txt), or the column title, name, text or query of a table.
    Returns a table of ``title`` (missing ones are ""), ``language`` and the other columns; the ids,
    where there are any; and notes.
    """
    file = existing(path, TEXT_KINDS)
    notes: tuple[str, ...] = ()
    if file.suffix.lower() == ".txt":
        try:
            lines = file.read_text(encoding="utf-8").removeprefix("\ufeff").split("\n")
        except UnicodeDecodeError as error:
            raise UsageError(f"{shown(path)} is not UTF-8: offset {error.start}") from None
        table = pd.DataFrame({"title": lines[:-1] if lines[-1] == "" else lines})
    else:
        try:
            table = read_table(file)
        except UsageError:
            if file.suffix.lower() != ".tsv":
                raise
            table = read_table(file, quoted=False)  # quotation marks may stand for inches
            notes = ("quotation marks in the texts are taken as they are",)
    table.columns = [str(column) for column in table.columns]
    ids = next((name for name in ID_NAMES if name in table.columns), None)
    title = next((name for name in _TITLES if name in table.columns), None)
    if title is None:
        raise UsageError(
            f"{shown(path)} has no column 'title', 'name' or 'text'; it has "
            f"{', '.join(table.columns[:8])!r:.160}"
        )
    strings = ["" if _missing(value) else str(value) for value in table[title]]
    own = None if ids is None else tuple(str(value) for value in table[ids])
    rest = table.drop(columns=[name for name in (title, ids) if name])
    rest = rest.rename(columns={name: f"source_{name}" for name in ("title", "language")})
    rest.insert(0, "title", strings)
    rest.insert(1, "language", [title_language(text) for text in strings])
    return rest, own, notes


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _texts_of(path: str, vectors: Vectors) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table of texts in the order of the vectors; its ids in a column ``id``."""
    table, ids, notes = read_texts(path)
    n = vectors.shape[0]
    if ids is not None:
        _distinct(ids, shown(path))
    if ids is not None and vectors.ids is not None:
        place = {one: row for row, one in enumerate(ids)}
        lost = next((one for one in vectors.ids if one not in place), None)
        if lost is not None:
            raise UsageError(f"{shown(path)} has no text for the id {lost!r:.60} of {vectors.name}")
        table = table.iloc[[place[one] for one in vectors.ids]].reset_index(drop=True)
        if len(ids) > n:
            notes = (*notes, f"texts without a vector left out: {len(ids) - n:,}")
    elif len(table) != n:
        raise UsageError(
            f"{shown(path)} has {len(table):,} texts for {n:,} vectors of {vectors.name}: row i "
            "must be the text of vector i, or both must have ids"
        )
    elif ids is not None:
        table.insert(2, "id", list(ids))
    return table, notes


def _ids(vectors: Vectors, table: pd.DataFrame | None) -> tuple[str, ...]:
    ids = vectors.ids
    if ids is None and table is not None and "id" in table.columns:
        ids = tuple(str(value) for value in table["id"])
    if ids is None:
        return tuple(str(row) for row in range(vectors.shape[0]))
    _distinct(ids, vectors.name)
    return ids


def _distinct(ids: Sequence[str], name: str) -> None:
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        twice = next(one for one in ids if one in seen or seen.add(one))
        raise UsageError(f"{name}: the id {twice!r:.60} occurs twice")
