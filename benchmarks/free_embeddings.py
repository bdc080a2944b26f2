"""Wall times of the free-embedding experiments, against the times to beat.

``python benchmarks/free_embeddings.py`` (alone on the machine). With ``--table`` also the
whole critical-n table for d = 2..16, some minutes.
"""

from __future__ import annotations

import argparse
import sys
import time

import joblib

from paper_utils import critical_n
from paper_utils.optimise.critical import solving_seeds


def row(what: str, target: float, call) -> None:
    """Run `call`, print its wall time beside the time to beat, and the ratio."""
    began = time.perf_counter()
    found = call()
    took = time.perf_counter() - began
    ratio = took / target
    times = f"{took:8.2f} s  to beat {target:6.1f} s  ratio {ratio:5.2f}"
    sys.stdout.write(f"{what:42} {times}  {found}\n")


def main() -> None:
    """Print one row per job."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="also the table d = 2..16")
    table = parser.parse_args().table
    solving_seeds(10, 8, 2, "infonce", (0,))  # imports and caches
    row(
        "InfoNCE, d=8, n=30, 6 seeds",
        2.5,
        lambda: solving_seeds(30, 8, 2, "infonce", tuple(range(6))),
    )
    row(
        "squared hinge, d=8, n=60, 1 seed",
        0.5,
        lambda: solving_seeds(60, 8, 2, "hinge", (0,)),
    )
    if table:
        # Largest dimension first, so that the two processes end together.
        calls = [joblib.delayed(best)(d) for d in range(16, 1, -1)]
        row(
            "critical n, d=2..16, 3 seeds, 2 processes",
            150.0,
            lambda: joblib.Parallel(n_jobs=2)(calls)[::-1],
        )


def best(d: int) -> int:
    """Return the critical n of the best of three seeds."""
    return critical_n(d, seeds=range(3)).best


if __name__ == "__main__":
    main()
