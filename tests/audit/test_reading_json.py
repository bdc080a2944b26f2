"""JSON as stores and APIs write it: rows, ids, failed requests, and what is no vector."""

from __future__ import annotations

import json

import numpy as np
import pytest

from audit_files import batch, coded, refused, some
from embedding_audit.reading import open_vectors, read_json, read_rows
from paper_utils.errors import UsageError

ROWS = some(5, 4)
LISTS = ROWS.tolist()


def opened(folder, content, suffix="json", **options):
    """Open what a file of JSON says."""
    path = folder / f"x.{suffix}"
    if suffix == "jsonl" and not isinstance(content, str):
        content = "\n".join(map(json.dumps, content))
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return open_vectors(path, **options)


def test_failed_requests_of_a_batch_are_left_out_and_counted(tmp_path):
    lines = batch(ROWS, list("abcde"))
    lines[1] |= {"response": None, "error": {"code": "batch_expired"}}
    lines[3]["response"] = {"status_code": 500, "body": {"error": {"message": "no"}}}
    found = opened(tmp_path, lines, "jsonl")
    assert found.ids == ("a", "c", "e") and found.id_name == "custom_id"
    assert np.array_equal(found.block(0, 3), ROWS[[0, 2, 4]])
    assert any("left out: 2 lines (lines 1, 3)" in note for note in found.notes)
    assert any("`id` could be meant too" in note for note in found.notes)
    for line in lines:
        line["error"], line["response"] = {"code": "x"}, None
    with pytest.raises(UsageError, match="all its 5 lines are requests that failed"):
        opened(tmp_path, lines, "jsonl")


def test_a_request_with_several_texts_has_several_rows_in_the_order_of_their_index(tmp_path):
    lines = batch(ROWS[:2], ["a", "b"])
    lines[0]["response"]["body"]["data"] = [
        {"index": 1, "embedding": LISTS[3]},
        {"index": 0, "embedding": LISTS[2]},
    ]
    found = opened(tmp_path, lines, "jsonl")
    assert found.ids == ("a/0", "a/1", "b")  # the id of the request is that of neither text
    assert np.array_equal(found.block(0, 3), ROWS[[2, 3, 1]])
    assert any("several vectors" in note for note in found.notes)


def test_chunks_inside_a_document_share_its_id(tmp_path):
    lines = [
        {"doc_id": "d1", "chunks": [{"text": "a", "vector": LISTS[0]}, {"vector": LISTS[1]}]},
        {"doc_id": "d2", "chunks": [{"text": "c", "vector": LISTS[2]}]},
    ]
    found = opened(tmp_path, lines, "jsonl")
    assert found.ids == ("d1", "d1", "d2") and found.columns["chunks.text"].tolist()[2] == "c"


def test_responses_that_hold_several_types_of_number(tmp_path):
    packed = np.packbits(ROWS[:, :4] > 0, axis=1)
    answer = {
        "id": "request",
        "texts": list("abcde"),
        "embeddings": {"ubinary": packed.repeat(2, 1).tolist(), "float": LISTS},
    }
    found = opened(tmp_path, answer)
    assert np.array_equal(found.block(0, 5), ROWS) and found.ids is None
    assert any("`embeddings.ubinary` could be meant too" in note for note in found.notes)
    assert found.columns["texts"].tolist() == list("abcde")
    found = opened(tmp_path, answer, vector_column="ubinary")
    want = np.unpackbits(packed.repeat(2, 1), axis=1) * 2.0 - 1
    assert found.dtype == "bits" and np.array_equal(found.block(0, 5), want)


@pytest.mark.parametrize(
    "content",
    [
        {"embeddings": LISTS},  # Ollama, older Cohere
        {"predictions": [{"embeddings": {"values": row}} for row in LISTS]},  # Vertex AI
        {"embeddings": [{"values": row} for row in LISTS]},  # Gemini
        {"matches": [{"id": str(i), "values": row} for i, row in enumerate(LISTS)]},  # Pinecone
        {"hits": {"total": 5, "hits": [{"_id": i, "_source": {"v": LISTS[i]}} for i in range(5)]}},
        {"data": [{"index": i, "embedding": coded(ROWS[i])} for i in (3, 0, 4, 2, 1)]},
        {"vectors": {"data": LISTS}, "model": "m"},
        [{"embedding": json.dumps(row)} for row in LISTS],  # pgvector through PostgREST
        [{"a": {"b": {"c": row}}, "n": [1, 2]} for row in LISTS],  # of two lists the one of floats
    ],
)
def test_other_shapes_of_json(tmp_path, content):
    found = opened(tmp_path, content)
    assert np.array_equal(found.block(0, 5), ROWS)


def test_lines_of_services(tmp_path):
    titan = [
        {"recordId": f"r{i}", "modelInput": {"inputText": "x"}, "modelOutput": {"embedding": row}}
        for i, row in enumerate(LISTS)
    ]
    found = opened(tmp_path, titan, "jsonl")
    assert found.ids == ("r0", "r1", "r2", "r3", "r4") and np.array_equal(found.block(0, 5), ROWS)
    vertex = [
        {"instance": {"content": "x"}, "predictions": [{"embeddings": {"values": row}}]}
        for row in LISTS
    ]
    assert np.array_equal(opened(tmp_path, vertex, "jsonl").block(0, 5), ROWS)


def test_lines_that_change_nothing(tmp_path):
    text = "\ufeff\n" + "\r\n\n".join(json.dumps({"id": i, "v": v}) for i, v in enumerate(LISTS))
    found = opened(tmp_path, text, "jsonl")
    assert np.array_equal(found.block(0, 5), ROWS) and found.ids == tuple("01234")


