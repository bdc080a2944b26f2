"""Parquet, Arrow and Feather files: a column of lists, or a column a coordinate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.progress import track
from embedding_audit.reading.cells import (
    LISTED,
    Stack,
    holds_numbers,
    missing_notes,
    numbers,
)
from embedding_audit.reading.coordinates import coordinate_columns, coordinates_said, stem_columns
from embedding_audit.reading.names import choose_vectors, find_column, speaks
from embedding_audit.reading.read import Read
from embedding_audit.reading.source import Source, check_memory, readable
from embedding_audit.reading.tables import check_names
from embedding_audit.reading.vectors import Joined
from paper_utils.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 8192  # read at a time


def open_arrow(source: Source) -> tuple[pa.Schema, int, Iterator[pa.Table]]:
    """Return the schema, a guess at the number of tables, and tables of some rows each; nested
    fields are columns with dots in their names. Nothing is mapped, and all is checked: damaged
    offsets would end the process.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    raw = pa.OSFile(str(source.path)) if source.content is None else pa.BufferReader(source.content)
    if source.kind == "parquet":
        file = pq.ParquetFile(raw)
        schema, steps = file.schema_arrow, file.metadata.num_rows // _ROWS + 1
        batches: Any = file.iter_batches(_ROWS, use_threads=False)
    elif source.kind == "feather":
        from pyarrow import feather

        check_memory(source.name, 2 * source.size)
        table = feather.read_table(raw, memory_map=False)
        schema, steps, batches = table.schema, table.num_rows // _ROWS + 1, table.to_batches()
    elif source.kind == "arrow":
        reader = pa.ipc.open_file(raw)
        schema, steps = reader.schema, reader.num_record_batches
        batches = (reader.get_batch(place) for place in range(steps))
    else:
        reader = pa.ipc.open_stream(raw)
        schema, steps, batches = reader.schema, 1, reader
    return schema, steps, _tables(batches)


def _tables(batches: Any) -> Iterator[pa.Table]:
    import pyarrow as pa

    for batch in batches:
        batch.validate(full=True)
        for start in range(0, batch.num_rows, _ROWS):
            yield _flat(pa.Table.from_batches([batch.slice(start, _ROWS)]))


def _flat(table: pa.Table) -> pa.Table:
    """Make the fields of structures columns of their own."""
    import pyarrow as pa

    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    kind = getattr(kind, "storage_type", kind)
    many = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return many or pa.types.is_fixed_size_list(kind)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_bytes(kind: Any) -> bool:
    return "binary" in str(kind)


