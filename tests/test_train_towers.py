"""Small encoders trained from nothing: their inputs, their parts, and that they can learn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from paper_chapters.coarse_fine.cross_encoder import CrossEncoder, list_loss, pair_scores
from paper_chapters.coarse_fine.sampling import training_batches, training_lists, training_texts
from paper_chapters.coarse_fine.towers import (
    DSSM,
    TransformerTower,
    learn_tokenizer,
    spectral_penalty,
    vectors,
)
from paper_utils.errors import UsageError
from paper_utils.geometry.spectrum import participation_ratio
from paper_utils.train.contrastive import embedding_loss, graded_infonce
from paper_utils.train.loop import train
from paper_utils.train.task import catalogue_task


@pytest.fixture(scope="module")
def task():
    return catalogue_task("ru", 1, n_train=300, n_items=100, n_train_queries=260, n_queries=60)


@pytest.fixture(scope="module")
def texts(task):
    return training_texts(task)


@pytest.fixture(scope="module")
def subwords(texts):
    return learn_tokenizer(texts, size=800)


def test_the_tokenizer_is_the_same_each_time_and_keeps_numbers_apart(texts, subwords):
    again = learn_tokenizer(texts[::-1], size=800)
    assert again.get_vocab() == subwords.get_vocab()
    tokens = subwords.encode("Дрель 18В", add_special_tokens=False).tokens
    assert tokens == subwords.encode("дрель 18 в", add_special_tokens=False).tokens


def test_batches_are_judged_exactly(task):
    titles = task.training_items["title"].tolist()
    grades = task.training_queries.grades.toarray()
    row_of = {text: row for row, text in enumerate(task.training_queries.texts)}
    for batch in itertools.islice(training_batches(task, n_queries=16, hard=2), 5):
        rows = [row_of[text] for text in batch.queries]
        columns = [titles.index(text) for text in batch.documents]
        assert np.array_equal(batch.grades, grades[np.ix_(rows, columns)])
        near = (grades[np.ix_(rows, columns)] == 1).sum(axis=1)
        assert (near >= np.minimum(2, (grades[rows] == 1).sum(axis=1))).all()
    first, second = (next(training_batches(task, n_queries=16)) for _ in range(2))
    assert first.queries == second.queries and first.documents == second.documents


def test_lists_have_one_that_fits_and_half_of_a_first_stages_mistakes(task):
    grades = task.training_queries.grades.toarray()
    titles = task.training_items["title"].tolist()
    row_of = {text: row for row, text in enumerate(task.training_queries.texts)}
    grade_of = {
        (q, t): max(grades[q, i] for i, title in enumerate(titles) if title == t)
        for q in range(3)
        for t in set(titles)
    }
    first = np.random.default_rng(0).random(grades.shape)
    ahead = [
        {titles[i] for i in row[:10] if g[i] < 2}
        for row, g in zip(np.argsort(-first, axis=1), grades, strict=True)
    ]
    for batch in itertools.islice(training_lists(task, first, n_queries=8, depth=10), 40):
        for text, (fits, *others), judged in zip(
            batch.queries, batch.titles, batch.grades, strict=True
        ):
            query = row_of[text]
            assert judged[0] == 2 and judged[1:].max() < 2
            assert len(others) == 7
            assert len(set(others[:4]) & ahead[query]) >= min(4, len(ahead[query])) - 1
            if query < 3:
                assert grade_of[query, fits] == 2
                assert all(0 in grades[query, [i for i, t in enumerate(titles) if t == o]]
                           or grade_of[query, o] < 2 for o in others)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("make", ["transformer", "dssm"])
def test_towers_learn_and_give_unit_vectors(make, task, texts, subwords):
    model = TransformerTower(subwords, 16) if make == "transformer" else DSSM(texts, 16)
    before = TransformerTower(subwords, 16) if make == "transformer" else DSSM(texts, 16)
    batches = training_batches(task, n_queries=16)
    losses = train(model, batches, embedding_loss(model), n_steps=25, learning_rate=2e-3)
    assert np.mean(losses[-5:]) < 0.75 * losses[0]
    found = vectors(model, [*texts[:70], "€"], batch=32)  # no subword, no trigram of the last
    assert found.shape == (71, 16) and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(vectors(model, texts[:70]), found[:70], atol=1e-5)
    with torch.no_grad():
        assert all(
            (a - b).abs().max() > 0 or a.numel() < 2
            for a, b in zip(model.parameters(), before.parameters(), strict=True)
            if a.requires_grad and a.ndim == 2 and len(a) == 16
        )


def test_the_graded_loss_is_that_of_each_grade_by_hand():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4, 6))
    grades = np.array([rng.permutation([0, 0, 1, 1, 2, 2]) for _ in range(4)])
    by_hand = [
        np.mean([-np.log(np.exp(s[i]) / (np.exp(s[i]) + np.exp(s[g < at]).sum()))
                 for i in np.flatnonzero(g >= at)])
        for at in (1, 2)
        for s, g in zip(scores, grades, strict=True)
    ]  # fmt: skip
    found = graded_infonce(torch.from_numpy(scores), torch.from_numpy(grades))
    assert found.item() == pytest.approx(np.mean(by_hand), rel=1e-12)


@pytest.mark.slow
def test_training_on_grades_orders_what_is_near_above_what_is_far(task, subwords):
    model = TransformerTower(subwords, 16)
    batches = training_batches(task, n_queries=16)
    losses = train(model, batches, embedding_loss(model), n_steps=40, learning_rate=2e-3)
    assert np.mean(losses[-5:]) < 0.75 * losses[0]
    batch = next(training_batches(task, n_queries=16, seed=3))
    scores = vectors(model, batch.queries) @ vectors(model, batch.documents).T
    assert scores[batch.grades == 1].mean() > scores[batch.grades == 0].mean() + 0.1


def test_trigrams_of_dssm():
    # Huang et al. 2013, section 3.2: #good# has the trigrams #go, goo, ood, od#.
    assert DSSM.trigrams("good") == ["#go", "goo", "ood", "od#"]
    assert DSSM.trigrams("A Drill") == ["#a#", *DSSM.trigrams("drill")]


def test_the_penalty_is_the_logarithm_of_the_effective_dimension():
    X = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 6)) * [3, 2, 1, 1, 0.5, 0.1])
    spectrum = np.linalg.eigvalsh(np.cov(X.numpy().T))
    expected = -0.5 * np.log(participation_ratio(spectrum) / 6)
    assert spectral_penalty(0.5)(X).item() == pytest.approx(expected, rel=1e-10)
    wide = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 60)))
    spectrum = np.clip(np.linalg.eigvalsh(np.cov(wide.numpy().T)), 0, None)
    expected = -np.log(participation_ratio(spectrum) / 4)
    assert spectral_penalty(1.0)(wide).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.slow
def test_a_cross_encoder_learns_and_scores_pairs_in_any_order(task, subwords):
    model = CrossEncoder(subwords)
    batch = next(training_lists(task, n_queries=8, negatives=3))
    losses = train(model, [batch] * 60, list_loss(model), n_steps=60, learning_rate=1e-3)
    assert np.mean(losses[-5:]) < losses[0] / 2
    titles, queries = task.items["title"].tolist(), task.queries.texts
    pairs = np.array([(q, t) for q in range(3) for t in range(20)])
    scores = pair_scores(model, queries, titles, pairs, batch=7)
    flipped = pair_scores(model, queries, titles, pairs[::-1])
    np.testing.assert_allclose(scores, flipped[::-1], atol=1e-5)
    assert np.ptp(scores) > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda task, subwords: TransformerTower(subwords, 0), "d must be a whole number"),
        (lambda task, subwords: DSSM(["a"], 2.5), "d must be a whole number"),
        (lambda task, subwords: next(training_batches(task, n_queries=1)), "at least 2"),
        (lambda task, subwords: next(training_batches(task, n_queries=999)), "training has only"),
        (
            lambda task, subwords: next(training_lists(task, negatives=0)),
            "negatives must be at least",
        ),
        (lambda task, subwords: next(training_lists(task, n_queries=999)), "training has only"),
        (lambda task, subwords: next(training_lists(task, np.zeros((2, 3)))), "first has shape"),
        (lambda task, subwords: spectral_penalty(0), "weight must be positive"),
    ],
)
def test_bad_input(call, message, task, subwords):
    with pytest.raises(UsageError, match=message):
        call(task, subwords)


def test_before_training_a_cross_encoder_attends_to_the_same_token(subwords):
    model = CrossEncoder(subwords)
    ids = torch.tensor([[2, 10, 11, 12, 3, 21, 11, 22, 23, 3]])
    model.encoder.set_attn_implementation("eager")
    with torch.inference_mode():
        seen = model.encoder(
            input_ids=ids, attention_mask=torch.ones_like(ids), output_attentions=True
        ).attentions[0]
    row = seen[0].mean(dim=0)[2]  # of the second token of the query, over heads
    others = [place for place in range(10) if place not in (2, 6)]
    assert row[6] > 1.5 * row[others].max()
