"""Words in dense vectors: BM25's own matrix, its factors, and what unknown words do."""

from __future__ import annotations

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from paper_utils import LexicalCodes, UsageError
from paper_utils.codes.factors import fit_rows, random_vectors, word_vectors
from paper_utils.search.bm25 import BM25
from paper_utils.search.weights import BM25Weights

WORDS = [f"w{chr(97 + i // 10)}{chr(97 + i % 10)}" for i in range(60)]
SOME_TEXTS = st.lists(
    st.lists(st.sampled_from(WORDS[:9]), min_size=1, max_size=9).map(" ".join),
    min_size=2,
    max_size=6,
)


def drawn_texts(seed, n=80, most=8):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(1, most))) for _ in range(n)]


def drawn_weights(seed, n=30, m=20, share=0.2):
    rng = np.random.default_rng(seed)
    dense = rng.random((n, m)) + 0.5
    dense[rng.random((n, m)) > share] = 0
    dense[0] = 0  # a text without a word
    return sparse.csr_array(dense)


@settings(max_examples=30, deadline=None)
@given(SOME_TEXTS, SOME_TEXTS)
def test_the_product_of_the_weights_is_bm25(texts, queries):
    weights = BM25Weights().fit(texts)
    found = (weights.queries(queries) @ weights.documents(texts).T).toarray()
    np.testing.assert_allclose(found, BM25().fit(texts).scores(queries), rtol=1e-5, atol=1e-6)


def test_words_that_fit_did_not_see_are_counted_and_left_out():
    weights = BM25Weights().fit(["a b", "b c"])
    assert weights.known(["a d", "e", "", "a a b d"]).tolist() == [0.5, 0, 0, 0.75]
    assert weights.documents(["e", ""]).nnz == 0
    before = weights.documents(["a b d"]).toarray()
    assert weights.extend(["d a d"]) == 1 and weights.known(["a d"]) == 1
    after = weights.documents(["a b d"]).toarray()
    np.testing.assert_array_equal(after[:, :3], before)
    assert after[0, 3] == after[0, 0]  # as rare as a word of one text


@pytest.mark.parametrize("d", [3, 12])  # fewer numbers than listed words, and more
def test_each_row_is_the_weighted_least_squares_solution(d):
    weights, vectors = drawn_weights(1), random_vectors(20, d, 0)
    found = fit_rows(weights, vectors, listed=7.0, ridge=0.3)
    W, goals = vectors.astype(float), weights.toarray()
    ridge = 0.3 * np.trace(W.T @ W) / d * np.eye(d)
    for row, goal in zip(found, goals, strict=True):
        trust = np.diag(np.where(goal > 0, 8.0, 1.0))
        wanted = np.linalg.solve(W.T @ trust @ W + ridge, W.T @ trust @ goal)
        np.testing.assert_allclose(row, wanted, rtol=1e-3, atol=1e-5)
    assert not found[0].any()


def test_without_trust_in_listed_words_the_factors_are_those_of_the_singular_vectors():
    weights = drawn_weights(2)
    vectors = word_vectors(weights, 4, listed=0.0, ridge=0.0, rounds=400)
    found = fit_rows(weights, vectors, listed=0.0, ridge=0.0) @ vectors.T
    left, values, right = np.linalg.svd(weights.toarray(), full_matrices=False)
    np.testing.assert_allclose(found, (left[:, :4] * values[:4]) @ right[:4], atol=2e-3)


def test_learned_codes_keep_weights_that_sums_of_random_vectors_do_not():
    texts = drawn_texts(0)
    codes = LexicalCodes(24).fit(texts)
    matrix = codes.weights.documents(texts)
    listed = matrix.nonzero()
    scores = codes.encode(texts) @ codes.vectors.T
    error = np.sqrt(np.mean((scores[listed] - matrix[listed]) ** 2))
    plain = random_vectors(matrix.shape[1], 24, 0)
    sums = matrix @ plain @ plain.T
    assert error < 0.2 * np.sqrt(np.mean((sums[listed] - matrix[listed]) ** 2))
    squares = np.bincount(listed[0], (scores[listed] - matrix[listed]) ** 2)
    lengths = np.bincount(listed[0], matrix[listed] ** 2)
    np.testing.assert_allclose(codes.missed(texts), np.sqrt(squares / lengths), rtol=1e-3)


def test_with_a_number_a_word_nothing_is_lost_and_the_best_score_is_one():
    texts = drawn_texts(3)
    codes = LexicalCodes(60).fit(texts)
    queries = ["waa wbb", "wcc"]
    exact = BM25().fit(texts).scores(queries)
    best = codes.weights.queries(queries) @ codes.weights.documents(texts).max(axis=0).toarray()
    found = codes.queries(queries) @ codes.encode(texts).T
    np.testing.assert_allclose(found, exact / best.reshape(2, 1), atol=0.03)  # the ridge
    assert found[1].max() == pytest.approx(1, abs=0.03)


def test_what_is_unknown_scores_nothing():
    texts = drawn_texts(4)
    codes = LexicalCodes(16).fit(texts)
    assert not codes.queries(["zebra", ""]).any()
    assert not codes.encode(["zebra", ""]).any()
    assert np.isnan(codes.missed(["zebra"])).all()
    np.testing.assert_array_equal(codes.queries(["waa zebra"]), codes.queries(["waa"]))


def test_new_texts_leave_codes_alone_and_their_new_words_can_be_searched_for():
    texts = drawn_texts(5)
    codes = LexicalCodes(24).fit(texts)
    before, query = codes.encode(texts), codes.queries(["waa"])
    later = ["zebra crossing waa", "zebra"]
    codes.extend(later)
    np.testing.assert_allclose(codes.queries(["waa"]), query)
    scores = codes.queries(["zebra"]) @ np.vstack([before, codes.encode(later)]).T
    assert set(np.argsort(-scores[0])[:2]) == {len(texts), len(texts) + 1}
    again = LexicalCodes(24).fit(texts).extend(later)
    np.testing.assert_array_equal(again.vectors, codes.vectors)


def test_a_text_is_encoded_alone():
    texts = drawn_texts(6)
    codes = LexicalCodes(16).fit(texts)
    np.testing.assert_allclose(codes.encode(texts[3:4])[0], codes.encode(texts)[3], atol=1e-5)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda t: LexicalCodes(1), "d must be a whole number from 2, not 1"),
        (lambda t: LexicalCodes(8, seed=-1), "seed"),
        (lambda t: LexicalCodes(64).fit(t), "d = 64 is more than the 60 words"),
        (lambda t: LexicalCodes(8).fit(["", "?!"]), "none of the 2 texts holds a word"),
        (lambda t: LexicalCodes(8).fit([]), "texts is empty"),
        (lambda t: LexicalCodes(8).fit("a b"), "not the single text"),
        (lambda t: LexicalCodes(8).fit(["a", None]), "item 1 is None"),
        (lambda t: LexicalCodes(8).encode(t), "call fit"),
        (lambda t: LexicalCodes(8).queries(t), "call fit"),
        (lambda t: LexicalCodes(8).extend(t), "call fit"),
        (lambda t: BM25Weights().documents(t), "call fit"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(UsageError, match=said):
        call(drawn_texts(0, n=300))


def test_what_does_not_fit_into_memory_is_refused_before_the_work(monkeypatch):
    class Little:
        available = 1_000_000

    monkeypatch.setattr(psutil, "virtual_memory", Little)
    with pytest.raises(UsageError, match=r"60 words and 4,000 texts in 60 numbers take about 0\.0"):
        LexicalCodes(60).fit(drawn_texts(0, n=4000))
