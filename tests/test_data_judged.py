"""Judged sets: the embedded ones, the ones of PAPER_DATA, and any folder in the form of BEIR."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from paper_utils.cli import main
from paper_utils.data.judged import (
    judged_checksums,
    judged_datasets,
    load_judged,
    load_sentences,
)
from paper_utils.errors import UsageError

DOCUMENTS = [
    {"_id": "a", "title": "Drill", "text": "18 V, two batteries"},
    {"_id": "b", "title": "", "text": "a saw"},
    {"_id": "c", "title": " ", "text": ""},
]
QUERIES = [{"_id": "q1", "text": "drill"}, {"_id": "q2", "text": "saw"}, {"_id": "q3", "text": ""}]
QRELS = [("q1", "a", "2"), ("q1", "b", "0"), ("q2", "b", "0.5"), ("q2", "c", "1")]
HEADER = ("query-id", "corpus-id", "score")


def beir_folder(
    folder: Path, documents=DOCUMENTS, queries=QUERIES, qrels=QRELS, header=HEADER, beir=True
) -> Path:
    """Write a folder under the names of BEIR, or under ours."""
    names = (
        ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")
        if beir
        else ("documents.jsonl", "queries.jsonl", "qrels.tsv")
    )
    tables = "\n".join("\t".join(row) for row in (header, *qrels)) + "\n"
    contents = ["\n".join(map(json.dumps, rows)) for rows in (documents, queries)] + [tables]
    for name, content in zip(names, contents, strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize("beir", [True, False])
def test_a_folder_is_read_by_the_rules_of_beir(tmp_path, beir):
    judged = load_judged(beir_folder(tmp_path / "set", beir=beir))
    assert judged.documents == ("Drill 18 V, two batteries", "a saw")
    assert judged.doc_ids == ("a", "b") and judged.query_ids == ("q1", "q2")
    assert judged.qrels.toarray().tolist() == [[2, 0], [0, 0.5]]
    assert judged.qrels.nnz == 3  # that b was judged not to answer q1 is kept
    # c has no text, and with it goes a judgement; nobody judged anything for q3.
    assert judged.left_out == {"documents": 1, "judgements": 1, "queries": 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qrels": [*QRELS, ("q1", "z", "1")]}, "names the unknown document 'z'"),
        ({"qrels": [*QRELS, ("q9", "a", "1")]}, "names the unknown query 'q9'"),
        ({"qrels": [*QRELS, ("q1", "a", "1")]}, "document 'a' is judged twice for query 'q1'"),
        ({"qrels": [*QRELS, ("q3", "a", "1")]}, "the query 'q3' has no text"),
        ({"qrels": [("q1", "a", "-1")]}, "line 2: a score is a number from 0, not '-1'"),
        ({"qrels": [("q1", "a", "nan")]}, "a score is a number from 0"),
        ({"qrels": [("q1", "a", "yes")]}, "a score is a number from 0, not 'yes'"),
        ({"qrels": []}, "nothing is judged"),
        ({"header": ("query", "document", "score")}, "has no column 'query-id'"),
        ({"documents": [*DOCUMENTS, DOCUMENTS[0]]}, "_id 'a' occurs twice"),
        ({"documents": [{"_id": 7, "text": "x"}]}, "_id must be a text, not 7"),
        ({"documents": [{"_id": "a", "body": "x"}]}, "has no field 'text'"),
        ({"documents": [{"_id": "a", "text": ["x"]}]}, "a text of 'a' is no string"),
    ],
)
def test_bad_folders_are_one_line_errors(tmp_path, change, message):
    with pytest.raises(UsageError, match=message) as caught:
        load_judged(beir_folder(tmp_path / "set", **change))
    assert "\n" not in str(caught.value)


def test_what_is_neither_name_nor_folder_is_an_error_that_helps(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'scifact'"):
        load_judged("scifac")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no such file"):
        load_judged(tmp_path / "empty")
    with pytest.raises(UsageError, match="no data set 'ud-ru'"):
        load_sentences("ud-ru")


@given(st.data())
def test_grades_come_back_as_they_were_written(tmp_path_factory, data):
    n_queries, n_docs = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    cells = st.tuples(st.integers(0, n_queries - 1), st.integers(0, n_docs - 1))
    grades = data.draw(st.dictionaries(cells, st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=1))
    folder = beir_folder(
        tmp_path_factory.mktemp("set"),
        documents=[{"_id": f"d{i}", "text": f"text {i}"} for i in range(n_docs)],
        queries=[{"_id": f"q{i}", "text": f"query {i}"} for i in range(n_queries)],
        qrels=[(f"q{q}", f"d{d}", str(grade)) for (q, d), grade in grades.items()],
    )
    judged = load_judged(folder)
    assert judged.qrels.nnz == len(grades)
    for (q, d), grade in grades.items():
        at = judged.query_ids.index(f"q{q}"), judged.doc_ids.index(f"d{d}")
        assert judged.qrels[at] == grade


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_embedded_set_has_one_answer_to_every_question(language):
    judged = load_judged(f"xquad-r-{language}")
    assert len(judged.queries) == 1190 and (judged.qrels.sum(axis=1) == 1).all()
    assert judged.query_ids == load_judged("xquad-r-ru").query_ids
    cyrillic = np.mean([any("а" <= c <= "я" for c in text.lower()) for text in judged.documents])
    assert cyrillic > 0.98 if language == "ru" else cyrillic < 0.02


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["xquad-r-ru", "xquad-r-en"])
def test_the_embedded_set_is_the_one_of_the_folder(paper_data, name):
    embedded, folder = load_judged(name), load_judged(paper_data / "judged" / name)
    for field in ("doc_ids", "documents", "query_ids", "queries"):
        assert getattr(embedded, field) == getattr(folder, field)
    assert (embedded.qrels != folder.qrels).nnz == 0


@pytest.mark.realdata
def test_every_set_of_the_list_loads_and_has_the_checksums_that_records_keep(paper_data):
    for info in judged_datasets():
        if not info.reachable:
            continue
        if "qrels.tsv" in info.checksums or info.name.startswith("xquad-r"):
            judged = load_judged(info.name)
            counts = (len(judged.documents), len(judged.queries), judged.qrels.nnz)
            assert info.n.startswith(f"{counts[0] + judged.left_out['documents']:,} documents")
            assert f"{counts[2] + judged.left_out['judgements']:,} judgements" in info.n
        else:
            assert all(text.strip() for text in load_sentences(info.name))
        for file, digest in judged_checksums(info.name).items():
            if (path := paper_data / file).is_file():
                assert digest == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_a_changed_file_of_a_known_set_is_refused(tmp_path, monkeypatch):
    beir_folder(tmp_path / "judged" / "scifact", beir=False)
    monkeypatch.setenv("PAPER_DATA", str(tmp_path))
    with pytest.raises(UsageError, match="is not the file that this book was checked with"):
        load_judged("scifact")
    monkeypatch.setenv("PAPER_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"documents.jsonl of scifact is not in .*set PAPER_DATA"):
        load_judged("scifact")


def test_what_cannot_be_downloaded_says_where_it_is_looked_for(monkeypatch, tmp_path):
    found = CliRunner().invoke(main, ["data", "fetch", "xquad-r-en"])
    assert found.exit_code == 0 and "in the package" in found.stdout
    monkeypatch.setenv("PAPER_DATA", str(tmp_path))
    found = CliRunner().invoke(main, ["data", "fetch", "scifact"])
    assert found.exit_code == 1 and "PAPER_DATA/judged/scifact" in found.output


def test_paper_data_tells_which_sets_there_are_and_where():
    found = CliRunner().invoke(main, ["data", "--json"])
    rows = {row["name"]: row for row in json.loads(found.stdout)}
    assert rows["xquad-r-ru"]["where"] == "in the package" and rows["xquad-r-ru"]["reachable"]
    assert {"scifact", "homedepot", "ud-ru-gsd"} <= rows.keys()
    assert all(row["licence"] for row in rows.values())
