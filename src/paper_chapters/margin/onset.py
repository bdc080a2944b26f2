"""Where a floating-point format loses its first set on the trigonometric curve."""

from __future__ import annotations

from paper_chapters.margin.precision import lost_worst_sets
from paper_utils.errors import UsageError
from paper_utils.results import Tolerance, experiment


@experiment(
    "margin-onset",
    "First number of documents at which a format loses a set on the trigonometric curve",
    tasks=lambda: [
        {"k": 1, "dtype": "float16", "low": 6, "high": 200, "step": 1},
        {"k": 1, "dtype": "float32", "low": 8000, "high": 12000, "step": 1},
        {"k": 2, "dtype": "float16", "low": 9, "high": 60, "step": 1},
        {"k": 2, "dtype": "float32", "low": 9, "high": 250, "step": 1},
        {"k": 2, "dtype": "float64", "low": 16000, "high": 28000, "step": 10},
        {"k": 3, "dtype": "float32", "low": 12, "high": 90, "step": 1},
        {"k": 3, "dtype": "float64", "low": 1000, "high": 1800, "step": 1},
    ],
    tolerance=Tolerance(
        rel=0.02,
        why="Rounding itself is measured: equal in half and single precision; in double the last "
        "bit of sine and cosine differs between processors.",
    ),
    kinds=("dtype",),
)
def onset(k: int, dtype: str, low: int, high: int, step: int = 1) -> dict[str, int]:
    """Look for the first loss among the sets of narrowest margin, n from `low` to below `high`.
    `first`: the least n at which `dtype` loses some of the `checked` k-subsets, `lost` of them.
    """
    for n in range(low, high, step):
        lost, checked = lost_worst_sets(n, k, dtype)
        if lost:
            if n == low:
                raise UsageError(f"{dtype} loses {k}-subsets at n = {low} already; lower `low`")
            return {"first": n, "lost": lost, "checked": checked}
    raise UsageError(f"{dtype} loses no {k}-subset for n from {low} to {high - 1}; raise `high`")
