"""One data set written in every form that people have; for the tests of the audit and its fuzz."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather
from safetensors.numpy import save as safe_bytes

from embedding_audit.reading import open_vectors
from paper_utils.errors import UsageError

N, D = 37, 6


def some(n: int = N, d: int = D, seed: int = 0) -> np.ndarray:
    """Return a matrix of small float32 numbers."""
    return (np.random.default_rng(seed).normal(size=(n, d)) * 3).astype("f4")


def write(folder: Path, suffix: str, content: bytes) -> Path:
    """Write a file called x and a suffix."""
    path = folder / f"x.{suffix}"
    path.write_bytes(content)
    return path


def refused(path: Path, *words: str, **options: str) -> str:
    """The one line that a file is refused with."""
    with pytest.raises(UsageError) as caught:
        open_vectors(path, **options)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 450, line
    for word in words:
        assert word in line, line
    return line


Writer = Callable[[np.ndarray, list[str], list[str]], bytes]  # rows, ids, texts -> a file


def _lists(rows: np.ndarray) -> list[list[Any]]:
    return rows.tolist()


def _npz(rows: np.ndarray, ids: list[str], save: Callable) -> bytes:
    buffer = io.BytesIO()
    save(buffer, embeddings=rows, ids=np.array(ids))
    return buffer.getvalue()


def npy(rows: np.ndarray) -> bytes:
    """Return a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, rows)
    return buffer.getvalue()


def _table(rows: np.ndarray, ids: list[str], texts: list[str], width: int = -1) -> pa.Table:
    inner = pa.array(rows.ravel())
    vectors = pa.FixedSizeListArray.from_arrays(inner, rows.shape[1]) if width > 0 else list(rows)
    return pa.table({"docid": ids, "text": texts, "vector": vectors})


def _wide(rows: np.ndarray, ids: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[f"dim_{i}" for i in range(rows.shape[1])])
    frame.insert(0, "doc_id", ids)
    return frame


def parquet(table: pa.Table) -> bytes:
    """Return a .parquet file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _ipc(table: pa.Table, opener: Callable) -> bytes:
    buffer = io.BytesIO()
    with opener(buffer, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return buffer.getvalue()


def _feather(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    feather.write_feather(table, buffer)
    return buffer.getvalue()


def _csv(cells: Callable[[np.ndarray], str], separator: str = ",") -> Writer:
    def write(rows: np.ndarray, ids: list[str], texts: list[str]) -> bytes:
        columns = {"docno": ids, "text": texts, "embedding": [cells(row) for row in rows]}
        return pd.DataFrame(columns).to_csv(index=False, sep=separator).encode()

    return write


def _lines(records: list[Any]) -> bytes:
    return "\n".join(json.dumps(one) for one in records).encode()


def _records(rows: np.ndarray, ids: list[str], texts: list[str]) -> list[dict]:
    parts = zip(ids, texts, _lists(rows), strict=True)
    return [{"_id": i, "text": t, "embedding": row} for i, t, row in parts]


def coded(row: np.ndarray) -> str:
    """Return a row as APIs send it: float32 in base64."""
    return base64.b64encode(row.astype("<f4").tobytes()).decode()


def batch(rows: np.ndarray, ids: list[str]) -> list[dict]:
    """Return the lines of OpenAI's batch output."""
    return [
        {
            "id": f"batch_req_{i}",
            "custom_id": i,
            "response": {
                "status_code": 200,
                "body": {"data": [{"object": "embedding", "index": 0, "embedding": row}]},
            },
            "error": None,
        }
        for i, row in zip(ids, _lists(rows), strict=True)
    ]


def _elastic(rows: np.ndarray, ids: list[str], texts: list[str]) -> bytes:
    parts = zip(ids, texts, _lists(rows), strict=True)
    return _lines([{"_id": i, "_source": {"title": t, "vector": row}} for i, t, row in parts])


def _bulk(rows: np.ndarray, ids: list[str], texts: list[str]) -> bytes:
    parts = zip(ids, texts, _lists(rows), strict=True)
    return _lines(
        [one for i, t, row in parts for one in ({"index": {"_id": i}}, {"t": t, "vector": row})]
    )


