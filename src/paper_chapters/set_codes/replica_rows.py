"""Set codes of the replica of LIMIT, from attributes and from plain words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.set_codes.answers import (
    SOLVED_REPLICA,
    STOP_WORDS,
    dense_recalls,
    lengths,
    listed_by,
    names_of,
    recalls,
    words_of,
)
from paper_chapters.set_codes.quantise import bfloat16_pair, byte_pair
from paper_utils.codes.set_codes import SetCodes
from paper_utils.errors import UsageError
from paper_utils.limit.data import LimitData, released_checksums
from paper_utils.limit.replica import limit_replica
from paper_utils.results import experiment
from paper_utils.search.bm25 import BM25
from paper_utils.search.tokenizer import WordTokenizer

N_DOCS = 50_000


@experiment(
    "set-codes-replica",
    "Set codes, sums and BM25 on the replica of LIMIT, from attributes and from words",
    tasks=lambda: [
        {"form": "words", "d": 512, "n_docs": N_DOCS},
        {"form": "attributes", "d": 256, "n_docs": N_DOCS},
        {"form": "attributes", "d": 512, "n_docs": N_DOCS},
    ],
    data=lambda: released_checksums("limit"),
    tolerance=SOLVED_REPLICA,
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
    if form == "attributes":
        vocabulary, documents = data.attributes, names_of(data)
        names = [data.attributes[a] for a in data.query_attributes]
    else:
        vocabulary, documents, names = words_of(data)
    codes = SetCodes(d + 1, seed=seed).fit(vocabulary)
    solved, rows = codes.solve(documents), codes.rows(documents)
    queries, every = codes.queries(names), codes.queries(vocabulary)
    recall: dict[str, list[float]] = {
        "set": dense_recalls(data, queries, solved.weights),
        "sum": dense_recalls(data, queries, codes.sums(documents)),
    }
    wrong = {"exact": solved.wrong}
    for name, rounded in (("bf16", bfloat16_pair), ("int8", byte_pair)):
        recall[name] = dense_recalls(data, *rounded(queries, solved.weights))
        wrong[name] = _wrong(*rounded(every, solved.weights), rows)
    if form == "words":
        listed, wanted = listed_by(rows, len(vocabulary)).astype(np.float32), codes.rows(names)
        recall["words in common"] = recalls(  # what an exact set of words can tell
            data, lambda part: np.array([listed[row].sum(axis=0) for row in wanted[part]])
        )
        bm25 = BM25(tokenizer=WordTokenizer(stop_words=STOP_WORDS)).fit(data.documents)
        recall["BM25"] = recalls(data, lambda part: bm25.scores(data.queries[part]))
    return {
        "vocabulary": len(vocabulary),
        "length": float(np.mean([len(row) for row in rows])),
        "docs with a wrong sign": {k: int((v > 0).sum()) for k, v in wrong.items()},
        "recall": recall,
        "margin": float(np.median(solved.least / lengths(solved.weights))),
        "steps": [float(x) for x in np.percentile(solved.steps, (50, 90, 100))],
        "exact": _exact(data, queries, solved.weights) if form == "attributes" else None,
    }


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
