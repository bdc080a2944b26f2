"""What is matched gives the numbers that ir_measures gives on the same data, by its own ids."""

from __future__ import annotations

import io
import json
import math

import ir_measures
import numpy as np
import pandas as pd
import pytest
from ir_measures import RR, R, nDCG

from embedding_audit.matching import read_inputs

N, N_QUERIES, D = 60, 20, 6


class Data:
    """A judged set under ids of its own, with some of everything in its grades."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.X = rng.normal(size=(N, D)).astype(np.float32)
        self.Q = rng.normal(size=(N_QUERIES, D)).astype(np.float32)
        self.docs = [f"d{i:03}" for i in range(N)]
        self.queries = [f"q{i:02}" for i in range(N_QUERIES)]
        self.qrels = {
            q: {self.docs[j]: int(rng.integers(0, 4)) for j in rng.choice(N, 8, replace=False)}
            for q in self.queries
        }
        for q in self.queries[:3]:
            self.qrels[q] = dict.fromkeys(self.qrels[q], 0)  # judged, nothing relevant
        for q in self.queries[3:6]:
            self.qrels[q]["gone"] = 3  # relevant, and not in the index

    def lines(self) -> list[tuple[str, str, int]]:
        return [(q, d, g) for q, some in self.qrels.items() for d, g in some.items()]


def unit(rows):
    """Rows of length 1, as float64."""
    return rows.astype(float) / np.linalg.norm(rows.astype(float), axis=1, keepdims=True)


def theirs(run, qrels, relevant_from=1):
    """Recall, nDCG and reciprocal rank by ir_measures; -inf stands for left out."""
    measures = [R(rel=relevant_from) @ 10, nDCG @ 10, RR(rel=relevant_from)]
    run = {q: {d: s for d, s in some.items() if s > -math.inf} for q, some in run.items()}
    found = ir_measures.calc_aggregate(measures, qrels, run)
    return [found[one] for one in measures]


def ours(inputs):
    """The same of what was matched, by plain definitions."""
    scores = unit(inputs.queries.block(0, 10**6)) @ unit(inputs.vectors.block(0, 10**6)).T
    if inputs.document is not None:
        best = np.full((len(scores), inputs.document.max() + 1), -np.inf)
        for row, document in enumerate(inputs.document):
            best[:, document] = np.maximum(best[:, document], scores[:, row])
        scores = best
    if inputs.own is not None:
        for query, document in enumerate(inputs.own):
            if document >= 0:
                scores[query, document] = -np.inf
    judged = inputs.judgements
    relevant, gains = judged.relevant.toarray() > 0, judged.gains.toarray()
    lost, level = judged.lost.toarray(), judged.relevant_from
    found = []
    for query in np.flatnonzero(judged.judged):
        order = np.argsort(-scores[query], kind="stable")
        order = order[scores[query][order] > -np.inf]
        n_relevant = relevant[query].sum() + (lost[query] >= level).sum()
        hits = relevant[query][order]
        discounts = 1 / np.log2(np.arange(2, 12))
        ideal = np.sort(np.concatenate([gains[query], lost[query]]))[::-1][:10]
        dcg, best = gains[query][order][:10] @ discounts[: len(order[:10])], 0.0
        best = ideal @ discounts[: len(ideal)]
        found.append(
            [
                hits[:10].sum() / n_relevant if n_relevant else 0.0,
                dcg / best if best else 0.0,
                1 / (1 + np.argmax(hits)) if hits.any() else 0.0,
            ]
        )
    return np.mean(found, axis=0).tolist()


def run_of(data, docs=None, queries=None):
    """A run of all documents by cosine, under the ids of the data."""
    scores = unit(data.Q) @ unit(data.X).T
    docs, queries = docs or data.docs, queries or data.queries
    run = {q: {} for q in queries}
    for q, row in zip(queries, scores, strict=True):
        for d, score in zip(docs, row, strict=True):
            run[q][d] = max(run[q].get(d, -math.inf), float(score))
    return run


def vectors_file(path, ids, rows, name):
    """Vectors as JSON lines, with ids under a name."""
    lines = [{name: i, "embedding": row.tolist()} for i, row in zip(ids, rows, strict=True)]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


@pytest.fixture
def data():
    return Data()


@pytest.mark.parametrize(
    ("documents", "queries"),
    [
        ("id", "id"),
        ("custom_id", "qid"),
        ("docno", "query-id"),
        ("Doc_ID", "_id"),
        ("sku", "QID"),
        ("Artikelnummer", "Suche"),
    ],
)
def test_ids_under_any_name_in_any_order(tmp_path, data, documents, queries):
    order = np.random.default_rng(1).permutation(N)
    docs = vectors_file(
        tmp_path / "d.jsonl", [data.docs[i] for i in order], data.X[order], documents
    )
    asked = vectors_file(tmp_path / "q.jsonl", data.queries, data.Q, queries)
    (tmp_path / "j.qrels").write_text("".join(f"{q} 0 {d} {g}\n" for q, d, g in data.lines()))
    found = read_inputs(docs, queries=asked, qrels=tmp_path / "j.qrels")
    assert ours(found) == pytest.approx(theirs(run_of(data), data.qrels), abs=1e-6)
    by = {match.what: match for match in found.matches}
    assert by["judged documents"].by == f"id `{documents}`"
    wanted = {d for _, d, _ in data.lines()}
    assert (by["judged documents"].matched, by["judged documents"].of) == (
        len(wanted) - 1,
        len(wanted),
    )
    assert by["judged queries"].by == f"id `{queries}`"


def test_row_numbers_where_nothing_has_ids(tmp_path, data):
    by_row = {
        str(i): {str(data.docs.index(d)): g for d, g in data.qrels[q].items() if d != "gone"}
        for i, q in enumerate(data.queries)
    }
    want = theirs(run_of(data, [str(i) for i in range(N)], list(by_row)), by_row)
    np.save(tmp_path / "d.npy", data.X)
    np.save(tmp_path / "q.npy", data.Q)
    (tmp_path / "j.json").write_text(json.dumps(by_row))
    found = read_inputs(tmp_path / "d.npy", queries=tmp_path / "q.npy", qrels=tmp_path / "j.json")
    assert ours(found) == pytest.approx(want, abs=1e-6)
    assert [match.by for match in found.matches] == ["position", "position"]
    matrix = np.zeros((N_QUERIES, N))
    for q, some in by_row.items():
        for d, grade in some.items():
            matrix[int(q), int(d)] = grade
    again = read_inputs(data.X, queries=data.Q, qrels=matrix)
    # Zeros of a matrix are no judgements: what has nothing else is not judged.
    assert again.judgements.judged.sum() == N_QUERIES - 3
    assert (again.judgements.gains != found.judgements.gains).nnz == 0


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_relevance_level_moves_recall_and_not_the_gains(data, level):
    found = read_inputs(
        dict(zip(data.docs, data.X, strict=True)),
        queries=dict(zip(data.queries, data.Q, strict=True)),
        qrels=data.qrels,
        relevant_from=level,
    )
    assert ours(found) == pytest.approx(theirs(run_of(data), data.qrels, level), abs=1e-6)


def test_fractions_are_relevant_from_the_lowest_on(data):
    qrels = {q: {d: g / 3 for d, g in some.items()} for q, some in data.qrels.items()}
    found = read_inputs(
        dict(zip(data.docs, data.X, strict=True)),
        queries=dict(zip(data.queries, data.Q, strict=True)),
        qrels=qrels,
    )
    assert found.judgements.relevant_from == pytest.approx(1 / 3)
    assert ours(found) == pytest.approx(theirs(run_of(data), data.qrels), abs=1e-6)


def test_chunks_count_by_the_best(data):
    documents = [f"d{i // 3:03}" for i in range(N)]
    frame = pd.DataFrame(
        {
            "chunk_id": [f"{d}#{i}" for i, d in enumerate(documents)],
            "doc_id": documents,
            "vector": list(data.X),
        }
    )
    qrels = {
        q: {d: g for d, g in some.items() if d <= "d019" or d == "gone"}
        for q, some in data.qrels.items()
    }
    qrels = {q: some for q, some in qrels.items() if some}
    found = read_inputs(frame, queries=dict(zip(data.queries, data.Q, strict=True)), qrels=qrels)
    run = run_of(data, documents)
    assert ours(found) == pytest.approx(theirs(run, qrels), abs=1e-6)
    assert any("60 rows, 20 documents by `doc_id`" in note for note in found.notes)
    shuffled = frame.sample(frac=1, random_state=3).reset_index(drop=True)
    again = read_inputs(shuffled, queries=dict(zip(data.queries, data.Q, strict=True)), qrels=qrels)
    assert ours(again) == pytest.approx(ours(found), abs=1e-9)


def test_a_query_that_is_a_document_does_not_find_itself(data):
    """ArguAna and Quora: BEIR and MTEB leave the document with the query's id out."""
    ids = data.docs[:N_QUERIES]
    Q = data.X[:N_QUERIES] + np.float32(0.01)
    qrels = {
        i: {d: g for d, g in some.items() if d != i}
        for i, some in zip(ids, data.qrels.values(), strict=True)
    }
    data.Q = Q
    run = run_of(data, queries=ids)
    without = {q: {d: s for d, s in some.items() if d != q} for q, some in run.items()}
    given = {"queries": dict(zip(ids, Q, strict=True)), "qrels": qrels}
    found = read_inputs(dict(zip(data.docs, data.X, strict=True)), **given)
    assert found.own.tolist() == list(range(N_QUERIES))
    assert ours(found) == pytest.approx(theirs(without, qrels), abs=1e-6)
    kept = read_inputs(dict(zip(data.docs, data.X, strict=True)), **given, drop_own=False)
    assert kept.own is None
    assert ours(kept) == pytest.approx(theirs(run, qrels), abs=1e-6)
    assert ours(kept)[0] < ours(found)[0]


