"""Steepest descent that never raises its loss: where an objective leads from a given point."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError
from paper_utils.theory.construction import check_sets, set_margins


@dataclass(frozen=True)
class Flow:
    """The course of a descent; arrays of shape (n_looks,), and the unit vectors at its end."""

    steps: NDArray[np.int64]  # taken at each look; 0 is the start
    loss: NDArray[np.float64]  # mean InfoNCE
    accuracy: NDArray[np.float64]  # share of sets that are exactly the top of their query
    queries: NDArray[np.float64] = field(repr=False)
    docs: NDArray[np.float64] = field(repr=False)


def infonce(
    queries: NDArray, docs: NDArray, sets: NDArray, temperature: float
) -> tuple[float, NDArray, NDArray]:
    """Return the mean of -log softmax over relevant pairs, and its gradients by queries and docs.
    Shapes (n_sets, d), (n, d) and, of the relevant `sets`, (n_sets, k); lengths are not scaled.
    """
    m, k = sets.shape
    logits = queries @ docs.T / temperature
    top = logits.max(axis=1, keepdims=True)
    P = np.exp(logits - top)
    Z = P.sum(axis=1, keepdims=True)
    rows = np.arange(m)[:, None]
    loss = float(np.mean(np.log(Z) + top) - logits[rows, sets].mean())
    P /= Z
    P[rows, sets] -= 1.0 / k
    P /= m * temperature
    return loss, P @ docs, P.T @ queries


def descend_monotonically(
    sets: ArrayLike,
    queries: ArrayLike,
    docs: ArrayLike,
    *,
    temperature: float = 0.1,
    steps: int = 1000,
    look_every: int = 10,
) -> Flow:
    """Follow the InfoNCE gradient on the sphere in steps that each lower the loss.
    A step that would raise the loss is halved until it does not. Unlike Adam at a fixed rate, this
    cannot overshoot: where the accuracy falls, the objective causes it. `queries` (n_sets, d) and
    `docs` (n, d) are the start, scaled to unit length; it ends early when no step lowers the loss.
    """
    Q, D = unit_rows(queries), unit_rows(docs)
    Q, D = Q.astype(np.float64), D.astype(np.float64)
    members = check_sets(sets, len(D))
    if len(Q) != len(members) or Q.shape[1] != D.shape[1]:
        raise UsageError(
            f"queries {Q.shape} and docs {D.shape} do not fit {len(members)} sets: one query "
            "a set, and equal dimensions"
        )
    for name, value in (("temperature", temperature), ("steps", steps), ("look_every", look_every)):
        if not value > 0:
            raise UsageError(f"{name} = {value} must be positive")
    looks = [(0, infonce(Q, D, members, temperature)[0], _accuracy(D, Q, members))]
    rate = 1e-3  # small, to see the way; it grows by itself
    for step in range(1, steps + 1):
        loss, by_query, by_doc = infonce(Q, D, members, temperature)
        # Queries enter one term in n_sets each: scaled up, they move as fast as documents.
        by_query = _tangent(by_query, Q) * len(Q) / len(D)
        by_doc = _tangent(by_doc, D)
        while rate > 1e-12:
            newQ, newD = _unit(Q - rate * by_query), _unit(D - rate * by_doc)
            lower = infonce(newQ, newD, members, temperature)[0]
            if lower < loss:
                break
            rate /= 2
        else:
            break
        Q, D, rate = newQ, newD, 1.5 * rate
        if step % look_every == 0 or step == steps:
            looks.append((step, lower, _accuracy(D, Q, members)))
    at, losses, accuracy = (np.array(column) for column in zip(*looks, strict=True))
    return Flow(at, losses, accuracy, Q, D)


def _unit(X: NDArray) -> NDArray:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def _tangent(gradient: NDArray, X: NDArray) -> NDArray:
    return gradient - (gradient * X).sum(axis=1, keepdims=True) * X


def _accuracy(docs: NDArray, queries: NDArray, sets: NDArray) -> float:
    return float((set_margins(docs, queries, sets) > 0).mean())
