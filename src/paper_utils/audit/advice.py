"""Advice: which remedies the measured values call for, by a table of symptoms.

The table, ``resources/advice.yml``, is the same that the chapter on practice shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from paper_utils.audit.measure import Measure
from paper_utils.errors import PaperError, did_you_mean
from paper_utils.paths import RESOURCES

#: What a row of the table can come to.
STATES = ("applies", "unsure", "no", "not_measured")

#: Whether a remedy helped where it was measured.
HELPS = ("yes", "partly", "no")


@dataclass(frozen=True)
class Condition:
    """One line of a symptom: a measure beside a number or another measure.

    Attributes
    ----------
    key : str
        Dotted key of the report.
    above : bool
        Which side; else below.
    than : float or str
        A number, or another key.
    """

    key: str
    above: bool
    than: float | str

    def holds(self, measures: Mapping[str, Measure]) -> str:
        """Return one of :data:`STATES`."""
        one = measures.get(self.key)
        limit = self._limit(measures)
        if one is None or not one.measured or limit is None:
            return "not_measured"
        return {True: "applies", None: "unsure", False: "no"}[one.clears(limit, above=self.above)]

    def _limit(self, measures: Mapping[str, Measure]) -> float | None:
        if not isinstance(self.than, str):
            return float(self.than)
        other = measures.get(self.than)
        return None if other is None else other.value

    def text(self, measures: Mapping[str, Measure]) -> str:
        """Return the condition with the measured value, for people."""
        one, limit = measures.get(self.key), self._limit(measures)
        side = "above" if self.above else "below"
        value = "not measured" if one is None or one.value is None else f"{one.value:.3g}"
        named = f"{self.than} = " if isinstance(self.than, str) else ""
        return f"{self.key} is {value} ({side} {named}{'–' if limit is None else f'{limit:.3g}'})"


@dataclass(frozen=True)
class Advice:
    """One row of the table.

    Attributes
    ----------
    id, title, remedy : str
    when : tuple of Condition
        All must hold; none: shown when no other row applies.
    backed : tuple of str
        Claims of the ledger that measured it.
    chapter : str
        Slug of the chapter that shows it.
    helps : {"yes", "partly", "no"}
        Whether the remedy helped where it was measured; "no" is a warning.
    cost : str
    """

    id: str
    title: str
    remedy: str
    when: tuple[Condition, ...]
    backed: tuple[str, ...]
    chapter: str
    helps: str = "yes"
    cost: str = ""

    def state(self, measures: Mapping[str, Measure]) -> str:
        """Return one of :data:`STATES`: the weakest of the conditions."""
        found = [condition.holds(measures) for condition in self.when]
        for state in ("no", "not_measured", "unsure"):
            if state in found:
                return state
        return "applies"


@cache
def advice_table() -> tuple[Advice, ...]:
    """Return the rows of ``resources/advice.yml``.

    Raises
    ------
    PaperError
        The file is not of its form; the message names the row.
    """
    path = RESOURCES / "advice.yml"
    return parse_advice(yaml.safe_load(path.read_text(encoding="utf-8")))


def parse_advice(entries: Any) -> tuple[Advice, ...]:
    """Return the rows that a list of mappings describes.

    Parameters
    ----------
    entries : list of mapping
        ``id``, ``title``, ``remedy``, ``chapter``, ``backed`` and ``when``, a list of
        ``{key, is: above or below, than}``.

    Raises
    ------
    PaperError
        Another form.

    Examples
    --------
    >>> row = {"id": "a", "title": "A", "remedy": "B.", "chapter": "hubness", "backed": []}
    >>> row["when"] = [{"key": "cosine.mean", "is": "above", "than": 0.2}]
    >>> parse_advice([row])[0].state({"cosine.mean": Measure(0.5, 0.4, 0.6)})
    'applies'
    """
    rows = []
    for number, entry in enumerate(entries or []):
        place = f"advice.yml, {entry.get('id', f'row {number}')!r}"
        needed = ("id", "title", "remedy", "chapter", "backed")
        missing = [name for name in needed if name not in entry]
        if missing:
            raise PaperError(f"{place}: {missing[0]!r} is missing")
        when = []
        for line in entry.get("when") or []:
            side = line.get("is")
            if side not in ("above", "below"):
                raise PaperError(
                    f"{place}: 'is' {side!r}; {did_you_mean(side, ['above', 'below'])}"
                )
            than = line["than"]
            when.append(Condition(str(line["key"]), side == "above", than))
        text = {name: str(entry[name]).strip() for name in ("id", "title", "remedy", "chapter")}
        helps = str(entry.get("helps", "yes"))
        if helps not in HELPS:
            raise PaperError(f"{place}: 'helps' {helps!r}; {did_you_mean(helps, HELPS)}")
        text |= {"helps": helps, "cost": str(entry.get("cost", "")).strip()}
        rows.append(Advice(**text, when=tuple(when), backed=tuple(entry["backed"])))
    return tuple(rows)


def advise(
    measures: Mapping[str, Measure], table: Sequence[Advice] | None = None
) -> list[dict[str, Any]]:
    """Return every row with its state, those that apply first.

    Parameters
    ----------
    measures : mapping of str to Measure
        By dotted key.
    table : sequence of Advice, optional
        That of the package.

    Returns
    -------
    list of dict
        ``id``, ``state``, ``title``, ``because`` (list of str), ``remedy``, ``helps``, ``chapter``,
        ``backed``. A row without conditions applies when no other does.
    """
    rows = advice_table() if table is None else table
    states = {row.id: row.state(measures) for row in rows if row.when}
    quiet = "applies" not in states.values()
    found = []
    for row in rows:
        state = states.get(row.id, "applies" if quiet else "no")
        found.append(
            {
                "id": row.id,
                "state": state,
                "title": row.title,
                "because": [condition.text(measures) for condition in row.when],
                "remedy": row.remedy,
                "helps": row.helps,
                "cost": row.cost,
                "chapter": row.chapter,
                "backed": list(row.backed),
            }
        )
    return sorted(found, key=lambda one: STATES.index(one["state"]))
