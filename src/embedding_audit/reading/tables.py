"""Tables of text: cells separated by commas, tabs, semicolons or spaces, whatever the suffix."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np

from embedding_audit.cloud.progress import track
from embedding_audit.reading.cells import (
    LISTED,
    Stack,
    holds_numbers,
    is_number,
    looks_like_base64,
    numbers,
)
from embedding_audit.reading.coordinates import coordinate_columns, coordinates_said, stem_columns
from embedding_audit.reading.names import choose_vectors, find_column, speaks
from embedding_audit.reading.read import Read
from embedding_audit.reading.source import Source, check_memory, reason
from paper_utils.errors import UsageError

_FIRST = 50  # rows that tell what a column holds
_BLOCK = 1 << 24  # bytes or rows between two words on progress


@contextmanager
def text_stream(source: Source) -> Iterator[io.TextIOWrapper]:
    """Open a file as text: UTF-8, or UTF-16 where its first bytes say so; errors in one line."""
    coding = "utf-16" if source.head(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    with io.TextIOWrapper(source.open(), encoding=coding, newline="") as stream:
        try:
            yield stream
        except UnicodeError as error:
            at = f": byte 0x{error.object[error.start]:02x}" if hasattr(error, "object") else ""
            raise UsageError(f"{source.name} is not UTF-8{at}; save it as UTF-8") from None
        except OSError as error:
            raise UsageError(f"{source.name} cannot be read: {reason(error)}") from None


def separator_of(source: Source) -> str:
    """Return what separates the cells of the first line; of several, what the suffix speaks for."""
    with text_stream(source) as stream:
        line = next((line for line in islice(stream, 1000) if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", line)  # a vector in a cell has commas of its own
    own = {".csv": ",", ".tsv": "\t"}.get(source.suffix)
    cut = next((one for one in "\t;" if _has_commas([bare.strip().split(one)])), own)
    if cut and cut in bare:
        return cut
    for one in ("\t", ";", ",", "|"):
        if one in bare and not (one == "," and LISTED.match(bare)):
            return one
    words = bare.split()
    return " " if len(words) > 1 and all(map(is_number, words[1:])) else own or ","


def cells_of(source: Source, separator: str, *, quoted: bool = True) -> Iterator[list[str]]:
    """Yield the rows of a table, blank lines left out. UsageError: rows of different lengths.
    The csv module, not pandas: that one fills short rows, renames doubled columns and turns the
    brand "NA" into a missing value, all without a word.
    """
    limit = csv.field_size_limit(2**31 - 1)
    width = 0
    with text_stream(source) as stream:
        lines: Iterator[list[str]]
        if separator == " ":
            lines = _word2vec(line.split() for line in stream)
        else:
            quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
            lines = csv.reader(
                stream,
                delimiter=separator,
                quoting=quoting,
                strict=True,
                skipinitialspace=separator in ",;",
            )
        number = 0
        try:
            for number, row in enumerate(lines, start=1):
                if not row:
                    continue
                if len(row) > width and separator == ",":
                    row = _rejoined(row)
                if width and len(row) != width:
                    raise UsageError(
                        f"{source.name}, line {getattr(lines, 'line_num', number)}: {len(row)} "
                        f"cells, the first row has {width}; quote cells that contain the separator"
                    )
                width = len(row)
                yield row
        except csv.Error as error:
            told = str(error).replace("unexpected end of data", "a quotation mark is never closed")
            line = getattr(lines, "line_num", number)
            raise UsageError(f"{source.name}, line {line}: {told}") from None
        finally:
            csv.field_size_limit(limit)


def _rejoined(row: list[str]) -> list[str]:
    """Put lists together whose commas were taken for those between cells."""
    found: list[str] = []
    for cell in row:
        if found and found[-1].startswith("[") and "]" not in found[-1]:
            found[-1] += f",{cell}"
        else:
            found.append(cell)
    return found if all("]" in cell for cell in found if cell.startswith("[")) else row


def _word2vec(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Leave out the first row where it is n and d of those that follow."""
    first, second = next(rows, []), next(rows, [])
    if not (len(first) == 2 and first[1].isdigit() and len(second) == int(first[1]) + 1 > 2):
        yield first
    yield second
    yield from rows


def check_names(names: Sequence[str], name: str) -> None:
    """Refuse a table in which two columns have one name."""
    doubled = [one for place, one in enumerate(names) if one in names[:place]]
    if doubled:
        raise UsageError(f"{name} has two columns named {doubled[0]!r:.60}")


def has_header(first: Sequence[str]) -> bool:
    """Whether the first row names the columns: numbers and vectors do not, but 0, 1, 2, … do.
    Cells left blank say nothing.
    """
    if any(map(_is_vector, first)):
        return False
    first = [first[0], *filter(str.strip, first[1:])]
    rest = list(first) if is_number(first[0]) else list(first[1:])
    if not rest or not all(map(is_number, rest)):
        return True
    if len(first) == 1:
        return False
    return any(rest == [str(i) for i in range(s, s + len(rest))] for s in (0, 1))


