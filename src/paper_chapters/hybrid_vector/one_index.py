"""An embedding and the words of a text in one vector, against two systems whose scores are fused.

Fixed before the first record: one vector *reaches* the fusion on a pair where the interval of its
nDCG@10 less that of the weighted sum of two systems lies above `MARGIN`, both with the weight that
is best on the other half of the queries.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.hybrid_vector.fusion import (
    FIXED,
    SPREADS,
    OneVector,
    at_weights,
    by_ranks,
    chosen,
    cosine_spread,
    graph_scores,
    other_halves,
    standardised,
)
from paper_chapters.hybrid_vector.kept_words import NEAR_TIES, Words, checksums, sampled_rows
from paper_chapters.hybrid_vector.kept_words import words_of as load_words
from paper_utils.checks import unit_rows
from paper_utils.codes.lexical import LexicalCodes
from paper_utils.geometry.perturb import to_int8
from paper_utils.panel.pairs import Pair, load_vectors
from paper_utils.panel.search import has_shallow_pools, highest, interval, only_judged
from paper_utils.panel.sets import load_set
from paper_utils.results import experiment

MARGIN = -0.01  #: of nDCG@10
NUMBERS = (128, 256, 512)
STORED = 256  #: numbers of the codes that are searched by graph and in bytes
FETCHED = 20  #: texts that the graph returns

_QUICK = ("wordllama", "use-multilingual-v3", "minilm")
#: English encoders meet English texts. What is left out is left out for the hours it takes to
#: encode: mpnet elsewhere, me5 on scientific abstracts.
ENCODERS = {
    "homedepot-5k": (*_QUICK, "me5-small"),
    "crowdflower": (*_QUICK, "me5-small"),
    "xquad-r-en": (*_QUICK, "me5-small", "mpnet"),
    "xquad-r-ru": ("use-multilingual-v3", "me5-small"),
    "cranfield": (*_QUICK, "me5-small"),
    "scifact": _QUICK,
}


@experiment(
    "hybrid-one-vector",
    "Embedding and words in one vector against two systems fused: nDCG@10 on pairs of the panel",
    tasks=lambda: [{"set": name, "d": d} for name in ENCODERS for d in NUMBERS],
    data=lambda: checksums(tuple(ENCODERS)),
    tolerance=NEAR_TIES,
    kinds=("set",),
)
def one_vector(set: str, d: int) -> dict[str, Any]:
    """Measure the pairs of a set with `d` numbers for the words; see `pair_values`."""
    words = load_words(set)
    codes = LexicalCodes(d, tokenizer=words.index.tokenizer).fit(words.texts)
    lexical = codes.encode(words.texts), codes.queries(words.queries)
    rows, found = sampled_rows(load_set(set).qrels), {}
    for encoder in ENCODERS[set]:
        vectors = load_vectors(Pair(encoder, set))
        dense = unit_rows(vectors.documents), unit_rows(vectors.queries[rows])
        found[encoder] = pair_values(words, dense, lexical, d == STORED)
    return {"pairs": found}


def pair_values(
    words: Words, dense: tuple[NDArray, NDArray], lexical: tuple[NDArray, NDArray], stored: bool
) -> dict[str, Any]:
    """Return the `value` (nDCG) of systems and fusions, and what one vector has `more` than others
    (mean, low, high): at the weight of the other half than the same sum of two systems; at the
    fixed weight than ranks, than the fixed sum and than the same sum with BM25's exact scores. If
    `stored`, also the change by a graph and by bytes.
    """
    cosines, exact, one = dense[1] @ dense[0].T, words.exact, OneVector.of(dense, lexical)
    parts = standardised(cosines), standardised(exact)
    gain = SPREADS * cosine_spread(dense[0])
    two = at_weights(lambda weight: parts[0] + weight * parts[1], words.value)
    mine = at_weights(one.scores, words.value)
    values = {
        "dense": words.value(cosines),
        "BM25": words.value(exact),
        "code": words.value(lexical[1] @ lexical[0].T),
        "ranks": words.value(by_ranks(cosines, exact)),
        "two, fixed": two[FIXED],
        "two": chosen(two),
        "one, fixed": mine[FIXED],
        "one": chosen(mine),
        "exact words": words.value(cosines + FIXED * gain * exact / best_scores(words)),
    }
    members = highest(words.grades)
    compare = partial(interval, members=members)
    more = {name: compare(values["one"] - values[name]) for name in ("dense", "BM25", "two")}
    more["exact words"] = compare(values["one, fixed"] - values["exact words"])
    more["ranks"] = compare(values["one, fixed"] - values["ranks"])
    more["two, fixed"] = compare(values["one, fixed"] - values["two, fixed"])
    weights = other_halves(mine)
    found: dict[str, Any] = {
        "value": {name: round(float(np.nanmean(row)), 5) for name, row in values.items()},
        "more": more,
        "weights": [float(weights[0]), float(weights[1])],
    }
    if has_shallow_pools(words.grades):
        judged = partial(judged_value, words)
        fused = judged(parts[0] + FIXED * parts[1])
        found["more"]["two, fixed, judged alone"] = compare(judged(one.scores(FIXED)) - fused)
    if stored:
        found["stored"] = stored_changes(words, one, weights, values, dense)
    return found


def best_scores(words: Words) -> NDArray[np.float64]:
    """Return the sum of the largest weights of each query's words, (n_queries, 1); 1 for none."""
    best = words.counts @ words.weights.max(axis=0).toarray().ravel()
    return np.where(best > 0, best, 1.0)[:, None]


def judged_value(words: Words, scores: NDArray) -> NDArray[np.float64]:
    """Return nDCG at 10 among the texts that were judged for the query."""
    return words.value(only_judged(lambda rows: scores[rows], words.grades)(slice(None)))


def stored_changes(
    words: Words, one: OneVector, weights: NDArray, values: dict, dense: tuple[NDArray, NDArray]
) -> dict[str, list[float]]:
    """Return the change of nDCG of one vector by a graph and by one byte a number, and that of the
    embedding alone by a graph.
    """
    compare = partial(interval, members=highest(words.grades))
    bytes_of, graph, by_bytes = to_int8(one.documents), {}, {}
    for weight in dict.fromkeys(weights.tolist()):
        queries = one.queries(weight)
        graph[weight] = words.value(graph_scores(one.documents, queries, FETCHED))
        by_bytes[weight] = words.value(queries @ bytes_of.T)
    at = [weights == weight for weight in graph]
    alone = words.value(graph_scores(dense[0], dense[1], FETCHED))
    return {
        "graph": compare(np.select(at, list(graph.values())) - values["one"]),
        "bytes": compare(np.select(at, list(by_bytes.values())) - values["one"]),
        "graph, dense": compare(alone - values["dense"]),
    }
