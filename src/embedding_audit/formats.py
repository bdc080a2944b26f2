"""Vectors from a user's file: opened, checked, and mapped into memory where the format allows it.

``.npy``, uncompressed ``.npz`` and ``.safetensors`` are mapped and read a block at a time;
``.parquet``, ``.jsonl`` and compressed ``.npz`` are read whole. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import psutil
from numpy.typing import NDArray

from embedding_audit.readers import ID_NAMES, Mapped, Vectors, existing, reason, shown
from paper_utils.errors import UsageError

#: Fields and arrays that are taken for the vectors where a file holds several.
VECTOR_NAMES = ("embeddings", "embedding", "vectors", "vector", "values")

_DAMAGE = (  # what the parsers of damaged headers may raise; each becomes one line
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    EOFError,
    OverflowError,
    MemoryError,
    RuntimeError,  # also RecursionError, NotImplementedError, and an encrypted .npz
    SyntaxError,
    tokenize.TokenError,
    OSError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)

_SAFE_TYPES = {f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "FI" for size in (2, 4, 8)}
_SAFE_TYPES |= {"BF16": "<u2", "I8": "<i1", "U8": "<u1"}


@contextmanager
def _readable(name: str, kind: str, *more: type[Exception]) -> Iterator[None]:
    """Say in one line that a file is damaged, whatever its parser raises."""
    try:
        yield
    except UsageError:
        raise
    except (*_DAMAGE, *more) as error:
        raise UsageError(f"{name} is no .{kind} file or is damaged: {reason(error)}") from None


def _check_matrix(name: str, shape: Sequence[int]) -> None:
    if len(shape) != 2:
        raise UsageError(f"{name} has shape {tuple(shape)}: a matrix is needed, one row an item")


def _read_npy(path: Path) -> Vectors:
    """Map the array in a ``.npy`` file."""
    with path.open("rb") as stream:
        shape, order, dtype = _npy_header(stream, shown(path))
        offset = stream.tell()
    size = path.stat().st_size
    _check_size(shown(path), shape, dtype, size - offset)
    return _mapped(path, "npy", shape, order, dtype, offset)


def _npy_header(stream: BinaryIO, name: str) -> tuple[tuple[int, ...], str, np.dtype]:
    """Read magic and header; leave `stream` at the first number."""
    with _readable(name, "npy"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about headers written by Python 2
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise UsageError(f"{name}: .npy version {version} holds no plain numbers")
        read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
        shape, fortran, dtype = read(stream)
    if dtype.hasobject:
        raise UsageError(
            f"{name} holds pickled Python objects, which are never loaded: save a matrix of "
            "numbers (np.stack the rows)"
        )
    _check_matrix(name, shape)
    if any(isinstance(size, bool) or size < 0 for size in shape):
        raise UsageError(f"{name} is damaged: its header says shape {shape}")
    if dtype.fields or dtype.subdtype or dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise UsageError(
            f"{name} holds {dtype}: real numbers are needed (float16, float32, float64 or whole "
            "numbers)"
        )
    return shape, "F" if fortran else "C", dtype


def _check_size(name: str, shape: Sequence[int], dtype: np.dtype, there: int) -> None:
    promised = int(shape[0]) * int(shape[1]) * dtype.itemsize
    if promised > there:
        raise UsageError(
            f"{name} is cut short: its header promises {shape[0]:,} rows of {shape[1]:,} "
            f"{dtype.name} ({promised:,} bytes), the file holds {there:,}"
        )
    if promised < there:
        raise UsageError(
            f"{name} holds {there - promised:,} bytes more than its header promises: is it one "
            "array, written once?"
        )


def _mapped(path: Path, kind: str, shape, order: str, dtype: np.dtype, offset: int) -> Vectors:
    size = (int(shape[0]), int(shape[1]))
    if 0 in size:  # nothing can be mapped
        return Vectors(shown(path), kind, np.empty(size, dtype))
    return Vectors(shown(path), kind, Mapped(str(path), dtype.str, size, offset, order))


def _read_npz(path: Path) -> Vectors:
    """Open the matrix in a ``.npz`` archive, and the ids beside it."""
    name = shown(path)
    with _readable(name, "npz"), zipfile.ZipFile(path) as archive:
        members = {Path(item.filename).stem: item for item in archive.infolist()}
        named = [key for key in members if key in ID_NAMES]
        chosen = _choose(name, [key for key in members if key not in named], "arrays")
        ids = _npz_ids(archive, members[named[0]], name) if named else None
        return _npz_matrix(path, archive, members[chosen], ids)


def _choose(name: str, there: list[str], what: str) -> str:
    chosen = [key for key in VECTOR_NAMES if key in there] or there
    if len(chosen) == 1 or (chosen and chosen is not there):
        return chosen[0]
    found = ", ".join(repr(key) for key in there[:5]) or "none"
    raise UsageError(
        f"{name} holds {len(there)} {what} ({found:.160}); one must be called 'embeddings' or "
        "'vectors'"
    )


def _npz_matrix(path: Path, archive: zipfile.ZipFile, item: zipfile.ZipInfo, ids) -> Vectors:
    name = shown(path)
    with archive.open(item) as stream:
        shape, order, dtype = _npy_header(stream, name)
        head = stream.tell()
        _check_size(name, shape, dtype, item.file_size - head)
        if item.compress_type != zipfile.ZIP_STORED:
            _check_memory(name, item.file_size)
            flat = np.frombuffer(stream.read(), dtype)
            _check_size(name, shape, dtype, flat.nbytes)
            return Vectors(name, "npz", flat.reshape(shape, order=order), ids=ids)
        while stream.read(1 << 24):  # to the end: the checksum of the archive is compared there
            pass
    with path.open("rb") as raw:
        raw.seek(item.header_offset + 26)
        n_name, n_extra = struct.unpack("<HH", raw.read(4))
    offset = item.header_offset + 30 + n_name + n_extra + head
    return replace(_mapped(path, "npz", shape, order, dtype, offset), ids=ids)


def _npz_ids(archive: zipfile.ZipFile, item: zipfile.ZipInfo, name: str) -> tuple[str, ...]:
    _check_memory(name, item.file_size)
    with archive.open(item) as stream:
        try:
            array = np.lib.format.read_array(stream, allow_pickle=False)
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise
            raise UsageError(
                f"{name}: the ids are pickled Python objects, which are never loaded: save them as "
                "an array of texts or whole numbers"
            ) from None
    if array.ndim != 1 or array.dtype.kind not in "UiuS":
        raise UsageError(f"{name}: ids must be a row of texts or whole numbers")
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    return tuple(str(one) for one in array.tolist())


def _check_memory(name: str, size: int) -> None:
    free = psutil.virtual_memory().available
    if size > 0.7 * free:
        raise UsageError(
            f"{name} needs {size / 2**30:,.1f} GiB of memory and {free / 2**30:,.1f} are free: "
            "save it as .npy or .safetensors, which stay in the file"
        )


def _read_safetensors(path: Path) -> Vectors:
    """Map the tensor in a ``.safetensors`` file."""
    from safetensors import SafetensorError, safe_open

    name = shown(path)
    with _readable(name, "safetensors", SafetensorError):
        with safe_open(path, framework="numpy") as file:  # checks all sizes and offsets
            names = list(file.keys())
        chosen = _choose(name, names, "tensors")
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            entry = json.loads(stream.read(length))[chosen]
        kind, shape, start = entry["dtype"], entry["shape"], 8 + length + entry["data_offsets"][0]
    if kind not in _SAFE_TYPES:
        raise UsageError(f"{name} holds {kind}: one of {', '.join(_SAFE_TYPES)} is needed")
    _check_matrix(name, shape)
    found = _mapped(path, "safetensors", shape, "C", np.dtype(_SAFE_TYPES[kind]), start)
    return replace(found, bfloat16=kind == "BF16")


def _read_parquet(path: Path) -> Vectors:
    """Read the column of lists of a ``.parquet`` file, and the ids beside it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = shown(path)
    parts, ids = [], []
    with _readable(name, "parquet", pa.ArrowException), pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        lists = [field.name for field in schema if _is_list(field.type)]
        chosen = _choose(name, lists, "columns of lists")
        named = [key for key in ID_NAMES if key in schema.names and key != chosen]
        for batch in file.iter_batches(8192, columns=[chosen, *named[:1]]):
            parts.append(_stack(name, batch.column(0), sum(map(len, parts))))
            if named:
                ids += batch.column(1).to_pylist()
    parts = [part for part in parts if len(part)]
    widths = {part.shape[1] for part in parts}
    if len(widths) > 1:
        raise UsageError(f"{name} has vectors of different lengths: {sorted(widths)[:5]}")
    if not widths:
        raise UsageError(f"{name} has no rows")
    return Vectors(name, "parquet", np.concatenate(parts), ids=_texts(name, ids) if named else None)


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    many = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return many or pa.types.is_fixed_size_list(kind)


