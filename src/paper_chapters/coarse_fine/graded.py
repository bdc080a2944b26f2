"""Training of two towers on graded relevance."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch

from paper_utils.errors import UsageError
from paper_utils.train.contrastive import embed, multi_positive_infonce
from paper_utils.train.loop import train

if TYPE_CHECKING:
    from paper_chapters.coarse_fine.sampling import GradedBatch


def graded_infonce(scores: torch.Tensor, grades: torch.Tensor) -> torch.Tensor:
    """Return the mean of InfoNCE at each grade: what has it or more against what has less.

    Scores (over the temperature) and grades have shape (n_queries, n_docs); each query has a
    document of the largest grade.

    >>> loss = graded_infonce(torch.zeros(1, 3), torch.tensor([[2, 1, 0]]))
    >>> round(loss.item(), 4)  # (log 3 + log 2) / 2
    0.8959
    """
    levels = range(1, int(grades.max()) + 1)
    return torch.stack([multi_positive_infonce(scores, grades >= at) for at in levels]).mean()


def fit_tower(
    model: torch.nn.Module,
    batches: Iterable[GradedBatch],
    *,
    n_steps: int,
    learning_rate: float = 1e-3,
    temperature: float = 0.05,
    penalty: Callable[[torch.Tensor], torch.Tensor] | None = None,
    seed: int = 0,
    progress: str | None = None,
) -> list[float]:
    """Train `model` in place on :func:`graded_infonce`; all else as in `contrastive.fine_tune`."""
    if not temperature > 0:
        raise UsageError(f"temperature must be positive, not {temperature}")

    def loss_of(batch: GradedBatch) -> torch.Tensor:
        queries, documents = (embed(model, texts) for texts in (batch.queries, batch.documents))
        loss = graded_infonce(queries @ documents.T / temperature, torch.from_numpy(batch.grades))
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
