"""Contrastive training of a two-tower encoder whose towers share their weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paper_utils.errors import UsageError
from paper_utils.train.loop import train

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True, eq=False)
class Batch:
    """Queries, documents, and which belong together."""

    queries: tuple[str, ...]
    documents: tuple[str, ...]
    # shape (n_queries, n_docs); a query's other documents are its negatives
    relevant: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = len(self.queries), len(self.documents)
        if self.relevant.shape != shape:
            raise UsageError(f"relevant has shape {self.relevant.shape}, not {shape}")
        if not self.relevant.any(axis=1).all():
            without = int(np.flatnonzero(~self.relevant.any(axis=1))[0])
            raise UsageError(f"query {without} of the batch has no relevant document")


def multi_positive_infonce(scores: torch.Tensor, relevant: torch.Tensor) -> torch.Tensor:
    """Return InfoNCE of relevant documents P against the others N, without repulsion within P.

    For scores s over the temperature, (n_queries, n_docs), the mean over queries and over p in P of
    −log(e^{s_p} / (e^{s_p} + Σ_{j in N} e^{s_j})). A. van den Oord et al. 2018, equation 4;
    M. Henderson et al., "Efficient natural language response suggestion", 2017, section 4.4.

    >>> import torch
    >>> scores = torch.zeros(1, 4)
    >>> loss = multi_positive_infonce(scores, torch.tensor([[True, True, False, False]]))
    >>> round(loss.exp().item(), 6)  # each positive among itself and two negatives
    3.0
    """
    import torch

    negatives = torch.logsumexp(scores.masked_fill(relevant, -torch.inf), dim=1, keepdim=True)
    # softplus(n - s) = -log(e^s / (e^s + e^n)); a row without negatives gives 0.
    losses = torch.nn.functional.softplus(negatives - scores)
    weights = relevant / relevant.sum(dim=1, keepdim=True)
    return (losses.masked_fill(~relevant, 0.0) * weights).sum() / len(scores)


def fine_tune(
    model: SentenceTransformer,
    batches: Iterable[Batch],
    *,
    n_steps: int,
    learning_rate: float = 5e-5,
    temperature: float = 0.05,
    penalty: Callable[[torch.Tensor], torch.Tensor] | None = None,
    seed: int = 0,
    progress: str | None = None,
) -> list[float]:
    """Train `model` in place on :func:`multi_positive_infonce` of cosines / temperature.

    `model` needs a `tokenizer` and returns `sentence_embedding`. `penalty` maps the unit vectors of
    a batch's documents, shape (n_docs, d), to what is added to the loss. Other arguments and the
    result are those of :func:`train`.
    """
    import torch

    if not temperature > 0:
        raise UsageError(f"temperature must be positive, not {temperature}")

    def loss_of(batch: Batch) -> torch.Tensor:
        queries, documents = (embed(model, texts) for texts in (batch.queries, batch.documents))
        scores = queries @ documents.T / temperature
        loss = multi_positive_infonce(scores, torch.from_numpy(batch.relevant))
        return loss if penalty is None else loss + penalty(documents)

    return train(
        model,
        loss_of,
        batches,
        n_steps=n_steps,
        learning_rate=learning_rate,
        seed=seed,
        progress=progress,
    )


def embed(model: SentenceTransformer, texts: Iterable[str]) -> torch.Tensor:
    """Return the unit vectors of `texts` with their gradients, shape (n_texts, d)."""
    import torch

    features = model.tokenizer(
        list(texts),
        padding=True,
        truncation=True,
        max_length=model.max_seq_length,
        return_tensors="pt",
    )
    return torch.nn.functional.normalize(model(dict(features))["sentence_embedding"], dim=1)
