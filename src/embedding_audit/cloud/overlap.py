"""Top-k overlap when vectors are rounded, shortened or perturbed, in one pass.

Of each block exact and changed scores are computed, and of each the best few candidates are kept
with both scores. That decides every top k exactly, ties included, unless a tie runs on past the
candidates; such queries are scored once more in full.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.cluster import Workers
from embedding_audit.cloud.points import Points
from embedding_audit.cloud.products import metric_scores, products, top_of, without_own
from paper_utils.geometry.perturb import noise_sd, to_bfloat16

#: What is done to vectors; `resources/measures.yml` has the words.
CHANGES = tuple(
    "bfloat16 int8 binary hamming half quarter eighth noise_c noise_a dot cosine".split()
)

NOISE = 1e-4
BLOCK = 8192
_TASK = 8 * BLOCK
_CELLS = 1 << 26  # scores in full at once
_POOL = 2048  # rows of noise in each of two pools


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Setting:
    """What every block needs."""

    queries: NDArray[np.float32]  # as the metric compares them, (n_queries, d)
    own: NDArray[np.int64]  # the point that a query is and does not find; -1: none
    names: tuple[str, ...]  # of `CHANGES`
    low: NDArray[np.float32]  # least of each coordinate of the points, for int8
    high: NDArray[np.float32]  # greatest of each
    norms: NDArray[np.float32]  # (n_points,), lengths as stored, in one scale
    content: NDArray[np.int64]  # (n_points,), number by which noise is drawn: equal for equal rows
    depth: int  # candidates kept
    seed: int
    metric: str = "cosine"


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


def applicable(d: int, metric: str) -> tuple[str, ...]:
    """Return the names of the changes that vectors of `d` columns can undergo."""
    least = {"half": 4, "quarter": 8, "eighth": 16}
    unchanged = "cosine" if metric == "cosine" else "dot"  # the other one is the change
    return tuple(name for name in CHANGES if d >= least.get(name, 2) and name != unchanged)


def overlaps(
    points: Points,
    setting: Setting,
    k: int,
    where: Workers | None = None,
    what: str = "stability",
) -> dict[str, NDArray[np.float64]]:
    """Return for each query its top-k overlap with and without each change, as expected where ties
    are ordered at random, and its ``margin`` s_k - s_(k+1).
    """
    tasks = [(a, min(a + _TASK, points.n)) for a in range(0, points.n, _TASK)]
    parts = (where or Workers()).map(_candidates, (points, setting), tasks, what)
    exact, *changed = _best_of(parts, setting.depth)
    found = {"margin": exact.scores[:, k - 1] - exact.scores[:, k]}
    for number, name in enumerate(setting.names):
        found[name] = _overlap(points, setting, k, exact, changed[number], number)
    return found


def _best_of(parts: Iterable[list[_Best]], depth: int) -> list[_Best]:
    """Merge what blocks of ascending points have: the best by exact scores, then by each change."""
    return reduce(
        lambda old, new: [a.merge(b, depth) for a, b in zip(old, new, strict=True)], parts
    )


def _candidates(shared: tuple[Points, Setting], task: tuple[int, int]) -> list[_Best]:
    points, setting = shared
    blocks = [(start, min(start + BLOCK, task[1])) for start in range(*task, BLOCK)]
    return _best_of((_of_block(points, setting, *ends) for ends in blocks), setting.depth)


def _of_block(points: Points, setting: Setting, start: int, stop: int) -> list[_Best]:
    X = points.block(start, stop)
    s = _exact(setting, X, start)
    depth = min(setting.depth, len(X))
    best, s_best = top_of(s, depth)
    pairs, others = [], []
    for name in setting.names:
        t = _changed(setting, X, start, name)
        pairs.append(_taken(t, best))
        place, t_best = top_of(t, depth)
        others.append(_Best(_moved(place, start), t_best, _taken(s, place)))
    return [_Best(_moved(best, start), s_best, np.stack(pairs)), *others]


def _taken(scores: NDArray[np.float32], columns: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.where(columns < 0, -np.inf, np.take_along_axis(scores, columns, axis=1))


def _moved(columns: NDArray[np.int64], start: int) -> NDArray[np.int64]:
    return np.where(columns < 0, -1, columns + start)


def _exact(setting: Setting, X: NDArray[np.float32], start: int) -> NDArray[np.float32]:
    scores = metric_scores(setting.queries, X, setting.metric)
    without_own(scores, setting.own - start)
    return scores


def _changed(
    setting: Setting, X: NDArray[np.float32], start: int, name: str
) -> NDArray[np.float32]:
    Q = setting.queries
    stop = start + len(X)
    match name:
        case "bfloat16":
            scores = _scores(setting, to_bfloat16(Q), to_bfloat16(X))
        case "int8":
            scores = _scores(setting, Q, in_bytes(X, setting.low, setting.high))
        case "binary":
            scores = products(Q, _signs(X))
        case "hamming":
            scores = products(_signs(Q), _signs(X))
        case "half" | "quarter" | "eighth":
            m = X.shape[1] // {"half": 2, "quarter": 4, "eighth": 8}[name]
            scores = _scores(setting, Q[:, :m].copy(), X[:, :m].copy())
        case "noise_a" | "noise_c":
            moved = _noise(setting, X.shape[1], setting.content[start:stop])
            moved *= np.float32(noise_sd(NOISE, X.shape[1], name[-1].upper()))
            if setting.metric != "cosine":
                moved *= setting.norms[start:stop, None]
            scores = _scores(setting, Q, np.add(moved, X, out=moved))
        case "dot":
            scores = products(Q, X) * setting.norms[start:stop]
        case _:
            scores = products(Q, X) / setting.norms[start:stop]
    without_own(scores, setting.own - start)
    return scores


def _scores(setting: Setting, Q: NDArray, X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores by the metric of changed rows, which the cosine brings to unit length in place."""
    if setting.metric == "cosine":
        norms = np.sqrt(np.einsum("ij,ij->i", X, X))
        norms[norms == 0] = 1  # a row without direction scores 0
        X /= norms[:, None]
    return metric_scores(Q, X, setting.metric)


