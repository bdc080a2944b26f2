"""Data of LIMIT's form as files that MTEB, BEIR and this book read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from paper_utils.errors import PaperError, UsageError
from paper_utils.limit.data import LimitData
from paper_utils.paths import replacing


def write_mteb(data: LimitData, folder: str | os.PathLike[str]) -> Path:
    """Write ``corpus.jsonl``, ``queries.jsonl`` and ``qrels.jsonl``, one object a line.

    Files of these names that are there already are replaced, each at once.

    Parameters
    ----------
    data : LimitData
    folder : str or path
        Created when it is not there.

    Returns
    -------
    pathlib.Path
        The folder, which :func:`~paper_utils.limit.data.load_limit` reads back.

    Raises
    ------
    PaperError
        The folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from paper_utils.limit.data import load_limit
    >>> from paper_utils.limit.generate import generate_limit
    >>> data = generate_limit(4, 2, n_attributes=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load_limit(write_mteb(data, folder)).documents == data.documents
    True
    """
    folder = Path(folder).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "corpus.jsonl", _records(data.doc_ids, data.documents, title=""))
        _write(folder / "queries.jsonl", _records(data.query_ids, data.queries))
        _write(folder / "qrels.jsonl", _judgements(data))
    except OSError as error:
        raise PaperError(f"cannot write to {folder}: {error.strerror or error}") from error
    return folder


def stream_corpus(path: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    """Yield (id, text) of a ``corpus.jsonl`` one by one, for corpora larger than memory.

    A ``title`` is put before the text. Repeated ids are not noticed.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _read_line(path, number, line)


def _read_line(path: Path, number: int, line: bytes) -> tuple[str, str]:
    try:
        row = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise UsageError(f"{path}, line {number}: not JSON (half downloaded?)") from None
    identifier, text = (row.get("_id"), row.get("text")) if isinstance(row, dict) else (None, None)
    if not (isinstance(identifier, str) and identifier and isinstance(text, str)):
        raise UsageError(f"{path}, line {number}: an object with the texts _id and text is needed")
    title = row.get("title")
    text = f"{title} {text}" if isinstance(title, str) and title.strip() else text
    if not text.strip():
        raise UsageError(f"{path}, line {number}: the text of {identifier!r} is empty")
    return identifier, text


def _records(ids: Iterable[str], texts: Iterable[str], **more: str) -> Iterator[dict]:
    for identifier, text in zip(ids, texts, strict=True):
        yield {"_id": identifier, **more, "text": text}


def _judgements(data: LimitData) -> Iterator[dict]:
    bounds = zip(data.query_ids, data.qrels.indptr[:-1], data.qrels.indptr[1:], strict=True)
    for query, start, stop in bounds:
        for column in data.qrels.indices[start:stop]:
            yield {"query-id": query, "corpus-id": data.doc_ids[column], "score": 1}


def _write(path: Path, records: Iterable[dict]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
