"""Rows, texts and judged ids meet by ids or by position, and a doubt becomes a question."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from embedding_audit.matching import read_inputs
from embedding_audit.matching.texts import read_texts
from paper_utils.errors import UsageError

N, N_QUERIES, D = 12, 4, 5
DOCS = [f"d{i:02}" for i in range(N)]
QUERIES = [f"q{i}" for i in range(N_QUERIES)]
QRELS = {q: {DOCS[3 * i]: 1} for i, q in enumerate(QUERIES)}
RNG = np.random.default_rng(7)
X = RNG.normal(size=(N, D)).astype(np.float32)
Q = RNG.normal(size=(N_QUERIES, D)).astype(np.float32)
WORDS = [f"word{i}" for i in range(N)]


def by(found):
    """How each input was matched, by its name."""
    return {match.what: match.by for match in found.matches}


def judged(found):
    """The relevant vectors of each query, whatever the rows are called."""
    pairs = found.judgements.relevant.tocoo()
    rows = [found.vectors.block(d, d + 1)[0] for d in pairs.col]
    return {
        found.queries.block(q, q + 1).tobytes(): row.tobytes()
        for q, row in zip(pairs.row, rows, strict=True)
    }


WANTED = {Q[i : i + 1].tobytes(): X[3 * i].tobytes() for i in range(N_QUERIES)}
ASKED = dict(zip(QUERIES, Q, strict=True))


@pytest.mark.parametrize(
    "names", [("docno", "docno"), ("id", "_id"), ("sku", "nummer"), ("ident", "nummer")]
)
def test_texts_meet_vectors_by_ids_under_any_name(tmp_path, names):
    order = RNG.permutation(N)
    frame = pd.DataFrame({names[0]: DOCS, "vector": list(X)})
    lines = [f"{names[1]},text", *(f"{DOCS[i]},{WORDS[i]}" for i in order)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    found = read_inputs(frame, texts=tmp_path / "t.csv")
    assert found.texts == tuple(WORDS)
    assert by(found)["texts"].startswith(f"id `{names[0]}`")
    assert str(found.matches[0]).endswith(f"{N} of {N}")


def test_texts_by_ids_may_be_more_or_fewer(tmp_path):
    vectors = dict(zip(DOCS, X, strict=True))
    texts = dict(zip([*DOCS[2:], "spare"], [*WORDS[2:], "x"], strict=True))
    found = read_inputs(vectors, texts=texts)
    assert found.texts == ("", "", *WORDS[2:])
    assert str(found.matches[0]) == "texts by id `id`: 10 of 12"
    assert "texts without a vector left out: 1" in found.notes
    assert "rows without a text: 2 of 12" in found.notes


def test_position_is_taken_where_one_side_has_no_ids_and_counts_agree(tmp_path):
    (tmp_path / "t.txt").write_text("\n".join(WORDS) + "\n")
    found = read_inputs(dict(zip(DOCS, X, strict=True)), texts=tmp_path / "t.txt")
    assert (found.texts, by(found)) == (tuple(WORDS), {"texts": "position"})
    with pytest.raises(UsageError, match=r"12 texts for 5 vectors.*only one of them has ids, `id`"):
        read_inputs(dict(zip(DOCS[:5], X, strict=False)), texts=tmp_path / "t.txt")
    with pytest.raises(UsageError, match="3 texts for 12 vectors"):
        read_inputs(X, texts=["a", "b", "c"])


def test_ids_that_never_meet_are_shown_with_the_way_out():
    with pytest.raises(
        UsageError, match=r"`id` \(such as 'd00'\) and `docno` \(such as '0'\)"
    ) as e:
        read_inputs(
            dict(zip(DOCS, X, strict=True)), texts=pd.DataFrame({"docno": range(N), "text": WORDS})
        )
    assert "--id-column" in str(e.value)


def test_title_and_text_are_joined_and_other_columns_kept(tmp_path):
    rows = [
        {
            "_id": d,
            "title": "" if i == 1 else f"T{i}",
            "text": None if i == 2 else w,
            "metadata": {},
            "brand": "b",
        }
        for i, (d, w) in enumerate(zip(DOCS, WORDS, strict=True))
    ]
    rows[3] |= {"title": " ", "text": None}
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = read_inputs(dict(zip(DOCS, X, strict=True)), texts=tmp_path / "corpus.jsonl")
    assert found.texts[:5] == ("T0 word0", "word1", "T2", "", "T4 word4")
    assert "brand" in found.columns
    assert "metadata" not in found.columns
    assert "texts: columns `title` and `text`, joined with a blank" in found.notes
    assert "rows without a text: 1 of 12" in found.notes
    only = read_inputs(
        dict(zip(DOCS, X, strict=True)), texts=tmp_path / "corpus.jsonl", text_column="text"
    )
    assert only.texts[:3] == ("word0", "word1", "")


TEXT_FILES = {
    "collection.tsv": "".join(f"{d}\tthe {w}\n" for d, w in zip(DOCS, WORDS, strict=True)),
    "lines.txt": "".join(f"{d}\tthe {w}\n" for d, w in zip(DOCS, WORDS, strict=True)),
    "dict.json": json.dumps({d: f"the {w}" for d, w in zip(DOCS, WORDS, strict=True)}),
    "corpus.json": json.dumps(
        {d: {"title": "the", "text": w} for d, w in zip(DOCS, WORDS, strict=True)}
    ),
    "named.csv": "id,text\n" + "".join(f"{d},the {w}\n" for d, w in zip(DOCS, WORDS, strict=True)),
    "list of objects.json": json.dumps(
        [{"docid": d, "contents": f"the {w}"} for d, w in zip(DOCS, WORDS, strict=True)]
    ),
    "payload.jsonl": "\n".join(
        json.dumps({"id": d, "payload": {"text": f"the {w}"}})
        for d, w in zip(DOCS, WORDS, strict=True)
    ),
}


@pytest.mark.parametrize("name", TEXT_FILES)
def test_texts_of_every_form_meet_by_ids(tmp_path, name):
    (tmp_path / name).write_text(TEXT_FILES[name])
    order = RNG.permutation(N)
    found = read_inputs({DOCS[i]: X[i] for i in order}, texts=tmp_path / name)
    assert found.texts == tuple(f"the {WORDS[i]}" for i in order)
    assert by(found)["texts"].startswith("id")


def test_a_list_of_texts_in_json_goes_by_position(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps(WORDS))
    found = read_inputs(X, texts=tmp_path / "t.json")
    assert (found.texts, by(found)) == (tuple(WORDS), {"texts": "position"})


def test_unlisted_ids_of_texts_are_never_passed_over():
    """Most ids meet in a column of unknown name: by position the texts would be on wrong rows."""
    table = pd.DataFrame({"nr": [*DOCS[:0:-1], "new"], "text": [*WORDS[:0:-1], "x"]})
    found = read_inputs(dict(zip(DOCS, X, strict=True)), texts=table)
    assert found.texts == ("", *WORDS[1:])
    few = table.assign(nr=[*DOCS[:3], *(f"z{i}" for i in range(9))])
    with pytest.raises(UsageError, match="3 values of `id` occur in `nr`"):
        read_inputs(dict(zip(DOCS, X, strict=True)), texts=few)
    plain = few.drop(columns="nr")
    assert read_inputs(dict(zip(DOCS, X, strict=True)), texts=plain).texts == tuple(few["text"])


@pytest.mark.parametrize(
    "columns",
    [("name", "description"), ("Headline", "BODY"), ("product_title", "product_description")],
)
def test_titles_and_texts_of_other_names(columns):
    table = pd.DataFrame({columns[1]: WORDS, columns[0]: [f"T{i}" for i in range(N)]})
    assert read_texts(table).strings[0] == "T0 word0"


def test_a_single_unlisted_column_of_words_is_the_text_and_several_are_asked_about():
    assert (
        read_texts(pd.DataFrame({"id": DOCS, "Bezeichnung": WORDS})).chosen
        == "column `Bezeichnung`"
    )
    table = pd.DataFrame({"id": DOCS, "Bezeichnung": WORDS, "Farbe": WORDS})
    with pytest.raises(UsageError, match="--text-column"):
        read_texts(table)
    assert read_texts(table, "Farbe").strings == tuple(WORDS)
    with pytest.raises(UsageError, match="no column 'Preis'"):
        read_texts(table, "Preis")


def test_texts_beside_the_vectors_are_used():
    frame = pd.DataFrame(
        {"id": DOCS, "title": "T", "text": WORDS, "price": range(N), "vector": list(X)}
    )
    found = read_inputs(frame)
    assert found.texts[0] == "T word0"
    assert found.columns.columns.tolist() == ["price"]
    assert by(found) == {"texts": "the rows of vectors"}


def test_rows_all_without_a_text_fail_nothing():
    found = read_inputs(X, texts=[None, ""] * 6)
    assert found.texts is None
    assert "rows without a text: 12 of 12" in found.notes


def test_judged_ids_under_an_unlisted_name_are_found_by_their_values(tmp_path):
    frame = pd.DataFrame({"Artikel": DOCS, "price": range(N), "vector": list(X)})
    found = read_inputs(frame, queries=ASKED, qrels=QRELS)
    assert judged(found) == WANTED
    assert by(found)["judged documents"] == "id `Artikel`"
    # They may lie beside the texts instead, where the vectors have no ids at all.
    texts = pd.DataFrame({"text": WORDS, "Artikel": DOCS})
    found = read_inputs(X, texts=texts, queries=ASKED, qrels=QRELS)
    assert judged(found) == WANTED
    assert found.vectors.ids == tuple(DOCS)


def test_other_ids_than_the_chosen_ones_are_judged():
    """An id of the row stands before the judged one: the values decide, not the order."""
    frame = pd.DataFrame({"custom_id": [f"r{i}" for i in range(N)], "sku": DOCS, "vector": list(X)})
    found = read_inputs(frame, queries=ASKED, qrels=QRELS)
    assert by(found)["judged documents"] == "id `sku`"
    assert judged(found) == WANTED


def test_two_columns_that_hold_the_judged_ids_are_asked_about():
    frame = pd.DataFrame({"eins": DOCS, "zwei": DOCS[::-1], "vector": list(X)})
    with pytest.raises(UsageError, match=r"'eins', 'zwei'.*--id-column"):
        read_inputs(frame, queries=ASKED, qrels=QRELS)
    found = read_inputs(frame, queries=ASKED, qrels=QRELS, id_column="eins")
    assert judged(found) == WANTED


def test_numbers_that_may_be_rows_or_ids_are_asked_about():
    by_row = {q: {str(3 * i): 1} for i, q in enumerate(QUERIES)}
    frame = pd.DataFrame({"id": [str(i + 5) for i in range(N)], "vector": list(X)})
    with pytest.raises(UsageError, match="--id-column id or --id-column row"):
        read_inputs(frame, queries=ASKED, qrels=by_row)
    with pytest.raises(UsageError, match="--id-column id or --id-column row"):
        read_inputs(dict(zip(DOCS, X, strict=True)), queries=ASKED, qrels=by_row)
    found = read_inputs(X, queries=ASKED, qrels=by_row, id_column="row")
    assert judged(found) == WANTED
    assert by(found)["judged documents"] == "position"


def test_row_numbers_are_meant_where_somebody_says_so():
    by_row = {q: {str(3 * i): 1} for i, q in enumerate(QUERIES)}
    found = read_inputs(
        dict(zip(DOCS, X, strict=True)), queries=ASKED, qrels=by_row, id_column="row"
    )
    assert judged(found) == WANTED


def test_ids_without_a_place_are_refused_with_examples():
    with pytest.raises(UsageError, match=r"'d00', which is no row number from 0 to 11"):
        read_inputs(X, queries=ASKED, qrels=QRELS)
    with pytest.raises(UsageError, match="'12', which is no row number"):  # numbered from 1
        read_inputs(X, queries=ASKED, qrels={q: {"12": 1} for q in QUERIES})
    with pytest.raises(UsageError, match=r"none of the 4 judged documents .*'d00'.*'x0'"):
        read_inputs({f"x{i}": row for i, row in enumerate(X)}, queries=ASKED, qrels=QRELS)
    with pytest.raises(UsageError, match="none of the 1 judged queries"):
        read_inputs(dict(zip(DOCS, X, strict=True)), queries=ASKED, qrels={"z": {"d00": 1}})
    with pytest.raises(UsageError, match="no document among the vectors is relevant"):
        read_inputs(dict(zip(DOCS, X, strict=True)), queries=ASKED, qrels={"q0": {"d00": 0}})


def test_a_column_of_numbers_that_meets_ids_by_chance_is_not_taken():
    by_row = {str(i): {str(3 * i): 1} for i in range(N_QUERIES)}
    frame = pd.DataFrame({"length": [i + 2 for i in range(N)], "vector": list(X)})
    found = read_inputs(frame, queries=Q, qrels=by_row)
    assert by(found)["judged documents"] == "position"
    assert judged(found) == WANTED


def test_queries_may_be_judged_by_their_texts():
    qrels = {f"find {q}": some for q, some in QRELS.items()}
    found = read_inputs(
        dict(zip(DOCS, X, strict=True)),
        queries=Q,
        qrels=qrels,
        query_texts=[f"find {q}" for q in QUERIES],
    )
    assert judged(found) == WANTED


def test_query_rows_that_repeat_are_one_query_if_their_vectors_are_equal():
    frame = pd.DataFrame({"qid": [*QUERIES, "q1"], "vector": [*Q, Q[1]]})
    found = read_inputs(dict(zip(DOCS, X, strict=True)), queries=frame, qrels=QRELS)
    assert judged(found) == WANTED
    assert any("repeat a query, with its id and vector, left out: 1" in n for n in found.notes)
    frame["vector"] = [*Q, Q[2]]
    with pytest.raises(UsageError, match="'q1' names several queries"):
        read_inputs(dict(zip(DOCS, X, strict=True)), queries=frame, qrels=QRELS)


def test_repeated_ids_are_noted_without_judgements():
    frame = pd.DataFrame({"doc_id": ["a", "b"] * 6, "vector": list(X)})
    assert any("2 different ones in `doc_id` for 12 rows" in n for n in read_inputs(frame).notes)


def test_chunks_have_their_texts_row_by_row_or_by_document():
    frame = pd.DataFrame({"doc_id": ["a", "b"] * 6, "vector": list(X)})
    same = pd.DataFrame({"doc_id": ["a", "b"] * 6, "text": WORDS})
    assert read_inputs(frame, texts=same).texts == tuple(WORDS)
    assert read_inputs(frame, texts={"b": "B", "a": "A"}).texts == ("A", "B") * 6
    with pytest.raises(UsageError, match="'a' occurs with different texts"):
        read_inputs(frame, texts=same.iloc[::-1].reset_index(drop=True))
    chunks = [f"c{i}" for i in range(N)]
    told_apart = same.assign(chunk_id=chunks).iloc[::-1].reset_index(drop=True)
    assert read_inputs(frame.assign(chunk_id=chunks), texts=told_apart).texts == tuple(WORDS)


def test_every_query_is_a_document_where_the_files_are_one(tmp_path):
    np.save(tmp_path / "x.npy", X)
    found = read_inputs(tmp_path / "x.npy", queries=tmp_path / "x.npy")
    assert found.own.tolist() == list(range(N))
    assert any("12 of 12" in note and "--keep-own" in note for note in found.notes)
    some = read_inputs(X, queries=X[[7, 2]])
    assert some.own.tolist() == [7, 2]
    assert read_inputs(X, queries=Q).own is None
    assert read_inputs(X, queries=X, drop_own=False).own is None


def test_python_objects_hold_vectors():
    want = read_inputs(X).vectors.block(0, N)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(D)])
    for given in (X.tolist(), list(X), frame, pd.Series(list(X)), X.astype(np.float64)):
        assert np.allclose(read_inputs(given).vectors.block(0, N), want)
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(X).requires_grad_()
    assert np.array_equal(read_inputs(tensor).vectors.block(0, N), want)
    half = read_inputs(tensor.to(torch.bfloat16)).vectors.block(0, N)
    assert np.allclose(half, want, rtol=1e-2)
    gap = [None if i == 3 else row for i, row in enumerate(X)]
    assert np.isnan(read_inputs(gap).vectors.block(3, 4)).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (sparse.csr_array(X), "sparse"),
        ([[1.0, 2.0], [3.0]], "row 1: 1 numbers, the first has 2"),
        ([["a", "b"]], "row 0: a list of numbers"),
        (np.array([object(), None]), "row 0"),
        (np.zeros((2, 3, 4)), "shape"),
        ([], "no rows"),
        (pd.DataFrame({"id": DOCS}), "no column of lists"),
        (3, "int"),
        (X[:, 0].astype(complex).reshape(3, 4), "real numbers"),
    ],
)
def test_other_objects_are_refused_in_one_line(given, words):
    with pytest.raises(UsageError, match=words) as error:
        read_inputs(given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"qrels": QRELS}, "judgements need queries"),
        ({"query_texts": ["x"]}, "texts of queries need queries"),
        ({"queries": Q[:, :3]}, "3 columns, vectors 5"),
        ({"queries": Q * np.nan}, "no usable row"),
        ({"metric": "euclid"}, "Allowed: cosine, dot, l2"),
        ({"id_column": "nix"}, "no column of ids 'nix'"),
        ({"text_column": "nix"}, "no column 'nix'"),
        ({"queries": ASKED, "qrels": QRELS, "relevant_from": 2}, "no grade reaches"),
        ({"queries": ASKED, "qrels": QRELS, "relevant_from": -1}, "above 0"),
        ({"queries": ASKED, "qrels": QRELS, "relevant_from": float("nan")}, "above 0"),
        ({"texts": [1, 2]}, "row 0: a string is needed"),
        ({"texts": 5}, "texts are int"),
        ({"texts": pd.DataFrame({"id": []})}, "no rows"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(options, words):
    vectors = (
        X
        if "queries" in options and not isinstance(options["queries"], dict)
        else dict(zip(DOCS, X, strict=True))
    )
    with pytest.raises(UsageError, match=words) as error:
        read_inputs(vectors, **options)
    assert "\n" not in str(error.value)


def test_options_of_the_documents_need_not_fit_the_queries(tmp_path):
    frame = pd.DataFrame(
        {"sku": DOCS, "other": [[0.0] * D] * N, "embedding": list(X), "dense": list(X[::-1])}
    )
    asked = pd.DataFrame({"qid": QUERIES, "vector": list(Q)})
    found = read_inputs(frame, queries=asked, qrels=QRELS, id_column="SKU", vector_column="dense")
    assert np.array_equal(found.vectors.block(0, 1)[0], X[-1])
    assert found.queries.ids == tuple(QUERIES)
