"""Accepted values: what every claim measured when a person last looked at it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from paper_utils.claims import Verdict, format_value
from paper_utils.claims.accepted import load
from paper_utils.results.tolerance import Tolerance, compare

SAME = Tolerance(
    rel=1e-3,
    abs=1e-9,
    why="Libraries and processors differ in the last digits, science does not.",
)


def entries(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the entries that accepting `verdicts` would write, by claim id.

    Interval and number of items are kept for the chapters that quote them, not compared.
    """
    table = {}
    for item in verdicts:
        if item.record is None:
            continue
        entry = {
            "chapter": item.claim.chapter,
            "verdict": item.verdict,
            "measured": item.record.measured,
            "data": item.record.data,
        }
        more = {"interval": item.record.interval, "n": item.record.n}
        table[item.claim.id] = entry | {k: v for k, v in more.items() if v is not None}
    return table


def disagreements(root: Path, verdicts: Sequence[Verdict], profile: str) -> list[str]:
    """Return one line for every claim whose verdict or value differs from the accepted one."""
    accepted = load(root, profile)
    lines = []
    for item in verdicts:
        if item.record is None:
            continue
        id, known = item.claim.id, accepted.get(item.claim.id)
        chapter = item.claim.chapter
        if known is None:
            hint = f"look at it, then: make accept CHAPTER={chapter}"
            lines.append(f"{id}: no accepted value yet; {hint}")
        elif known["verdict"] != item.verdict:
            lines.append(f"{id}: verdict {item.verdict!r}, accepted {known['verdict']!r}")
        elif not compare(known["measured"], item.record.measured, SAME).agrees:
            lines.append(
                f"{id}: measured {format_value(item.record.measured)}, "
                f"accepted {format_value(known['measured'])}"
            )
    return lines