def _is_numeric(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def read_arrow(source: Source, wanted: str = "") -> Read:
    """Read the vectors of a table of Arrow, and the columns of single values beside them."""
    import pyarrow as pa

    name = source.name
    with readable(name, {"parquet": ".parquet"}.get(source.kind, "Arrow")):
        try:
            _, steps, tables = open_arrow(source)
            first = next(tables, None)
            if first is None:
                raise UsageError(f"{name} has no rows")
            check_names(first.column_names, name)
            chosen, notes = _choose(first, wanted, name)
            read = _read_column if len(chosen) == 1 else _read_coordinates
            found = read(_told(first, tables, steps, source), chosen, name, steps)
        except pa.ArrowException as error:
            raise ValueError(str(error)) from None
    column = chosen[0] if len(chosen) == 1 else ""
    return replace(found, column=column, notes=(*notes, *found.notes))


def _told(
    first: pa.Table, tables: Iterator[pa.Table], steps: int, source: Source
) -> Iterator[pa.Table]:
    yield first
    for _ in track(range(1, steps), f"reading {source.path.name}") if steps > 1 else ():
        if (table := next(tables, None)) is not None:
            yield table
    yield from tables  # the number of tables was a guess


def _choose(table: pa.Table, wanted: str, name: str) -> tuple[list[str], tuple[str, ...]]:
    """The column of vectors, or the columns of coordinates."""
    schema = table.schema
    lists = [field.name for field in schema if _is_list(field.type)]
    lists += [
        field.name
        for field in schema
        if _is_text(field.type)
        and any(
            LISTED.match(text) or (speaks(field.name) and holds_numbers(text))
            for text in table[field.name].slice(0, 50).to_pylist()
            if text
        )
    ]
    lists += [field.name for field in schema if _is_bytes(field.type) and speaks(field.name)]
    floats = [one for one in lists if "floa" in str(schema.field(one).type)]
    stems = stem_columns(table.column_names, wanted) if wanted else []
    if lists and len(stems) < 2:
        if wanted:
            find_column(table.column_names, wanted, name, "vectors")
        chosen, notes = choose_vectors(lists, wanted, name, floats)
        return [chosen], notes
    numeric = [field.name for field in schema if _is_numeric(field.type)]
    whole = [name for name in numeric if "int" in str(schema.field(name).type)]
    chosen = stems if wanted else coordinate_columns(table.column_names, numeric, whole)
    if len(chosen) < 2:
        binary = [field.name for field in schema if _is_bytes(field.type)]
        more = f"; {binary[0]!r:.40} holds bytes: write lists of numbers" if binary else ""
        raise UsageError(
            f"{name} holds no column of lists of numbers and no columns of coordinates; it has "
            f"{', '.join(map(repr, table.column_names[:6])):.160}{more}"
        )
    return chosen, (coordinates_said(chosen, numeric),)


def _beside(table: pa.Table, chosen: list[str], into: dict[str, list]) -> None:
    import pyarrow.types as kinds

    for field in table.schema:
        kind = getattr(field.type, "value_type", field.type)
        single = not (_is_list(field.type) or kinds.is_nested(kind) or _is_bytes(kind))
        if field.name not in chosen and single:
            column = table[field.name]
            values = column.cast("string") if kinds.is_temporal(kind) else column
            into.setdefault(field.name, []).extend(values.to_pylist())


def _read_column(tables: Iterator[pa.Table], chosen: list[str], name: str, steps: int) -> Read:
    beside: dict[str, list] = {}
    parts: list[NDArray] = []
    missing: list[int] = []
    stack: Stack | None = None
    width, rows = 0, 0
    for table in tables:
        _beside(table, chosen, beside)
        column = table[chosen[0]].combine_chunks()
        column = getattr(column, "storage", column)
        if _is_text(column.type) or _is_bytes(column.type):
            stack = stack or Stack(name)
            for value in column.to_pylist():
                where = f"{name}, row {stack.n}"
                stack.add(numbers(value, where), where)
            continue
        part, gone, width = _stacked(column, width, rows, name)
        # All that is to come, where the number of tables is known; else at least the next.
        check_memory(name, part.nbytes * (1 if parts else steps))
        parts.append(part)
        missing += [rows + int(row) for row in gone]
        rows += len(column)
    if stack is not None:
        return Read(stack.matrix(), beside, notes=stack.notes)
    if not width:
        raise UsageError(f"{name} has no vectors: none of its {rows:,} rows has one")
    parts = [
        np.full((len(part), width), np.nan, np.float32) if part.shape[1] == 0 else part
        for part in parts
    ]
    kinds = {part.dtype for part in parts}
    if len(kinds) > 1:  # whole numbers where no row is missing, floats where one is
        widest = np.result_type(*kinds)
        parts = [part.astype(widest) for part in parts]
    return Read(Joined(parts) if len(parts) > 1 else parts[0], beside, notes=missing_notes(missing))


def _stacked(column: Any, width: int, before: int, name: str) -> tuple[NDArray, NDArray, int]:
    """The matrix in a column of lists, the rows without one, and the width."""
    import pyarrow as pa

    inside = column.type.value_type
    if _is_list(inside) and not column.null_count and set(_lengths(column)) == {1}:
        column = column.flatten()  # a list of one vector, as pipelines of features have it
        inside = column.type.value_type
    if _is_list(inside):
        raise UsageError(
            f"{name} holds lists of lists: one vector a row is needed, pool the tokens"
        )
    if not _is_numeric(inside):
        raise UsageError(f"{name} holds lists of {inside}: lists of numbers are needed")
    lengths = _lengths(column)
    there = lengths > 0
    known = lengths[there]
    width = width or (int(known[0]) if len(known) else 0)
    odd = np.flatnonzero(there & (lengths != width))
    if len(odd):
        raise UsageError(
            f"{name}, row {before + int(odd[0])}: {lengths[odd[0]]:,} numbers, the rows before "
            f"have {width:,}"
        )
    if not width:
        return np.empty((len(column), 0)), np.arange(len(column)), 0
    if column.null_count:  # those of fixed size would keep what lies beneath
        column = column.filter(pa.array(there))
    flat = column.flatten()
    holed = flat.null_count > 0
    values = flat.to_numpy(zero_copy_only=False).reshape(-1, width)
    if holed and values.dtype == object:
        values = values.astype(np.float64)
    if there.all():
        return values, np.empty(0, np.int64), width
    kind = values.dtype if values.dtype.kind == "f" else np.float64
    whole = np.full((len(there), width), np.nan, kind)
    whole[there] = values
    return whole, np.flatnonzero(~there), width


def _lengths(column: Any) -> NDArray:
    import pyarrow.compute as pc

    return pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)


def _read_coordinates(tables: Iterator[pa.Table], chosen: list[str], name: str, steps: int) -> Read:
    beside: dict[str, list] = {}
    parts = []
    for table in tables:
        _beside(table, chosen, beside)
        check_memory(name, 8 * len(chosen) * table.num_rows * (1 if parts else steps))
        parts.append(np.column_stack([table[one].to_numpy() for one in chosen]))
    return Read(Joined(parts) if len(parts) > 1 else parts[0], beside)


def arrow_rows(source: Source) -> dict[str, list]:
    """Return all columns of a table of Arrow as lists, nested fields under dotted names."""
    import pyarrow as pa

    with readable(source.name, {"parquet": ".parquet"}.get(source.kind, "Arrow")):
        try:
            schema, _, tables = open_arrow(source)
            found: dict[str, list] = {name: [] for name in _flat(schema.empty_table()).column_names}
            for table in tables:
                check_names(table.column_names, source.name)
                for name in table.column_names:
                    found[name] += table[name].to_pylist()
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise ValueError(str(error)) from None
    return {re.sub(r"^\ufeff", "", name): values for name, values in found.items()}
