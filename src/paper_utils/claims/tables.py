"""Verdicts as tables for people."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from paper_utils.claims.ledger import STATUSES, VERDICTS, Claim
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

FOLD = 4  # conditions that are shown before the rest is folded away

_EXACT = {
    "identity": "an identity",
    "count": "a count",
    "certificate": "a certificate",
    "arithmetic": "arithmetic",
    "deterministic": "no sample behind it",
}


def groups(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    """Return verdicts by what they count as: one group each.

    Slips of the pen are no claims, and what only restates other verdicts is no result of its own.
    """
    found: dict[str, list[Verdict]] = {"literature": [], "own": [], "restated": [], "slips": []}
    for item in verdicts:
        claim = item.claim
        own = "own" if claim.source == "own" else "literature"
        found["slips" if claim.kind == "slip" else "restated" if claim.restates else own].append(
            item
        )
    return found


def counts(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Return how many verdicts there are, by group, and by status without slips and restated."""
    found = groups(verdicts)
    counted = found["literature"] + found["own"]
    status = Counter(item.status for item in counted)

    def by_verdict(items: Sequence[Verdict]) -> dict[str, int]:
        seen = Counter(item.verdict for item in items)
        return {word: seen[word] for word in VERDICTS}

    return {
        "literature": by_verdict(found["literature"]),
        "own": by_verdict(found["own"]),
        "restated": len(found["restated"]),
        "slips": len(found["slips"]),
        "status": {word: status[word] for word in STATUSES},
    }


def why_exact(claim: Claim) -> str:
    """Return why a number has no interval, empty where the ledger gives no reason.

    >>> why_exact(Claim("X", "own", "here", "s", "own", "c", exact="count"))
    'no interval: a count'
    """
    word, _, reason = claim.exact.partition(":")
    return f"no interval: {reason.strip() or _EXACT[word]}" if word else ""


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


def measured_cell(claim: Claim, record: Record | None) -> str:
    """Return what was measured as the cell of a table, all but the first conditions folded away."""
    if record is None:
        return "–"
    lines, tail = measured_lines(record), about_measured(claim, record)
    if len(lines) > FOLD + 1:
        rest = "<br>".join(lines[FOLD:])
        fold = f"<details><summary>{len(lines) - FOLD} more</summary>{rest}</details>"
        return "<br>".join(lines[:FOLD]) + fold + tail
    return "<br>".join(filter(None, [*lines, tail]))


def all_have_intervals(measured: Any, interval: Any) -> bool:
    """Return whether a measurement has an interval under each of its conditions.

    >>> all_have_intervals({"a": 1, "b": 2}, {"a": [0, 2]}), all_have_intervals(1, [0, 2])
    (False, True)
    """
    if not isinstance(measured, Mapping):
        return bool(interval)
    return isinstance(interval, Mapping) and all(interval.get(name) for name in measured)


def about_measured(claim: Claim, record: Record) -> str:
    """Return unit, number of items and why an interval is missing, in brackets; or nothing."""
    items = "" if record.n is None else f"n = {record.n:,}"
    why = "" if all_have_intervals(record.measured, record.interval) else why_exact(claim)
    found = "; ".join(filter(None, [claim.unit, items, why]))
    return f"({found})" if found else ""


def shown_reason(verdict: Verdict) -> str:
    """Return what decided, as MyST text; which of many conditions pass is folded away."""
    # Conditions may carry the names of a reader's files; a judged reason is our own MyST.
    if verdict.judged:
        return verdict.reason
    text = html.escape(typeset(verdict.reason), quote=False)
    n = len(verdict.record.measured) if verdict.record and verdict.passed else 0
    if n <= FOLD + 1:
        return text
    rule, _, which = text.partition(": true for ")
    count = f"true for {len(verdict.passed)} of {n}"
    return f"{rule}: <details><summary>{count}</summary>true for {which}</details>"


def table_row(cells: Sequence[str]) -> str:
    """Return MyST texts as one line of a Markdown table."""
    return "| " + " | ".join(" ".join(str(x).split()).replace("|", "\\|") for x in cells) + " |"


def markdown_table(verdicts: Sequence[Verdict]) -> str:
    """Return verdicts as a Markdown table."""
    head = ["Claim", "Claimed", "Measured", "Verdict"]
    rows = [head, ["---"] * len(head)]
    for item in verdicts:
        rows.append(
            [
                f"**{item.claim.id}**<br>{item.claim.statement}",
                typeset(format_value(item.claim.claimed)),
                measured_cell(item.claim, item.record),
                "<br>".join(filter(None, [badge(item), shown_reason(item)])),
            ]
        )
    return "\n".join(table_row(row) for row in rows)
