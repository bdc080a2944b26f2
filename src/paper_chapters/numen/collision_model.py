"""NUMEN's recall predicted from its dimension, beside what is measured."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from paper_chapters.numen.collisions import GramCounts, gram_counts, predicted_recall
from paper_chapters.numen.table import DIMS, NO_COLLISIONS, recalls
from paper_utils.limit.collection import named_collection
from paper_utils.limit.data import released_checksums
from paper_utils.results import RANKS, experiment
from paper_utils.search.hashing import HashedNgrams

CUTOFFS = (2, 10, 100)


@functools.lru_cache(maxsize=1)
def _counts(source: str, n_docs: int, language: str) -> GramCounts:
    data = named_collection(source, n_docs, language=language)
    return gram_counts(data.documents, data.queries, data.qrels)


@experiment(
    "numen-model",
    "NUMEN's recall predicted by the collision model and measured, by dimension",
    tasks=lambda: [
        *({"source": "replica", "d": d, "n_docs": 10_000} for d in (*DIMS[::2], NO_COLLISIONS)),
        {"source": "generated", "d": 1024, "n_docs": 500},
    ],
    data=released_checksums,
    tolerance=RANKS,
    kinds=("source",),
)
def predicted_row(
    source: str, d: int, n_docs: int = 50_000, language: str = "en"
) -> dict[str, Any]:
    """Return cut-off -> mean recall of NUMEN with `d` buckets, `predicted` and `measured`."""
    data = named_collection(source, n_docs, language=language)
    values = recalls(HashedNgrams(d).fit(data.documents), data, CUTOFFS)
    guess = predicted_recall(_counts(source, n_docs, language), d, CUTOFFS)
    return {
        "predicted": dict(zip(map(str, CUTOFFS), guess, strict=True)),
        "measured": {str(k): float(np.mean(row)) for k, row in values.items()},
    }
