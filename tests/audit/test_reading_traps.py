"""Files that look like vectors and hold something beside them: none gives a wrong number."""

from __future__ import annotations

import base64
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from audit_files import refused, some
from embedding_audit.reading import from_array, open_vectors
from paper_utils.errors import UsageError

ROWS = some(60, 6)


def _lines(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.mark.parametrize("at", [0, -1])
@pytest.mark.parametrize("start", [0, 1, 5000])
def test_an_index_among_the_coordinates_is_refused(tmp_path, at, start):
    column = np.arange(start, start + len(ROWS))
    parts = [column[:, None], ROWS] if at == 0 else [ROWS, column[:, None]]
    np.save(tmp_path / "x.npy", np.hstack(parts))
    refused(tmp_path / "x.npy", "counts the rows", f"from {start} to {start + 59}")


def test_columns_that_do_not_count_stay():
    assert from_array(np.arange(120).reshape(60, 2), dtype="number").shape == (60, 2)
    assert from_array(np.add.outer(np.arange(60.0), np.arange(3.0))).shape == (60, 3)
    assert from_array(np.column_stack([np.arange(9.0), np.ones(9)])).shape == (9, 2)


def test_the_index_of_a_table_without_header_is_its_id(tmp_path):
    codes = np.random.default_rng(0).integers(-20, 20, (60, 4))
    pd.DataFrame(codes).to_csv(tmp_path / "x.csv", header=False)
    found = open_vectors(tmp_path / "x.csv")
    assert found.block(0, 60).tolist() == codes.tolist()
    assert found.ids == tuple(map(str, range(60)))


@pytest.mark.parametrize("name", ["scale", "scales", "zero_point", "x.int8_scale", "vmin", "max"])
def test_codes_beside_what_turns_them_into_numbers_are_asked_about(tmp_path, name):
    codes = np.random.default_rng(1).normal(0, 20, (60, 4)).round().astype(np.int8)
    np.savez(tmp_path / "x.npz", embeddings=codes, **{name: np.ones(4)})
    refused(tmp_path / "x.npz", "int8 beside", name, "--dtype number")
    assert open_vectors(tmp_path / "x.npz", dtype="number").block(0, 9).tolist() == (
        codes[:9].tolist()
    )
    pd.DataFrame({"embedding": list(codes), name: 1.0}).to_parquet(tmp_path / "x.parquet")
    refused(tmp_path / "x.parquet", "int8 beside", name)
    np.savez(tmp_path / "x.npz", embeddings=codes / 127, **{name: np.ones(4)})
    assert open_vectors(tmp_path / "x.npz").shape == (60, 4)


def test_sparse_vectors_are_no_dense_ones(tmp_path):
    sparse = [
        {"id": str(i), "vector": {"indices": [i, i + 3], "values": [0.5, 0.25]}} for i in range(3)
    ]
    refused(_lines(tmp_path / "x.jsonl", sparse), "sparse vectors", "vector.values")
    pq.write_table(pa.Table.from_pylist(sparse), tmp_path / "x.parquet")
    refused(tmp_path / "x.parquet", "sparse vectors", "vector.values")
    both = [{**one, "values": [1.0, 2.0, 3.0], "sparse_values": one["vector"]} for one in sparse]
    assert open_vectors(_lines(tmp_path / "x.jsonl", both)).shape == (3, 3)
    words = [{"id": i, "vector": {f"w{(3 * i + k) % 17}": 0.5 for k in range(3)}} for i in range(9)]
    refused(_lines(tmp_path / "x.jsonl", words), "sparse vectors", "fields of its own")


def test_queries_in_the_folder_are_not_items(tmp_path):
    np.save(tmp_path / "corpus.npy", ROWS)
    np.save(tmp_path / "test_queries.npy", ROWS[:3])
    found = open_vectors(tmp_path)
    assert found.shape == (60, 6)
    assert "not test_queries.npy" in " ".join(found.notes)


@pytest.mark.parametrize("header", [True, False])
def test_lines_may_end_with_the_separator(tmp_path, header):
    lines = [",".join(map(repr, row.tolist())) + "," for row in ROWS]
    head = [",".join(f"e{i}" for i in range(6)) + ","] if header else []
    (tmp_path / "x.csv").write_text("\n".join(head + lines), encoding="utf-8")
    found = open_vectors(tmp_path / "x.csv")
    assert found.ids is None
    assert np.allclose(found.block(0, 60), ROWS, rtol=1e-6)


def test_a_first_row_with_a_blank_is_no_header(tmp_path):
    (tmp_path / "x.csv").write_text("0.5,,0.25\n1.5,2.5,3.5\n4.5,5.5,6.5\n", encoding="utf-8")
    found = open_vectors(tmp_path / "x.csv").block(0, 3)
    assert np.isnan(found[0, 1])
    assert found[1:].tolist() == [[1.5, 2.5, 3.5], [4.5, 5.5, 6.5]]


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("header", [True, False])
def test_decimal_commas(tmp_path, separator, header):
    table = pd.DataFrame(ROWS.astype(float)).add_prefix("x")
    table.to_csv(tmp_path / "x.csv", sep=separator, decimal=",", index=False, header=header)
    assert np.allclose(open_vectors(tmp_path / "x.csv").block(0, 60), ROWS, rtol=1e-6)


@pytest.mark.parametrize("between", [" ", ",", ", "])
def test_numbers_in_a_text_without_brackets(tmp_path, between):
    texts = [between.join(map(repr, row.tolist())) for row in ROWS]
    pd.DataFrame({"id": range(60), "embedding": texts}).to_parquet(tmp_path / "x.parquet")
    lines = [{"id": i, "embedding": text} for i, text in enumerate(texts)]
    for path in (tmp_path / "x.parquet", _lines(tmp_path / "x.jsonl", lines)):
        assert np.allclose(open_vectors(path).block(0, 60), ROWS, rtol=1e-6)


def test_one_vector_in_a_list_of_its_own(tmp_path):
    np.save(tmp_path / "x.npy", ROWS[:, None])
    pd.DataFrame({"emb": [[row.tolist()] for row in ROWS]}).to_parquet(tmp_path / "x.parquet")
    for name in ("x.npy", "x.parquet"):
        assert np.array_equal(open_vectors(tmp_path / name).block(0, 60), ROWS)
    np.save(tmp_path / "x.npy", np.stack([ROWS, ROWS], axis=1))
    refused(tmp_path / "x.npy", "shape (60, 2, 6)")


def test_groups_of_hdf5_are_named_as_they_are_written(tmp_path):
    import h5py

    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["docs/emb"], file["queries/emb"] = ROWS, ROWS[:3]
    for name in ("queries/emb", "queries.emb"):
        assert open_vectors(f"{tmp_path / 'x.h5'}::{name}").shape == (3, 6)


def test_ids_that_are_objects_are_told_to_become_texts(tmp_path):
    ids = np.array(["a", "b"], dtype=object)
    np.savez(tmp_path / "x.npz", embeddings=ROWS[:2], ids=ids)
    with pytest.raises(UsageError, match=r"astype\(str\)"):
        open_vectors(tmp_path / "x.npz")


def test_labels_and_counts_are_no_coordinates(tmp_path):
    table = pd.DataFrame(ROWS, columns=["lat", "mood", "tone", "pace", "key", "mode"])
    table = table.rename(columns={"key": "tempo"}).assign(label=np.arange(60) % 5, price=range(60))
    table.to_csv(tmp_path / "x.csv", index=False)
    table.to_parquet(tmp_path / "x.parquet", index=False)
    table.to_json(tmp_path / "x.jsonl", orient="records", lines=True)
    for name in ("x.csv", "x.parquet", "x.jsonl"):
        found = open_vectors(tmp_path / name)
        assert np.allclose(found.block(0, 60), ROWS, rtol=1e-6)
        assert "and not `label`, `price`" in " ".join(found.notes)


def test_a_dropped_coordinate_leaves_the_others_together(tmp_path):
    table = pd.DataFrame(ROWS).add_prefix("dim_").drop(columns="dim_2").assign(price=0.5)
    table.to_csv(tmp_path / "x.csv", index=False)
    assert np.allclose(open_vectors(tmp_path / "x.csv").block(0, 60), np.delete(ROWS, 2, axis=1))


def test_a_map_inside_an_answer(tmp_path):
    ids = [f"d{i}" for i in range(60)]
    rows = {one: {"id": one, "values": row.tolist()} for one, row in zip(ids, ROWS, strict=True)}
    plain = {one: row.tolist() for one, row in zip(ids, ROWS, strict=True)}
    for inner in (rows, plain):
        (tmp_path / "x.json").write_text(json.dumps({"vectors": inner, "usage": {"units": 1}}))
        found = open_vectors(tmp_path / "x.json")
        assert found.ids == tuple(ids)
        assert np.array_equal(found.block(0, 60).astype("f4"), ROWS)


def test_two_sides_in_one_file_are_asked_about(tmp_path):
    import h5py

    sides = {"docs": {"embeddings": ROWS.tolist()}, "queries": {"embeddings": ROWS[:3].tolist()}}
    (tmp_path / "x.json").write_text(json.dumps(sides))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["docs/embeddings"], file["queries/embeddings"] = ROWS, ROWS[:3]
    for name in ("x.json", "x.h5"):
        refused(tmp_path / name, "2 columns of vectors", "FILE::NAME")
        assert open_vectors(f"{tmp_path / name}::queries.embeddings").shape == (3, 6)


@pytest.mark.parametrize("dtype", ["f4", "f2", "f8", "i1"])
@pytest.mark.parametrize("scale", [0.05, 1.0, 8.0])
def test_bytes_of_another_type_than_float32_are_refused(tmp_path, dtype, scale):
    rows = np.random.default_rng(3).normal(size=(9, 64)) * scale
    rows = np.round(rows / np.abs(rows).max() * 127) if dtype == "i1" else rows
    blobs = [row.astype(dtype).tobytes() for row in rows]
    pd.DataFrame({"embedding": blobs}).to_parquet(tmp_path / "x.parquet")
    coded = [{"embedding": base64.b64encode(blob).decode()} for blob in blobs]
    _lines(tmp_path / "x.jsonl", coded)
    for name in ("x.parquet", "x.jsonl"):
        if dtype == "f4":
            assert np.array_equal(open_vectors(tmp_path / name).block(0, 9), rows.astype("f4"))
        else:
            refused(tmp_path / name, "something else than float32")


def test_cells_between_bars(tmp_path):
    pd.DataFrame(ROWS).add_prefix("x").to_csv(tmp_path / "x.csv", sep="|", index=False)
    assert np.allclose(open_vectors(tmp_path / "x.csv").block(0, 60), ROWS, rtol=1e-6)


def test_bytes_read_in_another_order_or_type_are_refused(tmp_path):
    rows = np.random.default_rng(4).normal(size=(60, 16))
    for wrong in (
        rows.astype("f4").byteswap(),
        rows.view("f4"),
        rows.astype("f4").astype("f8").view("f4"),
    ):
        np.save(tmp_path / "x.npy", wrong)
        refused(tmp_path / "x.npy", "of all sizes", "--dtype number")
        assert open_vectors(tmp_path / "x.npy", dtype="number").shape == wrong.shape
    for right in (np.exp(20 * rows), rows * 1e30, rows * np.exp(30 * rows[:, :1]), 0 * rows):
        assert from_array(right).shape == (60, 16)


def test_the_index_of_a_data_frame_in_json_names_the_rows(tmp_path):
    frame = pd.DataFrame({"embedding": ROWS.tolist()}, index=[f"d{i}" for i in range(60)])
    for orient in ("columns", "index", "split"):
        frame.to_json(tmp_path / "x.json", orient=orient)
        assert open_vectors(tmp_path / "x.json").ids == tuple(frame.index), orient
        frame.reset_index(drop=True).to_json(tmp_path / "x.json", orient=orient)
        found = open_vectors(tmp_path / "x.json").ids
        assert found in (None, tuple(map(str, range(60)))), orient
