"""How alike two sets of vectors of the same items are: neighbours, similarities, coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding_audit.cloud.moments import Moments, cosine_statistics, trace_dimensions
from embedding_audit.cloud.neighbours import Lists, hub_measures
from embedding_audit.cloud.overlap import expected_overlap
from embedding_audit.cloud.points import sample
from embedding_audit.cloud.products import products, top_of
from embedding_audit.measure import Measure, not_measured, share_of
from paper_utils.checks import unit_rows
from paper_utils.statistics import bootstrap_interval

MOST_QUERIES = 1_000  #: rows whose neighbours are looked for

MOST_KERNEL = 2_000  #: rows whose similarities are compared

UNCHANGED = 0.999  #: cosine from which a vector is the same up to the rounding of its storage

_HEIGHT = 256


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Neighbourhoods:
    """The nearest rows of some rows in both files."""

    queries: NDArray[np.int64]  # places among the rows compared
    overlap: NDArray[np.float64]  # (n_queries,), of the lists of both files, ties in expectation
    rounded: NDArray[np.float64]  # of the first file's and of its own in half precision
    lists: tuple[Lists, Lists]


def neighbourhoods(
    one: NDArray[np.float32], other: NDArray[np.float32], k: int, seed: int
) -> Neighbourhoods:
    """Compare the `k` nearest rows by cosine of a sample of rows; none finds itself."""
    n = len(one)
    queries = sample(n, MOST_QUERIES, seed)
    half = unit_rows(one.astype(np.float16).astype(np.float32)).astype(np.float32)
    overlap, rounded, tops = [], [], ([], [])
    for start in range(0, len(queries), _HEIGHT):
        some = queries[start : start + _HEIGHT]
        first, second, third = (_others(X, some) for X in (one, other, half))
        overlap.append(expected_overlap(first, second, k))
        rounded.append(expected_overlap(first, third, k))
        for top, scores in zip(tops, (first, second), strict=True):
            top.append(top_of(scores, k))
    lists = tuple(
        Lists(n, queries, *map(np.concatenate, zip(*top, strict=True)), np.arange(len(queries)))
        for top in tops
    )
    return Neighbourhoods(queries, np.concatenate(overlap), np.concatenate(rounded), lists)


def _others(X: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    scores = products(X[rows], X)
    scores[np.arange(len(rows)), rows] = -np.inf
    return scores


def alike_measures(
    one: NDArray[np.float32], other: NDArray[np.float32], near: Neighbourhoods, seed: int
) -> dict[str, Measure]:
    """Measure the overlap of lists, the alignment of similarities, and rows that changed."""
    n, k = len(one), near.lists[0].k
    overlap = mean_of(near.overlap, seed)
    found = {
        "overlap": overlap.beside(random=k / (n - 1), float16=float(near.rounded.mean())),
        "jaccard": mean_of(near.overlap / (2 - near.overlap), seed),
        "cka": _kernel_alignment(one, other, seed),
    }
    if one.shape[1] != other.shape[1]:
        why = not_measured(f"{one.shape[1]} and {other.shape[1]} columns")
        return found | {"cosine": why, "moved_share": why, "moved_cosine": why}
    cosines = np.minimum(np.einsum("ij,ij->i", one, other, dtype=np.float64), 1)
    total = float(one.sum(axis=0, dtype=np.float64) @ other.sum(axis=0, dtype=np.float64))
    apart = (total - cosines.sum()) / (n * (n - 1))
    moved = cosines < UNCHANGED
    found["cosine"] = mean_of(cosines, seed).beside(shuffled=apart)
    found["moved_share"] = share_of(float(moved.mean()), n)
    if moved.sum() > 1:
        found["moved_cosine"] = mean_of(cosines[moved], seed).beside(shuffled=apart)
    else:
        found["moved_cosine"] = not_measured("no vector changed")
    return found


def mean_of(values: NDArray[np.floating], seed: int) -> Measure:
    """Return a mean with its bootstrap interval."""
    if len(values) < 2:
        return not_measured("fewer than two values")
    found = bootstrap_interval(values, seed=seed)
    return Measure(found.mean, found.low, found.high, n=found.n)


def _kernel_alignment(one: NDArray[np.float32], other: NDArray[np.float32], seed: int) -> Measure:
    """Linear centred kernel alignment without bias (Kornblith et al. 2019; Song et al. 2012).
    1 for similarities that agree up to scale, 0 expected where rows have nothing to do.
    """
    some = sample(len(one), MOST_KERNEL, seed)
    K, L = (_centred_kernel(X[some]) for X in (one, other))
    norm = np.sqrt((K * K).sum() * (L * L).sum())
    order = np.random.default_rng([seed, 0x636B61]).permutation(len(some))
    shuffled = float((K * L[np.ix_(order, order)]).sum() / norm)
    return Measure(float((K * L).sum() / norm), n=len(some)).beside(shuffled=shuffled)


def _centred_kernel(X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Inner products without the diagonal, centred so that their products have no bias."""
    n = len(X)
    K = products(X, X).astype(np.float64)
    np.fill_diagonal(K, 0)
    means = K.sum(axis=0) / (n - 2)
    K -= means[:, None] + means[None, :] - K.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(K, 0)
    return K


def geometry(X: NDArray[np.float32], lists: Lists) -> dict[str, float | None]:
    """Return what stands side by side of both files, under the keys of the report."""
    moments = Moments.of(X.astype(np.float64))
    return {
        "cosine.mean": cosine_statistics(moments)["mean"],
        "dimension.unbiased": trace_dimensions(moments)["unbiased"],
        "hubness.raw.skewness": hub_measures(lists)["skewness"].value,
    }
