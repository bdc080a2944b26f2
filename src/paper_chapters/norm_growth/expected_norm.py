"""Vectors made of several subword tokens: how their number changes norm and cosine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors, unit_rows, whole
from paper_utils.errors import UsageError, did_you_mean

POOLINGS = ("sum", "mean", "unit")
CAUSES = ("common", "word")


def expected_norm2(k: ArrayLike, rho: float, *, sigma2: float = 1.0, pooling: str = "sum"):
    """Mean squared length of a vector of `k` subword tokens: sum, mean or unit vector of them.
    For a sum sigma2 k (1 + (k - 1) rho), with E<t_i, t_j> = rho sigma2 for tokens of the *same*
    word: Krasnov, "Growth of the norm under fragmentation", the boxed formula.
    """
    k = _token_counts(k)
    _share("rho", rho)
    if not sigma2 > 0:
        raise UsageError(f"sigma2 must be above 0, not {sigma2!r}")
    if pooling not in POOLINGS:
        raise UsageError(f"no pooling {pooling!r}; {did_you_mean(pooling, POOLINGS)}")
    if pooling == "unit":
        return np.ones(k.shape)[()]
    total = sigma2 * k * (1 + (k - 1) * rho)
    return total / k**2 if pooling == "mean" else total


def expected_cosine(
    k: ArrayLike, rho: float, *, other: ArrayLike | None = None, between: float | None = None
):
    """Mean cosine of two words of `k` and `other` (or `k`) subword tokens, in high dimension.
    `rho` is the mean cosine of two tokens of one word, `between` that of tokens of two words (`rho`
    when left out: all tokens share one mean). Sum, mean and unit vectors share it. A ratio of means
    in place of the mean of ratios: the error is of order 1/d when lengths vary little.
    """
    k = _token_counts(k)
    other = k if other is None else _token_counts(other)
    _share("rho", rho)
    between = rho if between is None else between
    if not -1 <= between <= 1:
        raise UsageError(f"between must lie between -1 and 1, not {between!r}")
    return between * np.sqrt(k * other / ((1 + (k - 1) * rho) * (1 + (other - 1) * rho)))


def common_share(k: ArrayLike, rho: float):
    """Share of the squared length along the common direction, kρ/(1 + (k - 1)ρ).
    It holds for sums, means and unit vectors, if all tokens share the mean that makes `rho`.
    """
    return expected_cosine(k, rho)


def words_of_tokens(
    k: ArrayLike,
    rho: float,
    *,
    d: int = 384,
    cause: str = "common",
    pooling: str = "sum",
    seed: int = 0,
) -> NDArray[np.float64]:
    """Draw words (n_words, d) of `k` Gaussian subword tokens each, of mean squared length 1.
    Token i is ``c + e_i``, with |c|² = rho on average and independent isotropic e_i; c is one for
    all words (`cause` 'common') or a random one for each ('word').
    """
    k = np.atleast_1d(_token_counts(k))
    _share("rho", rho)
    if cause not in CAUSES:
        raise UsageError(f"no cause {cause!r}; {did_you_mean(cause, CAUSES)}")
    if pooling not in POOLINGS:
        raise UsageError(f"no pooling {pooling!r}; {did_you_mean(pooling, POOLINGS)}")
    whole("d", d, least=2)
    rng = np.random.default_rng(whole("seed", seed, least=0))
    shared = rng.normal(size=d if cause == "common" else (len(k), d))
    # A fixed c has its length exactly; a random one only on average, as the tokens have.
    length = np.linalg.norm(shared) if cause == "common" else np.sqrt(d)
    V = np.broadcast_to(shared * (np.sqrt(rho) / length), (len(k), d)) * k[:, None]
    for i in range(int(k.max())):
        has = k > i
        V[has] += rng.normal(scale=np.sqrt((1 - rho) / d), size=(int(has.sum()), d))
    if pooling == "mean":
        return V / k[:, None]
    return unit_rows(V) if pooling == "unit" else V


@dataclass(frozen=True, slots=True)
class TokenCorrelation:
    """How alike the subword tokens of a set of texts are: mean inner products over `sigma2`.
    `sigma2` is the mean squared length of a token; `within` is of two tokens of one text, Krasnov's
    rho, and `between` of two texts. Standard errors are the jackknife's over texts.
    """

    n_texts: int
    n_tokens: int
    sigma2: float
    within: float
    between: float
    se_within: float
    se_between: float


def token_correlation(sums: ArrayLike, squares: ArrayLike, k: ArrayLike) -> TokenCorrelation:
    """Measure rho within and between texts from sums over their `k` token vectors alone. `sums`
    (n_texts, d) are of the vectors, `squares` (n_texts,) of their squared lengths. Exact: ordered
    pairs within a text have the inner product |v|² - sum|t|², all pairs the square of the total.
    """
    sums = as_vectors(sums, name="sums", min_rows=3).astype(np.float64)
    k, squares = np.atleast_1d(_token_counts(k)), np.asarray(squares, dtype=np.float64)
    if k.shape != (len(sums),) or squares.shape != k.shape:
        raise UsageError(f"{len(sums)} sums, but {squares.shape} squares and {k.shape} counts")
    if (k > 1).sum() < 2:
        raise UsageError(
            "fewer than two texts have two subword tokens or more: no rho within a text"
        )
    own = (sums * sums).sum(axis=1)
    total = sums.sum(axis=0)

    def ratios(n, square, pairs, product, all_pairs, all_product):
        sigma2 = square / n
        return product / pairs / sigma2, all_product / all_pairs / sigma2

    n, square, pairs, product = k.sum(), squares.sum(), k * (k - 1), own - squares
    across, cross = n * n - (k * k).sum(), total @ total - own.sum()
    within, between = ratios(n, square, pairs.sum(), product.sum(), across, cross)
    left = ratios(  # each text left out in turn
        n - k,
        square - squares,
        pairs.sum() - pairs,
        product.sum() - product,
        across - 2 * k * (n - k),
        cross - 2 * (sums @ total - own),
    )
    m = len(sums)
    se = [float(np.sqrt((m - 1) * np.mean((x - x.mean()) ** 2))) for x in left]
    return TokenCorrelation(m, int(n), float(square / n), float(within), float(between), *se)


def fit_slope(x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """Fit a line; return its slope and a standard error for uneven scatter (HC1: White 1980)."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 3:
        raise UsageError(f"a line needs at least 3 points, not {x.shape} x and {y.shape} y")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise UsageError("a line needs finite numbers")
    a = x - x.mean()
    if not (a @ a) > 0:
        raise UsageError("all x are equal: texts of one length show no growth with length")
    slope = a @ y / (a @ a)
    residual = y - y.mean() - slope * a
    se = np.sqrt((a * a) @ (residual * residual) * len(x) / (len(x) - 2)) / (a @ a)
    return float(slope), float(se)