def in_bytes(
    X: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Round each coordinate to one of 256 levels between `low` and `high`, as vector stores do."""
    step = np.where(high > low, (high - low) / np.float32(255), np.float32(1))
    levels = X - low
    levels /= step
    np.rint(levels, out=levels)
    levels *= step
    levels += low
    return levels


def _signs(X: NDArray[np.float32]) -> NDArray[np.float32]:
    signs = (X > 0).astype(np.float32)
    signs *= 2
    signs -= 1
    return signs


def _noise(setting: Setting, d: int, content: NDArray[np.int64]) -> NDArray[np.float32]:
    """Standard Gaussian noise that goes by content: the sum of a row of either of two pools, drawn
    by a number, is the same in any order of the rows and costs no generator a row.
    """
    pools = _pools(setting.seed, d)
    mixed = (content.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    one, other = mixed >> np.uint64(53), (mixed >> np.uint64(32)) % np.uint64(_POOL)
    found = pools[0][one]
    found += pools[1][other]
    return found


@lru_cache(maxsize=1)
def _pools(seed: int, d: int) -> NDArray[np.float32]:
    rng = np.random.default_rng([seed, 0x6E6F6973])
    return rng.standard_normal((2, _POOL, d), dtype=np.float32) * np.float32(0.5**0.5)


def _overlap(
    points: Points, setting: Setting, k: int, exact: _Best, changed: _Best, number: int
) -> NDArray[np.float64]:
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
    return values


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
        scores[again] = -np.inf
    return s, t


def _in_full(points: Points, setting: Setting, name: str, rows: NDArray) -> tuple[NDArray, NDArray]:
    some = replace(setting, queries=setting.queries[rows], own=setting.own[rows], names=(name,))
    s = np.empty((len(rows), points.n), dtype=np.float32)
    t = np.empty_like(s)
    for start, X in points.blocks(BLOCK):
        s[:, start : start + len(X)] = _exact(some, X, start)
        t[:, start : start + len(X)] = _changed(some, X, start, name)
    return s, t
