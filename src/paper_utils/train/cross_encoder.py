"""A small cross-encoder: query and title go through one transformer together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from paper_utils.errors import UsageError
from paper_utils.train.contrastive import Batch
from paper_utils.train.loop import train
from paper_utils.train.towers import SEPARATOR, START, WINDOW, network, padded

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class CrossEncoder(torch.nn.Module):
    """A transformer of two layers over ``[CLS] query [SEP] title [SEP]``, and one score.

    Parameters
    ----------
    pieces : Tokenizer
        From :func:`~paper_utils.train.towers.learn_tokenizer`.
    seed : int
        Of the weights.

    References
    ----------
    R. Nogueira and K. Cho, "Passage re-ranking with BERT", 2019; here without pre-training.
    """

    def __init__(self, pieces: Tokenizer, *, seed: int = 0) -> None:
        super().__init__()
        self.pieces = pieces
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = network(pieces.get_vocab_size())
            self.out = torch.nn.Linear(self.encoder.config.hidden_size, 1)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the word pieces of each text, cut at the window."""
        found = self.pieces.encode_batch(list(texts))
        return [encoding.ids[: WINDOW - 2] for encoding in found]

    def forward(
        self, queries: Sequence[Sequence[int]], titles: Sequence[Sequence[int]]
    ) -> torch.Tensor:
        """Return one score a pair of a query and a title, both as word pieces, shape (n,)."""
        rows, kinds = [], []
        for query, title in zip(queries, titles, strict=True):
            rows.append([START, *query, SEPARATOR, *title, SEPARATOR])
            kinds.append([0] * (len(query) + 2) + [1] * (len(title) + 1))
        features = padded(rows)
        states = self.encoder(
            input_ids=features["input_ids"],
            attention_mask=features["attention_mask"],
            token_type_ids=padded(kinds)["input_ids"],
        ).last_hidden_state
        return self.out(states[:, 0]).squeeze(1)


def fit_cross_encoder(
    model: CrossEncoder,
    batches: Iterable[Batch],
    *,
    n_steps: int,
    negatives: int = 7,
    learning_rate: float = 5e-4,
    seed: int = 0,
    progress: str | None = None,
) -> list[float]:
    """Train `model` in place to put an item that fits above some that do not.

    The loss is the cross-entropy of one item that fits among `negatives` items of the batch
    that do not.

    Parameters
    ----------
    model : CrossEncoder
    batches : iterable of Batch
    n_steps : int
    negatives : int
        At least 1; those that share the most practice with the query are not preferred.
    learning_rate, seed, progress
        See :func:`~paper_utils.train.loop.train`.

    Returns
    -------
    list of float
        The loss before each step.

    Raises
    ------
    UsageError
        No negatives are asked for.
    """
    if negatives < 1:
        raise UsageError(f"negatives must be at least 1, not {negatives}")
    rng = np.random.default_rng([seed, 7])

    def loss_of(batch: Batch) -> torch.Tensor:
        queries, titles = model.ids(batch.queries), model.ids(batch.documents)
        left, right = [], []
        for query, fits in enumerate(batch.relevant):
            wrong = rng.choice(np.flatnonzero(~fits), negatives, replace=fits.sum() < negatives)
            for item in (rng.choice(np.flatnonzero(fits)), *wrong):
                left.append(queries[query])
                right.append(titles[item])
        scores = model(left, right).view(len(batch.queries), 1 + negatives)
        return torch.nn.functional.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long))

    return train(
        model,
        loss_of,
        batches,
        n_steps=n_steps,
        learning_rate=learning_rate,
        seed=seed,
        progress=progress,
    )


def pair_scores(
    model: CrossEncoder,
    queries: Sequence[str],
    titles: Sequence[str],
    pairs: NDArray[np.integer],
    *,
    batch: int = 512,
    progress: str | None = None,
) -> NDArray[np.float32]:
    """Return the scores of pairs (row of a query, row of a title).

    Parameters
    ----------
    model : CrossEncoder
    queries, titles : sequence of str
    pairs : ndarray of int, shape (n_pairs, 2)
    batch : int
    progress : str, optional
        Label of a progress bar.

    Returns
    -------
    ndarray of float32, shape (n_pairs,)
    """
    left, right = model.ids(queries), model.ids(titles)
    lengths = np.array([len(left[q]) + len(right[t]) for q, t in pairs])
    order = np.argsort(lengths, kind="stable")
    scores = np.empty(len(pairs), dtype=np.float32)
    with (
        torch.inference_mode(),
        tqdm(
            total=len(pairs), desc=progress, unit="pair", leave=False, disable=progress is None
        ) as bar,
    ):
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            chosen = pairs[rows]
            scores[rows] = model(
                [left[q] for q in chosen[:, 0]], [right[t] for t in chosen[:, 1]]
            ).numpy()
            bar.update(len(rows))
    return scores
