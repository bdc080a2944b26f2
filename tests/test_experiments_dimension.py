"""The measurements behind the chapter on the effective dimension."""

from __future__ import annotations

import numpy as np
import pytest

from paper_chapters.effective_dimension.known_dimension import (
    dimension_row,
    estimates_of_known_dimension,
)
from paper_chapters.effective_dimension.resampling import (
    group_jackknife_interval,
    group_jackknife_se,
)
from paper_chapters.effective_dimension.title_dimensions import (
    dimension_at_diversity,
    dimension_of_draws,
    distinct_words,
    jackknife_ratio,
    mixture_parts,
    random_words,
)
from paper_utils.data.prose import LONGEST, SHORTEST, documentation_sentences, sentences_in
from paper_utils.errors import PaperError, UsageError
from paper_utils.statistics import t_interval


def two_groups(rng, sizes=(70, 130), d=12):
    """Two groups with means and covariances of their own."""
    first = rng.normal(size=(sizes[0], d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)
    second = rng.normal(size=(sizes[1], d)) * rng.uniform(0.1, 3, size=d) - rng.normal(size=d)
    return np.concatenate([first, second]), ["a"] * sizes[0] + ["b"] * sizes[1]


@pytest.mark.parametrize("seed", range(5))
def test_the_equation_of_mixtures_is_exact(seed):
    X, groups = two_groups(np.random.default_rng(seed))
    parts = mixture_parts(X, groups)
    b, c = parts["between"], parts["along"]
    predicted = (1 - b) ** 2 / parts["within"] + 2 * b * (1 - b) * c + b**2
    assert predicted * parts["mixed"] == pytest.approx(1, rel=1e-12)
    assert parts["mixed"] <= 1 / b**2


def test_groups_with_equal_means_have_nothing_between_them():
    X = np.concatenate([np.eye(6), -np.eye(6)] * 2)
    parts = mixture_parts(X, [0] * 12 + [1] * 12)
    assert parts["between"] == pytest.approx(0, abs=1e-30)
    assert parts["mixed"] == pytest.approx(parts["within"])


@pytest.mark.parametrize("groups", [["a"] * 10, ["a"] * 9 + ["b"], list("abc") + ["a"] * 7])
def test_a_mixture_needs_two_groups(groups):
    with pytest.raises(UsageError, match="two groups"):
        mixture_parts(np.random.default_rng(0).normal(size=(10, 3)), groups)


def test_draws_agree_with_the_pool_and_do_not_pretend_to_be_surer():
    X = np.random.default_rng(0).normal(size=(600, 40)) * np.linspace(0.2, 2, 40)
    whole, part = dimension_row(X), dimension_of_draws(X, 590)
    assert part["n"] == 590
    assert part["unbiased"] == pytest.approx(whole["unbiased"], rel=0.01)
    assert part["unbiased_se"] == pytest.approx(whole["unbiased_se"], rel=0.1)
    assert dimension_of_draws(X, 600) == whole
    with pytest.raises(UsageError, match="fewer"):
        dimension_of_draws(X, 601)


def test_a_known_dimension_is_found_and_the_plug_in_is_short_as_predicted():
    found = estimates_of_known_dimension(100, 30, 60, repeats=60)
    assert found["predicted"] == pytest.approx(1 / (1 / 30 + 1 / 59))
    standard_error = found["unbiased_sd"] / np.sqrt(60)
    assert abs(found["unbiased"] - 30) < 4 * standard_error
    assert found["plug_in"] == pytest.approx(found["predicted"], rel=0.03)
    assert found["coverage"] > 0.85
    assert estimates_of_known_dimension(100, 30, 60, repeats=3) == estimates_of_known_dimension(
        100, 30, 60, repeats=3
    )


def test_the_distribution_changes_the_draws():
    options = {"d": 50, "d_eff": 20, "n": 40, "repeats": 3}
    gaussian = estimates_of_known_dimension(**options)
    assert estimates_of_known_dimension(law="student-12", **options) != gaussian
    with pytest.raises(UsageError, match="student-12"):
        estimates_of_known_dimension(law="student", **options)


def test_a_narrower_catalogue_has_fewer_words_and_a_lower_dimension():
    narrow, broad = (dimension_at_diversity("navec", "ru", at, n_items=200) for at in (0.0, 1.0))
    assert narrow["words"] < broad["words"] / 3
    assert narrow["unbiased"] + 5 * narrow["unbiased_se"] < broad["unbiased"]


def test_random_directions_do_not_see_the_catalogue():
    found = dimension_at_diversity("random", "en", 0.0, n_items=200)
    assert abs(found["unbiased"] - 384) < 5 * found["unbiased_se"]


@pytest.mark.slow
def test_random_words_are_seeded_russian_words():
    lines = random_words(50, seed=3)
    assert lines == random_words(50, seed=3) != random_words(50, seed=4)
    assert all(len(line.split()) == 6 for line in lines)
    assert all("а" <= word[0] <= "ё" for line in lines for word in line.split())
    assert distinct_words(lines) > 250


def test_a_ratio_carries_both_uncertainties():
    one, two = {"unbiased": 30.0, "unbiased_se": 3.0}, {"unbiased": 20.0, "unbiased_se": 1.5}
    ratio, se = jackknife_ratio(one, two)
    assert ratio == 1.5
    assert se == pytest.approx(1.5 * np.hypot(0.1, 0.075))


# ----------------------------------------------------------------------------------- prose


@pytest.mark.slow
def test_sentences_are_prose_of_the_length_of_a_title():
    found = documentation_sentences(packages=["networkx"])
    assert len(found) == len(set(found)) > 300
    assert all(SHORTEST <= len(text) <= LONGEST for text in found)
    assert not any(mark in text for text in found for mark in ("_", "=", ">>>", "`", "  "))
    some = documentation_sentences(40, seed=1, packages=["networkx"])
    assert set(some) <= set(found)
    assert some != documentation_sentences(40, seed=2, packages=["networkx"])


def test_code_headings_and_lists_are_no_sentences():
    docstring = """Return the shortest path between two of the nodes.

    Notes
    -----
    This paragraph stands under a heading and is left out.

    >>> This is a doctest that looks like a sentence of words.

    x_1 : the First Parameter Of Many Which Are All Capitals.
    """
    assert list(sentences_in(docstring)) == ["Return the shortest path between two of the nodes."]


def test_prose_that_is_not_there():
    with pytest.raises(PaperError, match="not installed"):
        documentation_sentences(packages=["no_such_package"])
    with pytest.raises(UsageError, match="n_items=1000000"):
        documentation_sentences(1_000_000, packages=["networkx"])


# ------------------------------------------------------------------------- group jackknife


def test_the_group_jackknife_of_a_mean_is_the_textbook_one():
    X = np.random.default_rng(0).normal(size=(200, 1))
    se = group_jackknife_se(X, lambda rows: float(rows.mean()), groups=200)
    assert se == pytest.approx(float(X.std(ddof=1)) / np.sqrt(200), rel=1e-9)


def test_the_interval_of_the_group_jackknife_of_a_mean_is_that_of_the_t_test():
    X = np.random.default_rng(0).normal(size=(50, 1))
    found = group_jackknife_interval(X, lambda rows: float(rows.mean()), groups=50)
    assert found == pytest.approx(t_interval(X[:, 0])[:3], rel=1e-9)


@pytest.mark.parametrize("groups", [1, 31])
def test_the_group_jackknife_needs_groups(groups):
    with pytest.raises(UsageError, match="groups"):
        group_jackknife_se(np.ones((30, 2)), np.mean, groups=groups)
