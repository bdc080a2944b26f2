"""A cross-encoder trained on the catalogue task, and systems that re-rank with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from paper_chapters.coarse_fine.cross_encoder import CrossEncoder, fit_cross_encoder, pair_scores
from paper_chapters.coarse_fine.indexed_systems import System, timed, weight_bytes
from paper_chapters.coarse_fine.sampling import practice_lists
from paper_chapters.coarse_fine.towers import learn_tokenizer, vectors
from paper_chapters.coarse_fine.trained_towers import practice_texts
from paper_utils.errors import UsageError
from paper_utils.train.task import CatalogueTask

#: Chosen on the English task of seed 100, which no result uses.
CROSS_STEPS, CROSS_RATE = 1000, 3e-4


def practised_cross_encoder(
    task: CatalogueTask, tower: torch.nn.Module | None = None, *, progress: str | None = None
) -> tuple[CrossEncoder, float]:
    """Return a trained cross-encoder, and the processor seconds that its training took.

    With a trained `tower`, half of the negatives are its mistakes on the training queries.
    """
    model = CrossEncoder(learn_tokenizer(practice_texts(task)), seed=task.seed)
    first = None
    if tower is not None:
        titles = task.practice_items["title"].tolist()
        first = vectors(tower, task.practice_queries.texts) @ vectors(tower, titles).T
    _, took = timed(
        lambda: fit_cross_encoder(
            model,
            practice_lists(task, first, seed=task.seed),
            n_steps=CROSS_STEPS,
            learning_rate=CROSS_RATE,
            seed=task.seed,
            progress=progress,
        )
    )
    return model, took


def reading_system(
    model: CrossEncoder,
    practice_s: float,
    titles: Sequence[str],
    first: System | None = None,
    depth: int | None = None,
) -> System:
    """Return a system that reads each query together with titles, kept as subword tokens.

    It reads the `depth` titles that `first` ranks highest and puts them first in its own order;
    without `first` it reads all. `practice_s`: processor seconds of training.
    """
    titles, own = list(titles), weight_bytes(model)
    pieces = 4 * sum(map(len, model.ids(titles)))
    if first is None and depth is None:
        return System(lambda q: _read(model, q, titles, _all(q, titles)), pieces, own, practice_s)
    if first is None or depth is None or not 1 <= depth <= len(titles):
        raise UsageError(f"depth must be from 1 to {len(titles)} after a first stage, not {depth}")

    def scores(queries: Sequence[str]) -> NDArray:
        found = first.scores(queries)
        chosen = np.argsort(-found, axis=1, kind="stable")[:, :depth]
        places = -rankdata(-found, axis=1)  # below 0, as the rest shall stay
        read = _read(model, queries, titles, chosen)
        again = rankdata(np.round(read.astype(np.float64), 5), axis=1)  # above 0
        np.put_along_axis(places, chosen, again, axis=1)
        return places

    return System(
        scores,
        first.index_bytes + pieces,
        first.model_bytes + own,
        first.practice_s + practice_s,
        first.index_s,
    )


def _all(queries: Sequence[str], titles: Sequence[str]) -> NDArray[np.int64]:
    return np.tile(np.arange(len(titles)), (len(queries), 1))


def _read(
    model: CrossEncoder, queries: Sequence[str], titles: Sequence[str], chosen: NDArray
) -> NDArray[np.float32]:
    rows = np.repeat(np.arange(len(queries)), chosen.shape[1])
    pairs = np.column_stack([rows, chosen.ravel()])
    return pair_scores(model, queries, titles, pairs).reshape(chosen.shape)
