"""The widest margin between relevant and irrelevant scores that free unit vectors reach."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import whole
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.theory.construction import check_sets
from paper_utils.theory.lbfgs import minimise
from paper_utils.theory.realise import LEAST_MARGIN

STARTS = ("random", "cyclic")
TEMPERATURES = tuple(float(t) for t in np.geomspace(0.1, 1e-3, 7))  # the soft minimum hardens


@dataclass(frozen=True)
class MaxMargin:
    """A configuration and its least margin."""

    margin: float  # least over all sets of (lowest relevant - highest irrelevant score)
    queries: NDArray[np.float64] = field(repr=False)  # unit rows, (n_sets, d)
    docs: NDArray[np.float64] = field(repr=False)  # unit rows, (n, d)

    @property
    def solved(self) -> bool:
        """Whether every set is the exact top-k of its query."""
        return self.margin > LEAST_MARGIN


def max_margin(
    sets: ArrayLike,
    n: int,
    d: int,
    *,
    seed: int = 0,
    start: str | tuple[ArrayLike, ArrayLike] = "random",
    temperatures: tuple[float, ...] = TEMPERATURES,
    max_evaluations: int = 150,
    enough: float = np.inf,
) -> MaxMargin:
    r"""Maximise the least margin from one start: a local optimum, so a lower bound of the widest.
    Minimises :math:`T \log \sum_S \sum_{i \in S, j \notin S} \exp((s_{Sj} - s_{Si})/T)` by L-BFGS
    as T falls. 'cyclic' starts from documents equally spaced on a closed curve of random integer
    frequencies (better in few dimensions). A margin above `enough` ends the search.
    """
    members = check_sets(sets, n)
    whole("d", d, least=1)
    if not temperatures or min(temperatures) <= 0:
        raise UsageError(f"temperatures = {temperatures} must be positive")
    x = _start(members, n, d, seed, start).ravel()
    best = _Best(len(members))
    for T in temperatures:
        x = minimise(
            _SoftMargin(members, n, d, T, best),
            x,
            max_evaluations=max_evaluations,
            memory=10,
            stop=lambda: best.margin > enough,
        )
        if best.margin > enough:
            break
    return MaxMargin(best.margin, *best.vectors)


def _start(members, n: int, d: int, seed: int, start) -> NDArray[np.float64]:
    """Columns are vectors: queries first, then documents."""
    rng = np.random.default_rng(seed)
    m = len(members)
    if isinstance(start, str):
        if start not in STARTS:
            raise UsageError(f"start = {start!r}: {did_you_mean(start, STARTS)}")
        if start == "random":
            return rng.standard_normal((d, m + n))
        # Frequency 1 keeps neighbours apart; the others are drawn without repetition.
        others = np.arange(2, max(3, n // 2))
        count = min(d // 2 - 1, others.size) if d > 1 else 0
        frequencies = np.concatenate([[1], rng.choice(others, size=count, replace=False)])
        turns = np.outer(frequencies, 2 * np.pi * np.arange(n) / n)
        docs = np.concatenate([np.cos(turns), np.sin(turns)])[:d]
        spare = d - len(docs)
        docs = np.concatenate([docs, 0.3 * rng.standard_normal((spare, n))])
        docs /= np.linalg.norm(docs, axis=0)
        queries = docs[:, members].sum(axis=2) + 1e-3 * rng.standard_normal((d, m))
        return np.hstack([queries, docs])
    queries, docs = (np.asarray(part, dtype=np.float64) for part in start)
    if queries.shape != (m, d) or docs.shape != (n, d):
        raise UsageError(
            f"start has shapes {queries.shape} and {docs.shape}; "
            f"({m}, {d}) and ({n}, {d}) are needed"
        )
    return np.vstack([queries, docs]).T


class _Best:
    """The best margin seen over all temperatures, and where."""

    def __init__(self, n_queries: int):
        self.margin, self.m = -np.inf, n_queries
        self.unit: NDArray[np.float64] | None = None

    @property
    def vectors(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.unit[:, : self.m].T.copy(), self.unit[:, self.m :].T.copy()


class _SoftMargin:
    """Softened minus least margin of unit vectors; parameters lie dimension by dimension."""

    def __init__(self, members: NDArray, n: int, d: int, temperature: float, best: _Best):
        self.m, self.n, self.d, self.T, self.best = len(members), n, d, temperature, best
        self.cells = [column * self.m + np.arange(self.m) for column in members.T]
        self.scores = np.empty((n, self.m))

    def __call__(self, x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        m, T, S = self.m, self.T, self.scores
        free = x.reshape(self.d, -1)
        inverse = 1.0 / np.sqrt(np.einsum("ij,ij->j", free, free))
        unit = free * inverse
        queries, docs = unit[:, :m], unit[:, m:]
        np.matmul(docs.T, queries, out=S)
        inside = np.stack([S.take(cells) for cells in self.cells])
        for cells in self.cells:
            S.put(cells, -np.inf)
        low, high = inside.min(axis=0), S.max(axis=0)
        margins = low - high
        if margins.min() > self.best.margin:
            self.best.margin, self.best.unit = float(margins.min()), unit
        S -= high
        S *= 1.0 / T
        np.exp(S, out=S)
        below = np.exp((low - inside) / T)
        outer, inner = S.sum(axis=0), below.sum(axis=0)
        each = -margins / T + np.log(outer) + np.log(inner)
        top = each.max()
        weight = np.exp(each - top)
        total = weight.sum()
        weight /= total
        S *= weight / outer
        below *= weight / inner
        for cells, pull in zip(self.cells, below, strict=True):
            S.put(cells, -pull)
        gradient = np.empty_like(unit)
        np.matmul(docs, S, out=gradient[:, :m])
        np.matmul(queries, S.T, out=gradient[:, m:])
        gradient -= np.einsum("ij,ij->j", gradient, unit) * unit
        gradient *= inverse
        return T * (float(top) + float(np.log(total))), gradient.ravel()
