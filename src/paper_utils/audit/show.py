"""Tables and sentences of a report for a notebook; a user's text in them stays text."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from paper_utils import plots
from paper_utils.audit.report import Report

_NUMBERS = ("value", "from", "to", "Gaussian", "shuffled", "random")


@dataclass(frozen=True)
class Said:
    """Sentences as a list; every character of them is shown as it is."""

    lines: tuple[str, ...]

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in self.lines)
        return f'<ul class="tex2jax_ignore mathjax_ignore">{items}</ul>'

    def __repr__(self) -> str:
        """Return the same sentences as text."""
        return "\n".join(f"- {line}" for line in self.lines)


@dataclass(frozen=True)
class Shielded:
    """A table with a user's text: nothing in it is taken for a formula."""

    table: plots.Table

    def _repr_html_(self) -> str:
        return f'<div class="tex2jax_ignore mathjax_ignore">{self.table._repr_html_()}</div>'

    def __repr__(self) -> str:
        """Return the same table as text."""
        return repr(self.table)


def keys_of(report: Report, *prefixes: str) -> list[str]:
    """Return the keys that begin with one of `prefixes`, in the order of the report."""
    return [key for key in report.measures if key.startswith(prefixes)]


def said(report: Report, keys: Iterable[str]) -> Said:
    """Return the sentences of some measures.

    Parameters
    ----------
    report : Report
    keys : iterable of str
        Dotted keys.
    """
    return Said(tuple(report[key].sentence for key in keys))


def notes(report: Report) -> Said:
    """Return what was done to bad or missing input; a word where nothing was."""
    return Said(report.notes or ("Every row could be used as it is.",))


def measures_table(report: Report, keys: Sequence[str], caption: str) -> plots.Table:
    """Return measures as rows: value, 95% interval and nulls.

    Parameters
    ----------
    report : Report
    keys : sequence of str
        Dotted keys; the last part names the row, and the part before it where that is needed.
    caption : str
    """
    rows = []
    names = [key.split(".")[-1] for key in keys]
    for key, name in zip(keys, names, strict=True):
        one = report[key]
        label = name if names.count(name) == 1 else ", ".join(reversed(key.split(".")[1:]))
        row: dict[str, Any] = {"measure": label.replace("_", " ")}
        row |= dict(zip(_NUMBERS, (one.value, one.low, one.high), strict=False))
        row |= {
            shown: one.null.get(kind)
            for shown, kind in zip(_NUMBERS[3:], ("gaussian", "shuffled", "random"), strict=True)
        }
        rows.append(row)
    frame = pd.DataFrame(rows)
    kept = [c for c in frame.columns if c in ("measure", "value") or frame[c].notna().any()]
    frame = frame[kept].astype({c: object for c in kept})
    frame = frame.map(lambda value: _Number(value) if isinstance(value, float) else value)
    return plots.table(frame, caption)


class _Number(float):
    """A number of a table: four significant digits, whole numbers whole."""

    def __format__(self, spec: str) -> str:
        if float.is_integer(self) and abs(self) < 1e15:
            return f"{int(self):,}"
        return format(float(self), ",.0f" if abs(self) >= 10_000 else ".4g")


def slices_table(report: Report) -> Shielded | Said:
    """Return the slices as rows; a sentence where there are none."""
    if not report.slices:
        return Said(("Not measured: no texts were given, or no column cuts them.",))
    rows = []
    for one in report.slices:
        row: dict[str, Any] = {"slice": f"{one.by}: {one.value}", "rows": f"{one.n:,}"}
        for shown, name in (
            ("mean cosine", "mean_cosine"),
            ("d_eff", "d_eff"),
            ("seen", "seen"),
            ("recall at 10", "recall"),
        ):
            found = one.measures[name]
            row[shown] = _with_interval(found)
        rows.append(row)
    frame = pd.DataFrame(rows)
    frame = frame.loc[:, [c for c in frame.columns if (frame[c] != "–").any()]]
    return Shielded(plots.table(frame, "Slices, with 95% intervals"))


def _with_interval(found: Any) -> str:
    if found.value is None:
        return "–"
    if found.low is None:
        return f"{found.value:.3g}"
    return f"{found.value:.3g} ± {(found.high - found.low) / 2:.1g}"


def examples_table(report: Report, which: str, caption: str) -> Shielded | Said:
    """Return the texts of the largest hubs or of the largest groups of equal rows.

    Parameters
    ----------
    report : Report
    which : {"hubs", "equal"}
    caption : str
    """
    rows: list[Mapping[str, Any]] = report.examples.get(which, [])
    if not rows:
        return Said(("There are none." if which == "equal" else "Not every row searched.",))
    frame = pd.DataFrame(
        {
            "row": [f"{row['row']:,}" for row in rows],
            "count": [row["count"] for row in rows],
            "text": [row["text"] or "–" for row in rows],
        }
    )
    if not any(row["text"] for row in rows):
        frame = frame.drop(columns="text")
    return Shielded(plots.table(frame, caption))


def advice_shown(report: Report) -> Said:
    """Return the advice that applies, with the values that call for it."""
    lines = []
    for row in report.advice:
        if row["state"] not in ("applies", "unsure"):
            continue
        word = {"yes": "Do", "partly": "Helps partly", "no": "Does not help"}[row["helps"]]
        doubt = " (the interval leaves it open)" if row["state"] == "unsure" else ""
        because = f" Because {'; '.join(row['because'])}." if row["because"] else ""
        lines.append(f"{word}: {row['title']}{doubt}. {row['remedy']}{because}")
    silent = sum(row["state"] == "not_measured" for row in report.advice)
    if silent:
        lines.append(
            f"{silent} rows of the table could not be judged: they need texts, queries or "
            "judgements."
        )
    return Said(tuple(lines) or ("No row of the table applies.",))


def called_for(report: Report) -> str:
    """Return the titles of the remedies that apply and help, for the head of the page.

    Parameters
    ----------
    report : Report
    """
    rows = [row for row in report.advice if row["state"] == "applies" and row["helps"] != "no"]
    return "; ".join(row["title"] for row in rows) or "nothing that was measured to help"
