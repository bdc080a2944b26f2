"""The loader of LIMIT's form: what it reads, and what it refuses."""

import json
import shutil

import numpy as np
import pytest

from paper_utils.errors import UsageError
from paper_utils.limit.data import load_limit
from paper_utils.limit.sentences import read_documents, read_query, write_document, write_query

CORPUS = [
    {"_id": "Ada", "title": "", "text": "Ada likes Limes, Tea and Fish and Chips."},
    {"_id": "Max", "title": "", "text": "Max likes Fish and Chips, Chess and Limes."},
    {"_id": "Eve", "title": "", "text": "Eve likes Rain."},
]
QUERIES = [
    {"_id": "q1", "text": "Who likes Limes?"},
    {"_id": "q2", "text": "Who likes Fish and Chips?"},
]
QRELS = [
    {"query-id": q, "corpus-id": d, "score": 1}
    for q, d in (("q1", "Ada"), ("q1", "Max"), ("q2", "Ada"), ("q2", "Max"))
]


def _folder(tmp_path, corpus=CORPUS, queries=QUERIES, qrels=QRELS):
    for name, rows in (("corpus", corpus), ("queries", queries), ("qrels", qrels)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


def test_reads_texts_judgements_and_attributes(tmp_path):
    data = load_limit(_folder(tmp_path))
    assert data.doc_ids == ("Ada", "Max", "Eve")
    assert data.qrels.dtype == bool
    assert data.qrels.toarray().tolist() == [[True, True, False]] * 2
    listed = [[data.attributes[a] for a in row] for row in data.doc_attributes]
    assert listed == [
        ["Limes", "Tea", "Fish and Chips"],
        ["Fish and Chips", "Chess", "Limes"],
        ["Rain"],
    ]
    assert [data.attributes[a] for a in data.query_attributes] == ["Limes", "Fish and Chips"]
    assert data.relevant.tolist() == [0, 1]


def test_a_title_stands_before_the_text(tmp_path):
    corpus = [{"_id": "1", "title": "Drill", "text": "cordless"}]
    queries = [{"_id": "q", "text": "drill"}]
    qrels = [{"query-id": "q", "corpus-id": "1"}]
    data = load_limit(_folder(tmp_path, corpus, queries, qrels))
    assert data.documents == ("Drill cordless",)
    assert data.attributes == () and data.doc_attributes == () and data.query_attributes.size == 0


def test_a_score_of_nought_is_not_relevant(tmp_path):
    qrels = [*QRELS, {"query-id": "q1", "corpus-id": "Eve", "score": 0}]
    assert load_limit(_folder(tmp_path, qrels=qrels)).qrels.nnz == 4


def test_queries_in_other_words_leave_the_attributes_unknown(tmp_path):
    queries = [{"_id": "q1", "text": "Who likes Lime Fruits?"}, QUERIES[1]]
    data = load_limit(_folder(tmp_path, queries=queries))
    assert data.attributes == () and data.qrels.nnz == 4


@pytest.mark.parametrize(
    ("part", "rows", "message"),
    [
        ("corpus", [*CORPUS, CORPUS[0]], "_id 'Ada' occurs twice"),
        ("corpus", [*CORPUS, {"_id": "Bo", "text": " "}], "the text of 'Bo' is empty"),
        ("corpus", [*CORPUS, {"_id": "Bo"}], "the text of 'Bo' is empty"),
        ("corpus", [*CORPUS, {"_id": "", "text": "x"}], "_id must be a text"),
        ("corpus", [*CORPUS, {"_id": 7, "text": "x"}], "_id must be a text, not 7"),
        ("corpus", [{"id": "Ada", "text": "x"}], "no field '_id'"),
        ("corpus", CORPUS[:1], "unknown document 'Max'"),
        ("queries", [*QUERIES, {"_id": "q3", "text": "x"}], "'q3' has no relevant document"),
        ("queries", [*QUERIES, {"_id": "q3", "text": ""}], "the text of 'q3' is empty"),
        ("queries", [QUERIES[0], QUERIES[0]], "_id 'q1' occurs twice"),
        ("queries", QUERIES[:1], "unknown query 'q2'"),
        ("qrels", [*QRELS, QRELS[0]], "judges document 'Ada' twice"),
        ("qrels", [{"query-id": "q1", "corpus-id": "Ada", "score": "x"}], "not 'x'"),
        ("qrels", [{"query-id": "q1", "corpus-id": "Ada", "score": -1}], "not -1"),
        ("qrels", [{"query-id": "q1", "corpus-id": "Ada", "score": None}], "not None"),
        ("qrels", [{"query-id": "q1", "doc": "Ada"}], "no field 'corpus-id'"),
        ("qrels", [{"query-id": "q1", "corpus-id": "Ada"}], "query 'q2' has no relevant"),
        ("qrels", [], "is empty"),
    ],
)
def test_refuses_in_one_line(tmp_path, part, rows, message):
    with pytest.raises(UsageError, match=message) as caught:
        load_limit(_folder(tmp_path, **{part: rows}))
    assert "\n" not in str(caught.value)


def test_a_file_that_breaks_off_is_refused(tmp_path):
    corpus = _folder(tmp_path) / "corpus.jsonl"
    corpus.write_bytes(corpus.read_bytes()[:-20])
    with pytest.raises(UsageError, match="line 3: not JSON"):
        load_limit(tmp_path)


def test_a_missing_file_and_a_missing_folder(tmp_path):
    (_folder(tmp_path) / "qrels.jsonl").unlink()
    with pytest.raises(UsageError, match=r"qrels\.jsonl: no such file"):
        load_limit(tmp_path)
    with pytest.raises(UsageError, match="no folder and no data set"):
        load_limit(tmp_path / "nowhere")


@pytest.mark.realdata
def test_a_half_downloaded_data_set_is_refused(tmp_path, monkeypatch):
    from paper_utils.data.sources import data_file

    whole = data_file("limit-small", "corpus.jsonl").parent
    shutil.copytree(whole, tmp_path / "limit-small")
    monkeypatch.setenv("PAPER_DATA", str(tmp_path))
    assert len(load_limit("limit-small").documents) == 46
    corpus = tmp_path / "limit-small" / "corpus.jsonl"
    lines = corpus.read_text(encoding="utf-8").splitlines(keepends=True)
    corpus.write_text("".join(lines[:40]), encoding="utf-8")  # broken off between two lines
    with pytest.raises(UsageError, match="half downloaded or changed; fetch it again"):
        load_limit("limit-small")


@pytest.mark.realdata
def test_the_released_small_data():
    data = load_limit("limit-small")
    assert len(data.documents) == 46 and len(data.queries) == 1000
    assert {len(row) for row in data.doc_attributes} == {45}
    assert {len(set(row.tolist())) for row in data.doc_attributes} == {45}
    # Parsed attributes and released judgements say the same.
    lists = np.zeros((46, len(data.attributes)), dtype=bool)
    for document, row in enumerate(data.doc_attributes):
        lists[document, row] = True
    assert (lists[:, data.query_attributes].T == data.qrels.toarray()).all()


def test_sentences_come_back():
    for language in ("en", "ru"):
        phrases = ["first thing", "second", "third one"]
        text = write_document("Ada Byron", phrases, language)
        assert read_documents([text], set(phrases)) == [phrases]
        assert read_query(write_query("second", language)) == "second"
    with pytest.raises(UsageError, match="likes nothing"):
        write_document("Ada", [])


def test_other_texts_have_no_attributes():
    assert read_documents(["a cordless drill"], set()) is None
    assert read_documents(["Ada likes ."], set()) is None
    assert read_query("Who likes ?") is None
