"""Words in a vector and two systems in one: the algebra, the controls, and what is fixed before."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from paper_chapters.hybrid_vector import fusion
from paper_chapters.hybrid_vector.fusion import OneVector, by_ranks, chosen, graph_scores
from paper_chapters.hybrid_vector.kept_words import Words, kept_share, share_by_seed, words_of
from paper_chapters.hybrid_vector.one_index import ENCODERS, pair_values
from paper_chapters.hybrid_vector.word_codes import (
    CODES,
    bounded_codes,
    noise_variance,
    semantic,
    sums,
    with_cutoff,
)
from paper_utils.codes.factors import random_vectors
from paper_utils.codes.lexical import LexicalCodes
from paper_utils.search.bm25 import BM25

VOCABULARY = [f"w{chr(97 + i // 10)}{chr(97 + i % 10)}" for i in range(50)]


def little_set(seed=0, n=60):
    """Texts of few words; each query has two words of the text that is relevant."""
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(VOCABULARY, 6, replace=False) for _ in range(n)]
    queries = [" ".join(rng.choice(row, 2, replace=False)) for row in drawn]
    grades = sparse.csr_array(np.eye(n))
    return Words("xquad-r-en", [" ".join(row) for row in drawn], queries, grades)


def test_scores_are_those_of_bm25():
    words = little_set()
    wanted = BM25(tokenizer=words.index.tokenizer).fit(words.texts).scores(words.queries)
    np.testing.assert_allclose(words.exact, wanted, rtol=1e-5, atol=1e-6)


def test_the_noise_of_sums_has_the_closed_form():
    rng = np.random.default_rng(0)
    weights = sparse.csr_array(rng.random((3, 8)) * (rng.random((3, 8)) < 0.6))
    counts = sparse.csr_array(rng.integers(0, 3, (2, 8)).astype(float))
    drawn = []
    for seed in range(4000):
        documents, queries = sums(weights, counts, 6, seed)
        drawn.append(queries @ documents.T)
    exact = (counts @ weights.T).toarray()
    law = noise_variance(weights, counts, 6)
    np.testing.assert_allclose(np.mean(drawn, axis=0), exact, atol=5 * np.sqrt(law.max() / 4000))
    np.testing.assert_allclose(np.var(drawn, axis=0), law, rtol=0.12)


def test_semantic_codes_are_near_the_best_fit_of_their_rank():
    words = little_set()
    matrix = words.weights.toarray()
    documents, queries = semantic(words.weights, sparse.csr_array(np.eye(50)), 5, 0)
    values = np.linalg.svd(matrix, compute_uv=False)
    error = ((queries @ documents.T - matrix.T) ** 2).sum()
    assert (values[5:] ** 2).sum() * 0.999 < error < (values[5:] ** 2).sum() * 1.05
    whole = semantic(words.weights, words.counts, 50, 0)
    np.testing.assert_allclose(whole[1] @ whole[0].T, words.exact, atol=1e-6)


def test_bounded_codes_keep_weights_and_lift_nothing_else_where_there_is_room():
    words = little_set()
    vectors = with_cutoff(random_vectors(50, 39, 0))
    scores = bounded_codes(words.weights, vectors) @ vectors.T
    listed = words.weights.toarray() > 0
    np.testing.assert_allclose(scores[listed], words.weights.toarray()[listed], atol=0.15)
    assert scores[~listed].max() < 0.15


@pytest.mark.parametrize("name", CODES)
def test_each_code_has_d_numbers_and_finds_words_where_there_is_room(name):
    words = little_set()
    documents, queries = CODES[name](words.weights, words.counts, 40, 0)
    assert documents.shape == (60, 40) and queries.shape == (60, 40)
    found = np.mean(words.value(queries @ documents.T))
    shuffled = np.mean(words.value(queries[::-1] @ documents.T))  # the control
    assert shuffled < 0.3 and found > shuffled + 0.3


def test_one_vector_scores_the_weighted_sum_of_its_halves():
    rng = np.random.default_rng(1)
    dense = tuple(rng.standard_normal((20, 7)) for _ in range(2))
    words = tuple(rng.standard_normal((20, 5)) for _ in range(2))
    one = OneVector.of(dense, words)
    units = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in dense]
    gain = fusion.SPREADS * fusion.cosine_spread(units[0])
    wanted = units[1] @ units[0].T + 2.0 * gain * words[1] @ words[0].T
    np.testing.assert_allclose(one.scores(2.0), wanted, rtol=1e-4, atol=1e-4)
    assert one.documents.shape == (20, 12)
    lengths = np.linalg.norm(one.documents[:, 7:], axis=1)
    assert lengths.mean() == pytest.approx(1, rel=1e-5)


def test_weights_come_from_the_other_half_alone():
    values = {0.5: np.array([1.0, 0, 1, 0]), 2.0: np.array([0, 1.0, 0, 1])}
    # Even queries do best at .5; so odd ones get it, and lose.
    assert fusion.other_halves(values).tolist() == [2.0, 0.5, 2.0, 0.5]
    assert chosen(values).tolist() == [0, 0, 0, 0]


def test_ranks_are_fused_and_ties_share():
    first, second = np.array([[3.0, 2, 1]]), np.array([[1.0, 1, 5]])
    wanted = [1 / 61 + 1 / 62.5, 1 / 62 + 1 / 62.5, 1 / 63 + 1 / 61]
    np.testing.assert_allclose(by_ranks(first, second)[0], wanted)


def test_the_graph_returns_the_best_by_inner_product():
    rng = np.random.default_rng(2)
    documents, queries = rng.standard_normal((300, 16)), rng.standard_normal((20, 16))
    found, exact = graph_scores(documents, queries, 10), queries @ documents.T
    assert (np.count_nonzero(found > np.finfo(np.float32).min, axis=1) == 10).all()
    assert np.mean(found.argmax(axis=1) == exact.argmax(axis=1)) > 0.9


def test_a_pair_with_words_that_suffice_is_not_harmed_by_random_vectors():
    words, rng = little_set(), np.random.default_rng(3)
    codes = LexicalCodes(40, tokenizer=words.index.tokenizer).fit(words.texts)
    lexical = codes.encode(words.texts), codes.queries(words.queries)
    dense = tuple(
        part / np.linalg.norm(part, axis=1, keepdims=True)
        for part in (rng.standard_normal((60, 8)) for _ in range(2))
    )
    found = pair_values(words, dense, lexical, stored=True)
    assert found["value"]["BM25"] > 0.8 > 0.3 > found["value"]["dense"]
    assert found["value"]["one"] > found["value"]["dense"] + 0.4
    assert found["more"]["dense"][1] > 0
    assert set(found["stored"]) == {"graph", "bytes", "graph, dense"}
    assert abs(found["stored"]["bytes"][0]) < 0.05


def test_what_the_records_measure_on_russian_passages():
    found = kept_share("xquad-r-ru", 64)
    assert found["texts"] == 1219 and found["queries"] == 700
    assert found["share"]["learned"][1] > found["share"]["LSA"][2]  # the trivial alternative
    assert found["law"][0] == pytest.approx(found["share"]["sums"][0], abs=0.1)


@pytest.mark.slow
def test_new_words_are_better_random_than_left_out():
    found = share_by_seed("xquad-r-ru", 256)
    assert found["half, random"][1] > found["half, zeros"][2]
    assert 0 < found["unseen"]["queries"] < 700


def test_english_encoders_meet_english_sets():
    assert set(ENCODERS["xquad-r-ru"]) == {"use-multilingual-v3", "me5-small"}
    assert len(words_of("xquad-r-ru").queries) == 700
