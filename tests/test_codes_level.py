"""Set codes with equal scores: what they promise, where they exist, what they cost."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from paper_chapters.set_codes.feasibility import separable
from paper_chapters.set_codes.level import level_dimension, level_margin
from paper_chapters.set_codes.level_words import least_level_dimensions, level_words, several
from paper_utils import SetCodes, UnsolvedError, UsageError, critical_dimension
from paper_utils.codes.level_codes import LevelCodes, LevelSeparator

VOCABULARY = [f"a{i}" for i in range(120)]


def random_sets(rng, n, n_attributes, length):
    return [rng.choice(n_attributes, length, replace=False) for _ in range(n)]


def unit_vectors(rng, n, d):
    vectors = rng.standard_normal((n, d))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def encoded():
    rng = np.random.default_rng(0)
    sets = random_sets(rng, 600, 120, 6)  # more than one pool of documents
    codes = LevelCodes(56).fit(VOCABULARY)
    return codes, sets, codes.encode([[VOCABULARY[a] for a in row] for row in sets])


def test_listed_attributes_score_one_and_all_others_no_more_than_minus_one(encoded):
    codes, sets, documents = encoded
    scores = documents @ codes.queries(VOCABULARY).T
    for row, line in zip(sets, scores, strict=True):
        np.testing.assert_allclose(line[row], 1, atol=0.11)
        assert np.delete(line, row).max() < -0.89


@pytest.mark.parametrize("size", [2, 3, 6])
def test_a_sum_of_queries_counts_what_a_document_has(encoded, size):
    codes, sets, documents = encoded
    rng = np.random.default_rng(size)
    asked = [rng.choice(sets[i], size, replace=False) for i in range(40)]
    scores = codes.queries([[VOCABULARY[a] for a in row] for row in asked]) @ documents.T
    for row, line in zip(asked, scores, strict=True):
        has_all = np.array([np.isin(row, listed).all() for listed in sets])
        assert line[has_all].min() > line[~has_all].max()
        assert ((line > size - 1) == has_all).all()


def test_plain_set_codes_do_not_promise_that():
    # The control: the same query vectors, signs only. Some document makes up for what it lacks.
    rng = np.random.default_rng(0)
    sets = random_sets(rng, 600, 120, 6)
    codes = SetCodes(40).fit(VOCABULARY)
    documents = codes.encode([[VOCABULARY[a] for a in row] for row in sets])
    scores = codes.vectors @ documents[:, :-1].T + documents[:, -1]
    listed = np.zeros((120, 600), dtype=bool)
    for column, row in enumerate(sets):
        listed[row, column] = True
    pair = scores[:, None] + scores[None]
    one_only = listed[:, None] ^ listed[None]
    assert pair[one_only].max() > 1


@pytest.mark.parametrize("V, L, d", [(150, 5, 19), (100, 20, 41)])
def test_the_solver_finds_a_code_exactly_where_a_linear_program_does(V, L, d):
    rng = np.random.default_rng(d)
    vectors, sets = unit_vectors(rng, V, d), random_sets(rng, 20, V, L)
    solved = LevelSeparator(vectors).solve(sets, max_steps=20_000)
    possible = np.array([level_margin(vectors, row) > 0 for row in sets])
    assert 0 < possible.sum() < 20
    assert ((solved.wrong == 0) == possible).all()


def test_a_level_code_is_a_set_code_and_not_the_other_way_round():
    rng = np.random.default_rng(3)
    vectors, sets = unit_vectors(rng, 100, 39), random_sets(rng, 40, 100, 20)
    level = np.array([level_margin(vectors, row) > 0 for row in sets])
    signs = np.array([separable(vectors, row).feasible for row in sets])
    assert signs[level].all()
    assert signs.sum() > level.sum()


@pytest.mark.parametrize("V, L", [(60, 30), (200, 5), (300, 60)])
def test_the_law_is_the_distance_from_the_cone_of_equal_scores(V, L):
    # Mean squared distance of Gaussian scores from {listed = m, others <= m}, m free.
    g = np.random.default_rng(V).standard_normal((1500, V))
    distances = []
    for line in g:
        listed, others = line[:L], line[L:]
        found = minimize_scalar(
            lambda m, a=listed, b=others: ((a - m) ** 2).sum() + (np.maximum(b - m, 0) ** 2).sum(),
            bounds=(-6, 6),
            method="bounded",
        )
        distances.append(found.fun)
    # The free level lowers the mean by about one: its minimum is taken inside.
    error = np.std(distances) / np.sqrt(len(distances))
    assert np.mean(distances) == pytest.approx(level_dimension(V, L) - 0.6, abs=0.5 + 4 * error)


@pytest.mark.parametrize("V, L", [(1848, 45), (1848, 10), (300, 60), (100_000, 45)])
@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_equal_scores_cost_a_little_and_no_more_than_the_bound(V, L, margin):
    plain, level = critical_dimension(V, L, margin), level_dimension(V, L, margin)
    assert plain < level
    # 1 + x^2 = h(x) + h(-x); at the plain law's best cut-off the bound holds, so at the best.

    def h(x):
        return (1 + x * x) * norm.cdf(x) + x * norm.pdf(x)

    grid = np.linspace(-5, 5, 20_001)
    f = L / V
    best = grid[np.argmin(f * h(margin + grid) + (1 - f) * h(margin - grid))]
    assert level - plain < L * h(-margin - best) + 1e-6


def test_linear_programs_find_the_least_dimension_of_the_law():
    for V, L in ((150, 5), (100, 20)):
        least = np.array(least_level_dimensions(V, L, 25, seed=1)["least"])
        error = least.std(ddof=1) / 5
        assert least.mean() == pytest.approx(level_dimension(V, L), abs=4 * error + 0.5)


def test_too_few_dimensions_are_an_error_with_the_places():
    codes = LevelCodes(12).fit(VOCABULARY)
    with pytest.raises(UnsolvedError, match="d = 12 leaves 2 of 2 documents") as caught:
        codes.encode([VOCABULARY[:8], VOCABULARY[5:13]], max_steps=200)
    assert caught.value.documents.tolist() == [0, 1]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda c: c.encode([["a1", "a1"]]), "twice"),
        (lambda c: c.encode([["a1"], []]), "document 1 lists no attribute"),
        (lambda c: c.encode([["a400"]]), "not among the 120"),
        (lambda c: c.encode(["a1"]), "not one text"),
    ],
)
def test_bad_documents_are_errors(call, message):
    with pytest.raises(UsageError, match=message):
        call(LevelCodes(40).fit(VOCABULARY))


@pytest.mark.parametrize("V, L, margin", [(1, 1, 0), (10, 10, 0), (10, 0, 0), (10, 2, -1)])
def test_impossible_sizes_are_errors(V, L, margin):
    with pytest.raises(UsageError, match="must be"):
        level_dimension(V, L, margin)


def test_a_margin_needs_some_rows_and_not_all():
    square = [[0, 0], [0, 1], [1, 0], [1, 1]]
    for listed in ([], [0, 0], [0, 1, 2, 3], [4]):
        with pytest.raises(UsageError, match="listed must be"):
            level_margin(square, listed)


def test_several_attributes_are_answered_exactly_with_equal_scores():
    found = several(256, 0, n_docs=60)
    assert found["unsolved"] == {"set": 0, "level": 0}
    for size in (2, 3):
        level = found[f"level, {size}"]
        assert level == {"among first": 1.0, "precision": 1.0, "recall": 1.0}
        assert found[f"sum, {size}"]["among first"] < 1


@pytest.mark.realdata
def test_from_words_the_score_is_the_number_of_words_in_common():
    found = level_words(512, 300)
    assert found["wrong"] == 0
    assert found["recall"]["level"][2] == pytest.approx(1.0)
    assert found["margin"] > 0.01
