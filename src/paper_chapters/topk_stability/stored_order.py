"""What a list of documents owes to the order in which equal ones are stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from paper_utils.geometry.stability import rank_margin, topk_overlap
from paper_utils.search.topk import select_top_k


def stored_backwards(scores: NDArray, k: int) -> tuple[float, float, float]:
    """Return the share of queries with a tie at the edge of the top k, and the overlap of the top k
    with itself when the documents are stored backwards: counted plainly, and aware of ties.
    """
    n = scores.shape[1]
    forth, back = select_top_k(scores, k)[0], n - 1 - select_top_k(scores[:, ::-1], k)[0]
    plain = np.mean([len(set(a) & set(b)) / k for a, b in zip(forth, back, strict=True)])
    aware = topk_overlap(scores, scores, k).overlap.mean()
    return float((rank_margin(scores, k) == 0).mean()), float(plain), float(aware)