def _qdrant(rows: np.ndarray, ids: list[str], texts: list[str]) -> bytes:
    points = [
        {"id": i, "payload": {"text": t}, "vector": row}
        for i, t, row in zip(ids, texts, _lists(rows), strict=True)
    ]
    return json.dumps({"result": {"points": points}, "status": "ok"}, indent=1).encode()


def _weaviate(rows: np.ndarray, ids: list[str], texts: list[str]) -> bytes:
    objects = [
        {"class": "Doc", "id": i, "properties": {"text": t}, "vectors": {"default": row}}
        for i, t, row in zip(ids, texts, _lists(rows), strict=True)
    ]
    return json.dumps({"objects": objects}).encode()


def _hdf5(rows: np.ndarray, ids: list[str], texts: list[str]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["train"], file["test"] = rows, rows[:2]
        file["neighbors"], file["distances"] = np.zeros((2, 5), "i4"), np.zeros((2, 5), "f4")
        file["ids"] = np.array(ids, dtype="S")
    return buffer.getvalue()


def faiss_flat(rows: np.ndarray, ids: np.ndarray | None = None, metric: str = "ip") -> bytes:
    """Return a flat index of FAISS."""
    index: Any = (faiss.IndexFlatIP if metric == "ip" else faiss.IndexFlatL2)(rows.shape[1])
    if ids is None:
        index.add(np.ascontiguousarray(rows, dtype="f4"))
    else:
        index = faiss.IndexIDMap(index)
        index.add_with_ids(np.ascontiguousarray(rows, dtype="f4"), ids)
    return faiss.serialize_index(index).tobytes()


def fvecs(rows: np.ndarray) -> bytes:
    """Return a .fvecs, .bvecs or .ivecs file, by the type of the rows."""
    return b"".join(np.int32(len(row)).tobytes() + row.tobytes() for row in rows)


def fbin(rows: np.ndarray) -> bytes:
    """Return a .fbin, .u8bin or .i8bin file, by the type of the rows."""
    return np.array(rows.shape, dtype="<i4").tobytes() + rows.tobytes()


def _savetxt(rows: np.ndarray, ids: list[str], texts: list[str]) -> bytes:
    buffer = io.StringIO()
    np.savetxt(buffer, rows)
    return buffer.getvalue().encode()


def _glove(rows: np.ndarray, ids: list[str], texts: list[str]) -> bytes:
    lines = [" ".join([i, *map(str, row)]) for i, row in zip(ids, _lists(rows), strict=True)]
    return "\n".join(lines).encode()


def _zstd(content: bytes) -> bytes:
    return pa.compress(content, "zstd", asbytes=True)


def _jsonl(rows: np.ndarray, ids: list[str], texts: list[str]) -> bytes:
    return _lines(_records(rows, ids, texts))


#: Suffix -> how to write it. Those in WITHOUT_IDS keep none.
WRITERS: dict[str, Writer] = {
    "npy": lambda r, i, t: npy(r),
    "fortran.npy": lambda r, i, t: npy(np.asfortranarray(r)),
    "npy.gz": lambda r, i, t: gzip.compress(npy(r)),
    "npz": lambda r, i, t: _npz(r, i, np.savez),
    "packed.npz": lambda r, i, t: _npz(r, i, np.savez_compressed),
    "safetensors": lambda r, i, t: safe_bytes({"embeddings": np.ascontiguousarray(r)}),
    "parquet": lambda r, i, t: parquet(_table(r, i, t)),
    "fixed.parquet": lambda r, i, t: parquet(_table(r, i, t, r.shape[1])),
    "wide.parquet": lambda r, i, t: parquet(pa.Table.from_pandas(_wide(r, i))),
    "nested.parquet": lambda r, i, t: parquet(
        pa.table({"doc": [{"id": a, "vector": b} for a, b in zip(i, list(r), strict=True)]})
    ),
    "arrow": lambda r, i, t: _ipc(_table(r, i, t), pa.ipc.new_file),
    "stream.arrow": lambda r, i, t: _ipc(_table(r, i, t), pa.ipc.new_stream),
    "feather": lambda r, i, t: _feather(_table(r, i, t)),
    "csv": _csv(lambda row: json.dumps(row.tolist())),
    "python.csv": _csv(lambda row: str(list(row))),  # np.float32(0.5)
    "numpy.csv": _csv(lambda row: np.array2string(row, floatmode="unique")),
    "pgvector.tsv": _csv(lambda row: "[" + ",".join(map(str, row.tolist())) + "]", "\t"),
    "postgres.csv": _csv(lambda row: "{" + ",".join(map(str, row.tolist())) + "}", ";"),
    "wide.csv": lambda r, i, t: _wide(r.astype("f8"), i).to_csv(index=False).encode(),
    "index.csv": lambda r, i, t: (
        pd.DataFrame({"id": i, "vector": _lists(r)}).to_csv().encode()  # an unnamed counter first
    ),
    "savetxt.txt": _savetxt,
    "glove.txt": _glove,
    "csv.bz2": lambda r, i, t: bz2.compress(WRITERS["csv"](r, i, t)),
    "jsonl": _jsonl,
    "jsonl.gz": lambda r, i, t: gzip.compress(_jsonl(r, i, t)),
    "jsonl.zst": lambda r, i, t: _zstd(_jsonl(r, i, t)),
    "jsonl.xz": lambda r, i, t: lzma.compress(_jsonl(r, i, t)),
    "lists.jsonl": lambda r, i, t: _lines(_lists(r)),
    "base64.jsonl": lambda r, i, t: _lines(
        [{"id": a, "embedding": coded(row)} for a, row in zip(i, r, strict=True)]
    ),
    "batch.jsonl": lambda r, i, t: _lines(batch(r, i)),
    "elastic.jsonl": _elastic,
    "bulk.ndjson": _bulk,
    "list.json": lambda r, i, t: json.dumps(_records(r, i, t)).encode(),
    "pretty.json": lambda r, i, t: json.dumps(_records(r, i, t), indent=2).encode(),
    "data.json": lambda r, i, t: json.dumps({"data": _records(r, i, t), "n": len(r)}).encode(),
    "map.json": lambda r, i, t: json.dumps(dict(zip(i, _lists(r), strict=True))).encode(),
    "deep_map.json": lambda r, i, t: json.dumps(
        {a: {"vector": row, "n": 1} for a, row in zip(i, _lists(r), strict=True)}
    ).encode(),
    "matrix.json": lambda r, i, t: json.dumps(_lists(r)).encode(),
    "chroma.json": lambda r, i, t: json.dumps(
        {"ids": i, "embeddings": _lists(r), "documents": t, "metadatas": [{"n": 1}] * len(r)}
    ).encode(),
    "cohere.json": lambda r, i, t: json.dumps(
        {"id": "r1", "texts": t, "embeddings": {"float": _lists(r)}, "meta": {"tokens": [1, 2]}}
    ).encode(),
    "openai.json": lambda r, i, t: json.dumps(
        {
            "object": "list",
            "model": "m",
            "data": [{"index": n, "embedding": row} for n, row in enumerate(_lists(r))][::-1],
        }
    ).encode(),
    "columns.json": lambda r, i, t: (
        pd.DataFrame({"id": i, "embedding": _lists(r)}).to_json(double_precision=15).encode()
    ),
    "split.json": lambda r, i, t: (
        pd.DataFrame({"id": i, "embedding": _lists(r)})
        .to_json(orient="split", double_precision=15)
        .encode()
    ),
    "qdrant.json": _qdrant,
    "weaviate.json": _weaviate,
    "fvecs": lambda r, i, t: fvecs(r),
    "fbin": lambda r, i, t: fbin(r),
    "fbin.gz": lambda r, i, t: gzip.compress(fbin(r)),
    "hdf5": _hdf5,
    "faiss": lambda r, i, t: faiss_flat(r),
    "ids.faiss": lambda r, i, t: faiss_flat(r, np.arange(100, 100 + len(r)), "l2"),
}

WITHOUT_IDS = (
    "npy",
    "fortran.npy",
    "npy.gz",
    "safetensors",
    "savetxt.txt",
    "lists.jsonl",
    "matrix.json",
    "cohere.json",
    "openai.json",
    "fvecs",
    "fbin",
    "fbin.gz",
    "faiss",
)
