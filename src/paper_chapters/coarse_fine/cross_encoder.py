"""A small cross-encoder: query and title go through one transformer together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from paper_chapters.coarse_fine.sampling import Lists, training_lists, training_texts
from paper_chapters.coarse_fine.towers import (
    SEPARATOR,
    START,
    WINDOW,
    by_length,
    learn_tokenizer,
    network,
    padded,
    timed,
    vectors,
)
from paper_utils.train.contrastive import graded_infonce
from paper_utils.train.loop import train
from paper_utils.train.task import CatalogueTask

if TYPE_CHECKING:
    from tokenizers import Tokenizer

STEPS, RATE = 1000, 3e-4  #: chosen on the English task of seed 100, which no result uses


class CrossEncoder(torch.nn.Module):
    """A transformer of two layers over ``[CLS] query [SEP] title [SEP]``, and one score.
    The score is linear in the mean of the query's final states (after R. Nogueira and K. Cho, 2019,
    without pre-training). Keys start equal to queries, so that a token attends to its like in the
    other text: A. Trockman and J. Z. Kolter, "Mimetic initialization", ICML 2023.
    """

    def __init__(self, subwords: Tokenizer, *, seed: int = 0) -> None:
        super().__init__()
        self.subwords = subwords
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = network(subwords.get_vocab_size(), dropout=0.0)
            _attend_to_the_same(self.encoder)
            self.out = torch.nn.Linear(self.encoder.config.hidden_size, 1)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the subword tokens of each text, cut at the window."""
        found = self.subwords.encode_batch(list(texts))
        return [encoding.ids[: WINDOW - 2] for encoding in found]

    def forward(
        self, queries: Sequence[Sequence[int]], titles: Sequence[Sequence[int]]
    ) -> torch.Tensor:
        """Return one score a pair of a query and a title, both as subword tokens, shape (n,)."""
        from paper_utils.encoders.transformer import pool

        rows, kinds = [], []
        for query, title in zip(queries, titles, strict=True):
            rows.append([START, *query, SEPARATOR, *title, SEPARATOR])
            kinds.append([0] * (len(query) + 2) + [1] * (len(title) + 1))

        def query_states(ids: torch.Tensor, mask: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
            states = self.encoder(input_ids=ids, attention_mask=mask, token_type_ids=kind)
            return pool(states.last_hidden_state, mask * (1 - kind), "mean")

        features = padded(rows)
        kind = padded(kinds)["input_ids"]
        found = by_length(query_states, features["input_ids"], features["attention_mask"], kind)
        return self.out(found).squeeze(1)


def _attend_to_the_same(encoder: torch.nn.Module) -> None:
    """Start with equal queries and keys, and with positions that weigh less than tokens do."""
    encoder.embeddings.position_embeddings.weight.data.mul_(0.25)
    for layer in encoder.encoder.layer:
        attention = layer.attention.self
        torch.nn.init.orthogonal_(attention.query.weight)
        attention.key.weight.data.copy_(attention.query.weight)


def trained_cross_encoder(
    task: CatalogueTask, tower: torch.nn.Module | None = None, *, progress: str | None = None
) -> tuple[CrossEncoder, float]:
    """Return a trained cross-encoder, and the processor seconds that its training took.
    With a trained `tower`, half of the negatives are its mistakes on the training queries.
    """
    model = CrossEncoder(learn_tokenizer(training_texts(task)), seed=task.seed)
    first = None
    if tower is not None:
        titles = task.training_items["title"].tolist()
        first = vectors(tower, task.training_queries.texts) @ vectors(tower, titles).T
    lists = training_lists(task, first, seed=task.seed)
    how = {"n_steps": STEPS, "learning_rate": RATE, "seed": task.seed, "progress": progress}
    _, took = timed(lambda: train(model, lists, list_loss(model), **how))
    return model, took


def list_loss(model: CrossEncoder) -> Callable[[Lists], torch.Tensor]:
    """Return what `train` minimises: :func:`graded_infonce` over each list."""

    def loss_of(batch: Lists) -> torch.Tensor:
        width = len(batch.titles[0])
        left = [ids for ids in model.ids(batch.queries) for _ in range(width)]
        right = model.ids([title for row in batch.titles for title in row])
        scores = model(left, right).view(len(batch.queries), width)
        return graded_infonce(scores, torch.from_numpy(batch.grades))

    return loss_of


def read_titles(
    model: CrossEncoder,
    queries: Sequence[str],
    titles: Sequence[str],
    chosen: NDArray[np.integer] | None = None,
) -> NDArray[np.float32]:
    """Return the scores of each query with its `chosen` titles, (n_queries, n), else with all."""
    if chosen is None:
        chosen = np.tile(np.arange(len(titles)), (len(queries), 1))
    rows = np.repeat(np.arange(len(queries)), chosen.shape[1])
    pairs = np.column_stack([rows, chosen.ravel()])
    return pair_scores(model, queries, titles, pairs).reshape(chosen.shape)


def pair_scores(
    model: CrossEncoder,
    queries: Sequence[str],
    titles: Sequence[str],
    pairs: NDArray[np.integer],
    *,
    batch: int = 512,
) -> NDArray[np.float32]:
    """Return the scores, shape (n_pairs,), of `pairs` of query and title numbers, (n_pairs, 2)."""
    left, right = model.ids(queries), model.ids(titles)
    lengths = np.array([len(left[q]) + len(right[t]) for q, t in pairs])
    order = np.argsort(lengths, kind="stable")
    scores = np.empty(len(pairs), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            some = pairs[rows].T
            found = model([left[q] for q in some[0]], [right[t] for t in some[1]])
            scores[rows] = found.numpy()
    return scores
