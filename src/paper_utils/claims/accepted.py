"""What other chapters measured, as it was last accepted: for chapters that look back.

A chapter that imports this module depends on the ledger and on all accepted values, and is out of
date when one of them changes (`book.state`).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from paper_utils.claims.ledger import load_claims
from paper_utils.claims.verdict import Record, Verdict, judge_kept
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.paths import project_root


def path_of(root: Path, profile: str) -> Path:
    """Return the file of accepted values of one profile."""
    return root / "tests" / "expected" / f"{profile}.json"


def load(root: Path, profile: str) -> dict[str, Any]:
    """Return the accepted entries by claim id, empty when there are none yet."""
    path = path_of(root, profile)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


@cache
def _default() -> dict[str, Any]:
    return load(project_root(), "default")


def accepted(id: str) -> Verdict:
    """Return the verdict on a claim with the value accepted for it under the default profile.

    >>> accepted("K-EQ-norm-tab").verdict
    'holds'
    """
    entries = _default()
    if id not in entries:
        raise UsageError(f"no accepted value of the claim {id!r}; {did_you_mean(id, entries)}")
    entry = entries[id]
    record = Record(
        id,
        measured=entry["measured"],
        interval=entry.get("interval"),
        n=entry.get("n"),
        data=entry["data"],
        profile="default",
    )
    return judge_kept(load_claims()[id], record)
