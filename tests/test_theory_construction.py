"""Explicit embeddings: every subset on top, in the dimension that the theorems name."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_chapters.margin.configurations import (
    centroid_margin,
    centroid_queries,
    euclidean_curve,
    gaussian_documents,
    simplex,
)
from paper_chapters.margin.precision import (
    largest_exact_n,
    lost_on_curve,
    lost_sets,
    lost_worst_sets,
    narrowest_margin,
    rounded_scores,
)
from paper_chapters.margin.rounded_codes import (
    bits_dimension,
    expected_losses,
    precision_dimension,
    predicted_exact_n,
)
from paper_chapters.sign_rank.norms import max_norm
from paper_utils import minimal_dimension
from paper_utils.errors import UsageError
from paper_utils.theory.construction import (
    check_sets,
    equal_angles,
    set_margins,
    trigonometric_curve,
    trigonometric_queries,
)
from paper_utils.theory.margin import (
    cap_margin,
    feasible,
    largest_margin,
    log_subsets,
    margin_ceiling,
    packing_dimension,
    packing_margin,
)
from paper_utils.theory.relevance import all_subsets, check_subset_size, subset_matrix


@pytest.mark.parametrize("n, k", [(30, 1), (46, 2), (14, 3), (13, 4)])
def test_curve_answers_every_subset_in_2k_dimensions(n, k):
    sets, angles = all_subsets(n, k), equal_angles(n)
    docs = trigonometric_curve(angles, k)
    queries, cutoffs = trigonometric_queries(sets, angles)
    assert docs.shape[1] == minimal_dimension(k) == minimal_dimension(k, "cosine")
    np.testing.assert_allclose(np.linalg.norm(docs, axis=1), 1.0)
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1.0)
    inside = np.einsum("sd,skd->sk", queries, docs[sets])
    np.testing.assert_allclose(inside, np.repeat(cutoffs[:, None], k, axis=1), atol=1e-13)
    assert (cutoffs > 0).all()  # so one global cut-off serves, after rescaling queries
    margins = set_margins(docs, queries, sets)
    assert margins.min() > 0
    if k == 2:
        assert margins.min() == pytest.approx(3.0019e-5, rel=1e-4)


@pytest.mark.parametrize(
    "k, sizes, constant",
    [(1, (40, 80), 19.74), (2, (40, 80), 133.6), (3, (20, 40), 4389), (4, (20, 30), 1.54e5)],
)
def test_least_margin_tends_to_its_leading_term(k, sizes, constant):
    ratios = []
    for n in sizes:
        sets, angles = all_subsets(n, k), equal_angles(n)
        queries, _ = trigonometric_queries(sets, angles)
        least = set_margins(trigonometric_curve(angles, k), queries, sets).min()
        ratios.append(least / narrowest_margin(n, k) - 1)
        assert narrowest_margin(n, k) * n ** (2 * k) == pytest.approx(constant, rel=1e-3)
    # The next term is of relative order 1/n^2.
    expected = (sizes[0] / sizes[1]) ** 2
    assert ratios[1] / ratios[0] == pytest.approx(expected, rel=0.2)


def test_closed_form_for_two():
    """claims.md 7.7: w = (cos a + cos b, sin a + sin b, -cos(a+b)/2, -sin(a+b)/2)."""
    a, b = 0.7, 2.9
    queries, cutoffs = trigonometric_queries([[0, 1]], [a, b, 4.0])
    w = np.array(
        [
            math.cos(a) + math.cos(b),
            math.sin(a) + math.sin(b),
            -math.cos(a + b) / 2,
            -math.sin(a + b) / 2,
        ]
    )
    np.testing.assert_allclose(queries[0], w / np.linalg.norm(w), atol=1e-14)
    mean = (1 + math.cos(a - b) / 2) / (np.linalg.norm(w) * math.sqrt(2))
    assert cutoffs[0] == pytest.approx(mean)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(0, 10**6))
def test_curve_works_at_any_distinct_angles(k, seed):
    rng = np.random.default_rng(seed)
    angles = np.cumsum(rng.uniform(0.3, 1.0, 9))
    angles *= 2 * np.pi / (angles[-1] + 0.3)
    sets = all_subsets(9, k)
    queries, _ = trigonometric_queries(sets, angles)
    assert (set_margins(trigonometric_curve(angles, k), queries, sets) > 0).all()


@pytest.mark.parametrize("n, k", [(12, 1), (46, 2), (12, 3)])
def test_euclidean_curve_in_2k_minus_1_dimensions(n, k):
    sets = all_subsets(n, k)
    docs, centres, radii = euclidean_curve(sets, equal_angles(n))
    assert docs.shape == (n, minimal_dimension(k, "euclidean"))
    for members, centre, radius in zip(sets, centres, radii, strict=True):
        distances = np.linalg.norm(docs - centre, axis=1)
        np.testing.assert_allclose(distances[members], radius, rtol=1e-9, atol=1e-7)
        assert set(np.argsort(distances)[:k]) == set(members)


@pytest.mark.parametrize(
    "m, k, margin",
    [(6, 1, 1.2), (6, 2, 0.94868), (8, 3, 0.78072), (12, 4, 0.63960), (46, 2, 0.73099)],
)
def test_simplex_attains_the_ceiling(m, k, margin):
    vertices, sets = simplex(m), all_subsets(m, k)
    margins = set_margins(vertices, centroid_queries(vertices, sets), sets)
    np.testing.assert_allclose(margins, largest_margin(m, k), rtol=1e-12)
    assert largest_margin(m, k) == pytest.approx(margin, abs=5e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 9), st.integers(1, 6), st.integers(0, 10**6))
def test_no_configuration_passes_the_ceiling(m, d, seed):
    k = 1 + seed % (m - 1)
    docs, sets = gaussian_documents(m, d, seed=seed), all_subsets(m, k)
    try:
        queries = centroid_queries(docs, sets)
    except UsageError:
        return  # a centroid of length 0
    assert set_margins(docs, queries, sets).min() <= largest_margin(m, k) + 1e-12


def test_random_centroids_reach_their_bound():
    sets = all_subsets(46, 2)
    margins = []
    for seed in range(3):
        docs = gaussian_documents(46, 192, seed=seed)
        margins.append(set_margins(docs, centroid_queries(docs, sets), sets).min())
    assert min(margins) > centroid_margin(2) == 0.25


# Margins ---------------------------------------------------------------------------------------

TABLE_1 = {
    2: [4, 6, 8, 10, 12, 14, 16, 17, 19, 21],
    10: [13, 23, 33, 42, 52, 61, 71, 81, 90, 100],
    100: [None, 135, 233, 329, 425, 521, 617, 713, 809, 905],
    1000: [None, None, 1354, 2334, 3296, 4257, 5217, 6177, 7137, 8098],
}


def test_published_table_1_and_which_of_its_cells_are_possible():
    for k, row in TABLE_1.items():
        for exponent, value in zip(range(2, 12), row, strict=True):
            n = 10**exponent
            if value is None:
                continue
            assert packing_dimension(n, k, 0.2) == value
            assert feasible(n, k, 0.2) == (k < 100)
    assert feasible(10**9, 25, 0.2)
    assert not feasible(10**9, 26, 0.2)


def test_ceilings_of_the_frontier():
    assert packing_margin(46, 2, 4) == pytest.approx(0.428, abs=5e-4)
    assert packing_margin(46, 2, 5) == pytest.approx(0.665, abs=5e-4)
    for d in range(2, 60):
        assert cap_margin(46, 2, d) < packing_margin(
            46, 2, d
        )  # the sphere is tighter than the ball
    assert margin_ceiling(46, 2, 3) == 0.0
    assert margin_ceiling(46, 2, 45) == largest_margin(46, 2)
    # In the plane caps are arcs: C(n, k) of them around the circle.
    assert cap_margin(5, 1, 2) == pytest.approx(2 * math.sin(math.pi / 5))


@given(st.integers(3, 400), st.integers(1, 5), st.integers(2, 40))
def test_packing_dimension_inverts_packing_margin(n, k, d):
    if k >= n:
        return
    margin = packing_margin(n, k, d)
    if margin < 2.0:
        assert packing_dimension(n, k, margin) == d


def test_published_combinations():
    assert log_subsets(50_000, 100) / math.log(10) == pytest.approx(
        math.log10(7.66) + 311, abs=1e-3
    )
    assert log_subsets(325_000, 20) / math.log(10) == pytest.approx(math.log10(7.10) + 91, abs=1e-3)
    exact, gamma = log_subsets(10**6, 10_000), log_subsets(10**6, 10_001)
    assert gamma - exact == pytest.approx(math.log((10**6 - 10_000) / 10_001), abs=1e-6)


def test_precision_as_dimension():
    assert round(precision_dimension(10**9, 2, "float32"), 1) == 2.4
    assert round(precision_dimension(10**9, 2, "bfloat16"), 1) == 7.3
    assert round(precision_dimension(10**9, 100, "float32")) == 103
    assert round(precision_dimension(10**9, 100, "bfloat16")) == 308
    assert [bits_dimension(10**9, 100, f) for f in ("float32", "float16", "int8")] == [78, 155, 309]


@pytest.mark.parametrize("n, k", [(7, 1), (12, 2), (9, 3), (9, 6)])
def test_max_norm_of_all_subsets_in_closed_form(n, k):
    """Rows and columns are exchangeable, so the max-norm is the trace norm over sqrt(n m)."""
    m = math.comb(n, k)
    constant = abs(2 * k - n) * math.sqrt(m / n)
    others = 2 * (n - 1) * math.sqrt(math.comb(n - 2, k - 1))
    found = max_norm(np.where(subset_matrix(n, k), 1.0, -1.0))
    for bound in (found.lower, found.upper):
        assert bound == pytest.approx((constant + others) / math.sqrt(n * m), rel=1e-9)


# Precision -------------------------------------------------------------------------------------


def test_rounding_is_that_of_a_plain_loop():
    rng = np.random.default_rng(0)
    Q, D = rng.standard_normal((3, 5)), rng.standard_normal((4, 5))
    for dtype in ("float16", "float32", "float64"):
        kind = np.dtype(dtype).type
        for q, d in itertools.product(range(3), range(4)):
            total = kind(0)
            for a, b in zip(Q[q].astype(kind), D[d].astype(kind), strict=True):
                total = kind(total + kind(a * b))
            assert rounded_scores(Q, D, dtype)[q, d] == total


def test_largest_n_per_format():
    assert largest_exact_n(2, "float16") == (19, 8)
    assert largest_exact_n(2, "float16", accumulate="float32")[0] == 22
    assert largest_exact_n(3, "float16")[0] == 12
    for n in (40, 80, 120, 150):
        assert lost_on_curve(n, 2, "float32") == 0
    assert lost_on_curve(167, 2, "float32") > 0


@pytest.mark.parametrize(
    "k, dtype, measured",
    [(1, "float16", 116), (2, "float16", 19), (2, "float32", 166), (3, "float32", 53)],
)
def test_prediction_without_a_fit_is_within_ten_per_cent(k, dtype, measured):
    assert predicted_exact_n(k, dtype) == pytest.approx(measured, rel=0.1)


def test_expected_losses_follow_the_measured_ones():
    measured = sum(lost_worst_sets(n, 2, "float32")[0] for n in range(215, 225))
    expected = sum(expected_losses(n, 2, "float32") for n in range(215, 225))
    assert measured == pytest.approx(expected, rel=0.35)


def test_worst_sets_are_where_losses_are():
    for n in (168, 200, 230):
        lost, checked = lost_worst_sets(n, 2, "float32")
        assert checked == 3 * n
        assert 0 <= lost <= lost_on_curve(n, 2, "float32") <= 1.35 * lost + 4
    assert lost_worst_sets(20_000, 2, "float64")[0] == 0
    assert lost_worst_sets(28_000, 2, "float64")[0] > 100


def test_ties_count_as_lost():
    docs = np.array([[1.0], [1.0], [0.0]])
    assert lost_sets(docs, [[1.0]], [[0]], "float64") == 1
    assert lost_sets(docs, [[1.0]], [[0, 1]], "float64") == 0


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: trigonometric_curve([0.0], 0), "k must be a whole number from 1, not 0"),
        (lambda: trigonometric_curve([np.nan], 1), "finite"),
        (lambda: trigonometric_queries([[0, 5]], equal_angles(5)), "documents 0 to 4"),
        (lambda: trigonometric_queries([[1, 1]], equal_angles(5)), "lists document 1 twice"),
        (lambda: check_sets([[0, 1, 2]], 3), "k must be a whole number from 1 to 2, not 3"),
        (lambda: check_sets(np.zeros((0, 2), int), 3), "not be empty"),
        (lambda: check_sets([[0.5, 1.0]], 3), "document numbers"),
        (lambda: simplex(1), "n must be a whole number from 2, not 1"),
        (lambda: centroid_queries([[1.0, 0], [-1.0, 0], [0, 1.0]], [[0, 1]]), "zero rows"),
        (lambda: minimal_dimension(2, "l2"), "Allowed"),
        (lambda: minimal_dimension(0), "k must be a whole number from 1, not 0"),
        (lambda: largest_margin(5, 5), "k must be a whole number from 1 to 4, not 5"),
        (lambda: packing_dimension(10, 2, 0.0), "margin = 0.0"),
        (lambda: packing_dimension(10, 2, 3.0), "margin = 3.0"),
        (lambda: cap_margin(10**9, 300, 5), "floating-point range"),
        (lambda: precision_dimension(10, 2, "fp8"), "Allowed"),
        (lambda: bits_dimension(10, 2, "fp8"), "Allowed"),
        (lambda: rounded_scores([[1.0]], [[1.0]], "float8"), "Allowed"),
        (lambda: rounded_scores([[1.0]], [[1.0]], "float16", accumulate="x"), "Allowed"),
        (lambda: lost_on_curve(1900, 2, "float32"), "2,000,000,000"),
        (lambda: largest_exact_n(2, "float32", limit=20), "raise the limit"),
        (lambda: lost_worst_sets(8, 2, "float32"), "lost_on_curve"),
        (lambda: expected_losses(8, 2, "float32"), "at least 3 k + 3 = 9"),
        (lambda: predicted_exact_n(2, "float64", largest=100), "up to 100"),
        (lambda: predicted_exact_n(9, "bfloat16"), "fewer than"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(UsageError) as caught:
        call()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "n, k, said",
    [
        (5, 0, "k must be a whole number from 1 to 4, not 0"),
        (5, 5, "k must be a whole number from 1 to 4, not 5"),
        (5, 2.0, "k must be a whole number from 1 to 4, not 2.0"),
        (5, True, "k must be a whole number from 1 to 4, not True"),
        (1, 1, "n must be a whole number from 2, not 1"),
        ("5", 2, "n must be a whole number from 2, not '5'"),
    ],
)
def test_a_subset_has_at_least_one_document_and_fewer_than_all(n, k, said):
    with pytest.raises(UsageError, match=said):
        check_subset_size(n, k)


def test_numpy_numbers_are_whole_numbers():
    check_subset_size(np.int64(5), np.int32(4))
