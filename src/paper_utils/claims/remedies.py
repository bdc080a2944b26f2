"""The table from symptoms to remedies, each row with the measurement behind it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import yaml

from paper_utils.claims.evidence import Evidence, read_evidence
from paper_utils.claims.links import chapter_link
from paper_utils.claims.tables import table_row
from paper_utils.errors import PaperError, did_you_mean
from paper_utils.paths import RESOURCES

_BADGES = {
    "yes": '<span class="verdict verdict-holds">✓ helps</span>',
    "partly": '<span class="verdict verdict-conditional">◐ in part</span>',
    "no": '<span class="verdict verdict-fails">✗ does not help</span>',
}
_NEEDED = ("id", "title", "remedy", "chapter", "backed")


@cache
def measure_table() -> dict[str, dict[str, str]]:
    """Return ``resources/measures.yml``: `name`, `says`, `none`, `doc` by key of a report."""
    return yaml.safe_load((RESOURCES / "measures.yml").read_text(encoding="utf-8"))


def name_of(key: str) -> str:
    """Return the plain name of a key of the audit's report; an unknown key as it is.

    >>> name_of("hubness.centred.antihubs"), name_of("relevance.mrr")
    ("share of items in nobody's list, centred", 'mean reciprocal rank')
    """
    return measure_table().get(key, {}).get("name", key)


@dataclass(frozen=True)
class Symptom:
    """One line of a symptom: a key of the audit's report on one side of a number or key."""

    key: str
    side: str  # above or below
    than: float | str
    reason: str = ""

    def __str__(self) -> str:
        """Return the symptom in words."""
        than = name_of(self.than) if isinstance(self.than, str) else f"{self.than:g}"
        return f"{name_of(self.key)} {self.side} {than}"


@dataclass(frozen=True)
class Remedy:
    """One row of ``resources/advice.yml``, which explains the fields."""

    id: str
    title: str
    helps: str  # yes, partly or no: whether what was measured speaks for it
    when: tuple[Symptom, ...]  # all must hold
    remedy: str
    cost: str
    chapter: str  # slug of the chapter that measured it
    backed: tuple[str, ...]  # claims of the ledger
    quoted: tuple[Mapping[str, Any], ...]  # what `evidence` reads

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """The measurements behind the row, read when they are asked for."""
        return tuple(map(read_evidence, self.quoted))

    @property
    def changes(self) -> dict[str, Evidence]:
        """Return the evidence that is a change with an interval, by what was measured."""
        signed = (item for item in self.evidence if item.format.startswith("+"))
        return {item.what: item for item in signed if item.low is not None}


@cache
def advice_table() -> tuple[Remedy, ...]:
    """Return the rows of ``resources/advice.yml``."""
    return parse_advice(yaml.safe_load((RESOURCES / "advice.yml").read_text(encoding="utf-8")))


def parse_advice(entries: Iterable[Mapping[str, Any]]) -> tuple[Remedy, ...]:
    """Return the rows that mappings describe; a PaperError names the row of another form."""
    return tuple(_row(entry, number) for number, entry in enumerate(entries))


def _row(entry: Mapping[str, Any], number: int) -> Remedy:
    place = f"advice.yml, {entry.get('id', f'row {number}')!r}"

    def one_of(name: str, value: Any, allowed: Collection[str]) -> str:
        if value not in allowed:
            raise PaperError(f"{place}: {name!r} {value!r}; {did_you_mean(value, allowed)}")
        return value

    missing = [name for name in _NEEDED if name not in entry]
    if missing:
        raise PaperError(f"{place}: {missing[0]!r} is missing")
    return Remedy(
        helps=one_of("helps", entry.get("helps", "yes"), _BADGES),
        when=tuple(
            Symptom(
                line["key"],
                one_of("is", line.get("is"), ("above", "below")),
                line["than"],
                line.get("from", ""),
            )
            for line in entry.get("when", ())
        ),
        remedy=" ".join(entry["remedy"].split()),
        cost=entry.get("cost", ""),
        backed=tuple(entry["backed"]),
        quoted=tuple(entry.get("evidence", ())),
        **{name: entry[name] for name in ("id", "title", "chapter")},
    )


def remedies(*helps: str) -> dict[str, Remedy]:
    """Return the rows of the table by id, all or those whose `helps` is named.

    >>> remedies("partly")["whiten"].title
    'Whitening'
    """
    return {row.id: row for row in advice_table() if not helps or row.helps in helps}


class DecisionTable:
    """Remedies as a table of symptom, remedy, measurement and cost."""

    def __init__(self, rows: Iterable[Remedy]) -> None:
        self.rows: Sequence[Remedy] = list(rows)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/markdown": self._markdown(), "text/plain": repr(self)}

    def _markdown(self) -> str:
        rows = [("If the audit shows", "then", "measured here"), ("---", "---", "---")]
        for row in self.rows:
            symptom = "<br>and ".join(map(str, row.when)) or "none of these"
            found = "<br>".join(f"{item.what}: **{item}**" for item in row.evidence)
            rows.append(
                (
                    f'<span class="remedy"></span>{symptom}',
                    f"**{row.title}** {_BADGES[row.helps]}<br>{row.remedy}"
                    f'<br><span class="place">Cost: {row.cost}</span>',
                    f"{found or '–'}<br>{chapter_link(row.chapter)}",
                )
            )
        return "\n".join(map(table_row, rows))

    def __repr__(self) -> str:
        lines = []
        for row in self.rows:
            symptom = " and ".join(map(str, row.when)) or "none of these"
            lines.append(f"if {symptom}: {row.title} (helps: {row.helps})")
            lines += [f"  {item.what}: {item} ({item.source})" for item in row.evidence]
        return "\n".join(lines)


def decision_table(rows: Mapping[str, Remedy]) -> DecisionTable:
    """Return remedies as a table that a notebook shows."""
    return DecisionTable(rows.values())
