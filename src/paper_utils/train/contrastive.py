"""Contrastive training of a two-tower encoder whose towers share their weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from paper_utils.errors import PaperError, UsageError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True, eq=False)
class Batch:
    """Queries, documents, and which belong together.

    Attributes
    ----------
    queries, documents : tuple of str
    relevant : ndarray of bool, shape (n_queries, n_docs)
        Each query has a relevant document; all other documents are its negatives.
    """

    queries: tuple[str, ...]
    documents: tuple[str, ...]
    relevant: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = len(self.queries), len(self.documents)
        if self.relevant.shape != shape:
            raise UsageError(f"relevant has shape {self.relevant.shape}, not {shape}")
        if not self.relevant.any(axis=1).all():
            without = int(np.flatnonzero(~self.relevant.any(axis=1))[0])
            raise UsageError(f"query {without} of the batch has no relevant document")


def multi_positive_infonce(scores: torch.Tensor, relevant: torch.Tensor) -> torch.Tensor:
    """Return the mean, over relevant pairs, of InfoNCE against the irrelevant documents.

    For a query with scores s, relevant documents P and the others N ::

        mean over p in P of  −log( e^{s_p} / (e^{s_p} + Σ_{j in N} e^{s_j}) )

    so that two relevant documents of one query do not push each other away. With a single
    relevant document a query this is the multiple-negatives ranking loss.

    Parameters
    ----------
    scores : Tensor, shape (n_queries, n_docs)
        Already divided by the temperature.
    relevant : Tensor of bool, shape (n_queries, n_docs)
        At least one in each row.

    Returns
    -------
    Tensor, shape ()

    References
    ----------
    A. van den Oord, Y. Li, O. Vinyals, "Representation learning with contrastive predictive
    coding", 2018, equation 4; M. Henderson et al., "Efficient natural language response
    suggestion for Smart Reply", 2017, section 4.4.

    Examples
    --------
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
    seed: int = 0,
    progress: str | None = None,
) -> list[float]:
    """Train `model` in place, one step of AdamW a batch, with linear warm-up and decay.

    Parameters
    ----------
    model : SentenceTransformer
        Its output is taken to unit length, so that scores are cosines.
    batches : iterable of Batch
        At least `n_steps` of them.
    n_steps : int
        At least 1. A tenth of them warms up.
    learning_rate : float
        The largest one, of AdamW (weight decay 0.01; gradients cut at norm 1).
    temperature : float
        What cosines are divided by.
    seed : int
        Of dropout.
    progress : str, optional
        Label of a progress bar.

    Returns
    -------
    list of float
        The loss before each step.

    Raises
    ------
    UsageError
        A step, rate or temperature that is not positive, or too few batches.
    PaperError
        The loss stopped being a number.
    """
    import torch

    if n_steps < 1:
        raise UsageError(f"n_steps must be at least 1, not {n_steps}")
    for name, value in (("learning_rate", learning_rate), ("temperature", temperature)):
        if not value > 0:
            raise UsageError(f"{name} must be positive, not {value}")
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
    warm = max(1, n_steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, (n_steps - step) / (n_steps - warm + 1))
    )
    losses: list[float] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.train()
        for batch in _first(batches, n_steps, progress):
            queries, documents = (embed(model, t) for t in (batch.queries, batch.documents))
            relevant = torch.from_numpy(batch.relevant)
            loss = multi_positive_infonce(queries @ documents.T / temperature, relevant)
            losses.append(loss.item())
            if not np.isfinite(losses[-1]):
                raise PaperError(f"the loss is {losses[-1]} at step {len(losses)}: lower the rate")
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        model.eval()
    return losses


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


def _first(batches: Iterable[Batch], count: int, label: str | None) -> Iterator[Batch]:
    seen = 0
    bar = tqdm(total=count, desc=label, unit="step", leave=False, disable=label is None)
    with bar:
        for batch in batches:
            yield batch
            bar.update()
            seen += 1
            if seen == count:
                return
    raise UsageError(f"{count} steps need as many batches, not {seen}")
