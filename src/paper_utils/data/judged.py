"""Judged retrieval sets: documents, queries and graded judgements, by name or from a folder."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import sparse

from paper_utils.data.files import read_table
from paper_utils.data.sources import DatasetInfo, data_folders
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.paths import RESOURCES

_FOLDER = RESOURCES / "judged"
_EMBEDDED = {"xquad-r-ru": "xquad-r-ru.json.xz", "xquad-r-en": "xquad-r-en.json.xz"}
_FILES = ("documents.jsonl", "queries.jsonl", "qrels.tsv")
_BEIR = {"documents.jsonl": "corpus.jsonl", "qrels.tsv": "qrels/test.tsv"}  # its other names


@dataclass(frozen=True, eq=False)
class JudgedSet:
    """Documents, queries and the judgements between them."""

    name: str  #: as it was loaded
    doc_ids: tuple[str, ...]
    documents: tuple[str, ...]  #: texts, as they are encoded
    query_ids: tuple[str, ...]
    queries: tuple[str, ...]  #: texts; each has a judgement
    #: Grades, float64 of shape (n_queries, n_docs); a stored 0 was judged not to be relevant.
    qrels: sparse.csr_array
    #: Documents without a text, which are left out with their judgements, and queries that
    #: nobody judged: how many of each.
    left_out: Mapping[str, int]

    def __repr__(self) -> str:
        return f"JudgedSet({self.name!r}, {len(self.documents)} docs, {len(self.queries)} queries)"


def load_judged(name: str | os.PathLike[str] = "xquad-r-ru") -> JudgedSet:
    """Load a judged retrieval set.

    Parameters
    ----------
    name : str or path
        ``xquad-r-ru`` or ``xquad-r-en`` (in the package: questions to the sentence with the
        answer); the name of a set that `paper data` shows, its files checked by SHA-256; or a
        folder in the form of BEIR: ``corpus.jsonl`` or ``documents.jsonl`` (``_id``, ``text`` and,
        put before it, ``title``), ``queries.jsonl`` and ``qrels.tsv`` or ``qrels/test.tsv``
        (``query-id``, ``corpus-id``, ``score``, with this header).

    Returns
    -------
    JudgedSet
        Without queries that nobody judged and documents without a text; `left_out` counts them.

    Raises
    ------
    UsageError
        An unknown name, a file that is missing, unreadable or of another checksum; ids or
        judgements that occur twice; judgements that name unknown queries or documents; a judged
        query without a text; a grade that is no number from 0.

    Examples
    --------
    >>> judged = load_judged("xquad-r-en")
    >>> judged.qrels.shape, judged.qrels.nnz
    ((1190, 1180), 1190)
    """
    if name in _EMBEDDED:
        content = json.loads(lzma.decompress((_FOLDER / _EMBEDDED[name]).read_bytes()))
        rows = ((query, document, 1.0) for query, document in content["qrels"])
        return _assembled(str(name), content["documents"], content["queries"], rows)
    if name in _judged_names():
        paths, fields = _checked(str(name)), _sets()[name]["fields"].split()
    else:
        paths, fields = _folder_files(name), ["title", "text"]
    texts = (read_texts(paths["documents.jsonl"], fields), read_texts(paths["queries.jsonl"]))
    return _assembled(str(name), *texts, _read_grades(paths["qrels.tsv"]))


def load_sentences(name: str) -> tuple[str, ...]:
    """Return the sentences of ``ud-ru-gsd``, ``ud-ru-taiga`` or ``sts-ru``, in their order."""
    paths = _checked(name)
    if name == "sts-ru":
        tables = [read_table(path, quoted=False) for path in paths.values()]
        return tuple(
            text for table in tables for i in (1, 2) for text in table[f"sentence{i}"].tolist()
        )
    return tuple(read_texts(paths["documents.jsonl"]).values())


def judged_checksums(name: str) -> dict[str, str]:
    """Return the checksums of the files of a set, as records keep them."""
    if name in _EMBEDDED:
        content = (_FOLDER / _EMBEDDED[name]).read_bytes()
        return {f"judged/{_EMBEDDED[name]}": f"sha256:{hashlib.sha256(content).hexdigest()}"}
    files = _known(name)["files"]
    return {f"judged/{name}/{file}": f"sha256:{digest}" for file, digest in files.items()}


def judged_datasets() -> list[DatasetInfo]:
    """Return the rows of `paper data` of the judged sets and sentences."""
    licence, origin = "CC BY-SA 4.0", "github.com/google-research-datasets/lareqa"
    rows = [
        DatasetInfo(
            name=name,
            what=f"questions to the sentence with the answer, Wikipedia, {language}",
            n=n,
            licence=licence,
            origin=origin,
            where="in the package",
            reachable=True,
            missing=(),
            size=(_FOLDER / _EMBEDDED[name]).stat().st_size,
            checksums=judged_checksums(name),
        )
        for name, language, n in (
            ("xquad-r-ru", "Russian", "1,219 documents, 1,190 queries, 1,190 judgements"),
            ("xquad-r-en", "English", "1,180 documents, 1,190 queries, 1,190 judgements"),
        )
    ]
    return rows + [_info(name, content) for name, content in _sets().items()]


def _info(name: str, content: Mapping[str, Any]) -> DatasetInfo:
    paths = {file: _find(name, file) for file in content["files"]}
    missing = tuple(file for file, path in paths.items() if path is None)
    here = [path for path in paths.values() if path is not None]
    return DatasetInfo(
        name=name,
        what=content["what"],
        n=content["n"],
        licence=content["licence"],
        origin=content["origin"],
        where=str(here[0].parent) if here else f"set PAPER_DATA to the folder of judged/{name}",
        reachable=not missing,
        missing=missing,
        size=None if missing else sum(path.stat().st_size for path in here),
        checksums={file: f"sha256:{digest}" for file, digest in content["files"].items()},
    )


@cache
def _sets() -> dict[str, dict[str, Any]]:
    return yaml.safe_load((_FOLDER / "sets.yml").read_text(encoding="utf-8"))


def _judged_names() -> list[str]:
    return [name for name, content in _sets().items() if "qrels.tsv" in content["files"]]


def _known(name: str) -> dict[str, Any]:
    if name not in _sets():
        raise UsageError(f"no data set {name!r}; {did_you_mean(name, (*_EMBEDDED, *_sets()))}")
    return _sets()[name]


def _find(name: str, file: str) -> Path | None:
    candidates = (folder / "judged" / name / file for folder in data_folders())
    return next((path for path in candidates if path.is_file()), None)


def _checked(name: str) -> dict[str, Path]:
    """Return the files of a known set, each of the checksum that it must have."""
    found = {}
    for file, expected in _known(name)["files"].items():
        path = _find(name, file)
        if path is None:
            where = " or ".join(str(folder / "judged" / name) for folder in data_folders())
            raise UsageError(f"{file} of {name} is not in {where}; set PAPER_DATA")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != expected:
            raise UsageError(
                f"{path} is not the file that this book was checked with: sha256 {digest[:12]}…, "
                f"not {expected[:12]}…"
            )
        found[file] = path
    return found


def _folder_files(name: str | os.PathLike[str]) -> dict[str, Path]:
    folder = Path(name).expanduser()
    if not folder.is_dir():
        known = (*_EMBEDDED, *_judged_names())
        raise UsageError(
            f"{str(name)!r} is no folder and no judged set; {did_you_mean(str(name), known)}, or a "
            f"folder with {', '.join(_FILES)}"
        )
    paths = {}
    for file in _FILES:
        other = folder / _BEIR.get(file, file)
        paths[file] = other if not (folder / file).is_file() and other.is_file() else folder / file
    return paths


def read_texts(path: Path, fields: Sequence[str] = ("text",)) -> dict[str, str]:
    """Return the texts of a JSON-lines file by ``_id``: its `fields`, joined by a space."""
    table = read_table(path)
    for field in ("_id", *fields[-1:]):
        if field not in table.columns:
            raise UsageError(f"{path} has no field {field!r}; it has {', '.join(table.columns)}")
    columns = [table[field].tolist() for field in fields if field in table.columns]
    found: dict[str, str] = {}
    for number, (identifier, *parts) in enumerate(
        zip(table["_id"].tolist(), *columns, strict=True), start=1
    ):
        if not isinstance(identifier, str) or not identifier:
            raise UsageError(f"{path}, record {number}: _id must be a text, not {identifier!r}")
        if identifier in found:
            raise UsageError(f"{path}: _id {identifier!r} occurs twice")
        texts = ["" if part is None else part for part in parts]
        if not all(isinstance(text, str) for text in texts):
            raise UsageError(f"{path}: a text of {identifier!r} is no string")
        found[identifier] = " ".join(text for text in texts if text.strip())
    return found


def _read_grades(path: Path) -> Iterable[tuple[str, str, float]]:
    table = read_table(path, quoted=False)
    names = ("query-id", "corpus-id", "score")
    if missing := [name for name in names if name not in table.columns]:
        raise UsageError(f"{path} has no column {missing[0]!r}; its header must name {names}")
    for number, (query, document, text) in enumerate(table[list(names)].to_numpy(), start=2):
        try:
            grade = float(text)
        except ValueError:
            grade = np.nan
        if not 0 <= grade < np.inf:
            raise UsageError(f"{path}, line {number}: a score is a number from 0, not {text!r}")
        yield query, document, grade


def _assembled(
    name: str,
    documents: Mapping[str, str],
    queries: Mapping[str, str],
    grades: Iterable[tuple[str, str, float]],
) -> JudgedSet:
    judged: dict[tuple[str, str], float] = {}
    for query, document, grade in grades:
        for identifier, known, what in (
            (query, queries, "query"),
            (document, documents, "document"),
        ):
            if identifier not in known:
                raise UsageError(f"{name}: a judgement names the unknown {what} {identifier!r}")
        if (query, document) in judged:
            raise UsageError(f"{name}: document {document!r} is judged twice for query {query!r}")
        judged[query, document] = grade
    if not judged:
        raise UsageError(f"{name}: nothing is judged")
    asked = {query for query, _ in judged}
    if blank := [query for query in asked if not queries[query].strip()]:
        raise UsageError(f"{name}: the query {blank[0]!r} has no text")
    rows = {query: i for i, query in enumerate(q for q in queries if q in asked)}
    columns = {d: i for i, d in enumerate(d for d in documents if documents[d].strip())}
    kept = [(rows[q], columns[d], grade) for (q, d), grade in judged.items() if d in columns]
    row, column, grade = zip(*kept, strict=True)
    return JudgedSet(
        name=name,
        doc_ids=tuple(columns),
        documents=tuple(documents[d] for d in columns),
        query_ids=tuple(rows),
        queries=tuple(queries[q] for q in rows),
        qrels=sparse.csr_array((grade, (row, column)), shape=(len(rows), len(columns))),
        left_out={
            "documents": len(documents) - len(columns),
            "judgements": len(judged) - len(kept),
            "queries": len(queries) - len(rows),
        },
    )
