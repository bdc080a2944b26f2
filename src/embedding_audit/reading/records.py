"""Vectors in JSON: lines, lists, maps from id to vector, exports of stores, responses of APIs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any, TextIO

import numpy as np

from embedding_audit.cloud.progress import track
from embedding_audit.reading.cells import (
    LISTED,
    Stack,
    holds_numbers,
    looks_like_base64,
    numbers,
)
from embedding_audit.reading.coordinates import coordinate_columns, coordinates_said
from embedding_audit.reading.names import VECTOR_NAMES, choose_vectors, find_column, id_rank, plain
from embedding_audit.reading.read import Read, clean, rows_said
from embedding_audit.reading.source import Source, check_memory, reason
from embedding_audit.reading.tables import text_stream
from paper_utils.errors import UsageError

_STEP = 1 << 22  # bytes between two words on progress
_DEPTH = 7  # of nested objects that are looked into
_SINGLE = (str, int, float, bool, type(None))
_VECTORS = {plain(name) for name in VECTOR_NAMES}

Row = dict[str, Any]  # dotted path -> what is no object


def json_values(source: Source) -> Iterator[tuple[str, Any]]:
    """Yield the place and the value of each line, or of the one document."""
    if source.kind == "json":
        check_memory(source.name, 6 * source.size)
        with text_stream(source) as stream:
            text = stream.read()
        place = f"{source.name}, line 1" if "\n" not in text.strip() else source.name
        yield place, _parsed(text, place)
        return
    with text_stream(source) as stream:
        for number, line in enumerate(_told(stream, source), start=1):
            if line.strip():
                place = f"{source.name}, line {number}"
                yield place, _parsed(line, place)


def _told(stream: TextIO, source: Source) -> Iterator[str]:
    """Yield lines and say how far the file is read."""
    for _ in track(range(0, source.size, _STEP), f"reading {source.path.name}"):
        left = _STEP
        while left > 0 and (line := stream.readline()):
            left -= len(line)
            yield line
    yield from stream  # nothing, unless characters and bytes were counted differently


def _parsed(text: str, place: str) -> Any:
    # Halves of surrogate pairs in names would end whoever prints them; values are mended later.
    mend = (lambda pairs: {clean(k): v for k, v in pairs}) if "\\u" in text else None
    try:
        return json.loads(text.lstrip("\ufeff"), object_pairs_hook=mend)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: not JSON ({reason(error)})") from None


def flat(value: Any, depth: int = _DEPTH, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what is no object inside nested objects, under dotted names."""
    for key, inner in value.items():
        if isinstance(inner, dict) and depth and inner:
            yield from flat(inner, depth - 1, f"{before}{key}.")
        else:
            yield before + key, inner


def _is_vector(path: str, value: Any) -> bool:
    """Whether a value may be a vector: numbers, or under the right name a text of them."""
    if isinstance(value, list):
        first = next((one for one in value[:20] if one is not None), None)
        return type(first) in (int, float) and len(value) > 1
    if isinstance(value, str) and len(value) > 6 and plain(path.rpartition(".")[2]) in _VECTORS:
        return bool(LISTED.match(value)) or looks_like_base64(value) or holds_numbers(value)
    return False


def _is_matrix(path: str, value: Any) -> bool:
    if not isinstance(value, list):
        return False
    first = next((one for one in value if one is not None), None)
    return isinstance(first, list | str) and _is_vector(path, first)


def _holds_vectors(value: Any) -> bool:
    """Whether a list holds objects with a vector somewhere inside."""
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return False
    return any(
        _is_vector(path, inner) or _is_matrix(path, inner) or _holds_vectors(inner)
        for one in value[:20]
        if isinstance(one, dict)
        for path, inner in flat(one)
    )


