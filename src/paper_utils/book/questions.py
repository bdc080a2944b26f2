"""The questions of the front page: a sentence, a small chart and what it holds for."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paper_utils.book.verdict_page import told, told_texts
from paper_utils.claims import Verdict
from paper_utils.claims.evidence import Evidence, read_evidence
from paper_utils.claims.tables import typeset

_ROW, _LEFT, _RIGHT, _WIDTH = 26, 148, 300, 360  # in units of the drawing


def question_items(
    root: Path,
    verdicts: Sequence[Verdict],
    links: Mapping[str, str],
    *,
    asked_by: str = "engineers",
) -> list[str]:
    """Return the questions of `book/questions.yml` as MyST Markdown, each under its heading."""
    lines: list[str] = []
    for entry, item, found, _ in told(root, "question", verdicts):
        if entry.get("asked_by", "engineers") != asked_by:
            continue
        (valid,) = told_texts(entry, item, "valid")
        lines += [f"### {entry['question']}", "", found, ""]
        if "chart" in entry:
            lines += [chart(entry["id"], **entry["chart"]), ""]
        where = links.get(item.claim.chapter, item.claim.chapter)
        lines += [f'<span class="place">Valid for {valid}<br>Read on: {where}</span>', ""]
    return lines


def chart(claim: str, rows: Mapping[str, Any], format: str, line: float, says: str, of: str) -> str:
    """Return an SVG of values with their intervals, one a row, beside a line that means `says`.

    A row is the condition of `claim`, or evidence as in advice.yml.
    """
    read = {}
    for name, one in rows.items():
        entry = one if isinstance(one, Mapping) else {"claim": claim, "case": one}
        read[name] = read_evidence({"format": format, **entry})
    return drawing(read, line, says, of)


def drawing(rows: Mapping[str, Evidence], line: float, says: str, of: str) -> str:
    """Return the chart of `rows`; its name says in words what it shows.

    >>> row = Evidence(0.5, 0.4, 0.6, "", ".1f", "X")
    >>> 'aria-label="Gain. a: 0.5 [0.4, 0.6]. The line: no gain."' in drawing(
    ...     {"a": row}, 0.0, "no gain", "Gain")
    True
    """
    ends = [line, *(x for row in rows.values() for x in _ends(row))]
    low, high = min(ends), max(ends)

    def x(value: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * (value - low) / ((high - low) or 1.0), 1)

    height = _ROW * len(rows)
    parts = [f'<path class="line" d="M{x(line)} 20V{height + 22}"/>']
    anchor = "start" if x(line) < (_LEFT + _RIGHT) / 2 else "end"
    at = f'x="{x(line)}" y="{height + 38}" text-anchor="{anchor}"'
    parts.append(f'<text class="says" {at}>{html.escape(says)}</text>')
    parts.append(f'<text class="says" x="0" y="12">{html.escape(of)}</text>')
    for i, (name, row) in enumerate(rows.items()):
        y = 36 + _ROW * i
        start, stop = map(x, _ends(row))
        number = typeset(format(row.value, row.format))
        parts += [
            f'<text x="0" y="{y + 4}">{html.escape(name)}</text>',
            f'<path class="interval" d="M{start} {y}H{stop}"/>',
            f'<circle cx="{x(row.value)}" cy="{y}" r="4.5"/>',
            f'<text x="{_WIDTH}" y="{y + 4}" text-anchor="end">{number}</text>',
        ]
    told_rows = "; ".join(f"{name}: {typeset(str(row))}" for name, row in rows.items())
    label = html.escape(f"{of}. {told_rows}. The line: {says}.")
    return (
        f'<div class="small-chart"><svg role="img" viewBox="0 0 {_WIDTH} {height + 44}" '
        f'aria-label="{label}">{"".join(parts)}</svg></div>'
    )


def _ends(row: Evidence) -> tuple[float, float]:
    if row.low is None or row.high is None:
        return row.value, row.value
    return row.low, row.high
