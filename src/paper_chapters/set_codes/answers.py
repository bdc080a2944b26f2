"""What codes answer: recall on data of LIMIT's form, and the words of its texts.

In the records of this chapter `d` counts the coordinates of the queries' vectors, as the law does;
a code has the cut-off beside them, d + 1 numbers in all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from paper_utils.limit.data import LimitData
from paper_utils.limit.sentences import FUNCTION_WORDS
from paper_utils.results import Tolerance
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import ranks_in_blocks
from paper_utils.search.tokenizer import WordTokenizer

CUTOFFS = (2, 10, 100)
#: Words of queries that name no attribute: in no vocabulary.
STOP_WORDS = (*FUNCTION_WORDS, "likes")

WHOLE = Tolerance(
    why="Whole dimensions: a linear program is feasible or is not, and draws that come within "
    "rounding of the edge are too rare to allow for.",
)
SOLVED = Tolerance(
    rel=0.01,
    abs=0.005,
    why="A solver of many steps: rounding moves margins by less than 1%, and at the edge a few "
    "documents in a hundred of those without a code.",
)
SOLVED_REPLICA = Tolerance(
    rel=0.01,
    abs=0.003,
    unchecked=("steps",),
    why="A solver of many steps: rounding moves margins by less than 1% and a few of 1,000 "
    "queries; the number of steps is what it cost.",
)


def recalls(data: LimitData, score: Callable[[slice], NDArray]) -> list[float]:
    """Return the mean recall at each of `CUTOFFS`; `score` is as in `ranks_in_blocks`."""
    ranks = ranks_in_blocks(score, data.qrels)
    return [float(recall_at_k(ranks, k).mean()) for k in CUTOFFS]


def dense_recalls(data: LimitData, queries: NDArray, codes: NDArray) -> list[float]:
    """Return the mean recalls by inner products in single precision."""
    queries, across = queries.astype(np.float32), codes.T.astype(np.float32)
    return recalls(data, lambda rows: queries[rows] @ across)


def names_of(data: LimitData) -> list[list[str]]:
    """Return the attributes that each document lists."""
    return [[data.attributes[a] for a in row] for row in data.doc_attributes]


def words_of(data: LimitData) -> tuple[tuple[str, ...], list[list[str]], list[list[str]]]:
    """Return the sorted words of all attributes, and which of them each document and query has.
    Stop words are left out, and so are words that no query can hold, names above all.
    """
    cut = WordTokenizer(stop_words=STOP_WORDS)
    vocabulary = sorted({word for attribute in data.attributes for word in cut(attribute)})
    known = set(vocabulary)
    documents, queries = (
        [sorted(known.intersection(cut(text))) for text in texts]
        for texts in (data.documents, data.queries)
    )
    return tuple(vocabulary), documents, queries


def listed_by(rows: Sequence[NDArray[np.int64]], n_attributes: int) -> NDArray[np.bool_]:
    """Return which attributes each document lists, shape (n_attributes, n_docs)."""
    listed = np.zeros((n_attributes, len(rows)), dtype=bool)
    for column, row in enumerate(rows):
        listed[row, column] = True
    return listed


def among_first(scores: NDArray, truth: NDArray[np.bool_]) -> float:
    """Return the mean share of relevant documents among as many first ones; ties by place."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(truth, order, axis=1)
    sizes = truth.sum(axis=1)
    return float(np.mean([row[:n].mean() for row, n in zip(ranked, sizes, strict=True)]))


def returned(answers: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, float]:
    """Return precision and recall of all answers together."""
    both = int((answers & truth).sum())
    return {"precision": both / max(int(answers.sum()), 1), "recall": both / int(truth.sum())}


def lengths(codes: NDArray) -> NDArray:
    """Return the lengths of codes without their last number, the cut-off."""
    return np.linalg.norm(codes[:, :-1], axis=1)
