"""Texts of items or queries, from a file, a list, a dict or a table: title and text joined."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embedding_audit.matching.names import Key, as_id, keys_of, missing
from embedding_audit.reading import kind_of, read_json, read_lines, read_rows, shown
from embedding_audit.reading.names import id_rank, plain
from paper_utils.errors import UsageError

#: Columns that hold a title, and columns that hold a text, the preferred ones first.
TITLES = (
    "title",
    "name",
    "headline",
    "heading",
    "subject",
    "document_title",
    "doc_title",
    "product_title",
    "product_name",
    "item_title",
    "item_name",
)
BODIES = (
    "text",
    "body",
    "content",
    "contents",
    "page_content",
    "passage",
    "abstract",
    "document",
    "document_text",
    "doc_text",
    "passage_text",
    "product_text",
    "chunk",
    "chunk_text",
    "description",
    "product_description",
    "sentence",
    "paragraph",
    "segment",
    "snippet",
    "query",
    "query_text",
    "question",
    "question_text",
    "utterance",
    "prompt",
    "input",
    "tweet",
    "review",
    "summary",
    "caption",
    "string",
)

_ID = "id"  # of ids that come without the name of a column


@dataclass(frozen=True, eq=False)  # tables have no truth value
class Texts:
    """Texts in the order of their source."""

    name: str  # as messages call the source
    strings: tuple[str, ...]  # "" where there is none
    chosen: str  # which columns they are, for the notes
    columns: pd.DataFrame  # the other columns, ids among them
    missing: int = 0  # rows without a text
    notes: tuple[str, ...] = ()  # of the reader

    def keys(self, wanted: str = "") -> list[Key]:
        """Return the columns that name the rows, by their names."""
        return keys_of(None, "", self.columns, wanted)

    def take(self, rows: np.ndarray) -> Texts:
        """Return the texts of some rows; -1 stands for none."""
        strings = tuple(self.strings[row] if row >= 0 else "" for row in rows)
        columns = self.columns.iloc[np.maximum(rows, 0)].reset_index(drop=True)
        if (rows < 0).any():
            columns = columns.astype(object).mask(pd.Series(rows < 0), None)
        return replace(self, strings=strings, columns=columns)


def read_texts(given: Any, text_column: str = "", what: str = "texts", must: bool = True) -> Texts:
    """Read texts: a path (.txt: a line each; else a table), a list, a dict from ids (to a text, or
    to title and text), a Series or a table. Not `must`: `text_column` may be absent.
    UsageError: no column of texts, or several to ask about.
    """
    if isinstance(given, str | os.PathLike):
        table, notes = _of_file(given)
        return replace(_chosen(table, text_column, shown(given), must), notes=notes)
    return _chosen(_as_table(given, what), text_column, what, must)


def _of_file(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table in a file: a line each, a JSON dict from ids, or columns with or without names."""
    if Path(path).suffix.lower() == ".txt":
        lines = read_lines(path)
        if not (lines and all(line.count("\t") == 1 for line in lines)):
            return pd.DataFrame({"text": lines}, dtype=object), ()
        cells = [line.split("\t") for line in lines]
        note = f"each line of {shown(path)} is an id, a tab and a text"
        return pd.DataFrame(cells, columns=[_ID, "text"], dtype=object), (note,)
    kind = kind_of(path)
    if kind == "json" and _holds_strings(value := read_json(path)):
        return _as_table(value, shown(path)), ()
    table = read_rows(path)
    notes = table.attrs["notes"]
    if kind == "table" and _unnamed(list(table.columns)):
        table = read_rows(path, header=False).set_axis([_ID, "text"], axis=1)
        notes = (*notes, f"{shown(path)} has no header: ids, then texts")
    return table, notes


def _holds_strings(value: Any) -> bool:
    """Whether a JSON document is a list of texts, or a dict from ids to them."""
    if isinstance(value, list):
        return all(isinstance(one, str) or one is None for one in value)
    inner = list(value.values()) if isinstance(value, Mapping) else [0]
    if all(isinstance(one, Mapping) for one in inner):
        return all(any(_rank(name) is not None for name in one) for one in inner)
    return all(isinstance(one, str) or one is None for one in inner)


def _unnamed(columns: list[str]) -> bool:
    """Whether the first line of two cells is an id and a text, as MS MARCO's files begin."""
    if len(columns) != 2 or any(id_rank(c) is not None or _rank(c) is not None for c in columns):
        return False
    return any(letter.isdigit() for letter in columns[0]) or " " in columns[1].strip()


def _rank(column: object) -> int | None:
    """The place of a column among the titles and texts; None: neither by its name."""
    return _RANKS.get(_inner(column))


