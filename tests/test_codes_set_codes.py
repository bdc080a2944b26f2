"""Set codes: every sign right where separation is possible, and said where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.svm import SVC

from paper_chapters.set_codes.feasibility import separable
from paper_chapters.set_codes.quantise import byte_codes
from paper_utils import SetCodes, UnsolvedError, UsageError
from paper_utils.codes.solver import Separator

VOCABULARY = [f"a{i}" for i in range(120)]


def random_sets(rng, n, n_attributes, length):
    return [rng.choice(n_attributes, length, replace=False) for _ in range(n)]


def unit_vectors(rng, n, d):
    vectors = rng.standard_normal((n, d))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_each_document_is_returned_for_what_it_lists_and_for_nothing_else():
    rng = np.random.default_rng(0)
    sets = random_sets(rng, 700, 120, 6)  # more than one pool of documents
    documents = [[VOCABULARY[a] for a in row] for row in sets]
    codes = SetCodes(48).fit(VOCABULARY)
    scores = codes.queries(VOCABULARY) @ codes.encode(documents).T
    listed = np.zeros((120, 700), dtype=bool)
    for column, row in enumerate(sets):
        listed[row, column] = True
    assert ((scores > 0) == listed).all()
    assert (np.abs(scores) > 0.89).all()  # the documented scale


def test_a_new_document_does_not_depend_on_others():
    codes = SetCodes(40).fit(VOCABULARY)
    one, other = ["a3", "a50"], ["a9", "a8", "a77"]
    together = codes.encode([other, one, other])
    np.testing.assert_allclose(codes.encode([one])[0], together[1], rtol=1e-4, atol=1e-5)
    assert codes.encode([]).shape == (0, 40)


@pytest.mark.parametrize("d", [14, 18, 22])
def test_the_solver_finds_a_code_exactly_where_a_linear_programme_does(d):
    rng = np.random.default_rng(d)
    vectors, sets = unit_vectors(rng, 150, d), random_sets(rng, 25, 150, 5)
    solved = Separator(vectors).solve(sets, max_steps=5000)
    possible = [separable(vectors, row).feasible for row in sets]
    assert 0 < sum(possible) < 25 or d != 18
    assert ((solved.wrong == 0) == possible).all()


def test_the_margin_comes_near_that_of_a_support_vector_machine():
    rng = np.random.default_rng(1)
    vectors, sets = unit_vectors(rng, 300, 128), random_sets(rng, 5, 300, 10)
    solved = Separator(vectors).solve(sets)
    for row, weights, least in zip(sets, solved.weights, solved.least, strict=True):
        label = np.full(300, -1)
        label[row] = 1
        machine = SVC(kernel="linear", C=1e8, tol=1e-6).fit(vectors, label)
        widest = (label * machine.decision_function(vectors)).min()
        widest /= np.linalg.norm(machine.coef_)
        margin = least / np.linalg.norm(weights[:-1])
        assert 0.6 * widest < margin < widest * 1.001


def test_certificates_of_both_answers_hold():
    rng = np.random.default_rng(2)
    vectors, sets = unit_vectors(rng, 100, 12), random_sets(rng, 30, 100, 4)
    answers = [(row, separable(vectors, row)) for row in sets]
    assert {answer.feasible for _, answer in answers} == {True, False}
    for row, answer in answers:
        others = np.setdiff1d(np.arange(100), row)
        if answer.feasible:
            scores = np.c_[vectors, np.ones(100)] @ answer.weights
            assert scores[row].min() > 0.999 and scores[others].max() < -0.999
        else:
            mixed = answer.mixture
            assert mixed.min() >= 0
            assert mixed[row].sum() == pytest.approx(1) == mixed[others].sum()
            np.testing.assert_allclose(
                mixed[row] @ vectors[row], mixed[others] @ vectors[others], atol=1e-6
            )


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, 11), min_size=1, max_size=12))
def test_with_as_many_coordinates_as_attributes_every_set_has_a_code(listed):
    names = [f"a{i}" for i in range(12)]
    codes = SetCodes(13).fit(names)
    scores = codes.queries(names) @ codes.encode([[names[i] for i in listed]])[0]
    assert set(np.flatnonzero(scores > 0)) == listed


def test_both_attributes_of_a_query_are_asked_for_by_the_sum():
    codes = SetCodes(64).fit(VOCABULARY)
    documents = codes.encode([["a1", "a2", "a3"], ["a1", "a5"], ["a7"]])
    both = codes.queries([["a1", "a2"]])
    np.testing.assert_allclose(both, codes.queries(["a1", "a2"]).sum(axis=0, keepdims=True))
    np.testing.assert_array_equal(both @ documents.T > 1, [[True, False, False]])


def test_the_control_is_the_sum_of_the_same_vectors():
    codes = SetCodes(16, seed=3).fit(VOCABULARY)
    sums = codes.sums([["a0", "a4"]])
    np.testing.assert_allclose(sums[0, :-1], codes.vectors[[0, 4]].sum(axis=0), rtol=1e-6)
    assert sums[0, -1] == 0


def test_what_has_no_code_is_named_and_never_returned():
    rng = np.random.default_rng(4)
    documents = [["a0"], [VOCABULARY[a] for a in rng.choice(120, 60, replace=False)]]
    codes = SetCodes(20).fit(VOCABULARY)
    with pytest.raises(UnsolvedError, match=r"1 of 2 .*document 1: 60 of 120") as caught:
        codes.encode(documents, max_steps=300)
    assert caught.value.documents.tolist() == [1]
    solved = codes.solve(documents, max_steps=300)
    scores = codes.queries(VOCABULARY) @ solved.weights.T
    truth = np.isin(VOCABULARY, documents[1])
    assert solved.wrong.tolist() == [0, ((scores[:, 1] > 0) != truth).sum()]


def test_without_a_solution_the_squared_violation_is_least():
    rng = np.random.default_rng(6)
    vectors, row = unit_vectors(rng, 120, 10), rng.choice(120, 20, replace=False)
    side = np.where(np.isin(np.arange(120), row), 1.0, -1.0)
    X = side[:, None] * np.c_[vectors, np.ones(120)]

    def violation(weights):
        short = np.maximum(1 - X @ weights, 0)
        return (short**2).sum(), -2 * X.T @ short

    least = minimize(violation, np.zeros(11), jac=True, method="L-BFGS-B", tol=1e-12).fun
    solved = Separator(vectors).solve([row])
    assert solved.wrong[0] > 0
    assert violation(solved.weights[0].astype(float))[0] == pytest.approx(least, rel=1e-4)


def test_bytes_are_within_half_a_step_and_keep_signs():
    X = np.random.default_rng(5).standard_normal((6, 40))
    rounded, scales = byte_codes(X)
    assert rounded.dtype == np.int8 and np.abs(rounded).max(axis=1).tolist() == [127] * 6
    assert (np.abs(rounded * scales[:, None] - X) <= scales[:, None] * 0.5001).all()
    assert byte_codes(np.zeros((1, 3)))[0].tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda c: SetCodes(1), "d must be a whole number from 2, not 1"),
        (lambda c: SetCodes(2.5), "2.5"),
        (lambda c: SetCodes(4, seed=-1), "seed"),
        (lambda c: SetCodes(4).encode([["a1"]]), "call fit first"),
        (lambda c: SetCodes(4).fit(["a", "a"]), "'a' twice"),
        (lambda c: SetCodes(4).fit(["a"]), "at least 2"),
        (lambda c: SetCodes(4).fit("ab"), "not one text"),
        (lambda c: SetCodes(4).fit(["a", 3]), "not 3"),
        (lambda c: c.encode(["a1"]), "document 0 must be a collection"),
        (lambda c: c.encode([["a1"], []]), "document 1 lists no attribute"),
        (lambda c: c.encode([["a1", "a1"]]), "lists 'a1' twice"),
        (lambda c: c.encode([["a1", "b999"]]), "'b999', which is not among the 120"),
        (lambda c: c.encode([[*VOCABULARY, "a120"]]), "'a120', which is not among"),
        (lambda c: c.encode([[*VOCABULARY, "a1"]]), "'a1' twice"),
        (lambda c: c.encode([["a1"]], max_steps=0), "max_steps"),
        (lambda c: c.queries(["zebra"]), "'zebra'"),
        (lambda c: c.queries([[]]), "query 0 lists no attribute"),
        (lambda c: separable(np.eye(3), []), "at least one"),
        (lambda c: separable(np.eye(3), [0, 0]), "different"),
        (lambda c: separable(np.eye(3), [3]), "0 to 2"),
        (lambda c: separable(np.eye(3), [0, 1, 2]), "not all"),
        (lambda c: separable(np.full((3, 2), np.nan), [0]), "NaN"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(UsageError, match=said):
        call(SetCodes(8).fit(VOCABULARY))
