"""The training loop of every encoder here: towers, cross-encoders and MiniLM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from tqdm import tqdm

from paper_utils.errors import PaperError, UsageError

if TYPE_CHECKING:
    import torch

B = TypeVar("B")


def train(
    model: torch.nn.Module,
    batches: Iterable[B],
    loss_of: Callable[[B], torch.Tensor],
    *,
    n_steps: int,
    learning_rate: float,
    seed: int = 0,
    progress: str | None = None,
) -> list[float]:
    """Train `model` in place, one AdamW step a batch; return the loss before each step.
    The rate warms up over a tenth of `n_steps`, then decays linearly; weight decay 0.01, gradients
    cut at norm 1. `loss_of` maps a batch to a scalar; `seed` is that of dropout and leaves the
    caller's random numbers alone; `progress` labels a bar. Leaves `model` in evaluation mode.
    """
    import torch

    if n_steps < 1:
        raise UsageError(f"n_steps must be at least 1, not {n_steps}")
    if not learning_rate > 0:
        raise UsageError(f"learning_rate must be positive, not {learning_rate}")
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
            loss = loss_of(batch)
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


def _first(batches: Iterable[B], count: int, label: str | None) -> Iterator[B]:
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