def _is_vector(text: str) -> bool:
    return LISTED.match(text) is not None


def read_table_vectors(source: Source, wanted: str = "") -> Read:
    """Read vectors from a table: one column with a vector in each cell, or a column a coordinate.
    A table without a header is told by its numbers; its columns are called 0, 1, ….
    """
    if source.suffix in (".qrels", ".qrel", ".run", ".trec"):
        raise UsageError(f"{source.name} is a file of judgements or of a run, not of vectors")
    separator = separator_of(source)
    first = list(islice(cells_of(source, separator), 2 + _FIRST))
    if not first:
        raise UsageError(f"{source.name} has no rows")
    comma = separator != "," and _has_commas(first[1:])
    if comma:
        first = [[_pointed(cell) for cell in row] for row in first]
    header = has_header(first[0])
    names = first[0] if header else [str(i) for i in range(len(first[0]))]
    names = [one.strip() for one in names]
    check_names(names, source.name)
    rows = first[1:] if header else first
    listed = _listed(names, rows)
    if wanted and not stem_columns(names, wanted):
        find_column(names, wanted, source.name, "vectors")
        listed = listed or [wanted]
    if listed:
        chosen, notes = choose_vectors(listed, wanted, source.name)
        read = _read_lists(source, separator, header, names, chosen)
        read = replace(read, column=chosen, notes=(*notes, *read.notes))
    else:
        read = _read_coordinates(source, separator, header, names, rows, wanted, comma)
    return read if header else _first_as_ids(read)


_COMMA = re.compile(r"\s*[-+]?\d+,\d+(?:[eE][-+]?\d+)?\s*")


def _has_commas(rows: Sequence[Sequence[str]]) -> bool:
    """Whether numbers are written with a decimal comma, and none with a point."""
    cells = [cell for row in rows for cell in row]
    commas = sum(_COMMA.fullmatch(cell) is not None for cell in cells)
    return commas > 0.5 * len(cells) and not any("." in c and is_number(c) for c in cells)


def _pointed(cell: str) -> str:
    return cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell


def _first_as_ids(read: Read) -> Read:
    """Take the first cell of each row for its id where nothing names it and all differ."""
    first = next(iter(read.beside), None)
    if first is None or len(set(read.beside[first])) < read.data.shape[0]:
        return read
    beside = {"id" if name == first else name: values for name, values in read.beside.items()}
    note = "the table has no header; the first cell of each row is taken for its id"
    return replace(read, beside=beside, notes=(*read.notes, note))


