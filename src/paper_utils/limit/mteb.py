"""Data of LIMIT's form as files that MTEB, BEIR and this book read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from paper_utils.errors import PaperError
from paper_utils.limit.data import LimitData
from paper_utils.paths import replacing


def write_mteb(data: LimitData, folder: str | os.PathLike[str]) -> Path:
    """Write ``corpus.jsonl``, ``queries.jsonl`` and ``qrels.jsonl``, one object a line.

    Files of these names that are there already are replaced, each at once.

    Parameters
    ----------
    data : LimitData
    folder : str or path
        Created when it is not there. PaperError: it cannot be written.

    Returns
    -------
    pathlib.Path
        The folder, which :func:`~paper_utils.limit.data.load_limit` reads back.

    Examples
    --------
    >>> import tempfile
    >>> from paper_utils import generate_limit, load_limit
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
