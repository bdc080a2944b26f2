"""Bounds, with certificates, on sign-rank and on the dimension that retrieval needs.

For relevance A with both 0 and 1, ``sign-rank`` is the least rank with the signs of 2A - 1 and
``dimension`` the least d in which inner products give each query its exact top-k (rank_rop of
Weller et al., arXiv 2508.21038); sign-rank - 1 <= dimension <= rank_gt (one cut-off) <= sign-rank.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from paper_utils.errors import UsageError
from paper_utils.theory.forster import reweighted_spectral_bound, spectral_bound
from paper_utils.theory.realise import least_margin, realise
from paper_utils.theory.relevance import Relevance, read_relevance
from paper_utils.theory.shatter import largest_shattered, shows_patterns

MAX_DENSE = 4_000_000  # cells above which dense decompositions are skipped
MAX_HINGE = 2_000_000
MAX_NODES = 1000  # sets extended in search of shattered ones before the best so far is taken


@dataclass(frozen=True)
class Certificate:
    """One bound and what proves it."""

    name: str  # the argument, in words
    target: str  # 'sign-rank' or 'dimension'
    side: str  # 'lower' or 'upper'
    value: int
    statement: str  # the evidence in one sentence
    # places in the reduced matrix, weights, orders or vectors
    evidence: dict = field(default_factory=dict, repr=False)

    def check(self, relevance: Relevance) -> bool:
        """Verify the evidence against the matrix from the definitions alone."""
        A, seen = relevance.matrix, self.evidence
        if "patterns" in seen:
            matrix = A if seen["of"] == "documents" else A.T
            size = len(seen["members"]) - (seen["patterns"] == "affine")
            return size == self.value and shows_patterns(matrix, seen["members"], seen["patterns"])
        if "weight" in seen:
            bound = spectral_bound(np.where(A[:, A.any(axis=0)], seen["weight"], -1.0))
            return math.ceil(bound - 1e-6) == self.value
        if "order" in seen:
            matrix = A if seen["of"] == "documents" else A.T
            changes = sign_changes(matrix[:, seen["order"]], cyclic=seen["cyclic"])
            return _curve_value(changes, self.target) == self.value
        if "factors" in seen:
            X, Y = seen["factors"]
            return X.shape[1] == self.value and bool(((X @ Y.T > 0) == A).all())
        if "queries" in seen:
            rank = seen["docs"].shape[1] + (self.target == "sign-rank")
            return rank == self.value and least_margin(A, seen["queries"], seen["docs"]) > 0
        return False


@dataclass(frozen=True)
class SignRankBounds:
    """Bounds of one relevance matrix; printing shows them with their certificates."""

    lower: int  #: of the sign-rank
    upper: int  #: of the sign-rank
    dimension_lower: int  #: of the least dimension with exact top-k for every query
    dimension_upper: int  #: of the same
    certificates: tuple[Certificate, ...]  #: every bound found, the best and the others
    relevance: Relevance = field(repr=False)  #: reduced matrix that the certificates speak of

    def check(self) -> bool:
        """Verify every certificate and that the four bounds follow from them."""
        return all(c.check(self.relevance) for c in self.certificates) and (
            _combine(self.certificates) == self._bounds()
        )

    def best(self, target: str, side: str) -> Certificate | None:
        """Return the first certificate that gives the best direct bound of its kind."""
        found = [c for c in self.certificates if (c.target, c.side) == (target, side)]
        sign = 1 if side == "upper" else -1
        return min(found, key=lambda c: sign * c.value, default=None)

    def _bounds(self) -> tuple[int, int, int, int]:
        return self.lower, self.upper, self.dimension_lower, self.dimension_upper

    def __str__(self) -> str:
        A = self.relevance.matrix
        lines = [
            f"{A.shape[0]} distinct queries, {self.relevance.n_docs} documents "
            f"({A.shape[1]} distinct columns), at most {self.relevance.k_max} relevant",
            f"sign-rank          {_interval(self.lower, self.upper)}",
            f"minimal dimension  {_interval(self.dimension_lower, self.dimension_upper)}",
        ]
        order = sorted(self.certificates, key=lambda c: (c.target, c.side, c.value))
        lines += [f"  {c.target} {_SIDE[c.side]} {c.value}: {c.name}: {c.statement}" for c in order]
        return "\n".join(lines)


_SIDE = {"lower": ">=", "upper": "<="}


def _interval(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def sign_rank_bounds(
    qrels: Mapping[Hashable, Collection[Hashable]] | object,
    *,
    docs: Iterable[Hashable] | None = None,
    repeated: str = "error",
    seeds: Iterable[int] = (0, 1),
) -> SignRankBounds:
    """Bound the sign-rank and the least embedding dimension of relevance judgements.

    Lower bounds: VC dimension and its dual, Forster's spectral bound plain and with one weight
    on the relevant cells, and linear dependence (sets of documents on which every relevance
    pattern or its complement occurs). Upper bounds: sign changes along an order of the
    documents (moment and trigonometric curves), a truncated singular value decomposition with
    all signs right, and embeddings found by optimisation. The inequalities between the two
    quantities are applied at the end.

    Parameters
    ----------
    qrels : mapping or 0/1 matrix
        ``query -> relevant documents`` (or scores, relevant above 0), or (n_queries, n_docs).
    docs : iterable, optional
        All documents of the collection; by default those named and one more, of no query.
    repeated : {'error', 'merge'}
        What to do with queries that share a relevant set.
    seeds : iterable of int
        Random starts of each attempt to find an embedding.

    Returns
    -------
    SignRankBounds
        ``bounds.check()`` verifies every certificate again.

    Raises
    ------
    UsageError
        Unusable judgements; every document is relevant to every query.

    References
    ----------
    Sign-rank: Alon, Frankl, Rödl 1985; the chain of inequalities: Weller et al., arXiv 2508.21038,
    proposition 2; spectral bound: Forster 2002.

    Examples
    --------
    >>> from paper_utils.theory.relevance import dense_qrels
    >>> bounds = sign_rank_bounds(dense_qrels())
    >>> bounds.lower, bounds.upper, bounds.dimension_lower, bounds.dimension_upper
    (5, 5, 4, 4)
    """
    relevance = read_relevance(qrels, docs=docs, repeated=repeated)
    if relevance.matrix.all():
        raise UsageError(
            "every document is relevant to every query: there is nothing to separate; "
            "docs=... names documents that no query asks for"
        )
    found = [*_by_sign_changes(relevance), *_by_truncation(relevance)]
    found += _by_spectrum(relevance)
    _, rank_cap, _, cap = _combine(found)
    for of in ("documents", "queries"):
        found += _by_patterns(relevance, of, rank_cap, cap)
    _, _, low, high = _combine(found)
    found += _by_optimisation(relevance, range(low, high), tuple(seeds))
    return SignRankBounds(*_combine(found), tuple(found), relevance)


def _combine(found: Iterable[Certificate]) -> tuple[int, int, int, int]:
    """Best bounds, after the inequalities between sign-rank and dimension."""
    values: dict[tuple[str, str], list[int]] = {}
    for c in found:
        values.setdefault((c.target, c.side), []).append(c.value)
    rank_low = max(values.get(("sign-rank", "lower"), [1]))
    rank_high = min(values.get(("sign-rank", "upper"), [math.inf]))
    low = max(values.get(("dimension", "lower"), [1]))
    high = min(values.get(("dimension", "upper"), [math.inf]))
    rank_high, high = min(rank_high, high + 1), min(high, rank_high)
    rank_low, low = max(rank_low, low), max(low, rank_low - 1)
    return int(rank_low), int(rank_high), int(low), int(high)


def sign_changes(matrix: NDArray[np.bool_], *, cyclic: bool) -> int:
    """Count the most changes between 0 and 1 along a row, with or without the step back.
    A polynomial with a root at each change has the signs of the row: the moment curve realises s
    changes in s dimensions and a threshold, the trigonometric curve s (even) around a circle.
    """
    changes = (matrix[:, 1:] != matrix[:, :-1]).sum(axis=1)
    if cyclic:
        changes = changes + (matrix[:, 0] != matrix[:, -1])
    return int(changes.max())


def _curve_value(changes: int, target: str) -> int:
    return changes + 1 if target == "sign-rank" else max(changes, 1)


def _orders(A: NDArray[np.bool_]) -> dict[str, NDArray[np.int64]]:
    """Column orders to try: as given, and along the second eigenvector of co-relevance."""
    orders = {"the order given": np.arange(A.shape[1])}
    if 2 < A.shape[1] and A.shape[1] ** 2 <= MAX_DENSE:
        shared = A.T.astype(np.float64) @ A
        laplacian = np.diag(shared.sum(axis=1)) - shared
        fiedler = np.linalg.eigh(laplacian)[1][:, 1]
        orders["a spectral order"] = np.argsort(fiedler, kind="stable")
    return orders


def _by_sign_changes(relevance: Relevance) -> list[Certificate]:
    found = []
    for of, A in (("documents", relevance.matrix), ("queries", relevance.matrix.T)):
        tried = [
            (sign_changes(A[:, order], cyclic=cyclic), cyclic, name, order)
            for name, order in _orders(A).items()
            for cyclic in (False, True)
        ]
        changes, cyclic, name, order = min(tried, key=lambda t: (t[0], not t[1]))
        curve = "trigonometric curve" if cyclic else "moment curve"
        statement = f"{of} along {name} change sign at most {changes} times"
        evidence = {"order": order, "cyclic": cyclic, "of": of}
        # Queries along the curve leave no room for a threshold per query: sign-rank only.
        targets = ("dimension", "sign-rank") if of == "documents" else ("sign-rank",)
        for target in targets:
            value = _curve_value(changes, target)
            found.append(Certificate(curve, target, "upper", value, statement, evidence))
    return found


def _by_truncation(relevance: Relevance) -> list[Certificate]:
    if relevance.matrix.size > MAX_DENSE:
        return []
    U, s, Vt = np.linalg.svd(relevance.signs, full_matrices=False)
    # Signs can come and go with the rank; from the numerical rank on they are all right.
    for r in range(1, len(s) + 1):
        X, Y = U[:, :r] * s[:r], Vt[:r].T
        product = X @ Y.T
        if ((product > 0) == relevance.matrix).all() and np.abs(product).min() > 1e-9:
            statement = f"the {r} largest singular values keep every sign of 2A - 1"
            name = "truncated decomposition"
            return [Certificate(name, "sign-rank", "upper", r, statement, {"factors": (X, Y)})]
    return []


def _by_spectrum(relevance: Relevance) -> list[Certificate]:
    A = relevance.matrix
    if A.size > MAX_DENSE or min(A.shape) > 2000:
        return []
    # A part's bound is one of the whole, and documents of no query only weaken it.
    relevant = np.flatnonzero(A.any(axis=0))
    if A[:, relevant].all():
        return []
    plain = spectral_bound(relevance.signs[:, relevant])
    bound, weight = reweighted_spectral_bound(A[:, relevant])
    return [
        _spectral("Forster's bound", plain, 1.0),
        _spectral("Forster's bound, reweighted", bound, weight),
    ]


def _spectral(name: str, bound: float, weight: float) -> Certificate:
    statement = f"sqrt(nm) min|M| / |M| = {bound:.3f} with weight {weight:.2f} on relevant cells"
    value = math.ceil(bound - 1e-6)  # a whole number must not be passed by rounding
    evidence = {"weight": weight, "bound": bound}
    return Certificate(name, "sign-rank", "lower", value, statement, evidence)


def _by_patterns(relevance: Relevance, of: str, rank_cap: int, cap: int) -> list[Certificate]:
    """Bounds from shattered sets and from linear dependence, on columns or on rows."""
    A = relevance.matrix if of == "documents" else relevance.matrix.T
    names = relevance.docs if of == "documents" else relevance.queries
    found = []
    for mode, argument in (
        ("all", "VC dimension" if of == "documents" else "dual VC dimension"),
        ("signed", "linear dependence"),
        ("affine", "affine dependence (Radon)"),
    ):
        if mode == "affine" and of == "queries":
            continue  # thresholds belong to queries: no such argument on their side
        size = cap + 1 if mode == "affine" else rank_cap
        members = largest_shattered(A, mode=mode, cap=size, max_nodes=MAX_NODES)
        value = len(members) - (mode == "affine")
        if value < 1:
            continue
        listed = ", ".join(str(names[j]) for j in members.columns)
        statement = f"{of} {listed}: {_PATTERNS[mode]}"
        if mode == "all" and members.exact:
            statement += "; no larger set"
        target = "dimension" if mode == "affine" else "sign-rank"
        evidence = {"patterns": mode, "of": of, "members": members.columns}
        if mode != "all":
            evidence["witnesses"] = _witnesses(A, members.columns, mode)
            statement += f" ({len(evidence['witnesses'])} {_OTHER[of]} show them)"
        found.append(Certificate(argument, target, "lower", value, statement, evidence))
    return found


_OTHER = {"documents": "queries", "queries": "documents"}
_PATTERNS = {
    "all": "every pattern of relevance occurs",
    "signed": "every pattern or its complement occurs",
    "affine": "every pattern but the constant ones, or its complement, occurs",
}


def _witnesses(A: NDArray[np.bool_], columns: tuple[int, ...], mode: str) -> tuple[int, ...]:
    """Rows of `A`, one for each pattern up to complement."""
    rows: dict[tuple[bool, ...], int] = {}
    for i, row in enumerate(A[:, list(columns)]):
        pattern = tuple(bool(bit) for bit in (row ^ row[0]))
        if mode == "signed" or any(pattern):
            rows.setdefault(pattern, i)
    return tuple(rows.values())


def _by_optimisation(
    relevance: Relevance, dimensions: range, seeds: tuple[int, ...]
) -> list[Certificate]:
    if relevance.matrix.size * relevance.k_max > MAX_HINGE:
        return []
    for d in dimensions:
        for seed in seeds:
            for unit_docs in (True, False):
                found = realise(relevance.matrix, d, seed=seed, unit_docs=unit_docs)
                if found.solved:
                    statement = (
                        f"vectors in {d} dimensions with least margin {found.margin:.2g} "
                        f"(seed {seed})"
                    )
                    evidence = {"queries": found.queries, "docs": found.docs}
                    return [
                        Certificate("optimisation", target, "upper", d + extra, statement, evidence)
                        for target, extra in (("dimension", 0), ("sign-rank", 1))
                    ]
    return []
