"""The training loop of every encoder here: towers, cross-encoders and MiniLM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from tqdm import tqdm

from paper_utils.errors import PaperError, UsageError

if TYPE_CHECKING:
    import torch

B = TypeVar("B")

KEPT_EVERY = 50  #: steps after which the state of a long training is written


def train(
    model: torch.nn.Module,
    batches: Iterable[B],
    loss_of: Callable[[B], torch.Tensor],
    *,
    n_steps: int,
    learning_rate: float,
    seed: int = 0,
    progress: str | None = None,
    keep: Path | None = None,
) -> list[float]:
    """Train `model` in place, one AdamW step a batch; return the loss before each step.
    The rate warms up over a tenth of `n_steps`, then decays linearly; weight decay 0.01, gradients
    cut at norm 1. `seed`: of dropout, the caller's random numbers stay. With a file `keep` an
    interrupted run goes on from its last state there. Leaves `model` in evaluation mode.
    """
    import torch

    if n_steps < 1:
        raise UsageError(f"n_steps must be at least 1, not {n_steps}")
    if not learning_rate > 0:
        raise UsageError(f"learning_rate must be positive, not {learning_rate}")
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=learning_rate, weight_decay=0.01)
    warm = max(1, n_steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, (n_steps - step) / (n_steps - warm + 1))
    )
    losses: list[float] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.train()
        run = {"n_steps": n_steps, "learning_rate": learning_rate, "seed": seed}
        if keep is not None and keep.exists():
            losses = _restored(keep, run, trained, optimiser, schedule)
        for batch in _first(batches, n_steps, progress, done=len(losses)):
            loss = loss_of(batch)
            losses.append(loss.item())
            if not np.isfinite(losses[-1]):
                raise PaperError(f"the loss is {losses[-1]} at step {len(losses)}: lower the rate")
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            schedule.step()
            if keep is not None and len(losses) % KEPT_EVERY == 0:
                _keep(keep, run, losses, trained, optimiser, schedule)
        model.eval()
    return losses


def _keep(
    keep: Path, run: Any, losses: list[float], weights: Any, optimiser: Any, schedule: Any
) -> None:
    import torch

    state = {
        "run": run,
        "losses": losses,
        "weights": list(weights),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "random": torch.get_rng_state(),
    }
    keep.parent.mkdir(parents=True, exist_ok=True)
    temporary = keep.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(keep)


def _restored(keep: Path, run: Any, weights: Any, optimiser: Any, schedule: Any) -> list[float]:
    """Put the state in `keep` back and return the losses up to it; an error if of another run."""
    import torch

    state = torch.load(keep, weights_only=True)
    if state["run"] != run:
        raise PaperError(f"{keep} is the state of another training, {state['run']}, not of {run}")
    with torch.no_grad():
        for mine, kept in zip(weights, state["weights"], strict=True):
            mine.copy_(kept)
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    torch.set_rng_state(state["random"])
    return state["losses"]


def _first(batches: Iterable[B], count: int, label: str | None, done: int) -> Iterator[B]:
    """Give `count` batches but for the first `done`, which an interrupted run has seen."""
    seen = 0
    bar = tqdm(
        total=count, initial=done, desc=label, unit="step", leave=False, disable=label is None
    )
    with bar:
        for batch in batches:
            seen += 1
            if seen > done:
                yield batch
                bar.update()
            if seen == count:
                return
    raise UsageError(f"{count} steps need as many batches, not {seen}")
