"""Quality beside cost: what the systems keep and rank, and that the record is theirs."""

from dataclasses import replace

import numpy as np
import pytest

from paper_chapters.coarse_fine import indexed_systems as ready
from paper_chapters.coarse_fine.cross_encoder import CrossEncoder, pair_scores
from paper_chapters.coarse_fine.rows import fused
from paper_chapters.coarse_fine.speed import catalogue_speed, measured
from paper_chapters.coarse_fine.towers import learn_tokenizer
from paper_chapters.coarse_fine.trained_towers import trained_tower
from paper_chapters.coarse_fine.untrained_rows import SMALL
from paper_utils import UsageError
from paper_utils.results import get
from paper_utils.train.task import catalogue_task

QUALITY = ("fine", "coarse")


@pytest.fixture(scope="module")
def task():
    return catalogue_task("en", **SMALL)


@pytest.fixture(scope="module")
def titles(task):
    return task.items["title"].tolist()


@pytest.fixture(scope="module")
def model(titles):
    return CrossEncoder(learn_tokenizer(titles)).eval()  # as training leaves it


def system(scores, **keeps):
    return ready.System(lambda queries: scores[: len(queries)], **{"index_bytes": 0} | keeps)


def test_a_perfect_system_has_all_and_ties_have_their_expectation(task):
    grades = task.queries.grades.toarray()
    perfect, none = measured(task, {"perfect": system(grades), "none": system(0 * grades)})
    assert [perfect[name][0] for name in QUALITY] == [1.0, 1.0]
    # All titles tied: the gain expected at each place is the mean gain of the row.
    row = np.flatnonzero(~task.fine)
    gains = 2.0 ** grades[row] - 1
    discount = 1 / np.log2(np.arange(10) + 2)
    ideal = (-np.sort(-gains, axis=1)[:, :10]) @ discount
    assert none["coarse"][0] == pytest.approx(
        (gains.mean(axis=1) * discount.sum() / ideal).mean(), abs=1e-6
    )


def test_fusion_is_the_sum_of_reciprocal_ranks():
    found = fused(np.array([[3.0, 2.0, 1.0]]), np.array([[1.0, 5.0, 5.0]]))
    np.testing.assert_allclose(found, [[1 / 61 + 1 / 63, 1 / 62 + 1 / 61.5, 1 / 63 + 1 / 61.5]])


def test_reading_puts_what_was_found_in_the_order_of_the_model(task, titles, model):
    queries, depth = list(task.queries.texts[:4]), 7
    first = np.random.default_rng(0).standard_normal((4, len(titles)))
    both = ready.reading_system(model, 0.0, titles, system(first), depth)
    found = np.argsort(-both.scores(queries), axis=1, kind="stable")
    before = np.argsort(-first, axis=1)
    np.testing.assert_array_equal(found[:, depth:], before[:, depth:])
    everything = np.argwhere(np.ones((4, len(titles)), dtype=bool))
    read = pair_scores(model, queries, titles, everything).reshape(4, -1)
    for place, chosen in enumerate(before[:, :depth]):
        assert set(found[place, :depth]) == set(chosen)
        ordered = read[place, found[place, :depth]]
        assert (np.diff(ordered) < 2e-5).all()
    alone = ready.reading_system(model, 0.0, titles)
    np.testing.assert_allclose(alone.scores(queries), read, atol=1e-5)


def test_costs_of_stages_add_up(titles, model):
    first = system(np.zeros((1, len(titles))), index_bytes=100, model_bytes=10, training_s=3.0)
    alone = ready.reading_system(model, 2.0, titles)
    both = ready.reading_system(model, 2.0, titles, ready.fusion_system(first, first), 5)
    assert both.index_bytes == 200 + alone.index_bytes
    assert both.model_bytes == 20 + alone.model_bytes
    assert both.training_s == 8.0
    assert alone.model_bytes == 4 * sum(weights.numel() for weights in model.parameters())


def test_what_an_index_keeps_is_counted(task, titles):
    lexical = ready.lexical_systems(titles)
    assert lexical["set codes"].index_bytes == len(titles) * 257 * 4
    few = replace(task, items=task.items.iloc[:20])
    neural = ready.pretrained_systems(few)
    assert neural["MiniLM"].index_bytes == 20 * 384 * 4
    tokens = neural["MiniLM, MaxSim"].index_bytes / (384 * 4)
    assert tokens == int(tokens) and tokens > 20 * 3
    own = neural["MiniLM, MaxSim"].scores(titles[:20])
    assert (own.argmax(axis=1) == np.arange(20)).all()  # each title is nearest to itself


def test_a_tower_trained_a_little_keeps_a_vector_a_title(task, titles):
    tower = ready.tower_system(*trained_tower(task, 16, n_steps=2), titles)
    assert tower.index_bytes == len(titles) * 16 * 4
    cosines = tower.scores(titles[:3])
    np.testing.assert_allclose(cosines[np.arange(3), np.arange(3)], 1, atol=1e-5)


def test_a_small_look_has_a_row_a_lexical_system_and_agrees_with_the_record():
    live = catalogue_speed("en", "small")
    names = {row["system"] for row in live["rows"]}
    assert names == {"BM25", "character TF-IDF", "NUMEN", "set codes"}
    assert live["n_items"] == SMALL["n_items"]
    kept = get("catalogue-speed").value(language="en", size="small")
    for new, old in zip(live["rows"], kept["rows"], strict=True):
        assert new["system"] == old["system"]
        for name in (*QUALITY, "index_mib", "model_mib"):
            np.testing.assert_allclose(new[name], old[name], rtol=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda task, model: catalogue_speed("en", "tiny"), "size must be 'full' or 'small'"),
        (lambda task, model: trained_tower(task, 8, "bert"), "not 'bert'"),
        (
            lambda task, model: ready.reading_system(model, 0.0, ["a drill"], None, 1),
            "after a first stage",
        ),
        (
            lambda task, model: ready.reading_system(
                model, 0.0, ["a drill"], system(np.zeros((1, 1))), 2
            ),
            "depth must be from 1 to 1",
        ),
    ],
)
def test_what_cannot_be_is_an_error(task, model, call, message):
    with pytest.raises(UsageError, match=message):
        call(task, model)
