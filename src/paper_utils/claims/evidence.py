"""Measurements that another page quotes: one number with its interval and its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Real
from typing import Any

from paper_utils import results
from paper_utils.claims.accepted import accepted
from paper_utils.errors import UsageError
from paper_utils.published import published


@dataclass(frozen=True)
class Evidence:
    """One quoted measurement."""

    value: float
    low: float | None  # of the 95% interval, where one was recorded
    high: float | None
    what: str  # what was measured, for people
    format: str  # of the numbers
    source: str  # claim, recorded result or published value

    def __str__(self) -> str:
        """Return the number with its interval, such as ``+0.04 [+0.03, +0.05]``."""
        text = format(self.value, self.format)
        if self.low is None or self.high is None or self.low == self.high:
            return text
        return f"{text} [{self.low:{self.format}}, {self.high:{self.format}}]"


def read_evidence(entry: Mapping[str, Any]) -> Evidence:
    """Return the number that an entry of ``resources/advice.yml`` names.

    It has `what`, `format` and one of: `claim`, with `case` where it has several conditions;
    `result`, `task` and `at`, the path to a number or (value, low, high); `published` and `at`;
    `panel`, a remedy tried on it, and `at`, what `effects` counts.

    >>> entry = {"claim": "O-hub-duplicates", "what": "added skewness", "format": "+.1f"}
    >>> str(read_evidence(entry))
    '+2.8'
    """
    if "claim" in entry:
        source = entry["claim"]
        value, interval = _of_claim(source, entry.get("case"))
    elif "published" in entry:
        source = entry["published"]
        value, interval = _at(published(source).value, entry["at"], source), None
    elif "panel" in entry:
        source, interval = "panel-remedies", None
        value = _at(_panel(source), [entry["panel"], entry["at"]], source)
    else:
        source = entry["result"]
        found = _at(results.get(source).value(**entry["task"]), entry["at"], source)
        value, *interval = found if isinstance(found, Sequence) else [found]
    if not isinstance(value, Real) or len(interval or ()) not in (0, 2):
        raise UsageError(f"{source}: {entry.get('what', '')!r} is no number with an interval")
    low, high = interval or (None, None)
    return Evidence(float(value), low, high, entry.get("what", ""), entry["format"], source)


def _of_claim(id: str, case: str | None) -> tuple[Any, Sequence[float] | None]:
    record = accepted(id).record
    if case is None:
        return record.measured, record.interval
    if not isinstance(record.measured, Mapping) or case not in record.measured:
        raise UsageError(f"{id} was not measured under {case!r}")
    interval = record.interval.get(case) if isinstance(record.interval, Mapping) else None
    return record.measured[case], interval


@cache
def _panel(record: str) -> dict[str, dict[str, Any]]:
    """Return what each remedy did over the pairs of the panel that count."""
    from paper_utils.panel.remedy_evidence import effects, pair_rows

    found = effects(pair_rows(results.get(record).tasks).query("counts"))
    return {remedy: effect._asdict() for remedy, effect in found.items()}


def _at(value: Any, path: Sequence[Any], source: str) -> Any:
    """Follow a path: a key, the fields of the one list element to take, or several keys at once."""
    for step in path:
        try:
            if isinstance(step, Mapping):
                (value,) = [one for one in value if step.items() <= one.items()]
            elif isinstance(step, list):
                value = [value[key] for key in step]
            else:
                value = value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            raise UsageError(f"{source}: nothing lies at {step!r}") from None
    return value
