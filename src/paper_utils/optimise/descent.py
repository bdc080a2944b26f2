"""The free-embedding experiment of Weller et al. (arXiv 2508.21038, section 4), made fast.

Queries and documents are free unit vectors; Adam lowers a contrastive loss over all of them. The
gradient is written out, and parameters lie dimension by dimension so that matrix products are
wide: a step takes a tenth of what automatic differentiation takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import whole
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.theory.construction import check_sets

LOSSES = ("infonce", "sigmoid")
# exp2 of the logits must stay in the range of float32 without subtracting a maximum.
LEAST_TEMPERATURE = 0.0125
BATCH = 250_000  # cells of several seeds' score matrices that are stepped together: a core's cache


@dataclass(frozen=True)
class Protocol:
    """Settings of the descent; the defaults are those of the published code."""

    temperature: float = 0.1  # scores are divided by it ('infonce')
    learning_rate: float = 0.01  # of Adam (0.9, 0.999, 1e-8)
    max_iterations: int = 100_000
    patience: int = 1000  # stop after so many steps without a loss `min_delta` below the best
    min_delta: float = 1e-5
    check_every: int = 50  # steps between looks; the first with every set on top stops

    def __post_init__(self) -> None:
        if not self.temperature >= LEAST_TEMPERATURE:
            raise UsageError(
                f"temperature = {self.temperature} must be at least {LEAST_TEMPERATURE}: "
                "single precision overflows below"
            )
        for name in ("learning_rate", "max_iterations", "patience", "check_every"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} = {getattr(self, name)} must be positive")


PUBLISHED = Protocol()


@dataclass(frozen=True)
class Descent:
    """One run from one start."""

    seed: int
    solved: bool  # whether every query had exactly its documents on top at a look
    iterations: int
    accuracy: float  # best share of relevant documents in the top k that was seen
    loss: float  # at the last step
    queries: NDArray[np.float32] = field(repr=False)  # at the end, (n_sets, d)
    docs: NDArray[np.float32] = field(repr=False)  # at the end, (n, d)
    # (step, loss, accuracy) at each look
    history: tuple[tuple[int, float, float], ...] = field(repr=False)


def descend(
    sets: ArrayLike,
    n: int,
    d: int,
    *,
    loss: str = "infonce",
    seeds: Iterable[int] = (0,),
    start: tuple[ArrayLike, ArrayLike] | None = None,
    protocol: Protocol = PUBLISHED,
) -> list[Descent]:
    """Optimise free embeddings of relevant sets, shape (n_sets, k): one run a seed, in their order.
    'infonce': softmax over all documents, averaged over relevant pairs. 'sigmoid': logistic loss of
    every pair with a trained scale and offset, started at 10 and -10. `start` gives the vectors
    (queries, docs) of a single run. Runs do not depend on each other.
    """
    members = check_sets(sets, n)
    whole("d", d, least=1)
    if loss not in LOSSES:
        raise UsageError(f"loss = {loss!r}: {did_you_mean(loss, LOSSES)}")
    names = [int(seed) for seed in seeds]
    if not names:
        raise UsageError("seeds is empty: at least one start is needed")
    if start is not None:
        names = names[:1]
        first = _given(start, len(members), n, d)[None]
    width = max(1, BATCH // (n * len(members)))
    runs: list[Descent] = []
    for at in range(0, len(names), width):
        some = names[at : at + width]
        if start is None:
            first = np.stack([_random(seed, len(members), n, d) for seed in some])
        runs += _Runs(members, n, some, first, loss, protocol).finish()
    return runs


def _random(seed: int, m: int, n: int, d: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((m + n, d)).astype(np.float32).T
    return vectors / np.sqrt((vectors * vectors).sum(axis=0))


def _given(start: tuple[ArrayLike, ArrayLike], m: int, n: int, d: int) -> NDArray[np.float32]:
    queries, docs = (np.asarray(part, dtype=np.float32) for part in start)
    if queries.shape != (m, d) or docs.shape != (n, d):
        raise UsageError(
            f"start has shapes {queries.shape} and {docs.shape}; "
            f"({m}, {d}) and ({n}, {d}) are needed"
        )
    vectors = np.vstack([queries, docs]).T
    return vectors / np.sqrt((vectors * vectors).sum(axis=0))


class _Runs:
    """Runs of several seeds side by side; arrays are (seeds, dimension, queries + documents)."""

    def __init__(self, members, n, names, first, loss, protocol: Protocol):
        self.members, self.n, self.m = members, n, len(members)
        self.k = members.shape[1]
        self.protocol = protocol
        self.make_loss: Callable = {"infonce": _InfoNCE, "sigmoid": _Sigmoid}[loss]
        self.names = list(names)
        self.order = list(names)
        self.X = np.ascontiguousarray(first)
        self.first_moment = np.zeros_like(self.X)
        self.second_moment = np.zeros_like(self.X)
        self.best = np.full(len(names), np.inf)
        self.waited = np.zeros(len(names), dtype=np.int64)
        self.history: dict[int, list[tuple[int, float, float]]] = {name: [] for name in names}
        self.finished: dict[int, Descent] = {}
        # Cells of the (documents, queries) score matrix that are relevant, one turn a rank.
        rows = np.arange(self.m)
        self.cells = np.concatenate([members[:, t] * self.m + rows for t in range(self.k)])
        self.loss = self.make_loss(self, None)

    def finish(self) -> list[Descent]:
        p = self.protocol
        for step in range(1, p.max_iterations + 1):
            losses = self.loss(self.X)
            self._adam(step)
            better = losses < self.best - p.min_delta
            self.best[better] = losses[better]
            self.waited += 1
            self.waited[better] = 0
            last = step == p.max_iterations
            ended = self.waited >= p.patience
            if (step - 1) % p.check_every == 0 or last or ended.any():
                accuracy = self._accuracy()
                for name, value, seen in zip(self.names, losses, accuracy, strict=True):
                    self.history[name].append((step, float(value), float(seen)))
                ended |= (accuracy == 1.0) | last
                if ended.any():
                    self._drop(ended, step, losses)
                    if not self.names:
                        break
        return [self.finished[name] for name in self.order]

    def _adam(self, step: int) -> None:
        """One step of Adam and back to unit length; G is the loss's gradient, overwritten."""
        G = self.loss.gradient
        # Moments without the factors (1 - beta), which are put into the scales below.
        self.first_moment *= np.float32(0.9)
        self.first_moment += G
        self.second_moment *= np.float32(0.999)
        G *= G
        self.second_moment += G
        spread = math.sqrt(0.001 / (1.0 - 0.999**step))
        rate = self.protocol.learning_rate * 0.1 / (1.0 - 0.9**step) / spread
        np.sqrt(self.second_moment, out=G)
        G += np.float32(1e-8 / spread)
        np.divide(self.first_moment, G, out=G)
        G *= np.float32(rate)
        self.X -= G
        np.multiply(self.X, self.X, out=G)
        self.X /= np.sqrt(G.sum(axis=1, keepdims=True))

    def _accuracy(self) -> NDArray[np.float64]:
        scores = np.matmul(self.X[:, :, self.m :].transpose(0, 2, 1), self.X[:, :, : self.m])
        hits = 0
        relevant = scores.reshape(len(scores), -1).take(self.cells, axis=1)
        for own in np.split(relevant, self.k, axis=1):
            # On top: at most k documents, itself included, score as much; ties are misses.
            hits = hits + ((scores >= own[:, None, :]).sum(axis=1) <= self.k).sum(axis=1)
        return hits / (self.k * self.m)

    def _drop(self, ended: NDArray[np.bool_], step: int, losses: NDArray) -> None:
        for i in np.flatnonzero(ended):
            name = self.names[i]
            looks = tuple(self.history[name])
            self.finished[name] = Descent(
                seed=name,
                solved=looks[-1][2] == 1.0,
                iterations=step,
                accuracy=max(look[2] for look in looks),
                loss=float(losses[i]),
                queries=self.X[i, :, : self.m].T.copy(),
                docs=self.X[i, :, self.m :].T.copy(),
                history=looks,
            )
        stay = ~ended
        self.names = [name for name, kept in zip(self.names, stay, strict=True) if kept]
        self.best, self.waited = self.best[stay], self.waited[stay]
        self.X, self.first_moment = self.X[stay], self.first_moment[stay]
        self.second_moment = self.second_moment[stay]
        self.loss = self.make_loss(self, (self.loss, stay))


