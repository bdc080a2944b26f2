"""The equal contest where truth is complete: arms of one backbone on generated titles, by language.

Fixed before the first run: backbones, rates, steps, and the pairs. Fine pairs are minimal, the
wrong title fails in one attribute that both state; in coarse ones it is of another class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paper_chapters.coarse_fine.arms import ARMS, Arm, arm_loss, pair_scores
from paper_chapters.coarse_fine.equal_training import N_QUERIES, TRAINED_BY, TRAINING, accuracy
from paper_chapters.coarse_fine.judged_lists import LENGTH
from paper_chapters.coarse_fine.sampling import training_lists
from paper_utils.checks import unit_rows
from paper_utils.encoders import load_encoder
from paper_utils.encoders.cache import cache_folder
from paper_utils.fingerprint import canonical_json, code_key, sha256
from paper_utils.results import experiment
from paper_utils.search.bm25 import BM25
from paper_utils.train.loop import train
from paper_utils.train.task import CatalogueTask, attribute_pairs, catalogue_task

BACKBONE = {"en": "minilm", "ru": "me5-small"}  #: one that reads the language
RATES = (5e-5, 2e-4)  #: an arm has the one with more development pairs, of both kinds, in order
STEPS = 250
SEED, DEVELOPMENT = 0, 100  #: of the task whose test is measured, and of the one that chooses
PER_QUERY = 10  #: most coarse pairs of a query, and most fine ones
MOST_QUERIES = {"development": 100, "test": 330}
WORDS, CONTROL = "BM25", "untrained"


def catalogue_pairs(task: CatalogueTask, n_queries: int) -> pd.DataFrame:
    """Return pairs of the first `n_queries` test queries: ``query``, ``right``, ``wrong`` (row
    numbers) and ``kind``, 'fine' or 'coarse', at most `PER_QUERY` of each a query.
    """
    rng = np.random.default_rng(task.seed)
    fine = attribute_pairs(task).sample(frac=1, random_state=task.seed)
    fine = fine.groupby("query", sort=True).head(PER_QUERY).assign(kind="fine")
    rows = []
    kinds = task.items["tool_class"].to_numpy()
    for query, need in enumerate(task.queries.needs):
        right = np.flatnonzero(task.queries.grades[[query]].toarray()[0] == 2)
        wrong = np.flatnonzero(kinds != need["tool_class"])
        chosen = (rng.choice(side, PER_QUERY) for side in (right, wrong))
        rows += [(query, *pair, "coarse") for pair in zip(*chosen, strict=True)]
    coarse = pd.DataFrame(rows, columns=["query", "right", "wrong", "kind"]).drop_duplicates()
    pairs = pd.concat([fine[coarse.columns], coarse], ignore_index=True)
    return pairs[pairs["query"] < n_queries].reset_index(drop=True)


def catalogue_lists(task: CatalogueTask, seed: int) -> Any:
    """Return training lists as long as the judged ones: half of the negatives are titles that
    BM25 ranks among its first fifty, the same for every arm.
    """
    titles = task.training_items["title"].tolist()
    first = BM25().fit(titles).scores(list(task.training_queries.texts))
    return training_lists(task, first, n_queries=N_QUERIES, negatives=LENGTH - 1, seed=seed)


def catalogue_arm(language: str, kind: str, rate: float) -> Arm:
    """Return an arm trained on the task of a language; rate 0 is the backbone as it comes."""
    arm = Arm(kind, BACKBONE[language], seed=SEED)
    if rate == 0:
        return arm.eval()
    what = {"catalogue": language, "arm": kind, "steps": STEPS, "rate": rate, "seed": SEED}
    how = sha256(canonical_json(what), code_key((*TRAINED_BY, __name__)))[:16]
    train(
        arm,
        catalogue_lists(catalogue_task(language, SEED), SEED),
        arm_loss(arm),
        n_steps=STEPS,
        learning_rate=rate,
        seed=SEED,
        progress=f"{kind} {language} {rate:g}",
        keep=cache_folder().parent / "training" / f"{how}.pt",
    )
    return arm


def _scores(
    system: str, arm: Arm | None, task: CatalogueTask, pairs: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the scores of pairs of query and title numbers, (n_pairs,)."""
    queries, titles = list(task.queries.texts), task.items["title"].tolist()
    if arm is not None:
        return pair_scores(arm, queries, titles, pairs).astype(float)
    if system == WORDS:
        table = BM25().fit(titles).scores(queries)
    else:
        encoder = load_encoder(system)
        table = unit_rows(encoder.encode(queries)) @ unit_rows(encoder.encode(titles)).T
    return np.round(table[pairs[:, 0], pairs[:, 1]].astype(float), 6)


def _measured(system: str, arm: Arm | None, task: CatalogueTask, part: str) -> dict[str, Any]:
    pairs = catalogue_pairs(task, MOST_QUERIES[part])
    sides = [pairs[["query", side]].to_numpy() for side in ("right", "wrong")]
    distinct, places = np.unique(np.concatenate(sides), axis=0, return_inverse=True)
    scores = _scores(system, arm, task, distinct)[places.reshape(2, -1)].T
    found = {
        kind: accuracy(pairs, scores, (pairs["kind"] == kind).to_numpy())
        for kind in ("coarse", "fine")
    }
    return {
        "accuracy": {kind: round(float(values.mean()), 5) for kind, values in found.items()},
        "queries": {kind: len(values) for kind, values in found.items()},
        "per_query": {kind: values.round(3).tolist() for kind, values in found.items()},
    }


def _tasks() -> list[dict[str, Any]]:
    return [
        {"language": language, "system": system, "rate": rate}
        for rates, systems in (((0.0,), (WORDS, CONTROL, *ARMS)), (RATES[::-1], ARMS))
        for rate in rates
        for language in BACKBONE
        for system in systems
    ]


@experiment(
    "equal-catalogue",
    "Arms of one backbone trained alike on generated titles: order of pairs, two languages",
    tasks=_tasks,
    tolerance=TRAINING,
    kinds=("system",),
)
def catalogue_row(language: str, system: str, rate: float) -> dict[str, Any]:
    """Return of ``development`` and ``test`` pairs ``accuracy`` by kind, its mean over queries,
    ``queries``, and ``per_query`` in the order of the queries.
    """
    arm = catalogue_arm(language, system, rate) if system in ARMS else None
    parts = (("development", DEVELOPMENT), ("test", SEED))
    return {
        part: _measured(system, arm, catalogue_task(language, seed), part) for part, seed in parts
    }
