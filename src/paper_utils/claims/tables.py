"""Verdicts as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from paper_utils.claims.values import format_value
from paper_utils.claims.verdict import Verdict

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
        measured = "–" if item.record is None else format_value(item.record.measured)
        if item.record is not None and item.record.interval is not None:
            measured += f" {format_value(item.record.interval)}"
        if item.record is not None and item.record.n is not None:
            measured += f" (n = {item.record.n:,})"
        reason = f"<br>{item.reason}" if item.reason else ""
        row = [
            f"**{item.claim.id}**<br>{item.claim.statement}",
            format_value(item.claim.claimed),
            measured,
            badge(item) + reason,
        ]
        rows.append(row + ([link(item.claim.chapter)] if link else []))
    return "\n".join("| " + " | ".join(_cell(text) for text in row) + " |" for row in rows)
