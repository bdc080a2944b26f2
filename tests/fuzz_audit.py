"""Fuzz the readers of the audit: every input gives vectors or one line of error, never a traceback.

    python tests/fuzz_audit.py 100000          # number of inputs
    python tests/fuzz_audit.py 100000 --seed 1

Valid files of every kind are made, then damaged: bytes flipped, cut out, doubled, replaced by
numbers that headers like, the end cut off, two files joined. What opens is read, and must hold what
its header says; an undamaged file must give back exactly what was written.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import random
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from embedding_audit.formats import open_vectors
from embedding_audit.inputs import read_texts
from embedding_audit.qrels import read_qrels
from paper_utils.errors import UsageError

KINDS = ("npy", "npz", "safetensors", "parquet", "jsonl", "qrels", "texts")
_LIKED = [0, 1, 2, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
_TOKENS = [b"NaN", b"Infinity", b"-1", b"1e999", b"null", b"[", b"]", b"{", b"}", b'"', b"\\ud800"]
_TOKENS += [
    b"\x00",
    b"\xff",
    b"\n",
    b"\t",
    b",",
    b"F32",
    b"'descr'",
    b"|O",
    b"<f8",
    b"True",
    b"9" * 99,
]


def matrix(draw: random.Random) -> np.ndarray:
    """Return a small matrix of some type, now and then with what does not belong there."""
    n, d = draw.randint(1, 6), draw.randint(2, 5)
    dtype = draw.choice(["f2", "f4", "f8", "i1", "u1", "i4", "i8", ">f4", "<f8"])
    rng = np.random.default_rng(draw.getrandbits(32))
    rows = rng.normal(size=(n, d)) * 10
    if dtype.lstrip("<>").startswith("f"):
        for value in (np.nan, np.inf, 0.0):
            if draw.random() < 0.1:
                rows[draw.randrange(n), draw.randrange(d)] = value
    with np.errstate(all="ignore"):
        return rows.astype(dtype)


def valid(kind: str, draw: random.Random) -> tuple[bytes, np.ndarray | None]:
    """Return a file of a kind, and the matrix in it where it is one of vectors."""
    rows = matrix(draw)
    buffer = io.BytesIO()
    match kind:
        case "npy":
            rows = np.asfortranarray(rows) if draw.random() < 0.2 else rows
            if draw.random() < 0.05:
                np.save(buffer, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
                return buffer.getvalue(), None
            np.save(buffer, rows)
        case "npz":
            save = draw.choice([np.savez, np.savez_compressed])
            ids = {"ids": np.array([f"r{i}" for i in range(len(rows))])}
            save(buffer, embeddings=rows, **(ids if draw.random() < 0.5 else {}))
        case "safetensors":
            from safetensors.numpy import save as pack

            rows = rows.astype(rows.dtype.newbyteorder("="))
            return pack({"vectors": np.ascontiguousarray(rows)}), rows
        case "parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            rows = rows.astype(rows.dtype.newbyteorder("="))
            table = pa.table({"id": [f"r{i}" for i in range(len(rows))], "vector": list(rows)})
            pq.write_table(table, buffer)
        case "jsonl":
            rows = rows.astype(np.float64)
            lines = [json.dumps({"id": i, "embedding": row}) for i, row in enumerate(rows.tolist())]
            buffer.write("\n".join(lines).encode())
        case "qrels":
            lines = [f"q{i} 0 d{draw.randrange(4)} {draw.randint(-1, 3)}" for i in range(3)]
            return "\n".join(lines).encode(), None
        case _:
            lines = ["id,title,brand", *(f'{i},"drill {i}",b' for i in range(4))]
            return "\n".join(lines).encode(), None
    return buffer.getvalue(), rows


def damaged(data: bytes, draw: random.Random, other: bytes) -> bytes:
    """Return the file with one to three things done to it."""
    content = bytearray(data)
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


def read(kind: str, path: Path) -> np.ndarray | None:
    """Read a file as the audit does."""
    if kind == "qrels":
        read_qrels(path, ["q0", "q1", "q2"], ["d0", "d1", "d2", "d3"])
        return None
    if kind == "texts":
        read_texts(str(path))
        return None
    vectors = open_vectors(path)
    n, d = vectors.shape
    block = vectors.block(0, n)
    if block.shape != (n, d) or block.dtype not in (np.float32, np.float64):
        raise AssertionError(f"{vectors.shape} promised, {block.dtype} of {block.shape} read")
    if vectors.ids is not None and len(vectors.ids) != n:
        raise AssertionError(f"{len(vectors.ids)} ids for {n} rows")
    return block


def fuzz(n_inputs: int, seed: int = 0, tell: Callable[[str], None] | None = None) -> dict:
    """Read `n_inputs` files; return how many were read, refused, and how else they ended.

    Returns
    -------
    dict
        Kind -> Counter with ``valid``, ``read``, ``refused``; and ``failures``, a list of texts.
    """
    draw = random.Random(seed)
    folder = Path(tempfile.mkdtemp())
    counts = {kind: collections.Counter() for kind in KINDS}
    failures: list[str] = []
    pool = {kind: [valid(kind, draw) for _ in range(40)] for kind in KINDS}
    ends = {"qrels": "qrels", "texts": "csv"}
    try:
        for number in range(n_inputs):
            kind = KINDS[number % len(KINDS)]
            data, rows = draw.choice(pool[kind])
            whole = draw.random() < 0.05
            other = draw.choice(pool[draw.choice(KINDS)])[0]
            content = data if whole else damaged(data, draw, other)
            path = folder / f"input.{ends.get(kind, kind)}"
            path.write_bytes(content)
            try:
                block = read(kind, path)
                counts[kind]["valid" if content == data else "read"] += 1
                if content == data and rows is not None and block is not None:
                    wide = rows.astype(block.dtype)
                    if not np.array_equal(block, wide, equal_nan=True):
                        failures.append(f"{number} {kind}: a whole file gave other numbers")
            except UsageError as error:
                counts[kind]["refused"] += 1
                if "\n" in str(error) or not str(error) or len(str(error)) > 500:
                    failures.append(f"{number} {kind}: not one short line: {error!s:.200}")
                if content == data and rows is not None:
                    failures.append(f"{number} {kind}: a whole file was refused: {error}")
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                failures.append(f"{number} {kind}: {type(error).__name__}: {error!s:.200}")
            if tell and (number + 1) % 10_000 == 0:
                tell(f"{number + 1:,} inputs, {len(failures)} failures")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"counts": counts, "failures": failures}


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
        say(f"{kind:<12}" + "  ".join(f"{name} {count[name]:>7,}" for name in sorted(count)))
    say(f"{'all':<12}" + "  ".join(f"{name} {total[name]:>7,}" for name in sorted(total)))
    say(f"{arguments.n_inputs:,} inputs in {time.monotonic() - began:.0f} s")
    for line in outcome["failures"][:20]:
        say(line)
    say(f"{len(outcome['failures'])} failures")
    sys.exit(bool(outcome["failures"]))


if __name__ == "__main__":
    main()
