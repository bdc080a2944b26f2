"""Vectors from a user's file, folder or glob, whatever its suffix says."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.progress import track
from embedding_audit.reading.codes import check_scales, coding_of
from embedding_audit.reading.names import INDEX_NAMES, find_column, id_columns
from embedding_audit.reading.read import Read, check_matrix, clean
from embedding_audit.reading.shards import files_of, joined, passed_over
from embedding_audit.reading.source import SUFFIXES, Source, open_source, shown
from embedding_audit.reading.vectors import Matrix, Vectors, octaves
from paper_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


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
    reads, kinds, notes = [], [], passed_over(path, files)
    for file in track(files, f"opening {Path(path).name}") if len(files) > 1 else files:
        source = open_source(file)
        if source.kind == "" and source.suffix == ".npy":
            raise UsageError(f"{source.name} is no .npy file or is damaged: its first bytes differ")
        reads.append(_reader(source.kind)(source, vector_column))
        kinds.append(_kind_name(source))
        notes += _suffix_note(source)
    read = reads[0] if len(reads) == 1 else joined(reads, kinds, files, name)
    return finished(read, name, kinds[0], id_column, dtype, tuple(dict.fromkeys(notes)))


def _part(path: str | os.PathLike[str], wanted: str) -> tuple[str, str]:
    """Cut ``FILE::NAME``, unless a file is called so."""
    text = os.fspath(path)
    file, mark, name = text.rpartition("::")
    return (file, name) if mark and name and not os.path.lexists(text) else (text, wanted)


def _kind_name(source: Source) -> str:
    return source.kind or source.suffix.removeprefix(".") or "binary"


def _suffix_note(source: Source) -> tuple[str, ...]:
    if source.kind and source.suffix not in SUFFIXES[source.kind]:
        kind = "a table of text" if source.kind == "table" else f"of kind {source.kind}"
        return (f"{source.path.name} is read as what it holds, {kind}",)
    return ()


def finished(
    read: Read, name: str, kind: str, id_column: str = "", dtype: str = "", notes: tuple = ()
) -> Vectors:
    """Say which column is the ids and what whole numbers mean, and check the rest."""
    check_matrix(name, read.data.shape)
    n, d = read.data.shape
    if dtype != "number":
        check_scales(name, read.data, (*read.others, *read.beside))
    data, coding, told = coding_of(read.data, read.coding, read.column, name, dtype)
    if n < 1 or d < (1 if coding.endswith("bits") else 2):
        raise UsageError(f"{name} has {n} rows and {d} columns: at least 1 row and 2 are needed")
    _check_numbers(name, data)
    _check_counter(name, data)
    if dtype != "number" and not coding:
        _check_sizes(name, data[0:256])
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


_COUNTED = 20  # rows by which a column that counts is told


def _check_counter(name: str, data: Matrix) -> None:
    """Refuse the index of a data frame among the coordinates: it would outweigh all others."""
    rows = data[0:4096]
    if len(rows) < _COUNTED or rows.shape[1] < 2 or rows.dtype.kind not in "fiu":
        return
    for at in (0, rows.shape[1] - 1):
        beside = rows[:, 1 if at == 0 else 0].astype(float)
        if _counts(rows[:, at].astype(float)) and not _counts(beside):
            raise UsageError(
                f"{name}: column {at} of the matrix counts the rows, from {rows[0, at]:g} to "
                f"{rows[-1, at]:g}: an index is no coordinate; leave it out, or name it 'id' in a "
                "table"
            )


def _check_sizes(name: str, rows: NDArray) -> None:
    """Refuse floats of both signs whose sizes are those of any bits."""
    if rows.dtype.kind == "f" and octaves(rows) > 20 and (rows < 0).any() and (rows > 0).any():
        raise UsageError(
            f"{name} holds {rows.dtype.name} of all sizes, as bytes of another type or order have "
            "(float64 read as float32, or big endian); --dtype number takes them as they are"
        )


def _counts(column: NDArray[np.floating]) -> bool:
    return bool(np.all(np.diff(column) == 1))


def _ids(
    beside: dict[str, Sequence[Any]], wanted: str, name: str, n: int
) -> tuple[str, tuple[str, ...] | None, tuple[str, ...]]:
    """The column of ids, its values, and what else could have been meant."""
    named = id_columns(list(beside))
    if wanted:
        chosen = find_column(list(beside), wanted, name, "column of ids")
        return chosen, id_texts(beside[chosen], f"{name}, `{chosen}`"), ()
    if not named:
        unnamed = [key for key in beside if key.strip().lower() in INDEX_NAMES]
        index = next((key for key in unnamed if any(one != "" for one in beside[key])), None)
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
