"""The recorded chunks of MiniLM on the replica, put together into rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.limit.live_encoders import (
    FIRST,
    RECORDED,
    SYSTEMS,
    encoder_row,
    replica_tasks,
    unpack,
)
from paper_chapters.limit.query_values import rank_values
from paper_utils.errors import PaperError
from paper_utils.limit.data import released_checksums
from paper_utils.results import Result, experiment, get, result_path
from paper_utils.search.metrics import summary
from paper_utils.search.ranks import RelevantRanks

_K = 2  #: relevant documents of each query of LIMIT

# The same measurement, an hour long. The chapter shows it once it is recorded.
experiment(
    "limit-encoders-rest",
    "As limit-encoders, on the rest of the 50,000 documents of the replica",
    tasks=lambda: replica_tasks(FIRST, 50_000),
    data=released_checksums,
    tolerance=RECORDED,
)(encoder_row)


def recorded_chunks() -> list[Result]:
    """Return the records that there are, the first documents of the replica first."""
    names = ["limit-encoders", "limit-encoders-rest"]
    return [get(name) for name in names if result_path(name).is_file()]


def replica_rows(results: Iterable[Result]) -> tuple[int, dict[str, dict[str, list[float]]]]:
    """Add up the chunks counted by :func:`~paper_chapters.limit.live_encoders.encoder_row`.
    Returns how many first documents of the replica they cover, and system -> ``recall@2`` -> [mean,
    low, high], and so on. Systems scored on fewer queries have wider intervals.
    """
    chunks = sorted(
        (
            (task["start"], task["stop"], value)
            for result in results
            for task, value, _ in result.tasks
            if task["source"] == "replica"
        ),
        key=lambda chunk: chunk[:2],
    )
    edges = [0, *(stop for _, stop, _ in chunks)]
    if not chunks or [start for start, _, _ in chunks] != edges[:-1]:
        raise PaperError("the recorded chunks do not cover the first documents of the replica")
    n_docs = edges[-1]
    values = [value for _, _, value in chunks]
    return n_docs, {name: summary(rank_values(_ranks(name, values, n_docs))) for name in SYSTEMS}


def _ranks(name: str, values: list[Mapping[str, Any]], n_docs: int) -> RelevantRanks:
    better, tied = (_total(values, name, part) for part in ("better", "tied"))
    query = np.repeat(np.arange(len(better) // _K), _K)
    settled = np.full(len(better) // _K, n_docs)
    return RelevantRanks(query, np.ones(len(query)), better, tied, settled, n_docs)


def _total(values: list[Mapping[str, Any]], name: str, part: str) -> NDArray[np.int64]:
    return sum(unpack(value[name][part]) for value in values)
