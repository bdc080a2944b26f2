"""Remedies and what is advised: closed forms, a null without effect, and the words beside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_sets import cloud_of, inputs_of, sets
from scipy.stats import rankdata
from statsmodels.stats.multitest import multipletests

from embedding_audit.judged import quality
from embedding_audit.judged.actions import REMEDIES, actions_untried, holm
from embedding_audit.judged.lexical import Words, from_zero_to_one, reciprocal_ranks
from embedding_audit.judged.remedies import Tried
from embedding_audit.judged.savings import changed
from embedding_audit.judged.scores import Space
from embedding_audit.measure import Measure
from paper_utils.checks import unit_rows
from paper_utils.search.metrics import ndcg_at_k
from paper_utils.search.ranks import ranks_from_scores


def pairs(n=200, d=24, n_queries=80, noise=1.0, seed=0):
    """Return documents, queries near one of them each, and grades."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    right = rng.permutation(n)[:n_queries]
    Q = X[right] + noise * rng.normal(size=(n_queries, d))
    grades = np.full((n_queries, n), np.nan)
    grades[np.arange(n_queries), right] = 1
    return X.astype(np.float32), Q.astype(np.float32), grades, right


def by_id(found):
    return {action.id: action for action in found.actions}


def test_centring_both_sides_helps_where_each_has_a_mean_of_its_own():
    X, Q, grades, _ = pairs()
    rng = np.random.default_rng(9)
    X, Q = X + 3 * rng.normal(size=24), Q - 3 * rng.normal(size=24)
    found = by_id(quality(inputs_of(X.astype("f4"), Q.astype("f4"), grades), cloud_of(X)))
    assert found["centre_both"].advised and found["centre_both"].gain.low > 0.1
    U, V = unit_rows(X.astype("f4")), unit_rows(Q.astype("f4"))
    moved = U - U.mean(axis=0)
    plain = ndcg_at_k(ranks_from_scores(V @ U.T, np.nan_to_num(grades)), 10).mean()
    scores = (V - V.mean(axis=0)) @ unit_rows(moved).T  # by the mean of all queries
    whole = ndcg_at_k(ranks_from_scores(scores, np.nan_to_num(grades)), 10).mean()
    assert found["centre_both"].gain.value == pytest.approx(whole - plain, abs=0.03)
    one_side = ndcg_at_k(ranks_from_scores(V @ unit_rows(moved).T, np.nan_to_num(grades)), 10)
    gain = found["centre_documents"].gain.value
    assert gain == pytest.approx(one_side.mean() - plain, abs=1e-3)


def test_the_inner_product_is_the_first_finding_where_lengths_carry_the_answer():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(50, 8))] * 2)
    X[50:] *= 5
    grades = np.full((50, 100), np.nan)
    grades[np.arange(50), np.arange(50, 100)] = 1
    Q = X[:50] + 0.3 * rng.normal(size=(50, 8))
    X[:50] += 0.1 * rng.normal(size=(50, 8))
    X, Q = X.astype("f4"), Q.astype("f4")
    found = quality(inputs_of(X, Q, grades), cloud_of(X))
    measures = found.measures
    by_name = {"cosine": unit_rows(Q) @ unit_rows(X).T, "dot": Q @ X.T}
    for name, scores in by_name.items():
        ranks = ranks_from_scores(scores, np.nan_to_num(grades))
        want = np.mean(ranks.better < 10)
        assert measures[f"relevance.recall_10_{name}"].value == pytest.approx(want, abs=1e-6)
    dot = measures["relevance.dot_gain"]
    if dot.low > 0:
        assert found.findings[0].key == "relevance.dot_gain"
        assert found.findings[0].severity == 1
    assert "cosine" not in by_id(found) and "dot" in by_id(found)
    other = quality(inputs_of(X, Q, grades, metric="dot"), cloud_of(X))
    assert other.measures["relevance.recall_10"].value == pytest.approx(
        measures["relevance.recall_10_dot"].value
    )
    gain = by_id(found)["dot"].gain.value
    assert by_id(other)["cosine"].gain.value == pytest.approx(-gain, abs=1e-9)


