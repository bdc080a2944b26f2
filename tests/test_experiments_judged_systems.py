"""Systems beside the trained arms, labels of fine pairs, and which pairs are measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import rankdata

from paper_chapters.coarse_fine import judged_systems
from paper_chapters.coarse_fine.equal_backbones import RRF, fused
from paper_chapters.coarse_fine.equal_reranking import DEPTHS, first_stage, reranked
from paper_chapters.coarse_fine.equal_titles import shares
from paper_chapters.coarse_fine.equal_training import CLEAR, measured_pairs, scored_row
from paper_chapters.coarse_fine.fine_labels import N_LABELS, drawn_pairs, fine_pair_labels
from paper_chapters.coarse_fine.graded_pairs import stated
from paper_chapters.coarse_fine.judged_lists import graded_titles
from paper_utils.data.title_task import QuerySet
from paper_utils.errors import UsageError
from paper_utils.search.bm25 import BM25
from paper_utils.search.tokenizer import WordTokenizer


@pytest.fixture(scope="module")
def crowdflower(paper_data):
    return graded_titles("crowdflower")


@pytest.mark.parametrize(
    "narrow, broad", [("aluminum", "metal"), ("vinyl", "plastic"), ("marble", "stone")]
)
def test_a_narrow_material_is_a_broad_one_too(narrow, broad):
    assert stated(f"{narrow} panel")["material"] == {narrow, broad}
    assert stated(f"{broad} panel")["material"] == {broad}


def test_labels_are_of_the_pairs_that_are_drawn(paper_data):
    labels, drawn = fine_pair_labels(), drawn_pairs(graded_titles("homedepot"))
    assert len(labels) == N_LABELS
    assert drawn["query"].is_unique
    assert labels[["pair", "attribute"]].equals(drawn[["pair", "attribute"]])
    assert set(labels["fine"]) == {0, 1}


def test_measured_pairs_are_graded_as_they_say(crowdflower):
    pairs = measured_pairs(crowdflower, "test")
    assert set(crowdflower.part[pairs["query"]]) == {"test"}
    grades = crowdflower.grades.toarray()
    apart = grades[pairs["query"], pairs["right"]] - grades[pairs["query"], pairs["wrong"]]
    assert (apart > 0).all()
    assert ((apart >= CLEAR) == pairs["clear"]).all()


def test_bm25_of_pairs_is_bm25(crowdflower):
    pairs = np.array([[0, 5], [3, 7], [3, 900], [8, 1]])
    index = BM25(tokenizer=WordTokenizer(stemmer="english")).fit(crowdflower.titles)
    whole = index.scores([crowdflower.queries[q] for q in pairs[:, 0]])
    expected = whole[np.arange(4), pairs[:, 1]]
    np.testing.assert_allclose(judged_systems.bm25(crowdflower)(pairs), expected, rtol=1e-6)


def test_people_themselves_are_never_wrong_and_chance_is_half(crowdflower):
    grades = crowdflower.grades.toarray()
    people = scored_row(crowdflower, "test", lambda pairs: grades[pairs[:, 0], pairs[:, 1]])
    assert set(people["accuracy"].values()) == {1.0}
    nothing = scored_row(crowdflower, "test", lambda pairs: np.zeros(len(pairs)))
    assert set(nothing["accuracy"].values()) == {0.5}


def test_only_the_kinds_that_are_counted_are_scored(crowdflower):
    row = scored_row(crowdflower, "test", lambda pairs: np.zeros(len(pairs)), ("fine",))
    assert set(row["per_query"]) == {"fine"}
    assert row["queries"]["all"] == row["queries"]["fine"]


def test_an_unknown_system_is_refused():
    with pytest.raises(UsageError, match="no system 'BM26'"):
        judged_systems.reference_row("crowdflower", "BM26")


def test_reranking_moves_only_the_first_titles_and_by_their_scores():
    first = np.array([[4, 2, 0, 1]])  # of five titles; title 3 is in no list
    scores = np.array([[0.1, 0.9, 0.5, 9.0]])
    order = np.argsort(-reranked(first, scores, 3, 5)[0], kind="stable")
    assert order.tolist() == [2, 0, 4, 1, 3]
    assert np.argsort(-reranked(first, scores, 0, 5)[0]).tolist()[:4] == [4, 2, 0, 1]


def test_the_first_stage_is_bm25_in_order(crowdflower):
    rows = np.array([0, 7])
    index = BM25(tokenizer=WordTokenizer(stemmer="english")).fit(crowdflower.titles)
    scores = index.scores([crowdflower.queries[row] for row in rows])
    found = first_stage(crowdflower, rows)
    assert found.shape == (2, max(DEPTHS))
    np.testing.assert_allclose(
        np.take_along_axis(scores, found, axis=1),
        -np.sort(-scores, axis=1)[:, : max(DEPTHS)],
        rtol=1e-5,
    )


def test_a_list_fused_with_itself_has_twice_its_reciprocal_ranks(crowdflower):
    pairs = np.column_stack([np.repeat([3, 8], 40), np.tile(np.arange(40), 2)])
    words = judged_systems.bm25(crowdflower)
    found = fused(crowdflower, words)(pairs).reshape(2, 40)
    expected = 2 / (RRF + rankdata(-words(pairs).reshape(2, 40), axis=1))
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("sign, share", [(1, 1.0), (0, 0.5), (-1, 0.0)])
def test_shares_of_titles_are_of_the_pairs_and_each_is_read_once(sign, share):
    lines = [(0, 0, 1, "mm", "drill"), (0, 0, 2, "mm", "drill"), (1, 2, 1, "watts", "saw")]
    pairs = pd.DataFrame(lines, columns=["query", "right", "wrong", "attribute", "family"])
    part = QuerySet(("drill 5 mm", "saw 9 watts"), sparse.csr_array((2, 3)), pairs)
    right = {(0, 0), (1, 2)}

    def score(queries, titles, read):
        assert len(read) == len({tuple(row) for row in read}) == 5
        return sign * np.array([float(tuple(row) in right) for row in read.tolist()])

    assert shares(score, ("a", "b", "c"), part).tolist() == [share, share]
