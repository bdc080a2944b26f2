"""Nearest neighbours of 46,000 vectors among themselves, against the bare matrix product.

``python benchmarks/neighbours.py`` (alone on the machine; set OMP_NUM_THREADS for the number of
threads). Both are timed in the same run, by turns; the neighbour search is meant to take at most
2.5 times as long as the product, and at most 2 GiB.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time

import numpy as np
import torch

from paper_utils import k_occurrence, top_k

# The most that the search may cost.
RATIO, GIB = 2.5, 2.0


def seconds(call) -> float:
    """Return the wall time of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def product(X: torch.Tensor, rows: int) -> None:
    """Multiply X with its transpose in blocks of rows, and keep nothing."""
    out = torch.empty((rows, len(X)))
    for start in range(0, len(X), rows):
        part = X[start : start + rows]
        torch.mm(part, X.T, out=out[: len(part)])


def main() -> None:
    """Print the times, their ratio and the peak of memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=46_000)
    parser.add_argument("--dims", type=int, default=384)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    X = np.random.default_rng(0).standard_normal((options.items, options.dims), dtype=np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    tensor = torch.from_numpy(X)
    calls = {
        "matrix product": lambda: product(tensor, 384),
        "top_k": lambda: top_k(X, X, options.k, metric="cosine", exclude_self=True),
        "k_occurrence": lambda: k_occurrence(X, options.k),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(options.repeats):
        for name, call in calls.items():
            times[name].append(seconds(call))
    base = statistics.median(times["matrix product"])
    size = f"{options.items:,} x {options.dims}, k={options.k}"
    sys.stdout.write(f"{size}, {torch.get_num_threads()} threads, {options.repeats} repeats\n")
    for name, values in times.items():
        middle = statistics.median(values)
        ratios = [value / one for value, one in zip(values, times["matrix product"], strict=True)]
        sys.stdout.write(
            f"{name:16} {middle:7.1f} s   {middle / base:5.2f} x the product "
            f"({min(ratios):.2f} to {max(ratios):.2f}; at most {RATIO:g})\n"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # Linux counts in KiB
    sys.stdout.write(f"peak memory of the process {peak:.2f} GiB (at most {GIB:g})\n")


if __name__ == "__main__":
    main()