def _stack(name: str, column: Any, before: int) -> NDArray:
    """The matrix in a column of lists of equal length."""
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    if column.null_count:
        row = before + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
        raise UsageError(f"{name}, row {row}: no vector")
    inside = column.type.value_type
    if not (kinds.is_integer(inside) or kinds.is_floating(inside)):
        raise UsageError(f"{name} holds lists of {inside}: lists of numbers are needed")
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    odd = np.flatnonzero(lengths != lengths[0]) if len(lengths) else []
    if len(odd):
        raise UsageError(
            f"{name}, row {before + int(odd[0])}: {lengths[odd[0]]} numbers, the row before has "
            f"{lengths[0]}"
        )
    flat = column.flatten()
    if flat.null_count:
        at = int(np.argmax(flat.is_null().to_numpy(zero_copy_only=False)))
        raise UsageError(f"{name}, row {before + at // int(lengths[0])}: a number is missing")
    width = int(lengths[0]) if len(lengths) else 0
    return flat.to_numpy(zero_copy_only=False).reshape(len(column), width)


def _read_jsonl(path: Path) -> Vectors:
    """Read a list of numbers from each line, and the id beside it."""
    name = shown(path)
    rows: list[NDArray[np.float64]] = []
    ids: list[Any] = []
    key = id_key = None
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                place = f"{name}, line {number}"
                value = _json(line, place)
                if isinstance(value, dict):
                    if not rows:
                        lists = [k for k, item in value.items() if isinstance(item, list)]
                        key = _choose(place, lists, "fields with a list")
                        id_key = next((k for k in ID_NAMES if k in value and k != key), None)
                    if id_key is not None:
                        ids.append(value.get(id_key))
                    value = value.get(key)
                row = _numbers(value, place)
                if rows and len(row) != len(rows[0]):
                    raise UsageError(
                        f"{place}: {len(row)} numbers, the lines before have {len(rows[0])}"
                    )
                rows.append(row)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {reason(error)}") from None
    if not rows:
        raise UsageError(f"{name} has no rows")
    return Vectors(name, "jsonl", np.stack(rows), ids=_texts(name, ids) if id_key else None)