def _listed(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns with a vector in each cell."""
    found = []
    for place, name in enumerate(names):
        cells = [row[place] for row in rows]
        texts = any(map(_is_vector, cells))
        coded = speaks(name) and any(len(cell) > 15 and looks_like_base64(cell) for cell in cells)
        spaced = speaks(name) and any(map(holds_numbers, cells))
        if texts or coded or spaced:
            found.append(name)
    return found


def _read_lists(
    source: Source, separator: str, header: bool, names: list[str], chosen: str
) -> Read:
    place = names.index(chosen)
    stack = Stack(source.name)
    beside: dict[str, list[str]] = {name: [] for name in names if name != chosen}
    kept = [(at, beside[name]) for at, name in enumerate(names) if at != place]
    rows = cells_of(source, separator)
    if header:
        next(rows)
    for number, row in enumerate(_told(rows, source), start=1):
        where = f"{source.name}, row {number - 1}"
        stack.add(numbers(row[place], where), where)
        for at, values in kept:
            values.append(row[at])
    return Read(stack.matrix(), beside, notes=stack.notes)


def _told(rows: Iterator[list[str]], source: Source) -> Iterator[list[str]]:
    """Yield rows and say how far the file is read, by a guess at its number of rows."""
    some = list(islice(rows, 200))
    yield from some
    if len(some) < 200:
        return
    size = sum(len(cell) + 1 for row in some for cell in row) / len(some)
    left = range(max(1, int(source.size / max(size, 1) / 200)))
    for _ in track(left, f"reading {source.path.name}"):
        yield from islice(rows, 200)
    yield from rows


def _read_coordinates(
    source: Source,
    separator: str,
    header: bool,
    names: list[str],
    rows: Sequence[Sequence[str]],
    wanted: str,
    comma: bool,
) -> Read:
    numeric = [
        name
        for place, name in enumerate(names)
        if all(is_number(row[place]) or not row[place].strip() for row in rows)
        and any(row[place].strip() for row in rows)
    ]
    if header:
        whole = [name for i, name in enumerate(names) if all(_is_whole(row[i]) for row in rows)]
        stems = stem_columns(numeric, wanted) if wanted else []
        chosen = stems if wanted else coordinate_columns(names, numeric, whole)
    else:  # all numbers, or an id and numbers (GloVe); a comma may end each line
        names_kept = [name for i, name in enumerate(names) if any(row[i].strip() for row in rows)]
        named = len(numeric) < len(names_kept) or _counts(rows)
        chosen = names_kept[1:] if named else names_kept
        chosen = chosen if set(chosen) <= set(numeric) else []
    if len(chosen) < 2:
        raise UsageError(
            f"{source.name} holds no column of vectors ('[0.1, 0.2]' in each cell) and no columns "
            f"of coordinates; it has {', '.join(map(repr, names[:6])):.160}"
        )
    table = _arrow_cells(source, separator, header, names, set(chosen), comma)
    data = np.empty((table.num_rows, len(chosen)))
    for place, name in enumerate(chosen):
        data[:, place] = table.column(names.index(name)).to_numpy()
    others = [(at, name) for at, name in enumerate(names) if name not in set(chosen)]
    beside = {name: table.column(at).to_pylist() for at, name in others}
    if header:
        notes = (coordinates_said(chosen, numeric),)
    else:
        said = f"coordinates are the {len(chosen):,} columns all after the word"
        notes = (said,) if others else ()
    return Read(data, beside, notes=notes)


def _is_whole(cell: str) -> bool:
    return not cell.strip() or cell.strip().removeprefix("-").isdigit()


def _counts(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first cells are whole numbers that count the rows, or that differ beside cells
    that are not whole.
    """
    first, rest = [row[0].strip() for row in rows], [cell for row in rows for cell in row[1:]]
    if not all(cell.isdigit() for cell in first) or len(set(first)) < len(first):
        return False
    steps = {int(after) - int(before) for before, after in pairwise(first)}
    counted = len(first) >= _FIRST and steps == {1}
    return counted or sum("." in cell for cell in rest) > 0.5 * len(rest)


def _arrow_cells(
    source: Source, separator: str, header: bool, names: list[str], numeric: set[str], comma: bool
):
    """Read a table of many numbers fast; `numeric` become float64, all else stays text."""
    import pyarrow as pa
    from pyarrow import csv as fast

    check_memory(source.name, 3 * source.size)
    content = source.bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        content = content.decode("utf-16").encode()
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if separator == " ":
        content = re.sub(rb"[ \t]+", b" ", content)
        content = re.sub(rb"^ | $", b"", content, flags=re.MULTILINE)
        if len(content.partition(b"\n")[0].split()) < len(names):  # n and d, as word2vec has them
            content = content.partition(b"\n")[2]
    try:
        return fast.read_csv(
            io.BytesIO(content),
            fast.ReadOptions(
                use_threads=False,
                column_names=[str(place) for place in range(len(names))],
                skip_rows=1 if header else 0,
                block_size=max(1 << 22, len(content) // 100),
            ),
            fast.ParseOptions(
                delimiter=separator,
                quote_char=False if separator == " " else '"',
                newlines_in_values=separator != " ",
            ),
            fast.ConvertOptions(
                column_types={
                    str(place): pa.float64() if name in numeric else pa.string()
                    for place, name in enumerate(names)
                },
                strings_can_be_null=False,
                decimal_point="," if comma else ".",
            ),
        )
    except (pa.ArrowException, ValueError) as error:
        raise UsageError(f"{source.name} cannot be read: {_named(reason(error), names)}") from None


def _named(message: str, names: Sequence[str]) -> str:
    """Call the column in a message of Arrow by its name."""
    return re.sub(r"In CSV column #(\d+)", lambda m: f"column {names[int(m[1])]!r:.40}", message)


def text_rows(source: Source, *, header: bool = True) -> tuple[list[str], list[list[str]], tuple]:
    """Return the columns' names, the rows as texts, and notes. Where quotation marks do not pair
    up in a table of tabs they stand for inches, and are taken as they are.
    """
    separator, notes = separator_of(source), ()
    if separator == " " and header:
        separator = ","
    elif not header and not _separates(source, separator):
        separator = " "  # TREC
    try:
        rows = list(cells_of(source, separator))
    except UsageError:
        if separator != "\t":
            raise
        rows = list(cells_of(source, separator, quoted=False))
        notes = ("quotation marks in the texts are taken as they are",)
    if not rows:
        raise UsageError(f"{source.name} has no rows")
    if not header:
        return [str(i) for i in range(len(rows[0]))], rows, notes
    names = [name.strip() for name in rows[0]]
    check_names(names, source.name)
    return names, rows[1:], notes


def _separates(source: Source, separator: str) -> bool:
    with text_stream(source) as stream:
        return separator in next((line for line in islice(stream, 1000) if line.strip()), "")
