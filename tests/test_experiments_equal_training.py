"""Arms of one backbone: what they compute, what they see, and pairs that tell coarse from fine."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse, stats

from paper_chapters.coarse_fine import equal_catalogue, equal_catalogue_seeds, judged_lists
from paper_chapters.coarse_fine.arms import (
    ARMS,
    Arm,
    list_loss,
    load_backbone,
    max_sim,
    pair_scores,
)
from paper_chapters.coarse_fine.equal_evidence import (
    after_holm,
    arm_difference,
    arm_mean,
    best_rate,
    reranking_gain,
)
from paper_chapters.coarse_fine.equal_speed import one_query
from paper_chapters.coarse_fine.equal_training import RATE, RATES, accuracy
from paper_chapters.coarse_fine.graded_pairs import (
    find_brands,
    graded_pairs,
    pair_kind,
    title_class,
)
from paper_chapters.coarse_fine.judged_lists import (
    LENGTH,
    GradedLists,
    GradedTitles,
    bucket,
    part_of,
    training_lists,
)
from paper_utils import load_encoder
from paper_utils.errors import UsageError
from paper_utils.results import get, result_path
from paper_utils.search.late_interaction import maxsim
from paper_utils.statistics import bootstrap_interval
from paper_utils.train.contrastive import multi_positive_infonce

QUERIES = ("18 volt drill", "red kettle")
TITLES = (
    ("Ryobi 18-Volt Drill", "Ryobi 12-Volt Drill", "Hand Saw"),
    ("Kettle in Red, 2 qt.", "Blue Kettle", "A red pillow of fine satin with a long title"),
)
LISTS = GradedLists(QUERIES, TITLES, np.array([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]]))


@pytest.fixture(scope="module")
def arms():
    return {kind: Arm(kind).eval() for kind in ARMS}


def test_untrained_towers_are_minilm_itself(arms):
    encoder = load_encoder("minilm")
    with torch.inference_mode():
        found = arms["two towers"](LISTS).numpy() * 0.05
    for row, (query, titles) in enumerate(zip(QUERIES, TITLES, strict=True)):
        cosines = encoder.encode([query]) @ encoder.encode(titles).T
        np.testing.assert_allclose(found[row], cosines[0], atol=1e-5)


@pytest.mark.parametrize("kind", ARMS)
def test_lists_and_pairs_have_the_same_scores(arms, kind):
    titles = [title for row in TITLES for title in row]
    pairs = np.array([(0, 0), (0, 1), (0, 2), (1, 3), (1, 4), (1, 5)])[::-1]
    with torch.inference_mode():
        lists = arms[kind](LISTS).numpy().ravel()[::-1]
    scale = 1 if kind == "cross-encoder" else 0.05
    found = pair_scores(arms[kind], QUERIES, titles, pairs)
    np.testing.assert_allclose(found, lists * scale, atol=1e-5)


def test_late_interaction_is_max_sim_over_the_mean():
    rng = np.random.default_rng(0)
    query, title = (rng.normal(size=(n, 8)).astype(np.float32) for n in (3, 5))
    query, title = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, title))
    padded = torch.zeros(1, 7, 8)
    padded[0, :5] = torch.from_numpy(title)
    wide = torch.zeros(1, 4, 8)
    wide[0, :3] = torch.from_numpy(query)
    expected = maxsim([query], [title])[0, 0] / len(query)
    assert max_sim(wide, padded).item() == pytest.approx(expected, abs=1e-6)


def test_only_the_last_layer_of_a_cross_encoder_depends_on_the_seed():
    one, other = Arm("cross-encoder", seed=1), Arm("cross-encoder", seed=2)
    assert not torch.equal(one.out.weight, other.out.weight)
    same = zip(one.network.parameters(), other.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)


def test_the_backbone_is_a_copy_with_dropout_and_frozen_words():
    network = load_backbone("minilm").network
    rates = {m.p for m in network.modules() if isinstance(m, torch.nn.Dropout)}
    assert rates == {0.1}
    assert not network.get_input_embeddings().weight.requires_grad
    assert network is not load_encoder("minilm").model[0].auto_model
    with pytest.raises(UsageError, match="minilm, me5-small, not 'bert'"):
        load_backbone("bert")


def test_the_loss_of_two_grades_is_infonce():
    scores = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    grades = torch.zeros(5, 8)
    grades[:, :3] = 1
    expected = multi_positive_infonce(scores, grades > 0)
    assert list_loss(scores, grades).item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_loss_asks_for_the_order_of_grades():
    grades = torch.tensor([[3.0, 2.0, 1.0, 0.0]])
    right, wrong = torch.tensor([[3.0, 2, 1, 0]]), torch.tensor([[0.0, 1, 2, 3]])
    assert list_loss(50 * right, grades) < 1e-6 < list_loss(right, grades)
    assert list_loss(right, grades) < list_loss(wrong, grades)
    with_equal = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    swapped = right[:, [1, 0, 3, 2]]
    assert list_loss(right, with_equal).item() == pytest.approx(
        list_loss(swapped, with_equal).item()
    )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Ryobi 18-Volt Drill", "Ryobi 12-Volt Drill", ("fine", "volt")),
        ("Ryobi 18-Volt Drill", "Ryobi Drill", ("neither", "")),  # silent, not another value
        ("Ryobi 18-Volt Drill", "Ryobi 18-Volt Saw", ("coarse", "")),
        ("Ryobi 18-Volt Sander", "Ryobi 18-Volt Saw", ("neither", "")),  # neither is asked for
        ("Ryobi 18-Volt Drill", "Bosch 18-Volt Drill in Blue", ("neither", "")),
    ],
)
def test_kinds_of_pairs(one, other, expected):
    assert pair_kind("18 volt drill", one, other, frozenset()) == expected
    assert pair_kind("18 volt drill", other, one, frozenset()) == expected


def test_sizes_without_a_unit_are_inches():
    found = pair_kind(
        "screen door 32x80", "32 in. x 80 in. Screen Door", "36 in. x 80 in. Door", frozenset()
    )
    assert found == ("fine", "inch")


def test_a_brand_begins_most_titles_that_name_it():
    titles = (
        ["Ryobi Drill"] * 20 + ["Water Hose"] * 20 + ["Hose for Water"] * 30 + ["Red Hose"] * 40
    )
    assert find_brands(titles) == {"ryobi"}


def test_titles_without_words_have_no_class():
    assert title_class("12 in. x 3") == "" and title_class("") == ""


def test_pairs_are_those_of_different_grades():
    grades = sparse.csr_array(np.array([[2.0, 1.0, 0.0]]))
    grades.data[:] = [2.0, 1.9]  # the third was not judged
    found = graded_pairs(["drill"], ["Drill", "Saw", "Lamp"], grades)
    assert found.empty
    found = graded_pairs(["drill"], ["Drill", "Saw"], sparse.csr_array([[2.0, 1.0]]))
    assert found.to_numpy().tolist() == [[0, 0, 1, "coarse", ""]]


def test_accuracy_counts_queries_alike_and_ties_by_half():
    pairs = pd.DataFrame({"query": [0, 0, 0, 1], "right": 0, "wrong": 1})
    scores = np.array([[1, 0], [0, 1], [1, 1], [2, 1]], dtype=np.float32)
    assert accuracy(pairs, scores, np.ones(4, dtype=bool)).tolist() == [0.5, 1.0]


def graded(n_queries=60, n_titles=200, seed=0) -> GradedTitles:
    rng = np.random.default_rng(seed)
    queries = tuple(f"query {i}" for i in range(n_queries))
    titles = tuple(f"title {i}" for i in range(n_titles))
    rows, columns, values = [], [], []
    for query in range(n_queries):
        for title in rng.choice(n_titles, 12, replace=False):
            rows.append(query), columns.append(title), values.append(float(rng.integers(0, 4)))
    grades = sparse.coo_array((values, (rows, columns)), shape=(n_queries, n_titles)).tocsr()
    return GradedTitles(
        "made up",
        queries,
        titles,
        grades,
        np.array([part_of(query) for query in queries]),
        np.array([bucket(title, "product") < 30 for title in titles]),
    )


def test_no_training_list_shows_a_test_query_or_a_held_out_product():
    data = graded()
    tested = {data.queries[row] for row in data.rows("test")}
    hidden = {data.titles[at] for at in np.flatnonzero(data.held_out)}
    assert tested and hidden
    for batch in islice(training_lists(data, seed=1), 50):
        assert batch.grades.shape == (4, LENGTH) == (len(batch.queries), len(batch.titles[0]))
        assert not tested & set(batch.queries)
        assert not hidden & {title for row in batch.titles for title in row}
        assert all(len(set(row)) == LENGTH for row in batch.titles)
        assert (batch.grades.max(axis=1) > batch.grades.min(axis=1)).all()


def test_lists_have_the_grades_that_people_gave():
    data = graded()
    batch = next(training_lists(data, seed=2))
    for query, titles, grades in zip(batch.queries, batch.titles, batch.grades, strict=True):
        row = data.queries.index(query)
        known = data.grades[[row]].toarray()[0]
        assert [known[data.titles.index(title)] for title in titles] == grades.tolist()


def test_a_split_that_leaks_is_an_error():
    data = graded()
    twice = ("QUERY  0", *data.queries[1:-1], "query 0")
    part = np.where(np.arange(len(twice)) == 0, "train", "test")
    with pytest.raises(UsageError, match="query 'query 0' is on both sides"):
        judged_lists.check_split(twice, part, data.titles, data.held_out)
    titles = ("title 1", "Title 1")
    with pytest.raises(UsageError, match="the title 'Title 1'"):
        judged_lists.check_split(data.queries, data.part, titles, np.array([True, False]))


def test_too_few_queries_are_refused():
    with pytest.raises(UsageError, match="4 are needed"):
        next(training_lists(graded(n_queries=4)))


@pytest.mark.realdata
@pytest.mark.parametrize("name", judged_lists.SETS)
def test_judged_sets_are_split_without_a_leak(name):
    data = judged_lists.graded_titles(name)
    shares = [len(data.rows(part)) / len(data.queries) for part in judged_lists.PARTS]
    np.testing.assert_allclose(shares, [0.5, 0.1, 0.4], atol=0.02)
    assert 0.28 < data.held_out.mean() < 0.32
    shown = judged_lists.shown_pairs(data)
    assert sum(len(titles) for _, titles in shown) <= judged_lists.MOST_PAIRS


def test_rates_are_the_best_of_the_record():
    if not result_path("equal-rates").is_file():
        pytest.skip("the rates are not measured yet")
    tasks = get("equal-rates").tasks
    for arm in ARMS:
        found = {task["rate"]: v["accuracy"]["all"] for task, v, _ in tasks if task["arm"] == arm}
        assert set(found) == set(RATES)
        assert max(found, key=found.get) == RATE[arm]


def test_the_rate_of_more_seeds_is_what_development_pairs_choose():
    recorded = get("equal-catalogue")
    for arm in ARMS:
        case = {"language": equal_catalogue_seeds.LANGUAGE, "system": arm}
        chosen = recorded.value(rate=equal_catalogue_seeds.RATE, **case)["test"]
        assert chosen == best_rate(recorded, equal_catalogue.RATES, **case)


@pytest.mark.parametrize("n_seeds", [1, 5])
def test_seeds_that_agree_leave_the_interval_of_the_queries(n_seeds):
    values = np.random.default_rng(0).random(60)
    found = arm_mean([{"per_query": {"fine": values}}] * n_seeds, "fine")
    assert list(found.values()) == pytest.approx(list(bootstrap_interval(values)[:3]), abs=1e-12)


def test_seeds_add_their_spread_to_that_of_the_queries():
    values, shifts = np.random.default_rng(1).random(60), np.array([-0.1, 0.0, 0.1, 0.0, 0.05])
    none = [{"per_query": {"fine": np.zeros(60)}}] * 5
    found = arm_difference([{"per_query": {"fine": values + s}} for s in shifts], none, "fine")
    mean, low, _ = bootstrap_interval(values + shifts.mean())[:3]
    half = stats.sem(shifts) * stats.t.ppf(0.975, 4)
    assert found["mean"] == pytest.approx(mean)
    assert found["mean"] - found["low"] == pytest.approx(np.hypot(mean - low, half))


def test_the_gain_of_reranking_is_paired_by_query():
    first, deep = np.random.default_rng(2).random((2, 60))
    rows = [{"per_query": {"0": first, "50": deep + shift}} for shift in (0.0, 0.1)]
    expected = arm_mean(
        [{"per_query": {"fine": row["per_query"]["50"] - first}} for row in rows], "fine"
    )
    assert reranking_gain(rows, 50) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ARMS)
def test_what_is_timed_gives_the_scores_that_are_measured(arms, kind):
    model, titles = arms[kind], [title for row in TITLES for title in row]
    with torch.inference_mode():
        kept = None if kind == "cross-encoder" else model.encode(titles, side=1)
        found = one_query(model, QUERIES[0], titles, kept).numpy()
    pairs = np.column_stack([np.zeros(len(titles), dtype=int), np.arange(len(titles))])
    assert found == pytest.approx(pair_scores(model, QUERIES, titles, pairs), abs=1e-5)


def test_development_chooses_the_rate_and_the_test_is_not_asked():
    class Recorded:
        def value(self, *, rate, arm):
            coarse, fine = {1.0: (0.9, 0.6), 2.0: (0.8, 0.75)}[rate]
            chosen = {"accuracy": {"coarse": coarse, "fine": fine}}
            return {"development": chosen, "test": (arm, rate, -fine)}

    assert best_rate(Recorded(), (1.0, 2.0), arm="a") == ("a", 2.0, -0.75)


def test_a_lead_at_the_edge_is_lost_among_four():
    def lead(mean, half):
        return {"mean": mean, "low": mean - half, "high": mean + half}

    found = after_holm(
        {"edge": lead(2.0, 1.99), "sure": lead(4.0, 1.96), 2: lead(0, 1), 3: lead(0, 1)}
    )
    p = 2 * stats.norm.sf(2.0 / (1.99 / stats.norm.ppf(0.975)))
    assert found["edge"] == pytest.approx(3 * p) and 0.04 < p < 0.05
    assert found["sure"] == pytest.approx(4 * 2 * stats.norm.sf(4 / (1.96 / stats.norm.ppf(0.975))))
    assert found[2] == found[3] == 1
