"""Judgements with ids in another spelling than those of the rows, or with turned columns."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedding_audit.matching import read_inputs
from embedding_audit.matching.judgements import read_judgements
from embedding_audit.matching.names import respelled
from paper_utils.errors import UsageError

ROWS = np.eye(6) + 0.1
NUMBERS = (1, 2, 7, 10, 33, 104)


def _read(ids, judged, query_ids=("qa", "qb"), turned=False):
    lines = {"qa": {judged[0]: 2, judged[2]: 1}, "qb": {judged[4]: 1}}
    if turned:
        lines = {judged[0]: {"qa": 2}, judged[2]: {"qa": 1}, judged[4]: {"qb": 1}}
    queries = pd.DataFrame({"id": list(query_ids), "vector": list(ROWS[:2])})
    items = pd.DataFrame({"id": list(ids), "vector": list(ROWS)})
    return read_inputs(items, queries=queries, qrels=lines)


EXPECTED = [[2, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0]]

SPELLINGS = {
    "zeros before the number": [f"{one:05d}" for one in NUMBERS],
    "zeros inside": [f"doc-{one:04d}" for one in NUMBERS],
    "floats": [f"{one}.0" for one in NUMBERS],
    "case": [f"D{one}" for one in NUMBERS],
    "encoded": [f"https://x.org/a%20b/{one}" for one in NUMBERS],
    "quotation marks": [f'"{one}"' for one in NUMBERS],
}
PLAIN = {
    "zeros inside": [f"doc-{one}" for one in NUMBERS],
    "case": [f"d{one}" for one in NUMBERS],
    "encoded": [f"https://x.org/a b/{one}" for one in NUMBERS],
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", SPELLINGS)
def test_ids_in_another_spelling(kind, turned):
    one, other = SPELLINGS[kind], PLAIN.get(kind, [str(one) for one in NUMBERS])
    for ids, judged in ((one, other), (other, one)):
        found = _read(ids, ids if turned else judged, turned=turned)
        assert found.judgements.grades.toarray().tolist() == EXPECTED
        said = "read as documents, then queries" if turned else "spell otherwise"
        assert said in " ".join(found.notes)


def test_some_ids_in_another_spelling_are_not_lost():
    ids = [f"{one:02d}" for one in NUMBERS]  # as they are from 10 on
    found = _read(ids, [str(one) for one in NUMBERS])
    assert found.judgements.grades.toarray().tolist() == EXPECTED
    assert found.matches[0].matched == found.matches[0].of == 3


def test_ids_that_are_merely_absent_stay_so():
    found = _read(["a", "b", "c", "d", "e", "A"], ["a", "", "zz", "", "B", ""])
    assert "not among the vectors: 1, such as 'zz'" in " ".join(found.notes)
    found = _read(["a", "b", "c", "d", "e", "f"], ["a", "", "zz", "", "yy", ""])
    assert "not among the vectors: 2" in " ".join(found.notes)


@given(
    st.lists(st.sampled_from(["a", "A", "1", "01", "001", "1.0", "b", "B"]), max_size=8),
    st.lists(st.sampled_from(["a", "A", "1", "01", "001", "1.0", "b", "c"]), max_size=8),
)
def test_no_two_ids_become_one(wanted, values):
    wanted, values = (
        pd.Index(list(dict.fromkeys(some)), dtype=object) for some in (wanted, values)
    )
    found = respelled(wanted, values)
    assert len(set(found.values())) == len(found)
    assert not set(found.values()) & set(wanted)
    assert not set(found) & set(values)


def test_numbers_in_turned_columns_are_seen(tmp_path):
    np.save(tmp_path / "x.npy", ROWS)
    np.save(tmp_path / "q.npy", ROWS[:2])
    (tmp_path / "turned.tsv").write_text("0\t0\t2\n2\t0\t1\n4\t1\t1\n", encoding="utf-8")
    given = {"queries": tmp_path / "q.npy", "qrels": tmp_path / "turned.tsv"}
    found = read_inputs(tmp_path / "x.npy", **given)
    assert found.judgements.grades.toarray().tolist() == EXPECTED
    assert "read as documents, then queries" in " ".join(found.notes)


def test_judgements_that_fit_both_ways_are_left_alone():
    lines = {"0": {"1": 1}, "1": {"0": 1}}
    found = read_inputs(ROWS, queries=ROWS[:2], qrels=lines)
    assert found.judgements.grades.toarray()[:, :2].tolist() == [[0, 1], [1, 0]]
    assert "then queries" not in " ".join(found.notes)


def test_that_no_grades_are_given_reaches_the_report():
    found = read_inputs(ROWS, queries=ROWS[:2], qrels={"0": ["1"], "1": ["2"]})
    assert "no grades are given" in " ".join(found.notes)


PAIRS = [("q1", "b", 2.0), ("q2", "a", 1.0), ("q2", "c", 0.0)]
FORMS = {
    "quoted.tsv": '"query-id"\t"corpus-id"\t"score"\n"q1"\t"b"\t"2"\n"q2"\t"a"\t"1"\n'
    '"q2"\t"c"\t"0"\n',
    "index.csv": "0,q1,b,2\n1,q2,a,1\n2,q2,c,0\n",
    "objects.json": json.dumps(
        {
            "q1": [{"doc_id": "b", "relevance": 2}],
            "q2": [{"doc_id": "a", "relevance": 1}, {"doc_id": "c", "relevance": 0}],
        }
    ),
    "bundle.json": json.dumps(
        {
            "queries": {"q1": "what"},
            "corpus": {"b": "that"},
            "qrels": {"q1": {"b": 2}, "q2": {"a": 1, "c": 0}},
        }
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_more_forms_of_judgements(tmp_path, name):
    (tmp_path / name).write_text(FORMS[name], encoding="utf-8")
    table = read_judgements(tmp_path / name).table
    assert sorted(table.itertuples(index=False, name=None)) == PAIRS


def test_truth_is_a_grade(tmp_path):
    (tmp_path / "x.csv").write_text("qid,docid,relevant\nq,a,True\nq,b,False\n", encoding="utf-8")
    assert read_judgements(tmp_path / "x.csv").table["grade"].tolist() == [1, 0]


def test_grades_before_documents_are_no_documents(tmp_path):
    lines = [f"{i % 7}\t{1 + i % 2}\t{i}\n" for i in range(40)]
    (tmp_path / "x.tsv").write_text("".join(lines), encoding="utf-8")
    with pytest.raises(UsageError, match="is the order 'query document grade'"):
        read_judgements(tmp_path / "x.tsv")


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_vectors_beyond_single_precision_are_not_equal(scale):
    rows = np.random.default_rng(0).normal(size=(9, 4))
    found = read_inputs(rows * scale, queries=rows[:3] * scale * 0.5, qrels={"0": {"5": 1}})
    assert found.own is None
    found = read_inputs(rows * scale, queries=rows[:3] * scale, qrels={"0": {"5": 1}})
    assert found.own.tolist() == [0, 1, 2]


def _numbered(start, both=False):
    rows = np.random.default_rng(1).normal(size=(80, 16))
    lines = {str(i + both): {str(3 * i + start): 1} for i in range(20)}
    return rows, rows[:60:3] + 0.3, lines


@pytest.mark.parametrize("both", [False, True])
def test_rows_that_are_numbered_from_one_are_asked_about(both):
    rows, queries, lines = _numbered(1, both)
    lines.pop("20", None)
    which = "documents and queries" if both else "the documents"
    with pytest.raises(UsageError, match=f"number from 1 .*{which}.*--id-column row"):
        read_inputs(rows, queries=queries, qrels=lines)
    assert read_inputs(rows, queries=queries, qrels=lines, id_column="row").judgements is not None


def test_rows_that_are_numbered_from_zero_are_not_asked_about():
    rows, queries, lines = _numbered(0)
    assert read_inputs(rows, queries=queries, qrels=lines).judgements.grades.nnz == 20
    noise = np.random.default_rng(2).normal(size=(20, 16))  # vectors that say nothing
    for start in (0, 1):
        _, _, lines = _numbered(start)
        assert read_inputs(rows, queries=noise, qrels=lines).judgements.grades.nnz == 20


def test_a_column_that_tells_queries_from_documents_is_said(tmp_path):
    table = {"id": [*"abcdef", "qa"], "split": ["corpus"] * 6 + ["query"]}
    table["vector"] = [*ROWS, ROWS[0]]
    pd.DataFrame(table).to_parquet(tmp_path / "all.parquet")
    path = tmp_path / "all.parquet"
    for lines, said in (({"qa": {"a": 1}}, True), ({"a": {"b": 1}}, False)):
        found = read_inputs(path, queries=path, qrels=lines)
        assert ("`split` no judged document has ('query')" in " ".join(found.notes)) == said


@pytest.mark.parametrize("kind", SPELLINGS)
def test_texts_with_ids_in_another_spelling(kind):
    one, other = SPELLINGS[kind], PLAIN.get(kind, [str(one) for one in NUMBERS])
    words = [f"the text of {i}" for i in range(6)]
    for ids, theirs in ((one, other), (other, one)):
        items = pd.DataFrame({"id": ids, "vector": list(ROWS)})
        texts = pd.DataFrame({"_id": theirs[::-1], "text": words[::-1]})
        found = read_inputs(items, texts=texts)
        assert found.texts == tuple(words)
        assert "spells otherwise than the vectors: 6" in " ".join(found.notes)


def test_two_columns_of_grades_are_asked_about(tmp_path):
    head = "query_id,doc_id,score,relevance\n"
    (tmp_path / "x.csv").write_text(head + "q,a,1.5,1\nq,b,1.5,0\n", encoding="utf-8")
    with pytest.raises(UsageError, match="grades in 'score' and in 'relevance'"):
        read_judgements(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text(head + "q,a,yes,1\nq,b,no,0\n", encoding="utf-8")
    assert read_judgements(tmp_path / "x.csv").table["grade"].tolist() == [1, 0]


def test_accents_and_entities_are_spellings():
    ids = ["Gro\u0308\u00dfe 1", "a&b", "c", "d", "e", "f"]
    found = _read(ids, ["Gr\u00f6\u00dfe 1", "", "c", "", "e", ""])
    assert found.judgements.grades.toarray().tolist() == EXPECTED
    found = _read(ids, ["a&amp;b", "", "c", "", "e", ""])
    assert found.judgements.grades[0, 1] == 2


def test_labels_in_a_data_frame_are_no_coordinates():
    frame = pd.DataFrame(ROWS).add_prefix("dim_")
    for more in ({"price": 0.5}, {"label": 3}):
        found = read_inputs(frame.assign(**more))
        assert found.vectors.block(0, 6).tolist() == ROWS.tolist()
        assert f"and not `{next(iter(more))}`" in " ".join(found.notes)
    assert read_inputs(pd.DataFrame(ROWS)).notes == ()


def test_stars_that_all_count_as_relevant_are_said():
    for lines, said in (
        ({"0": {"1": 1, "2": 5}, "1": {"3": 3}}, True),
        ({"0": {"1": 0, "2": 5}, "1": {"3": 3}}, False),
        ({"0": {"1": 1, "2": 2}}, False),
    ):
        found = read_inputs(ROWS, queries=ROWS[:2], qrels=lines)
        assert ("grades run from 1 to 5" in " ".join(found.notes)) == said


def test_many_grades_of_few_documents_are_grades(tmp_path):
    lines = [f"q{i}\td{i % 3}\t{i}\n" for i in range(40)]
    (tmp_path / "x.tsv").write_text("".join(lines), encoding="utf-8")
    assert read_judgements(tmp_path / "x.tsv").table["grade"].tolist() == list(range(40))