def rows_of(value: Any, place: str, wanted: str, alone: bool) -> Iterator[Row]:
    """Yield the rows of a line, or of a document that stands alone."""
    if isinstance(value, list):
        if any(isinstance(one, dict) for one in value[:20]):
            for one in _by_index(value):
                yield from rows_of(one, place, wanted, False)
        elif value and isinstance(value[0], list | str):
            yield from ({"": one} for one in value)
        else:
            yield {"": value}
        return
    if not isinstance(value, dict):
        told = type(value).__name__
        raise UsageError(f"{place}: {told} where a list of numbers or an object is needed")
    alone = alone and "custom_id" not in value
    inner = [_map(one) for one in value.values() if isinstance(one, dict) and len(one) > 1]
    inner = [one for one in inner if one is not None]  # {"vectors": {"id": …}}, as Pinecone answers
    found = _map(value) or _turned(value) or (inner[0] if len(inner) == 1 else None)
    if alone and found is not None:
        yield from found
        return
    row = dict(flat(value))
    vectors = [path for path, inner in row.items() if _is_vector(path, inner)]
    named = [path for path in vectors if plain(path.rpartition(".")[2]) in _VECTORS]
    if wanted and any(plain(wanted) in (plain(p), plain(p.rpartition(".")[2])) for p in vectors):
        yield row
        return
    matrices = [path for path, inner in row.items() if _is_matrix(path, inner)]
    lists = [path for path, inner in row.items() if _holds_vectors(inner)]
    if named or not (matrices or lists):
        yield row
    elif matrices:
        if len({len(row[path]) for path in matrices}) > 1:  # two sides in one document
            matrices = [choose_vectors(matrices, wanted, place)[0]]
        yield from _columnar(row, matrices, alone)
    else:
        yield from _nested(row, lists, place, wanted, alone)


def _map(value: Row) -> list[Row] | None:
    """Rows of ``{"id": vector}`` and ``{"id": {"vector": …}}``, by their keys."""
    some = list(value.items())
    if all(isinstance(v, list) or v is None for _, v in some):
        if any(plain(key) in _VECTORS or id_rank(key) is not None for key, _ in some):
            return None
        lists = [inner for _, inner in some if inner]
        if lists and all(_is_vector("", one) for one in lists):
            return [{"key": key, "vector": inner} for key, inner in some]
    if len(some) > 1 and all(isinstance(v, dict) for _, v in some):
        if any(plain(key) in _VECTORS for key, _ in some):
            return None
        holding = sum(any(_is_vector(p, v) for p, v in flat(inner)) for _, inner in some)
        if holding > 0.5 * len(some):
            return [{"key": key, **dict(flat(inner))} for key, inner in some]
    return None


def _turned(value: Row) -> list[Row] | None:
    """Rows of a data frame that pandas wrote by columns, or split into columns and data."""
    columns, data = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(data, list) and data:
        if all(isinstance(row, list) and len(row) == len(columns) for row in data):
            index = value.get("index", range(len(data)))
            index = index if len(index) == len(data) else range(len(data))
            return [
                {"index": key, **dict(zip(map(str, columns), row, strict=True))}
                for key, row in zip(index, data, strict=True)
            ]
    if not value or not all(isinstance(inner, dict) and inner for inner in value.values()):
        return None
    keys = list(next(iter(value.values())))
    same = all(list(inner) == keys for inner in value.values())
    if not same or any(plain(key) in _VECTORS for key in keys):
        return None
    holds = any(any(_is_vector(name, v) for v in inner.values()) for name, inner in value.items())
    if not holds and not all(name.isdigit() for name in value):
        return None
    return [{"index": key, **{name: inner[key] for name, inner in value.items()}} for key in keys]


def _by_index(records: list) -> list:
    """Records in the order of their field ``index``, where that numbers them (OpenAI)."""
    places = [one.get("index") if isinstance(one, dict) else None for one in records]
    if all(type(place) is int for place in places) and sorted(places) == list(range(len(places))):
        return sorted(records, key=lambda one: one["index"])
    return records


def _columnar(row: Row, matrices: list[str], alone: bool) -> Iterator[Row]:
    """Rows of parallel lists: ids, embeddings, documents (Chroma, Cohere)."""
    n = len(row[matrices[0]])
    parallel = {
        path: inner for path, inner in row.items() if isinstance(inner, list) and len(inner) == n
    }
    outer = {} if alone else {p: v for p, v in row.items() if isinstance(v, _SINGLE)}
    for place in range(n):
        inner = {path: values[place] for path, values in parallel.items()}
        found = {**_numbered(outer, place, n), **inner}
        yield dict(flat(found))


