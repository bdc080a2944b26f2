"""Steepest descent that never raises its loss: where an objective leads from a given point."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError
from paper_utils.theory.construction import check_sets, set_gaps


@dataclass(frozen=True)
class Flow:
    """The course of a descent.

    Attributes
    ----------
    steps : ndarray of int, shape (n_looks,)
        Steps taken at each look; 0 is the start.
    loss, accuracy : ndarray of float64, shape (n_looks,)
        Mean InfoNCE loss; share of sets that are exactly the top of their query.
    queries, docs : ndarray of float64
        Unit vectors at the end.
    """

    steps: NDArray[np.int64]
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    queries: NDArray[np.float64] = field(repr=False)
    docs: NDArray[np.float64] = field(repr=False)


def infonce(
    queries: NDArray, docs: NDArray, sets: NDArray, temperature: float
) -> tuple[float, NDArray, NDArray]:
    r"""Return the mean of :math:`-\log\operatorname{softmax}` over relevant pairs, and gradients.

    Parameters
    ----------
    queries, docs : ndarray of float64, shapes (n_sets, d) and (n, d)
        Vectors, taken as they are.
    sets : ndarray of int, shape (n_sets, k)
        Relevant documents of each query.
    temperature : float
        Scores are divided by it.

    Returns
    -------
    loss : float
    by_query, by_doc : ndarray
        Its gradients, of the shapes of `queries` and `docs`.

    Examples
    --------
    >>> loss, *_ = infonce(np.eye(2), np.eye(2), np.array([[0], [1]]), 1.0)
    >>> round(loss, 4)  # log(1 + exp(-1))
    0.3133
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

    A step that would raise the loss is halved until it does not; it grows again afterwards.
    Unlike Adam with a fixed rate, nothing here can overshoot: where the accuracy falls, it is
    the objective that asks for it. Double precision.

    Parameters
    ----------
    sets : array_like of int, shape (n_sets, k)
        Relevant documents of each query.
    queries, docs : array_like, shapes (n_sets, d) and (n, d)
        Where to start; scaled to unit length.
    temperature : float
        Scores are divided by it.
    steps : int
        Most steps; fewer when no step lowers the loss any more.
    look_every : int
        Steps between two looks.

    Returns
    -------
    Flow

    Raises
    ------
    UsageError
        Bad sets, shapes that do not match, a temperature or number that is not positive.

    Examples
    --------
    >>> sets = [[0], [1], [2]]
    >>> rng = np.random.default_rng(0)
    >>> flow = descend_monotonically(sets, rng.normal(size=(3, 2)), rng.normal(size=(3, 2)))
    >>> bool((np.diff(flow.loss) < 0).all()), float(flow.accuracy[-1])
    (True, 1.0)
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
    return float((set_gaps(docs, queries, sets) > 0).mean())
