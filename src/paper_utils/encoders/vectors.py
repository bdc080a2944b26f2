"""Precomputed vectors from a file: row i belongs to text i."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paper_utils.checks import as_vectors
from paper_utils.encoders import checkpoint
from paper_utils.encoders.base import Encoder, as_texts
from paper_utils.errors import UsageError

SUFFIXES = (".npy", ".safetensors", ".parquet")


class VectorFile(Encoder):
    """The rows of a file, in its order; nothing is encoded or cached."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self.path = path

    @property
    def dim(self) -> int:
        """Number of columns of the file."""
        return self.rows.shape[1]

    def recipe(self) -> Mapping[str, object]:
        """The file."""
        return {"encoder": "vectors", "revision": 1, "sha256": checkpoint.file_sha256(self.path)}

    @cached_property
    def rows(self) -> NDArray[np.float32]:
        """All rows, read once."""
        return read_vectors(self.path)

    def encode(
        self, texts: Sequence[str], *, progress: bool = False, cache: bool = True
    ) -> NDArray[np.float32]:
        """Return the rows of the file in float32; their number must be that of the texts."""
        texts = as_texts(texts)
        if len(texts) != len(self.rows):
            raise UsageError(
                f"{self.path} has {len(self.rows)} rows for {len(texts)} texts; row i must be "
                "the vector of text i"
            )
        return self.rows.copy()


def check_vectors(path: Path) -> None:
    """Raise unless `path` is a file of a known kind."""
    if path.suffix not in SUFFIXES:
        raise UsageError(f"vectors come from {', '.join(SUFFIXES)}, not {path.name!r}")
    if not path.is_file():
        raise UsageError(f"no file {path}")


def read_vectors(path: Path) -> NDArray[np.float32]:
    """Return the matrix in a file as finite float32, shape (n_items, dim).
    ``.npy``: a two-dimensional array, not pickled. ``.safetensors``: one tensor, or the one called
    ``embeddings`` or ``vectors``. ``.parquet``: one column of lists, other columns ignored, or
    numeric columns only.
    """
    check_vectors(path)
    readers = {".npy": _read_npy, ".safetensors": _read_safetensors, ".parquet": _read_parquet}
    raw = readers[path.suffix](path)
    if raw.dtype == np.float16 and np.isinf(raw).any():
        raise UsageError(f"{path} has infinite values: float16 overflows at 65,504; use float32")
    array = as_vectors(raw, name=str(path))
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(single).all():
        raise UsageError(f"{path} has values beyond the range of float32 (3.4e38)")
    return single


def _read_npy(path: Path) -> NDArray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise _damaged(path, error) from None


def _read_safetensors(path: Path) -> NDArray:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            named = [name for name in names if name in ("embeddings", "vectors")]
            chosen = named if len(named) == 1 else names
            if len(chosen) != 1:
                raise UsageError(
                    f"{path} holds {len(names)} tensors ({', '.join(names[:5])}); one must be "
                    "called 'embeddings' or 'vectors'"
                )
            if file.get_slice(chosen[0]).get_dtype() != "BF16":
                return file.get_tensor(chosen[0])
        with safe_open(path, framework="pt") as file:  # NumPy has no bfloat16
            return file.get_tensor(chosen[0]).float().numpy()
    except SafetensorError as error:
        raise _damaged(path, error) from None


def _read_parquet(path: Path) -> NDArray:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    lists = [
        field.name
        for field in table.schema
        if pa.types.is_list(field.type)
        or pa.types.is_large_list(field.type)
        or pa.types.is_fixed_size_list(field.type)
    ]
    if len(lists) > 1:
        raise UsageError(f"{path} has several columns of lists ({', '.join(lists)}); keep one")
    if lists:
        return _stack(path, table.column(lists[0]).combine_chunks())
    for field in table.schema:
        if not (pa.types.is_integer(field.type) or pa.types.is_floating(field.type)):
            raise UsageError(
                f"{path} has no column of lists, and column {field.name!r} is {field.type}: "
                "without one, all columns must be numeric"
            )
    columns = [column.to_numpy() for column in table.columns]
    return np.column_stack(columns) if columns else np.empty((table.num_rows, 0))


def _stack(path: Path, column) -> NDArray:
    """Return the matrix in a column of lists of equal length."""
    import pyarrow.compute as pc

    if column.null_count:
        raise UsageError(f"{path} has {column.null_count} rows without a vector")
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) > 1:
        raise UsageError(f"{path} has vectors of different lengths: {sorted(lengths)[:5]}")
    width = lengths[0] if lengths else 0
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), width)


def _damaged(path: Path, error: Exception) -> UsageError:
    return UsageError(f"{path} cannot be read: {str(error).splitlines()[0]}")
