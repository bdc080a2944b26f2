"""Judgements of every form say the same, and what is none is refused in one line."""

from __future__ import annotations

import bz2
import gzip
import json

import ir_measures
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from embedding_audit.matching.judgements import read_judgements
from paper_utils.errors import UsageError

PAIRS = [("q1", "b", 2.0), ("q2", "a", 1.0), ("q2", "c", 0.0)]
NESTED = {"q1": {"b": 2}, "q2": {"a": 1, "c": 0}}

FORMS = {
    "trec.qrels": "q1 0 b 2\nq2 0 a 1\nq2 Q0 c 0\n",
    "trec with tabs.txt": "q1\t0\tb\t2\nq2\t0\ta\t1\n\nq2\t0\tc\t0",
    "beir.tsv": "query-id\tcorpus-id\tscore\nq1\tb\t2\nq2\ta\t1\nq2\tc\t0\n",
    "beir without header.tsv": "q1\tb\t2\nq2\ta\t1\nq2\tc\t0\n",
    "of a spreadsheet.csv": "\ufeffQID;DocNo;Relevance\r\nq1;b;2\r\nq2;a;1\r\nq2;c;0\r\n",
    "names.csv": "relevance,product_id,query_id\n2,b,q1\n1,a,q2\n0,c,q2\n",
    "a row has an id.csv": "id,query,query_id,product_id,label\n0,x,q1,b,2\n1,y,q2,a,1\n2,y,q2,c,0",
    "quoted.csv": '"topic","docno","rel"\n"q1","b","2"\n"q2","a","1.0"\n"q2","c","0"\n',
    "topics.csv": "topic,iteration,docno,relevance\nq1,0,b,2\nq2,0,a,1\nq2,0,c,0\n",
    "lines.jsonl": '{"query-id": "q1", "corpus-id": "b", "score": 2}\n'
    '{"query-id": "q2", "corpus-id": "a", "score": 1}\n'
    '{"query-id": "q2", "corpus-id": "c", "score": 0}\n',
    "nested.json": json.dumps(NESTED, indent=1),
    "list.json": json.dumps([{"qid": q, "pid": d, "grade": g} for q, d, g in PAIRS]),
    "columns.json": json.dumps(
        {"qid": ["q1", "q2", "q2"], "docid": ["b", "a", "c"], "rel": [2, 1, 0]}
    ),
    "a wrong suffix.parquet": "q1 0 b 2\nq2 0 a 1\nq2 0 c 0\n",
}


