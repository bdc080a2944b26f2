"""Collections of LIMIT's form by name, as long computations name them."""

from __future__ import annotations

from functools import lru_cache

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.limit.data import LimitData, load_limit
from paper_utils.limit.generate import generate_limit
from paper_utils.limit.replica import limit_replica

SOURCES = ("generated", "limit-small", "replica")


def check_source(source: str, known: tuple[str, ...] = SOURCES) -> None:
    """Raise UsageError unless `source` is one of `known`."""
    if source not in known:
        raise UsageError(f"no source {source!r}: {did_you_mean(source, known)}")


@lru_cache(maxsize=1)  # tasks that follow each other mostly share it
def named_collection(
    source: str, n_docs: int | None = None, *, seed: int = 0, language: str = "en"
) -> LimitData:
    """Return LIMIT-small, a replica of LIMIT, or generated data with 1,000 queries for 46 people.
    Without `n_docs` the replica has 50,000 documents and generated data have 46, as LIMIT-small
    always has. Only generated data have a `language`.
    """
    check_source(source)
    if source == "limit-small":
        return load_limit()
    if source == "replica":
        return limit_replica(50_000 if n_docs is None else n_docs, seed)
    return generate_limit(46, n_docs=n_docs, n_queries=1000, language=language, seed=seed)
