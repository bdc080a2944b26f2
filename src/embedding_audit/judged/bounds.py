"""What the judgements ask of any embedding: a gap, and a dimension that is enough.

Their sign-rank and a free fit are not here: nobody acts on them, and of 60 queries with 38 relevant
documents each they take 30 s. Chapters 7 and 9 have them.
"""

from __future__ import annotations

import numpy as np

from embedding_audit.judged.measured import Standing
from embedding_audit.judged.queries import Judged
from embedding_audit.measure import Measure, median_of, not_measured, share_of
from paper_utils.errors import UsageError
from paper_utils.theory.margin import margin_ceiling, packing_dimension

_BOUND = "a bound, not an estimate: it has no interval"


def bound_measures(stand: Standing, judged: Judged, metric: str) -> dict[str, Measure]:
    """Bound what any vectors need for these judgements.
    ``dimension_enough`` (of which vectors exist that put all relevant documents on top), ``gap``
    (median gap of the embeddings), ``solved`` (share of queries with all that is relevant on top),
    ``gap_ceiling``, ``margin_d``.
    """
    sizes = np.diff(judged.relevant.indptr)
    if not sizes.any():
        enough = not_measured("no query has a relevant document")
    else:
        # k points of a moment curve in 2k dimensions are a face; one coordinate a query, or a
        # document, does as well.
        some = min(2 * int(sizes.max()), int((sizes > 0).sum()), stand.n_docs)
        enough = Measure(some, n=judged.n, reason=_BOUND)
    return _gaps(stand, judged, metric) | {"dimension_enough": enough}


def _gaps(stand: Standing, judged: Judged, metric: str) -> dict[str, Measure]:
    gaps = np.maximum(stand.gaps, -2)  # what is never found is as far behind as a cosine can be
    there = gaps[~np.isnan(gaps)]
    if len(there) < 2:
        return dict.fromkeys(("gap", "solved", "gap_ceiling", "margin_d"), not_measured("no gaps"))
    found = {"solved": share_of(float((there > 0).mean()), len(there))}
    if metric != "cosine":
        why = not_measured("a gap is one of cosines, and another metric is used")
        return found | dict.fromkeys(("gap", "gap_ceiling", "margin_d"), why)
    found["gap"] = median_of(there)
    n_docs = stand.n_docs
    k = int(np.median(np.diff(judged.relevant.indptr)[~np.isnan(gaps)]))
    d = judged.vectors.shape[1]
    try:
        found["gap_ceiling"] = Measure(margin_ceiling(n_docs, k, d), n=k, reason=_BOUND)
    except UsageError as error:
        found["gap_ceiling"] = not_measured(str(error))
    positive = there[there > 0]
    if len(positive):
        needed = packing_dimension(n_docs, k, float(np.median(positive)))
        found["margin_d"] = Measure(needed, n=len(positive), reason=_BOUND)
    else:
        found["margin_d"] = not_measured("no query has all its relevant documents on top")
    return found
