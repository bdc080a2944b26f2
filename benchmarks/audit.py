"""Seconds and peak memory of `embedding-audit`, and of its neighbour search beside bare products.

python benchmarks/audit.py            # 2,000 and 46,000 rows of 384, and the search
python benchmarks/audit.py --rows 1000000
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

D = 384

# A small process starts the command: a child's peak is at least what its parent held.
_LAUNCH = """
import resource, subprocess, sys, time
began = time.perf_counter()
quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
code = subprocess.run(sys.argv[1:], **quiet).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(code, time.perf_counter() - began, peak)
"""


def made(n: int, path: Path) -> Path:
    """Write n vectors with a common mean and a falling spectrum, a part at a time."""
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(64, D)) * (0.9 ** np.arange(64))[:, None]
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, D))
    for at in range(0, n, 50_000):
        m = min(50_000, n - at)
        rows[at : at + m] = rng.normal(size=(m, 64)) @ basis + 0.3 * rng.normal(size=(m, D)) + 0.5
    rows.flush()
    return path


def command(n: int) -> None:
    """Run the command in a process of its own, from its start to the written page."""
    with TemporaryDirectory() as folder:
        file = made(n, Path(folder, "items.npy"))
        program = Path(sys.executable).with_name("embedding-audit")
        asked = [program, file, "-o", Path(folder, "out")]
        done = subprocess.run(
            [sys.executable, "-c", _LAUNCH, *asked], capture_output=True, text=True, check=True
        )
        code, took, peak = map(float, done.stdout.split())
        click.echo(f"{n:>9,} x {D}: {took:6.1f} s, peak {peak / 2**20:.2f} GiB, exit {code:.0f}")


def search(n: int, queries: int = 4096) -> None:
    """Compare the search of the ten nearest with the matrix products that it needs."""
    from embedding_audit.cloud.points import InMemoryPoints
    from embedding_audit.cloud.products import best

    rows = np.random.default_rng(0).standard_normal((n, D), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    points, scores = InMemoryPoints(rows), np.empty((1024, n), np.float32)
    own = np.arange(queries)
    best(rows[:queries], points, 10, own=own)
    pairs = []
    for _ in range(5):
        began = time.perf_counter()
        for at in range(0, queries, 1024):
            np.matmul(rows[at : at + 1024], rows.T, out=scores)
        between = time.perf_counter()
        best(rows[:queries], points, 10, own=own)
        pairs.append((time.perf_counter() - between) / (between - began))
    low, high = min(pairs), max(pairs)
    middle = statistics.median(pairs)
    sys.stdout.write(
        f"search in {n:,} rows: {middle:.2f} times its products ({low:.2f} to {high:.2f})" + "\n"
    )


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[2_000, 46_000])
    asked = parser.parse_args().rows
    click.echo(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    search(46_000)
    for n in asked:
        command(n)


if __name__ == "__main__":
    main()