def _as_table(given: Any, what: str) -> pd.DataFrame:
    if hasattr(given, "to_pandas"):  # Arrow, polars, datasets
        given = given.to_pandas()
    if isinstance(given, pd.DataFrame):
        return with_index(given)
    if isinstance(given, pd.Series):
        return with_index(given.rename("text").to_frame())
    if isinstance(given, Mapping):
        ids, values = list(given), list(given.values())
        if all(isinstance(value, Mapping) for value in values):
            table = pd.DataFrame([dict(value) for value in values], dtype=object)
            return table.drop(columns=_ID, errors="ignore").assign(**{_ID: ids})
        _check_strings(values, what)
        return pd.DataFrame({_ID: ids, "text": values}, dtype=object)
    if isinstance(given, list | tuple | np.ndarray):
        values = list(given)
        if values and all(isinstance(value, Mapping) for value in values):
            return pd.DataFrame([dict(value) for value in values], dtype=object)
        _check_strings(values, what)
        return pd.DataFrame({"text": values}, dtype=object)
    raise UsageError(
        f"{what} are {type(given).__name__}: a path, a list of strings, a dict from ids to strings "
        "or a DataFrame is needed"
    )


def with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose index, where somebody set one, is a column too."""
    frame = frame.rename(columns=str)
    words = [name for name in frame.columns if isinstance(frame[name].dtype, pd.StringDtype)]
    frame = frame.astype(dict.fromkeys(words, object))  # faster to walk through
    if isinstance(frame.index, pd.RangeIndex) and frame.index.name is None:
        return frame.reset_index(drop=True)
    if isinstance(frame.index, pd.MultiIndex):
        return frame.reset_index(drop=True)
    name = str(frame.index.name or _ID)
    values = list(frame.index)
    return frame.reset_index(drop=True).assign(**({} if name in frame.columns else {name: values}))


def _check_strings(values: list[Any], what: str) -> None:
    for row, value in enumerate(values):
        if not (isinstance(value, str) or missing(value)):
            raise UsageError(f"{what}, row {row}: a string is needed, not {type(value).__name__}")


def _chosen(table: pd.DataFrame, text_column: str, name: str, must: bool) -> Texts:
    if not len(table):
        raise UsageError(f"{name} holds no rows")
    if not must and text_column not in table.columns:
        text_column = ""
    columns = text_columns(table, text_column, name)
    if not columns:
        columns = [_only_column(table, name)]
    return joined(table, columns, name)


def text_columns(table: pd.DataFrame, text_column: str, name: str) -> list[str]:
    """Return the column asked for, or title and text, whichever of them are there.
    UsageError: `text_column` is not there.
    """
    if text_column:
        if text_column not in table.columns:
            raise UsageError(f"{name} has no column {text_column!r:.60}; it has {_listing(table)}")
        return [text_column]
    found = []
    for names in (TITLES, BODIES):
        ranks = {plain(str(one)): rank for rank, one in enumerate(names)}
        places = [(ranks.get(_inner(one)), one) for one in table.columns]
        there = [(rank, one) for rank, one in places if rank is not None]
        there = [(rank, one) for rank, one in there if _holds_texts(table[one])]
        found += [one for _, one in sorted(there, key=lambda pair: pair[0])][:1]
    return found


def _inner(column: object) -> str:
    return plain(str(column).rpartition(".")[2])


_RANKS = {plain(one): rank for rank, one in enumerate((*TITLES, *BODIES))}


def joined(table: pd.DataFrame, columns: list[str], name: str) -> Texts:
    """Return the texts of one or two columns, joined with a blank where both are there (BEIR)."""
    parts = [[as_text(value) for value in table[column]] for column in columns]
    strings = tuple(" ".join(filter(None, row)) for row in zip(*parts, strict=True))
    chosen = "column " + " and ".join(f"`{column}`" for column in columns)
    if len(columns) > 1:
        chosen = chosen.replace("column", "columns", 1) + ", joined with a blank"
    rest = [one for one in table.columns if one not in columns and _holds_texts(table[one])]
    return Texts(name, strings, chosen, table[rest], missing=sum(not text for text in strings))


def as_text(value: Any) -> str:
    """Return a cell as text; "" for none."""
    return value.strip() if type(value) is str else as_id(value)


def _holds_texts(column: pd.Series) -> bool:
    first = next((value for value in column if not missing(value)), "")
    return not isinstance(first, list | tuple | dict | set | np.ndarray | bool)


def _only_column(table: pd.DataFrame, name: str) -> str:
    """The one column of strings that is no id; else the question which."""
    there = [
        c
        for c in table.columns
        if id_rank(str(c)) is None and any(isinstance(value, str) for value in table[c])
    ]
    if len(there) != 1:
        raise UsageError(
            f"{name} has no column 'title' or 'text'; it has {_listing(table)}: say which with "
            "--text-column (text_column=)"
        )
    return there[0]


def _listing(table: pd.DataFrame) -> str:
    return f"{', '.join(map(str, table.columns[:12]))!r:.200}"
