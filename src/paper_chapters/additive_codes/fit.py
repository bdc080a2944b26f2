"""Does one dimension explain all cut-offs? Ranks drawn from the additive law, and a test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import ndtr
from scipy.stats import chi2 as chi_squared

from paper_utils.codes.additive import AdditiveLaw, check_recalls, slope
from paper_utils.errors import UsageError

_DRAWS = 100_000  # queries behind the covariance of the cut-offs


def additive_ranks(law: AdditiveLaw, d: float, n_queries: int, seed: int = 0) -> NDArray[np.int64]:
    """Draw the relevant documents' ranks (from 1) for independent queries under the law.
    Shape (n_queries, law.n_relevant), best first.
    """
    law.recall(d, 1)  # checks d
    rng = np.random.default_rng(seed)
    scale = math.sqrt(law.effective_length)
    common = rng.normal(law.signal(d), math.sqrt(law.shared(d)) / scale, size=(n_queries, 1))
    own = rng.normal(0.0, math.sqrt(law.noise) / scale, size=(n_queries, law.n_relevant))
    beaten = np.sort(ndtr(-(common + own)), axis=1)  # best document first
    left = np.full(n_queries, law.n_docs - law.n_relevant)
    ranks, before = np.zeros((n_queries, law.n_relevant), dtype=np.int64), np.zeros(n_queries)
    above = np.zeros(n_queries, dtype=np.int64)
    for place in range(law.n_relevant):
        # Distractors between this document and the one before it, among those still below.
        share = np.clip((beaten[:, place] - before) / np.maximum(1 - before, 1e-300), 0, 1)
        more = rng.binomial(left, share)
        above, left, before = above + more, left - more, beaten[:, place]
        ranks[:, place] = above + place + 1
    return ranks


def query_recalls(ranks: NDArray[np.int64], cutoffs: list[int]) -> NDArray[np.float64]:
    """Return each query's recall at each cut-off, shape (n_queries, n_cutoffs)."""
    return np.stack([(ranks <= k).mean(axis=1) for k in cutoffs], axis=1)


@dataclass(frozen=True)
class AdditiveFit:
    """One dimension for several cut-offs, and how well it fits."""

    dimension: float  # generalised least squares
    se: float  # if the law holds
    chi2: float  # squared distance of the recalls from the law at `dimension`
    df: int  # cut-offs less one
    p: float  # of as much under the law, by parametric bootstrap; at least 1/(B+1)
    # cut-off -> residual in standard errors; positive: more recall than the law
    z: dict[int, float]
    design_effect: float  # factor on the variance above which the misfit is not significant at 5%


def additive_fit(
    recalls: Mapping[int, float],
    law: AdditiveLaw,
    *,
    n_queries: int = 1000,
    n_resamples: int = 2000,
    seed: int = 0,
) -> AdditiveFit:
    """Fit one dimension to one system's recalls at two or more cut-offs, and test the fit.
    The covariance of cut-offs is that of ranks drawn from the law. Queries count as independent: if
    they share documents, the true variance is larger (see `AdditiveFit.design_effect`).
    """
    rows = check_recalls(recalls, law.n_docs)
    told = {k: law.dimension(r, k) for k, r in rows.items()}
    told = {k: d for k, d in told.items() if 0 < d < math.inf}
    if len(told) < 2:
        raise UsageError(
            f"recalls {dict(rows)}: fewer than two lie between chance and 1, so there is nothing "
            "to compare"
        )
    cutoffs = list(told)
    observed = np.array([rows[k] for k in cutoffs])

    def expected(d: float) -> NDArray[np.float64]:
        return np.array([law.recall(d, k) for k in cutoffs])

    d = math.exp(np.mean(np.log(list(told.values()))))
    around = np.log([min(told.values()) / 1.5, max(told.values()) * 1.5])
    for _ in range(6):  # the weights depend on d, a little
        drawn = query_recalls(additive_ranks(law, d, _DRAWS, seed), cutoffs)
        inverse = np.linalg.inv(np.cov(drawn.T) / n_queries)

        def distance(log_d: float, inverse: NDArray = inverse) -> float:
            gap = observed - expected(math.exp(log_d))
            return float(gap @ inverse @ gap)

        best = minimize_scalar(distance, bounds=around, method="bounded", options={"xatol": 1e-6})
        before, d = d, math.exp(best.x)
        if abs(d / before - 1) < 0.005:
            break
    gradient = np.array([slope(law, d, k) for k in cutoffs])
    bread = 1.0 / (gradient @ inverse @ gradient)
    spread = np.linalg.inv(inverse) - bread * np.outer(gradient, gradient)
    residual = observed - expected(d)
    least, df = float(best.fun), len(cutoffs) - 1
    null = _null_distances(law, d, cutoffs, n_queries, n_resamples, seed, inverse, gradient)
    return AdditiveFit(
        dimension=d,
        se=math.sqrt(bread),
        chi2=least,
        df=df,
        p=float((1 + np.sum(null >= least)) / (1 + n_resamples)),
        z=dict(zip(cutoffs, (residual / np.sqrt(np.diag(spread))).tolist(), strict=True)),
        design_effect=least / float(chi_squared.ppf(0.95, df)),
    )


def _null_distances(
    law: AdditiveLaw,
    d: float,
    cutoffs: list[int],
    n_queries: int,
    n_resamples: int,
    seed: int,
    inverse: NDArray[np.float64],
    gradient: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the distances of recalls that the law itself makes, d fitted anew (linearised)."""
    means = resampled_recalls(law, d, cutoffs, n_queries, n_resamples, seed + 1)
    gaps = means - np.array([law.recall(d, k) for k in cutoffs])
    along = (gaps @ inverse @ gradient) / math.sqrt(gradient @ inverse @ gradient)
    return np.einsum("ij,jk,ik->i", gaps, inverse, gaps) - along**2


def resampled_recalls(
    law: AdditiveLaw, d: float, cutoffs: list[int], n_queries: int, n_resamples: int, seed: int = 0
) -> NDArray[np.float64]:
    """Return mean recalls of `n_queries` queries under the law, shape (n_resamples, n_cutoffs)."""
    drawn = query_recalls(additive_ranks(law, d, _DRAWS, seed), cutoffs)
    # Few different rows occur; their counts among n_queries independent queries are multinomial.
    kinds, counts = np.unique(drawn, axis=0, return_counts=True)
    picked = np.random.default_rng(seed).multinomial(
        n_queries, counts / counts.sum(), size=n_resamples
    )
    return picked @ kinds / n_queries


def document_effect(values: ArrayLike, qrels: sparse.csr_array) -> float:
    """Estimate how much shared documents inflate the variance of a mean over queries.
    `values` holds one number a query; NaN where all are equal. Queries with a relevant document in
    common count as correlated, others not: P. M. Aronow, C. Samii and V. A. Assenova,
    "Cluster-robust variance estimation for dyadic data", Political Analysis 23, 2015.
    """
    error = np.asarray(values, dtype=np.float64)
    if error.shape != (qrels.shape[0],) or not np.isfinite(error).all():
        raise UsageError(
            f"values must be {qrels.shape[0]} finite numbers, one a query, not {error.shape}"
        )
    error = error - error.mean()
    # Pairs with two documents in common are counted once for each: none in LIMIT.
    joint = qrels.astype(np.float64) @ (qrels.astype(np.float64).T @ error)
    shared = np.asarray(qrels.astype(np.float64).sum(axis=1)).ravel()
    total, alone = float(error @ (joint - shared * error)), float(error @ error)
    return (total + alone) / alone if alone else math.nan
