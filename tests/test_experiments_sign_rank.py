"""Tests of the matrices that the chapter on sign-rank measures."""

from __future__ import annotations

import numpy as np
import pytest

from paper_chapters.sign_rank.controls_of_density import dense_control, read_qrels, sparse_control
from paper_utils.errors import UsageError
from paper_utils.theory.relevance import dense_qrels
from paper_utils.theory.signrank import sign_rank_bounds


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["limit", "limit-small"])
def test_the_released_qrels_have_sign_rank_five_and_dimension_four(paper_data, name):
    found = sign_rank_bounds(read_qrels(paper_data / name))
    assert (found.lower, found.upper) == (5, 5)
    assert (found.dimension_lower, found.dimension_upper) == (4, 4)
    assert found.check()


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["limit", "limit-small"])
def test_the_construction_is_the_released_pattern_up_to_names(paper_data, name):
    def pattern(qrels):
        degrees = {}
        for row in qrels.values():
            for doc in row:
                degrees[doc] = degrees.get(doc, 0) + 1
        return sorted(degrees.values()), sorted(len(row) for row in qrels.values())

    assert pattern(read_qrels(paper_data / name)) == pattern(dense_qrels())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("query,corpus-id\nq,a\n", "query-id"),
        ("query-id,corpus-id,score\nq,a,high\n", "'high'"),
        ("query-id,corpus-id\nq,a\nq,a\n", "twice"),
        ("query-id,corpus-id,score\nq,a,0\n", "no relevant"),
    ],
)
def test_bad_qrels_are_named(tmp_path, text, said):
    file = tmp_path / "qrels.csv"
    file.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_qrels(file)


def test_a_folder_without_qrels_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"qrels\.jsonl"):
        read_qrels(tmp_path)


def test_controls_are_what_they_say():
    sparse = sparse_control(200, 30, 3, seed=4)
    assert (sparse.sum(axis=1) == 3).all()
    # Fair draws: each document is expected 20 times, sd 4.2.
    assert np.abs(sparse.sum(axis=0) - 20).max() < 5 * 4.3
    dense = dense_control(200, 30, seed=4)
    assert abs(dense.mean() - 0.5) < 5 * 0.5 / np.sqrt(6000)
    assert not np.array_equal(dense, dense_control(200, 30, seed=5))
