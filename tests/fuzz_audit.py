"""Fuzz the readers of the audit: every input gives vectors or one line of error, never a traceback.

    python tests/fuzz_audit.py 200000 --seed 1

Files of every form are made, then damaged. Where a reader of reference accepts what is left (NumPy,
Arrow, pandas, json, h5py, FAISS), the numbers must be its numbers.
"""

from __future__ import annotations

import argparse
import base64
import bz2
import collections
import contextlib
import csv
import gzip
import io
import json
import lzma
import random
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load as safe_load

from audit_files import WITHOUT_IDS, WRITERS, fbin, fvecs
from embedding_audit.reading import Vectors, open_vectors, read_rows
from paper_utils.errors import UsageError

_LIKED = [0, 1, 2, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
_TOKENS = [b"NaN", b"Infinity", b"-1", b"1e999", b"null", b"[", b"]", b"{", b"}", b'"', b"\\ud800"]
_TOKENS += [b"\x00", b"\xff", b"\n", b"\t", b",", b"F32", b"'descr'", b"|O", b"<f8", b"True"]
_TOKENS += [b"9" * 99, b";", b" ", b"...", b"\xef\xbb\xbf", b"(", b"embedding", b"custom_id"]

_WHOLE: dict[str, Callable[[np.ndarray], bytes]] = {
    "u8bin": lambda rows: fbin(rows.astype("u1")),
    "i8bin": lambda rows: fbin(rows.astype("i1")),
    "bvecs": lambda rows: fvecs(rows.astype("u1")),
    "ivecs": lambda rows: fvecs(rows.astype("i4")),
}
#: Forms of vectors, and two of tables of texts.
KINDS = (*WRITERS, *_WHOLE, "texts.csv", "qrels.tsv")
_BINARY = {"fvecs": "<f4", "bvecs": "u1", "ivecs": "<i4"}
_BLOCKS = {"fbin": "<f4", "u8bin": "u1", "i8bin": "i1"}


def matrix(draw: random.Random) -> np.ndarray:
    """Return a small matrix of float32, now and then with what does not belong there."""
    n, d = draw.randint(1, 6), draw.randint(2, 5)
    rng = np.random.default_rng(draw.getrandbits(32))
    rows = rng.normal(size=(n, d)) * 10
    for value in (np.nan, np.inf, 0.0):
        if draw.random() < 0.05:
            rows[draw.randrange(n), draw.randrange(d)] = value
    return rows.astype("f4")


def valid(kind: str, draw: random.Random) -> tuple[bytes, np.ndarray | None]:
    """Return a file of a kind, and the matrix in it where it is one of vectors."""
    if kind == "qrels.tsv":
        lines = [f"q{i}\td{draw.randrange(4)}\t{draw.randint(-1, 3)}" for i in range(3)]
        return "\n".join(["query-id\tcorpus-id\tscore", *lines]).encode(), None
    if kind == "texts.csv":
        lines = ["id,title,brand", *(f'{i},"drill {i}",b' for i in range(4))]
        return "\n".join(lines).encode(), None
    rows = matrix(draw)
    if kind in _WHOLE:
        rows = np.abs(np.nan_to_num(rows, posinf=1)).astype(int)
        return _WHOLE[kind](rows), rows
    if "json" in kind or "csv" in kind or "tsv" in kind:
        rows[~np.isfinite(rows)] = 1.0  # to_json writes null, Postgres another word
    n = len(rows)
    return WRITERS[kind](rows, [f"r{i}" for i in range(n)], [f"bolt {i}" for i in range(n)]), rows


def damaged(data: bytes, draw: random.Random, other: bytes) -> bytes:
    """Return the file with one byte changed, or with one to three things done to it."""
    content = bytearray(data)
    if draw.random() < 0.4:
        content[draw.randrange(len(content))] = draw.choice(
            [*b"0123456789.,-e [{", draw.randrange(256)]
        )
        return bytes(content)
    for _ in range(draw.randint(1, 3)):
        size = len(content)
        at = draw.randrange(size + 1)
        match draw.randrange(8):
            case 0:
                content = content[:at]
            case 1:
                for _ in range(draw.randint(1, 8)):
                    if content:
                        content[draw.randrange(len(content))] = draw.randrange(256)
            case 2:
                content[at:at] = draw.choice(_TOKENS)
            case 3:
                form = draw.choice(["<H", "<I", "<Q", ">I"])
                number = draw.choice(_LIKED) & (2 ** (8 * struct.calcsize(form)) - 1)
                piece = struct.pack(form, number)
                content[at : at + len(piece)] = piece
            case 4:
                del content[at : at + draw.randint(1, 40)]
            case 5:
                content += content[: draw.randint(0, size)]
            case 6:
                content[at:] = other[at:]
            case _:
                digits = [i for i, byte in enumerate(content[:400]) if chr(byte).isdigit()]
                if digits:
                    content[draw.choice(digits)] = ord(draw.choice("0123456789"))
    return bytes(content)


def read(kind: str, path: Path) -> tuple[Vectors, np.ndarray] | None:
    """Read a file as the audit does."""
    if kind in ("qrels.tsv", "texts.csv"):
        read_rows(path)
        return None
    vectors = open_vectors(path, dtype="number")
    n, d = vectors.shape
    block = vectors.block(0, n)
    if block.shape != (n, d) or block.dtype not in (np.float32, np.float64):
        raise AssertionError(f"{vectors.shape} promised, {block.dtype} of {block.shape} read")
    if vectors.ids is not None and len(vectors.ids) != n:
        raise AssertionError(f"{len(vectors.ids)} ids for {n} rows")
    if vectors.columns is not None and len(vectors.columns) != n:
        raise AssertionError(f"columns of {len(vectors.columns)} rows for {n} rows")
    return vectors, block


def reference(kind: str, path: Path) -> Iterator[Any]:
    """Yield every matrix that a well-known library finds in a file; nothing where it refuses."""
    content = _unpacked(path)
    match kind:
        case "npy":
            yield np.load(io.BytesIO(content), allow_pickle=False)
        case "npz":
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                yield from (archive[name] for name in archive.files)
        case "safetensors":
            yield from safe_load(content).values()
        case "parquet" | "arrow" | "arrow stream":
            table = (
                pq.read_table(io.BytesIO(content))
                if kind == "parquet"
                else (pa.ipc.open_file if kind == "arrow" else pa.ipc.open_stream)(
                    io.BytesIO(content)
                ).read_all()
            )
            frame = table.to_pandas(ignore_metadata=True)
            yield from (_nested(frame[name]) for name in frame if _holds_lists(frame[name]))
            numeric = frame.select_dtypes("number")
            yield numeric.to_numpy()
        case "hdf5":
            with h5py.File(io.BytesIO(content)) as file:
                yield from (item[...] for item in file.values() if item.ndim == 2)
        case "faiss":
            import faiss

            index = faiss.deserialize_index(np.frombuffer(content, np.uint8))
            inner = faiss.downcast_index(getattr(index, "index", index))  # owned by the outer one
            yield inner.reconstruct_n(0, index.ntotal)
        case "fvecs" | "bvecs" | "ivecs":
            kind_ = np.dtype(_BINARY[kind])
            d = int(np.frombuffer(content, "<i4", 1)[0])
            rows = np.frombuffer(content, "u1").reshape(-1, 4 + d * kind_.itemsize)[:, 4:]
            yield np.ascontiguousarray(rows).view(kind_)
        case "fbin" | "u8bin" | "i8bin":
            n, d = np.frombuffer(content, "<i4", 2).tolist()
            yield np.frombuffer(content, _BLOCKS[kind], n * d, 8).reshape(n, d)
        case "jsonl":
            lines = [
                json.loads(line) for line in content.decode("utf-8-sig").split("\n") if line.strip()
            ]
            yield from _json_matrices([_vector_in(line) for line in lines])
            yield from _json_matrices(lines)
        case "json":
            value = json.loads(content.decode("utf-8-sig"))
            yield from _json_matrices(value)
        case "table":
            yield from _tables(content.decode("utf-8-sig"))


def _unpacked(path: Path) -> bytes:
    content = path.read_bytes()
    magics = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ": lzma}
    for magic, module in magics.items():
        if content.startswith(magic):
            return module.decompress(content)
    if content.startswith(b"(\xb5/\xfd"):
        return pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
    return content


def _holds_lists(column: Any) -> bool:
    return any(isinstance(one, np.ndarray | dict) for one in column)


def _nested(column: Any) -> np.ndarray:
    rows = [row["vector"] if isinstance(row, dict) else row for row in column]
    width = max((len(row) for row in rows if row is not None), default=0)
    return np.array(
        [[np.nan] * width if row is None or len(row) == 0 else row for row in rows], float
    )


def _vector_in(value: Any) -> Any:
    """The first list of numbers anywhere in a line."""
    if isinstance(value, list):
        if value and all(type(one) in (int, float) or one is None for one in value):
            return value
        return next((v for one in value if (v := _vector_in(one)) is not None), None)
    if isinstance(value, dict):
        return next((v for one in value.values() if (v := _vector_in(one)) is not None), None)
    return None


def _json_matrices(value: Any) -> Iterator[np.ndarray]:
    """Every list of rows in a document, and all its lists of numbers in their order."""
    found: list[list] = []

    def walk(one: Any) -> None:
        if (
            isinstance(one, list)
            and len(one) > 1
            and all(type(x) in (int, float) or x is None for x in one)
        ):
            found.append(one)
        elif isinstance(one, str) and len(one) > 8:
            with contextlib.suppress(ValueError):
                found.append(np.frombuffer(base64.b64decode(one, validate=True), "<f4").tolist())
        elif isinstance(one, list | dict):
            for inner in one.values() if isinstance(one, dict) else one:
                walk(inner)

    walk(value)
    for width in {len(one) for one in found}:
        same = [one for one in found if len(one) == width]
        yield from (np.array(same[::step], float) for step in (1, -1))


def _tables(text: str) -> Iterator[np.ndarray]:
    """Cells as the csv module cuts them: a column of lists, or those that are numbers."""
    for separator in ",\t;":
        try:
            rows = [
                row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row
            ]
        except csv.Error:
            continue
        for start in (0, 1):
            body = rows[start:]
            for column in zip(*body, strict=False):
                if all(cell.strip()[:1] in ("[", "{") for cell in column):
                    cells = [
                        cell.strip().strip("[]{}").replace(",", " ").split() for cell in column
                    ]
                    cells = [
                        [one.removeprefix("np.float32(").removesuffix(")") for one in row]
                        for row in cells
                    ]
                    yield _floats(cells)
            columns = [list(column) for column in zip(*body, strict=False)]
            yield _floats([c for c in columns if _floats([c]).size]).T
    words = [line.split() for line in text.splitlines() if line.strip()]
    yield from (_floats(words), _floats([row[1:] for row in words]))


def _floats(rows: list[list[str]]) -> np.ndarray:
    try:
        return np.array([[float(cell or "nan") for cell in row] for row in rows])
    except ValueError:
        return np.empty((0, 0))


def agrees(vectors: Vectors, block: np.ndarray, path: Path) -> bool | None:
    """Whether a reference holds the numbers that were read; None where it refuses the file."""
    compared = 0
    # Rows without a vector are said and counted; the reference may find one under another name.
    said = any(note.startswith("without a vector") for note in vectors.notes)
    kept = ~np.isnan(block).all(axis=1) if said else np.ones(len(block), bool)
    # Columns a coordinate are put in the order of their numbers, whatever theirs in the file.
    columns = any(note.startswith("coordinates are") for note in vectors.notes)
    ordered = (lambda rows: np.sort(rows, axis=1)) if columns else (lambda rows: rows)
    try:
        for other in reference(vectors.kind, path):
            with np.errstate(all="ignore"):
                other = np.asarray(other, dtype=float).astype(block.dtype)
            if other.shape == block.shape:
                compared += 1
                if np.array_equal(ordered(other[kept]), ordered(block[kept]), equal_nan=True):
                    return True
    except Exception:  # the reference's own ways to refuse
        return None
    return False if compared else None


def fuzz(n_inputs: int, seed: int = 0, tell: Callable[[str], None] | None = None) -> dict:
    """Read `n_inputs` files; return how many were read, refused, and how else they ended.

    Returns
    -------
    dict
        Kind -> Counter with ``valid``, ``read``, ``compared``, ``refused``; and ``failures``, a
        list of texts.
    """
    draw = random.Random(seed)
    folder = Path(tempfile.mkdtemp())
    counts = {kind: collections.Counter() for kind in KINDS}
    failures: list[str] = []
    pool = {kind: [valid(kind, draw) for _ in range(40)] for kind in KINDS}
    try:
        for number in range(n_inputs):
            kind = KINDS[number % len(KINDS)]
            data, rows = draw.choice(pool[kind])
            other = draw.choice(pool[draw.choice(KINDS)])[0]
            content = data if draw.random() < 0.05 else damaged(data, draw, other)
            path = folder / f"input.{kind}"
            path.write_bytes(content)
            for line in _one(kind, path, content == data, rows, counts[kind]):
                failures.append(f"{number} {kind}: {line}")
                if tell:
                    tell(f"{failures[-1]}\n    {content[:3000]!r}")
            path.unlink()
            if tell and (number + 1) % 10_000 == 0:
                tell(f"{number + 1:,} inputs, {len(failures)} failures")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"counts": counts, "failures": failures}


