"""Files that belong together: folders and globs of shards, put below each other."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from embedding_audit.reading.names import id_columns, id_rank
from embedding_audit.reading.read import Read, check_matrix
from embedding_audit.reading.source import SUFFIXES, reason, shown
from embedding_audit.reading.vectors import Joined, Matrix
from paper_utils.errors import UsageError

_BINARY = ("npy", "npz", "safetensors", "parquet", "arrow", "arrow stream", "feather", "hdf5", "")


def files_of(path: str | os.PathLike[str]) -> list[Path]:
    """Return the files that a path, a folder or a glob names, in natural order."""
    text = os.fspath(path)
    try:
        file = Path(text).expanduser()
        if file.is_dir():
            found = _of_folder(file)
        elif not file.exists() and re.search(r"[*?\[]", text):
            found = [Path(one) for one in glob.glob(str(file), recursive=True)]  # noqa: PTH207
            found = [one for one in found if one.is_file() and one.stat().st_size]
            if not found:
                raise UsageError(f"{shown(path)}: no file is called so")
        else:
            return [file]
    except (OSError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{shown(path)} cannot be read: {reason(error)}") from None
    return sorted(found, key=_natural)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]


def _of_folder(folder: Path) -> list[Path]:
    """The shards in a folder: files of the one suffix that holds vectors, those of ids left out."""
    groups: dict[str, list[Path]] = {}
    for one in _files_in(folder):
        ends = one.suffixes[-2:] if one.suffix.lower() in _PACKED else one.suffixes[-1:]
        groups.setdefault("".join(ends).lower(), []).append(one)
    known = {
        suffix: vectors
        for suffix, some in groups.items()
        if _known(suffix) and (vectors := _of_items(some))
    }
    binary = {suffix: some for suffix, some in known.items() if _known(suffix, _BINARY)}
    chosen = binary if len(binary) == 1 else known
    if len(chosen) == 1:
        return next(iter(chosen.values()))
    held = ", ".join(f"{len(some)} {suffix or 'without suffix'}" for suffix, some in groups.items())
    if not chosen:
        raise UsageError(
            f"{shown(folder)} is a folder without files of vectors ({held or 'empty'})"
        )
    raise UsageError(
        f"{shown(folder)} is a folder of several kinds of file ({held:.120}): name those with the "
        "vectors, as in 'folder/*.parquet'"
    )


def _of_items(files: list[Path]) -> list[Path]:
    """What may be vectors of items: no ids, and no queries beside other files."""
    vectors = [one for one in files if id_rank(one.stem) is None]
    return [one for one in vectors if "quer" not in one.stem.casefold()] or vectors


def _files_in(folder: Path) -> list[Path]:
    """What is not empty and not hidden, as Spark's and Finder's own files are."""
    return [
        one
        for one in folder.rglob("*")
        if one.is_file()
        and one.stat().st_size
        and not any(part[0] in "._" for part in one.relative_to(folder).parts)
    ]


_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zstd")
_UNMARKED = (".fvecs", ".ivecs", ".bvecs", ".fbin", ".u8bin", ".i8bin", ".f16bin", ".ibin")


def _known(suffix: str, kinds: Sequence[str] = tuple(SUFFIXES)) -> bool:
    inner = Path("x" + suffix).suffixes[0] if suffix else ""
    if inner in _UNMARKED:
        return True
    return inner != ".txt" and any(inner in SUFFIXES.get(kind, ()) for kind in kinds)


def passed_over(path: str | os.PathLike[str], files: list[Path]) -> tuple[str, ...]:
    """Say which files of a folder or glob are read, and which are not."""
    folder = Path(path).expanduser()
    if files == [folder]:
        return ()
    ends = f"{files[0].name} to {files[-1].name}"
    said = f"{len(files):,} files are read as one, from {ends}"
    said = f"of the folder {files[0].name} is read" if len(files) == 1 else said
    others = [one.name for one in _files_in(folder) if one not in files] if folder.is_dir() else []
    if others:
        said += f", and not {', '.join(sorted(others)[:4])}" + (", …" if len(others) > 4 else "")
    return (said,)


def joined(reads: list[Read], kinds: list[str], files: list[Path], name: str) -> Read:
    """Put shards below each other. UsageError: they differ in kind, width, type or columns."""
    first = reads[0]
    for read, kind, file in zip(reads, kinds, files, strict=True):
        check_matrix(f"{name}: {file.name}", read.data.shape)
        here = (read.data.shape[1], np.dtype(read.data.dtype), read.coding)
        there = (first.data.shape[1], np.dtype(first.data.dtype), first.coding)
        if here != there:
            raise UsageError(
                f"{name}: {file.name} holds rows of {here[0]:,} {here[1].name}, {files[0].name} of "
                f"{there[0]:,} {there[1].name}: shards must be alike"
            )
        if id_columns(list(read.beside))[:1] != id_columns(list(first.beside))[:1]:
            raise UsageError(
                f"{name}: ids of {file.name} and {files[0].name} are called differently "
                f"({id_columns(list(read.beside))[:1]}, {id_columns(list(first.beside))[:1]})"
            )
        if kind != kinds[0]:
            raise UsageError(f"{name} mixes kinds of file: {kinds[0]} and {kind}")
    names = dict.fromkeys(key for read in reads for key in read.beside)
    beside = {
        key: [one for read in reads for one in read.beside.get(key, [None] * read.data.shape[0])]
        for key in names
    }
    notes = tuple(
        dict.fromkeys(
            f"{file.name}: {note}" if "row" in note else note
            for read, file in zip(reads, files, strict=True)
            for note in read.notes
        )
    )
    parts: list[Matrix] = [read.data for read in reads]
    return Read(Joined(parts), beside, first.coding, first.column, notes)
