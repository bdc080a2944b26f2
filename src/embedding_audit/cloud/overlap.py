"""Top-k overlap when vectors are rounded, shortened or perturbed, in one pass.

Of each block exact and changed scores are computed, and of each the best few candidates are kept
with both scores. That decides every top k exactly, ties included, unless a tie runs on past the
candidates; such queries are scored once more in full.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray

from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.points import Points
from embedding_audit.measure import Measure, median_of, not_measured, share_of
from paper_utils.geometry.perturb import perturb, to_bfloat16, to_binary, to_int8, truncate
from paper_utils.geometry.stability import rank_margin
from paper_utils.search.topk import select_top_k
from paper_utils.statistics import bootstrap_interval

#: What is done to vectors; `resources/measures.yml` has the words.
CHANGES = tuple("bfloat16 int8 binary hamming half quarter eighth noise_c noise_a dot".split())

NOISE = 1e-4
BLOCK = 16_384
_TASK = 4 * BLOCK
_TILE = 64  # rows of a matrix product; see paper_utils.search.topk
_NOWHERE = np.float32(-9.0)  # below every cosine
_CELLS = 1 << 26  # scores in full at once


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Setting:
    """What every block needs."""

    queries: NDArray[np.float32]  # unit vectors, (n_queries, d)
    own: NDArray[np.int64]  # the point that a query is and does not find; -1: none
    names: tuple[str, ...]  # of `CHANGES`
    low: NDArray[np.float32]  # least of each coordinate, for int8
    high: NDArray[np.float32]  # greatest of each
    norms: NDArray[np.float32]  # (n_points,), lengths as stored, for dot
    depth: int  # candidates kept
    seed: int


@dataclass(frozen=True, eq=False)
class _Best:
    """The best candidates by one score: their numbers, that score, and the paired scores."""

    indices: NDArray[np.int64]
    scores: NDArray[np.float32]
    paired: NDArray[np.float32]

    def merge(self, other: _Best, depth: int) -> _Best:
        """Keep the best of both; `other` has the later points."""
        scores = np.concatenate([self.scores, other.scores], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]

        def take(name: str) -> NDArray:
            both = np.concatenate([getattr(self, name), getattr(other, name)], axis=-1)
            return np.take_along_axis(
                both, np.broadcast_to(order, (*both.shape[:-1], order.shape[1])), axis=-1
            )

        return _Best(take("indices"), take("scores"), take("paired"))


def applicable(d: int) -> tuple[str, ...]:
    """Return the names of the changes that vectors of `d` columns can undergo."""
    least = {"half": 4, "quarter": 8, "eighth": 16}
    return tuple(name for name in CHANGES if d >= least.get(name, 2))


def overlaps(
    points: Points,
    setting: Setting,
    k: int,
    where: Workers | None = None,
    what: str = "stability",
) -> dict[str, Measure]:
    """Measure the top-k overlap with and without each change.
    Change -> expected overlap over queries, ties ordered at random, with a bootstrap interval;
    ``margin``: median of s_k - s_(k+1); ``tied``: share of queries with a tie across the cut.
    """
    tasks = [(a, min(a + _TASK, points.n)) for a in range(0, points.n, _TASK)]
    parts = (where or Workers()).map(_candidates, (points, setting), tasks, what)
    exact, *changed = _best_of(parts, setting.depth)
    found = {}
    margins = rank_margin(exact.scores, k)
    for number, name in enumerate(setting.names):
        found[name] = _overlap(points, setting, k, exact, changed[number], number)
    found["margin"] = median_of(margins)
    found["tied"] = share_of(float((margins == 0).mean()), len(margins))
    return found


def _best_of(parts: Iterable[list[_Best]], depth: int) -> list[_Best]:
    """Merge what blocks of ascending points have: the best by exact scores, then by each change."""
    return reduce(
        lambda old, new: [a.merge(b, depth) for a, b in zip(old, new, strict=True)], parts
    )


def _candidates(shared: tuple[Points, Setting], task: tuple[int, int]) -> list[_Best]:
    points, setting = shared
    # Rounding and noise keep one core busy; the blocks share the cores.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        blocks = [(start, min(start + BLOCK, task[1])) for start in range(*task, BLOCK)]
        parts = pool.map(lambda ends: _of_block(points, setting, *ends), blocks)
        return _best_of(parts, setting.depth)


def _of_block(points: Points, setting: Setting, start: int, stop: int) -> list[_Best]:
    X = points.block(start, stop)
    s = _exact(setting, X, start)
    depth = min(setting.depth, len(X))
    best, s_best = select_top_k(s, depth)
    pairs, others = [], []
    for name in setting.names:
        t = _changed(setting, X, start, name)
        pairs.append(np.take_along_axis(t, best, axis=1))
        place, t_best = select_top_k(t, depth)
        others.append(_Best(place + start, t_best, np.take_along_axis(s, place, axis=1)))
    return [_Best(best + start, s_best, np.stack(pairs)), *others]


def _exact(setting: Setting, X: NDArray[np.float32], start: int) -> NDArray[np.float32]:
    return _without_own(setting, _products(setting.queries, X), start)


def _changed(
    setting: Setting, X: NDArray[np.float32], start: int, name: str
) -> NDArray[np.float32]:
    Q = setting.queries
    match name:
        case "bfloat16":
            scores = _products(_unit(to_bfloat16(Q)), _unit(to_bfloat16(X)))
        case "int8":
            # Its range is that of all documents: two rows carry it into each block.
            scores = _products(Q, _unit(to_int8(np.vstack([setting.low, setting.high, X]))[2:]))
        case "binary":
            scores = _products(Q, to_binary(X)) / np.float32(X.shape[1] ** 0.5)
        case "hamming":
            scores = _products(to_binary(Q), to_binary(X)) / np.float32(X.shape[1])
        case "half" | "quarter" | "eighth":
            m = X.shape[1] // {"half": 2, "quarter": 4, "eighth": 8}[name]
            scores = _products(_unit(truncate(Q, m)), _unit(truncate(X, m)))
        case "noise_a" | "noise_c":
            number = setting.seed + start // BLOCK
            scores = _products(Q, _unit(perturb(X, NOISE, name[-1].upper(), number)))
        case _:
            scale = setting.norms[start : start + len(X)]
            scores = _products(Q, X) * scale
    return _without_own(setting, scores, start)


def _without_own(setting: Setting, scores: NDArray, start: int) -> NDArray:
    inside = (setting.own >= start) & (setting.own < start + scores.shape[1])
    rows = np.flatnonzero(inside)
    # Below everything, whatever the scale of the scores is.
    largest = max(1.0, float(scores.max()), -float(scores.min()))
    scores[rows, setting.own[rows] - start] = _NOWHERE * largest
    return scores


def _unit(X: NDArray[np.floating]) -> NDArray[np.float32]:
    norms = np.sqrt(np.einsum("ij,ij->i", X, X, dtype=np.float64))
    norms[norms == 0] = 1  # a row without direction scores 0
    return (X / norms[:, None]).astype(np.float32)


def _products(Q: NDArray[np.float32], X: NDArray[np.float32]) -> NDArray[np.float32]:
    """All inner products, equal rows getting equal ones."""
    sides = [torch.from_numpy(_whole_tiles(A)) for A in (Q, X)]
    return (sides[0] @ sides[1].T).numpy()[: len(Q), : len(X)]


def _whole_tiles(A: NDArray[np.float32]) -> NDArray[np.float32]:
    missing = -len(A) % _TILE
    # As torch wants it: blocks that came from another process cannot be written to.
    return np.pad(A, ((0, missing), (0, 0))) if missing else np.require(A, requirements=["C", "W"])


def _overlap(
    points: Points, setting: Setting, k: int, exact: _Best, changed: _Best, number: int
) -> Measure:
    depth, m = exact.scores.shape[1], len(exact.scores)
    open_end = np.zeros(m, dtype=bool)
    if depth < points.n:
        for best in (exact, changed):
            open_end |= best.scores[:, -1] == best.scores[:, k - 1]
    values = np.empty(m)
    done = np.flatnonzero(~open_end)
    if len(done):
        s, t = _joined(exact, changed, number, done)
        values[done] = expected_overlap(s, t, k)
    left = np.flatnonzero(open_end)
    height = max(1, _CELLS // points.n)
    for at in range(0, len(left), height):
        some = left[at : at + height]
        s, t = _in_full(points, setting, setting.names[number], some)
        values[some] = expected_overlap(s, t, k)
    if m < 2:
        return not_measured("a single query has no interval")
    interval = bootstrap_interval(values, seed=setting.seed)
    return Measure(interval.mean, interval.low, interval.high, n=interval.n)


def expected_overlap(before: NDArray, after: NDArray, k: int) -> NDArray[np.float64]:
    """Return the top-k overlap of scores (n_queries, n_documents), all queries at once.
    The `overlap` of :func:`paper_utils.geometry.stability.topk_overlap`, which compares positions
    and orders besides and takes its time over each query.
    """
    shares = np.minimum(_membership(before, k), _membership(after, k))
    return shares.sum(axis=1) / k


def _membership(scores: NDArray, k: int) -> NDArray[np.float64]:
    """The probability of each document to be in the top k when ties are ordered at random."""
    place = scores.shape[1] - k
    last = np.partition(scores, place, axis=1)[:, place, None]
    above, tied = scores > last, scores == last
    share = (k - above.sum(axis=1)) / tied.sum(axis=1)
    return above + tied * share[:, None]


def _joined(exact: _Best, changed: _Best, number: int, rows: NDArray) -> tuple[NDArray, NDArray]:
    """Both scores of the candidates by either, each candidate once."""
    one, other = exact.indices[rows], changed.indices[rows]
    twice = (other[:, :, None] == one[:, None, :]).any(axis=2)
    s = np.concatenate([exact.scores[rows], changed.paired[rows]], axis=1)
    t = np.concatenate([exact.paired[number][rows], changed.scores[rows]], axis=1)
    again = np.concatenate([np.zeros(one.shape, dtype=bool), twice], axis=1)
    for scores in (s, t):
        scores[again] = scores.min() - 1
    return s, t


def _in_full(points: Points, setting: Setting, name: str, rows: NDArray) -> tuple[NDArray, NDArray]:
    some = replace(setting, queries=setting.queries[rows], own=setting.own[rows], names=(name,))
    s = np.empty((len(rows), points.n), dtype=np.float32)
    t = np.empty_like(s)
    for start, X in points.blocks(BLOCK):
        s[:, start : start + len(X)] = _exact(some, X, start)
        t[:, start : start + len(X)] = _changed(some, X, start, name)
    return s, t
