"""Contrastive training: the loss against closed forms, and a small encoder that learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paper_utils.errors import PaperError, UsageError
from paper_utils.train.contrastive import (
    Batch,
    embed,
    embedding_loss,
    graded_infonce,
    multi_positive_infonce,
)
from paper_utils.train.loop import train


class Bag(torch.nn.Module):
    """The smallest encoder of sentence-transformers' form: a mean of word vectors."""

    max_seq_length = 8

    def __init__(self, words: int = 40, d: int = 16) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = torch.nn.Embedding(words, d)

    def tokenizer(self, texts, *, max_length, **_):
        rows = [[int(word) for word in text.split()][:max_length] for text in texts]
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for at, row in enumerate(rows):
            ids[at, : len(row)], mask[at, : len(row)] = torch.tensor(row), 1
        return {"input_ids": ids, "attention_mask": mask}

    def forward(self, features):
        weights = features["attention_mask"].unsqueeze(-1)
        states = self.words(features["input_ids"]) * weights
        return {"sentence_embedding": states.sum(dim=1) / weights.sum(dim=1)}


def batch(seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    lists = [rng.choice(40, 8, replace=False) for _ in range(12)]
    words = [int(items[0]) for items in lists]
    return Batch(
        queries=tuple(str(word) for word in words),
        documents=tuple(" ".join(map(str, items)) for items in lists),
        grades=np.array([[word in items for items in lists] for word in words]),
    )


def fit(model, batches, n_steps, learning_rate=5e-5):
    return train(
        model, batches, embedding_loss(model), n_steps=n_steps, learning_rate=learning_rate
    )


@given(st.integers(1, 5), st.integers(2, 6), st.integers(0, 99))
def test_with_one_relevant_document_the_loss_is_cross_entropy(n_queries, n_docs, seed):
    torch.manual_seed(seed)
    scores = 3 * torch.randn(n_queries, n_docs, dtype=torch.float64)
    target = torch.randint(n_docs, (n_queries,))
    relevant = torch.nn.functional.one_hot(target, n_docs).bool()
    expected = torch.nn.functional.cross_entropy(scores, target)
    torch.testing.assert_close(multi_positive_infonce(scores, relevant), expected)


def test_relevant_documents_do_not_push_each_other_away():
    scores = torch.tensor([[2.0, 1.0, 0.0]], requires_grad=True)
    multi_positive_infonce(scores, torch.tensor([[True, True, False]])).backward()
    (gradient,) = scores.grad
    assert gradient[0] < 0 and gradient[1] < 0 < gradient[2]
    # Without a negative there is nothing to learn.
    scores = torch.randn(2, 3, requires_grad=True)
    loss = multi_positive_infonce(scores, torch.ones(2, 3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and torch.equal(scores.grad, torch.zeros(2, 3))


def test_the_loss_is_finite_for_large_scores():
    scores = torch.tensor([[1e4, -1e4, 0.0]])
    relevant = torch.tensor([[False, True, False]])
    torch.testing.assert_close(multi_positive_infonce(scores, relevant), torch.tensor(2e4))


def test_a_small_encoder_learns_and_repeats():
    first, again, other = Bag(), Bag(), Bag()
    losses = fit(first, [batch()] * 60, 60, 0.05)
    assert np.mean(losses[-5:]) < losses[0] / 4
    assert fit(again, [batch()] * 60, 60, 0.05) == losses
    assert torch.equal(first.words.weight, again.words.weight)
    assert not torch.equal(first.words.weight, other.words.weight)
    assert not first.training


def test_vectors_are_of_unit_length_and_cut_at_the_window():
    vectors = embed(Bag(), ["1 2 3", " ".join(map(str, range(12))), " ".join(map(str, range(8)))])
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(vectors[1], vectors[2])


def test_training_leaves_the_random_numbers_of_the_caller_alone():
    model = Bag()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(model, [batch()], 1)
    assert torch.equal(torch.rand(3), expected)


def test_bad_input():
    with pytest.raises(UsageError, match=r"grades have shape \(1, 1\), not \(1, 2\)"):
        Batch(("1",), ("1", "2"), np.ones((1, 1), bool))
    for grades in ([[2, 0], [1, 1]], [[1, 0], [0, 0]]):
        with pytest.raises(UsageError, match=f"query 1 has no document of grade {grades[0][0]}"):
            graded_infonce(torch.zeros(2, 2), torch.tensor(grades))
    with pytest.raises(UsageError, match="n_steps must be at least 1, not 0"):
        fit(Bag(), [], 0)
    with pytest.raises(UsageError, match="learning_rate must be positive, not 0"):
        fit(Bag(), [batch()], 1, 0)
    with pytest.raises(UsageError, match="2 steps need as many batches, not 1"):
        fit(Bag(), [batch()], 2)
    broken = Bag()
    with torch.no_grad():
        broken.words.weight.fill_(torch.nan)
    with pytest.raises(PaperError, match="the loss is nan at step 1: lower the rate"):
        fit(broken, [batch()], 1)
