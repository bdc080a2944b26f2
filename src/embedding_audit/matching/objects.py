"""Vectors that Python objects hold: arrays, tensors, lists, dicts from ids, tables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from embedding_audit.matching.names import missing
from embedding_audit.matching.texts import with_index
from embedding_audit.reading.coordinates import coordinate_columns, coordinates_said
from embedding_audit.reading.names import choose_vectors, id_rank
from embedding_audit.reading.opening import finished, open_vectors
from embedding_audit.reading.read import Read
from embedding_audit.reading.vectors import Vectors
from paper_utils.errors import UsageError


def vectors_of(
    given: Any, what: str, *, id_column: str = "", vector_column: str = "", dtype: str = ""
) -> Vectors:
    """Return the vectors in a file or in a Python object, called `what` in messages.
    An array is not copied. UsageError: no matrix of real numbers.
    """
    if isinstance(given, str | os.PathLike):
        return open_vectors(given, id_column=id_column, vector_column=vector_column, dtype=dtype)
    if isinstance(given, Vectors):
        return given
    if sparse.issparse(given):
        raise UsageError(f"{what} are a sparse matrix: dense vectors are audited (.toarray())")
    beside: dict[str, list[Any]] = {}
    notes: tuple[str, ...] = ()
    if isinstance(given, Mapping):
        beside, given = {"id": list(given)}, list(given.values())
    if hasattr(given, "to_pandas"):
        given = given.to_pandas()
    if isinstance(given, pd.Series):
        given = given.rename("vector").to_frame()
    if isinstance(given, pd.DataFrame):
        given, beside, notes = _of_frame(with_index(given), what, vector_column)
    read = Read(_matrix(given, what), beside, notes=notes)
    return finished(read, what, "array", id_column, dtype)


def _matrix(given: Any, what: str) -> NDArray:
    """One array of all rows; a missing row is a row of NaN."""
    if hasattr(given, "cpu"):  # a tensor of torch; NumPy knows no bfloat16
        given = given.detach().cpu()
        given = (given.float() if "bfloat16" in str(given.dtype) else given).numpy()
    if not isinstance(given, np.ndarray) or given.dtype == object:
        rows = list(given) if isinstance(given, list | tuple | np.ndarray) else None
        if rows is None:
            raise UsageError(
                f"{what} are {type(given).__name__}: a path, an array (n, d), a dict from ids to "
                "vectors or a DataFrame is needed"
            )
        given = _stacked(rows, what)
    if given.ndim != 2:
        raise UsageError(f"{what} have shape {given.shape}: a matrix is needed, one row an item")
    if given.dtype.kind not in "fiuV":  # V: bfloat16, as the reader knows it
        raise UsageError(f"{what} hold {given.dtype}: real numbers are needed")
    return given


def _stacked(rows: list[Any], what: str) -> NDArray:
    width = next((len(row) for row in rows if hasattr(row, "__len__")), 0)
    found = []
    for number, row in enumerate(rows):
        if missing(row):
            row = [np.nan] * width
        try:
            array = np.asarray(row.detach().cpu() if hasattr(row, "cpu") else row)
        except (ValueError, TypeError):
            array = np.empty(0, object)
        if array.ndim != 1 or array.dtype.kind not in "fiub":
            raise UsageError(f"{what}, row {number}: a list of numbers is needed, not {row!r:.60}")
        if len(array) != width:
            raise UsageError(f"{what}, row {number}: {len(array)} numbers, the first has {width}")
        found.append(array)
    if not found:
        raise UsageError(f"{what} hold no rows")
    return np.stack(found)


def _of_frame(
    frame: pd.DataFrame, what: str, vector_column: str
) -> tuple[Any, dict[str, list[Any]], tuple[str, ...]]:
    """The vectors of a table, a column of lists or a column a coordinate; what is beside; notes."""
    notes: tuple[str, ...] = ()
    lists = [name for name in frame.columns if _holds_lists(frame[name])]
    if lists or vector_column:
        used = [choose_vectors(lists, vector_column, what)[0]]
        data = frame[used[0]].tolist()
    else:
        kinds = {str(name): frame[name].dtype for name in frame.columns}
        named = dict(zip(kinds, frame.columns, strict=True))
        numeric = [name for name, kind in kinds.items() if pd.api.types.is_numeric_dtype(kind)]
        whole = [name for name in numeric if pd.api.types.is_integer_dtype(kinds[name])]
        used = [named[name] for name in coordinate_columns(numeric, numeric, whole)]
        if len(used) < 2:
            raise UsageError(f"{what} have no column of lists, and {len(used)} of numbers")
        data = frame[used].to_numpy()
        if len(used) < len([name for name in numeric if id_rank(name) is None]):
            notes = (coordinates_said(list(map(str, used)), numeric),)
    rest = [name for name in frame.columns if name not in {*used, *lists}]
    return data, {name: [_plain(value) for value in frame[name]] for name in rest}, notes


def _plain(value: Any) -> Any:
    """A cell as Python has it."""
    if missing(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _holds_lists(column: pd.Series) -> bool:
    first = next((value for value in column if not missing(value)), None)
    return isinstance(first, list | tuple | np.ndarray)
