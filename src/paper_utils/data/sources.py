"""Which data sets there are, where they lie on this machine, and how their files are checked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from paper_utils.errors import UsageError, did_you_mean

_LIMIT = (
    "https://raw.githubusercontent.com/google-deepmind/limit/"
    "90c5dd3a7c3c0d68bc6cc7a0c5b0f4ca124dfdcb/data"
)
_WANDS = (
    "https://raw.githubusercontent.com/wayfair/WANDS/"
    "3b74dcf4ba29ab8ff3e6a50b5b09fc627cb882b5/dataset"
)


@dataclass(frozen=True)
class DataFile:
    """A file of a data set."""

    name: str
    checksum: str  # git: and the blob id, or sha256: and the digest
    url: str = ""  # at a pinned commit; empty where it cannot be fetched
    size: int | None = None  # bytes; None where not known


@dataclass(frozen=True)
class _Dataset:
    what: str
    n: str
    licence: str
    origin: str
    files: tuple[DataFile, ...] = ()


_DATASETS = {
    "diy": _Dataset(
        "generated titles of power tools in Russian or English, with attributes",
        "2,000 by default, as many as asked for",
        "MIT",
        "in the package",
    ),
    "uhtt-tools": _Dataset(
        "real titles of tools in Russian and English, with category and brand "
        "(uhtt-drills: the 503 drills and screwdrivers among them)",
        "45,989 titles",
        "none given: aggregates and a few examples only",
        "Universe-HTT, github.com/papyrussolution/UhttBarcodeReference",
        (
            DataFile(
                "products.tsv",
                "sha256:b504fad5d5f267c7627d19cbf812132b5067bcc21643887f6c6e7ccddd1aba91",
                size=5_524_697,
            ),
        ),
    ),
    "limit-small": _Dataset(
        "LIMIT with the 46 relevant documents only",
        "46 documents, 1,000 queries",
        "CC BY 4.0",
        "github.com/google-deepmind/limit",
        (
            DataFile(
                "corpus.jsonl",
                "git:c8181adc9ddbffa6aa78265f5306f76b550aaaa8",
                f"{_LIMIT}/limit-small/corpus.jsonl",
                29_465,
            ),
            DataFile(
                "queries.jsonl",
                "git:43687649bd6d5624a8f620a4680f6bf011342bcc",
                f"{_LIMIT}/limit-small/queries.jsonl",
                54_483,
            ),
            DataFile(
                "qrels.jsonl",
                "git:8572095d494d5524e851da66b8006b3a1bbab6db",
                f"{_LIMIT}/limit-small/qrels.jsonl",
                137_231,
            ),
        ),
    ),
    "limit": _Dataset(
        "LIMIT: queries that name one attribute, two relevant documents each",
        "50,000 documents, 1,000 queries",
        "CC BY 4.0",
        "github.com/google-deepmind/limit",
        (
            DataFile(
                "corpus.jsonl",
                "git:164e0d00806b8cac9f4972c3440f893d7a66f737",
                f"{_LIMIT}/limit/corpus.jsonl",
            ),
            DataFile(
                "queries.jsonl",
                "git:ecbf03a27464ff11dba741f6c8525d98be5ce583",
                f"{_LIMIT}/limit/queries.jsonl",
                54_646,
            ),
            DataFile(
                "qrels.jsonl",
                "git:57f0b8677d1ddd558034f2ed15528fb8e33e0f23",
                f"{_LIMIT}/limit/qrels.jsonl",
                135_812,
            ),
        ),
    ),
    "wands": _Dataset(
        "WANDS: furniture products and queries with human judgements (Exact, Partial, Irrelevant)",
        "42,994 products, 480 queries, 233,448 judgements",
        "MIT",
        "github.com/wayfair/WANDS",
        (
            DataFile(
                "product.csv",
                "git:a415f7295dc0d90b3163ef606da611a4e9ddeca8",
                f"{_WANDS}/product.csv",
            ),
            DataFile(
                "query.csv",
                "git:acb3c1f4cf1b775f494225afec79ec2163fc3e03",
                f"{_WANDS}/query.csv",
            ),
            DataFile(
                "label.csv",
                "git:2c09a0d7b1f77f6040deb5873b5a90b8ef1e3ae9",
                f"{_WANDS}/label.csv",
            ),
        ),
    ),
}


@dataclass(frozen=True)
class DatasetInfo:
    """One row of `paper data`."""

    name: str  #: as for :func:`fetch_dataset`
    what: str  #: what it is, in words
    n: str  #: how much there is, in words
    licence: str  #: as its source states it
    origin: str  #: where it was published
    where: str  #: the folder here where its files lie or would lie; how to get them otherwise
    reachable: bool  #: whether all its files are here; their content was checked when fetched
    missing: tuple[str, ...]  #: files that are not here
    size: int | None  #: bytes of all files; None where one is not here and was not measured
    checksums: dict[str, str]  #: of each file, ``git:`` and a blob id or ``sha256:`` and a digest


def data_folders() -> list[Path]:
    """Return where data sets are looked for, ``PAPER_DATA`` first; downloads go to the first."""
    named = os.environ.get("PAPER_DATA")
    default = platformdirs.user_data_path("dual-encoder-limits")
    return [Path(named).expanduser(), default] if named else [default]


def find_dataset(name: str) -> tuple[DataFile, ...]:
    """Return the files of a data set, or raise `UsageError`."""
    if name not in _DATASETS:
        raise UsageError(f"unknown data set {name!r}: {did_you_mean(name, _DATASETS)}")
    return _DATASETS[name].files


def _found(dataset: str, filename: str) -> Path | None:
    candidates = (folder / dataset / filename for folder in data_folders())
    return next((path for path in candidates if path.is_file()), None)


def data_file(dataset: str, filename: str) -> Path:
    """Return the path of a file of a data set; where it is not here, UsageError says how to get it.

    Parameters
    ----------
    dataset, filename : str
        As in `datasets`.

    Returns
    -------
    pathlib.Path

    Examples
    --------
    >>> data_file("limit-smal", "corpus.jsonl")
    Traceback (most recent call last):
    ...
    paper_utils.errors.UsageError: unknown data set 'limit-smal': did you mean 'limit-small'? ...
    """
    files = {file.name: file for file in find_dataset(dataset)}
    if filename not in files:
        raise UsageError(f"{dataset} has no file {filename!r}: {did_you_mean(filename, files)}")
    path = _found(dataset, filename)
    if path is None:
        where = " or ".join(str(folder / dataset) for folder in data_folders())
        raise UsageError(f"{dataset}/{filename} is not in {where}; {_advice(dataset)}")
    return path


def _advice(dataset: str) -> str:
    if all(file.url for file in _DATASETS[dataset].files):
        return f"fetch it with: paper data fetch {dataset}"
    return "set PAPER_DATA to the folder that has it"


def datasets() -> list[DatasetInfo]:
    """Return what there is to work on, and whether it is here; touches no network.

    Returns
    -------
    list of DatasetInfo

    Examples
    --------
    >>> [info.name for info in datasets()]
    ['diy', 'uhtt-tools', 'limit-small', 'limit', 'wands']
    """
    return [_info(name, dataset) for name, dataset in _DATASETS.items()]


def _info(name: str, dataset: _Dataset) -> DatasetInfo:
    paths = {file.name: _found(name, file.name) for file in dataset.files}
    missing = tuple(filename for filename, path in paths.items() if path is None)
    here = sorted({str(path.parent) for path in paths.values() if path is not None})
    sizes = [
        path.stat().st_size if (path := paths[file.name]) is not None else file.size
        for file in dataset.files
    ]
    if not dataset.files:
        where = dataset.origin
    else:
        where = ", ".join(here) or _advice(name)
        if here and missing:
            where += f"; the rest: {_advice(name)}"
    return DatasetInfo(
        name=name,
        what=dataset.what,
        n=dataset.n,
        licence=dataset.licence,
        origin=dataset.origin,
        where=where,
        reachable=not missing,
        missing=missing,
        size=None if None in sizes else sum(sizes),
        checksums={file.name: file.checksum for file in dataset.files},
    )
