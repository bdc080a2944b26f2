"""Does an index hold the vectors of two models? Found from the vectors alone.

All clusters of one model share directions in which they spread; the spaces of two share nothing
but chance. So the rows are split where their clusters spread least alike. For unrelated spaces the
inner product of two covariances without their traces is 0 up to a known error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.points import Points
from embedding_audit.cloud.products import products
from embedding_audit.cloud.scan import digests
from embedding_audit.measure import Measure, from_jackknife, not_measured, share_of, under

MOST, FEWEST = 1_500, 200  #: rows that are looked at, and below which nothing is said

CHANCE = 4.0  #: errors of unrelated spaces within which an alignment is one of them

ENOUGH = 0.1  #: alignment that must be ruled out; clusters of one model have more

CORRELATED = 2.0  #: squared correlation of coordinates, in units of chance, that models exceed

_SIZES = (8, 25)  # rows in a cluster, tried one after the other
_SMALLEST = 16  # rows of a group that can be told from an accident
_NEAREST = 5
_GROUPS = 20  # left out one after the other for the interval
_POWER = 15.0  # errors by which halves of a group must agree, or nothing could be seen


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Mixture:
    """What was found, and where."""

    measures: dict[str, Measure]
    rows: NDArray[np.int64]  # rows looked at that belong to the smaller of two models; or none


@dataclass(frozen=True, eq=False)
class _Split:
    """Two groups of rows, and how alike they spread inside clusters and over all of them."""

    second: NDArray[np.bool_]  # (n,), whether a row is in the smaller group
    alignment: Measure  # inside clusters
    overall: float
    error: float  # of the former if the spaces are unrelated
    power: float

    @property
    def tells(self) -> bool:
        """Whether unrelated spaces would be known as such: enough columns, and enough spread."""
        return self.power > _POWER and CHANCE * self.error < ENOUGH

    @property
    def unrelated(self) -> bool:
        """Whether both alignments are those of unrelated spaces. That over all of the spread,
        which a few directions decide, strays further by chance.
        """
        value, chance = self.alignment.value, CHANCE * self.error
        return abs(value) < chance < ENOUGH - value and abs(self.overall) < ENOUGH / 2


def find_mixture(points: Points, seed: int) -> Mixture:
    """Look for a second model among rows of different directions; their order does not matter."""
    some, X = by_content(points, MOST, seed)
    nobody = np.empty(0, dtype=np.int64)
    if len(some) < FEWEST:
        why = not_measured(f"fewer than {FEWEST} different rows")
        return Mixture(under("mixture", {"alignment": why, "share": why}), nobody)
    if _correlated(X) < CORRELATED:
        why = not_measured(
            "coordinates without correlation, as principal components are: clusters "
            "of one model share as little as two models do"
        )
        return Mixture(under("mixture", {"alignment": why, "share": why}), nobody)
    worst = _worst(X, seed)
    if worst is None:
        why = not_measured("too little is shared by the rows, or too few columns, to tell models")
        return Mixture(under("mixture", {"alignment": why, "share": why}), nobody)
    alignment, other = worst.alignment.beside(unrelated=0.0), nobody
    if worst.unrelated:
        # What two parts lack, the clusters of one part must have.
        rest = _worst(X[~worst.second], seed)
        within = None if rest is None else rest.alignment.value
        alignment = alignment.beside(within=within)
        if within is None or within < ENOUGH:
            why = not_measured("clusters of one part share as little as the two parts do")
            return Mixture(under("mixture", {"alignment": alignment, "share": why}), nobody)
        other = points.row[some[worst.second]]
    share = share_of(len(other) / len(X), len(X))
    return Mixture(under("mixture", {"alignment": alignment, "share": share}), other)


def _correlated(X: NDArray[np.float32]) -> float:
    """Mean squared correlation of two coordinates, in units of what independent ones would show."""
    spread = X.std(axis=0, ddof=1, dtype=np.float64)
    Z = (X - X.mean(axis=0, dtype=np.float64))[:, spread > 0] / spread[spread > 0]
    d = Z.shape[1]
    correlation = Z.T @ Z / (len(Z) - 1)
    return float(((correlation**2).sum() - d) / max(1, d * (d - 1)) * len(Z))


def _worst(X: NDArray[np.float32], seed: int) -> _Split | None:
    """Return the split of which the sides spread least alike; unrelated ones go first."""
    near = _nearest(X)
    splits = [_split(X, near, size, seed) for size in _SIZES]
    seen = [one for one in splits if one is not None and one.tells]
    return min(seen, key=lambda one: (not one.unrelated, one.alignment.value), default=None)


def by_content(points: Points, most: int, seed: int) -> tuple[NDArray[np.int64], NDArray]:
    """Return numbers and vectors of at most `most` points, in the order of their checksums."""
    some = points.sample(most, seed)
    X = np.ascontiguousarray(points.take(some))
    order = np.lexsort(digests(X).T)
    return some[order], X[order]


def k_means(X: NDArray[np.float32], k: int, seed: int) -> NDArray[np.int64]:
    """Return the cluster of each unit vector, from 0; some may be empty."""
    import faiss

    found = faiss.Kmeans(
        X.shape[1],
        k,
        niter=10,
        seed=seed + 1,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=len(X),
    )
    found.train(X)
    return found.index.search(X, 1)[1][:, 0]


def _split(X: NDArray, near: NDArray, size: int, seed: int) -> _Split | None:
    """Split rows where their clusters, of about `size` rows, spread least alike."""
    label = k_means(X, max(6, len(X) // size), seed)
    _, label = np.unique(label, return_inverse=True)
    spread = _spread(_residuals(X, label), label)
    whole = (np.bincount(label) >= 6) & (np.diag(spread) > 0)
    if whole.sum() < 2:
        return None
    apart = np.flatnonzero(whole)[_cut(spread[np.ix_(whole, whole)])]
    second = np.isin(label, apart)
    for _ in range(3):  # each row goes with most of its nearest
        second = second[near].mean(axis=1) > 0.5
    second = ~second if second.mean() > 0.5 else second
    if second.sum() < _SMALLEST:
        return None
    return _measured(X, second, seed)


def _residuals(X: NDArray[np.float32], label: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return vectors less the mean of their cluster."""
    sizes = np.bincount(label)
    order = np.argsort(label, kind="stable")
    sums = np.add.reduceat(X[order], np.cumsum(sizes) - sizes, axis=0)
    return X - (sums / sizes[:, None])[label]