def pairs(found):
    """What was read, as tuples."""
    return sorted(found.table[["query", "document", "grade"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_file(tmp_path, name):
    (tmp_path / name).write_text(FORMS[name], encoding="utf-8")
    assert pairs(read_judgements(tmp_path / name)) == PAIRS


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_packed_files(tmp_path, pack):
    (tmp_path / "packed").write_bytes(pack(FORMS["beir.tsv"].encode()))
    assert pairs(read_judgements(str(tmp_path / "packed"))) == PAIRS


def test_parquet(tmp_path):
    frame = pd.DataFrame(PAIRS, columns=["query_id", "corpus_id", "score"])
    frame.to_parquet(tmp_path / "judged.parquet")
    assert pairs(read_judgements(tmp_path / "judged.parquet")) == PAIRS


@pytest.mark.parametrize(
    "given",
    [
        NESTED,
        PAIRS,
        [ir_measures.Qrel(q, d, int(g)) for q, d, g in PAIRS],
        pd.DataFrame(PAIRS, columns=["query_id", "doc_id", "relevance"]),
        pd.DataFrame(PAIRS, columns=["q", "docno", "label"]).set_index("q"),
    ],
)
def test_python_objects(given):
    assert pairs(read_judgements(given)) == PAIRS


def test_matrices_judge_rows():
    found = read_judgements(sparse.csr_array([[0, 2], [1, 0]]))
    assert found.by_rows
    assert pairs(found) == [("0", "1", 2.0), ("1", "0", 1.0)]
    assert pairs(read_judgements(np.array([[0, 2], [1, 0]]))) == pairs(found)


@pytest.mark.parametrize(
    "given",
    [
        {"q1": ["b"], "q2": ["a", "c"]},
        [("q1", "b"), ("q2", "a"), ("q2", "c")],
        pd.DataFrame({"query_id": ["q1", "q2"], "doc_id": [["b"], ["a", "c"]]}),
    ],
)
def test_without_grades_all_are_relevant_and_that_is_said(given):
    found = read_judgements(given)
    assert pairs(found) == [("q1", "b", 1.0), ("q2", "a", 1.0), ("q2", "c", 1.0)]
    assert found.notes == ("no grades are given: every judgement counts as relevant (1)",)


def test_ids_are_texts_however_they_were_written():
    found = read_judgements(
        pd.DataFrame({"qid": [1.0, 2.0], "docid": [7, 8], "rel": [True, False]})
    )
    assert pairs(found) == [("1", "7", 1.0), ("2", "8", 0.0)]
    assert pairs(read_judgements({1: {7: 1}})) == [("1", "7", 1.0)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("q1 Q0 b 1 13.2 bm25\nq1 Q0 c 2 12.1 bm25", "is a run, not judgements"),
        ("q1 Q0 b 1 13.2 my tag", "neither 'query 0 document grade'"),
        ("qid\tdocid\trank\tscore\nq1\tb\t1\t9.5\n", "a column of ranks"),
        ("".join(f"q1\td{i}\t{i}\n" for i in range(1, 31)), "ranks 1, 2, 3"),
        ("".join(f"q1\td{i}\t{0.9 - i / 100}\n" for i in range(30)), "scores"),
        ("q1 0 b x", "neither"),
        ("q1 0 b 1\nq1 0 c x", "line 2: a grade must be a number, not 'x'"),
        ("q1 0 b 1\nq1 0 c", "line 2: 3 cells, the first line has 4"),
        ("q1 0 b nan", "neither"),
        ("query-id\tcorpus-id\tscore\nq1\tb\tExact\n", "a grade must be a number, not 'Exact'"),
        ("query-id\tcorpus-id\tstars\nq1\tb\t1\nq1\tc\t3\n", "'stars', call that column 'score'"),
        ("query-id\tcorpus-id\tscore\nq1\tb\n", "line 2: 2 cells, the header has 3"),
        ("Suche,Ding,Note\nx,y,1\n", "neither"),
        ('{"q1": {"b": [1]}}', "must be ids and grades numbers"),
        ('{"q1": {"b": 1}, "q2": ["c"]}', "some queries have grades and some have none"),
        ('{"q1": 3}', "a dict of queries"),
        ('{"q1": {"b": 1}', "line 1: not JSON"),
        ('{"query-id": "q", "score": 1}\n{"query-id": "q", "score": 1}', "no column 'corpus-id'"),
        ("[]", "no column"),
        ("\n\n", "is empty"),
        ("q1 b 0 1\nq1 c 0 1\nq2 a 0 0", "is the order 'query 0 document grade'"),
    ],
)
def test_what_is_no_judgement_is_refused(tmp_path, text, words):
    (tmp_path / "j.txt").write_text(text)
    with pytest.raises(UsageError, match=words) as error:
        read_judgements(tmp_path / "j.txt")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("given", [3, object(), [1, 2], {"q": 1}, [("q",)], None])
def test_other_objects_are_refused(given):
    with pytest.raises(UsageError):
        read_judgements(given)


@given(
    st.dictionaries(
        st.text("abc017", min_size=1, max_size=4),
        st.dictionaries(st.text("xyz,", min_size=1, max_size=4), st.integers(-1, 3), min_size=1),
        min_size=1,
        max_size=5,
    )
)
def test_a_dict_and_its_trec_file_are_one(tmp_path_factory, qrels):
    lines = [f"{q} 0 {d} {g}" for q, some in qrels.items() for d, g in some.items()]
    path = tmp_path_factory.mktemp("trec") / "j.qrels"
    path.write_text("\n".join(lines))
    reference = [
        (r.query_id, r.doc_id, float(r.relevance)) for r in ir_measures.read_trec_qrels(str(path))
    ]
    assert pairs(read_judgements(path)) == pairs(read_judgements(qrels)) == sorted(reference)


@given(st.sampled_from(sorted(FORMS)), st.data())
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path_factory, name, data):
    content = FORMS[name].encode()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content)))
        piece = data.draw(
            st.sampled_from([b"\x00", b'"', b"{", b"]", b",", b"\t", b"\\ud800", b"9" * 400, b"\n"])
            | st.binary(max_size=3)
        )
        content = content[:at] + piece + content[at + data.draw(st.integers(0, 9)) :]
    path = tmp_path_factory.mktemp("damaged") / "j"
    path.write_bytes(content)
    try:
        assert len(read_judgements(path).table)
    except UsageError as error:
        assert "\n" not in str(error)
