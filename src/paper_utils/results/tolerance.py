"""How far a recomputed value may lie from the recorded one, and where two values differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paper_utils.errors import UsageError


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Tolerance:
    """What a recomputed number may differ by, and why.
    `rel` and `abs` are as for `math.isclose`; `se` counts standard errors, for a number X beside
    which X_se, X se or se stands; the largest of the three is allowed. What stands under the keys
    `unchecked`, durations and speeds above all, is counted and never compared.
    """

    rel: float = 0.0
    abs: float = 0.0
    se: float = 0.0
    unchecked: tuple[str, ...] = ()
    why: str = field(kw_only=True)

    def __post_init__(self) -> None:
        for name in ("rel", "abs", "se"):
            value = getattr(self, name)
            if not (_is_number(value) and 0 <= value < math.inf):
                raise UsageError(f"tolerance: {name} is {value!r}; allowed: 0 or more")
        if isinstance(self.unchecked, str):
            raise UsageError(f"tolerance: unchecked is {self.unchecked!r}; allowed: a tuple")
        if not isinstance(self.why, str) or len(self.why.split()) < 3:
            raise UsageError(f"tolerance: why is {self.why!r}; allowed: a sentence")

    def allowed(self, old: float, new: float, se: float) -> float:
        """Return the largest difference that is allowed between two numbers."""
        return max(self.rel * max(abs(old), abs(new)), self.abs, self.se * se)


EXACT = Tolerance(why="Counting with seeded draws: the same numbers on every machine.")
SEEDED = Tolerance(
    rel=1e-6,
    abs=1e-9,
    why="Seeded draws in double precision: only the order of sums changes with the machine.",
)
FLOAT32 = Tolerance(
    rel=1e-3,
    abs=1e-6,
    why="Single precision: sums inside the encoder change their order with threads and machine.",
)

RANKS = Tolerance(
    rel=1e-3,
    abs=0.003,
    why="Scores that are equal up to rounding change places between processors: a few results in "
    "a thousand.",
)


@dataclass(frozen=True)
class Difference:
    """One place at which two values differ; `deviation` is in units of what is allowed."""

    place: str
    recorded: Any
    computed: Any
    allowed: float
    deviation: float

    def __str__(self) -> str:
        return (
            f"{self.place or 'the value'} = {_shown(self.computed)}, "
            f"recorded {_shown(self.recorded)}, allowed ±{self.allowed:.3g}"
        )


@dataclass(frozen=True)
class Comparison:
    """How two values compare: numbers compared, values left out, and the largest difference."""

    compared: int
    unchecked: int
    worst: Difference | None

    @property
    def agrees(self) -> bool:
        """Return whether no difference is larger than allowed."""
        return self.worst is None or self.worst.deviation <= 1


def compare(recorded: Any, computed: Any, tolerance: Tolerance) -> Comparison:
    """Compare two JSON values leaf by leaf; what is no number must be equal."""
    compared = unchecked = 0
    worst: Difference | None = None
    for place, old, new, se, checked in _leaves(recorded, computed, tolerance.unchecked):
        if not checked:
            unchecked += 1
            continue
        compared += isinstance(old, int | float) and isinstance(new, int | float)
        found = _difference(place, old, new, tolerance, se)
        if found and (worst is None or found.deviation > worst.deviation):
            worst = found
    return Comparison(compared, unchecked, worst)


def _difference(
    place: str, old: Any, new: Any, tolerance: Tolerance, se: float
) -> Difference | None:
    if not (_is_number(old) and _is_number(new)):
        return None if old == new else Difference(place, old, new, 0.0, math.inf)
    gap, allowed = abs(old - new), tolerance.allowed(old, new, se)
    if gap == 0:
        return None
    return Difference(place, old, new, allowed, gap / allowed if allowed else math.inf)


def _leaves(
    old: Any, new: Any, unchecked: tuple[str, ...], place: str = "", se: float = 0.0
) -> Iterator[tuple[str, Any, Any, float, bool]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        if old.keys() != new.keys():
            yield f"{place} keys".strip(), sorted(old), sorted(new), 0.0, True
            return
        for key, value in old.items():
            inner = f"{place}.{key}" if place else str(key)
            if key in unchecked:
                yield inner, value, new[key], 0.0, False
            else:
                yield from _leaves(value, new[key], unchecked, inner, _error_of(key, old))
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple):
        if len(old) != len(new):
            yield f"{place} length".strip(), len(old), len(new), 0.0, True
            return
        for number, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from _leaves(a, b, unchecked, f"{place}[{number}]")
    else:
        yield place, old, new, se, True


def _error_of(key: str, beside: Mapping[str, Any]) -> float:
    """Return the standard error of the number `key`, 0 where none stands beside it."""
    if key == "se" or key.endswith(("_se", " se")):
        return 0.0
    names = (f"{key}_se", f"{key} se", "se")
    found = next((beside[name] for name in names if name in beside), None)
    return abs(found) if _is_number(found) else 0.0


def _shown(value: Any) -> str:
    text = f"{value:.8g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
