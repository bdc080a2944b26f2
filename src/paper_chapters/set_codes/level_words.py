"""Set codes with equal scores: least dimensions, several attributes at once, plain words."""

from __future__ import annotations

from typing import Any

import numpy as np

from paper_chapters.set_codes.answers import (
    SOLVED,
    SOLVED_REPLICA,
    WHOLE,
    among_first,
    dense_recalls,
    lengths,
    listed_by,
    names_of,
    returned,
    words_of,
)
from paper_chapters.set_codes.feasibility import least_dimension
from paper_chapters.set_codes.level import level_dimension, level_margin
from paper_chapters.set_codes.quantise import bfloat16_pair, byte_pair
from paper_utils.checks import whole
from paper_utils.codes.capacity import transition
from paper_utils.codes.level_codes import LevelCodes
from paper_utils.codes.set_codes import SetCodes
from paper_utils.limit.data import released_checksums
from paper_utils.limit.generate import generate_limit
from paper_utils.limit.replica import limit_replica
from paper_utils.results import experiment

# Attributes, attributes of a document, documents tried: rows of the table of plain set codes.
CAPACITY = ((100, 20, 20), (150, 5, 60), (300, 10, 60), (600, 20, 40), (300, 60, 40))
DIMS = (224, 256, 384, 512)
N_DOCS, N_QUERIES = 400, 400


@experiment(
    "set-codes-level-capacity",
    "Least dimension in which linear programs find codes with equal scores, on the same sets",
    tasks=lambda: [
        {"n_attributes": V, "length": L, "n_sets": n, "seed": 0} for V, L, n in CAPACITY
    ],
    tolerance=WHOLE,
)
def least_level_dimensions(
    n_attributes: int, length: int, n_sets: int, seed: int
) -> dict[str, Any]:
    """Find the `least` dimension of each random set, by bisection with linear programs.
    With the same seed, sets and vectors are the first of those of
    :func:`~paper_chapters.set_codes.by_dimension.least_dimensions`.
    """
    V, L = n_attributes, length
    expected, width = level_dimension(V, L), transition(V, L).width
    least = []
    for stream in np.random.SeedSequence(seed).spawn(whole("n_sets", n_sets, least=1)):
        rng = np.random.default_rng(stream)
        listed, vectors = rng.choice(V, L, replace=False), rng.standard_normal((V, V))

        def possible(d: int, listed=listed, vectors=vectors) -> bool:
            return level_margin(vectors[:, :d], listed) > 0

        least.append(least_dimension(possible, expected, width, V))
    return {"least": least}


@experiment(
    "set-codes-level-several",
    "Queries for two and three attributes at once: set codes, the same with equal scores, sums",
    tasks=lambda: [{"d": 256, "seed": 0, "n_docs": 60}, *({"d": d, "seed": 0} for d in DIMS)],
    tolerance=SOLVED,
)
def several(d: int, seed: int, n_docs: int = N_DOCS, length: int = 45) -> dict[str, Any]:
    """Query for two and three attributes at once, on generated data of LIMIT's form.
    By kind of code: `unsolved` documents, median `margin` of unit vectors. By kind and number
    ("set, 2"): `among first`, the share of relevant documents among as many first ones; of codes
    also `precision` and `recall` above the cut-off number - 1.
    """
    data = generate_limit(46, 2, n_docs=n_docs, n_attributes=length, seed=seed)
    names = names_of(data)
    listed = listed_by(data.doc_attributes, len(data.attributes))
    plain = SetCodes(d + 1, seed=seed).fit(data.attributes)
    equal = LevelCodes(d + 1, seed=seed).fit(data.attributes)
    solved = {"set": plain.solve(names), "level": equal.solve(names)}
    weights = {name: found.weights for name, found in solved.items()}
    weights["sum"] = plain.sums(names)
    every = plain.queries(data.attributes)
    sides = np.where(listed, 1, -1)
    found: dict[str, Any] = {
        "unsolved": {name: int((one.wrong > 0).sum()) for name, one in solved.items()},
        "margin": {
            name: float(np.median((every @ w.T * sides).min(axis=0) / lengths(w)))
            for name, w in weights.items()
            if name != "sum"
        },
    }
    for size in (2, 3):
        rng = np.random.default_rng([seed, size])
        chosen = rng.integers(n_docs, size=N_QUERIES)
        wanted = [rng.choice(data.doc_attributes[i], size, replace=False) for i in chosen]
        truth = np.array([listed[row].all(axis=0) for row in wanted])
        queries = plain.queries([[data.attributes[a] for a in row] for row in wanted])
        for name, w in weights.items():
            scores = queries @ w.T
            found[f"{name}, {size}"] = {"among first": among_first(scores, truth)}
            if name != "sum":
                found[f"{name}, {size}"] |= returned(scores > size - 1, truth)
    return found


@experiment(
    "set-codes-level-words",
    "Set codes with equal scores from the plain words of the replica of LIMIT",
    tasks=lambda: [{"d": 512, "n_docs": 50_000}],
    data=lambda: released_checksums("limit"),
    tolerance=SOLVED_REPLICA,
)
def level_words(d: int, n_docs: int, seed: int = 0) -> dict[str, Any]:
    """Encode the replica from its words; a query is the sum of its word vectors. `length` is the
    mean, `wrong` counts documents without a code, `steps` has median and maximum, `margin` is the
    median for unit vectors, `recall` is at 2, 10 and 100 ('bf16' and 'int8': both sides rounded).
    """
    data = limit_replica(n_docs, seed)
    vocabulary, documents, words = words_of(data)
    codes = LevelCodes(d + 1, seed=seed).fit(vocabulary)
    solved, queries = codes.solve(documents), codes.queries(words)
    rounded = {
        "level": (queries, solved.weights),
        "bf16": bfloat16_pair(queries, solved.weights),
        "int8": byte_pair(queries, solved.weights),
    }
    return {
        "vocabulary": len(vocabulary),
        "length": float(np.mean([len(row) for row in documents])),
        "wrong": int((solved.wrong > 0).sum()),
        "steps": [float(np.median(solved.steps)), float(solved.steps.max())],
        "margin": float(np.median((solved.least + 0.5) / lengths(solved.weights))),
        "recall": {name: dense_recalls(data, *pair) for name, pair in rounded.items()},
    }
