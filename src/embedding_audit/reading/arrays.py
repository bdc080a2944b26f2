"""Files of arrays: ``.npy``, ``.npz`` and ``.safetensors``. Nothing is ever unpickled."""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from embedding_audit.reading.names import choose_vectors, id_rank
from embedding_audit.reading.read import Read, check_matrix
from embedding_audit.reading.source import Source, check_memory, readable
from embedding_audit.reading.vectors import Mapped, Matrix
from paper_utils.errors import UsageError

_SAFE_TYPES = {f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "FI" for size in (2, 4, 8)}
_SAFE_TYPES |= {"BF16": "<u2", "I8": "<i1", "U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8"}


def placed(
    source: Source, shape: Sequence[int], dtype: Any, offset: int, order: str = "C", skip: int = 0
) -> Matrix:
    """Return the matrix at an offset: mapped on disk, a view where the file was unpacked."""
    size = (int(shape[0]), int(shape[1]))
    if 0 in size:  # nothing can be mapped
        return np.empty(size, dtype)
    if source.content is None:
        return Mapped(str(source.path), np.dtype(dtype).str, size, offset, order, skip)
    if skip:
        row = np.dtype([("head", f"V{skip}"), ("row", dtype, size[1])])
        return np.frombuffer(source.content, row, size[0], offset)["row"]
    flat = np.frombuffer(source.content, dtype, size[0] * size[1], offset)
    return flat.reshape(size, order=order)


def read_npy(source: Source, wanted: str = "") -> Read:
    """Map the array of a ``.npy`` file."""
    if wanted:
        raise UsageError(f"{source.name} holds one array without a name: leave out --vector-column")
    with source.open() as stream:
        shape, order, dtype = _npy_header(stream, source.name)
        offset = stream.tell()
    check_size(source.name, shape, dtype, source.size - offset)
    return Read(placed(source, shape, dtype, offset, order))


def _npy_header(stream: BinaryIO, name: str) -> tuple[tuple[int, ...], str, np.dtype]:
    """Read magic and header of a matrix; leave `stream` at the first number."""
    shape, order, dtype = _any_header(stream, name)
    if len(shape) == 3 and shape[1] == 1:
        shape = (shape[0], shape[2])  # as pipelines of features have it
    check_matrix(name, shape)
    if dtype.str == "|V2":
        dtype = np.dtype("<V2")  # bfloat16, as ml_dtypes lets NumPy write it
    elif dtype.fields or dtype.subdtype or dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise UsageError(
            f"{name} holds {dtype}: real numbers are needed (float16, bfloat16, float32, float64 "
            "or whole numbers)"
        )
    return shape, order, dtype