def _one(
    kind: str, path: Path, whole: bool, rows: np.ndarray | None, count: collections.Counter
) -> Iterator[str]:
    try:
        found = read(kind, path)
    except UsageError as error:
        count["refused"] += 1
        if "\n" in str(error) or not str(error) or len(str(error)) > 600:
            yield f"not one short line: {error!s:.200}"
        if whole:
            yield f"a whole file was refused: {error}"
        return
    except Exception as error:
        yield f"{type(error).__name__}: {error!s:.200}"
        return
    count["valid" if whole else "read"] += 1
    if found is None:
        return
    vectors, block = found
    if whole and rows is not None:
        if not np.array_equal(block.astype("f4"), rows.astype("f4"), equal_nan=True):
            yield "a whole file gave other numbers"
        # Of a map with one key nobody can say whether the key is an id.
        if kind != "deep_map.json" and (vectors.ids is None) != (
            kind in WITHOUT_IDS or kind in _WHOLE
        ):
            yield f"a whole file gave the ids {vectors.ids}"
    same = agrees(vectors, block, path)
    count["compared"] += same is not None
    if same is False:
        yield f"other numbers than the reference's ({vectors.kind}): {block.tolist()!s:.150}"


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run and print the counts; exit 1 on any failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n_inputs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    began = time.monotonic()
    outcome = fuzz(arguments.n_inputs, arguments.seed, say)
    total: collections.Counter = collections.Counter()
    for kind, count in outcome["counts"].items():
        total += count
        say(f"{kind:<16}" + "  ".join(f"{name} {count[name]:>7,}" for name in sorted(count)))
    say(f"{'all':<16}" + "  ".join(f"{name} {total[name]:>7,}" for name in sorted(total)))
    say(f"{arguments.n_inputs:,} inputs in {time.monotonic() - began:.0f} s")
    for line in outcome["failures"][:40]:
        say(line)
    say(f"{len(outcome['failures'])} failures")
    sys.exit(bool(outcome["failures"]))


if __name__ == "__main__":
    main()
