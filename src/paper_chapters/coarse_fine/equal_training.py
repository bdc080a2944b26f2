"""Arms of one backbone, trained on the same lists of people's grades: rates, budgets, seeds.

The primary measure, fixed before the first run: the share of pairs of one query, of different
grades, that are in the right order, queries counting alike; of coarse pairs and of fine ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paper_chapters.coarse_fine.arms import ARMS, Arm, arm_loss, pair_scores
from paper_chapters.coarse_fine.graded_pairs import graded_pairs
from paper_chapters.coarse_fine.judged_lists import (
    SETS,
    GradedTitles,
    graded_titles,
    training_lists,
)
from paper_utils.data.judged import judged_checksums
from paper_utils.encoders.cache import cache_folder
from paper_utils.fingerprint import canonical_json, code_key, sha256
from paper_utils.results import Tolerance, experiment
from paper_utils.train.loop import train

#: An arm's rate has the best accuracy of all development pairs of homedepot at `TRIAL_STEPS`.
RATES = (2e-5, 5e-5, 1e-4, 2e-4)
TRIAL_STEPS = 250
#: Steps, doubled; where the last doubling still gains `ENOUGH`, the chapter says so.
BUDGETS = {"homedepot": (60, 125, 250, 500), "crowdflower": (60, 125, 250, 500)}
#: The best of `RATES` on the development queries (record equal-rates; a test compares).
RATE = {"two towers": 1e-4, "late interaction": 2e-4, "cross-encoder": 2e-4}
SEEDS = (0, 1, 2, 3, 4)
ENOUGH = 0.005
CLEAR = 0.6  #: of grades: two of three raters, rounded
N_QUERIES = 4  #: of a batch, `judged_lists.LENGTH` titles each
#: Queries whose pairs are scored, those with fine pairs first.
MOST_QUERIES = {"development": 300, "test": 600}

#: The code that a kept state depends on.
TRAINED_BY = (
    "paper_chapters.coarse_fine.arms",
    "paper_chapters.coarse_fine.judged_lists",
    "paper_utils.train.loop",
)

TRAINING = Tolerance(
    rel=0.05,
    abs=0.03,
    unchecked=("per_query",),
    why="Training: rounding acts as another seed.",
)


def measured_pairs(data: GradedTitles, part: str) -> pd.DataFrame:
    """Return the pairs of a part's queries that are measured, ``new`` where both products are and
    ``clear`` where the grades differ by `CLEAR`.
    At most `MOST_QUERIES` queries: those with fine pairs, then others by a checksum.
    """
    pairs = graded_pairs(data.queries, data.titles, data.grades)
    pairs = pairs[data.part[pairs["query"]] == part].reset_index(drop=True)
    fine = set(pairs["query"][pairs["kind"] == "fine"])
    order = sorted(set(pairs["query"]), key=lambda q: (q not in fine, sha256(data.queries[q])))
    pairs = pairs[pairs["query"].isin(order[: MOST_QUERIES[part]])].reset_index(drop=True)
    new = data.held_out[pairs["right"]] & data.held_out[pairs["wrong"]]
    higher, lower = (data.grades[pairs["query"], pairs[side]] for side in ("right", "wrong"))
    return pairs.assign(new=new, clear=higher - lower >= CLEAR)


def accuracy(pairs: pd.DataFrame, scores: NDArray, chosen: NDArray[np.bool_]) -> pd.Series:
    """Return, by query, the share of the `chosen` pairs in the right order; a tie is half right.
    `scores`, (n_pairs, 2): of the title that people grade higher, and of the other.
    """
    right = np.heaviside(scores[:, 0].astype(float) - scores[:, 1], 0.5)
    return pd.Series(right[chosen]).groupby(pairs["query"].to_numpy()[chosen]).mean()


def kinds_of(pairs: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Return which pairs each measure counts."""
    kind, new = pairs["kind"].to_numpy(), pairs["new"].to_numpy(dtype=bool)
    masks = {name: kind == name for name in ("coarse", "fine", "neither")}
    masks["all"] = np.ones(len(pairs), dtype=bool)
    clear = pairs["clear"].to_numpy(dtype=bool)
    return (
        masks
        | {f"{name}, new products": masks[name] & new for name in ("coarse", "fine", "all")}
        | {f"{name}, clear": masks[name] & clear for name in ("coarse", "fine", "all")}
    )


def scores_of_pairs(data: GradedTitles, pairs: pd.DataFrame, score: Any) -> NDArray[np.float32]:
    """Return the scores, (n_pairs, 2), by `score(pairs of numbers)`; each is computed once."""
    sides = [pairs[["query", side]].to_numpy() for side in ("right", "wrong")]
    distinct, places = np.unique(np.concatenate(sides), axis=0, return_inverse=True)
    return score(distinct)[places.reshape(2, -1)].T


