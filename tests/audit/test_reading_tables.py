"""Tables of text and of Arrow: separators, headers, cells with vectors, nulls, ragged rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_files import refused, some
from embedding_audit.reading import open_vectors, read_lines, read_rows
from paper_utils.errors import UsageError

ROWS = some(4, 3)


def opened(folder, text, suffix="csv", **options):
    """Open a table of text."""
    path = folder / f"x.{suffix}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_vectors(path, **options)


@pytest.mark.parametrize("separator", [",", "\t", ";", " "])
@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt"])
def test_numbers_without_a_header_under_any_suffix(tmp_path, separator, suffix):
    lines = [separator.join(map(str, row)) for row in ROWS.tolist()]
    found = opened(tmp_path, "\n".join(lines) + "\n\n", suffix)
    assert np.array_equal(found.block(0, 4), ROWS) and found.ids is None
    lines = [f"{i + 7}{separator}{line}" for i, line in enumerate(lines)]
    found = opened(tmp_path, "\n".join(lines), suffix)
    assert np.array_equal(found.block(0, 4), ROWS) and found.ids == ("7", "8", "9", "10")
    assert any("first cell of each row is taken for its id" in note for note in found.notes)


def test_columns_of_coordinates_in_the_order_of_their_numbers(tmp_path):
    names = ["x_2", "price", "x_0", "sku", "x_1", "title"]
    frame = pd.DataFrame(ROWS[:, [2, 0, 0]], columns=["x_2", "price", "x_0"])
    frame["sku"], frame["x_1"], frame["title"] = list("abcd"), ROWS[:, 1], ['5" a', "b", "", "NA"]
    for write in (lambda p: frame[names].to_csv(p, index=False), frame[names].to_parquet):
        write(tmp_path / "x.csv")
        found = open_vectors(tmp_path / "x.csv")
        assert np.array_equal(found.block(0, 4).astype("f4"), ROWS) and found.ids == tuple("abcd")
        assert any("3 columns `x_0` to `x_2`" in note for note in found.notes)
        assert found.columns["title"].tolist() == ['5" a', "b", "", "NA"]
        found = open_vectors(tmp_path / "x.csv", vector_column="x")
        assert np.array_equal(found.block(0, 4).astype("f4"), ROWS)


def test_pandas_columns_called_by_numbers(tmp_path):
    pd.DataFrame(ROWS.astype("f8"), index=[f"d{i}" for i in range(4)]).to_csv(tmp_path / "x.csv")
    found = open_vectors(tmp_path / "x.csv")
    assert np.array_equal(found.block(0, 4), ROWS) and found.ids == ("d0", "d1", "d2", "d3")


def test_coordinates_of_two_vectors_are_asked_about(tmp_path):
    head = ",".join(f"{stem}[{i}]" for stem in ("title", "body") for i in range(3))
    text = f"id,{head}\n" + "".join(f"{i},1.5,2,3,{i},5,6\n" for i in range(4))
    (tmp_path / "x.csv").write_text(text)
    refused(tmp_path / "x.csv", "several runs of 3", "'title[0]' to 'title[2]'", "--vector-column")
    found = open_vectors(tmp_path / "x.csv", vector_column="body")
    assert found.block(3, 4).tolist() == [[3, 5, 6]] and found.ids == tuple("0123")


def test_the_index_of_a_part_of_a_data_frame_names_its_rows(tmp_path):
    part = pd.DataFrame({"v": [[1.5, 2.0]] * 9}).iloc[[3, 4, 5, 8]]
    for name, write in (("x.csv", part.to_csv), ("x.parquet", part.to_parquet)):
        write(tmp_path / name)
        found = open_vectors(tmp_path / name)
        assert (found.ids, found.columns) == (tuple("3458"), None), name
        assert found.id_name and "ids are those of the data frame's index" in found.notes


def test_lists_without_quotation_marks_and_rows_as_numpy_prints_them(tmp_path):
    for template in ("d{i},{row}", "d{i}, {row}", 'd{i}, "{row}"'):
        lines = [template.format(i=i, row=row) for i, row in enumerate(ROWS.tolist())]
        for head in ("id,embedding\n", ""):
            found = opened(tmp_path, head + "\n".join(lines))
            assert np.array_equal(found.block(0, 4), ROWS) and found.ids[3] == "d3"
    text = "\n".join(map(str, ROWS))
    assert np.allclose(opened(tmp_path, text).block(0, 4), ROWS, rtol=1e-7)


@pytest.mark.parametrize(
    "cell",
    [
        "[1.5, -2, 3e-1]",
        "[1.5,-2,0.3]",
        "{1.5,-2,0.3}",
        "(1.5, -2, 0.3)",
        "[ 1.5 -2.   0.3]",
        "[1.5 -2\n 0.3]",
        "array([1.5, -2., 0.3], dtype=float32)",
        "tensor([ 1.5, -2.0, 0.3])",
        "[np.float32(1.5), np.float32(-2.0), np.float32(0.3)]",
        "1.5 -2 0.3",
        "1.5|-2|0.3",
    ],
)
def test_cells_as_languages_and_databases_write_them(tmp_path, cell):
    text = f'id,embedding\na,"{cell}"\nb,"{cell}"\nc,\nd,NULL\n'
    found = opened(tmp_path, text)
    assert np.array_equal(found.block(0, 2), [[1.5, -2, 0.3]] * 2)
    assert np.isnan(found.block(2, 4)).all()
    assert "without a vector, and left out: 2 rows (rows 2, 3)" in found.notes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('id,v\na,"[1,2]"\nb,"[1]"', ["row 1", "1 numbers, the rows before have 2"]),
        ('id,v\na,"[1 2 ... 3 4]"', ["NumPy left out numbers", ".tolist()"]),
        ('id,v\na,"[1,x]"', ["row 0", "no list of numbers"]),
        ('id,v\na,"{1:0.5,2:1}/5"', ["row 0", "no list of numbers"]),
        ('id,v\na,"[1,2"', ["row 0", "cut short"]),
        ('id,v\na,"[1,2]",b', ["line 2", "3 cells"]),
        ('id,v\na,"[1,2]', ["never closed"]),
        ('id,id,v\na,b,"[1,2]"', ["two columns named 'id'"]),
        ("id,title\na,b", ["no column of vectors", "'title'"]),
        ("a,b\n1.5,2\n1,x", ["no columns of coordinates"]),
        ("1.5,2.5\n1", ["1 cells, the first row has 2"]),
        ('a_v,b_v\n"[1,2]","[1,2]"', ["--vector-column"]),
    ],
)
def test_tables_that_hold_no_vectors(tmp_path, text, words):
    (tmp_path / "x.csv").write_text(text)
    refused(tmp_path / "x.csv", *words)


def test_a_bad_number_beyond_the_first_rows_is_named(tmp_path):
    lines = ["x0,x1", *("1.5,2.5" for _ in range(99)), "1.5,oops"]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    refused(tmp_path / "x.csv", "column 'x1'", "oops")
    lines = ["x0,x1", *("1.5,2.5" for _ in range(99)), "1.5"]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    refused(tmp_path / "x.csv")


def test_other_encodings(tmp_path):
    text = "id,title,x0,x1\n7,дрель,1.5,2\n8,é,3,4\n"
    for coding in ("utf-8-sig", "utf-16"):
        found = opened(tmp_path, text.encode(coding))
        assert found.block(0, 2).tolist() == [[1.5, 2], [3, 4]] and found.ids == ("7", "8")
        assert found.columns["title"].tolist() == ["дрель", "é"]
    (tmp_path / "x.csv").write_bytes(text.encode("cp1251", "replace"))
    refused(tmp_path / "x.csv", "not UTF-8")


def test_null_vectors_of_arrow_are_counted_and_ragged_ones_named(tmp_path):
    lists = [None, [1.5, 2.0], [], [3.0, None], [4.0, 5.0]]
    for kind in (pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.int8())):
        whole = [row and [one and int(one) for one in row] for row in lists]
        pq.write_table(
            pa.table({"v": pa.array(whole if "int" in str(kind) else lists, kind)}),
            tmp_path / "x.parquet",
        )
        found = open_vectors(tmp_path / "x.parquet")
        nan = np.isnan(found.block(0, 5)).any(axis=1)
        assert nan.tolist() == [True, False, True, True, False]
        assert found.block(4, 5).tolist() == [[4, 5]]
        assert "without a vector, and left out: 2 rows (rows 0, 2)" in found.notes
    fixed = pa.array([None, [1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2))
    pq.write_table(pa.table({"v": fixed}), tmp_path / "x.parquet")
    assert open_vectors(tmp_path / "x.parquet").block(3, 4).tolist() == [[3, 4]]
    pq.write_table(pa.table({"v": [[1.0, 2.0], [1.0]]}), tmp_path / "x.parquet")
    refused(tmp_path / "x.parquet", "row 1: 1 numbers")
    pq.write_table(pa.table({"v": [[[1.0, 2.0], [3.0, 4.0]]]}), tmp_path / "x.parquet")
    refused(tmp_path / "x.parquet", "lists of lists", "pool")
    pq.write_table(pa.table({"a": [b"1234"], "n": ["a"]}), tmp_path / "x.parquet")
    refused(tmp_path / "x.parquet", "'a' holds bytes")


def test_bytes_of_float32_and_of_something_else(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"emb": [row.tobytes() for row in ROWS]}), path)
    assert np.array_equal(open_vectors(path).block(0, 4), ROWS)
    pq.write_table(pa.table({"emb": [row.astype("f8").tobytes() for row in ROWS]}), path)
    refused(path, "something else than float32")


def test_a_file_of_word2vec(tmp_path):
    lines = [f"w{i} " + " ".join(map(str, row)) + " " for i, row in enumerate(ROWS.tolist())]
    found = opened(tmp_path, "\n".join(["4 3", *lines]), "vec")
    assert np.array_equal(found.block(0, 4), ROWS) and found.ids == ("w0", "w1", "w2", "w3")


def test_rows_of_arrow_come_in_batches_with_their_columns(tmp_path):
    n = 20_000
    rows = np.arange(2 * n, dtype="f4").reshape(n, 2)
    table = pa.table({"key": [f"k{i}" for i in range(n)], "v": list(rows), "n": range(n)})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=3000)
    found = open_vectors(tmp_path / "x.parquet")
    assert np.array_equal(found.block(0, n), rows) and found.ids[-1] == "k19999"
    assert found.columns["n"].tolist() == list(range(n))


def test_cells_stay_texts_and_quotation_marks_may_stand_for_inches(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('id,title\n007,"a, ""b"""\n8,NA\n')
    assert read_rows(path).to_dict("list") == {"id": ["007", "8"], "title": ['a, "b"', "NA"]}
    path.write_text('id\ttitle\n1\t5" bolt\n2\t"big\n')
    frame = read_rows(path)
    assert frame["title"].tolist() == ['5" bolt', '"big']
    assert frame.attrs["notes"] == ("quotation marks in the texts are taken as they are",)
    path.write_text("q1 0  d1 1\nq2 0 d2 0\n")
    want = [["q1", "0", "d1", "1"], ["q2", "0", "d2", "0"]]
    assert read_rows(path, header=False).to_numpy().tolist() == want
    path.write_text("id,title\n1\n")
    with pytest.raises(UsageError, match="line 2: 1 cells"):
        read_rows(path)
    np.save(tmp_path / "x.npy", ROWS)
    with pytest.raises(UsageError, match="a table is needed"):
        read_rows(tmp_path / "x.npy")


def test_tables_of_several_files_and_kinds(tmp_path):
    frame = pd.DataFrame({"id": ["a", "b"], "meta": [{"n": 1}, {"n": 2}]})
    frame.to_parquet(tmp_path / "1.parquet")
    frame.to_json(tmp_path / "1.jsonl.gz", orient="records", lines=True)
    frame.to_feather(tmp_path / "1.feather")
    for name in ("1.parquet", "1.jsonl.gz", "1.feather"):
        found = read_rows(tmp_path / name)
        assert found["id"].tolist() == ["a", "b"] and found["meta.n"].tolist() == [1, 2]
    frame.to_parquet(tmp_path / "2.parquet")
    assert read_rows(tmp_path / "*.parquet")["id"].tolist() == ["a", "b", "a", "b"]


def test_lines_of_a_text(tmp_path):
    (tmp_path / "x.txt").write_bytes("one, two\r\n\r\nдва\n".encode())
    assert read_lines(tmp_path / "x.txt") == ["one, two", "", "два"]