def test_lengths_that_are_equal_leave_the_metric_open():
    X, Q, grades, _ = pairs()
    found = quality(inputs_of(unit_rows(X), Q, grades), cloud_of(unit_rows(X)))
    one = found.measures["relevance.dot_gain"]
    assert one.value is None and "same length" in one.reason


def test_words_help_where_they_name_the_answer():
    X, Q, grades, right = pairs(noise=2.5)
    texts = tuple(f"предмет {i} drill" for i in range(len(X)))
    asked = tuple(f"Предмет {i}" for i in right)
    found = quality(inputs_of(X, Q, grades, texts=texts, query_texts=asked), cloud_of(X))
    assert found.measures["relevance.recall_10_bm25"].value == 1
    actions = by_id(found)
    assert "Best over all judged queries: weight 0.1" in actions["weighted_sum"].how
    assert actions["bm25"].advised and actions["weighted_sum"].advised and actions["rrf"].advised
    assert any(one.key == "relevance.bm25_gain" for one in found.findings)


@pytest.mark.parametrize(
    ("texts", "asked", "reason"),
    [
        (None, ("a",) * 80, "--texts"),
        (("a",) * 200, None, "--query-texts"),
        (("", "!!") * 100, ("a",) * 80, "none of the 200 texts holds a word"),
    ],
)
def test_without_words_the_lexical_side_says_why(texts, asked, reason):
    X, Q, grades, _ = pairs()
    found = quality(inputs_of(X, Q, grades, texts=texts, query_texts=asked), cloud_of(X))
    one = found.measures["relevance.recall_10_bm25"]
    assert one.value is None and reason in one.reason
    assert reason in by_id(found)["rrf"].gain.reason


def test_bm25_is_lucenes_formula_over_unicode_words():
    texts = ["Дрель 18 В", "дрель-шуруповёрт 12 В", "", "молоток"]
    words = Words(texts)
    found = words.scores(["ДРЕЛЬ 18", "нет такого", "", "в в"])
    length = np.array([3, 4, 0, 1])
    idf = {n: np.log(1 + (4 - n + 0.5) / (n + 0.5)) for n in (1, 2)}
    share = 1 / (1 + 1.5 * (0.25 + 0.75 * length / length.mean()))
    want = np.array([idf[2] + idf[1], idf[2], 0, 0]) * share
    assert found[0] == pytest.approx(want, rel=1e-5)
    assert not found[1].any() and not found[2].any()
    assert found[3, :2] == pytest.approx(2 * idf[2] * share[:2], rel=1e-5)
    assert Words(["", "--"]).empty


def test_reciprocal_ranks_share_the_places_of_ties():
    scores = np.array([[3, 1, 1, 0, -1]], dtype=np.float32)
    assert reciprocal_ranks(scores)[0] == pytest.approx(1 / (60 + rankdata(-scores[0])))
    found = reciprocal_ranks(scores, above=0.0)[0]
    assert found == pytest.approx([1 / 61, 1 / 62.5, 1 / 62.5, 0, 0])
    many = np.arange(2500, dtype=np.float32)[None]
    assert (reciprocal_ranks(many) > 0).sum() == 1000


def test_scores_are_brought_to_zero_and_one():
    scores = np.array([[1, 3, 2, -np.inf], [0, 0, 0, 0]], dtype=np.float32)
    assert from_zero_to_one(scores).tolist() == [[0, 1, 0.5, 0], [0, 0, 0, 0]]


