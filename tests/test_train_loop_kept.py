"""A long training that is interrupted goes on from its last state with the same result."""

from __future__ import annotations

from itertools import count

import pytest
import torch

from paper_utils.errors import PaperError
from paper_utils.train import loop
from paper_utils.train.loop import train


class Interrupted(Exception):
    """Stands for Ctrl-C."""


def network() -> torch.nn.Module:
    torch.manual_seed(1)
    layers = torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1)
    model = torch.nn.Sequential(*layers)
    model[0].bias.requires_grad_(False)  # frozen weights stay out of the state
    return model


def batches():
    for seed in count():
        yield torch.randn(6, 4, generator=torch.Generator().manual_seed(seed))


def run(keep, model, stop=None, n_steps=9, rate=0.05):
    seen = count()

    def loss_of(batch):
        if stop is not None and next(seen) == stop:
            raise Interrupted
        return (model(batch) ** 2).mean() + model(batch).mean()

    return train(model, batches(), loss_of, n_steps=n_steps, learning_rate=rate, seed=3, keep=keep)


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(loop, "KEPT_EVERY", 2)


@pytest.mark.parametrize("stop", [1, 2, 5, 8])
def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path, stop):
    whole, parted = network(), network()
    losses = run(None, whole)
    with pytest.raises(Interrupted):
        run(tmp_path / "state.pt", parted, stop=stop)
    again = network()  # another process: nothing is left but the file
    assert run(tmp_path / "state.pt", again) == losses
    for mine, theirs in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_what_is_complete_is_not_trained_again(tmp_path):
    model = network()
    losses = run(tmp_path / "state.pt", model, n_steps=8)
    again = network()
    assert run(tmp_path / "state.pt", again, stop=0, n_steps=8) == losses
    assert torch.equal(again[2].weight, model[2].weight)


def test_the_state_of_another_training_is_refused(tmp_path):
    run(tmp_path / "state.pt", network())
    with pytest.raises(PaperError, match="another training"):
        run(tmp_path / "state.pt", network(), rate=0.01)
