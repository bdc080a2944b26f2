"""Rows of LIMIT's tables for systems without a network, on LIMIT-small and on the replica."""

from __future__ import annotations

import functools

from paper_chapters.limit.query_values import query_values, summary
from paper_chapters.limit.systems import SYSTEMS, Score
from paper_utils.data.sources import find_dataset
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.limit.data import LimitData, load_limit
from paper_utils.limit.generate import generate_limit
from paper_utils.limit.replica import limit_replica
from paper_utils.results import experiment
from paper_utils.search.hashing import HashedNgrams


def numen(data: LimitData, d: int) -> Score:
    """Return NUMEN's scores with `d` buckets, at its published settings."""
    index = HashedNgrams(d, threads=1).fit(data.documents)
    return lambda rows: index.scores(data.queries[rows])


ROWS = {
    **SYSTEMS,
    "NUMEN, d = 512": functools.partial(numen, d=512),
    "NUMEN, d = 32,768": functools.partial(numen, d=32_768),
}
SOURCES = {
    "generated": lambda: generate_limit(46, 2, n_queries=1000),
    "limit-small": load_limit,
    "replica": limit_replica,
}


@functools.cache
def collection(source: str) -> LimitData:
    """Return the generated collection of LIMIT-small's form, LIMIT-small, or the replica."""
    if source not in SOURCES:
        raise UsageError(f"no source {source!r}: {did_you_mean(source, SOURCES)}")
    return SOURCES[source]()


def _released() -> dict[str, str]:
    return {
        f"{name}/{file.name}": file.checksum
        for name in ("limit-small", "limit")
        for file in find_dataset(name)
        if (name, file.name) != ("limit", "corpus.jsonl")
    }


@experiment(
    "limit-rows",
    "Lexical systems, NUMEN, an oracle and chance on LIMIT-small and on the replica of LIMIT",
    tasks=lambda: [{"source": source, "system": name} for source in SOURCES for name in ROWS],
    data=_released,
)
def limit_row(source: str, system: str) -> dict[str, list[float]]:
    """Measure one of `ROWS` on one collection: ``recall@2`` -> [mean, low, high], and so on."""
    if system not in ROWS:
        raise UsageError(f"no system {system!r}: {did_you_mean(system, ROWS)}")
    data = collection(source)
    return summary(query_values(ROWS[system](data), data.qrels))