class _InfoNCE:
    """Mean over relevant pairs of -log softmax; all documents are in the denominator."""

    def __init__(self, runs: _Runs, previous):
        seeds, self.d, _ = runs.X.shape
        self.m, self.n, self.k = runs.m, runs.n, runs.k
        self.scale = np.float32(1.0 / (runs.protocol.temperature * math.log(2.0)))
        self.scores = np.empty((seeds, self.n, self.m), np.float32)
        self.gradient = np.empty_like(runs.X)
        offsets = np.arange(seeds)[:, None] * (self.n * self.m)
        self.cells = offsets + runs.cells
        self.factor = np.float32(1.0 / (runs.protocol.temperature * self.m))

    def __call__(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        m, P, G = self.m, self.scores, self.gradient
        Q, D = X[:, :, :m], X[:, :, m:]
        np.matmul((D * self.scale).transpose(0, 2, 1), Q, out=P)
        flat = P.reshape(-1)
        positive = flat.take(self.cells).sum(axis=1) * np.float32(math.log(2.0) / (self.k * m))
        np.exp2(P, out=P)
        Z = P.sum(axis=1, keepdims=True)
        value = np.log(Z).mean(axis=2)[:, 0] - positive
        # Softmax minus relevance / k, both times Z: the division then costs m, not n m.
        share = np.tile(Z[:, 0, :] / np.float32(self.k), (1, self.k))
        flat[self.cells] -= share
        np.matmul(D, P, out=G[:, :, :m])
        G[:, :, :m] /= Z
        np.matmul(Q / Z, P.transpose(0, 2, 1), out=G[:, :, m:])
        G *= self.factor
        return value


class _Sigmoid:
    """Logistic loss of every pair with a trained scale and offset, summed over documents."""

    def __init__(self, runs: _Runs, previous):
        seeds, _, _ = runs.X.shape
        self.m, self.n = runs.m, runs.n
        self.scores = np.empty((seeds, self.n, self.m), np.float32)
        self.work = np.empty_like(self.scores)
        self.gradient = np.empty_like(runs.X)
        self.cells = np.arange(seeds)[:, None] * (self.n * self.m) + runs.cells
        self.rate = runs.protocol.learning_rate
        self.step = 0
        # Logarithm of the scale, and the offset, with their own moments.
        self.free = np.tile([math.log(10.0), -10.0], (seeds, 1))
        self.moments = np.zeros((2, seeds, 2))
        if previous is not None:
            other, stay = previous
            self.step, self.free = other.step, other.free[stay]
            self.moments = other.moments[:, stay]

    def __call__(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        m, S, P, G = self.m, self.scores, self.work, self.gradient
        Q, D = X[:, :, :m], X[:, :, m:]
        scale = np.exp(self.free[:, 0]).astype(np.float32)[:, None, None]
        offset = self.free[:, 1].astype(np.float32)[:, None, None]
        np.matmul(D.transpose(0, 2, 1), Q, out=S)
        np.multiply(S, scale, out=P)
        P += offset
        np.clip(P, -80.0, 80.0, out=P)  # beyond, exp leaves the range of float32
        value = P.sum(axis=(1, 2), dtype=np.float64) - P.reshape(-1).take(self.cells).sum(
            axis=1, dtype=np.float64
        )
        # P becomes the logistic function 1 / (1 + exp(-x)); -log of it + x is log(1 + exp x).
        np.negative(P, out=P)
        np.exp(P, out=P)
        P += np.float32(1.0)
        value += np.log(P).sum(axis=(1, 2), dtype=np.float64)
        np.reciprocal(P, out=P)
        P.reshape(-1)[self.cells] -= np.float32(1.0)
        P *= np.float32(1.0 / m)
        np.multiply(S, P, out=S)
        by_scale = S.sum(axis=(1, 2), dtype=np.float64) * scale[:, 0, 0]
        self._adam(np.stack([by_scale, P.sum(axis=(1, 2), dtype=np.float64)], axis=1))
        np.matmul(D, P, out=G[:, :, :m])
        np.matmul(Q, P.transpose(0, 2, 1), out=G[:, :, m:])
        G *= scale
        return value / m

    def _adam(self, gradient: NDArray) -> None:
        self.step += 1
        self.moments[0] += 0.1 * (gradient - self.moments[0])
        self.moments[1] += 0.001 * (gradient**2 - self.moments[1])
        mean = self.moments[0] / (1 - 0.9**self.step)
        spread = np.sqrt(self.moments[1] / (1 - 0.999**self.step))
        self.free = self.free - self.rate * mean / (spread + 1e-8)
