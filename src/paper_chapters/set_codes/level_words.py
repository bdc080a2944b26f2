"""Set codes with equal scores: least dimensions, several attributes at once, plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.set_codes.level import LevelCodes, level_dimension, level_gap
from paper_chapters.set_codes.quantise import byte_pair
from paper_utils.codes.capacity import transition
from paper_utils.codes.set_codes import SetCodes
from paper_utils.data.sources import find_dataset
from paper_utils.errors import UsageError
from paper_utils.geometry.rounding import to_bfloat16
from paper_utils.limit.data import LimitData
from paper_utils.limit.generate import generate_limit
from paper_utils.limit.replica import limit_replica
from paper_utils.results import experiment
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.search.tokenizer import WordTokenizer

# Attributes, attributes of a document, documents tried: rows of the table of plain set codes.
CAPACITY = ((100, 20, 20), (150, 5, 60), (300, 10, 60), (600, 20, 40), (300, 60, 40))
DIMS = (224, 256, 384, 512)
CUTOFFS = (2, 10, 100)
N_DOCS, N_ASKED = 400, 400
#: Words of queries that name no attribute: in no vocabulary.
STOP_WORDS = ("who", "likes", "and", "the", "of", "a", "in", "with")
_BLOCK = 100


@experiment(
    "set-codes-level-capacity",
    "Least dimension in which linear programs find codes with equal scores, on the same sets",
    tasks=lambda: [
        {"n_attributes": V, "length": L, "n_sets": n, "seed": 0} for V, L, n in CAPACITY
    ],
)
def least_level_dimensions(
    n_attributes: int, length: int, n_sets: int, seed: int
) -> dict[str, Any]:
    """Find the `least` dimension of each random set, by bisection with linear programs.
    With the same seed, sets and vectors are the first of those of
    :func:`~paper_chapters.set_codes.by_dimension.least_dimensions`.
    """
    reach = max(2, round(3 * transition(n_attributes, length).width))
    centre = round(level_dimension(n_attributes, length))
    if n_sets < 1:
        raise UsageError(f"n_sets must be at least 1, not {n_sets}")
    # The number of streams does not change them.
    streams = np.random.SeedSequence(seed).spawn(n_sets)
    least = []
    for stream in streams:
        rng = np.random.default_rng(stream)
        listed = rng.choice(n_attributes, length, replace=False)
        vectors = rng.standard_normal((n_attributes, n_attributes))
        low, high = max(0, centre - reach), min(n_attributes, centre + reach)
        while low > 0 and level_gap(vectors[:, :low], listed) > 0:
            low, high = max(0, low - reach), low
        while high < n_attributes and level_gap(vectors[:, :high], listed) == 0:
            low, high = high, min(n_attributes, high + reach)
        while high - low > 1:
            middle = (low + high) // 2
            if level_gap(vectors[:, :middle], listed) > 0:
                high = middle
            else:
                low = middle
        least.append(high)
    return {"least": least}


@experiment(
    "set-codes-level-several",
    "Queries for two and three attributes at once: set codes, the same with equal scores, sums",
    tasks=lambda: [{"d": 256, "seed": 0, "n_docs": 60}, *({"d": d, "seed": 0} for d in DIMS)],
)
def several(d: int, seed: int, n_docs: int = N_DOCS, length: int = 45) -> dict[str, Any]:
    """Query for two and three attributes at once, on generated data of LIMIT's form.
    By kind of code: `unsolved` documents, median `margin` of unit vectors. By kind and number
    ("set, 2"): `among first`, the share of relevant documents among as many first ones; of codes
    also `precision` and `recall` above the cut-off number - 1.
    """
    data = generate_limit(46, 2, n_docs=n_docs, n_attributes=length, seed=seed)
    names = [[data.attributes[a] for a in row] for row in data.doc_attributes]
    listed = np.zeros((len(data.attributes), n_docs), dtype=bool)
    for column, row in enumerate(data.doc_attributes):
        listed[row, column] = True
    plain = SetCodes(d, seed=seed).fit(data.attributes)
    equal = LevelCodes(d, seed=seed).fit(data.attributes)
    solved = {"set": plain.solve(names), "level": equal.solve(names)}
    weights = {name: found.weights for name, found in solved.items()}
    weights["sum"] = plain.sums(names)
    every = plain.queries(data.attributes)
    sides = np.where(listed, 1, -1)
    found: dict[str, Any] = {
        "unsolved": {name: int((one.wrong > 0).sum()) for name, one in solved.items()},
        "margin": {
            name: float(np.median((every @ w.T * sides).min(axis=0) / _lengths(w)))
            for name, w in weights.items()
            if name != "sum"
        },
    }
    for size in (2, 3):
        rng = np.random.default_rng([seed, size])
        chosen = rng.integers(n_docs, size=N_ASKED)
        asked = [rng.choice(data.doc_attributes[i], size, replace=False) for i in chosen]
        truth = np.array([listed[row].all(axis=0) for row in asked])
        queries = plain.queries([[data.attributes[a] for a in row] for row in asked])
        for name, w in weights.items():
            scores = queries @ w.T
            one = {"among first": _among_first(scores, truth)}
            if name != "sum":
                above = scores > size - 1
                both = int((above & truth).sum())
                one["precision"] = both / max(int(above.sum()), 1)
                one["recall"] = both / int(truth.sum())
            found[f"{name}, {size}"] = one
    return found


def _lengths(weights: NDArray) -> NDArray:
    return np.linalg.norm(weights[:, :-1], axis=1)


def _among_first(scores: NDArray, truth: NDArray[np.bool_]) -> float:
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(truth, order, axis=1)
    sizes = truth.sum(axis=1)
    return float(np.mean([row[:n].mean() for row, n in zip(ranked, sizes, strict=True)]))


def _released() -> dict[str, str]:
    files = find_dataset("limit")
    return {f"limit/{f.name}": f.checksum for f in files if f.name != "corpus.jsonl"}


@experiment(
    "set-codes-level-words",
    "Set codes with equal scores from the plain words of the replica of LIMIT",
    tasks=lambda: [{"d": 512, "n_docs": 50_000}],
    data=_released,
)
def level_words(d: int, n_docs: int, seed: int = 0) -> dict[str, Any]:
    """Encode the replica from its words; a query is the sum of its word vectors.
    `length` is the mean, `wrong` counts documents without a code, `steps` has median and maximum,
    `margin` is the median for unit vectors, `recall` is at 2, 10 and 100 ('bf16' and 'int8': both
    sides rounded).
    """
    data = limit_replica(n_docs, seed)
    vocabulary, documents, asked = words_of(data)
    codes = LevelCodes(d, seed=seed).fit(vocabulary)
    solved, queries = codes.solve(documents), codes.queries(asked)
    rounded = {
        "level": (queries, solved.weights),
        "bf16": (to_bfloat16(queries), to_bfloat16(solved.weights)),
        "int8": byte_pair(queries, solved.weights),
    }
    return {
        "vocabulary": len(vocabulary),
        "length": float(np.mean([len(row) for row in documents])),
        "wrong": int((solved.wrong > 0).sum()),
        "steps": [float(np.median(solved.steps)), float(solved.steps.max())],
        "margin": float(np.median((solved.least + 0.5) / _lengths(solved.weights))),
        "recall": {name: _recalls(data, *pair) for name, pair in rounded.items()},
    }


def words_of(data: LimitData) -> tuple[tuple[str, ...], list[list[str]], list[list[str]]]:
    """Return the sorted words of all attributes, and which of them each document and query has.
    Stop words are left out, and so are names, which no query contains.
    """
    cut: Callable[[str], Sequence[str]] = WordTokenizer(stop_words=STOP_WORDS)
    vocabulary = sorted({word for attribute in data.attributes for word in cut(attribute)})
    known = set(vocabulary)
    documents = [sorted(known.intersection(cut(text))) for text in data.documents]
    return tuple(vocabulary), documents, [sorted(known.intersection(cut(q))) for q in data.queries]


def _recalls(data: LimitData, queries: NDArray, weights: NDArray) -> list[float]:
    queries, across = queries.astype(np.float32), weights.T.astype(np.float32)
    total = np.zeros(len(CUTOFFS))
    for first in range(0, len(data.queries), _BLOCK):
        rows = slice(first, min(first + _BLOCK, len(data.queries)))
        ranks = ranks_from_scores(queries[rows] @ across, data.qrels[rows])
        total += [recall_at_k(ranks, k).sum() for k in CUTOFFS]
    return (total / len(data.queries)).tolist()
