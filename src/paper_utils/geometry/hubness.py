"""Hubs: items that are a nearest neighbour of too many others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors, unit_rows, whole
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.search.topk import top_k

DUPLICATES = ("merge", "keep")


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class KOccurrence:
    """How often each point is among the `k` nearest neighbours of the queries."""

    counts: NDArray[np.int64]  #: N_k, how many queries have each point among their neighbours
    k: int  #: neighbours of a query
    n_searches: int  #: queries, the points themselves or those given
    point_of_row: NDArray[np.int64]  #: point of each row; 0, 1, … where none are merged
    n_duplicates: int  #: rows equal to an earlier one, merged or not
    largest_group: int  #: rows in the largest group of equal rows; 1 where all differ

    @property
    def n_points(self) -> int:
        """Number of points that can be neighbours."""
        return len(self.counts)

    @property
    def skewness(self) -> float:
        """Skewness of the counts, see :func:`hubness_skewness`."""
        return hubness_skewness(self.counts)

    @property
    def variance(self) -> float:
        """Variance of the counts (divisor n_points)."""
        return float(self.counts.var())

    @property
    def antihubs(self) -> float:
        """Share of points that are in no query's neighbours."""
        return float((self.counts == 0).mean())

    @property
    def largest(self) -> int:
        """Count of the largest hub."""
        return int(self.counts.max())

    @property
    def robin_hood(self) -> float:
        """Robin Hood index of the counts, see :func:`robin_hood_index`."""
        return robin_hood_index(self.counts)


def k_occurrence(
    X: ArrayLike,
    k: int = 10,
    *,
    queries: ArrayLike | None = None,
    metric: str = "cosine",
    duplicates: str = "merge",
) -> KOccurrence:
    """Count how often each row of `X` is among the `k` nearest neighbours, exactly.

    Parameters
    ----------
    X : array_like, shape (n_rows, d)
        The possible neighbours; with the cosine none may be zero.
    k : int
        From 1 to the number of points, or to one fewer without `queries`.
    queries : array_like, shape (n_queries, d), optional
        Never merged. Without them the points of `X` are the queries, none its own neighbour.
    metric : {"cosine", "l2", "dot"}
        As for :func:`~paper_utils.search.topk.top_k`.
    duplicates : {"merge", "keep"}
        Equal rows of `X` (with the cosine: of equal direction, in single precision) are equally far
        from everything, so that their order decides which of them a list holds. With ``keep`` the
        first `k` of a large group become hubs that geometry did not make; by default a group counts
        as one point.

    Returns
    -------
    KOccurrence

    References
    ----------
    Radovanović, Nanopoulos and Ivanović 2010, section 2.

    Examples
    --------
    The middle of a cross is the nearest neighbour of all its ends:

    >>> cross = [[0, 0], [1, 0], [0, 1.1], [-1.2, 0], [0, -1.3]]
    >>> k_occurrence(cross, 1, metric="l2").counts
    array([4, 1, 0, 0, 0])
    """
    if duplicates not in DUPLICATES:
        raise UsageError(f"duplicates {duplicates!r}: {did_you_mean(duplicates, DUPLICATES)}")
    rows = as_vectors(X, min_rows=2)
    first, point_of_row = equal_rows(rows, metric=metric)
    sizes = np.bincount(point_of_row)
    points = rows
    if duplicates == "merge":
        points = rows if len(first) == len(rows) else rows[first]
        most = len(points) - (queries is None)
        if len(points) < len(rows) and isinstance(k, int | np.integer) and k > most:
            raise UsageError(
                f"X has only {len(points)} different rows of {len(rows)}: k={k} is more than the "
                f"{most} neighbours there are to find"
            )
    indices, _ = top_k(
        points if queries is None else queries,
        points,
        k,
        metric=metric,
        exclude_self=queries is None,
    )
    return KOccurrence(
        counts=np.bincount(indices.ravel(), minlength=len(points)),
        k=int(k),
        n_searches=len(indices),
        point_of_row=point_of_row if duplicates == "merge" else np.arange(len(rows)),
        n_duplicates=len(rows) - len(first),
        largest_group=int(sizes.max()),
    )


def equal_rows(X: ArrayLike, *, metric: str = "cosine") -> tuple[NDArray[np.int64], NDArray]:
    """Return the first row of each group of equal rows (cosine: directions), and each row's one."""
    rows = unit_rows(X).astype(np.float32) if metric == "cosine" else as_vectors(X)
    rows = np.ascontiguousarray(rows + 0)  # -0.0, whose bits differ, becomes 0.0
    keys = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel()
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return first[order], place[group.ravel()]


