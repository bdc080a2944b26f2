"""Set codes measured: capacity, effect of dimension and number format, learned query vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.set_codes.answers import (
    SOLVED,
    WHOLE,
    among_first,
    lengths,
    listed_by,
    names_of,
    returned,
)
from paper_chapters.set_codes.feasibility import least_dimension, separable
from paper_chapters.set_codes.learned import learn_vectors
from paper_chapters.set_codes.quantise import bfloat16_pair, byte_pair
from paper_utils.checks import whole
from paper_utils.codes.capacity import Transition, transition
from paper_utils.codes.set_codes import SetCodes
from paper_utils.codes.solver import Separator
from paper_utils.limit.data import LimitData
from paper_utils.limit.generate import generate_limit
from paper_utils.results import Tolerance, experiment
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import ranks_from_scores

# Attributes, attributes of a document, documents tried.
CAPACITY = ((150, 5, 60), (300, 10, 60), (600, 20, 40), (300, 60, 40), (600, 5, 40),
            (1848, 10, 12), (1200, 40, 8), (1848, 45, 6))  # fmt: skip
DIMS = (96, 128, 160, 192, 224, 256, 384, 512)
LEARNED_DIMS = (8, 12, 16, 20, 24)
N_DOCS, N_PAIRS = 400, 400


@experiment(
    "set-codes-capacity",
    "Least dimension in which linear programmes separate random sets of attributes",
    tasks=lambda: [
        {"n_attributes": V, "length": L, "n_sets": n, "seed": 0} for V, L, n in CAPACITY
    ],
    tolerance=WHOLE,
)
def least_dimensions(n_attributes: int, length: int, n_sets: int, seed: int) -> dict[str, Any]:
    """Find the `least` dimension of each random set, by bisection with linear programs.
    Each set has its own Gaussian query vectors. d dimensions are their first d coordinates, so that
    a separable set stays separable as d grows.
    """
    law = transition(n_attributes, length)
    streams = np.random.SeedSequence(seed).spawn(whole("n_sets", n_sets, least=1))
    sets = (np.random.default_rng(stream) for stream in streams)
    return {"least": [_least_dimension(rng, n_attributes, length, law) for rng in sets]}


def _least_dimension(rng: np.random.Generator, V: int, L: int, law: Transition) -> int:
    listed = rng.choice(V, L, replace=False)
    vectors = rng.standard_normal((V, V))

    def possible(d: int) -> bool:
        return separable(vectors[:, :d], listed).feasible

    return least_dimension(possible, law.centre, law.width, V)


@experiment(
    "set-codes-dimension",
    "Recall, precision and margin of set codes and of sums by dimension, in three formats",
    tasks=lambda: [{"d": d, "seed": 0} for d in DIMS],
    tolerance=SOLVED,
)
def by_dimension(d: int, seed: int, n_docs: int = N_DOCS, length: int = 45) -> dict[str, Any]:
    """Measure set codes and sums of the same vectors on generated data of LIMIT's form: documents
    `unsolved`, or `wrong` after rounding; median `margin` for unit vectors; `precision`, `recall`
    over attributes above 0 (sums: at the best F1). Queries for two attributes: `pairs`, share of
    relevant documents among as many first ones; `pair precision`, `pair recall` above 1.
    """
    data = generate_limit(46, 2, n_docs=n_docs, n_attributes=length, seed=seed)
    names = names_of(data)
    codes = SetCodes(d + 1, seed=seed).fit(data.attributes)
    solved, sums = codes.solve(names, max_steps=400), codes.sums(names)
    queries = codes.queries([data.attributes[a] for a in data.query_attributes])
    every = codes.queries(data.attributes)
    listed = listed_by(data.doc_attributes, len(data.attributes))
    good = solved.wrong == 0
    margins = solved.least[good] / lengths(solved.weights[good])
    found: dict[str, Any] = {"unsolved": int((~good).sum())}
    found["margin"] = float(np.median(margins)) if good.any() else None
    found |= returned(every @ solved.weights.T > 0, listed)
    scores = every @ sums.T
    best = _best_cutoff(scores, listed)
    found |= {f"sum {key}": value for key, value in returned(scores > best, listed).items()}
    found["set recall@2"] = recall_of(data, queries @ solved.weights.T)
    found["sum recall@2"] = recall_of(data, queries @ sums.T)
    for name, rounded in (("bf16", bfloat16_pair), ("int8", byte_pair)):
        q, x = (part.astype(np.float32) for part in rounded(every, solved.weights))
        scores = q @ x.T
        found[f"{name} recall@2"] = recall_of(data, scores[data.query_attributes])
        found[f"wrong {name}"] = int(((scores > 0) != listed).any(axis=0).sum())
    return found | _pairs(codes, data, listed, solved.weights, sums, seed)


def recall_of(data: LimitData, scores: NDArray, k: int = 2) -> float:
    """Return the mean recall at `k` over queries, ties counted by their expectation."""
    return float(recall_at_k(ranks_from_scores(scores, data.qrels), k).mean())


def _best_cutoff(scores: NDArray, listed: NDArray[np.bool_]) -> float:
    order = np.argsort(-scores, axis=None, kind="stable")
    hits = np.cumsum(listed.ravel()[order])
    f1 = 2 * hits / (np.arange(1, hits.size + 1) + listed.sum())
    place = min(int(f1.argmax()) + 1, hits.size - 1)
    return float(scores.ravel()[order[place]])


def _pairs(codes: SetCodes, data: LimitData, listed, weights, sums, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(data.documents), size=N_PAIRS)
    pairs = np.array([rng.choice(data.doc_attributes[i], 2, replace=False) for i in chosen])
    truth = listed[pairs[:, 0]] & listed[pairs[:, 1]]
    queries = codes.queries([[data.attributes[a] for a in pair] for pair in pairs])
    scores = queries @ weights.T
    found = returned(scores > 1, truth)
    return {
        "pairs": among_first(scores, truth),
        "sum pairs": among_first(queries @ sums.T, truth),
        "pair precision": found["precision"],
        "pair recall": found["recall"],
    }


@experiment(
    "set-codes-learned",
    "Share of sets with a code, for random query vectors and for learned ones",
    tasks=lambda: [
        {"d": d, "topics": topics, "seed": 0} for topics in (False, True) for d in LEARNED_DIMS
    ],
    tolerance=Tolerance(
        abs=0.02,
        why="Shares of 200 sets after training: rounding decides a few sets near the edge.",
    ),
)
def learned(
    d: int, topics: bool, seed: int, n_attributes: int = 200, length: int = 5, n_sets: int = 200
) -> dict[str, float]:
    """Learn query vectors on some sets; return the share of sets with a code: `random` vectors on
    new sets, learned ones on the `known` training sets and on `new` ones. With `topics`, the
    attributes of a set come from one of ten topics.
    """
    rng = np.random.default_rng(seed)
    known, new = (_draw(rng, n_sets, n_attributes, length, topics) for _ in range(2))
    plain = rng.standard_normal((n_attributes, d))
    plain /= np.linalg.norm(plain, axis=1, keepdims=True)
    vectors = learn_vectors(n_attributes, known, d, seed=seed)
    tried = {"random": (plain, new), "known": (vectors, known), "new": (vectors, new)}
    return {
        name: float((Separator(q).solve(sets, max_steps=400).wrong == 0).mean())
        for name, (q, sets) in tried.items()
    }


def _draw(rng, n_sets: int, V: int, L: int, topics: bool) -> Sequence[NDArray[np.int64]]:
    if not topics:
        return [rng.choice(V, L, replace=False) for _ in range(n_sets)]
    size = V // 10
    firsts = rng.integers(10, size=n_sets) * size
    return [first + rng.choice(size, L, replace=False) for first in firsts]
