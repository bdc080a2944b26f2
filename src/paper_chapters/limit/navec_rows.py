"""navec, word vectors made for Russian, on data of LIMIT's form in both languages."""

from __future__ import annotations

from typing import Any

import numpy as np

from paper_chapters.limit.patterns import pooled
from paper_chapters.limit.query_values import query_values, summary
from paper_utils.data.sources import find_dataset
from paper_utils.encoders import load_encoder
from paper_utils.encoders.navec import known_words
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.limit.data import load_limit
from paper_utils.limit.generate import generate_limit
from paper_utils.limit.replica import limit_replica
from paper_utils.results import experiment

SOURCES = ("russian", "english", "limit-small", "replica")


def _released() -> dict[str, str]:
    return {
        f"{name}/{file.name}": file.checksum
        for name in ("limit-small", "limit")
        for file in find_dataset(name)
        if (name, file.name) != ("limit", "corpus.jsonl")
    }


@experiment(
    "limit-navec",
    "navec, mean of word vectors, on LIMIT-small, on the replica and on generated data",
    tasks=lambda: [{"source": source} for source in SOURCES],
    data=_released,
)
def navec_row(source: str, n_docs: int = 0) -> dict[str, Any]:
    """Measure means of navec's word vectors: ``recall@2`` -> [mean, low, high], and so on.
    'russian' and 'english' have LIMIT-small's form, the book's own attributes and seed 0; `n_docs`
    is of the replica, 0 for all 50,000. `words read`: mean number of distinct words of a query that
    navec knows.
    """
    if source not in SOURCES:
        raise UsageError(f"no source {source!r}: {did_you_mean(source, SOURCES)}")
    if source == "replica":
        data = limit_replica(n_docs or 50_000)
    elif source == "limit-small":
        data = load_limit()
    else:
        language = "ru" if source == "russian" else "en"
        data = generate_limit(46, 2, n_queries=1000, language=language)
    known = load_encoder("navec").pack.vocab.word_ids
    read = [len(set(known_words(text, known))) for text in data.queries]
    found = summary(query_values(pooled(data, "navec"), data.qrels))
    return found | {"words read": float(np.mean(read))}