def test_fields_that_are_coordinates_as_data_frames_write_them(tmp_path):
    lines = [{"sku": f"s{i}", **dict(enumerate(row))} for i, row in enumerate(LISTS)]
    for suffix in ("json", "jsonl"):
        found = opened(tmp_path, lines, suffix)
        assert np.array_equal(found.block(0, 5), ROWS) and found.ids[4] == "s4"
        assert any("4 fields `0` to `3`" in note for note in found.notes)


def test_a_data_frame_of_numbers_by_columns(tmp_path):
    content = {str(i): {str(n): x for n, x in enumerate(c)} for i, c in enumerate(ROWS.T.tolist())}
    assert np.array_equal(opened(tmp_path, content).block(0, 5), ROWS)


def test_a_vector_under_another_name_is_not_passed_over(tmp_path):
    lines = [{"id": i, "vector": row} for i, row in enumerate(LISTS)]
    lines[3]["vektor"] = lines[3].pop("vector")
    with pytest.raises(UsageError, match="line 4: no vector in `vector` but one in 'vektor'"):
        opened(tmp_path, lines, "jsonl")


def test_lines_with_a_list_of_one_vector_keep_their_ids(tmp_path):
    lines = [{"id": f"a{i}", "embeddings": [row]} for i, row in enumerate(LISTS)]
    found = opened(tmp_path, lines, "jsonl")
    assert np.array_equal(found.block(0, 5), ROWS) and found.ids[2] == "a2"


def test_null_vectors_and_missing_numbers_are_rows_of_nan_with_their_count(tmp_path):
    lines = [{"id": i, "v": v} for i, v in enumerate([None, LISTS[0], [], LISTS[1], LISTS[2]])]
    lines[4]["v"] = [1.0, None, 2.0, 3.0]
    found = opened(tmp_path, lines, "jsonl")
    assert np.isnan(found.block(0, 5)).any(axis=1).tolist() == [True, False, True, False, True]
    assert any("left out: 2 rows (rows 0, 2)" in note for note in found.notes)
    with pytest.raises(UsageError, match="holds no field with a vector"):
        opened(tmp_path, [{"id": 1, "v": None}, {"id": 2, "v": None}], "jsonl")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]\n[1]", ["line 2", "1 numbers", "2"]),
        ('[1, 2]\n[1, "2"]', ["line 2", "str where a number"]),
        ("[1, 2]\n[1, true]", ["line 2", "bool where a number"]),
        ("[1, 2]\n[1, [2]]", ["line 2", "list where a number", "pool"]),
        ("[1, 2]\nnonsense", ["line 2", "not JSON"]),
        ("[1, 2]\n7", ["line 2", "int where a list"]),
        ('{"a": [1, 2], "b": [3, 4]}\n{"a": [1, 2], "b": [3, 4]}', ["line 1", "--vector-column"]),
        ('{"a": 1}', ["no field with a vector", "'a'"]),
        ("[" * 100_000, ["not JSON"]),
        (f"[1, {'9' * 400}]\n[1, 2]", ["line 1", "too large"]),
        ("\n\n", ["no rows"]),
        ('{"embedding": ["a", "b"]}\n{}', ["line 1", "str where a number"]),
        ('{"id": 1.5, "v": [1, 2]}\n{"id": 2, "v": [1, 2]}', ["row 0", "an id must be"]),
        ('{"id": null, "v": [1, 2]}\n{"id": 2, "v": [1, 2]}', ["row 0", "not nothing"]),
    ],
)
def test_json_that_is_no_vectors(tmp_path, text, words):
    (tmp_path / "a.jsonl").write_text(text)
    refused(tmp_path / "a.jsonl", *words)


def test_one_list_of_ids_for_all_with_an_order_and_a_way_to_choose(tmp_path):
    record = {"uuid": "u", "Doc-ID": "d", "payload": {"sku": "s"}, "title": "t", "v": [1.0, 2.0]}
    found = opened(tmp_path, [record, record], "jsonl")
    assert found.id_name == "Doc-ID" and found.ids == ("d", "d")
    assert any("`uuid`, `payload.sku` could be meant too" in note for note in found.notes)
    assert list(found.columns) == ["uuid", "payload.sku", "title"]
    found = opened(tmp_path, [record, record], "jsonl", id_column="title")
    assert found.ids == ("t", "t")
    with pytest.raises(UsageError, match="no column of ids 'titel'; did you mean 'title'"):
        opened(tmp_path, [record, record], "jsonl", id_column="titel")


def test_columns_of_unknown_name_are_kept_and_surrogates_mended(tmp_path):
    found = opened(tmp_path, '{"part": "\\ud800x", "v": [1.5, 2]}\n{"part": "b", "v": [3, 4]}')
    assert found.ids is None and found.columns["part"].tolist() == ["?x", "b"]


def test_tables_of_texts_and_judgements_in_json(tmp_path):
    path = tmp_path / "x.json"
    want = [{"id": "a", "t": "x"}, {"id": "b", "t": None}]
    for content in (
        want,
        {"rows": want, "n": 2},
        {"id": ["a", "b"], "t": ["x", None]},
        {"columns": ["id", "t"], "data": [["a", "x"], ["b", None]]},
    ):
        path.write_text(json.dumps(content))
        assert read_rows(path).to_dict("records") == want
    path.write_text('{"q1": {"d1": 1}}')
    assert read_json(path) == {"q1": {"d1": 1}}
    path.write_text("[1, 2]")
    with pytest.raises(UsageError, match="int where an object is needed"):
        read_rows(path)
