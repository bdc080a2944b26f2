"""Vectors from a user's file, folder or glob, whatever its suffix says."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedding_audit.cloud.progress import track
from embedding_audit.reading.codes import coding_of
from embedding_audit.reading.names import INDEX_NAMES, find_column, id_columns
from embedding_audit.reading.read import Read, check_matrix, clean
from embedding_audit.reading.source import Source, open_source, reason, shown
from embedding_audit.reading.vectors import Joined, Matrix, Vectors
from paper_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

_SUFFIXES = {  # of each kind of content; another one is said
    "npy": (".npy",),
    "npz": (".npz",),
    "safetensors": (".safetensors",),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather", ".ipc"),
    "arrow stream": (".arrow", ".arrows", ".ipc"),
    "feather": (".feather",),
    "hdf5": (".h5", ".hdf5", ".hdf"),
    "faiss": (".faiss", ".index", ".idx", ".ivf", ".bin"),
    "json": (".json", ".jsonl", ".ndjson"),
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "table": (".csv", ".tsv", ".txt", ".vec"),
}
_BINARY = ("npy", "npz", "safetensors", "parquet", "arrow", "arrow stream", "feather", "hdf5", "")


def _reader(kind: str) -> Callable[[Source, str], Read]:
    # Each kind brings libraries of its own, which only it needs.
    if kind in ("npy", "npz", "safetensors"):
        from embedding_audit.reading import arrays

        return getattr(arrays, f"read_{kind}")
    if kind in ("parquet", "arrow", "arrow stream", "feather"):
        from embedding_audit.reading.arrow import read_arrow

        return read_arrow
    if kind in ("json", "jsonl"):
        from embedding_audit.reading.records import read_json_vectors

        return read_json_vectors
    if kind == "table":
        from embedding_audit.reading.tables import read_table_vectors

        return read_table_vectors
    from embedding_audit.reading import binaries

    names = {"hdf5": "read_hdf5", "faiss": "read_faiss", "": "read_unmarked"}
    return getattr(binaries, names[kind])


def open_vectors(
    path: str | os.PathLike[str], *, id_column: str = "", vector_column: str = "", dtype: str = ""
) -> Vectors:
    """Open vectors, one row an item: a file of any kind told by content, a folder, or a glob.
    ``FILE::NAME`` names the column, array or field of a file that holds several. `dtype`: one of
    DTYPES, what whole numbers mean. UsageError: nothing there, damaged, no matrix of real numbers,
    or a question that only the user can answer.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "some.npy")
    ...     np.save(file, np.eye(3, dtype=np.float16))
    ...     found = open_vectors(file)
    ...     found.shape, found.dtype, found.block(0, 1)
    ((3, 3), 'float16', array([[1., 0., 0.]], dtype=float32))
    """
    name = shown(path)
    path, vector_column = _part(path, vector_column)
    files = files_of(path)
    reads, kinds, notes = [], [], _passed_over(path, files)
    for file in track(files, f"opening {Path(path).name}") if len(files) > 1 else files:
        source = open_source(file)
        if source.kind == "" and source.suffix == ".npy":
            raise UsageError(f"{source.name} is no .npy file or is damaged: its first bytes differ")
        reads.append(_reader(source.kind)(source, vector_column))
        kinds.append(_kind_name(source))
        notes += _suffix_note(source)
    read = reads[0] if len(reads) == 1 else _joined(reads, kinds, files, name)
    return finished(read, name, kinds[0], id_column, dtype, tuple(dict.fromkeys(notes)))


def _part(path: str | os.PathLike[str], wanted: str) -> tuple[str, str]:
    """Cut ``FILE::NAME``, unless a file is called so."""
    text = os.fspath(path)
    file, mark, name = text.rpartition("::")
    return (file, name) if mark and name and not os.path.lexists(text) else (text, wanted)


def _kind_name(source: Source) -> str:
    return source.kind or source.suffix.removeprefix(".") or "binary"


def _suffix_note(source: Source) -> tuple[str, ...]:
    if source.kind and source.suffix not in _SUFFIXES[source.kind]:
        kind = "a table of text" if source.kind == "table" else f"of kind {source.kind}"
        return (f"{source.path.name} is read as what it holds, {kind}",)
    return ()


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
    """The shards in a folder: files of the one suffix that holds vectors."""
    found = [
        one
        for one in folder.rglob("*")
        if one.is_file()
        and one.stat().st_size
        and not any(part[0] in "._" for part in one.relative_to(folder).parts)
    ]
    groups: dict[str, list[Path]] = {}
    for one in found:
        groups.setdefault(
            "".join(one.suffixes[-2:]).lower()
            if one.suffix.lower() in _PACKED
            else one.suffix.lower(),
            [],
        ).append(one)
    known = {suffix: some for suffix, some in groups.items() if _known(suffix)}
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


_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zstd")
_UNMARKED = (".fvecs", ".ivecs", ".bvecs", ".fbin", ".u8bin", ".i8bin", ".f16bin", ".ibin")


def _known(suffix: str, kinds: Sequence[str] = tuple(_SUFFIXES)) -> bool:
    inner = Path("x" + suffix).suffixes[0] if suffix else ""
    if inner in _UNMARKED:
        return True
    return inner != ".txt" and any(inner in _SUFFIXES.get(kind, ()) for kind in kinds)


def _passed_over(path: str | os.PathLike[str], files: list[Path]) -> tuple[str, ...]:
    folder = Path(path).expanduser()
    if not (len(files) > 1 or files[0] != folder):
        return ()
    note = f"{len(files):,} files are read as one, from {files[0].name} to {files[-1].name}"
    return (note.replace("1 files are read as one", "1 file is read"),)


def _joined(reads: list[Read], kinds: list[str], files: list[Path], name: str) -> Read:
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


def finished(
    read: Read, name: str, kind: str, id_column: str = "", dtype: str = "", notes: tuple = ()
) -> Vectors:
    """Say which column is the ids and what whole numbers mean, and check the rest."""
    check_matrix(name, read.data.shape)
    n, d = read.data.shape
    data, coding, told = coding_of(read.data, read.coding, read.column, name, dtype)
    if n < 1 or d < (1 if coding.endswith("bits") else 2):
        raise UsageError(f"{name} has {n} rows and {d} columns: at least 1 row and 2 are needed")
    _check_numbers(name, data)
    beside = {key or "index": values for key, values in read.beside.items()}
    id_name, ids, said = _ids(beside, id_column, name, n)
    frame = _frame({key: values for key, values in beside.items() if key != id_name})
    notes = (*notes, *read.notes, *told, *said)
    return Vectors(name, kind, data, coding, ids, id_name, frame, notes)


def _check_numbers(name: str, data: Matrix) -> None:
    dtype = np.dtype(data.dtype)
    if dtype.kind not in "iu" and dtype.str[1:] not in ("f2", "f4", "f8"):
        raise UsageError(
            f"{name} holds {dtype.name}: real numbers are needed (float16, bfloat16, float32, "
            "float64 or whole numbers)"
        )


def _ids(
    beside: dict[str, Sequence[Any]], wanted: str, name: str, n: int
) -> tuple[str, tuple[str, ...] | None, tuple[str, ...]]:
    """The column of ids, its values, and what else could have been meant."""
    named = id_columns(list(beside))
    if wanted:
        chosen = find_column(list(beside), wanted, name, "column of ids")
        return chosen, id_texts(beside[chosen], f"{name}, `{chosen}`"), ()
    if not named:
        index = next((key for key in beside if key.strip().lower() in INDEX_NAMES), None)
        if index is None or [str(one) for one in beside[index]] == [str(i) for i in range(n)]:
            return "", None, ()
        ids = id_texts(beside[index], f"{name}, `{index}`")
        return index, ids, ("ids are those of the data frame's index",)
    chosen = named[0]
    notes = ()
    if named[1:]:
        others = ", ".join(f"`{one}`" for one in named[1:5])
        notes = (f"ids are those of `{chosen}`; {others:.120} could be meant too: --id-column",)
    return chosen, id_texts(beside[chosen], f"{name}, `{chosen}`"), notes


def id_texts(values: Sequence[Any], place: str) -> tuple[str, ...]:
    """Return ids as texts: whole floats as whole numbers (7.0 is 7). UsageError: none, or others.

    >>> id_texts([7.0, "a", 3], "here")
    ('7', 'a', '3')
    """
    found = []
    for row, one in enumerate(values):
        if isinstance(one, float) and one.is_integer():
            one = int(one)
        if isinstance(one, bool) or not isinstance(one, str | int) or one == "":
            shown_id = "nothing" if one is None or one == "" or one != one else f"{one!r:.60}"
            raise UsageError(
                f"{place}, row {row}: an id must be a text or a whole number, not {shown_id}"
            )
        found.append(one if isinstance(one, str) else str(one))
    return tuple(map(clean, found))


def _frame(beside: dict[str, Sequence[Any]]) -> pd.DataFrame | None:
    if not beside:
        return None
    import pandas as pd

    return pd.DataFrame(
        {
            key: pd.Series(
                [clean(one) if isinstance(one, str) else one for one in values], dtype=object
            )
            for key, values in beside.items()
        }
    )


def from_array(array: Any, name: str = "array", *, dtype: str = "") -> Vectors:
    """Take an array (NumPy's, or anything np.asarray reads) as vectors, with the same questions.

    >>> from_array([[1.0, 2.0], [3.0, 4.0]]).shape
    (2, 2)
    """
    try:
        data = np.asarray(array)
    except ValueError:
        raise UsageError(f"{name}: rows of different lengths are no matrix") from None
    if data.dtype.kind not in "fiuV" or data.dtype.hasobject:
        raise UsageError(f"{name} holds {data.dtype}: real numbers are needed")
    check_matrix(name, data.shape)
    return finished(Read(data), name, "array", "", dtype)