def mean_cosine_to_others(X: ArrayLike) -> NDArray[np.float64]:
    """Mean cosine of each row with all other rows, shape (n_rows,)."""
    U = unit_rows(X, min_rows=2)
    return (U @ U.sum(axis=0) - 1) / (len(U) - 1)


def dimension_of_lengths(k: Sequence[int], rho: float, *, d: int, pooling: str = "sum") -> float:
    """Effective dimension of words of lengths `k`, each as frequent, with one common mean.
    One direction of the covariance has variance s, d - 1 have r, and the result is
    (s + (d - 1)r)² / (s² + (d - 1)r²). For sums s - r = rho Var k; for means s = r; for unit
    vectors, in high dimension, s - r is about the variance of the root of :func:`common_share`.
    """
    k = np.atleast_1d(_token_counts(k))
    norm2 = expected_norm2(k, rho, pooling=pooling)
    share = common_share(k, rho)
    rest = float(np.mean(norm2 * (1 - share)))
    extra = float(np.var(np.sqrt(norm2 * share)))
    r = along = rest / d
    if pooling == "unit":  # what varies along the vector itself is scaled away
        along = float(np.mean((1 - share) ** 2)) / d
    s = extra + along
    return (s + (d - 1) * r) ** 2 / (s**2 + (d - 1) * r**2)


def _token_counts(k: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(k)
    if array.size == 0 or array.dtype.kind not in "iu" or array.min() < 1:
        what = f"{array.min()}" if array.size and array.dtype.kind in "iuf" else f"{k!r:.40}"
        raise UsageError(f"a word has a whole number of subword tokens, at least 1, not {what}")
    return array.astype(np.int64)[()]


def _share(name: str, value: float) -> None:
    if not isinstance(value, Real) or not 0 <= value <= 1:
        raise UsageError(f"{name} must lie between 0 and 1, not {value!r}")
