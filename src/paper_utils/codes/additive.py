"""Recall of sums of random vectors, and the dimension that a recall is worth.

Each attribute has a vector g_a ~ N(0, I_d), a document is the sum of its attributes' vectors, a
query is one of them, scores are inner products. The recall law is the top-k form of E. P. Frady,
D. Kleyko and F. T. Sommer, Neural Computation 30, 2018. It says nothing of other encoders.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincc, gammaln, ndtr, ndtri
from scipy.stats import binom

from paper_utils.checks import whole
from paper_utils.errors import UsageError

# What LIMIT's generator does: distractors draw from the attributes that no query names.
LIMIT = MappingProxyType({"n_docs": 50_000, "length": 45, "vocabulary": 850, "apart": True})
# Any two of the 46 documents share about one attribute, as if drawn from 45 * 45.
LIMIT_SMALL = MappingProxyType({"n_docs": 46, "length": 45, "vocabulary": 2025})

_LEAST, _MOST = 1e-6, 1e9  # dimensions between which a recall is inverted
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True)
class AdditiveLaw:
    """The recall law of one collection: everything but the dimension and the cut-off."""

    n_docs: int
    length: int  # attributes of a document
    vocabulary: int | None = None  # attributes that documents draw from; None: infinitely many
    apart: bool = False  # distractors hold none of the relevant documents' attributes, as in LIMIT
    n_relevant: int = 2  # relevant documents of a query

    def __post_init__(self) -> None:
        whole("n_relevant", self.n_relevant, least=1)
        whole("n_docs", self.n_docs, least=self.n_relevant + 1)
        whole("length", self.length, least=1)
        if self.vocabulary is not None:
            whole("vocabulary", self.vocabulary, least=self.length + 1)

    @property
    def rare(self) -> float:
        """Share of the vocabulary that one document holds; 0 for an infinite one."""
        return 0.0 if self.vocabulary is None else self.length / self.vocabulary

    @property
    def effective_length(self) -> float:
        """Variance of a distractor's score around the distractors' common mean: L (1 - L/V)."""
        return self.length * (1.0 - self.rare)

    @property
    def noise(self) -> float:
        """Variance of one relevant document's score that is its own."""
        held = self.length - 1
        elsewhere = self.apart or self.vocabulary is None
        return held if elsewhere else held * (1 - held / self.vocabulary)

    def shared(self, d: float) -> float:
        """Variance that all relevant documents of a query have in common."""
        if self.vocabulary is None:
            drift = 0.0
        else:
            drift = (self.length**2 if self.apart else 1) / self.vocabulary
        return drift + max(d - _chi_mean(d) ** 2, 0.0)

    def signal(self, d: float) -> float:
        """Mean of a relevant score, in standard deviations of a distractor's."""
        return _chi_mean(d) / math.sqrt(self.effective_length)

    def tau(self, d: float) -> float:
        """Standard deviation of a relevant score, in standard deviations of a distractor's."""
        return math.sqrt((self.noise + self.shared(d)) / self.effective_length)

    def recall(self, d: float, k: int) -> float:
        """Return the expected recall@k in d dimensions, as in :func:`additive_recall`."""
        if isinstance(d, bool) or not isinstance(d, Real) or not 0 < d < math.inf:
            raise UsageError(f"d = {d!r} must be a number above 0")
        whole("k", k, least=1, most=self.n_docs)
        distractors = self.n_docs - self.n_relevant
        s, tau, own = self.signal(d), self.tau(d), self.noise
        z, weight = _grid(s, tau, distractors, k)
        beaten = ndtr(-(s + tau * z))  # that one distractor scores higher
        # Two relevant documents of a query share the common part of z and differ in their own.
        other = ndtr(-z * math.sqrt(own / (own + 2 * self.shared(d))))
        inside = np.zeros_like(z)
        for above in range(min(self.n_relevant, k)):
            chance = binom.pmf(above, self.n_relevant - 1, other)
            inside += chance * _at_most(k - 1 - above, distractors, beaten)
        return float(min(weight @ inside, 1.0))

    def dimension(self, recall: float, k: int) -> float:
        """Return the d at which the law gives `recall`; 0 at or below chance, inf at the top."""
        if recall <= self.recall(_LEAST, k):
            return 0.0
        if recall >= min(1.0, k / self.n_relevant) or recall >= self.recall(_MOST, k):
            return math.inf
        low = high = 64.0
        while self.recall(low, k) > recall:
            low /= 4
        while self.recall(high, k) < recall:
            high *= 4

        def gap(log_d: float) -> float:
            return self.recall(math.exp(log_d), k) - recall

        ends = math.log(low) - 0.01, math.log(high) + 0.01  # an end may be the very solution
        return math.exp(brentq(gap, *ends, xtol=1e-9))


