"""Binary files of search libraries: .fvecs and .fbin families, HDF5, flat FAISS indexes."""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np

from embedding_audit.reading.arrays import check_size, placed, values_of
from embedding_audit.reading.names import choose_vectors
from embedding_audit.reading.read import Read, clean
from embedding_audit.reading.source import Source, check_memory, readable
from paper_utils.errors import UsageError

_ROWS = {".fvecs": "<f4", ".ivecs": "<i4", ".bvecs": "<u1"}  # d before each row, as int32
_BLOCKS = {  # n and d before all rows, as int32
    ".fbin": "<f4",
    ".f16bin": "<f2",
    ".ibin": "<i4",
    ".u8bin": "<u1",
    ".i8bin": "<i1",
}
_CHECKED = 1000  # rows whose heads are compared at a time


def read_unmarked(source: Source, wanted: str = "") -> Read:
    """Read a binary file that nothing marks: by its suffix, or by sizes that fit exactly."""
    name, suffix = source.name, source.suffix
    if suffix in _ROWS:
        return _read_rows(source, _ROWS[suffix])
    if suffix in _BLOCKS:
        return _read_block(source, _BLOCKS[suffix])
    head = source.head(8)
    if len(head) == 8:
        n, d = struct.unpack("<ii", head)
        if n > 0 and d > 1 and 8 + 4 * n * d == source.size and _plausible(source):
            note = "the file has no mark; by its size it is a .fbin: n, d, then float32"
            return Read(_read_block(source, "<f4").data, coding="number", notes=(note,))
        if 1 < n <= 65_536 and source.size % (4 + 4 * n) == 0 and source.size > 4 + 4 * n:
            note = "the file has no mark; by its size it is .fvecs: d before each row of float32"
            try:
                return Read(_read_rows(source, "<f4").data, coding="number", notes=(note,))
            except UsageError:
                pass
    raise UsageError(
        f"{name} is of no kind that is read: .npy, .npz, .safetensors, .parquet, Arrow, .csv, "
        ".json(l), .fvecs, .fbin, HDF5, flat FAISS; raw numbers without a header: "
        "np.save('x.npy', np.fromfile(…).reshape(-1, d))"
    )


def _plausible(source: Source) -> bool:
    with source.open() as stream:
        stream.seek(8)
        values = np.frombuffer(stream.read(1 << 16), "<f4")
    size = np.abs(values[values != 0])
    return bool(np.isfinite(size).all() and np.all((size > 1e-30) & (size < 1e15)))


