"""How many documents a number of bits holds, all pairs returned: found codes, and random ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.margin.bit_codes import (
    MOST_BITS,
    greedy_signs,
    pairs_by_sums,
    returns_all,
    rounded,
    rounded_in_range,
)
from paper_utils.checks import unit_rows
from paper_utils.errors import PaperError, UsageError, did_you_mean
from paper_utils.optimise.max_margin import max_margin
from paper_utils.results import Tolerance, experiment
from paper_utils.theory.construction import (
    equal_angles,
    trigonometric_curve,
    trigonometric_queries,
)
from paper_utils.theory.relevance import all_subsets

SEEDS = range(5)
CURVE_BITS = tuple(range(4, 21, 2))
OPTIMISED = {"n": (8, 12, 16, 24, 32, 46), "d": (5, 6, 8, 10, 12, 16, 24)}
RANDOM = {"n": (8, 16, 32, 64, 128), "bits": (1, 2, 4)}
GREEDY = (8, 12, 16, 20, 24, 28)
_WIDEST = 4096  # dimensions of random codes, tried before the search gives up
#: Scales tried by the quantiser that rescores its own, as shares of the largest coordinate.
_SCALES = np.linspace(0.3, 1.0, 15)

Rounding = Callable[[NDArray, int], Iterator[NDArray]]


def _largest(vectors: NDArray, bits: int) -> Iterator[NDArray]:
    yield rounded(vectors, bits, np.abs(vectors).max())


def _rescored(vectors: NDArray, bits: int) -> Iterator[NDArray]:
    most = np.abs(vectors).max()
    return (rounded(vectors, bits, most * share) for share in _SCALES)


def _in_range(vectors: NDArray, bits: int) -> Iterator[NDArray]:
    yield rounded_in_range(vectors, bits)


ROUNDINGS: dict[str, Rounding] = {
    "largest": _largest,  # the scale is the largest coordinate
    "rescored": _rescored,  # any of several scales that does
    "fixed": _in_range,  # from -1 to 1, whatever the vectors
}


def survives(
    docs: NDArray, queries: NDArray, sets: NDArray[np.int64], bits: int, rounding: str, both: bool
) -> bool:
    """Whether all sets are still returned; with `both` each query is rounded too.
    A query has a scale of its own, which changes no ranking, unless the range is fixed.
    """
    if rounding not in ROUNDINGS:
        raise UsageError(f"rounding = {rounding!r}: {did_you_mean(rounding, ROUNDINGS)}")
    asked = queries
    if both and rounding == "fixed":
        asked = rounded_in_range(queries, bits)
    elif both:
        asked = rounded(queries, bits, np.abs(queries).max(axis=1, keepdims=True))
    return any(returns_all(kept, asked, sets) for kept in ROUNDINGS[rounding](docs, bits))


def fewest_bits(
    docs: NDArray, queries: NDArray, sets: NDArray[np.int64], rounding: str, *, both: bool
) -> int:
    """Return the fewest bits of a coordinate with which all sets are still returned."""
    for bits in range(1, MOST_BITS + 1):
        if survives(docs, queries, sets, bits, rounding, both):
            return bits
    raise PaperError(f"{MOST_BITS} bits a coordinate do not return all {len(sets)} sets")


def _tasks() -> list[dict[str, Any]]:
    curve = [{"code": "curve", "bits": bits} for bits in CURVE_BITS]
    greedy = [{"code": "greedy", "d": d, "seed": s} for d in GREEDY for s in SEEDS]
    random = [
        {"code": "random", "n": n, "bits": bits, "seed": s}
        for n in RANDOM["n"]
        for bits in RANDOM["bits"]
        for s in SEEDS
    ]
    free = [
        {"code": "optimised", "n": n, "d": d, "seed": s}
        for n in OPTIMISED["n"]
        for d in OPTIMISED["d"]
        for s in SEEDS
    ]
    return [*curve, *greedy, *random, *free]


@experiment(
    "margin-bits",
    "Documents all of whose pairs are returned, by dimension and bits a coordinate",
    tasks=_tasks,
    tolerance=Tolerance(
        rel=0.1,
        abs=1.0,
        why="Whole numbers found by search: an optimiser's margin moves in its third digit, and "
        "with it at most one bit or one step of the dimension.",
    ),
    kinds=("code",),
)
def held_by_bits(code: str, seed: int = 0, **sizes: int) -> dict[str, Any]:
    """Measure one code: 'curve' (bits) and 'greedy' (d) return `n`, the documents held; 'random'
    (n, bits) the dimension `d` that is needed; 'optimised' (n, d) its `margin` and, by rounding,
    the fewest `bits` with only documents rounded and with both sides; none where it failed.
    """
    if code not in _CODES:
        raise UsageError(f"code = {code!r}: {did_you_mean(code, _CODES)}")
    return _CODES[code](seed=seed, **sizes)


def _curve(bits: int, seed: int = 0) -> dict[str, Any]:
    """Largest n up to which closed-form queries return all pairs of the rounded curve."""
    found = {}
    for side in ("documents", "both"):
        n = 5
        while _curve_survives(n, bits, both=side == "both"):
            n += 1
        found[side] = n - 1
    return {"n": found}


def _curve_survives(n: int, bits: int, *, both: bool) -> bool:
    sets, at = all_subsets(n, 2), equal_angles(n)
    docs, queries = trigonometric_curve(at, 2), trigonometric_queries(sets, at)[0]
    return survives(docs, queries, sets, bits, "largest", both)


def _greedy(d: int, seed: int = 0) -> dict[str, Any]:
    return {"n": len(greedy_signs(d, seed=seed))}


def _random(n: int, bits: int, seed: int = 0) -> dict[str, Any]:
    """Least dimension, by bisection, in which rounded random vectors return all pairs by sums."""
    sets = all_subsets(n, 2)
    drawn = np.random.default_rng([seed, n]).standard_normal((n, _WIDEST))

    def enough(d: int) -> bool:
        if bits == 1:
            return pairs_by_sums(drawn[:, :d])
        unit = unit_rows(drawn[:, :d])
        docs = rounded(unit, bits, np.abs(unit).max())
        return returns_all(docs, docs[sets].sum(axis=1), sets)

    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if high > _WIDEST:
            raise PaperError(f"n = {n}, {bits} bits: {_WIDEST} dimensions do not do")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return {"d": high}


def _optimised(n: int, d: int, seed: int = 0) -> dict[str, Any]:
    sets = all_subsets(n, 2)
    best = max_margin(sets, n, d, seed=seed, start="cyclic")
    bits: dict[str, Any] = {}
    if best.solved:
        bits = {
            rounding: [
                fewest_bits(best.docs, best.queries, sets, rounding, both=both)
                for both in (False, True)
            ]
            for rounding in ROUNDINGS
        }
    return {"margin": best.margin, "bits": bits}


_CODES = {"curve": _curve, "greedy": _greedy, "random": _random, "optimised": _optimised}
