"""Verdicts as tables for people."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from paper_utils.claims.values import format_value
from paper_utils.claims.verdict import Record, Verdict

OUTCOMES = {
    "holds": "✓ holds",
    "conditional": "◐ conditional",
    "fails": "✗ fails",
    "open": "○ open",
    "published": "· published only",
    "citation": "· citation",
    "not_run": "· not run here",
}
"""What a badge says, by the last part of its style class: a verdict, or why there is none."""


def outcome(verdict: Verdict) -> str:
    """Return the key of :data:`OUTCOMES` that stands for a verdict."""
    if verdict.record is None and verdict.status != "measured" and not verdict.judged:
        return verdict.status
    return verdict.verdict


def badge(verdict: Verdict) -> str:
    """Return the verdict as inline HTML: a mark and a word, never colour alone."""
    shown = outcome(verdict)
    judged = ' <span class="judged" title="judged, not computed">(judged)</span>'
    return f'<span class="verdict verdict-{shown}">{OUTCOMES[shown]}</span>' + (
        judged if verdict.judged else ""
    )


def typeset(text: str) -> str:
    """Return `text` with a minus sign, not a hyphen, before negative numbers.

    >>> typeset("[-0.5, 2e-07], 2026-11-20")
    '[−0.5, 2e-07], 2026-11-20'
    """
    return re.sub(r"(?<![\w.])-(?=\.?\d)", "−", text)


def measured_lines(record: Record) -> list[str]:
    """Return a measurement as HTML lines: one a condition, with its interval."""
    several = isinstance(record.measured, Mapping)
    values = record.measured if several else {"": record.measured}
    intervals = record.interval if isinstance(record.interval, Mapping) else {"": record.interval}
    lines = []
    for name, value in values.items():
        text = typeset(format_value(value))
        if intervals.get(name) is not None:
            text += f" {typeset(format_value(intervals[name]))}"
        lines.append(f"{html.escape(name, quote=False)}: {text}" if name else text)
    return lines


def number_of_items(record: Record) -> str:
    """Return the number of items measured as a line of its own, empty when it is not known."""
    return "" if record.n is None else f"(n = {record.n:,})"


def shown_reason(verdict: Verdict) -> str:
    """Return what decided, as MyST text."""
    # Conditions may carry the names of a reader's files; a judged reason is our own MyST.
    if verdict.judged:
        return verdict.reason
    return html.escape(typeset(verdict.reason), quote=False)


def table_row(cells: Sequence[str]) -> str:
    """Return MyST texts as one line of a Markdown table."""
    return "| " + " | ".join(" ".join(str(x).split()).replace("|", "\\|") for x in cells) + " |"


def markdown_table(verdicts: Sequence[Verdict]) -> str:
    """Return verdicts as a Markdown table."""
    head = ["Claim", "Claimed", "Measured", "Verdict"]
    rows = [head, ["---"] * len(head)]
    for item in verdicts:
        measured = "–"
        if item.record is not None:
            lines = [*measured_lines(item.record), number_of_items(item.record)]
            measured = "<br>".join(filter(None, lines))
        rows.append(
            [
                f"**{item.claim.id}**<br>{item.claim.statement}",
                typeset(format_value(item.claim.claimed)),
                measured,
                "<br>".join(filter(None, [badge(item), shown_reason(item)])),
            ]
        )
    return "\n".join(table_row(row) for row in rows)
