"""Verdicts as tables for people."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence

from paper_utils.claims.values import format_value
from paper_utils.claims.verdict import Record, Verdict

_MARKS = {"holds": "✓", "conditional": "◐", "fails": "✗", "open": "○"}


_NOT_MEASURED = {
    "published": "published only",
    "citation": "citation",
    "not_run": "not run here",
}


def badge(verdict: Verdict) -> str:
    """Return the verdict as inline HTML: a mark and a word, never colour alone."""
    mark = _MARKS[verdict.verdict]
    word = verdict.verdict
    css = word
    if verdict.record is None and verdict.status != "measured" and not verdict.judged:
        css, mark = verdict.status, "·"
        word = _NOT_MEASURED[css]
    judged = ' <span class="judged" title="judged, not computed">(judged)</span>'
    return f'<span class="verdict verdict-{css}">{mark} {word}</span>' + (
        judged if verdict.judged else ""
    )


def _measured(record: Record) -> str:
    """Return a measurement as one table cell: a line per condition, interval, n."""
    several = isinstance(record.measured, Mapping)
    values = record.measured if several else {"": record.measured}
    intervals = record.interval if isinstance(record.interval, Mapping) else {"": record.interval}
    lines = []
    for name, value in values.items():
        text = format_value(value)
        if intervals.get(name) is not None:
            text += f" {format_value(intervals[name])}"
        lines.append(f"{html.escape(name, quote=False)}: {text}" if name else text)
    if record.n is not None:
        lines.append(f"(n = {record.n:,})")
    return "<br>".join(lines)


def _cell(text: str) -> str:
    """Return MyST text as one table cell."""
    return " ".join(str(text).split()).replace("|", "\\|")


def markdown_table(verdicts: Sequence[Verdict], *, link: Callable[[str], str] | None = None) -> str:
    """Return verdicts as a Markdown table.

    Parameters
    ----------
    verdicts : sequence of Verdict
    link : callable, optional
        Turns the slug of a chapter into a link; adds a column of these.

    Returns
    -------
    str
    """
    head = ["Claim", "Claimed", "Measured", "Verdict"] + (["Chapter"] if link else [])
    rows = [head, ["---"] * len(head)]
    for item in verdicts:
        measured = "–" if item.record is None else _measured(item.record)
        # Conditions may carry the names of a reader's files; a judged reason is our own MyST.
        reason = item.reason if item.judged else html.escape(item.reason, quote=False)
        reason = f"<br>{reason}" if reason else ""
        row = [
            f"**{item.claim.id}**<br>{item.claim.statement}",
            format_value(item.claim.claimed),
            measured,
            badge(item) + reason,
        ]
        rows.append(row + ([link(item.claim.chapter)] if link else []))
    return "\n".join("| " + " | ".join(_cell(text) for text in row) + " |" for row in rows)
