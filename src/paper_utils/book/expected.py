"""Accepted values: what every claim measured when a person last looked at it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paper_utils.claims import Verdict, format_value
from paper_utils.claims.accepted import load, path_of

__all__ = ["REL", "agrees", "disagreements", "entries", "load", "path_of"]

REL = 1e-3  # libraries and processors differ in the last digits, science does not


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


def agrees(measured: Any, accepted: Any, rel: float = REL) -> bool:
    """Return whether two measurements are equal up to rounding of their computation.

    >>> agrees({"a": 1.0}, {"a": 1.0000001}), agrees(1.0, 1.1), agrees([1], [1, 2])
    (True, False, False)
    """
    if isinstance(measured, Mapping) and isinstance(accepted, Mapping):
        return measured.keys() == accepted.keys() and all(
            agrees(measured[key], accepted[key], rel) for key in measured
        )
    if isinstance(measured, list) and isinstance(accepted, list):
        return len(measured) == len(accepted) and all(
            agrees(a, b, rel) for a, b in zip(measured, accepted, strict=True)
        )
    if isinstance(measured, bool | str) or isinstance(accepted, bool | str):
        return measured == accepted
    if isinstance(measured, int | float) and isinstance(accepted, int | float):
        return math.isclose(measured, accepted, rel_tol=rel, abs_tol=1e-9)
    return measured == accepted


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
        elif not agrees(item.record.measured, known["measured"]):
            lines.append(
                f"{id}: measured {format_value(item.record.measured)}, "
                f"accepted {format_value(known['measured'])}"
            )
    return lines