def additive_recall(
    d: float,
    n_docs: int,
    length: int,
    k: int,
    *,
    vocabulary: int | None = None,
    apart: bool = False,
    n_relevant: int = 2,
) -> float:
    r"""Return the expected recall@k of sums of random vectors.

    With :math:`L` attributes a document, :math:`V` attributes in all, :math:`L_e = L(1-L/V)`,
    signal :math:`s = E|g|/\sqrt{L_e}` and :math:`p(z) = 1-\Phi(s+\tau z)`, for two relevant
    documents among M distractors:

    .. math:: E_z[\Phi(cz) P(B\le k-1) + (1-\Phi(cz)) P(B\le k-2)],\ B\sim\mathrm{Bin}(M, p(z))

    over a standard normal z. Here :math:`\tau^2` is the variance of a relevant score over
    :math:`L_e`, and c < 1 allows for what two relevant documents share. Exact for Gaussian
    scores and one or two relevant documents.

    Parameters
    ----------
    d : float
        Dimension, above 0; need not be whole.
    n_docs, length, k : int
        Documents in all, attributes of each, cut-off.
    vocabulary : int, optional
        Attributes that documents draw from, more than `length`; without it, infinitely many.
    apart : bool
        Whether distractors draw from `vocabulary` attributes that relevant documents do not
        hold, as in LIMIT. Their scores then drift together, which relevant ones do not follow.
    n_relevant : int
        Relevant documents of a query. Above two, those are taken as independent given z.

    Returns
    -------
    float

    Examples
    --------
    >>> [round(additive_recall(512, k=k, **LIMIT), 3) for k in (2, 10, 100)]
    [0.288, 0.462, 0.711]
    """
    return AdditiveLaw(n_docs, length, vocabulary, apart, n_relevant).recall(d, k)


class AdditiveDimension(NamedTuple):
    """What one recall is worth in sums of random vectors."""

    k: int
    recall: float
    dimension: float  # 0 at chance or below, inf where the recall is complete
    low: float  # low, high: dimensions at the ends of the recall's interval
    high: float
    se: float  # by the delta method; NaN where the dimension is 0 or inf


def additive_dimension(
    recalls: Mapping[int, float],
    n_docs: int,
    length: int,
    *,
    vocabulary: int | None = None,
    apart: bool = False,
    n_relevant: int = 2,
    n_queries: int = 1000,
    level: float = 0.95,
) -> list[AdditiveDimension]:
    """Return the dimension at which sums of random vectors have each recall, by rising cut-off.

    Parameters
    ----------
    recalls : mapping of int to float
        Cut-off -> recall, 0 to 1.
    n_docs, length, vocabulary, apart, n_relevant
        As in :func:`additive_recall`.
    n_queries, level : int, float
        Independent queries behind each recall, and the coverage of the interval (Wilson's), which
        takes the relevant documents of a query as found or lost together.

    Returns
    -------
    list of AdditiveDimension

    Raises
    ------
    UsageError
        A recall outside [0, 1], one that falls as k rises or lies too far below chance, or a
        number out of range.

    Examples
    --------
    >>> found = additive_dimension({2: 0.030, 10: 0.068, 100: 0.189}, **LIMIT)
    >>> [round(item.dimension) for item in found]
    [172, 169, 163]
    """
    law = AdditiveLaw(n_docs, length, vocabulary, apart, n_relevant)
    whole("n_queries", n_queries, least=1)
    if not 0 < level < 1:
        raise UsageError(f"level must be between 0 and 1, not {level}")
    rows = []
    for k, recall in check_recalls(recalls, n_docs).items():
        low, high = wilson(recall, n_queries, level)
        if high < law.recall(_LEAST, k):
            raise UsageError(
                f"recall@{k} = {recall:g} from {n_queries} queries is below chance "
                f"({law.recall(_LEAST, k):.3g}): no dimension explains it"
            )
        d = law.dimension(recall, k)
        se = math.nan
        if 0 < d < math.inf:
            se = math.sqrt(recall * (1 - recall) / n_queries) / slope(law, d, k)
        ends = law.dimension(low, k), law.dimension(high, k)
        rows.append(AdditiveDimension(k, recall, d, min(ends[0], d), max(ends[1], d), se))
    return rows


