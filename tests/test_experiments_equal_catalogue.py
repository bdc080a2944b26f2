"""Pairs and lists of the equal contest on generated titles: what they promise of every pair."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from paper_chapters.coarse_fine.arms import ARMS
from paper_chapters.coarse_fine.equal_catalogue import (
    BACKBONE,
    PER_QUERY,
    RATES,
    catalogue_lists,
    catalogue_pairs,
    catalogue_row,
)
from paper_chapters.coarse_fine.judged_lists import LENGTH
from paper_utils.data.diy_queries import CONSTRAINTS
from paper_utils.results import get
from paper_utils.search.bm25 import BM25
from paper_utils.train.task import catalogue_task

N_QUERIES = 120


@pytest.fixture(scope="module", params=BACKBONE)
def task(request):
    return catalogue_task(request.param, 0)


@pytest.fixture(scope="module")
def pairs(task):
    return catalogue_pairs(task, N_QUERIES)


def test_the_right_title_has_all_that_is_asked_for(task, pairs):
    grades = task.queries.grades.toarray()
    assert (grades[pairs["query"], pairs["right"]] == 2).all()
    assert (grades[pairs["query"], pairs["wrong"]] < 2).all()
    assert pairs["query"].max() < N_QUERIES
    assert pairs.groupby(["kind", "query"]).size().max() <= PER_QUERY


def test_coarse_pairs_are_of_two_classes_and_fine_ones_differ_in_what_was_asked(task, pairs):
    items = task.items
    other = items["tool_class"].to_numpy()[pairs["right"]]
    same = other == items["tool_class"].to_numpy()[pairs["wrong"]]
    assert not same[pairs["kind"] == "coarse"].any()
    for _, pair in pairs[pairs["kind"] == "fine"].iterrows():
        need = task.queries.needs[pair["query"]]
        lacks = [
            name
            for name in (*CONSTRAINTS, "tool_class")
            if name in need and items[name][pair["wrong"]] != need[name]
        ]
        assert len(lacks) == 1  # a class only where 'impact' tells a drill from an impact drill


def test_lists_hold_one_title_that_fits_and_hard_ones(task):
    texts = task.training_items["title"].tolist()
    table = BM25().fit(texts).scores(list(task.training_queries.texts))
    rows = {query: row for row, query in enumerate(task.training_queries.texts)}
    hard = []
    for batch in islice(catalogue_lists(task, seed=3), 3):
        assert batch.grades.shape == (4, LENGTH)
        assert (batch.grades[:, 0] == 2).all() and (batch.grades[:, 1:] < 2).all()
        for query, titles in zip(batch.queries, batch.titles, strict=True):
            scores = table[rows[query]]
            best = np.sort(scores)[-50]
            hard.append(np.mean([scores[texts.index(title)] >= best for title in titles[1:]]))
    assert np.mean(hard) >= 0.5


def test_bm25_is_measured_by_its_own_scores(task, pairs):
    found = catalogue_row(task.language, "BM25", 0.0)["test"]
    table = BM25().fit(task.items["title"].tolist()).scores(list(task.queries.texts)).round(6)
    every = catalogue_pairs(task, 330)
    for kind in ("coarse", "fine"):
        some = every[every["kind"] == kind]
        right, wrong = (table[some["query"], some[side]] for side in ("right", "wrong"))
        won = (right > wrong) + (right == wrong) / 2
        by_query = some.assign(won=won).groupby("query")["won"].mean()
        assert found["accuracy"][kind] == pytest.approx(by_query.mean(), abs=1e-5)
        assert found["queries"][kind] == len(by_query)


def test_no_arm_lacks_a_rate():
    recorded = get("equal-catalogue")
    for language in BACKBONE:
        for arm in ARMS:
            for rate in (0.0, *RATES):
                found = recorded.value(language=language, system=arm, rate=rate)["test"]
                assert all(0 <= share <= 1 for share in found["accuracy"].values())
