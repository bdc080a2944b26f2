"""Read a table from a user's CSV, TSV, JSON lines or Parquet file, or say in one line why not."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pandas as pd

from paper_utils.errors import UsageError

KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")  #: ends of the names of what is read


def check_file(path: str | os.PathLike[str]) -> Path:
    """Return `path`, ``~`` expanded, if it is a non-empty, readable file of one of the `KINDS`."""
    file = Path(path).expanduser()
    if file.suffix.lower() not in KINDS:
        raise UsageError(f"{path}: files must be {', '.join(KINDS)}")
    try:
        if not file.exists():
            raise UsageError(f"{path}: no such file (looked in {file.absolute().parent})")
        if not file.is_file():
            raise UsageError(f"{path} is not a file")
        if file.stat().st_size == 0:
            raise UsageError(f"{path} is empty")
        with file.open("rb"):
            pass
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{path} cannot be read: {_reason(error)}") from error
    return file


def read_table(path: str | os.PathLike[str], *, quoted: bool = True) -> pd.DataFrame:
    """Read a table of one of the `KINDS`, with at least one column and distinct column names.
    Text is UTF-8, a byte order mark dropped. CSV and TSV cells stay text ("007" too); `quoted` says
    whether ``"`` quotes them (RFC 4180). JSON and Parquet keep their types. Nothing is unpickled.
    """
    file = check_file(path)
    kind = file.suffix.lower()
    try:
        if kind == ".parquet":
            table = _read_parquet(file)
        elif kind in (".jsonl", ".ndjson"):
            table = _read_json_lines(_text(file), file)
        else:
            table = _read_separated(_text(file), file, "," if kind == ".csv" else "\t", quoted)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {_reason(error)}") from error
    if not len(table.columns):
        raise UsageError(f"{path} has no columns")
    doubled = table.columns[table.columns.duplicated()]
    if len(doubled):
        raise UsageError(f"{path} has two columns named {doubled[0]!r}")
    return table


def _text(file: Path) -> str:
    content = file.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file} is not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start}; "
            "save it as UTF-8"
        ) from error
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise UsageError(f"{file} is empty")
    return text


def _read_separated(text: str, file: Path, separator: str, quoted: bool) -> pd.DataFrame:
    if separator == ",":
        _check_commas(text, file)
    # The csv module, not pandas.read_csv: that one fills short rows, renames doubled columns and
    # turns the brand "NA" into a missing value, all without a word.
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    previous_limit = csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    try:
        lines = csv.reader(
            io.StringIO(text, newline=""), delimiter=separator, quoting=quoting, strict=True
        )
        header = next(row for row in lines if row)
        rows = []
        for row in lines:
            if not row:  # a blank line
                continue
            if len(row) != len(header):
                raise UsageError(
                    f"{file}, line {lines.line_num}: {len(row)} cells, the header has "
                    f"{len(header)}; quote cells that contain the separator"
                )
            rows.append(row)
    except csv.Error as error:
        reason = str(error).replace("unexpected end of data", "a quotation mark is never closed")
        raise UsageError(f"{file}, line {lines.line_num}: {reason}") from error
    finally:
        csv.field_size_limit(previous_limit)
    return pd.DataFrame(rows, columns=header, dtype=object)


def _check_commas(text: str, file: Path) -> None:
    """Refuse a header that is cut by semicolons or tabs, as spreadsheets write it."""
    header = text.partition("\n")[0]
    for character, name in ((";", "semicolons"), ("\t", "tabs")):
        if character in header and "," not in header:
            raise UsageError(
                f"{file} is cut by {name}, not by commas: save it with commas, or with tabs under "
                "a name that ends in .tsv"
            )


def _read_json_lines(text: str, file: Path) -> pd.DataFrame:
    rows = []
    # Split at line feeds only: str.splitlines would also cut at U+2028 inside a title.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{file}, line {number}: not JSON ({_reason(error)})") from error
        if not isinstance(row, dict):
            raise UsageError(
                f"{file}, line {number}: {type(row).__name__} where an object is needed, "
                'as in {"title": "…"}'
            )
        rows.append(row)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return pd.DataFrame(
        {key: pd.Series([row.get(key) for row in rows], dtype=object) for key in columns}
    )


def _read_parquet(file: Path) -> pd.DataFrame:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as parquet:
            table = parquet.read()
        # `ignore_metadata`: a title that was the index of a data frame stays a column.
        frame = table.to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not a readable Parquet file: {_reason(error)}") from error
    return frame


def _reason(error: BaseException) -> str:
    """Return the first line of an error's message, or its class where it has none."""
    text = getattr(error, "strerror", None) or str(error)
    return text.strip().splitlines()[0] if text.strip() else type(error).__name__
