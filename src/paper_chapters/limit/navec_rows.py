"""navec, word vectors made for Russian, on data of LIMIT's form in both languages."""

from __future__ import annotations

from typing import Any

import numpy as np

from paper_chapters.limit.patterns import pooled
from paper_chapters.limit.query_values import query_values
from paper_utils.encoders import load_encoder
from paper_utils.encoders.navec import known_words
from paper_utils.limit.collection import check_source, named_collection
from paper_utils.limit.data import released_checksums
from paper_utils.results import RANKS, experiment
from paper_utils.search.metrics import summary

SOURCES = ("russian", "english", "limit-small", "replica")


@experiment(
    "limit-navec",
    "navec, mean of word vectors, on LIMIT-small, on the replica and on generated data",
    tasks=lambda: [{"source": source} for source in SOURCES],
    data=released_checksums,
    tolerance=RANKS,
)
def navec_row(source: str, n_docs: int = 0) -> dict[str, Any]:
    """Measure means of navec's word vectors: ``recall@2`` -> [mean, low, high], and so on.
    'russian' and 'english' have LIMIT-small's form, the book's own attributes and seed 0; `n_docs`
    is of the replica, 0 for all 50,000. `words read`: mean number of distinct words of a query that
    navec knows.
    """
    check_source(source, SOURCES)
    language = {"russian": "ru", "english": "en"}.get(source)
    if language is None:
        data = named_collection(source, n_docs or None)
    else:
        data = named_collection("generated", language=language)
    known = load_encoder("navec").pack.vocab.word_ids
    read = [len(set(known_words(text, known))) for text in data.queries]
    found = summary(query_values(pooled(data, "navec"), data.qrels))
    return found | {"words read": float(np.mean(read))}
