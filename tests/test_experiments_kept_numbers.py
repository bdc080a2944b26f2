"""What a number of numbers keeps: MUVERA's encoding, shares over all orders, the rows of a set."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from paper_chapters.dimension_verdict.fixed_encoding import fixed_encoding_scores
from paper_chapters.dimension_verdict.kept_numbers import (
    SHAPES,
    identities,
    kept_numbers,
    load_texts,
)
from paper_chapters.dimension_verdict.shares import shapley
from paper_chapters.dimension_verdict.token_identity import token_ids
from paper_utils.errors import UsageError
from paper_utils.search.late_interaction import maxsim
from paper_utils.statistics import shared_interval


def bags(rng, n, d, most=6):
    """Unit vectors of `n` texts."""
    rows = [rng.standard_normal((rng.integers(1, most), d)) for _ in range(n)]
    return [x / np.linalg.norm(x, axis=1, keepdims=True) for x in rows]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 5), st.integers(1, 3))
def test_no_encoding_without_projection_exceeds_maxsim(seed, bits, repetitions):
    rng = np.random.default_rng(seed)
    queries, documents = bags(rng, 3, 5), bags(rng, 4, 5)
    scores = fixed_encoding_scores(
        queries, documents, repetitions=repetitions, bits=bits, seed=seed
    )
    assert (scores <= maxsim(queries, documents) + 1e-5).all()


def test_one_cell_is_the_sum_against_the_mean():
    rng = np.random.default_rng(0)
    queries, documents = bags(rng, 3, 5), bags(rng, 4, 5)
    scores = fixed_encoding_scores(queries, documents, repetitions=2, bits=0)
    expected = [[q.sum(axis=0) @ x.mean(axis=0) for x in documents] for q in queries]
    assert np.abs(scores - expected).max() < 1e-5


def test_a_document_of_one_token_is_scored_exactly():
    rng = np.random.default_rng(1)
    queries, documents = bags(rng, 5, 7), bags(rng, 6, 7, most=2)
    scores = fixed_encoding_scores(queries, documents, repetitions=1, bits=4)
    assert np.abs(scores - maxsim(queries, documents)).max() < 1e-5


def test_more_cells_come_nearer_to_brute_force_chamfer():
    rng = np.random.default_rng(2)
    queries, documents = bags(rng, 20, 3), bags(rng, 20, 3)
    exact = maxsim(queries, documents)
    errors = [
        np.abs(fixed_encoding_scores(queries, documents, repetitions=4, bits=bits) - exact).mean()
        for bits in (1, 4, 8, 14)
    ]
    assert errors == sorted(errors, reverse=True)


def test_tokens_that_are_equal_or_at_right_angles_are_scored_exactly():
    # a query's token shares the cell of its equal; else every vector that may stand there gives 0
    rng = np.random.default_rng(4)
    axes = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    queries, documents = (
        [axes[rng.choice(8, rng.integers(1, 6), replace=False)] for _ in range(20)] for _ in "qd"
    )
    scores = fixed_encoding_scores(queries, documents, repetitions=2, bits=16)
    assert np.abs(scores - maxsim(queries, documents)).max() < 1e-5


def test_projections_of_signs_keep_inner_products_on_average():
    rng = np.random.default_rng(3)
    queries, documents = bags(rng, 4, 30), bags(rng, 4, 30)
    whole = fixed_encoding_scores(queries, documents, repetitions=1, bits=0)
    few = fixed_encoding_scores(queries, documents, repetitions=2000, bits=0, kept=4)
    assert np.abs(few - whole).max() < 0.1


def test_sizes_are_what_they_are_called():
    assert all(2**bits * kept * times == size for size, (bits, kept, times) in SHAPES.items())


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: fixed_encoding_scores([], [], repetitions=1, bits=1), "without a token"),
        (
            lambda: fixed_encoding_scores(
                [np.ones((1, 2))], [np.ones((1, 3))], repetitions=1, bits=1
            ),
            "queries have 2 columns and documents 3",
        ),
        (lambda: kept_numbers("scifact", "ids"), "no set 'scifact'"),
        (lambda: kept_numbers("generated", "mpnet"), "no reader 'mpnet'"),
        (lambda: shapley({frozenset("ab"): np.ones(3)}, sparse.eye_array(3)), "every set of them"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(UsageError, match=said):
        call()


def test_shares_add_up_and_are_those_of_the_closed_form():
    rng = np.random.default_rng(4)
    names = "abc"
    cells = {
        frozenset(chosen): rng.random(12)
        for n in range(4)
        for chosen in itertools.combinations(names, n)
    }
    members = sparse.csr_array(np.kron(np.eye(6), np.ones((2, 1))))
    found = shapley(cells, members)
    assert sum(share[0] for share in found["shares"].values()) == pytest.approx(found["whole"][0])
    weights = {0: 1 / 3, 1: 1 / 6, 2: 1 / 3}  # n! (2 - n)! / 3!
    a = sum(
        weights[len(rest)] * (cells[rest | {"a"}] - cells[rest])
        for rest in cells
        if "a" not in rest
    )
    assert found["shares"]["a"] == pytest.approx(shared_interval(a, members)[:3])
    low, high = found["steps"]["a"]
    assert low <= found["shares"]["a"][0] <= high


def test_a_change_that_changes_nothing_has_no_share():
    values = {"": 0.1, "a": 0.4, "b": 0.1, "ab": 0.4}
    cells = {frozenset(key): np.full(4, value) for key, value in values.items()}
    found = shapley(cells, sparse.eye_array(4).tocsr())
    assert found["shares"]["b"] == [0, 0, 0] and found["steps"]["b"] == [0, 0]
    assert found["shares"]["a"] == pytest.approx([0.3, 0.3, 0.3])
    assert found["cells"] == pytest.approx({"none": 0.1, "a": 0.4, "b": 0.1, "a, b": 0.4})


def test_identities_of_a_set():
    found = kept_numbers("generated", "ids")["rows"]
    by_name = {(row["system"], row["numbers"]): row for row in found}
    texts = load_texts("generated")
    held = [set(ids) for ids in token_ids(texts.documents)]
    counted = by_name["shared ids, counted", round(np.mean([len(x) for x in held]), 1)]
    scores = np.array([[sum(t in x for t in q) for x in held] for q in token_ids(texts.queries)])
    assert identities(texts).distinct == pytest.approx(np.mean([len(x) for x in held]))
    best = [set(np.argsort(-row, kind="stable")[:2]) for row in scores]
    truth = [set(texts.qrels.indices[2 * i : 2 * i + 2]) for i in range(len(best))]
    hits = np.mean([len(a & b) / 2 for a, b in zip(best, truth, strict=True)])
    assert counted["recall_2"][0] == pytest.approx(hits, abs=0.05)  # ties
    sums = [by_name["ids, one vector", size]["recall_2"][0] for size in (64, 16_384)]
    assert sums[0] < sums[1]
    for row in found:
        assert row["recall_2"][0] == pytest.approx(np.mean(row["draws"]))