def _read_rows(source: Source, dtype: str) -> Read:
    """Rows with their number of columns before each (TEXMEX)."""
    name, kind = source.name, np.dtype(dtype)
    with source.open() as stream:
        head = stream.read(4)
        if len(head) < 4:
            raise UsageError(f"{name} is cut short: it has {len(head)} bytes")
        (d,) = struct.unpack("<i", head)
        if not 0 < d <= 1_000_000:
            raise UsageError(f"{name} is no .fvecs, .bvecs or .ivecs file: its first row has {d}")
        step = 4 + d * kind.itemsize
        n, rest = divmod(source.size, step)
        if rest or not n:
            raise UsageError(
                f"{name} is cut short or no such file: {source.size:,} bytes are not whole rows of "
                f"{d} {kind.name}"
            )
        for start in {0, max(0, n // 2 - _CHECKED // 2), max(0, n - _CHECKED)}:
            _check_heads(stream, name, start, min(_CHECKED, n - start), step, d)
    return Read(placed(source, (n, d), kind, 0, skip=4), coding="number")


def _check_heads(stream: BinaryIO, name: str, start: int, count: int, step: int, d: int) -> None:
    stream.seek(start * step)
    row = np.dtype([("d", "<i4"), ("rest", f"V{step - 4}")])
    widths = np.frombuffer(stream.read(count * step), row)["d"]
    odd = np.flatnonzero(widths != d)
    if len(odd):
        at = int(odd[0])
        raise UsageError(f"{name}, row {start + at}: {widths[at]} columns, the first row has {d}")


def _read_block(source: Source, dtype: str) -> Read:
    """All rows after their number and width (big-ann-benchmarks)."""
    head = source.head(8)
    if len(head) < 8:
        raise UsageError(f"{source.name} is cut short: it has {len(head)} bytes")
    n, d = struct.unpack("<ii", head)
    if n < 0 or d < 0:
        raise UsageError(f"{source.name} is damaged: its header says {n} rows of {d}")
    check_size(source.name, (n, d), np.dtype(dtype), source.size - 8)
    return Read(placed(source, (n, d), np.dtype(dtype), 8), coding="number")


def read_hdf5(source: Source, wanted: str = "") -> Read:
    """Open the matrix of an HDF5 file: `train` of ann-benchmarks, or what is asked for."""
    try:
        import h5py
    except ImportError:
        raise UsageError(f"{source.name} is HDF5: pip install h5py to read it") from None
    name = source.name
    with readable(name, "HDF5"), source.open() as stream, h5py.File(stream, "r") as file:
        found: dict[str, h5py.Dataset] = {}
        file.visititems(
            lambda key, item: (
                found.update({clean(key): item}) if isinstance(item, h5py.Dataset) else None
            )
        )
        wide = [key for key, item in found.items() if item.ndim == 2 and item.dtype.kind in "fiub"]
        floats = [key for key in wide if found[key].dtype.kind == "f"]
        dotted = {key.replace("/", "."): key for key in wide}
        chosen, notes = choose_vectors(
            list(dotted), wanted.replace("/", "."), name, [key.replace("/", ".") for key in floats]
        )
        others = tuple(key.replace("/", ".") for key in found)
        item = found[dotted[chosen]]
        beside = {
            key.replace("/", "."): _hdf5_values(value, f"{name}, {key}")
            for key, value in found.items()
            if value.ndim == 1 and value.shape == item.shape[:1] and value.dtype.kind in "OSiufb"
        }
        offset = item.id.get_offset()  # None where it is cut into chunks, or not yet written
        plain = (
            item.dtype.kind in "fiu"
            and item.dtype.itemsize <= 8
            and not item.id.get_create_plist().get_nfilters()
        )
        if offset is not None and plain and not item.external and source.content is None:
            check_size(name, item.shape, item.dtype, item.id.get_storage_size())
            data = placed(source, item.shape, item.dtype, offset)
            return Read(data, beside, column=chosen, notes=notes, others=others)
        check_memory(name, item.size * item.dtype.itemsize)
        data = item[...]
    if data.dtype.kind == "b":
        data = data.astype(np.uint8)
    return Read(data, beside, column=chosen, notes=notes, others=others)


def _hdf5_values(item, name: str) -> list:
    check_memory(name, item.size * 64)
    array = item.asstr()[...].astype(str) if item.dtype.kind == "O" else item[...]
    return values_of(array, name)


_METRICS = {0: "inner product", 1: "squared L2"}


def read_faiss(source: Source, wanted: str = "") -> Read:
    """Map the vectors of a flat index of FAISS, with the ids of an IndexIDMap.
    The header is read here, as faiss/impl/index_write.cpp writes it: the library would load the
    whole, and ends the process on some damaged files.
    """
    name = source.name
    with readable(name, "FAISS"), source.open() as stream:
        beside: dict[str, list[int]] = {}
        outer = stream.read(4)
        mapped = outer in (b"IxMp", b"IxM2", b"IBMp", b"IBM2")
        if mapped:
            n, _, _, _ = _faiss_header(stream, outer.startswith(b"IB"))
        kind = stream.read(4) if mapped else outer
        if kind not in (b"IxFI", b"IxF2", b"IxFl", b"IBxF"):
            raise UsageError(
                f"{name} is a FAISS index of kind {kind.decode('latin-1')!r}, which is not flat: "
                "np.save('vectors.npy', index.reconstruct_n(0, index.ntotal)), or export the "
                "vectors that it was built from"
            )
        binary = kind == b"IBxF"
        n, width, d, metric = _faiss_header(stream, binary)
        (size,) = struct.unpack("<Q", stream.read(8))
        offset = stream.tell()
        dtype = np.dtype("<u1" if binary else "<f4")
        if size != n * width:
            raise UsageError(f"{name} is damaged: {size:,} numbers for {n:,} rows of {d}")
        end = offset + size * dtype.itemsize
        if mapped:
            stream.seek(end)
            (count,) = struct.unpack("<Q", stream.read(8))
            if count != n:
                raise UsageError(f"{name} is damaged: {count:,} ids for {n:,} vectors")
            check_memory(name, 60 * n)
            beside["id"] = np.frombuffer(stream.read(8 * n), "<i8", n).tolist()
            end = stream.tell()
        check_size(
            name, (n, width), dtype, source.size - offset - (end - offset - size * dtype.itemsize)
        )
    notes = (f"the FAISS index compares by {_METRICS.get(metric, f'metric {metric}')}",)
    return Read(
        placed(source, (n, width), dtype, offset),
        beside,
        "bits" if binary else "number",
        notes=() if binary else notes,
    )


def _faiss_header(stream: BinaryIO, binary: bool) -> tuple[int, int, int, int]:
    """Number of rows, stored numbers in each, dimension and metric."""
    if binary:
        d, code_size, n, _, metric = struct.unpack("<iiqBi", stream.read(21))
        width = code_size
    else:
        d, n, _, _, _, metric = struct.unpack("<iqqqBi", stream.read(33))
        width = d
        if metric > 1:
            stream.read(4)
    if not 0 < d < 2**24 or n < 0 or (binary and 8 * width != d):
        raise UsageError(f"its header says {n} rows of {d}")
    return n, width, d, metric
