"""One data set in every form that people have: the same vectors, ids and texts come out."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audit_files import WITHOUT_IDS, WRITERS, D, N, faiss_flat, fbin, npy, refused, some, write
from embedding_audit.reading import Mapped, open_vectors

IDS = [f"d{i:03}" for i in range(N)]
TEXTS = [f'bolt {i}, "steel"' for i in range(N)]


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_form_gives_back_what_was_written(tmp_path, suffix):
    rows = some()
    path = write(tmp_path, suffix, WRITERS[suffix](rows, IDS, TEXTS))
    found = open_vectors(path)
    assert found.shape == rows.shape
    # np.float32's shortest text is another float64, and the same float32.
    exact = suffix not in ("numpy.csv", "python.csv", "columns.json", "split.json")
    got = found.block(0, N) if exact else found.block(0, N).astype("f4")
    assert np.array_equal(got, rows)
    assert np.array_equal(found.block(3, 20), found.block(0, N)[3:20])
    if suffix == "ids.faiss":
        assert found.ids == tuple(str(i) for i in range(100, 100 + N))
    else:
        assert found.ids == (None if suffix in WITHOUT_IDS else tuple(IDS)), found.notes
    if found.columns is not None and any("text" in name for name in found.columns):
        name = next(name for name in found.columns if "text" in name)
        assert found.columns[name].tolist() == TEXTS
    # And the same under a name that says nothing, or the wrong thing.
    if suffix.partition(".")[0] not in ("fvecs", "fbin"):
        for other in ("data", "wrong.npy" if "npz" in suffix else "wrong.npz"):
            again = open_vectors(write(tmp_path, other, path.read_bytes()))
            assert np.array_equal(again.block(0, N), found.block(0, N)) and again.ids == found.ids
            assert any("is read as what it holds" in note for note in again.notes)


@pytest.mark.parametrize("suffix", ["npy", "npz", "safetensors", "fvecs", "fbin", "hdf5", "faiss"])
def test_large_forms_stay_in_the_file(tmp_path, suffix):
    found = open_vectors(write(tmp_path, suffix, WRITERS[suffix](some(), IDS, TEXTS)))
    assert found.mapped and isinstance(found.data, Mapped)
    assert len(pickle.dumps(found.data)) < 2000  # what a cluster is sent


def test_a_folder_and_a_glob_of_shards_are_one_file_in_natural_order(tmp_path):
    rows = some()
    for number, start in enumerate(range(0, N, 3)):  # part-10 comes after part-9
        part = slice(start, start + 3)
        content = WRITERS["parquet"](rows[part], IDS[part], TEXTS[part])
        (tmp_path / f"part-{number}.parquet").write_bytes(content)
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "README.md").write_text("what this is")
    for path in (tmp_path, tmp_path / "part-*.parquet"):
        found = open_vectors(path)
        assert np.array_equal(found.block(0, N), rows) and found.ids == tuple(IDS)
        assert found.columns["text"].tolist() == TEXTS
        assert any("13 files are read as one" in note for note in found.notes)
    (tmp_path / "part-0.parquet").write_bytes(WRITERS["parquet"](some(3, 5), IDS[:3], TEXTS[:3]))
    refused(tmp_path, "shards must be alike", "part-1.parquet")
    refused(tmp_path / "no-*.npy", "no file is called so")


def test_mapped_shards_stay_mapped_and_blocks_cross_them(tmp_path):
    rows = some()
    for number in range(4):
        (tmp_path / f"{number}.npy").write_bytes(npy(rows[10 * number : 10 * (number + 1)]))
    found = open_vectors(tmp_path)
    assert found.mapped and found.shape == (N, D)
    for start, stop in ((0, N), (9, 11), (5, 35), (36, 99), (12, 12)):
        assert np.array_equal(found.block(start, stop), rows[start:stop])


def test_ids_in_a_file_beside_are_said_not_to_be_read(tmp_path):
    np.save(tmp_path / "embeddings.npy", some())
    np.save(tmp_path / "ids.npy", np.array(IDS))
    (tmp_path / "state.json").write_text("{}")
    found = open_vectors(tmp_path)
    assert np.array_equal(found.block(0, N), some()) and found.ids is None
    assert found.notes == ("of the folder embeddings.npy is read, and not ids.npy, state.json",)


def test_folders_that_say_too_little(tmp_path):
    refused(tmp_path, "folder without files of vectors (empty)")
    (tmp_path / "a.txt").write_text("hello")
    refused(tmp_path, "folder without files of vectors", "1 .txt")
    (tmp_path / "a.npy").write_bytes(npy(some()))
    assert open_vectors(tmp_path).shape == (N, D)
    (tmp_path / "b.parquet").write_bytes(WRITERS["parquet"](some(), IDS, TEXTS))
    refused(tmp_path, "several kinds", "*.parquet")


@settings(max_examples=40, deadline=None)
@given(
    arrays(
        st.sampled_from(["<f2", ">f4", "<f8", "<i2", ">i4"]),
        st.tuples(st.integers(1, 9), st.integers(2, 7)),
        elements=st.integers(-100, 100),
    ),
    st.booleans(),
)
def test_npy_of_any_order_and_byte_order(tmp_path_factory, rows, fortran):
    content = npy(np.asfortranarray(rows) if fortran else rows)
    found = open_vectors(write(tmp_path_factory.mktemp("npy"), "NPY", content), dtype="number")
    assert np.array_equal(found.block(0, len(rows)), rows.astype(np.float64))


@settings(max_examples=40, deadline=None)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(2, 5)),
        elements=st.floats(allow_infinity=False, width=32),
    ),
    st.sampled_from(["csv", "wide.csv", "jsonl", "base64.jsonl", "parquet", "chroma.json"]),
)
def test_any_finite_numbers_and_missing_ones(tmp_path_factory, rows, suffix):
    if np.abs(np.nan_to_num(rows)).max() > 1e9 or (np.abs(rows[rows != 0]) < 1e-9).any():
        rows = np.clip(rows, -1e9, 1e9).round(3)
    whole = rows.astype("f4")
    n = len(rows)
    content = WRITERS[suffix](whole, IDS[:n], TEXTS[:n])
    path = write(tmp_path_factory.mktemp("any"), suffix, content)
    found = open_vectors(path, dtype="number")
    assert np.array_equal(found.block(0, n), whole, equal_nan=True)


def test_hdf5_gives_the_part_that_is_asked_for(tmp_path):
    path = write(tmp_path, "hdf5", WRITERS["hdf5"](some(), IDS, TEXTS))
    found = open_vectors(path)
    assert any("`test` could be meant too" in note for note in found.notes)
    assert open_vectors(path, vector_column="test").shape == (2, D)
    refused(path, "no vectors 'x'", vector_column="x")


def test_one_archive_of_documents_and_queries_is_named_in_parts(tmp_path):
    path, rows = tmp_path / "x.npz", some()
    ids = {"doc_ids": np.array(IDS), "query_ids": np.array(["q1", "q2"])}
    np.savez(path, docs=rows, queries=rows[:2] + 1, **ids)
    refused(path, "'docs', 'queries'", "FILE::NAME")
    found = open_vectors(f"{path}::queries")
    assert np.array_equal(found.block(0, 2), rows[:2] + 1) and found.ids == ("q1", "q2")
    assert open_vectors(f"{path}::docs").ids == tuple(IDS)
    refused(f"{path}::dogs", "did you mean 'docs'")


def test_chunked_hdf5_is_read_whole(tmp_path):
    import h5py

    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("a/vectors", data=some(), chunks=(5, D), compression="gzip")
        file.create_dataset("a/ids", data=IDS)
    found = open_vectors(tmp_path / "x.h5")
    assert np.array_equal(found.block(0, N), some()) and found.ids == tuple(IDS)


def test_faiss_other_than_flat_is_refused_with_a_way_out(tmp_path):
    import faiss

    for name in ("HNSW8", "SQ8", "IVF2,Flat"):
        index = faiss.index_factory(D, name)
        index.train(some(80))
        index.add(some())
        faiss.write_index(index, str(tmp_path / "x.faiss"))
        refused(tmp_path / "x.faiss", "not flat", "reconstruct_n")
    path = write(tmp_path, "index", faiss_flat(some()))
    assert "the FAISS index compares by inner product" in open_vectors(path).notes
    path.write_bytes(path.read_bytes()[:-4])
    refused(path, "cut short")


def test_binary_faiss_holds_bits(tmp_path):
    import faiss

    packed = np.random.default_rng(0).integers(0, 256, (20, 4), dtype=np.uint8)
    index = faiss.IndexBinaryFlat(32)
    index.add(packed)
    faiss.write_index_binary(index, str(tmp_path / "x.bin"))
    found = open_vectors(tmp_path / "x.bin")
    assert found.shape == (20, 32) and found.dtype == "bits"
    assert np.array_equal(found.block(0, 20) > 0, np.unpackbits(packed, axis=1))


def test_headless_binaries_are_told_by_their_sizes_or_refused(tmp_path):
    rows = some(300, 8)
    found = open_vectors(write(tmp_path, "bin", fbin(rows)))
    assert np.array_equal(found.block(0, 300), rows) and ".fbin" in found.notes[0]
    refused(write(tmp_path, "bin", rows.tobytes()), "np.fromfile")
    refused(write(tmp_path, "fvecs", fbin(rows)), "no such file")
    refused(write(tmp_path, "fbin", fbin(rows)[:-1]), "cut short")
    refused(write(tmp_path, "u8bin", b"\1\0\0"), "cut short")


def test_pickled_objects_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    np.save(tmp_path / "o.npy", np.array([Bomb(), 1], dtype=object), allow_pickle=True)
    refused(tmp_path / "o.npy", "pickled")
    np.savez(tmp_path / "o.npz", embeddings=np.array([Bomb()], dtype=object))
    refused(tmp_path / "o.npz", "pickled")
    ids = np.array(["a", 1, None, 2.5], dtype=object)
    np.savez(tmp_path / "i.npz", vectors=np.eye(4), ids=ids)
    refused(tmp_path / "i.npz", "pickled")
    (tmp_path / "p.npy").write_bytes(pickle.dumps(Bomb()))
    refused(tmp_path / "p.npy", "a pickle, which is never loaded", "np.save")
    assert not (tmp_path / "exploded").exists()


def test_other_things_are_refused_with_a_way_out(tmp_path):
    import sqlite3
    import zipfile

    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:  # as torch.save lays it out
        archive.writestr("m/data.pkl", b"\x80\x02}.")
    refused(tmp_path / "m.pt", "PyTorch", "safetensors")
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)  # before PyTorch 1.6
    (tmp_path / "m.bin").write_bytes(magic + b"\x80\x02M\xe9\x03.")
    refused(tmp_path / "m.bin", "PyTorch", "safetensors")
    with sqlite3.connect(tmp_path / "m.db") as base:
        base.execute("create table t (a)")
    refused(tmp_path / "m.db", "SQLite", "CSV or Parquet")
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("x.csv", "1")
    refused(tmp_path / "m.zip", "zip archive", "unpack")
    with tarfile.open(tmp_path / "m.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("x.npy"), io.BytesIO())
    refused(tmp_path / "m.tar.gz", "tar archive")
    (tmp_path / "events.out.tfevents.1").write_bytes(b"\x18\0\0\0\0\0\0\0abc")
    refused(tmp_path / "events.out.tfevents.1", "TensorBoard")
    (tmp_path / "m.gguf").write_bytes(b"GGUF\3\0\0\0")
    refused(tmp_path / "m.gguf", "weights of a model")


def test_a_file_cut_short_and_one_that_promises_too_much(tmp_path):
    whole = npy(some())
    refused(write(tmp_path, "npy", whole[:-8]), "cut short", "37 rows")
    refused(write(tmp_path, "npy", whole + b"12345678"), "8 bytes more")
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 384), }"
    huge = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + head.ljust(117) + b"\n"
    refused(write(tmp_path, "npy", huge), "cut short", "1,000,000,000,000 rows")
    for suffix in ("npz", "safetensors", "parquet", "arrow", "hdf5", "jsonl.gz", "jsonl.xz"):
        content = WRITERS[suffix](some(), IDS, TEXTS)
        refused(write(tmp_path, suffix, content[: len(content) // 2]))


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
    refused(write(tmp_path, "npy", npy(rows)), word)


@pytest.mark.parametrize(
    "name", ["a b.npy", "дрель.npy", "<script>.npy", "a'\"{{b}}.npy", "x\ny.npy", "a[1].npy"]
)
def test_odd_paths_are_read_and_named_in_one_line(tmp_path, name):
    path = tmp_path / name
    np.save(path, some())
    assert open_vectors(path).shape == (N, D)
    path.write_bytes(b"\0rubbish")
    refused(path)


def test_paths_that_are_no_files(tmp_path):
    refused(tmp_path / "none.npy", "no such file")
    refused("a\0b.npy", "zero character")
    (tmp_path / "empty.npy").touch()
    refused(tmp_path / "empty.npy", "empty")
    refused("x" * 5000 + ".npy")


def test_ids_are_one_for_each_vector(tmp_path):
    np.savez(tmp_path / "a.npz", vectors=np.eye(4), ids=np.arange(3))
    refused(tmp_path / "a.npz", "3 ids", "4 vectors")
