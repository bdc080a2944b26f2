"""What the trained systems saw in training: how many graded pairs, and of which grades."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import torch

from paper_chapters.coarse_fine.cross_encoder import STEPS, CrossEncoder
from paper_chapters.coarse_fine.sampling import training_batches, training_lists, training_texts
from paper_chapters.coarse_fine.towers import TransformerTower, learn_tokenizer, vectors
from paper_chapters.coarse_fine.trained_towers import (
    DIMENSION,
    DSSM_STEPS,
    TOWER_STEPS,
    trained_tower,
)
from paper_utils.results import Tolerance, experiment
from paper_utils.train.task import catalogue_task


@experiment(
    "catalogue-budget",
    "Graded pairs that the trained systems of the catalogue task saw, by grade",
    tasks=lambda: [{"language": "en", "seed": 0}],
    tolerance=Tolerance(
        rel=0.01,
        abs=0.02,
        why="Half of the cross-encoder's negatives are mistakes of a trained tower.",
    ),
)
def training_budget(language: str, seed: int) -> dict[str, Any]:
    """Draw what `trained_rows` trains on, and count it, by system.

    `steps`; `pairs` of a query and a title that have a grade in the loss; `grades`, the share of
    each of 0, 1 and 2 among them; `dropout` of the network.
    """
    task = catalogue_task(language, seed)
    tower, _ = trained_tower(task, DIMENSION, progress=f"two towers {language}")
    titles = task.training_items["title"].tolist()
    first = vectors(tower, task.training_queries.texts) @ vectors(tower, titles).T
    subwords = learn_tokenizer(training_texts(task))
    drawn: dict[str, tuple[int, Any, torch.nn.Module | None]] = {
        "two towers": (
            TOWER_STEPS,
            training_batches(task, seed=seed),
            TransformerTower(subwords, DIMENSION),
        ),
        "DSSM": (DSSM_STEPS, training_batches(task, seed=seed), None),
        "cross-encoder": (STEPS, training_lists(task, first, seed=seed), CrossEncoder(subwords)),
    }
    return {
        name: _counted(steps, batches)
        | {"dropout": 0.0 if model is None else model.encoder.config.hidden_dropout_prob}
        for name, (steps, batches, model) in drawn.items()
    }


def _counted(steps: int, batches: Any) -> dict[str, Any]:
    counts = np.zeros(3, dtype=int)
    for batch in islice(batches, steps):
        counts += np.bincount(np.asarray(batch.grades).ravel(), minlength=3)
    pairs = int(counts.sum())
    return {"steps": steps, "pairs": pairs, "grades": (counts / pairs).round(6).tolist()}