def test_an_own_document_that_is_judged_relevant_stays(data):
    ids = data.docs[:N_QUERIES]
    found = read_inputs(
        dict(zip(data.docs, data.X, strict=True)),
        queries=dict(zip(ids, data.X[:N_QUERIES], strict=True)),
        qrels={i: {i: 1} for i in ids},
    )
    assert found.own is None
    assert ours(found) == [1, 1, 1]
    assert any("judged relevant to it, and stays: 20" in note for note in found.notes)


def test_two_numberings_are_not_taken_for_the_same_items(data):
    docs, queries = [str(i) for i in range(N)], [str(i) for i in range(N_QUERIES)]
    qrels = {
        str(i): {docs[data.docs.index(d)]: g for d, g in some.items() if d != "gone"}
        for i, some in enumerate(data.qrels.values())
    }
    found = read_inputs(
        dict(zip(docs, data.X, strict=True)),
        queries=dict(zip(queries, data.Q, strict=True)),
        qrels=qrels,
    )
    assert found.own is None
    assert any("two numberings" in note for note in found.notes)
    assert ours(found) == pytest.approx(theirs(run_of(data, docs, queries), qrels), abs=1e-6)


@pytest.mark.parametrize("same", [True, False])
def test_numbers_of_chunked_documents_are_told_apart_by_their_chunks(data, same):
    documents = [str(i // 3) for i in range(N)]
    frame = pd.DataFrame({"doc_id": documents, "vector": list(data.X)})
    order = np.arange(10) * 3 + 1  # the middle chunk of each of ten documents
    Q = data.X[order] if same else data.Q[:10]
    found = read_inputs(
        frame,
        queries={str(i): row for i, row in enumerate(Q)},
        qrels={str(i): {str((i + 7) % 20): 1} for i in range(10)},
    )
    if same:
        labels = sorted({*documents})
        assert found.own.tolist() == [labels.index(str(i)) for i in range(10)]
    else:
        assert found.own is None


def test_repeated_contradicted_unknown_and_negative_lines(tmp_path, data):
    lines = [(q, d, g) for q, d, g in data.lines()]
    extra = [
        lines[40],
        lines[41],
        (lines[40][0], lines[40][1], lines[40][2] + 1),
        ("nobody", data.docs[0], 1),
        (data.queries[7], data.docs[50], -2),
    ]
    wanted = {q: dict(some) for q, some in data.qrels.items()}
    wanted[lines[40][0]][lines[40][1]] += 1
    wanted[data.queries[7]].setdefault(data.docs[50], 0)
    text = "query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{d}\t{g}\n" for q, d, g in lines + extra)
    (tmp_path / "t.tsv").write_text(text)
    found = read_inputs(
        dict(zip(data.docs, data.X, strict=True)),
        queries=dict(zip(data.queries, data.Q, strict=True)),
        qrels=tmp_path / "t.tsv",
    )
    assert ours(found) == pytest.approx(theirs(run_of(data), wanted), abs=1e-6)
    notes = "\n".join(found.notes)
    assert "judged queries that are not among the queries left out: 1, such as 'nobody'" in notes
    assert "negative grades taken as 0, not relevant: 1" in notes
    assert "different grades, of which the highest counts: 1" in notes
    assert "judged documents that are not among the vectors: 1, such as 'gone'" in notes
    assert "judged queries with nothing relevant: 3" in notes


def test_queries_without_a_direction_are_left_out(data):
    Q = data.Q.copy()
    Q[4, 2], Q[9], Q[11, 0] = np.nan, 0, np.inf
    kept = [q for i, q in enumerate(data.queries) if i not in (4, 9, 11)]
    found = read_inputs(
        dict(zip(data.docs, data.X, strict=True)),
        queries=dict(zip(data.queries, Q, strict=True)),
        qrels=data.qrels,
        query_texts={q: f"text of {q}" for q in data.queries},
    )
    assert found.queries.ids == tuple(kept)
    assert found.query_texts == tuple(f"text of {q}" for q in kept)
    qrels = {q: data.qrels[q] for q in kept}
    assert ours(found) == pytest.approx(theirs(run_of(data), qrels), abs=1e-6)
    assert any("left out: 3 of 20, 3 of them judged" in note for note in found.notes)


def test_any_order_of_rows_and_lines_gives_the_same(data):
    frames = [
        pd.DataFrame(
            {"docid": data.docs, "title": [f"word {i}" for i in range(N)], "vector": list(data.X)}
        ),
        pd.DataFrame({"qid": data.queries, "vector": list(data.Q)}),
        pd.DataFrame(data.lines(), columns=["query_id", "doc_id", "relevance"]),
    ]
    first = read_inputs(frames[0], queries=frames[1], qrels=frames[2])
    moved = [f.sample(frac=1, random_state=5).reset_index(drop=True) for f in frames]
    moved = [f[list(reversed(f.columns))] for f in moved]
    again = read_inputs(moved[0], queries=moved[1], qrels=moved[2])
    assert ours(again) == pytest.approx(ours(first), abs=1e-9)
    assert again.matches == first.matches
    assert sorted(again.notes) == sorted(first.notes)
    assert [again.texts[again.vectors.ids.index(d)] for d in data.docs] == list(first.texts)


def test_a_parquet_file_in_memory_is_no_file():
    with pytest.raises(Exception, match="BytesIO"):
        read_inputs(io.BytesIO(b"PAR1"))
