"""Contrastive training of a two-tower encoder whose towers share their weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paper_utils.errors import UsageError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

TEMPERATURE = 0.05  #: of cosines, in every training of an encoder here


@dataclass(frozen=True, eq=False)
class Batch:
    """Queries, documents, and how well they fit each other."""

    queries: tuple[str, ...]
    documents: tuple[str, ...]
    grades: NDArray[np.integer | np.bool_]  # (n_queries, n_docs), from 0; less is a negative

    def __post_init__(self) -> None:
        shape = len(self.queries), len(self.documents)
        if self.grades.shape != shape:
            raise UsageError(f"grades have shape {self.grades.shape}, not {shape}")


def multi_positive_infonce(scores: torch.Tensor, relevant: torch.Tensor) -> torch.Tensor:
    """Return InfoNCE of relevant documents P against the others N, without repulsion within P.
    For scores s over the temperature, (n_queries, n_docs), the mean over queries and over p in P of
    −log(e^{s_p} / (e^{s_p} + Σ_{j in N} e^{s_j})). A. van den Oord et al. 2018, equation 4; M.
    Henderson et al., "Efficient natural language response suggestion", 2017, section 4.4.
    """
    import torch

    negatives = torch.logsumexp(scores.masked_fill(relevant, -torch.inf), dim=1, keepdim=True)
    # softplus(n - s) = -log(e^s / (e^s + e^n)); a row without negatives gives 0.
    losses = torch.nn.functional.softplus(negatives - scores)
    weights = relevant / relevant.sum(dim=1, keepdim=True)
    return (losses.masked_fill(~relevant, 0.0) * weights).sum() / len(scores)


def graded_infonce(scores: torch.Tensor, grades: torch.Tensor) -> torch.Tensor:
    """Return the mean of InfoNCE at each grade: what has it or more against what has less.
    Scores (over the temperature) and grades have shape (n_queries, n_docs); each query has a
    document of the largest grade. Two grades give :func:`multi_positive_infonce`.
    """
    import torch

    top = max(1, int(grades.max()))
    lacking = (grades < top).all(dim=1)
    if lacking.any():
        raise UsageError(f"query {int(lacking.int().argmax())} has no document of grade {top}")
    levels = range(1, top + 1)
    return torch.stack([multi_positive_infonce(scores, grades >= at) for at in levels]).mean()


def embedding_loss(
    model: SentenceTransformer, penalty: Callable[[torch.Tensor], torch.Tensor] | None = None
) -> Callable[[Batch], torch.Tensor]:
    """Return what `train` minimises: :func:`graded_infonce` of a batch's cosines / `TEMPERATURE`.
    `model` needs a `tokenizer` and returns `sentence_embedding`. `penalty` maps the unit vectors of
    a batch's documents, shape (n_docs, d), to what is added to the loss.
    """
    import torch

    def loss_of(batch: Batch) -> torch.Tensor:
        queries, documents = (embed(model, texts) for texts in (batch.queries, batch.documents))
        scores = queries @ documents.T / TEMPERATURE
        loss = graded_infonce(scores, torch.from_numpy(batch.grades))
        return loss if penalty is None else loss + penalty(documents)

    return loss_of


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