def test_a_variant_is_chosen_on_the_other_half():
    found = Tried({"a": np.array([1.0, 0, 1, 0]), "b": np.array([0.0, 1, 0, 1])}, {})
    found.recall.update({name: -line for name, line in found.ndcg.items()})
    found.choose("best", {"a": "A", "b": "B"}, np.array([0, 1, 0, 1]))
    assert found.chosen == {"best": "A"}
    # Of the second half b is right, which is wrong for the first: what is fitted is not measured.
    assert found.ndcg["best"].tolist() == [0, 0, 0, 0]
    assert found.recall["best"].tolist() == [0, 0, 0, 0]


def test_savings_are_advised_where_nothing_is_lost_and_halves_where_half_is_enough():
    X, Q, grades, _ = pairs(d=32, noise=0.3)
    X[:, 16:], Q[:, 16:] = X[:, 16:] * 1e-3, Q[:, 16:] * 1e-3
    found = by_id(quality(inputs_of(X, Q, grades), cloud_of(X)))
    for name in ("bfloat16", "int8", "half"):
        assert found[name].advised, name
    half = found["half"].gain
    assert half.value > half.null["random"] + 0.02


def test_bits_and_rounding_are_what_they_say():
    X = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    space = Space("dot", 1.0)
    half = changed("half", X, space, 0)
    assert np.array_equal(half, X[:, :3])
    assert changed("half_random", X, space, 0).shape == (50, 3)
    assert np.array_equal(changed("int8", X, space, 0, queries=True), X)
    step = (X.max(axis=0) - X.min(axis=0)) / 255
    assert (np.abs(changed("int8", X, space, 0) - X) <= 0.51 * step).all()
    assert changed("half", X[:, :3], space, 0) is None


def test_nothing_is_advised_on_judgements_of_pure_noise():
    """Of 20 sets none may be advised more than once: Holm allows 5% of all sets a false alarm."""
    alarms = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(120, 12)).astype(np.float32) + 0.5
        Q = rng.normal(size=(60, 12)).astype(np.float32)
        grades = np.full((60, 120), np.nan)
        grades[np.arange(60), rng.integers(0, 120, 60)] = 1
        words = [f"w{i}" for i in range(30)]
        texts = tuple(" ".join(rng.choice(words, 6)) for _ in range(120))
        asked = tuple(" ".join(rng.choice(words, 3)) for _ in range(60))
        found = quality(inputs_of(X, Q, grades, texts=texts, query_texts=asked), cloud_of(X))
        alarms += [seed] if any(action.advised for action in found.actions) else []
        assert all(a.gain.measured for a in found.actions)
    assert len(alarms) <= 1, alarms


def test_few_queries_try_nothing_and_say_so():
    X, Q, grades = sets(n_queries=12)
    found = quality(inputs_of(X, Q, grades), cloud_of(X))
    assert found.measures["relevance.recall_10"].value is not None
    assert not any(action.advised for action in found.actions)
    assert all("fewer than 20" in action.gain.reason for action in found.actions)


def test_without_judgements_lists_that_stay_are_all_that_is_known():
    known = {
        "stability.int8": Measure(0.998, 0.996, 0.999, n=500),
        "stability.half": Measure(0.6, 0.5, 0.7, n=500),
    }
    found = {action.id: action for action in actions_untried(known, "l2")}
    assert found["int8"].advised and "overlap" in found["int8"].metric
    assert "all that is known" in found["int8"].gain.sentence
    assert not found["half"].advised and not found["bfloat16"].gain.measured
    assert set(found) == {row.id for row in REMEDIES}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_that_of_statsmodels(values):
    found = holm({str(i): p for i, p in enumerate(values)})
    want = multipletests(values, method="holm")[1]
    assert [found[str(i)] for i in range(len(values))] == pytest.approx(want)


def test_every_sentence_of_an_action_names_its_numbers():
    X, Q, grades, _ = pairs()
    for action in quality(inputs_of(X, Q, grades), cloud_of(X)).actions:
        sentence = action.gain.sentence
        assert sentence.endswith(".") and action.how.endswith(".") and action.cost
        assert not action.gain.measured or "nDCG@10" in sentence
