"""Before a set is used: BM25 and MiniLM on it, beside the values that others print."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from paper_utils.panel.pairs import Pair, load_vectors, pairs
from paper_utils.panel.search import Scores, cosine_scores, search_values, summarised
from paper_utils.panel.sets import JUDGED, load_set, set_checksums
from paper_utils.published import published
from paper_utils.results import RANKS, experiment
from paper_utils.search.bm25 import BM25
from paper_utils.search.tokenizer import WordTokenizer

SYSTEMS = ("bm25 as printed", "bm25", "minilm")
_WORD = re.compile(r"\b\w\w+\b")  # what bm25s takes by default: no token of one letter


def bm25s_tokens(text: str) -> list[str]:
    """Return the tokens of bm25s's defaults with its English stop words and stemmer.

    >>> bm25s_tokens("The drills of 18 V")
    ['drill', '18']
    """
    stem, stop_words = _english()
    return [stem(word) for word in _WORD.findall(text.lower()) if word not in stop_words]


@cache
def _english() -> tuple[Callable[[str], str], frozenset[str]]:
    import Stemmer
    from bm25s.stopwords import STOPWORDS_EN

    return Stemmer.Stemmer("english").stemWord, frozenset(STOPWORDS_EN)


def _scores(system: str, name: str) -> Scores:
    texts = load_set(name)
    if system == "minilm":
        vectors = load_vectors(Pair(system, name))
        return cosine_scores(vectors.documents, vectors.queries)["none"]
    stemmer = {"ru": "russian", "en": "english"}[JUDGED[name][0]]
    tokenizer = bm25s_tokens if system == "bm25 as printed" else WordTokenizer(stemmer=stemmer)
    index = BM25(tokenizer=tokenizer).fit(texts.documents)
    return lambda rows: index.scores(texts.queries[rows])


@experiment(
    "panel-anchors",
    "BM25 and MiniLM on every judged set of the panel, beside the values that others print",
    tasks=lambda: [
        {"set": name, "system": system}
        for name in JUDGED
        for system in SYSTEMS
        if system != "minilm" or Pair(system, name) in pairs()
    ],
    data=lambda: set_checksums(*JUDGED),
    tolerance=RANKS,
    kinds=("system",),
)
def anchor(set: str, system: str) -> dict[str, Any]:
    """Measure one system on one set.
    `printed` is somebody else's nDCG at 10, null where we know none, and `met` whether ours is
    within .003 of it. 'bm25' has the words of this book and the stemmer of the documents' language.
    """
    qrels, score = load_set(set).qrels, _scores(system, set)
    values = search_values(score, qrels)
    row: dict[str, Any] = summarised(values) | {"queries": len(values["ndcg_10"])}
    table = {"bm25 as printed": "anchors-bm25", "minilm": "anchors-minilm"}
    row["printed"] = published(table[system]).value.get(set) if system in table else None
    row["met"] = (
        None if row["printed"] is None else abs(row["ndcg_10"][0] - row["printed"]) <= 0.003
    )
    return row
