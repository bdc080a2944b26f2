"""Set codes of the replica of LIMIT, from attributes and from plain words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.set_codes.quantise import byte_pair
from paper_utils.codes.set_codes import SetCodes
from paper_utils.data.sources import find_dataset
from paper_utils.errors import UsageError
from paper_utils.geometry.rounding import to_bfloat16
from paper_utils.limit.data import LimitData
from paper_utils.limit.replica import limit_replica
from paper_utils.results import experiment
from paper_utils.search.bm25 import BM25
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.search.tokenizer import WordTokenizer

CUTOFFS = (2, 10, 100)
N_DOCS = 50_000
#: Words of queries that name no attribute: in no vocabulary.
STOP_WORDS = ("who", "likes", "and", "the", "of", "a", "in", "with")
# Queries scored at a time: 20 MB of scores of 50,000 documents.
_BLOCK = 100


def _released() -> dict[str, str]:
    files = find_dataset("limit")
    return {f"limit/{f.name}": f.checksum for f in files if f.name != "corpus.jsonl"}


@experiment(
    "set-codes-replica",
    "Set codes, sums and BM25 on the replica of LIMIT, from attributes and from words",
    tasks=lambda: [
        {"form": "words", "d": 512, "n_docs": N_DOCS},
        {"form": "attributes", "d": 256, "n_docs": N_DOCS},
        {"form": "attributes", "d": 512, "n_docs": N_DOCS},
    ],
    data=_released,
)
def replica_row(form: str, d: int, n_docs: int = 50_000, seed: int = 0) -> dict[str, Any]:
    """Encode the replica by attributes or by the words of its texts that queries may contain, and
    answer its queries. `length` is a mean, `steps` has median, 90% and most, `margin` is the median
    for unit vectors; `exact` is the share of queries whose documents above the cut-off are exactly
    the relevant ones. 'words in common' counts a query's words in a document.
    """
    if form not in ("attributes", "words"):
        raise UsageError(f"form = {form!r} must be 'attributes' or 'words'")
    data = limit_replica(n_docs, seed)
    vocabulary, documents, asked = _as_attributes(data) if form == "attributes" else _words(data)
    codes = SetCodes(d, seed=seed).fit(vocabulary)
    solved = codes.solve(documents)
    queries, rows = codes.queries(asked), codes.rows(documents)
    separator = codes._fitted()
    margins = solved.least / np.linalg.norm(solved.weights[:, :-1], axis=1)
    recall: dict[str, list[float]] = {
        "set": _dense(data, queries, solved.weights),
        "sum": _dense(data, queries, codes.sums(documents)),
    }
    wrong = {"exact": solved.wrong}
    for name, rounded in (("bf16", _brain), ("int8", byte_pair)):
        recall[name] = _dense(data, *rounded(queries, solved.weights))
        wrong[name] = _wrong(*rounded(separator.X, solved.weights), rows)
    if form == "words":
        recall["words in common"] = _words_in_common(data, codes, rows, asked)
        recall["BM25"] = _bm25(data)
    return {
        "vocabulary": len(vocabulary),
        "length": float(np.mean([len(row) for row in rows])),
        "docs with a wrong sign": {k: int((v > 0).sum()) for k, v in wrong.items()},
        "recall": recall,
        "margin": float(np.median(margins)),
        "steps": [float(x) for x in np.percentile(solved.steps, (50, 90, 100))],
        "exact": _exact(data, queries, solved.weights) if form == "attributes" else None,
    }


def _as_attributes(data: LimitData):
    documents = [[data.attributes[a] for a in row] for row in data.doc_attributes]
    return data.attributes, documents, [data.attributes[a] for a in data.query_attributes]


def _words(data: LimitData):
    cut = WordTokenizer(stop_words=STOP_WORDS)
    vocabulary = sorted({word for attribute in data.attributes for word in cut(attribute)})
    known = set(vocabulary)
    # Words that no query can hold, names above all, are left out of a document's list.
    documents = [sorted(known.intersection(cut(text))) for text in data.documents]
    asked = [sorted(known.intersection(cut(text))) for text in data.queries]
    return tuple(vocabulary), documents, asked


def _recall(data: LimitData, scores: Callable[[slice], NDArray]) -> list[float]:
    found = []
    for first in range(0, len(data.queries), _BLOCK):
        rows = slice(first, min(first + _BLOCK, len(data.queries)))
        ranks = ranks_from_scores(scores(rows), data.qrels[rows])
        found.append([recall_at_k(ranks, k).sum() for k in CUTOFFS])
    return [float(total) / len(data.queries) for total in np.sum(found, axis=0)]


def _dense(data: LimitData, queries: NDArray, weights: NDArray) -> list[float]:
    queries, across = queries.astype(np.float32), weights.T.astype(np.float32)
    return _recall(data, lambda rows: queries[rows] @ across)


def _words_in_common(data: LimitData, codes: SetCodes, rows, asked) -> list[float]:
    """Count the words of a query in each document: what an exact set of words can tell."""
    listed = np.zeros((len(codes.vocabulary), len(rows)), dtype=np.float32)
    for column, row in enumerate(rows):
        listed[row, column] = 1
    wanted = codes.rows(asked)
    return _recall(data, lambda part: np.array([listed[row].sum(axis=0) for row in wanted[part]]))


def _bm25(data: LimitData) -> list[float]:
    index = BM25(tokenizer=WordTokenizer(stop_words=STOP_WORDS)).fit(data.documents)
    return _recall(data, lambda rows: index.scores(data.queries[rows]))


def _brain(queries: NDArray, weights: NDArray) -> tuple[NDArray, NDArray]:
    return to_bfloat16(queries), to_bfloat16(weights)


def _wrong(vectors: NDArray, weights: NDArray, rows) -> NDArray[np.int64]:
    across = vectors.T.astype(np.float32)
    wrong = np.empty(len(rows), dtype=np.int64)
    for first in range(0, len(rows), 1000):
        part = slice(first, first + 1000)
        above = weights[part].astype(np.float32) @ across > 0
        for place, row in enumerate(rows[part], start=first):
            line = above[place - first]
            hits = int(line[row].sum())
            wrong[place] = int(line.sum()) - hits + len(row) - hits
    return wrong


def _exact(data: LimitData, queries: NDArray, weights: NDArray) -> float:
    above = queries.astype(np.float32) @ weights.T > 0
    starts = data.qrels.indptr
    right = [
        np.array_equal(np.flatnonzero(line), data.qrels.indices[starts[i] : starts[i + 1]])
        for i, line in enumerate(above)
    ]
    return float(np.mean(right))
