"""LIMIT and data of its form: documents, queries, relevance and the attributes behind them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.data.fetch import git_blob_id
from paper_utils.data.files import read_table
from paper_utils.data.sources import data_file, find_dataset
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.limit.sentences import read_documents, read_query

NAMES = ("limit-small", "limit")  #: data sets of this form that `load_limit` finds by name


@dataclass(frozen=True, eq=False)
class LimitData:
    """A collection in LIMIT's form."""

    name: str  #: what it was loaded or made as
    doc_ids: tuple[str, ...]  #: in LIMIT the person's name, with which the text begins
    documents: tuple[str, ...]  #: texts
    query_ids: tuple[str, ...]  #: in the order of `queries`
    queries: tuple[str, ...]  #: texts
    #: True where the document is relevant, shape (n_queries, n_docs); no query is without one.
    qrels: sparse.csr_array
    attributes: tuple[str, ...]  #: what people may like; empty, as the next two, where not known
    #: Of each document, its attributes as places in `attributes`, in the order of the text.
    doc_attributes: tuple[NDArray[np.int64], ...]
    query_attributes: NDArray[np.int64]  #: (n_queries,), the attribute that each query asks for

    @property
    def relevant(self) -> NDArray[np.int64]:
        """Places of the documents that are relevant to some query, increasing."""
        return np.unique(self.qrels.indices).astype(np.int64)

    def __repr__(self) -> str:
        return f"LimitData({self.name!r}, {len(self.documents)} docs, {len(self.queries)} queries)"


def load_limit(source: str | os.PathLike[str] = "limit-small") -> LimitData:
    """Read LIMIT, LIMIT-small or a folder of the same form.

    Parameters
    ----------
    source : str or path
        ``limit-small`` or ``limit``, found as `paper data` shows and checked against the pinned
        commit; or a folder with ``corpus.jsonl`` (``_id``, ``text``, and a ``title`` that is put
        before the text), ``queries.jsonl`` (``_id``, ``text``) and ``qrels.jsonl`` (``query-id``,
        ``corpus-id`` and, if there are others than 1, ``score``; relevant above 0).

    Returns
    -------
    LimitData
        Attributes are known when all texts are sentences of LIMIT's form and each query asks
        for what its relevant documents list.

    Raises
    ------
    UsageError
        A file that is missing, unreadable or not that of the pinned commit; missing fields, empty
        texts; ids or judgements given twice or unknown; a query without a relevant document.

    Examples
    --------
    >>> load_limit("limit-smal")
    Traceback (most recent call last):
    ...
    paper_utils.errors.UsageError: 'limit-smal' is no folder and no data set of LIMIT's form: ...
    """
    paths = _paths(source)
    docs, documents = _read_texts(paths["corpus.jsonl"])
    query_ids, queries = _read_texts(paths["queries.jsonl"])
    qrels = read_judgements(paths["qrels.jsonl"], query_ids, docs)
    name = source if source in NAMES else Path(source).expanduser().resolve().name
    attributes, of_docs, of_queries = _read_attributes(documents, queries, qrels)
    return LimitData(
        str(name), docs, documents, query_ids, queries, qrels, attributes, of_docs, of_queries
    )