def trained_arm(
    name: str, kind: str, *, n_steps: int, rate: float, seed: int, backbone: str = "minilm"
) -> tuple[Arm, list[float]]:
    """Return an arm trained on a set, and its losses; `n_steps` 0 is the backbone as it comes.
    The state is kept beside the encodings, under what was trained and by which code: what was
    interrupted goes on, and what was trained is not trained again.
    """
    arm = Arm(kind, backbone, seed=seed)
    if n_steps == 0:
        return arm.eval(), []
    what = {"set": name, "arm": kind, "steps": n_steps, "rate": rate, "seed": seed}
    how = sha256(canonical_json(what | {"backbone": backbone}), code_key(TRAINED_BY))[:16]
    keep = cache_folder().parent / "training" / f"{how}.pt"
    losses = train(
        arm,
        training_lists(graded_titles(name), n_queries=N_QUERIES, seed=seed),
        arm_loss(arm),
        n_steps=n_steps,
        learning_rate=rate,
        seed=seed,
        progress=f"{kind} {name} {n_steps}",
        keep=keep,
    )
    return arm, losses


def arm_row(name: str, arm: Arm, part: str) -> dict[str, Any]:
    """Return :func:`scored_row` of an arm on a part of a set."""
    data = graded_titles(name)
    return scored_row(data, part, lambda some: pair_scores(arm, data.queries, data.titles, some))


def scored_row(
    data: GradedTitles, part: str, score: Any, counted: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return by kind of pair the accuracy of `score`, its mean over queries, and their number, and
    for fine and coarse pairs ``per_query`` in the order of the queries. `counted`: kinds of pairs
    that are scored, all without.
    """
    pairs = measured_pairs(data, part)
    if counted:
        pairs = pairs[pairs["kind"].isin(counted)].reset_index(drop=True)
    scores = scores_of_pairs(data, pairs, score)
    found = {kind: accuracy(pairs, scores, mask) for kind, mask in kinds_of(pairs).items()}
    found = {kind: values for kind, values in found.items() if len(values)}
    return {
        "accuracy": {kind: round(float(values.mean()), 5) for kind, values in found.items()},
        "queries": {kind: len(values) for kind, values in found.items()},
        "per_query": {
            kind: found[kind].round(3).tolist() for kind in ("coarse", "fine") if kind in found
        },
    }


def _data() -> dict[str, str]:
    return {file: digest for name in SETS for file, digest in judged_checksums(name).items()}


@experiment(
    "equal-rates",
    "Arms of MiniLM on judged titles: order of development pairs by learning rate",
    tasks=lambda: [
        {"set": "homedepot", "arm": arm, "rate": rate} for arm in ARMS for rate in RATES
    ],
    data=_data,
    tolerance=TRAINING,
    kinds=("arm",),
)
def rate_row(set: str, arm: str, rate: float) -> dict[str, Any]:
    """Train an arm for `TRIAL_STEPS`; return its accuracy on development pairs, and the losses'
    mean over the last fifth.
    """
    model, losses = trained_arm(set, arm, n_steps=TRIAL_STEPS, rate=rate, seed=0)
    row = arm_row(set, model, "development")
    return {"accuracy": row["accuracy"], "loss": round(float(np.mean(losses[-50:])), 4)}


def _budget_tasks(name: str) -> list[dict[str, Any]]:
    steps = (0, *BUDGETS[name])
    return [{"set": name, "arm": arm, "n_steps": n} for n in steps for arm in ARMS]


@experiment(
    "equal-budgets",
    "Arms of MiniLM on homedepot: order of development and test pairs by steps of training",
    tasks=lambda: _budget_tasks("homedepot"),
    data=lambda: judged_checksums("homedepot"),
    tolerance=TRAINING,
    kinds=("arm",),
)
def budget_row(set: str, arm: str, n_steps: int) -> dict[str, Any]:
    """Train an arm for a budget, seed 0; return `arm_row` of ``development`` and ``test``.
    With 0 steps: the backbone as it comes, the cross-encoder with a random last layer.
    """
    model, _ = trained_arm(set, arm, n_steps=n_steps, rate=RATE[arm], seed=0)
    return {part: arm_row(set, model, part) for part in ("development", "test")}


# The second set is a record of its own: each is hours of training.
experiment(
    "equal-budgets-crowdflower",
    "Arms of MiniLM on crowdflower: order of development and test pairs by steps of training",
    tasks=lambda: _budget_tasks("crowdflower"),
    data=lambda: judged_checksums("crowdflower"),
    tolerance=TRAINING,
    kinds=("arm",),
)(budget_row)


def _seed_tasks(name: str) -> list[dict[str, Any]]:
    return [{"set": name, "arm": arm, "seed": seed} for seed in SEEDS for arm in ARMS]


@experiment(
    "equal-seeds",
    "Arms of MiniLM on homedepot at the last budget: order of test pairs, five seeds",
    tasks=lambda: _seed_tasks("homedepot"),
    data=lambda: judged_checksums("homedepot"),
    tolerance=TRAINING,
    kinds=("arm",),
)
def seed_row(set: str, arm: str, seed: int) -> dict[str, Any]:
    """Train an arm for the last of `BUDGETS`; return `arm_row` of the test."""
    model, _ = trained_arm(set, arm, n_steps=BUDGETS[set][-1], rate=RATE[arm], seed=seed)
    return arm_row(set, model, "test")


experiment(
    "equal-seeds-crowdflower",
    "Arms of MiniLM on crowdflower at the last budget: order of test pairs, five seeds",
    tasks=lambda: _seed_tasks("crowdflower"),
    data=lambda: judged_checksums("crowdflower"),
    tolerance=TRAINING,
    kinds=("arm",),
)(seed_row)