def slope(law: AdditiveLaw, d: float, k: int) -> float:
    """Return the derivative of the law's recall@k by d (central difference)."""
    step = 1e-4 * d
    return (law.recall(d + step, k) - law.recall(d - step, k)) / (2 * step)


def half_recall_dimension(
    n_docs: int, length: int, k: int, *, vocabulary: int | None = None
) -> float:
    r"""Return :math:`L_e\,\Phi^{-1}(1-k/N)^2`, the rule of thumb for half of the recall."""
    law = AdditiveLaw(n_docs, length, vocabulary)
    whole("k", k, least=1, most=n_docs // 2)
    return law.effective_length * float(ndtri(1 - k / n_docs)) ** 2


def wilson(share: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share of n trials (J. Am. Stat. Assoc. 22, 1927)."""
    z = float(ndtri((1 + level) / 2))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def check_recalls(recalls: Mapping[int, float], n_docs: int) -> dict[int, float]:
    """Return the recalls by rising cut-off, or say what is wrong with them."""
    if not isinstance(recalls, Mapping) or not recalls:
        raise UsageError("recalls must map cut-offs to recalls, such as {2: 0.03, 10: 0.07}")
    for k, recall in recalls.items():
        whole("a cut-off", k, least=1, most=n_docs)
        if isinstance(recall, bool) or not isinstance(recall, Real) or not 0 <= recall <= 1:
            raise UsageError(f"recall@{k} = {recall} must lie between 0 and 1")
    rows = {int(k): float(recalls[k]) for k in sorted(recalls)}
    for (k, low), (more, high) in zip(rows.items(), list(rows.items())[1:], strict=False):
        if high < low:
            raise UsageError(
                f"recall@{more} = {high:g} is below recall@{k} = {low:g}: recalls of one ranking "
                "cannot fall as the cut-off rises"
            )
    return rows


def _chi_mean(d: float) -> float:
    """Mean length of a standard Gaussian vector of d coordinates."""
    if d > 1e6:  # the difference of the two logarithms would lose its digits
        return math.sqrt(d - 0.5)
    return math.sqrt(2.0) * math.exp(float(gammaln((d + 1) / 2) - gammaln(d / 2)))


def _at_most(j: int, trials: int, p: np.ndarray) -> np.ndarray:
    """P(Bin(trials, p) <= j) as an incomplete beta function: exact for any number of trials."""
    return np.ones_like(p) if j >= trials else betaincc(j + 1.0, float(trials - j), p)


def _grid(s: float, tau: float, distractors: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights for a mean over z, narrow where k distractors are expected above."""
    share = min(max(k / distractors, 1e-300), 1 - 1e-12)
    middle = (-float(ndtri(share)) - s) / tau
    density = math.exp(-(float(ndtri(share)) ** 2) / 2) / math.sqrt(2 * math.pi)
    width = math.sqrt(share * (1 - share) / distractors) / max(density * tau, 1e-300)
    fine = middle + min(width, 1.0) * np.array([-12, -8, -5, -3, -2, -1, 0, 1, 2, 3, 5, 8, 12])
    edges = np.union1d(np.linspace(-9, 9, 19), np.clip(fine, -9, 9))
    half = np.diff(edges) / 2
    z = (edges[:-1] + half)[:, None] + half[:, None] * _NODES
    weight = half[:, None] * _WEIGHTS * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return z.ravel(), weight.ravel()
