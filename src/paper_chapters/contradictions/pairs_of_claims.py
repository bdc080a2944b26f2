"""Two statements side by side, with the measurements that decide between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import yaml

from paper_utils.claims.evidence import Evidence, read_evidence
from paper_utils.claims.links import chapter_link
from paper_utils.claims.tables import table_row
from paper_utils.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Statement:
    """What one source says, at one place."""

    source: str
    at: str
    says: str


@dataclass(frozen=True)
class Contradiction:
    """Two statements that do not agree; shows itself as a table."""

    id: str
    claim: str  # under which it is recorded; empty where another chapter records it
    one: Statement
    two: Statement
    measured: tuple[Evidence, ...]  # what decides between them
    recorded: tuple[Evidence, ...]  # those to which the rule of the claim applies
    sides: str  # with whom the measurement sides
    chapter: str  # slug of the chapter that measured it

    @property
    def values(self) -> float | dict[str, float]:
        """Return what is recorded, by condition where there are several."""
        if len(self.recorded) == 1:
            return self.recorded[0].value
        return {item.what: item.value for item in self.recorded}

    @property
    def intervals(self) -> list[float] | dict[str, list[float]] | None:
        """Return the intervals of what is recorded, None where none has one that is no point."""
        found = {x.what: [x.low, x.high] for x in self.recorded if x.low != x.high}
        if len(self.recorded) == 1:
            return next(iter(found.values()), None)
        return found or None

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/markdown": self._markdown(), "text/plain": repr(self)}

    def _markdown(self) -> str:
        rows = [("side", "says", "where"), ("---", "---", "---")]
        for name, side in (("one side", self.one), ("the other", self.two)):
            mark = f'<span class="sides"></span>{name}'  # by which the style sheet knows the table
            rows.append((mark, side.says, f"{side.at} {{cite:p}}`{side.source}`"))
        found = "<br>".join(f"{item.what}: **{item}**" for item in self.measured)
        rows.append(("measured", found, chapter_link(self.chapter)))
        rows.append(("it sides with", f"**{self.sides}**", ""))
        return "\n".join(map(table_row, rows))

    def __repr__(self) -> str:
        lines = [f"{side.source}, {side.at}: {side.says}" for side in (self.one, self.two)]
        lines += [f"measured ({item.source}), {item.what}: {item}" for item in self.measured]
        return "\n".join([*lines, f"sides with: {self.sides}"])


def contradictions() -> dict[str, Contradiction]:
    """Return all contradictions of ``contradictions.yml`` by id."""
    return dict(_table())


@cache
def _table() -> tuple[tuple[str, Contradiction], ...]:
    entries = yaml.safe_load(files(__package__).joinpath("contradictions.yml").read_text("utf-8"))
    return tuple((entry["id"], _one(entry)) for entry in entries)


def _one(entry: Mapping) -> Contradiction:
    measured = [(_evidence(item), item.get("more", False)) for item in entry["measured"]]
    return Contradiction(
        id=entry["id"],
        claim=entry.get("claim", f"O-con-{entry['id']}"),
        one=_statement(entry["one"]),
        two=_statement(entry["two"]),
        measured=tuple(found for found, _ in measured),
        recorded=tuple(found for found, more in measured if not more),
        sides=entry["sides"],
        chapter=entry["chapter"],
    )


def _evidence(item: Mapping) -> Evidence:
    found = read_evidence(item)
    if "less" not in item:
        return found
    other = read_evidence({"format": "", **item["less"]})
    value = found.value * item.get("times", 1) - other.value
    return replace(found, value=value, low=None, high=None)


def _statement(fields: Mapping) -> Statement:
    says = fields["says"]
    if "value" in fields:  # not str.format: the braces of TeX stay
        says = says.replace("{}", str(read_evidence(fields["value"])))
    return Statement(fields["source"], fields["at"], says)


def side_by_side(id: str) -> Contradiction:
    """Return one contradiction by id, which a chapter shows as a table.

    >>> side_by_side("queries").values
    1000.0
    """
    known = contradictions()
    if id not in known:
        raise UsageError(f"no contradiction {id!r}; {did_you_mean(id, known)}")
    return known[id]
