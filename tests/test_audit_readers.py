"""Readers of the audit: what is read is what was written; the rest is refused in a line."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from embedding_audit.formats import open_vectors
from embedding_audit.inputs import read_inputs, read_texts
from embedding_audit.qrels import read_qrels
from embedding_audit.readers import Mapped
from embedding_audit.cloud.scan import scan
from fuzz_audit import KINDS, fuzz
from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError
from paper_utils.geometry.hubness import equal_rows


def some(n=30, d=6, dtype="f4", seed=0):
    """Return a matrix of small numbers."""
    return (np.random.default_rng(seed).normal(size=(n, d)) * 3).astype(dtype)


def write(folder, kind, rows):
    """Write a matrix as a file of a kind."""
    path = folder / f"rows.{kind}"
    if kind == "npy":
        np.save(path, rows)
    elif kind == "npz":
        np.savez(path, embeddings=rows, ids=[f"i{i}" for i in range(len(rows))])
    elif kind == "safetensors":
        from safetensors.numpy import save_file

        save_file({"vectors": np.ascontiguousarray(rows)}, path)
    elif kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"id": range(len(rows)), "embedding": list(rows)}), path)
    else:
        lines = [json.dumps({"id": i, "vector": r}) for i, r in enumerate(rows.tolist())]
        path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("kind", ["npy", "npz", "safetensors", "parquet", "jsonl"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i8"])
def test_every_kind_gives_back_what_was_written(tmp_path, kind, dtype):
    rows = some(dtype=dtype)
    found = open_vectors(write(tmp_path, kind, rows))
    assert found.shape == rows.shape
    assert np.array_equal(found.block(3, 20), rows[3:20].astype(np.float64))
    assert found.mapped == (kind in ("npy", "npz", "safetensors"))
    if dtype.startswith("i") and kind != "jsonl":
        assert "whole numbers" in found.notes[0]


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        st.sampled_from(["<f2", ">f4", "<f8", "<i2"]),
        st.tuples(st.integers(1, 9), st.integers(2, 7)),
        elements=st.integers(-100, 100),
    ),
    st.booleans(),
)
def test_npy_of_any_order_and_byte_order(tmp_path_factory, rows, fortran):
    path = tmp_path_factory.mktemp("npy") / "a.NPY"
    with path.open("wb") as stream:
        np.save(stream, np.asfortranarray(rows) if fortran else rows)
    found = open_vectors(path)
    assert np.array_equal(found.block(0, len(rows)), rows.astype(np.float64))


def test_bfloat16_is_read_exactly(tmp_path):
    import torch
    from safetensors.torch import save_file

    rows = torch.randn(20, 5).to(torch.bfloat16)
    save_file({"embeddings": rows}, tmp_path / "b.safetensors")
    found = open_vectors(tmp_path / "b.safetensors")
    assert found.dtype == "bfloat16"
    assert np.array_equal(found.block(0, 20), rows.float().numpy())


def test_a_mapped_file_is_not_held_in_memory(tmp_path):
    found = open_vectors(write(tmp_path, "npy", some()))
    assert isinstance(found.data, Mapped)
    assert len(pickle.dumps(found)) < 2000  # what a cluster is sent


def refused(path, *words):
    """The one line that a file is refused with."""
    with pytest.raises(UsageError) as caught:
        open_vectors(path)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 400
    for word in words:
        assert word in line, line
    return line


def test_ids_are_one_for_each_vector_and_never_unpickled(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, vectors=np.eye(4), ids=np.arange(3))
    with pytest.raises(UsageError, match="3 ids for 4 vectors"):
        open_vectors(path)
    np.savez(path, vectors=np.eye(4), ids=np.array(["a", 1, None, 2.5], dtype=object))
    with pytest.raises(UsageError, match="the ids are pickled Python objects"):
        open_vectors(path)


def test_pickled_objects_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    np.save(tmp_path / "o.npy", np.array([Bomb(), 1], dtype=object), allow_pickle=True)
    refused(tmp_path / "o.npy", "pickled")
    np.savez(tmp_path / "o.npz", embeddings=np.array([Bomb()], dtype=object))
    refused(tmp_path / "o.npz", "pickled")
    (tmp_path / "p.npy").write_bytes(pickle.dumps(Bomb()))
    refused(tmp_path / "p.npy", "no .npy file")
    assert not (tmp_path / "exploded").exists()


def test_a_file_cut_short_and_one_that_promises_too_much(tmp_path):
    path = write(tmp_path, "npy", some())
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    refused(path, "cut short", "30 rows")
    path.write_bytes(whole + b"12345678")
    refused(path, "8 bytes more")
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 384), }"
    huge = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + head.ljust(117) + b"\n"
    path.write_bytes(huge)
    refused(path, "cut short", "1,000,000,000,000 rows")


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (np.zeros(5), "matrix"),
        (np.zeros((2, 3, 4)), "matrix"),
        (np.zeros((5, 1)), "1 columns"),
        (np.zeros((0, 5)), "0 rows"),
        (np.array([["a", "b"]]), "real numbers"),
        (np.array([[1j, 2]]), "real numbers"),
        (np.array([[True, False]]), "real numbers"),
    ],
)
def test_what_is_no_matrix_of_numbers(tmp_path, rows, word):
    np.save(tmp_path / "a.npy", rows)
    refused(tmp_path / "a.npy", word)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]\n[1]", ["line 2", "1 numbers"]),
        ('[1, 2]\n[1, "2"]', ["line 2", "str where a number"]),
        ("[1, 2]\n[1, null]", ["line 2", "NoneType where a number"]),
        ("[1, 2]\n[1, true]", ["line 2", "bool where a number"]),
        ("[1, 2]\nnonsense", ["line 2", "not JSON"]),
        ('{"a": [1, 2], "b": [3, 4]}', ["line 1", "must be called"]),
        ('{"a": 1}', ["line 1"]),
        ("[" * 100_000, ["line 1", "not JSON"]),
        (f"[1, {'9' * 400}]", ["line 1", "too large"]),
        ("\n\n", ["no rows"]),
    ],
)
def test_json_lines_that_are_no_vectors(tmp_path, text, words):
    (tmp_path / "a.jsonl").write_text(text)
    refused(tmp_path / "a.jsonl", *words)


@pytest.mark.parametrize(
    "name", ["a b.npy", "дрель.npy", "<script>.npy", "a'\"{{b}}.npy", "x\ny.npy"]
)
def test_odd_paths_are_read_and_named_in_one_line(tmp_path, name):
    path = tmp_path / name
    np.save(path, some())
    assert open_vectors(path).shape == (30, 6)
    path.write_bytes(b"rubbish")
    refused(path)


def test_paths_that_are_no_files(tmp_path):
    refused(tmp_path / "none.npy", "no such file")
    refused("a\0b.npy", "zero character")
    refused(tmp_path / "a.txt", "files must be")
    (tmp_path / "folder.npy").mkdir()
    refused(tmp_path / "folder.npy", "not a file")
    (tmp_path / "empty.npy").touch()
    refused(tmp_path / "empty.npy", "empty")
    refused("x" * 5000 + ".npy")


def test_bad_rows_are_found_named_and_left_out(tmp_path):
    rows = some(n=60, dtype="f4")
    rows[3, 1], rows[5], rows[7, 0], rows[9] = np.nan, 0, np.inf, 2 * rows[10]
    np.save(tmp_path / "a.npy", rows)
    found = scan(open_vectors(tmp_path / "a.npy"))
    assert found.nan.tolist() == [3] and found.zero.tolist() == [5]
    assert found.infinite.tolist() == [7]
    good = np.delete(rows, [3, 5, 7], axis=0)
    assert len(found.used) == 57 and len(found.first) == 56
    assert np.allclose(found.norms, np.linalg.norm(good.astype(float), axis=1))
    first, group = equal_rows(good)
    assert np.array_equal(found.first, first) and np.array_equal(found.point_of_row, group)
    assert np.allclose(found.low, unit_rows(good).min(axis=0), atol=1e-7)


def test_float16_that_overflowed_is_not_taken_for_a_number(tmp_path):
    with np.errstate(over="ignore"):
        rows = (some(n=40) * np.where(np.arange(40) == 4, 1e6, 1)[:, None]).astype(np.float16)
    np.save(tmp_path / "a.npy", rows)
    report = run(tmp_path)
    assert report["rows.infinite"].value == 1
    assert any("65,504" in note for note in report.notes)


def run(folder):
    """Audit the file a.npy of a folder."""
    from embedding_audit import audit

    return audit(read_inputs(str(folder / "a.npy")))


def test_values_near_the_ends_of_float64(tmp_path):
    rows = some(n=40, dtype="f8")
    rows[0] *= 1e307
    rows[1] *= 1e-307
    np.save(tmp_path / "a.npy", rows)
    report = run(tmp_path)
    assert report["rows.used"].value == 40
    assert report["norms.max"].value == pytest.approx(np.linalg.norm(rows[0] / 1e300) * 1e300)


def test_too_few_rows_and_rows_of_one_direction(tmp_path):
    np.save(tmp_path / "a.npy", some(n=5))
    with pytest.raises(UsageError, match="5 usable rows of 5"):
        run(tmp_path)
    np.save(tmp_path / "a.npy", np.ones((50, 3)) * np.arange(1, 51)[:, None])
    with pytest.raises(UsageError, match="same direction"):
        run(tmp_path)


def test_qrels_of_every_form(tmp_path):
    want = [[0, 2, 0], [1, 0, 0]]
    forms = {
        "a.qrels": "q1 0 b 2\nq2 0 a 1\nq2 0 c 0\n",
        "a.tsv": "query-id\tcorpus-id\tscore\nq1\tb\t2\nq2\ta\t1\n",
        "a.csv": "query_id,doc_id,relevance\nq1,b,2\nq2,a,1\n",
        "a.jsonl": '{"qid": "q1", "docid": "b", "grade": 2}\n'
        '{"qid": "q2", "docid": "a", "grade": 1}',
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text)
        found, _ = read_qrels(tmp_path / name, ["q1", "q2"], ["a", "b", "c"])
        assert found.toarray().tolist() == want, name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("q1 0 b 2\nq9 0 a 1", "line 2: unknown query 'q9'; 2 are known"),
        ("q1 0 b 2\nq1 0 z 1", "line 2: unknown document 'z'"),
        ("q1 0 b 2\nq1 0 b 1", "twice"),
        ("q1 0 b x", "line 1"),
        ("q1 0 b nan", "line 1"),
        ("q1 b 1", "line 1"),
        ("q1 0 b 0", "no document is relevant"),
    ],
)
def test_qrels_that_do_not_fit(tmp_path, text, words):
    (tmp_path / "a.qrels").write_text(text)
    with pytest.raises(UsageError, match=words):
        read_qrels(tmp_path / "a.qrels", ["q1", "q2"], ["a", "b", "c"])


def test_texts_are_brought_into_the_order_of_the_vectors(tmp_path):
    path = write(tmp_path, "npz", some(n=25))
    lines = ["id,title", *(f"i{i},text {i}" for i in reversed(range(26)))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    found = read_inputs(str(path), texts=str(tmp_path / "t.csv"))
    assert found.table["title"].tolist() == [f"text {i}" for i in range(25)]
    assert "texts without a vector left out: 1" in found.notes
    (tmp_path / "t.csv").write_text("\n".join(lines[:20]))
    with pytest.raises(UsageError, match="no text for the id 'i0'"):
        read_inputs(str(path), texts=str(tmp_path / "t.csv"))


def test_texts_and_queries_that_do_not_fit(tmp_path):
    np.save(tmp_path / "a.npy", some())
    (tmp_path / "t.txt").write_text("one\ntwo\n")
    with pytest.raises(UsageError, match="2 texts for 30 vectors"):
        read_inputs(str(tmp_path / "a.npy"), texts=str(tmp_path / "t.txt"))
    np.save(tmp_path / "q.npy", some(d=5))
    with pytest.raises(UsageError, match="5 columns"):
        read_inputs(str(tmp_path / "a.npy"), queries=str(tmp_path / "q.npy"))
    assert read_texts(str(tmp_path / "t.txt"))[0]["title"].tolist() == ["one", "two"]


def test_damaged_files_give_one_line_each():
    outcome = fuzz(700 * len(KINDS), seed=7)
    assert outcome["failures"] == []
    for kind, count in outcome["counts"].items():
        assert count["valid"] and count["refused"], kind
