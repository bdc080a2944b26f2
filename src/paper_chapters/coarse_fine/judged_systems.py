"""Systems beside the trained arms, on the same pairs of people's grades: none saw a grade."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.coarse_fine.equal_training import BUDGETS, scored_row
from paper_chapters.coarse_fine.graded_pairs import find_brands, stated
from paper_chapters.coarse_fine.judged_lists import GradedTitles, graded_titles
from paper_utils.codes.lexical import LexicalCodes
from paper_utils.data.judged import judged_checksums
from paper_utils.encoders.likelihood import log_probabilities, scorer
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.results import RANKS, experiment
from paper_utils.search.tokenizer import WordTokenizer
from paper_utils.search.weights import BM25Weights

Score = Callable[[NDArray[np.integer]], NDArray[np.float64]]
CODE = 256  #: numbers of a code of words
#: The last reads each pair with a language model, seconds a pair: it meets the fine ones alone.
SYSTEMS = ("BM25", "code of the words", "rules", "P(query | title), Qwen2.5-Coder")


def bm25(data: GradedTitles) -> Score:
    """BM25 with a stemmer over all titles of the set."""
    weights = BM25Weights(tokenizer=WordTokenizer(stemmer="english")).fit(data.titles)
    queries, titles = weights.queries(data.queries), weights.documents(data.titles)
    return lambda pairs: np.asarray(
        queries[pairs[:, 0]].multiply(titles[pairs[:, 1]]).sum(axis=1)
    ).ravel()


def word_code(data: GradedTitles) -> Score:
    """Vectors of `CODE` numbers that keep BM25's weights, fitted on the titles alone."""
    codes = LexicalCodes(CODE, tokenizer=WordTokenizer(stemmer="english")).fit(data.titles)
    queries, titles = codes.queries(data.queries), codes.encode(data.titles)
    return lambda pairs: np.einsum("pd,pd->p", queries[pairs[:, 0]], titles[pairs[:, 1]])


def rules(data: GradedTitles) -> Score:
    """How many of the values that the query states the title states: what decides which pairs are
    fine. It shows how often people's grades follow that attribute, and is no system for search.
    """
    brands = find_brands(data.titles)

    def score(pairs: NDArray[np.integer]) -> NDArray[np.float64]:
        found = []
        for query, title in pairs:
            wanted = stated(data.queries[query], brands)
            has = stated(data.titles[title], brands)
            found.append(sum(len(v & has.get(name, frozenset())) for name, v in wanted.items()))
        return np.array(found, dtype=np.float64)

    return score


def likelihood(data: GradedTitles) -> Score:
    """Log probability of the query after the title, by a language model without training."""

    def score(pairs: NDArray[np.integer]) -> NDArray[np.float64]:
        found = np.empty(len(pairs))
        for title in np.unique(pairs[:, 1]):
            rows = np.flatnonzero(pairs[:, 1] == title)
            texts = [data.queries[query] for query in pairs[rows, 0]]
            start, rest = log_probabilities(*scorer(), data.titles[title], texts)
            found[rows] = start + rest
        return found

    return score


_MADE = dict(zip(SYSTEMS, (bm25, word_code, rules, likelihood), strict=True))


@experiment(
    "equal-references",
    "Systems that saw no grade, on the pairs that the trained arms are tested with",
    tasks=lambda: [{"set": name, "system": system} for name in BUDGETS for system in SYSTEMS],
    data=lambda: {
        file: digest for name in BUDGETS for file, digest in judged_checksums(name).items()
    },
    tolerance=RANKS,
    kinds=("system",),
)
def reference_row(set: str, system: str) -> dict[str, Any]:
    """Return `scored_row` of a system on the test; of the last of `SYSTEMS` of fine pairs alone."""
    if system not in SYSTEMS:
        raise UsageError(f"no system {system!r}: {did_you_mean(system, SYSTEMS)}")
    data = graded_titles(set)
    counted = ("fine",) if system == SYSTEMS[-1] else ()
    return scored_row(data, "test", _MADE[system](data), counted)
