"""Seconds to encode LIMIT-like documents as set codes, many at once and one alone.

``python benchmarks/set_codes.py --docs 50000 --dims 256 512`` (alone on the machine; set
OMP_NUM_THREADS for the number of threads). Beside it: plain accelerated gradient steps on the
squared hinge of the same problems, until as many documents are solved or 300 steps are done.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import numpy as np
import torch

from paper_utils.codes.solver import Separator

V, L, PEER_DOCS = 1848, 45, 512


def gradient_descent(X: np.ndarray, members: list, steps: int) -> tuple[float, int]:
    """Return seconds and solved documents of accelerated gradient descent."""
    rows = torch.from_numpy(X.astype(np.float32))
    side = -torch.ones(len(members), len(X))
    for place, listed in enumerate(members):
        side[place, torch.from_numpy(listed)] = 1.0
    rate = 1.0 / float(torch.linalg.matrix_norm(rows, 2)) ** 2
    w = torch.zeros(len(members), rows.shape[1])
    ahead, weight = w.clone(), 1.0
    began = time.perf_counter()
    for _ in range(steps):
        short = (side - ahead @ rows.T).mul_(side).clamp_(min=0).mul_(side)
        new = ahead + rate * (short @ rows)
        following = (1 + (1 + 4 * weight * weight) ** 0.5) / 2
        ahead, w, weight = new + (weight - 1) / following * (new - w), new, following
    solved = ((w @ rows.T * side).amin(dim=1) > 0).sum()
    return time.perf_counter() - began, int(solved)


def main() -> None:
    """Print one row per dimension."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=int, default=2048)
    parser.add_argument("--dims", type=int, nargs="+", default=[256, 512])
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    members = [rng.choice(V, L, replace=False) for _ in range(options.docs)]
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    sys.stdout.write(f"{options.docs:,} documents, {L} of {V} attributes, {threads} threads\n")
    heads = ("d", "set up", "seconds", "cpu s", "50,000", "one, ms", "wrong")
    sys.stdout.write("".join(f"{head:>10}" for head in heads) + "\n")
    for d in options.dims:
        vectors = rng.standard_normal((V, d))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        began = time.perf_counter()
        separator = Separator(vectors)
        ready = time.perf_counter()
        used = time.process_time()
        solved = separator.solve(members)
        took, used = time.perf_counter() - ready, time.process_time() - used
        alone = []
        for row in members[:20]:
            start = time.perf_counter()
            separator.solve([row], progress=False)
            alone.append(1e3 * (time.perf_counter() - start))
        values = (ready - began, took, used, took * 50_000 / options.docs, np.median(alone))
        wrong = int((solved.wrong > 0).sum())
        sys.stdout.write(f"{d:>10}" + "".join(f"{x:>10.1f}" for x in values) + f"{wrong:>10}\n")
        some = members[:PEER_DOCS]
        seconds, right = gradient_descent(separator.X, some, 300)
        sys.stdout.write(
            f"           gradient steps: {seconds:.1f} s for 300 on {len(some)} documents, "
            f"{right} solved\n"
        )


if __name__ == "__main__":
    main()