def _nested(row: Row, lists: list[str], place: str, wanted: str, alone: bool) -> Iterator[Row]:
    """Rows of a list of objects inside an object: what an API answers, chunks of a document."""
    path = max(lists, key=lambda one: len(row[one]))
    records = _by_index(row[path])
    indexed = all(isinstance(one, dict) and type(one.get("index")) is int for one in records)
    outer = {} if alone else {p: v for p, v in row.items() if isinstance(v, _SINGLE)}
    for number, record in enumerate(records):
        for inner in rows_of(record, place, wanted, False):
            if alone:
                yield inner
                continue
            mine = _numbered(outer, number, len(records)) if indexed else outer
            yield {**mine, **{f"{path}.{key}": one for key, one in inner.items()}}


def _numbered(outer: Row, place: int, n: int) -> Row:
    """Ids of a request that has several answers are those of none: each gets its number."""
    if n == 1:
        return outer
    return {p: f"{v}/{place}" if id_rank(p) and v is not None else v for p, v in outer.items()}


def _failed(value: Any) -> bool:
    """Whether a line is the answer to a request that failed."""
    if not isinstance(value, dict):
        return False
    if value.get("error") and not any(_is_vector(p, v) for p, v in flat(value)):
        return True
    answer = value.get("response")
    if "custom_id" in value and "response" in value and not isinstance(answer, dict):
        return True
    status = answer.get("status_code") if isinstance(answer, dict) else None
    return type(status) is int and not 200 <= status < 300


