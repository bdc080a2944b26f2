"""The experiments behind the chapter on set codes."""

from __future__ import annotations

import numpy as np
import pytest

from paper_chapters.set_codes.by_dimension import by_dimension, learned, least_dimensions
from paper_chapters.set_codes.feasibility import separable
from paper_chapters.set_codes.learned import learn_vectors
from paper_chapters.set_codes.quantise import byte_codes, byte_pair
from paper_chapters.set_codes.replica_rows import replica_row
from paper_utils import results, transition
from paper_utils.codes.solver import Separator
from paper_utils.errors import UsageError


def test_the_least_dimension_is_least():
    found = least_dimensions(60, 3, 4, 1)["least"]
    for stream, d in zip(np.random.SeedSequence(1).spawn(4), found, strict=True):
        rng = np.random.default_rng(stream)
        listed, vectors = rng.choice(60, 3, replace=False), rng.standard_normal((60, 60))
        possible = [separable(vectors[:, :size], listed).feasible for size in range(1, 40)]
        assert possible == [size >= d for size in range(1, 40)]


def test_a_longer_run_begins_with_the_shorter_one():
    assert least_dimensions(60, 3, 2, 0)["least"] == least_dimensions(60, 3, 3, 0)["least"][:2]


def test_above_the_critical_dimension_all_is_answered_and_below_it_is_said():
    enough = by_dimension(64, 0, n_docs=46, length=45)
    assert enough["unsolved"] == 46 and enough["margin"] is None
    found = by_dimension(320, 0, n_docs=46)
    assert found["unsolved"] == 0
    assert found["set recall@2"] == found["precision"] == found["recall"] == 1
    assert found["sum recall@2"] < 1 and found["sum precision"] < 0.9
    assert 0.005 < found["margin"] < 0.05
    assert found["pair recall"] > 0.95


def test_learned_vectors_help_what_they_were_learned_on():
    found = learned(8, False, 0, n_attributes=60, length=3, n_sets=40)
    assert found["known"] > found["random"] + 0.2
    vectors = learn_vectors(20, [np.array([0, 1])], 4, epochs=3)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    with pytest.raises(UsageError, match="documents"):
        learn_vectors(20, [], 4)


def test_bytes_keep_the_signs_that_have_a_margin():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((200, 96))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    separator = Separator(vectors)
    solved = separator.solve([rng.choice(200, 5, replace=False) for _ in range(20)])
    q, x = byte_pair(separator.X, solved.weights)
    assert q.dtype == x.dtype == np.int8
    exact = separator.X @ solved.weights.T
    assert ((q.astype(int) @ x.T.astype(int) > 0) == (exact > 0)).all()
    # One scale for the constant too would leave the vectors only a few steps.
    assert np.abs(byte_codes(separator.X)[0][:, :-1]).max() < np.abs(q[:, :-1]).max()
    with pytest.raises(UsageError, match="columns"):
        byte_pair(q, x[:, :-1])


@pytest.mark.realdata
def test_a_small_replica_is_answered_from_attributes():
    found = replica_row("attributes", 256, n_docs=120)
    assert found["recall"]["set"] == [1, 1, 1] and found["exact"] == 1
    assert found["docs with a wrong sign"]["exact"] == 0
    assert found["recall"]["sum"][0] < 0.9
    with pytest.raises(UsageError, match="'letters'"):
        replica_row("letters", 8)


def test_recorded_dimensions_are_in_reach_of_the_law():
    for task, value, _ in results.get("set-codes-capacity").tasks:
        law = transition(task["n_attributes"], task["length"])
        assert len(value["least"]) == task["n_sets"]
        assert all(abs(d - law.centre) < 6 * law.width for d in value["least"])


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: least_dimensions(10, 10, 2, 0), "length must .* not 10"),
        (lambda: least_dimensions(10, 2, 0, 0), "n_sets"),
        (lambda: by_dimension(0, 0, n_docs=46), "d must be"),
        (lambda: by_dimension(8, 0, n_docs=20), "n_docs"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(UsageError, match=said):
        call()
