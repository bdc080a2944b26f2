"""Scores corrected by a bank of other queries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

K = 10  #: neighbours, as in the paper that proposed CSLS


def csls(cosines: NDArray, bank: NDArray) -> NDArray[np.float64]:
    """Twice the cosine less a document's mean cosine to its `K` nearest of the bank.
    A. Conneau et al., "Word translation without parallel data", ICLR 2018.
    """
    k = min(K, len(bank))
    return 2 * cosines - np.partition(bank, len(bank) - k, axis=0)[-k:].mean(axis=0)