def _bulk(values: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Join the two lines that Elasticsearch's bulk files have for each document."""
    action: dict | None = None
    for place, value in values:
        if action is not None and isinstance(value, dict):
            yield place, {**action, **value}
            action = None
        elif (
            isinstance(value, dict)
            and len(value) == 1
            and next(iter(value)) in ("index", "create")
            and isinstance(inner := next(iter(value.values())), dict)
            and not any(_is_vector(p, v) for p, v in flat(inner))
        ):
            action = {key: one for key, one in inner.items() if key == "_id"}
        else:
            yield place, value


class _Rows:
    """Collects rows: vectors into a matrix, single values into columns."""

    def __init__(self, source: Source, wanted: str) -> None:
        self.stack, self.name, self.wanted = Stack(source.name), source.name, wanted
        self.beside: dict[str, list] = {}
        self.path: str | None = None
        self.notes: tuple[str, ...] = ()
        self._known: set[str] = set()  # fields that were seen
        self._early: list[tuple[Row, str]] = []  # rows before the first with a vector

    def add(self, row: Row, place: str) -> None:
        """Take a row; the first with a vector decides where vectors are."""
        if self.path is None:
            found = [path for path, value in row.items() if _is_vector(path, value)]
            if self.wanted and not found:
                find_column(list(row), self.wanted, place, "vectors")
            if not found:
                if any(value for value in row.values() if isinstance(value, list)):
                    self._no_vector(row, place)
                self._early.append((row, place))
                return
            floats = [path for path in found if any(isinstance(one, float) for one in row[path])]
            self.path, self.notes = choose_vectors(found, self.wanted, place, floats)
            for early in self._early:
                self._put(*early)
            self._early = []
        self._put(row, place)

    def _no_vector(self, row: Row, place: str) -> None:
        """Say what is wrong with the only list of a row, rather than that there is no vector."""
        lists = [path for path, v in row.items() if isinstance(v, list)]
        named = [path for path in lists if plain(path.rpartition(".")[2]) in _VECTORS or not path]
        for path in named:
            numbers(row[path], place)

    def _put(self, row: Row, place: str) -> None:
        before = self.stack.n
        value = row.get(self.path)
        if self.path not in row:
            others = [p for p, v in row.items() if p not in self._known and _is_vector(p, v)]
            if others:
                raise UsageError(
                    f"{place}: no vector in `{self.path}` but one in {others[0]!r:.60}: are the "
                    "fields of all rows called the same?"
                )
        self._known.update(row)
        if isinstance(value, str) and not self.path.strip():
            value = value if LISTED.match(value) or looks_like_base64(value) else [value]
        self.stack.add(numbers(value, place), place)
        for path, single in row.items():
            if path != self.path and isinstance(single, _SINGLE):
                column = self.beside.setdefault(path, [])
                column.extend([None] * (before - len(column)))
                column.append(single)

    def _coordinates(self) -> Read | None:
        """Rows with a field a coordinate, as data frames write them."""
        rows = [row for row, _ in self._early]
        names = list(dict.fromkeys(name for row in rows for name in row))
        numeric = [
            name
            for name in names
            if {type(row.get(name)) for row in rows} <= {int, float, type(None)}
            and any(row.get(name) is not None for row in rows)
        ]
        whole = [k for k in numeric if all(type(row.get(k)) is not float for row in rows)]
        chosen = coordinate_columns(names, numeric, whole)
        if len(chosen) < 2 or self.wanted:
            return None
        if 2 * sum(name in row for row in rows for name in chosen) < len(rows) * len(chosen):
            raise UsageError(
                f"{self.name} holds sparse vectors, each with fields of its own (such as "
                f"{chosen[0]!r:.60}): dense ones are audited"
            )
        values = [[np.nan if row.get(k) is None else row[k] for k in chosen] for row in rows]
        beside = {name: [row.get(name) for row in rows] for name in names if name not in chosen}
        beside = {k: v for k, v in beside.items() if all(isinstance(one, _SINGLE) for one in v)}
        note = coordinates_said(chosen, numeric, "fields")
        return Read(np.array(values, dtype=np.float64), beside, notes=(note,))

    def read(self) -> Read:
        """Return what was collected."""
        if self._early and self.path is None:
            if (found := self._coordinates()) is not None:
                return found
            row = self._early[0][0]
            fields = ", ".join(map(repr, list(row)[:6])) or "nothing"
            raise UsageError(f"{self.name} holds no field with a vector; it has {fields:.160}")
        data, n = self.stack.matrix(), self.stack.n
        beside = {p: column + [None] * (n - len(column)) for p, column in self.beside.items()}
        return Read(data, beside, column=self.path or "", notes=(*self.notes, *self.stack.notes))


def read_json_vectors(source: Source, wanted: str = "") -> Read:
    """Read vectors and the single values beside them from JSON or JSON lines."""
    rows, failed, number = _Rows(source, wanted), [], count()
    values = json_values(source)
    alone = source.kind == "json" and source.suffix not in (".jsonl", ".ndjson")
    several = False
    for place, value in values if alone else _bulk(values):
        line = next(number)
        if _failed(value):
            failed.append(line)
            continue
        found = 0
        for row in rows_of(value, place, wanted, alone):
            rows.add(row, place)
            found += 1
        several |= found > 1 and not alone
    if failed and not rows.stack.n and rows.path is None:
        raise UsageError(f"{source.name}: all its {len(failed):,} lines are requests that failed")
    read = rows.read()
    notes = read.notes
    if failed:
        said = rows_said(failed).replace("row", "line")
        notes = (*notes, f"failed requests without a vector, left out: {said}")
    if several:
        notes = (*notes, "a line holds several vectors: each is a row of its own")
    return replace(read, notes=notes)


def json_rows(source: Source) -> list[Row]:
    """Return the rows of a JSON file as objects with dotted names. UsageError: no objects."""
    found: list[Row] = []
    keep: Callable[[Any], bool] = lambda value: isinstance(value, dict)  # noqa: E731
    for place, value in json_values(source):
        items = value if source.kind == "json" and isinstance(value, list) else [value]
        if source.kind == "json" and isinstance(value, dict):
            items = _table_in(value)
        for item in items:
            if not keep(item):
                raise UsageError(
                    f"{place}: {type(item).__name__} where an object is needed, as in "
                    '{"title": "…"}'
                )
            found.append(dict(flat(item)))
    if not found:
        raise UsageError(f"{source.name} has no rows")
    return found


def _table_in(value: Row) -> list:
    """The rows of one object: a list of objects in it, parallel lists, or pandas' forms."""
    turned = _turned_any(value)
    if turned is not None:
        return turned
    for _, inner in flat(value):
        if isinstance(inner, list) and inner and all(isinstance(one, dict) for one in inner):
            return inner
    lists = {key: inner for key, inner in value.items() if isinstance(inner, list)}
    lengths = {len(inner) for inner in lists.values()}
    if lists and len(lengths) == 1:
        return [dict(zip(lists, items, strict=True)) for items in zip(*lists.values(), strict=True)]
    return [value]


def _turned_any(value: Row) -> list[Row] | None:
    columns, data = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(data, list):
        if all(isinstance(row, list) and len(row) == len(columns) for row in data):
            return [dict(zip(map(str, columns), row, strict=True)) for row in data]
    return None
