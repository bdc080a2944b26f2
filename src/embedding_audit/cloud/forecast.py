"""What an audit will take, foreseen from the size of the file and the speed of this machine."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np
import psutil

from embedding_audit.cloud.overlap import CHANGES
from embedding_audit.cloud.points import NULL_QUERIES, QUERIES, ROOM
from embedding_audit.cloud.stability import STABILITY_QUERIES
from embedding_audit.reading.vectors import Vectors

# Measured on one thread of a 2-core machine: seconds for each number of the file in all passes over
# it (reading, moments, changes and nulls), and the share of the speed of a bare matrix product that
# the neighbour search reaches.
_SECONDS_A_NUMBER = 5e-7
_SHARE = 0.85
_START_SECONDS = 3.0  # libraries, eigenvalues, the page
_BASE_BYTES = 0.4 * 2**30
_BYTES_A_ROW = 160  # checksums, lengths, order and counts


@dataclass(frozen=True)
class Forecast:
    """What an audit is expected to take."""

    seconds: float
    gib: float
    exact: bool  # whether every row is a query
    cores: int

    def __str__(self) -> str:
        """Return the forecast in words."""
        minutes = f"{self.seconds:.0f} s" if self.seconds < 120 else f"{self.seconds / 60:.0f} min"
        how = (
            "every row is a query"
            if self.exact
            else f"a sample of {QUERIES:,} rows are queries, the intervals say what that costs"
        )
        return f"about {minutes} on {self.cores} cores and {self.gib:.1f} GiB; {how}"


def forecast(vectors: Vectors, *, exact_up_to: int) -> Forecast:
    """Foresee time and memory of an audit without judgements."""
    n, d = vectors.shape
    exact = n <= exact_up_to
    queries = n if exact else QUERIES
    changed = len(CHANGES) * STABILITY_QUERIES  # stability
    asked = 2 * queries + min(n, NULL_QUERIES) + (n if exact else NULL_QUERIES)
    products = 2.0 * n * d * (asked + changed)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    seconds = _START_SECONDS + products / (_SHARE * _speed())
    seconds += n * d * _SECONDS_A_NUMBER
    # Points, different points, centred points and two nulls in memory where each fits, else blocks.
    single = n * d * 4
    held = (6 * single if single <= ROOM else 3 * 50_000 * d * 4) + n * _BYTES_A_ROW
    source = 0 if vectors.mapped else np.dtype(vectors.data.dtype).itemsize * n * d
    return Forecast(seconds, (_BASE_BYTES + held + source) / 2**30, exact, cores or 1)


def _speed() -> float:
    """Operations a second of a matrix product in single precision, here and now."""
    a, b = np.ones((512, 384), np.float32), np.ones((384, 16_384), np.float32)
    a @ b
    began = time.perf_counter()
    rounds = 0
    while time.perf_counter() - began < 0.1:
        a @ b
        rounds += 1
    return rounds * 2.0 * a.size * b.shape[1] / (time.perf_counter() - began)


def memory_short(needed: Forecast) -> bool:
    """Return whether less memory is free than is needed."""
    return needed.gib * 2**30 > psutil.virtual_memory().available
