"""NUMEN's table and its ablations, on LIMIT-small and on replicas of LIMIT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.limit.collection import named_collection
from paper_utils.limit.data import LimitData, released_checksums
from paper_utils.results import RANKS, experiment
from paper_utils.search.hashing import HashedNgrams
from paper_utils.search.metrics import recall_at_k, summary
from paper_utils.search.ranks import ranks_from_lists

DIMS = (512, 1024, 2048, 4096, 8192, 16_384, 32_768)
NO_COLLISIONS = 1 << 20
_MARGIN = 60  # listed beyond the largest cut-off, so that ties across it are seen

#: Name of a variant -> what it changes in the published settings.
VARIANTS: dict[str, dict[str, Any]] = {
    "as published": {},
    "3-grams": {"sizes": (3,), "weights": (1,)},
    "4-grams": {"sizes": (4,), "weights": (1,)},
    "5-grams": {"sizes": (5,), "weights": (1,)},
    "6-grams": {"sizes": (6,), "weights": (1,)},
    "3 to 6": {"sizes": (3, 4, 5, 6), "weights": (1, 5, 10, 15)},
    "weights 1, 1, 1": {"weights": (1, 1, 1)},
    "weights 10, 5, 1": {"weights": (10, 5, 1)},
    "no logarithm": {"log": False},
    "no markers": {"markers": False},
    "no normalisation": {"normalise": False},
    "FNV-1a": {"hash": "fnv1a"},
    "DSSM": {"sizes": (3,), "weights": (1,), "log": False},
} | {f"hash drawn, {seed}": {"hash": "mixed", "seed": seed} for seed in range(3)}


def recalls(
    index: HashedNgrams, data: LimitData, ks: Sequence[int]
) -> dict[int, NDArray[np.float64]]:
    """Return cut-off -> recall, shape (n_queries,), ties counted by their expectation."""
    depth = min(max(ks) + _MARGIN, len(data.documents))
    found, scores = index.search(data.queries, depth)
    ranks = ranks_from_lists(found, data.qrels, scores=scores)
    if (ranks.settled < min(max(ks), len(data.documents))).any():  # long ties: rank everything
        found, scores = index.search(data.queries, len(data.documents))
        ranks = ranks_from_lists(found, data.qrels, scores=scores)
    return {k: recall_at_k(ranks, k) for k in ks}


def _table_tasks() -> list[dict[str, Any]]:
    dims = (*DIMS, NO_COLLISIONS)
    replica = [{"source": "replica", "d": d, "seed": s} for s in range(2) for d in dims]
    small = [{"source": "limit-small", "d": d, "seed": 0, "n_docs": 46} for d in dims]
    made = [{"source": "generated", "d": d, "seed": 0, "n_docs": 5000} for d in dims]
    return replica + small + made


@experiment(
    "numen-table",
    "NUMEN's recall by dimension on replicas of LIMIT, on LIMIT-small and on generated data",
    tasks=_table_tasks,
    data=released_checksums,
    tolerance=RANKS,
    kinds=("source",),
)
def numen_row(
    source: str, d: int, seed: int, n_docs: int = 50_000, language: str = "en"
) -> dict[str, Any]:
    """Measure NUMEN, as published, with `d` buckets on a collection.
    `recall`: cut-off (2, 10 and 100, or 20 with 100 documents or fewer) -> [mean, low, high];
    `entries`: mean number of non-zero entries of a document.
    """
    data = named_collection(source, n_docs, seed=seed, language=language)
    ks = (2, 10, 100 if len(data.documents) > 100 else 20)
    index = HashedNgrams(d).fit(data.documents)
    values = recalls(index, data, ks)
    return {"recall": summary(values), "entries": index.entries / index.n_docs}


@experiment(
    "numen-ablations",
    "NUMEN with one part of it changed, on the replica of LIMIT",
    tasks=lambda: [
        *({"variant": v, "d": 32_768} for v in VARIANTS),
        *({"variant": v, "d": 4096, "source": "generated", "n_docs": 2000} for v in VARIANTS),
    ],
    data=released_checksums,
    tolerance=RANKS,
)
def ablation(
    variant: str, d: int, source: str = "replica", n_docs: int = 50_000, language: str = "en"
) -> dict[str, Any]:
    """Measure one of `VARIANTS`; the result is as in :func:`numen_row`."""
    if variant not in VARIANTS:
        raise UsageError(f"no variant {variant!r}: {did_you_mean(variant, VARIANTS)}")
    data = named_collection(source, n_docs, language=language)
    index = HashedNgrams(d, **VARIANTS[variant]).fit(data.documents)
    return {
        "recall": summary(recalls(index, data, (2, 10, 100))),
        "entries": index.entries / index.n_docs,
    }
