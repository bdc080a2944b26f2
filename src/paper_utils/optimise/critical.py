"""The critical n of an objective: how many documents it can still solve all k-subsets of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from paper_utils.checks import whole
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.optimise.descent import PUBLISHED, Protocol, descend
from paper_utils.optimise.max_margin import LEAST_MARGIN, STARTS, max_margin
from paper_utils.theory.realise import realise
from paper_utils.theory.relevance import (
    all_subsets,
    check_subset_size,
    subset_matrix,
)

OBJECTIVES = ("infonce", "sigmoid", "hinge", "max-margin")
MAX_SCORES = 20_000_000


@dataclass(frozen=True)
class CriticalN:
    """How many documents an objective solves in d dimensions, and how often."""

    d: int  #: dimension
    k: int  #: relevant documents of a query
    objective: str  #: what was optimised
    seeds: tuple[int, ...]  #: starts tried at each n
    #: ``n -> seeds that solved all k-subsets of n documents``, for every n that was tried.
    solved: dict[int, tuple[int, ...]] = field(repr=False)

    @property
    def best(self) -> int:
        """Largest n that any seed solved; k when none solved more (k documents are trivial)."""
        return max((n for n, seeds in self.solved.items() if seeds), default=self.k)

    @property
    def sure(self) -> int:
        """Largest n up to which every seed solved every n that was tried."""
        missed = [n for n, seeds in self.solved.items() if len(seeds) < len(self.seeds)]
        all_solved = [n for n in self.solved if n < min(missed, default=float("inf"))]
        return max(all_solved, default=self.k)

    @property
    def rates(self) -> dict[int, float]:
        """``n -> share of seeds that solved``, in order of n."""
        return {n: len(self.solved[n]) / len(self.seeds) for n in sorted(self.solved)}

    @property
    def per_seed(self) -> dict[int, int]:
        """``seed -> largest n that it solved``, what a search with one seed can report."""
        return {
            seed: max((n for n, seeds in self.solved.items() if seed in seeds), default=self.k)
            for seed in self.seeds
        }


def solving_seeds(
    n: int,
    d: int,
    k: int,
    objective: str,
    seeds: tuple[int, ...],
    protocol: Protocol = PUBLISHED,
) -> tuple[int, ...]:
    """Return the seeds from which an objective solves all k-subsets of n documents."""
    _check_objective(objective)
    whole("d", d, least=1)
    check_subset_size(n, k)
    sets = all_subsets(n, k)
    if len(sets) * n > MAX_SCORES:
        raise UsageError(
            f"n = {n}, k = {k}: {len(sets) * n:,} scores a step; the limit is {MAX_SCORES:,}"
        )
    if objective in ("infonce", "sigmoid"):
        runs = descend(sets, n, d, loss=objective, seeds=seeds, protocol=protocol)
        return tuple(run.seed for run in runs if run.solved)
    if objective == "hinge":
        matrix = subset_matrix(n, k)
        return tuple(seed for seed in seeds if realise(matrix, d, seed=seed).solved)
    return tuple(
        seed
        for seed in seeds
        if any(
            max_margin(sets, n, d, seed=seed, start=start, enough=LEAST_MARGIN).solved
            for start in STARTS
        )
    )


def _check_objective(objective: str) -> None:
    if objective not in OBJECTIVES:
        raise UsageError(f"objective = {objective!r}: {did_you_mean(objective, OBJECTIVES)}")


def critical_n(
    d: int,
    k: int = 2,
    *,
    objective: str = "infonce",
    seeds: Iterable[int] = range(6),
    protocol: Protocol = PUBLISHED,
    largest: int = 400,
) -> CriticalN:
    """Find the largest n whose k-subsets an objective can all put on top in d dimensions.

    As in the published search, n gallops and is then halved; here every seed is tried at each
    n, and the neighbourhood is filled until all seeds solve below and none does above. Success
    is no monotone function of n near the edge, where single seeds are decided by rounding and
    differ between processors; rates do not.

    Parameters
    ----------
    d, k, largest : int
        Dimension, relevant documents of a query, and the largest n to try.
    objective : {'infonce', 'sigmoid', 'hinge', 'max-margin'}
        'infonce': the published experiment; a lower temperature through `protocol`.
        'sigmoid': logistic loss with trained scale and offset. 'hinge': squared hinge with
        L-BFGS. 'max-margin': the least margin itself, from a random and a cyclic start.
    seeds : iterable of int
        Distinct starts; the more, the larger the best of them: compare at equal numbers.
    protocol : Protocol
        Settings of 'infonce' and 'sigmoid'.

    Returns
    -------
    CriticalN

    References
    ----------
    Weller et al., arXiv 2508.21038, section 4 and table 6 (one seed).

    Examples
    --------
    >>> critical_n(3, seeds=[0, 1]).best
    4
    """
    whole("d", d, least=1)
    whole("k", k, least=1)
    _check_objective(objective)
    starts = tuple(int(seed) for seed in seeds)
    if not starts:
        raise UsageError("seeds is empty: at least one start is needed")
    if len(set(starts)) < len(starts):
        raise UsageError(f"seeds = {starts} has repeated seeds")
    whole("largest", largest, least=k + 1)
    solved: dict[int, tuple[int, ...]] = {}

    def count(n: int) -> int:
        if n not in solved:
            solved[n] = solving_seeds(n, d, k, objective, starts, protocol)
        return len(solved[n])

    _bracket(count, min(_guess(d, k), largest), k, largest)
    _fill(count, solved, len(starts), k, largest)
    return CriticalN(d, k, objective, starts, dict(sorted(solved.items())))


def _guess(d: int, k: int) -> int:
    # The published fit for pairs, from below; it only decides where the search begins.
    return max(k + 2, round(4.03 * d + 0.052 * d**2 + 0.0037 * d**3 - 13) * k // 2)


def _bracket(count: Callable[[int], int], n: int, k: int, largest: int) -> None:
    """Gallop to neighbours of which one is solved by some seed and the next by none."""
    step = 1
    if count(n):
        low = n
        while low < largest and count(min(low + step, largest)):
            low, step = min(low + step, largest), 2 * step
        high = min(low + step, largest)
    else:
        high = n
        while high > k + 1 and not count(max(high - step, k + 1)):
            high, step = max(high - step, k + 1), 2 * step
        low = max(high - step, k + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) else (low, middle)


def _fill(count: Callable[[int], int], solved: dict, seeds: int, k: int, largest: int) -> None:
    """Try n upwards until two in a row fail for all seeds, downwards until all solve."""
    best = max((n for n, some in solved.items() if some), default=k)
    n, failures = best + 1, 0
    while failures < 2 and n <= largest:
        failures = 0 if count(n) else failures + 1
        n += 1
    n = max((n for n, some in solved.items() if some), default=k)
    while n > k and count(n) < seeds:
        n -= 1