def _json(line: bytes, place: str) -> Any:
    try:
        return json.loads(line.decode("utf-8").removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: not JSON ({reason(error)})") from None


def _numbers(value: Any, place: str) -> NDArray[np.float64]:
    if not isinstance(value, list):
        raise UsageError(f"{place}: a list of numbers is needed, not {type(value).__name__}")
    strange = next((x for x in value if type(x) not in (int, float)), None)
    if strange is not None or None in value:
        raise UsageError(f"{place}: {type(strange).__name__} where a number is needed")
    try:
        return np.array(value, dtype=np.float64)
    except OverflowError:
        raise UsageError(f"{place}: a whole number too large for float64") from None


def _texts(name: str, ids: Sequence[Any]) -> tuple[str, ...]:
    for row, one in enumerate(ids):
        if isinstance(one, bool) or not isinstance(one, str | int):
            raise UsageError(
                f"{name}, row {row}: an id must be a text or a whole number, not {one!r:.60}"
            )
    return tuple(str(one) for one in ids)


def _checked(found: Vectors) -> Vectors:
    name, shape = found.name, found.shape
    _check_matrix(name, shape)
    n, d = shape
    if n < 1 or d < 2:
        raise UsageError(f"{name} has {n} rows and {d} columns: at least 1 row and 2 are needed")
    if found.ids is not None and len(found.ids) != n:
        raise UsageError(f"{name} has {len(found.ids):,} ids for {n:,} vectors: one each is needed")
    if found.bfloat16:
        return found
    dtype = np.dtype(found.data.dtype)
    if dtype.kind in "iu":
        note = f"whole numbers ({dtype.name}) are taken as they are"
        return replace(found, notes=(*found.notes, note))
    if dtype.str[1:] not in ("f2", "f4", "f8"):
        raise UsageError(
            f"{name} holds {dtype.name}: real numbers are needed (float16, bfloat16, float32, "
            "float64 or whole numbers)"
        )
    return found


_READERS = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
    ".parquet": _read_parquet,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
}


def open_vectors(path: str | os.PathLike[str]) -> Vectors:
    """Open a file of vectors, one row an item; ids may lie beside them (`ID_NAMES`).

    Of several arrays, columns or fields the one called as in `VECTOR_NAMES` is taken. Whole numbers
    are taken as they are, with a note; NaN, infinite and zero rows are left to the scan.
    UsageError: no such file, another kind, damaged, no matrix of real numbers.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "some.npy")
    ...     np.save(file, np.eye(3, dtype=np.float16))
    ...     found = open_vectors(file)
    ...     found.shape, found.dtype, found.block(0, 1)
    ((3, 3), 'float16', array([[1., 0., 0.]], dtype=float32))
    """
    file = existing(path, tuple(_READERS))
    return _checked(_READERS[file.suffix.lower()](file))
