"""What an audit says first: findings, actions tried on the data, and queries that went wrong."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from embedding_audit.measure import Measure


@dataclass(frozen=True)
class Finding:
    """One sentence on what is wrong, with its number and its null."""

    key: str  # of the measure behind it
    sentence: str
    severity: float  # from 0 to 1; the first screen shows the largest three

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the report keeps."""
        return asdict(self)


@dataclass(frozen=True)
class Action:
    """A remedy, and what it did on these very data."""

    id: str
    title: str
    kind: str  # 'gain': quality for nothing or little; 'saving': the same quality for less
    gain: Measure  # change of `metric`, paired over judged queries; not measured: why not
    metric: str  # such as 'nDCG@10'
    advised: bool  # gain: the whole interval above 0; saving: above minus the margin stated
    how: str  # what to do, in a line
    cost: str

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the report keeps."""
        return {**asdict(self), "gain": self.gain.as_dict()}


@dataclass(frozen=True)
class WorstQuery:
    """A judged query that finds least, its wrong top results and what it should have found."""

    query: str  # id or row
    text: str | None
    value: float  # nDCG@10
    #: id or row, text and score of what stands on top and is not relevant
    found: tuple[tuple[str, str | None, float], ...]
    missed: tuple[tuple[str, str | None, int], ...]  # relevant: id or row, text, rank

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the report keeps."""
        return asdict(self)