def read_queries(dataset: str = "limit") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return ids and texts of the released queries, checked against the pinned commit."""
    return _read_texts(checked_file(dataset, "queries.jsonl"))


def checked_file(dataset: str, filename: str) -> Path:
    """Return the path of a file whose content is that of the pinned commit, or raise."""
    path = data_file(dataset, filename)
    expected = next(file for file in find_dataset(dataset) if file.name == filename)
    if f"git:{git_blob_id(path)}" != expected.checksum:
        size = "" if expected.size is None else f" of {expected.size:,}"
        raise UsageError(
            f"{path} ({path.stat().st_size:,}{size} bytes) is not the file of the pinned commit: "
            f"half downloaded or changed; fetch it again with: paper data fetch {dataset}"
        )
    return path


def released_checksums(*names: str) -> dict[str, str]:
    """Return the checksums of the released files of some data sets of `NAMES`, all by default.
    LIMIT's corpus, a large download, is not among them: its replica stands in.
    """
    return {
        f"{name}/{file.name}": file.checksum
        for name in names or NAMES
        for file in find_dataset(name)
        if (name, file.name) != ("limit", "corpus.jsonl")
    }


def read_judgements(
    path: str | os.PathLike[str], query_ids: Sequence[str], doc_ids: Sequence[str]
) -> sparse.csr_array:
    """Return relevance, bool (n_queries, n_docs), with rows and columns in the order of the ids.
    Raises `UsageError` for unknown ids, double judgements and queries without a relevant document.
    """
    table = read_table(path)
    _check_fields(path, table, ("query-id", "corpus-id"))
    row = _places(path, table["query-id"], query_ids, "query")
    column = _places(path, table["corpus-id"], doc_ids, "document")
    _, first = np.unique(row * len(doc_ids) + column, return_index=True)
    if first.size < row.size:
        later = int(np.setdiff1d(np.arange(row.size), first)[0])
        query, doc = query_ids[row[later]], doc_ids[column[later]]
        raise UsageError(f"{path}: query {query!r} judges document {doc!r} twice")
    scores = table["score"] if "score" in table.columns else [1] * len(table)
    relevant = np.array([_score(path, s) for s in scores]) > 0
    shape = (len(query_ids), len(doc_ids))
    judged = (np.ones(relevant.sum(), dtype=bool), (row[relevant], column[relevant]))
    qrels = sparse.csr_array(judged, shape=shape)
    qrels.sort_indices()
    empty = np.flatnonzero(np.diff(qrels.indptr) == 0)
    if empty.size:
        raise UsageError(
            f"{path}: query {query_ids[empty[0]]!r} has no relevant document "
            f"({empty.size} such); drop these queries first"
        )
    return qrels


def _paths(source: str | os.PathLike[str]) -> dict[str, Path]:
    filenames = [file.name for file in find_dataset("limit-small")]
    if source in NAMES:
        return {name: checked_file(str(source), name) for name in filenames}
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise UsageError(
            f"{str(source)!r} is no folder and no data set of LIMIT's form: "
            f"{did_you_mean(source, NAMES)}, or a folder with {', '.join(filenames)}"
        )
    return {name: folder / name for name in filenames}


def _read_texts(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    table = read_table(path)
    _check_fields(path, table, ("_id", "text"))
    ids, texts = table["_id"].tolist(), table["text"].tolist()
    if "title" in table.columns:
        titles = [title if isinstance(title, str) else "" for title in table["title"]]
        texts = [
            f"{title} {text}" if title.strip() and isinstance(text, str) else text
            for title, text in zip(titles, texts, strict=True)
        ]
    seen = set()
    for number, (identifier, text) in enumerate(zip(ids, texts, strict=True), start=1):
        if not isinstance(identifier, str) or not identifier:
            raise UsageError(f"{path}, record {number}: _id must be a text, not {identifier!r}")
        if identifier in seen:
            raise UsageError(f"{path}: _id {identifier!r} occurs twice")
        seen.add(identifier)
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"{path}: the text of {identifier!r} is empty")
    return tuple(ids), tuple(texts)


def _check_fields(path: str | os.PathLike[str], table: pd.DataFrame, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in table.columns]
    if missing:
        fields = ", ".join(map(str, table.columns))
        raise UsageError(f"{path} has no field {missing[0]!r}; it has {fields}")


def _places(
    path: str | os.PathLike[str], ids: Sequence[object], known: Sequence[str], what: str
) -> NDArray[np.int64]:
    place = {identifier: i for i, identifier in enumerate(known)}
    unknown = next((i for i in ids if i not in place), None)
    if unknown is not None:
        raise UsageError(f"{path}: unknown {what} {unknown!r}; {len(known)} are known")
    return np.array([place[i] for i in ids], dtype=np.int64)


def _score(path: str | os.PathLike[str], score: object) -> float:
    good = isinstance(score, (int, float)) and math.isfinite(score) and score >= 0
    if not good:
        raise UsageError(f"{path}: a score must be a number from 0, not {score!r}")
    return float(score)


def _read_attributes(
    documents: Sequence[str], queries: Sequence[str], qrels: sparse.csr_array
) -> tuple[tuple[str, ...], tuple[NDArray[np.int64], ...], NDArray[np.int64]]:
    unknown = (), (), np.empty(0, dtype=np.int64)
    named = [read_query(query) for query in queries]
    if None in named:
        return unknown
    listed = read_documents(documents, set(named))
    if listed is None:
        return unknown
    place: dict[str, int] = {}
    for attribute in (*named, *(a for row in listed for a in row)):
        place.setdefault(attribute, len(place))
    of_docs = tuple(np.array([place[a] for a in row], dtype=np.int64) for row in listed)
    of_queries = np.array([place[a] for a in named], dtype=np.int64)
    for row, attribute in enumerate(of_queries):
        columns = qrels.indices[qrels.indptr[row] : qrels.indptr[row + 1]]
        if not all(attribute in of_docs[column] for column in columns):
            return unknown  # a query in other words than its documents: synonyms
    return tuple(place), of_docs, of_queries