def _spread(R: NDArray[np.float32], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return tr(A B) of the covariances of all pairs of groups, each less its trace over d."""
    sums, own, sizes = _sums(R, label)
    return sums / np.outer(sizes, sizes) - np.outer(own / sizes, own / sizes) / R.shape[1]


def _sums(
    R: NDArray[np.float32], label: NDArray[np.int64], groups: int = 0
) -> tuple[NDArray, NDArray, NDArray]:
    """Sums of squared inner products over pairs of groups, of squares over groups, and sizes."""
    order = np.argsort(label, kind="stable")
    there, starts = np.unique(label[order], return_index=True)
    sizes = np.bincount(label, minlength=groups)
    product = products(R[order], R[order])
    np.square(product, out=product)
    narrow = np.add.reduceat(product, starts, axis=1)
    sums = np.zeros((len(sizes), len(sizes)))
    sums[np.ix_(there, there)] = np.add.reduceat(narrow.astype(np.float64), starts, axis=0)
    return sums, np.bincount(label, np.einsum("ij,ij->i", R, R), minlength=groups), sizes


def _cut(spread: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the clusters on one side of the normalised cut that parts least alike ones best.
    The order of the clusters is that of the second eigenvector (Shi and Malik 2000).
    """
    norms = np.sqrt(np.diag(spread))
    weight = np.clip(spread / np.outer(norms, norms), 0, None)
    np.fill_diagonal(weight, 0)
    degree = weight.sum(axis=1) + 1e-12
    _, vectors = np.linalg.eigh(weight / np.sqrt(np.outer(degree, degree)))
    order = np.argsort(vectors[:, -2] / np.sqrt(degree), kind="stable")
    ordered, total = weight[np.ix_(order, order)], degree[order]
    left = np.cumsum(total)[:-1]
    inside = np.array([ordered[:i, :i].sum() for i in range(1, len(order))])
    across = left - inside
    best = int(np.argmin(across / left + across / (total.sum() - left)))
    return order[: best + 1]


def _nearest(X: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the few nearest other rows of each."""
    cosines = products(X, X)
    np.fill_diagonal(cosines, -2)
    return np.argpartition(cosines, -_NEAREST, axis=1)[:, -_NEAREST:]


def _measured(X: NDArray[np.float32], second: NDArray[np.bool_], seed: int) -> _Split:
    """Return the alignment of both groups' spread, less what their halves differ by chance."""
    label = np.empty(len(X), dtype=np.int64)
    part = np.empty(len(X), dtype=np.int64)  # group and half; then the part that is left out
    rng = np.random.default_rng([seed, 0x6D6978])
    for side in (0, 1):
        mine = np.flatnonzero(second == bool(side))
        k = max(1, min(15, len(mine) // 20))
        label[mine] = k_means(X[mine], k, seed) + 15 * side if k > 1 else 15 * side
        place = rng.permutation(len(mine))
        part[mine] = (2 * side + place % 2) * _GROUPS + (place // 2) % _GROUPS
    _, label = np.unique(label, return_inverse=True)
    d = X.shape[1]
    parts = _sums(_residuals(X, label), part, 4 * _GROUPS)
    value, error, power = _alignment(*parts, d)
    left = [_alignment(*parts, d, without=group)[0] for group in range(_GROUPS)]
    whole = _sums(_residuals(X, second.astype(np.int64)), part, 4 * _GROUPS)
    overall = _alignment(*whole, d)[0]
    return _Split(second, from_jackknife(value, left, len(X)), overall, error, power)


def _alignment(
    sums: NDArray, own: NDArray, sizes: NDArray, d: int, without: int | None = None
) -> tuple[float, float, float]:
    """Alignment of two groups, its error if they are unrelated, and the power to see it.
    Squared norms are products of the halves of a group, which share no noise.
    """
    kept = np.ones((4, _GROUPS))
    if without is not None:
        kept[:, without] = 0
    fold = np.kron(np.eye(4), np.ones(_GROUPS)) * kept.ravel()
    n, trace = fold @ sizes, fold @ own
    if (n == 0).any():
        return math.nan, math.nan, 0.0
    both = fold @ sums @ fold.T / np.outer(n, n) - np.outer(trace / n, trace / n) / d
    one, other = both[0, 1], both[2, 3]
    if min(one, other) <= 0:
        return math.nan, math.nan, 0.0
    # Symmetric matrices without trace: under a random rotation a cosine of two has this error.
    chance = 1 / math.sqrt(d * (d + 1) / 2 - 1)
    noisy = [math.sqrt(both[a : a + 2, a : a + 2].mean()) for a in (0, 2)]
    clean = math.sqrt(one * other)
    power = min(
        one / math.sqrt(both[0, 0] * both[1, 1]), other / math.sqrt(both[2, 2] * both[3, 3])
    )
    error = chance * noisy[0] * noisy[1] / clean
    return float(both[:2, 2:].mean() / clean), error, power / chance
