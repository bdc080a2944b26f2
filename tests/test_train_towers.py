"""Small encoders trained from nothing: their inputs, their parts, and that they can learn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from paper_utils.errors import UsageError
from paper_utils.geometry.spectrum import participation_ratio
from paper_utils.train.contrastive import fine_tune
from paper_utils.train.cross_encoder import CrossEncoder, fit_cross_encoder, pair_scores
from paper_utils.train.sampling import practice_batches
from paper_utils.train.task import catalogue_task
from paper_utils.train.towers import (
    DSSM,
    TransformerTower,
    learn_tokenizer,
    spectral_penalty,
    vectors,
)


@pytest.fixture(scope="module")
def task():
    return catalogue_task(
        "ru", 1, n_practice=300, n_items=100, n_practice_queries=260, n_queries=60
    )


@pytest.fixture(scope="module")
def texts(task):
    return [*task.practice_items["title"], *task.practice_queries.texts]


@pytest.fixture(scope="module")
def pieces(texts):
    return learn_tokenizer(texts, size=800)


def test_the_tokenizer_is_the_same_each_time_and_keeps_numbers_apart(texts, pieces):
    again = learn_tokenizer(texts[::-1], size=800)
    assert again.get_vocab() == pieces.get_vocab()
    tokens = pieces.encode("Дрель 18В", add_special_tokens=False).tokens
    assert tokens == pieces.encode("дрель 18 в", add_special_tokens=False).tokens


def test_batches_are_judged_exactly(task):
    titles = task.practice_items["title"].tolist()
    grades = task.practice_queries.grades.toarray()
    row_of = {text: row for row, text in enumerate(task.practice_queries.texts)}
    for batch in itertools.islice(practice_batches(task, n_queries=16, hard=2), 5):
        rows = [row_of[text] for text in batch.queries]
        columns = [titles.index(text) for text in batch.documents]
        assert np.array_equal(batch.relevant, grades[np.ix_(rows, columns)] == 2)
        near = (grades[np.ix_(rows, columns)] == 1).sum(axis=1)
        assert (near >= np.minimum(2, (grades[rows] == 1).sum(axis=1))).all()
    first, second = (next(practice_batches(task, n_queries=16)) for _ in range(2))
    assert first.queries == second.queries and first.documents == second.documents


@pytest.mark.parametrize("make", ["transformer", "dssm"])
def test_towers_learn_and_give_unit_vectors(make, task, texts, pieces):
    model = TransformerTower(pieces, 16) if make == "transformer" else DSSM(texts, 16)
    twin = TransformerTower(pieces, 16) if make == "transformer" else DSSM(texts, 16)
    batches = practice_batches(task, n_queries=16)
    losses = fine_tune(model, batches, n_steps=25, learning_rate=2e-3)
    assert np.mean(losses[-5:]) < 0.75 * losses[0]
    found = vectors(model, [*texts[:70], "€"], batch=32)  # no piece, no trigram of the last
    assert found.shape == (71, 16) and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(vectors(model, texts[:70]), found[:70], atol=1e-5)
    with torch.no_grad():
        assert all(
            (a - b).abs().max() > 0 or a.numel() < 2
            for a, b in zip(model.parameters(), twin.parameters(), strict=True)
            if a.requires_grad and a.ndim == 2 and len(a) == 16
        )


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


def test_a_cross_encoder_learns_and_scores_pairs_in_any_order(task, pieces):
    model = CrossEncoder(pieces)
    batch = next(practice_batches(task, n_queries=8))
    losses = fit_cross_encoder(model, [batch] * 60, n_steps=60, negatives=3, learning_rate=1e-3)
    assert np.mean(losses[-5:]) < np.log(4) / 2
    titles, queries = task.items["title"].tolist(), task.queries.texts
    pairs = np.array([(q, t) for q in range(3) for t in range(20)])
    scores = pair_scores(model, queries, titles, pairs, batch=7)
    flipped = pair_scores(model, queries, titles, pairs[::-1])
    np.testing.assert_allclose(scores, flipped[::-1], atol=1e-5)
    assert np.ptp(scores) > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda task, pieces: TransformerTower(pieces, 0), "d must be a whole number"),
        (lambda task, pieces: DSSM(["a"], 2.5), "d must be a whole number"),
        (lambda task, pieces: next(practice_batches(task, n_queries=1)), "at least 2"),
        (lambda task, pieces: next(practice_batches(task, n_queries=999)), "practice has only"),
        (
            lambda task, pieces: fit_cross_encoder(
                CrossEncoder(pieces), practice_batches(task), n_steps=1, negatives=0
            ),
            "negatives must be at least 1",
        ),
        (lambda task, pieces: spectral_penalty(0), "weight must be positive"),
    ],
)
def test_bad_input(call, message, task, pieces):
    with pytest.raises(UsageError, match=message):
        call(task, pieces)
