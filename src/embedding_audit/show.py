"""Tables and sentences of a report for a notebook; a user's text in them stays text."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from embedding_audit.report import Report
from paper_utils import plots
from paper_utils.claims.remedies import name_of

_KEY = re.compile(r"\b[a-z_]+(?:\.[a-z_]\w*)+")


@dataclass(frozen=True)
class SentenceList:
    """Sentences as a list; every character of them is shown as it is."""

    lines: tuple[str, ...]

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in self.lines)
        return f'<ul class="tex2jax_ignore mathjax_ignore">{items}</ul>'

    def __repr__(self) -> str:
        """Return the same sentences as text."""
        return "\n".join(f"- {line}" for line in self.lines)


@dataclass(frozen=True)
class StyledTable:
    """A table in a box of some style classes; by default nothing in it is taken for a formula."""

    table: plots.Table
    classes: str = "tex2jax_ignore mathjax_ignore"  # a user's text is in it

    def _repr_html_(self) -> str:
        return f'<div class="{self.classes}">{self.table._repr_html_()}</div>'

    def __repr__(self) -> str:
        """Return the same table as text."""
        return repr(self.table)


def keys_of(report: Report, *prefixes: str) -> list[str]:
    """Return the keys that begin with one of `prefixes`, in the order of the report."""
    return [key for key in report.measures if key.startswith(prefixes)]


def sentences(report: Report, keys: Iterable[str]) -> SentenceList:
    """Return the sentences of some measures; last, once for each reason, what has no value."""
    lines, without = [], dict[str, list[str]]()
    for key in keys:
        one = report[key]
        if one.measured:
            lines.append(one.sentence)
        else:
            without.setdefault(one.sentence.removesuffix("."), []).append(name_of(key))
    lines += [f"{why} ({'; '.join(names)})." for why, names in without.items()]
    return SentenceList(tuple(lines))


def notes(report: Report) -> SentenceList:
    """Return what was done to bad or missing input; a word where nothing was."""
    return SentenceList(report.notes or ("Every row could be used as it is.",))


def measures_table(report: Report, keys: Sequence[str], caption: str) -> StyledTable:
    """Return measures as rows: plain name, value, 95% interval, nulls and key."""
    rows = []
    for key in keys:
        one = report[key]
        numbers = {"value": one.value, "from": one.low, "to": one.high}
        numbers |= {null: one.null.get(null.lower()) for null in ("Gaussian", "shuffled", "random")}
        shown = {name: None if v is None else _Number(v) for name, v in numbers.items()}
        rows.append({"measure": name_of(key)} | shown | {"key": key})
    frame = pd.DataFrame(rows, dtype=object)  # as floats the numbers would lose their format
    kept = [c for c in frame.columns if c == "value" or frame[c].notna().any()]
    return StyledTable(plots.table(frame[kept], caption), "measures")


class _Number(float):
    """A number of a table: four significant digits, whole numbers whole, tiny ones short."""

    def __format__(self, spec: str) -> str:
        if float.is_integer(self) and abs(self) < 1e15:
            return f"{int(self):,}"
        tiny, large = abs(self) < 1e-4, abs(self) >= 1000
        return format(float(self), ".1e" if tiny else ",.0f" if large else ".4g")


def slices_table(report: Report) -> StyledTable | SentenceList:
    """Return the slices as rows; a sentence where there are none."""
    if not report.slices:
        return SentenceList(("Not measured: no texts were given, or no column cuts them.",))
    rows = []
    for one in report.slices:
        row = {"slice": f"{one.by.replace('_', ' ')}: {one.value}", "rows": f"{one.n:,}"}
        found = {name_of(f"slices.{name}"): m for name, m in one.measures.items()}
        rows.append(row | {name: _with_interval(m) for name, m in found.items()})
    frame = pd.DataFrame(rows)
    frame = frame.loc[:, [c for c in frame.columns if (frame[c] != "–").any()]]
    return StyledTable(plots.table(frame, "Slices, with 95% intervals"))


def _with_interval(found: Any) -> str:
    if found.value is None:
        return "–"
    if found.low is None:
        return f"{found.value:.3g}"
    half = float(f"{found.half:.1g}")  # one digit says enough
    digits = max(0, -math.floor(math.log10(half))) if half > 0 else 3
    return f"{found.value:,.{digits}f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{half:,.{digits}f}"


def examples_table(report: Report, which: str, caption: str) -> StyledTable | SentenceList:
    """Return the texts of the largest `hubs`, or of the largest groups of `equal` rows."""
    rows: list[Mapping[str, Any]] = report.examples.get(which, [])
    if not rows:
        why = "There are none." if which == "equal" else "Not every row is a query."
        return SentenceList((why,))
    frame = pd.DataFrame(rows)[["row", "count", "text"]]
    frame["row"] = [f"{row:,}" for row in frame["row"]]
    frame = frame.fillna({"text": "–"}) if frame["text"].any() else frame.drop(columns="text")
    return StyledTable(plots.table(frame, caption))


def advice_shown(report: Report) -> SentenceList:
    """Return the advice that applies, with the values that call for it."""
    lines = []
    words = {"yes": "Do", "partly": "Helps partly", "no": "Does not help"}
    orders = [(state, helps) for state in ("applies", "unsure") for helps in words]
    shown = [row for row in report.advice if (row["state"], row["helps"]) in orders]
    for row in sorted(shown, key=lambda one: orders.index((one["state"], one["helps"]))):
        word = words[row["helps"]]
        doubt = " (the interval leaves it open)" if row["state"] == "unsure" else ""
        reasons = [_KEY.sub(lambda key: name_of(key[0]), why) for why in row["because"]]
        because = f" What calls for it: {'; '.join(reasons)}." if reasons else ""
        lines.append(f"{word}: {row['title']}{doubt}. {row['remedy']}{because}")
    silent = sum(row["state"] == "not_measured" for row in report.advice)
    if silent:
        need = "they need texts, queries or judgements."
        lines.append(f"{silent} rows of the table could not be judged: {need}")
    return SentenceList(tuple(lines) or ("No row of the table applies.",))


def called_for(report: Report) -> str:
    """Return the titles of the remedies that apply and help, for the head of the page."""
    rows = [row for row in report.advice if row["state"] == "applies" and row["helps"] == "yes"]
    titles = [row["title"][:1].lower() + row["title"][1:] for row in rows]
    return "; ".join(titles) or "nothing that was measured to help"
