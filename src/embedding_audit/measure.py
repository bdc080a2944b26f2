"""One audited quantity: its value, interval, nulls and plain sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

_NORMAL = 1.959963984540054  # 97.5% of the normal distribution lie below
_CELLS = 1 << 21  # resampled values held at once: 16 MiB


@dataclass(frozen=True)
class Measure:
    """A number of the report.

    Attributes
    ----------
    value : float or None
        None where it was not measured; `reason` then says why.
    low, high : float or None
        95% interval; None where there is none.
    n : int or None
        Independent units behind it: rows, queries or texts.
    null : mapping of str to float or None
        What the same code gives where the effect is absent: ``gaussian`` (same mean and
        spectrum), ``shuffled`` (values, letters or judgements shuffled), ``random`` (lists drawn
        at random).
    sentence : str
        What the value says, in one plain sentence.
    reason : str
        Why there is no value or no interval.

    Examples
    --------
    >>> Measure(0.25, 0.2, 0.3, n=100).clears(0.1, above=True)
    True
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    null: Mapping[str, float | None] = field(default_factory=dict)
    sentence: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            object.__setattr__(self, name, _number(getattr(self, name)))
        object.__setattr__(self, "null", {key: _number(v) for key, v in self.null.items()})

    @property
    def measured(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    @property
    def half(self) -> float:
        """Half of the width of the interval; 0 where there is none."""
        return 0.0 if self.low is None else (self.high - self.low) / 2

    def clears(self, than: float, *, above: bool) -> bool | None:
        """Return whether the value, with its whole interval, lies on one side of `than`.

        None where the value is on that side and a part of its interval is not.
        """
        if self.value is None:
            return False
        sign = 1 if above else -1
        if sign * (self.value - than) <= 0:
            return False
        end = self.low if above else self.high
        return True if end is None or sign * (end - than) > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the report keeps."""
        kept = {"value": self.value, "low": self.low, "high": self.high, "n": self.n}
        kept |= {"null": dict(self.null), "sentence": self.sentence}
        return kept | ({"reason": self.reason} if self.reason else {})

    def saying(self, sentence: str) -> Measure:
        """Return the same measure with a sentence."""
        return replace(self, sentence=sentence)

    def beside(self, **null: float | None) -> Measure:
        """Return the same measure with further nulls."""
        return replace(self, null={**self.null, **null})


def under(group: str, values: Mapping[str, T]) -> dict[str, T]:
    """Return values by dotted key: the group of the report goes before each name."""
    return {f"{group}.{name}": value for name, value in values.items()}


def all_beside(
    measures: Mapping[str, Measure], null: str, values: Mapping[str, float | None]
) -> dict[str, Measure]:
    """Return the measures, those that are in `values` beside what a null gives for them."""
    return {
        key: one.beside(**{null: values[key]}) if key in values else one
        for key, one in measures.items()
    }


def not_measured(reason: str) -> Measure:
    """Return a measure without a value."""
    return Measure(reason=reason, sentence=f"Not measured: {reason}.")


def from_jackknife(value: float, left_out: list[float], n: int) -> Measure:
    """Return a measure whose interval comes from leaving out groups of units.
    `left_out` are the values with each of G groups of about equal size left out. The interval is
    value ± t se with G - 1 degrees of freedom; there is none where a value is not finite.
    """
    groups = len(left_out)
    if groups < 2 or not all(map(math.isfinite, [value, *left_out])):
        return Measure(value, n=n, reason="too few rows for an interval")
    from scipy.special import stdtrit  # the quantile of Student's t, without all of scipy.stats

    mean = sum(left_out) / groups
    se = math.sqrt((groups - 1) / groups * sum((x - mean) ** 2 for x in left_out))
    half = float(stdtrit(groups - 1, 0.975)) * se
    return Measure(value, value - half, value + half, n=n)


def ratio_of(top: NDArray, bottom: NDArray, groups: int) -> Measure:
    """Return a ratio of sums over units, its interval from leaving out groups of units."""
    n = len(top)
    left = []
    for group in range(min(groups, n)):
        rest = np.arange(n) % min(groups, n) != group
        total = bottom[rest].sum()
        left.append(float(top[rest].sum() / total) if total else math.nan)
    return from_jackknife(float(top.sum() / bottom.sum()), left, n)


def difference(one: Measure, other: Measure, n: int | None) -> Measure:
    """Return the difference of two independent measures; the squares of their errors add."""
    gap, half = one.value - other.value, math.hypot(one.half, other.half)
    return Measure(gap, gap - half, gap + half, n=n)


def share_of(share: float, n: int) -> Measure:
    """Return a share of `n` independent units with its interval (Wilson 1927)."""
    z2 = _NORMAL**2 / n
    middle, half = share + z2 / 2, math.sqrt(z2 * (share * (1 - share) + z2 / 4))
    low, high = (max(0.0, middle - half) / (1 + z2), min(1 + z2, middle + half) / (1 + z2))
    return Measure(share, low if share > 0 else 0.0, high if share < 1 else 1.0, n=n)


def mean_over(values: NDArray[np.floating], seed: int, resamples: int = 2000) -> Measure:
    """Return a mean over queries with its bootstrap interval, the same in any order of them.
    That of :func:`paper_utils.statistics.bootstrap_interval`, without all of scipy.stats.
    """
    ordered, n = np.sort(values), len(values)
    if n < 2:
        return not_measured("a single query has no interval")
    rng, means, height = np.random.default_rng(seed), [], max(1, _CELLS // n)
    for start in range(0, resamples, height):
        drawn = rng.integers(0, n, (min(height, resamples - start), n))
        means.append(ordered[drawn].mean(axis=1))
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return Measure(ordered.mean(), low, high, n=n)


def median_of(values: NDArray[np.floating]) -> Measure:
    """Return the median of at least two values, with the interval of its order statistics."""
    ordered, n = np.sort(values), len(values)
    half = 0.98 * math.sqrt(n)
    low, high = (ordered[int(np.clip(n / 2 + sign * half, 0, n - 1))] for sign in (-1, 1))
    return Measure(np.median(ordered), low, high, n=n)


def measures_in(content: Mapping[str, Any]) -> dict[str, Measure]:
    """Return the measures of a ``report.json``, as read from the file, by dotted key."""
    found: dict[str, Measure] = {}

    def walk(place: Mapping[str, Any], path: tuple[str, ...]) -> None:
        if {"value", "low", "high", "null"} <= place.keys():
            found[".".join(path)] = Measure(**place)
            return
        for name, inside in place.items():
            if isinstance(inside, Mapping):
                walk(inside, (*path, name))

    apart = ("input", "settings", "curves", "examples", "comparison")
    walk({k: v for k, v in content.items() if k not in apart}, ())
    return found


def _number(value: Any) -> float | None:
    """Return a plain finite float; None for what is none."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None
