"""Shattering, norms, and certified bounds of sign-rank and dimension."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from paper_chapters.sign_rank.norms import max_norm, trace_norm
from paper_utils import sign_rank_bounds
from paper_utils.errors import UsageError
from paper_utils.theory.forster import reweighted_spectral_bound, spectral_bound
from paper_utils.theory.realise import least_margin, realise
from paper_utils.theory.relevance import dense_qrels, read_relevance, subset_matrix
from paper_utils.theory.shatter import largest_shattered, shows_patterns
from paper_utils.theory.signrank import Certificate, SignRankBounds, sign_changes

matrices = st.integers(2, 7).flatmap(
    lambda m: st.integers(2, 6).flatmap(
        lambda n: st.lists(
            st.lists(st.booleans(), min_size=n, max_size=n).filter(any), min_size=m, max_size=m
        )
    )
)


def brute_force(matrix, mode):
    from itertools import combinations

    n = matrix.shape[1]
    sizes = [
        c
        for c in range(1, n + 1)
        if any(shows_patterns(matrix, columns, mode) for columns in combinations(range(n), c))
    ]
    return max(sizes, default=0)


@settings(max_examples=60, deadline=None)
@given(matrices, st.sampled_from(["all", "signed", "affine"]))
def test_search_finds_what_brute_force_finds(rows, mode):
    matrix = np.array(rows)
    found = largest_shattered(matrix, mode=mode)
    assert found.exact
    assert len(found) == brute_force(matrix, mode)
    assert shows_patterns(matrix, found.columns, mode)


def test_search_stops_at_its_budget_and_says_so():
    found = largest_shattered(subset_matrix(30, 2), mode="signed", max_nodes=10)
    assert not found.exact
    assert len(found) == 5


@pytest.mark.parametrize("k", [1, 2, 3])
def test_full_families_have_sign_rank_2k_plus_1_from_3k_plus_1_documents_on(k):
    bounds = sign_rank_bounds(subset_matrix(3 * k + 1, k))
    assert (bounds.lower, bounds.upper) == (2 * k + 1, 2 * k + 1)
    assert (bounds.dimension_lower, bounds.dimension_upper) == (2 * k, 2 * k)
    assert bounds.check()
    # One document fewer: thresholds still need 2k dimensions, the sign-rank argument fails.
    fewer = sign_rank_bounds(subset_matrix(3 * k, k)) if k > 1 else None
    if fewer:
        assert (fewer.dimension_lower, fewer.dimension_upper, fewer.lower) == (2 * k, 2 * k, 2 * k)


def test_five_pairs_fit_in_three_dimensions_but_not_on_a_sphere():
    pairs = subset_matrix(5, 2)
    bounds = sign_rank_bounds(pairs)
    assert (bounds.dimension_lower, bounds.dimension_upper) == (3, 3)
    assert any(realise(pairs, 3, seed=s, unit_docs=False).solved for s in range(6))
    assert not any(realise(pairs, 3, seed=s).solved for s in range(6))


def test_limit_pattern():
    bounds = sign_rank_bounds(dense_qrels())
    assert (bounds.lower, bounds.upper) == (5, 5)
    assert (bounds.dimension_lower, bounds.dimension_upper) == (4, 4)
    assert bounds.check()
    text = str(bounds)
    assert "sign-rank          5\n" in text
    assert "minimal dimension  4\n" in text
    values = {(c.name, c.evidence.get("of")): c.value for c in bounds.certificates}
    assert values["VC dimension", "documents"] == 2
    assert values["dual VC dimension", "queries"] == 2
    assert values["Forster's bound", None] == 2
    assert values["Forster's bound, reweighted", None] == 3
    assert values["linear dependence", "documents"] == 5
    witness = next(c for c in bounds.certificates if c.name == "linear dependence" and c.value == 5)
    assert len(witness.evidence["witnesses"]) == 16


@pytest.mark.realdata
def test_released_limit(paper_data):
    qrels = {}
    with (paper_data / "limit" / "qrels.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            judged = json.loads(line)
            qrels.setdefault(judged["query-id"], set()).add(judged["corpus-id"])
    bounds = sign_rank_bounds(qrels)
    assert (bounds.lower, bounds.upper) == (5, 5)
    assert (bounds.dimension_lower, bounds.dimension_upper) == (4, 4)
    assert bounds.check()
    # The generated pattern is the released one, names apart.
    ours = read_relevance(dense_qrels()).matrix.astype(int)
    theirs = read_relevance(qrels).matrix.astype(int)
    assert sorted(ours.sum(axis=0)) == sorted(theirs.sum(axis=0))
    spectrum = np.linalg.eigvalsh(theirs.T @ theirs)
    np.testing.assert_allclose(np.linalg.eigvalsh(ours.T @ ours), spectrum, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(matrices)
def test_bounds_are_ordered_and_checkable(rows):
    matrix = np.array(rows)
    if matrix.all():
        return
    bounds = sign_rank_bounds(matrix, repeated="merge")
    assert 1 <= bounds.lower <= bounds.upper <= min(matrix.shape)
    assert 1 <= bounds.dimension_lower <= bounds.dimension_upper
    assert bounds.lower - 1 <= bounds.dimension_lower
    assert bounds.dimension_upper <= bounds.upper
    assert bounds.check()


def test_a_forged_certificate_is_caught():
    bounds = sign_rank_bounds(subset_matrix(7, 2))
    for forged in (
        Certificate(
            "VC",
            "sign-rank",
            "lower",
            3,
            "",
            {"patterns": "all", "of": "documents", "members": (0, 1, 2)},
        ),
        Certificate("x", "sign-rank", "lower", 4, "", {"weight": 1.0}),
        Certificate(
            "x",
            "dimension",
            "upper",
            3,
            "",
            {"order": np.arange(7), "cyclic": True, "of": "documents"},
        ),
        Certificate(
            "x", "dimension", "upper", 1, "", {"queries": np.ones((21, 1)), "docs": np.ones((7, 1))}
        ),
        Certificate(
            "x",
            "sign-rank",
            "upper",
            1,
            "",
            {"factors": (np.ones((21, 1)),) * 2} | {"factors": (np.ones((21, 1)), np.ones((7, 1)))},
        ),
        Certificate("x", "sign-rank", "lower", 9, "no evidence"),
    ):
        assert not forged.check(bounds.relevance)
    wrong = SignRankBounds(3, 3, 2, 2, bounds.certificates, bounds.relevance)
    assert not wrong.check()


def test_forms_of_qrels_agree():
    sets = {"a": ["x", "y"], "b": ["y", "z"], "c": ["x", "w"]}
    scored = {q: dict.fromkeys("wxyz", 0) | dict.fromkeys(docs, 1) for q, docs in sets.items()}
    array = np.array([[0, 1, 1, 0], [0, 0, 1, 1], [1, 1, 0, 0]])
    all_bounds = [
        sign_rank_bounds(qrels, **extra)
        for qrels, extra in (
            (sets, {"docs": "wxyz"}),
            (scored, {"docs": "wxyz"}),
            (array, {}),
            (sparse.coo_matrix(array), {}),
        )
    ]
    assert len({(b.lower, b.upper, b.dimension_lower, b.dimension_upper) for b in all_bounds}) == 1
    assert {b.relevance.n_docs for b in all_bounds} == {4}
    # Without the list of documents there is one that nobody asks for.
    assert sign_rank_bounds(sets).relevance.n_docs == 5
    best = all_bounds[0].best("sign-rank", "upper")
    assert best.value == min(
        c.value for c in all_bounds[0].certificates if (c.target, c.side) == ("sign-rank", "upper")
    )


def test_a_large_sparse_matrix_is_reduced_first():
    rows, columns = np.repeat(np.arange(300), 2), np.argwhere(subset_matrix(30, 2)[:300])[:, 1]
    sparse_qrels = sparse.csr_matrix((np.ones(600), (rows, 1000 * columns)), (300, 200_000))
    bounds = sign_rank_bounds(sparse_qrels)
    assert (bounds.lower, bounds.upper, bounds.relevance.n_docs) == (5, 5, 200_000)


def test_diagonal_relevance_needs_two_dimensions_and_sign_rank_three():
    for n in (4, 9):
        bounds = sign_rank_bounds(np.eye(n))
        assert (bounds.lower, bounds.upper, bounds.dimension_upper) == (3, 3, 2)
    two = sign_rank_bounds(np.eye(2))
    assert (two.lower, two.upper, two.dimension_lower) == (1, 1, 1)


def test_sign_changes():
    row = np.array([[1, 1, 0, 1, 0]], dtype=bool)
    assert sign_changes(row, cyclic=False) == 3
    assert sign_changes(row, cyclic=True) == 4


# Norms -----------------------------------------------------------------------------------------


def test_max_norm_of_known_matrices():
    from scipy.linalg import hadamard

    for order in (2, 4, 8):
        found = max_norm(hadamard(order))
        assert found.lower == pytest.approx(math.sqrt(order), rel=1e-6)
        assert found.upper == pytest.approx(math.sqrt(order), rel=1e-6)
    assert max_norm(np.eye(5)).upper == pytest.approx(1.0)
    assert max_norm(np.ones((3, 4))).upper == pytest.approx(1.0)
    assert max_norm(np.outer([1.0, 2.0], [3.0, 1.0])).upper == pytest.approx(6.0, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_max_norm_brackets(seed):
    rng = np.random.default_rng(seed)
    M = rng.standard_normal((rng.integers(1, 8), rng.integers(1, 8)))
    found = max_norm(M)
    assert found.lower <= found.upper * (1 + 1e-12)
    assert found.upper <= found.lower * 1.001
    np.testing.assert_allclose(found.X @ found.Y.T, M, atol=1e-8)
    lengths = np.linalg.norm(found.X, axis=1).max() * np.linalg.norm(found.Y, axis=1).max()
    assert lengths == pytest.approx(found.upper)
    weighted = np.sqrt(found.row_weights)[:, None] * M * np.sqrt(found.column_weights)
    assert trace_norm(weighted) == pytest.approx(found.lower)
    assert trace_norm(M) / math.sqrt(M.size) <= found.upper * (1 + 1e-12)
    assert np.abs(M).max() <= found.upper * (1 + 1e-12)


def test_spectral_bounds_of_limit():
    active = read_relevance(dense_qrels()).matrix[:, :46]
    assert spectral_bound(np.where(active, 1.0, -1.0)) == pytest.approx(1.095, abs=5e-4)
    bound, weight = reweighted_spectral_bound(active)
    assert bound == pytest.approx(2.389, abs=5e-4)
    assert weight == pytest.approx(12.54, abs=0.01)
    assert bound == pytest.approx(spectral_bound(np.where(active, weight, -1.0)))
    assert reweighted_spectral_bound(subset_matrix(46, 2))[0] == pytest.approx(2.430, abs=5e-4)


# Realisations ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n, d", [(12, 5), (24, 6), (40, 8)])
def test_realise_finds_pairs(n, d):
    pairs = subset_matrix(n, 2)
    found = realise(pairs, d, seed=1)
    assert found.solved
    assert found.queries.shape == (len(pairs), d)
    np.testing.assert_allclose(np.linalg.norm(found.docs, axis=1), 1.0)
    assert found.margin == least_margin(pairs, found.queries, found.docs) > 0
    again = realise(pairs, d, seed=1)
    np.testing.assert_array_equal(found.docs, again.docs)


def test_realise_with_sets_of_different_sizes():
    matrix = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 1, 1], [0, 1, 0, 0]])
    assert realise(matrix, 3).solved


def test_the_gradient_of_the_hinge():
    from paper_utils.theory.realise import _Hinge

    rng = np.random.default_rng(0)
    matrix = rng.random((9, 6)) < 0.35
    matrix[:, 0] |= ~matrix.any(axis=1)
    for unit_docs in (True, False):
        hinge = _Hinge(matrix, 3, 0.3, unit_docs)
        x = rng.standard_normal(3 * 15).astype(np.float32)
        way = rng.standard_normal(45)
        value, gradient = hinge(x)
        step = 1e-3
        ahead, back = (
            hinge((x + step * way).astype("f4"))[0],
            hinge((x - step * way).astype("f4"))[0],
        )
        assert (ahead - back) / (2 * step) == pytest.approx(float(gradient @ way), rel=2e-2)
        assert value > 0


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: sign_rank_bounds({}), "empty"),
        (lambda: sign_rank_bounds({"q": []}), "no relevant document"),
        (lambda: sign_rank_bounds({"q": ["a", "a"]}), "lists document 'a' twice"),
        (lambda: sign_rank_bounds({"q": {"a"}}, docs=["b", "c"]), "'a' is unknown"),
        (lambda: sign_rank_bounds({"q": "abc"}), "not a string"),
        (lambda: sign_rank_bounds({"q": {"a"}, "r": {"a"}}), "'q' and 'r' have the same"),
        (lambda: sign_rank_bounds({"q": {"a"}}, repeated="drop"), "Allowed: error, merge"),
        (lambda: sign_rank_bounds({"q": {"a"}}, docs=["a"]), "nothing to separate"),
        (lambda: sign_rank_bounds(np.array([[1, 2]])), "0 and 1 only"),
        (lambda: sign_rank_bounds(np.array([[0, 1], [0, 0]])), "query 1 has no relevant"),
        (lambda: sign_rank_bounds(np.ones(3)), "must be a mapping or a matrix"),
        (lambda: sign_rank_bounds(np.zeros((6000, 6000), dtype=bool)), "25,000,000"),
        (lambda: sign_rank_bounds(np.eye(2), docs=["a", "b"]), "has its columns"),
        (lambda: subset_matrix(3, 3), "k must be a whole number from 1 to 2, not 3"),
        (lambda: subset_matrix(200, 5), "2,000,000"),
        (lambda: dense_qrels(0), "n_queries must be a whole number from 1, not 0"),
        (lambda: realise(np.eye(3), 0), "d must be a whole number from 1, not 0"),
        (lambda: realise(np.zeros((2, 3)), 2), "at least one relevant"),
        (lambda: realise(np.full((2, 3), 2), 2), "0 and 1"),
        (lambda: least_margin(np.eye(3), np.eye(2), np.eye(3)), "does not fit"),
        (lambda: largest_shattered(np.eye(3), mode="some"), "Allowed: all, signed, affine"),
        (lambda: shows_patterns(np.eye(3), (0,), "some"), "Allowed"),
        (lambda: largest_shattered(np.full((2, 2), 3)), "0 and 1"),
        (lambda: spectral_bound([[0.0, 1.0]]), "zero entries"),
        (lambda: max_norm([[1.0, 0.0]]), "zero columns"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(UsageError) as caught:
        call()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
