"""Rows of LIMIT's tables for systems without a network, on LIMIT-small and on the replica."""

from __future__ import annotations

import functools

from paper_chapters.limit.query_values import query_values
from paper_chapters.limit.systems import SYSTEMS, Score
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.limit.collection import SOURCES, named_collection
from paper_utils.limit.data import LimitData, released_checksums
from paper_utils.results import RANKS, experiment
from paper_utils.search.hashing import HashedNgrams
from paper_utils.search.metrics import summary


def numen(data: LimitData, d: int) -> Score:
    """Return NUMEN's scores with `d` buckets, at its published settings."""
    index = HashedNgrams(d, threads=1).fit(data.documents)
    return lambda rows: index.scores(data.queries[rows])


ROWS = {
    **SYSTEMS,
    "NUMEN, d = 512": functools.partial(numen, d=512),
    "NUMEN, d = 32,768": functools.partial(numen, d=32_768),
}


@experiment(
    "limit-rows",
    "Lexical systems, NUMEN, an oracle and chance on LIMIT-small and on the replica of LIMIT",
    tasks=lambda: [{"source": source, "system": name} for source in SOURCES for name in ROWS],
    data=released_checksums,
    tolerance=RANKS,
    kinds=("system",),
)
def limit_row(source: str, system: str) -> dict[str, list[float]]:
    """Measure one of `ROWS` on one collection: ``recall@2`` -> [mean, low, high], and so on."""
    if system not in ROWS:
        raise UsageError(f"no system {system!r}: {did_you_mean(system, ROWS)}")
    data = named_collection(source)
    return summary(query_values(ROWS[system](data), data.qrels))