def _any_header(stream: BinaryIO, name: str) -> tuple[tuple[int, ...], str, np.dtype]:
    with readable(name, ".npy"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about headers written by Python 2
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise UsageError(f"{name}: .npy version {version} holds no plain numbers")
        read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
        shape, fortran, dtype = read(stream)
    if dtype.hasobject:
        raise UsageError(
            f"{name} holds pickled Python objects, which are never loaded: save a matrix of "
            "numbers (np.stack the rows), and ids as texts (.astype(str))"
        )
    if any(isinstance(size, bool) or size < 0 for size in shape):
        raise UsageError(f"{name} is damaged: its header says shape {shape}")
    return shape, "F" if fortran else "C", dtype


def check_size(name: str, shape: Sequence[int], dtype: np.dtype, there: int) -> None:
    """Refuse a file that holds less or more than its header promises."""
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


def read_npz(source: Source, wanted: str = "") -> Read:
    """Open the matrix of a ``.npz`` archive, and the rows of single values beside it."""
    name = source.name
    with readable(name, ".npz"), source.open() as raw, zipfile.ZipFile(raw) as archive:
        members = {str(PurePosixPath(i.filename).with_suffix("")): i for i in archive.infolist()}
        shapes = {key: _member_shape(archive, item, name) for key, item in members.items()}
        wide = [key for key, shape in shapes.items() if len(shape) != 1]
        chosen, notes = choose_vectors(wide or list(shapes), wanted, name)
        data = _npz_matrix(source, archive, members[chosen])
        beside = {
            key: _npz_values(archive, members[key], f"{name}, array {key!r:.60}")
            for key, shape in shapes.items()
            if key != chosen and shape in ((data.shape[0],), (data.shape[0], 1))
        }
    _check_unread(name, shapes, chosen, beside)
    return Read(data, beside, column=chosen, notes=notes, others=tuple(shapes))


def _member_shape(archive: zipfile.ZipFile, item: zipfile.ZipInfo, name: str) -> tuple[int, ...]:
    with archive.open(item) as stream:
        return _any_header(stream, f"{name}, array {item.filename!r:.60}")[0]


def _check_unread(name: str, shapes: dict, chosen: str, beside: dict) -> None:
    """Ids that are not one for each vector, nor for each row of another array, are no ids."""
    lengths = {shape[0] for shape in shapes.values() if len(shape) > 1}
    for key, shape in shapes.items():
        if key not in beside and key != chosen and id_rank(key) is not None and len(shape) == 1:
            if shape[0] not in lengths:
                n = shapes[chosen][0]
                raise UsageError(
                    f"{name} has {shape[0]:,} ids ({key!r:.60}) for {n:,} vectors: one each is "
                    "needed"
                )


def _npz_matrix(source: Source, archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> Matrix:
    name = source.name
    with archive.open(item) as stream:
        shape, order, dtype = _npy_header(stream, name)
        head = stream.tell()
        check_size(name, shape, dtype, item.file_size - head)
        if item.compress_type != zipfile.ZIP_STORED:
            check_memory(name, item.file_size)
            flat = np.frombuffer(stream.read(), dtype)
            check_size(name, shape, dtype, flat.nbytes)
            return flat.reshape(shape, order=order)
        while stream.read(1 << 24):  # to the end: the checksum of the archive is compared there
            pass
    with source.open() as raw:
        raw.seek(item.header_offset + 26)
        n_name, n_extra = struct.unpack("<HH", raw.read(4))
    offset = item.header_offset + 30 + n_name + n_extra + head
    return placed(source, shape, dtype, offset, order)


def _npz_values(archive: zipfile.ZipFile, item: zipfile.ZipInfo, name: str) -> list[Any]:
    check_memory(name, item.file_size)
    with archive.open(item) as stream:
        array = np.lib.format.read_array(stream, allow_pickle=False)
    return values_of(array.reshape(len(array)), name)


def values_of(array: NDArray, name: str) -> list[Any]:
    """Return a row of single values as Python objects; bytes are UTF-8."""
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    if array.dtype.kind not in "UiufbM":
        raise UsageError(f"{name} holds {array.dtype}: texts or numbers are needed")
    return array.astype(str).tolist() if array.dtype.kind == "M" else array.tolist()


def read_safetensors(source: Source, wanted: str = "") -> Read:
    """Map the tensor of a ``.safetensors`` file, and the rows of whole numbers beside it."""
    from safetensors import SafetensorError, deserialize

    name = source.name
    with readable(name, ".safetensors"):
        with source.open() as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            check_memory(name, length)
            header = json.loads(stream.read(length))
        try:  # the library checks sizes and offsets
            if source.content is None:
                from safetensors import safe_open

                with safe_open(source.path, framework="numpy"):
                    pass
            else:
                deserialize(source.content)
        except SafetensorError as error:
            raise ValueError(str(error)) from None
        header.pop("__metadata__", None)
        shapes = {key: tuple(entry["shape"]) for key, entry in header.items()}
        wide = [key for key, shape in shapes.items() if len(shape) != 1]
        chosen, notes = choose_vectors(wide or list(shapes), wanted, name)
        check_matrix(name, shapes[chosen])
        if header[chosen]["dtype"] not in _SAFE_TYPES:
            kind = header[chosen]["dtype"]
            raise UsageError(f"{name} holds {kind}: one of {', '.join(_SAFE_TYPES)} is needed")
        data = _tensor(source, header[chosen], length, shapes[chosen])
        beside = {
            key: _tensor(source, header[key], length, (*shape, 1))[:].ravel().tolist()
            for key, shape in shapes.items()
            if shape == shapes[chosen][:1] and header[key]["dtype"] in _SAFE_TYPES
        }
    _check_unread(name, shapes, chosen, beside)
    coding = "bfloat16" if header[chosen]["dtype"] == "BF16" else ""
    return Read(data, beside, coding, chosen, notes, tuple(shapes))


def _tensor(source: Source, entry: dict, length: int, shape: Sequence[int]) -> Matrix:
    return placed(
        source, shape, np.dtype(_SAFE_TYPES[entry["dtype"]]), 8 + length + entry["data_offsets"][0]
    )