def occurrences_in_lists(indices: ArrayLike, n_points: int) -> KOccurrence:
    """Count how often each of `n_points` points is in given lists, shape (n_queries, k)."""
    lists = np.asarray(indices)
    if lists.ndim != 2 or lists.dtype.kind not in "iu" or not lists.size:
        raise UsageError(
            f"lists must be whole numbers of shape (n_searches, k), not {lists.dtype} of shape "
            f"{lists.shape}"
        )
    if lists.min() < 0 or lists.max() >= n_points:
        raise UsageError(f"lists name points {lists.min()} to {lists.max()} of {n_points}")
    ordered = np.sort(lists, axis=1)
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        raise UsageError("a list names the same point twice")
    return KOccurrence(
        counts=np.bincount(lists.ravel(), minlength=n_points),
        k=lists.shape[1],
        n_searches=len(lists),
        point_of_row=np.arange(n_points),
        n_duplicates=0,
        largest_group=1,
    )


def hubness_row(found: KOccurrence) -> dict[str, float]:
    """Return the measures of hubness of one set of counts, by name."""
    names = ("skewness", "variance", "largest", "antihubs", "robin_hood")
    return {name: getattr(found, name) for name in names}


def hubness_skewness(counts: ArrayLike) -> float:
    r"""Skewness of the k-occurrences, the usual measure of hubness.

    .. math:: S_{N_k} = \frac{\operatorname{E}(N_k-\bar N_k)^3}{\sigma_{N_k}^3}

    with divisor n. Zero is *not* its value without hubs: with k neighbours picked at random the
    counts are nearly Poisson with mean k, and the skewness is 1/√k.

    Parameters
    ----------
    counts : array_like, shape (n_points,)
        How often each point occurs, as in `KOccurrence.counts`; not all may be equal.

    Returns
    -------
    float

    References
    ----------
    Radovanović, Nanopoulos and Ivanović 2010, equation 1.

    Examples
    --------
    >>> hubness_skewness([0, 0, 0, 4])
    1.1547005383792515
    """
    values = _as_counts(counts)
    centred = values - values.mean()
    spread = float((centred * centred).mean())
    if spread == 0:
        raise UsageError(
            f"all {len(values)} points occur {values[0]:g} times: the skewness is not defined"
        )
    return float((centred**3).mean() / spread**1.5)


def robin_hood_index(counts: ArrayLike) -> float:
    r"""Share of all occurrences that must move until all points have equally many.

    .. math:: H = \frac{\sum_j |N_k(j)-\bar N_k|}{2\sum_j N_k(j)}

    Unlike the skewness it is bounded and does not depend on the few largest hubs.

    Parameters
    ----------
    counts : array_like, shape (n_points,), not all zero

    Returns
    -------
    float
        From 0 (all equal) to below 1 (one point has them all).

    References
    ----------
    Feldbauer and Flexer 2019, section 2; the measure is Hoover's.

    Examples
    --------
    >>> robin_hood_index([5, 5, 5]), robin_hood_index([0, 0, 0, 4])
    (0.0, 0.75)
    """
    values = _as_counts(counts)
    total = float(values.sum())
    if total == 0:
        raise UsageError("no point occurs in any list: there is nothing to share")
    return float(np.abs(values - values.mean()).sum() / (2 * total))


def poisson_reference(k: int) -> dict[str, float]:
    """Return the measures of `hubness_row` of Poisson counts: lists of k points drawn at random."""
    from scipy.stats import poisson

    whole("k", k, least=1)
    return {
        "variance": float(k),
        "skewness": float(k**-0.5),
        "antihubs": float(np.exp(-k)),
        # De Moivre: the mean absolute deviation of a Poisson number is 2 k P(N = k).
        "robin_hood": float(poisson.pmf(k, k)),
    }


def _as_counts(counts: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(counts)
    if values.ndim != 1 or values.dtype.kind not in "iuf" or len(values) < 2:
        raise UsageError(
            f"counts must be at least two numbers of shape (n_points,), not {values.dtype} of "
            f"shape {values.shape}"
        )
    values = values.astype(np.float64)
    if not (values >= 0).all() or not np.isfinite(values).all():
        raise UsageError("counts must be finite and not negative")
    return values
