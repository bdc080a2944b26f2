"""A small limited-memory BFGS for losses of some ten thousand single-precision parameters.

SciPy's L-BFGS-B works in double precision, and its bookkeeping takes three to four times as long
as the losses of this package (d = 10, n = 90). This is the two-loop recursion of Nocedal and
Wright (Numerical Optimization, algorithm 7.4) with backtracking.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

TINY = 1e-200  # below this, reciprocals and products of squares leave the floating-point range
Loss = Callable[[NDArray], tuple[float, NDArray]]


def minimise(
    loss: Loss,
    x: NDArray[np.floating],
    *,
    max_evaluations: int,
    memory: int = 8,
    patience: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> NDArray[np.floating]:
    """Minimise `loss` from `x`; return the last accepted point, of the same dtype.

    `loss` returns a value and a new gradient array. `memory` pairs of differences are kept. It ends
    when `patience` accepted steps lower a positive loss by less than 2%, or when `stop`, called
    after each evaluation, is true.

    >>> scale = np.array([1.0, 100.0])
    >>> x = minimise(lambda x: (x @ (scale * x), 2 * scale * x), np.ones(2), max_evaluations=50)
    >>> bool(np.abs(x).max() < 1e-6)
    True
    """
    value, gradient = loss(x)
    pairs: deque[tuple[NDArray, NDArray, float]] = deque(maxlen=memory)
    evaluations = 1
    accepted = [value]
    while evaluations < max_evaluations and not stop():
        if patience and len(accepted) > patience and value > 0.98 * accepted[-1 - patience]:
            break
        direction = _two_loops(gradient, pairs)
        slope = float(np.dot(direction, gradient))
        if slope <= 0.0:
            pairs.clear()
            direction = _two_loops(gradient, pairs)
            slope = float(np.dot(direction, gradient))
        if slope < TINY:
            break  # the gradient is zero
        step = 1.0
        while True:
            tried = x - x.dtype.type(step) * direction
            new_value, new_gradient = loss(tried)
            evaluations += 1
            if stop() or new_value <= value - 1e-4 * step * slope:
                break
            # The minimum of the parabola through both values and the slope, kept in bounds.
            parabola = step * step * slope / (2.0 * (new_value - value + step * slope))
            step = max(0.1 * step, min(0.5 * step, parabola))
            if step < 1e-12 or evaluations >= max_evaluations:
                return x
        moved, turned = tried - x, new_gradient - gradient
        curvature = float(np.dot(moved, turned))
        if curvature > max(TINY, 1e-12 * float(np.dot(turned, turned))):
            pairs.append((moved, turned, 1.0 / curvature))
        x, value, gradient = tried, new_value, new_gradient
        accepted.append(value)
    return x


def _two_loops(gradient: NDArray, pairs: deque) -> NDArray:
    if not pairs:
        return gradient / max(float(np.linalg.norm(gradient)), np.finfo(gradient.dtype).tiny)
    direction = gradient.copy()
    weights = []
    for moved, turned, rho in reversed(pairs):
        weight = gradient.dtype.type(rho * float(np.dot(moved, direction)))
        direction -= weight * turned
        weights.append(weight)
    _, turned, rho = pairs[-1]
    direction *= gradient.dtype.type(1.0 / (rho * float(np.dot(turned, turned))))
    for (moved, turned, rho), weight in zip(pairs, reversed(weights), strict=True):
        direction += (weight - gradient.dtype.type(rho * float(np.dot(turned, direction)))) * moved
    return direction
