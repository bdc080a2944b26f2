"""Tables of texts and judgements from files of any kind, told by content."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd

from embedding_audit.reading.read import clean
from embedding_audit.reading.shards import files_of
from embedding_audit.reading.source import Source, open_source, shown
from embedding_audit.reading.tables import text_rows, text_stream
from paper_utils.errors import UsageError


def read_rows(path: str | os.PathLike[str], *, header: bool = True) -> pd.DataFrame:
    """Read a table: CSV or TSV (cells stay texts, "007" too), JSON, JSON lines, Parquet, Arrow.
    Nested fields get dotted names; without `header` columns are called 0, 1, …; `attrs['notes']`
    says what was done. UsageError: none of these, damaged, without rows or columns.
    """
    name, notes, frames = shown(path), (), []
    for file in files_of(path):
        frame, said = _one(open_source(file), header)
        frames.append(frame)
        notes += said
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    if not len(frame.columns):
        raise UsageError(f"{name} has no columns")
    frame.attrs["notes"] = tuple(dict.fromkeys(notes))
    return frame


def _one(source: Source, header: bool) -> tuple[pd.DataFrame, tuple[str, ...]]:
    if source.kind == "table":
        names, rows, notes = text_rows(source, header=header)
        return pd.DataFrame(rows, columns=names, dtype=object), notes
    if source.kind in ("json", "jsonl"):
        from embedding_audit.reading.records import json_rows

        found = json_rows(source)
        names = list(dict.fromkeys(key for row in found for key in row))
        columns = {key: [row.get(key) for row in found] for key in names}
    elif source.kind in ("parquet", "arrow", "arrow stream", "feather"):
        from embedding_audit.reading.arrow import arrow_rows

        columns = arrow_rows(source)
    else:
        kind = source.kind or "an unknown kind"
        raise UsageError(
            f"{source.name} is of {kind}: a table is needed (CSV, TSV, JSON, Parquet, Arrow)"
        )
    return pd.DataFrame({key: _column(values) for key, values in columns.items()}), ()


def _column(values: list[Any]) -> pd.Series:
    return pd.Series([clean(v) if isinstance(v, str) else v for v in values], dtype=object)


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    """Read a text file line by line, without their ends; a last empty line is none."""
    source = open_source(files_of(path)[0])
    with text_stream(source) as stream:
        lines = stream.read().replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read one JSON document as it is. UsageError: not JSON."""
    from embedding_audit.reading.records import json_values

    source = open_source(files_of(path)[0])
    if source.kind not in ("json", "jsonl"):
        raise UsageError(f"{source.name} is not JSON")
    values = [value for _, value in json_values(source)]
    return values[0] if source.kind == "json" else values


def kind_of(path: str | os.PathLike[str]) -> str:
    """Return what a file (of a folder, the first) holds: 'table', 'jsonl', 'json', 'parquet', …"""
    return open_source(files_of(path)[0]).kind
