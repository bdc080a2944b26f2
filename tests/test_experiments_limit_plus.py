"""LIMIT+: complete judgements, what an inner product can subtract, and who reads 'not'."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_chapters.additive_codes.limit_plus import EACH, limit_plus
from paper_chapters.additive_codes.limit_plus_codes import exclusion_weights, limit_plus_codes
from paper_chapters.additive_codes.limit_plus_read import by_collection, by_way, difference
from paper_chapters.additive_codes.limit_plus_texts import holds_second, limit_plus_texts
from paper_chapters.additive_codes.limit_plus_values import excludes, measured, values
from paper_utils import results
from paper_utils.errors import UsageError
from paper_utils.limit.sentences import read_documents


@given(st.integers(0, 10**6))
@settings(max_examples=10)
def test_judgements_are_complete_and_disjoint(seed):
    data = limit_plus(20, 12, seed=seed)
    texts = read_documents(data.documents, set(data.attributes))
    for pair, both, alone in zip(
        data.pairs, data.qrels("and").toarray(), data.qrels("not").toarray(), strict=True
    ):
        a, b = (data.attributes[place] for place in pair)
        # Read back from the sentences, not from the lists that made them.
        assert [a in row and b in row for row in texts] == both.tolist()
        assert [a in row and b not in row for row in texts] == alone.tolist()
        assert both.sum() == alone.sum() == EACH
        assert sum(b in row and a not in row for row in texts) == EACH


def test_questions_have_the_wording_of_the_released_benchmark():
    data = limit_plus(8, 2)
    a, b = (data.attributes[place] for place in data.pairs[0])
    assert data.queries("and")[0] == f"Who likes {a} and also likes {b}?"
    assert data.queries("not")[0] == f"Who likes {a} but not {b}?"
    assert (data.atoms(0)[0], data.atoms(1)[0]) == (f"Who likes {a}?", f"Who likes {b}?")
    assert limit_plus(8, 2).documents == data.documents != limit_plus(8, 2, seed=1).documents


def test_an_oracle_is_perfect_and_a_blind_system_is_not():
    data = limit_plus(20, 12)
    listed = data.listed().T.astype(float)
    first, second = listed[data.pairs[:, 0]], listed[data.pairs[:, 1]]
    found = measured(data, {"and": first + second, "not": first - second, "A - B": first})
    for asked in ("and", "not"):
        assert found[asked]["recall@2"] == found[asked]["nDCG@10"] == [1.0, 1.0, 1.0]
    assert found["not, asked with and"]["recall@2"][0] == 0.0
    assert found["not"]["A alone first"] == [1.0, 1.0, 1.0]
    assert found["and"]["A alone first"] == [0.0, 0.0, 0.0]
    # Who ignores B ties all four documents with A: half of the first two are right.
    assert found["A - B"]["A alone first"] == [0.5, 0.5, 0.5]
    assert found["A - B"]["recall@2"] == [0.5, 0.5, 0.5]
    assert values(data, "and", np.zeros((12, 20)))["recall@2"][0] == pytest.approx(2 / 20)
    assert excludes(data, np.zeros((12, 20)))[0] == 0.5


@given(st.floats(0.0, 0.4), st.floats(0.5, 20.0), st.floats(0.01, 0.99), st.integers(0, 10**6))
def test_every_weight_between_the_ends_excludes(off, depth, place, seed):
    rng = np.random.default_rng(seed)
    listed = rng.random((2, 40)) < 0.5
    listed[:, :4] = [[1, 1, 0, 0], [1, 0, 1, 0]]  # each of the four kinds is there
    low_side = -1 + off - depth * rng.random(listed.shape)
    scores = np.where(listed, 1 + off * rng.uniform(-1, 1, listed.shape), low_side)
    low, high = exclusion_weights(scores, listed)
    weight = low + place * (high - low)
    if low < weight < high:
        asked = scores[0] - weight * scores[1]
        wanted = listed[0] & ~listed[1]
        assert asked[wanted].min() > asked[~wanted].max() - 1e-9


def test_no_weight_is_promised_where_scores_reach_too_low():
    scores, listed = np.array([[1.1, -30.0]]), np.array([[True, False]])
    low, high = exclusion_weights(scores, listed)
    assert high < low
    with pytest.raises(UsageError, match="off its level"):
        exclusion_weights([[2.5, -1.0]], listed)


def test_codes_and_sums_by_linearity():
    found = limit_plus_codes(512, 3)
    low, high = found["weights"]
    assert low < high
    assert found["equal"]["A + B"]["recall@2"][0] == found["equal"]["A - w B"]["recall@2"][0] == 1
    assert found["sum"]["A + B"]["recall@2"][0] < 1


def test_a_word_index_ignores_not():
    found = limit_plus_texts("BM25", 0)
    # 'but' and 'not' stand in no document, 'and' and 'also' rank nothing.
    assert found["not"]["recall@2"][0] < 0.1 < 0.8 < found["and"]["recall@2"][0]
    assert found["A - B"]["recall@2"][0] > 0.5
    data = limit_plus(seed=0)
    second = data.listed()[:, data.pairs[:, 1]].T
    assert holds_second(data)[second].all()


def test_records_are_paired_by_collection():
    tasks = [
        ({"system": name, "seed": seed}, {"not": {"x": [up + seed]}, "and": {"x": [seed]}}, 1.0)
        for name, up in (("b", 0.5), ("a", 2.0))
        for seed in range(3)
    ]
    found = by_collection(tasks)
    assert by_way(found, "x").to_dict("index") == {
        "b": {"and": 1.0, "not": 1.5},
        "a": {"and": 1.0, "not": 3.0},
    }
    # The collections differ, the difference within each does not.
    assert {name: tuple(i) for name, i in difference(found, "x", "not", "and").items()} == {
        "b": (0.5, 0.5, 0.5, 3),
        "a": (2.0, 2.0, 2.0, 3),
    }


def test_bad_input():
    with pytest.raises(UsageError, match="n_docs must be"):
        limit_plus(5)
    with pytest.raises(UsageError, match="the vocabulary has"):
        limit_plus(46, 2000)
    with pytest.raises(UsageError, match="a document lists"):
        limit_plus(6, 50)
    with pytest.raises(UsageError, match="no system 'bm25'"):
        limit_plus_texts("bm25", 0)


def test_what_is_recorded_has_a_guarantee_where_it_says_so():
    for _, value, _ in results.get("limit-plus-codes").tasks:
        low, high = value["weights"]
        if low < high:
            assert value["equal"]["A - w B"]["recall@2"][0] == 1.0
