"""The first screen as plain text, and how the input was treated."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from embedding_audit.page.screen import is_fault, screen
from embedding_audit.page.spelled import clean

if TYPE_CHECKING:
    from embedding_audit.report import Report


_NOTES = 8  # treatments of the input that are printed; the page has all


def text(report: Report, width: int = 100) -> str:
    """Return the first screen in lines of at most `width` columns."""
    lines = []
    for first, rest in _lines(report):
        wrapped = textwrap.wrap(clean(first), width, subsequent_indent=rest, break_on_hyphens=False)
        lines += wrapped or [""]
    return "\n".join(lines)


def _lines(report: Report) -> Iterator[tuple[str, str]]:
    """Yield lines, each with the indent of what is wrapped."""
    shown = screen(report)
    yield shown.name, "  "
    yield f"{shown.size}; compared by {shown.metric}", "  "
    for line in shown.matches:
        yield line, "  "
    yield "", ""
    if shown.figures:
        values = ", ".join(" ".join(figure) for figure in shown.figures)
        yield f"Quality: {values}; {shown.judged}", "  "
    for line in shown.against:
        yield line[:1].upper() + line[1:], "  "
    yield f"{shown.verdict}:" if shown.findings else shown.verdict, "  "
    for number, finding in enumerate(shown.findings, start=1):
        mark = "!" if is_fault(finding) else "-"
        yield f"  {number}. {mark} {finding.sentence}", "       "
    if shown.further:
        yield f"  and {shown.further} more on the page", ""
    if shown.actions:
        yield "Worth trying, measured on these data:", ""
        for title, gain in shown.actions:
            yield f"  - {title}: {gain}", "    "
    if shown.tried:
        yield f"Tried, without a sure gain: {shown.tried}", "  "
    for what, need in shown.missing:
        yield f"Not measured: {what} (needs {need})", "  "
    if report.notes:
        yield "", ""
    for note in report.notes[:_NOTES]:
        yield f"Note: {note}", "  "
    if report.notes[_NOTES:]:
        yield f"and {len(report.notes[_NOTES:])} more notes on the page", ""
