"""Directions of attributes and the rank of coarse and fine relevance: identities and controls."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from paper_chapters.fine_mechanism.least_rank import least_dimensions, relevance, same_sums
from paper_chapters.fine_mechanism.mechanism import (
    SMALL,
    VectorSource,
    changed_titles,
    measure_source,
    mechanism,
    principal_directions,
    projected,
    shares,
)
from paper_utils.errors import UsageError
from paper_utils.train.task import catalogue_task


@pytest.fixture(scope="module")
def task():
    return catalogue_task("en", **SMALL)


def test_an_unrelated_direction_has_a_share_of_k_over_d():
    rng = np.random.default_rng(0)
    basis = ortho_group.rvs(20, random_state=1)
    found = shares(rng.normal(size=(20_000, 20)), basis, 5)
    assert found.mean() == pytest.approx(5 / 20, abs=4 * found.std() / np.sqrt(len(found)))


def test_shares_of_all_directions_are_one_and_of_nothing_are_no_number():
    basis = ortho_group.rvs(6, random_state=2)
    rows = np.vstack([np.eye(6)[:2], np.zeros(6)])
    assert shares(rows, basis, 6)[:2] == pytest.approx([1, 1])
    assert np.isnan(shares(rows, basis, 3)[2])


def test_principal_directions_are_those_of_the_singular_value_decomposition():
    X = np.random.default_rng(3).normal(size=(80, 5)) * [5, 3, 2, 1, 0.5]
    Vt = np.linalg.svd(X - X.mean(axis=0))[2]
    assert np.abs(np.sum(principal_directions(X).T * Vt, axis=1)) == pytest.approx(np.ones(5))


def test_keeping_all_directions_is_centring():
    rng = np.random.default_rng(4)
    X, Q = rng.normal(size=(30, 6)) + 1, rng.normal(size=(8, 6)) - 1
    directions = principal_directions(X)
    a, b = X - X.mean(axis=0), Q - Q.mean(axis=0)
    cosines = (b @ a.T) / np.linalg.norm(b, axis=1)[:, None] / np.linalg.norm(a, axis=1)
    assert projected(X, Q, directions, cut=6, keep=True) == pytest.approx(cosines)
    assert projected(X, Q, directions, cut=0, keep=False) == pytest.approx(cosines)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_changed_titles_differ_in_one_place(language):
    pairs = changed_titles(catalogue_task(language, **SMALL), limit=10)
    assert {"voltage_v", "brand", "tool_class"} <= set(pairs["attribute"])
    for row in pairs.itertuples():
        first, second = row.title.split(), row.other.split()
        gone, come = (
            len([w for w in a if w not in b]) for a, b in ((first, second), (second, first))
        )
        assert 1 <= gone + come <= 6, (row.title, row.other)
    numbers = pairs[pairs["attribute"] == "voltage_v"]
    digits = numbers[["title", "other"]].map(lambda text: sum(c.isdigit() for c in text))
    assert (abs(digits["title"] - digits["other"]) <= 2).all()


class Injected:
    """Vectors in which the class counts much and the digits of a text little."""

    def __init__(self, words):
        self.words = words

    def __call__(self, texts, *, queries=False):
        rows = []
        for text in texts:
            much = [10.0 * (w in text.lower()) for w in self.words]
            little = [0.3 * text.count(str(digit)) for digit in range(10)]
            rows.append([*much, *little, 0.1])
        X = np.array(rows)
        return X / np.linalg.norm(X, axis=1, keepdims=True)


def test_injected_long_classes_and_short_numbers_are_found(task):
    found = measure_source(task, Injected(["drill", "screwdriver", "hammer", "saw", "grinder"]))
    much, little = (found["shares"][name]["1"][0] for name in ("class means", "voltage_v"))
    assert much > 5 * little
    assert found["length"]["voltage_v"] < 0.2 * found["length"]["any two titles"]


def test_a_source_that_sees_nothing_of_an_attribute_says_so(task):
    found = measure_source(task, Injected(["drill", "saw"]))
    assert found["length"]["brand"] < 0.2
    assert all(v is None or 0 <= v[0] <= 1 for v in found["shares"]["brand"].values())


def test_sources_by_name(task):
    X = VectorSource("hashed, 128", task)(["drill 18V", "saw"])
    assert X.shape == (2, 128) and np.linalg.norm(X, axis=1) == pytest.approx([1, 1])
    with pytest.raises(UsageError, match="no encoder"):
        VectorSource("minlm", task)
    with pytest.raises(UsageError, match="source 'hashed, 12'"):
        mechanism("hashed, 12", "en", 0, True)


def test_disjoint_relevance_needs_two_dimensions_whatever_its_size():
    found = least_dimensions("coarse", False, 0, "small")
    assert found["dimension"] == [2, 2] and found["sign_rank"] == [3, 3] and found["free"] == 2
    assert found["rates"]["1"] == 0.0


def test_the_control_keeps_the_row_sums_only():
    A = relevance("fine", size="small")
    drawn = same_sums(A, 0)
    assert (drawn.sum(axis=1) == A.sum(axis=1)).all() and (drawn != A).any()


def test_bad_levels_and_sizes_are_named():
    with pytest.raises(UsageError, match="did you mean 'fine'"):
        relevance("fin")
    with pytest.raises(UsageError, match="size 'big'"):
        relevance("fine", size="big")
