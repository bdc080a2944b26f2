"""Passages, orders and a common mean; poolings against late interaction; the records."""

from __future__ import annotations

import json

import numpy as np
import pytest

from paper_chapters.pooling.concatenation import (
    LENGTHS,
    ORDERS,
    concatenation,
    passages,
    reordered,
    with_common_mean,
)
from paper_chapters.pooling.pooled_search import (
    LATE,
    POOLINGS,
    SYSTEMS,
    pooling_search,
    scores_of_poolings,
)
from paper_chapters.pooling.semantic_shift import mean_pairwise_distance
from paper_chapters.pooling.spreads import difference_of_shares, jackknife_interval
from paper_utils import load_encoder, results
from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError
from paper_utils.statistics import t_interval

TITLES = ["cordless drill 18 V", "saw", "hammer drill with case", "claw hammer"]


@pytest.mark.slow
def test_passages_do_not_share_sentences_and_are_drawn_by_the_seed():
    found = passages(12, 4, seed=1, packages=["networkx"])
    sentences = [sentence for passage in found for sentence in passage]
    assert len(sentences) == len(set(sentences)) == 48
    assert found == passages(12, 4, seed=1, packages=["networkx"])
    assert found != passages(12, 4, seed=2, packages=["networkx"])


def test_orders_keep_the_first_sentence_and_the_length():
    bodies = [[f"{text}{place}" for place in range(5)] for text in "abcdef"]
    for order in ORDERS:
        mixed = reordered(bodies, order, seed=3)
        assert [len(text) for text in mixed] == [5] * 6
        assert [text[0] for text in mixed] == [body[0] for body in bodies]
    for text in reordered(bodies, "random", seed=3):
        sources = [sentence[0] for sentence in text]
        assert len(set(sources)) == 5  # each from another text
    few = reordered(bodies[:2], "random")
    assert all(sentence[0] == "b" for sentence in few[0][1:])


def test_a_common_mean_reaches_its_distance_and_keeps_the_order_of_inner_products():
    rng = np.random.default_rng(0)
    X, Q = unit_rows(rng.normal(size=(40, 12)) + 0.3), unit_rows(rng.normal(size=(9, 12)))
    for mpd in (0.4, 0.05):
        moved, shift = with_common_mean(X, mpd)
        assert mean_pairwise_distance(moved) == pytest.approx(mpd, abs=1e-9)
        np.testing.assert_allclose(moved - shift, X, atol=1e-12)
        np.testing.assert_array_equal(np.argsort(Q @ X.T), np.argsort(Q @ moved.T))
        # Of the moved vectors the common mean can be taken out again, exactly.
        np.testing.assert_allclose(moved - moved.mean(axis=0), X - X.mean(axis=0), atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: passages(10_000, 5, packages=["networkx"]), "ask for fewer or shorter"),
        (lambda: reordered([["a"]], "random"), "there is one text"),
        (lambda: reordered([["a"]], "shuffled"), "must be one of repeat, sequential, random"),
        (lambda: with_common_mean(np.eye(3), 1.7), "below 1.0000"),
        (lambda: concatenation("minilm", 20, [2, 4]), "increase from 1"),
        (lambda: concatenation("minilm", 5, [1, 2]), "at least 10"),
        (lambda: pooling_search("limit", "minilm"), "corpus must be"),
        (lambda: pooling_search("diy", "random"), "has no tokens"),
    ],
)
def test_what_cannot_be_measured_is_named(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_concatenation_of_one_sentence_is_the_sentence():
    value = concatenation("untrained", 10, [1, 2], packages=["networkx"])
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    one = [row for row in value["rows"] if row["k"] == 1 and row["order"] in ORDERS]
    assert len(one) == 3
    for row in one:
        assert row["first"] == pytest.approx([1, 1, 1]) and row["loss"] == [0, 0, 0]
        assert row["dilution"] == pytest.approx(0, abs=1e-6) and row["found"] == 1


def test_scores_are_those_of_the_encoder_for_its_own_pooling():
    minilm = load_encoder("minilm", batch_size=2)
    scores = scores_of_poolings(minilm, TITLES[:2], TITLES)
    assert tuple(scores) == SYSTEMS
    own = minilm.encode(TITLES[:2]) @ minilm.encode(TITLES).T
    np.testing.assert_allclose(scores["mean"], own, atol=1e-5)
    for system in POOLINGS:  # a text is nearest to itself under every pooling
        np.testing.assert_allclose(np.diag(scores[system]), 1, atol=1e-5)
    for system in LATE:  # and finds each of its own tokens
        assert (scores[system].argmax(axis=1) == [0, 1]).all()


def test_records_are_complete_and_current():
    kept = results.get("pooling-concatenation")
    assert not kept.stale, f"re-run: {kept.provenance['command']}"
    for task, value, _ in kept.tasks:
        seen = {(row["order"], row["k"]) for row in value["rows"]}
        assert {(order, k) for order in ORDERS for k in task["lengths"]} <= seen
        assert max(task["lengths"]) <= max(LENGTHS)
        for row in value["rows"]:
            assert row["mrr"][1] <= row["mrr"][0] <= row["mrr"][2]
    kept = results.get("pooling-search")
    assert not kept.stale, f"re-run: {kept.provenance['command']}"
    for _, value, _ in kept.tasks:
        assert [row["system"] for row in value["rows"]] == list(SYSTEMS)


def test_intervals_for_shared_documents_are_around_the_same_gains():
    kept, plain = results.get("pooling-shared"), results.get("pooling-search")
    assert not kept.stale, f"re-run: {kept.provenance['command']}"
    sizes = {"diy": {"n_items": 800}, "limit-small": {}}
    for corpus, more in sizes.items():
        rows = plain.value(corpus=corpus, encoder="minilm", **more)["rows"]
        for row in rows[1:]:
            found = kept.value(corpus=corpus)[row["system"]]
            assert found[0] == pytest.approx(row["gain"][0], abs=0.003)


def test_the_jackknife_of_a_mean_is_its_t_interval():
    values = np.random.default_rng(0).normal(size=30)
    found = jackknife_interval(np.mean, values, groups=30)
    assert found == pytest.approx(t_interval(values)[1:3])


def test_the_interval_of_a_difference_of_shares():
    """Near the simple interval of two shares of 70, and symmetrical for equal shares."""
    gap, low, high = difference_of_shares(56 / 70, 42 / 70, 70)
    assert gap == pytest.approx(0.2)
    assert 0.04 < low < 0.06 and 0.33 < high < 0.35
    assert difference_of_shares(0.5, 0.5, 40)[1] == -difference_of_shares(0.5, 0.5, 40)[2]


@pytest.mark.realdata
def test_limit_small_agrees_with_values_computed_independently():
    """Ties are shared here and went to the first document there: up to 0.1 apart."""
    value = results.get("pooling-search").value(corpus="limit-small", encoder="minilm")
    rows = {row["system"]: row for row in value["rows"]}

    def recall(system):
        return [100 * rows[system][f"recall@{k}"][0] for k in (2, 10, 20)]

    assert recall("MaxSim") == pytest.approx([96.0, 99.95, 99.95], abs=0.1)
    assert recall("static MaxSim") == pytest.approx([98.2, 100, 100], abs=0.1)
    assert recall("mean") == pytest.approx([16.2, 48.1, 69.5], abs=0.1)
    assert recall("static mean") == pytest.approx([31.5, 65.4, 84.2], abs=0.1)


def test_one_query_alone_is_refused():
    with pytest.raises(UsageError, match="n_queries must be a whole number from 2, not 1"):
        pooling_search("diy", "untrained", n_queries=1)
