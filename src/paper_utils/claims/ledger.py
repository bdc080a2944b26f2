"""The entries of `book/claims.yml`, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from paper_utils.errors import PaperError, did_you_mean
from paper_utils.paths import project_root

KINDS = ("identity", "arithmetic", "measurement", "citation", "slip", "own")
VERDICTS = ("holds", "conditional", "fails", "open")
STATUSES = ("measured", "recomputed", "published", "citation", "not_run")
# Why a number may stand without an interval; a reason in words may follow after a colon.
EXACT = ("identity", "count", "certificate", "arithmetic", "deterministic")
RULES = (
    "within",
    "rounds_to",
    "equals",
    "at_least",
    "at_most",
    "interval_excludes",
    "interval_includes",
    "interval_above",
    "interval_below",
)
_FIELDS = {
    "id": str,
    "source": str,
    "at": str,
    "statement": str,
    "claimed": object,
    "kind": str,
    "data": str,
    "rule": dict,
    "judged": dict,
    "chapter": str,
    "status": str,
    "needs": str,
    "unit": str,
    "exact": str,
    "printed": bool,
    "null": object,
    "cannot_fail": str,
    "restates": list,
}
_REQUIRED = ("id", "source", "at", "statement", "kind", "chapter")


@dataclass(frozen=True)
class Claim:
    """One entry of `book/claims.yml`."""

    id: str
    source: str  # bibliography key
    at: str  # place in the source
    statement: str  # the claim as its authors mean it, MyST
    kind: str  # one of KINDS
    chapter: str  # slug of the chapter that treats it
    claimed: Any = None  # what the source prints; never a test target
    data: str = ""  # what the measurement is made on
    rule: Mapping[str, Any] | None = None  # `kind`, one of RULES, and its numbers
    judged: Mapping[str, str] | None = None  # `verdict` and `reason` where no rule can decide
    status: str = "not_run"  # where no chapter measures it: published, citation or not_run
    needs: str = ""  # what measuring it would take
    unit: str = ""  # of what is measured
    exact: str = ""  # why there is no interval: one of EXACT, a reason after a colon
    printed: bool = False  # rests on printed values alone: recomputed, not measured
    null: Any = None  # what would be measured if the claim were wrong; its verdict must differ
    cannot_fail: str = ""  # why a rule that no plausible value turns is kept all the same
    restates: Sequence[str] = ()  # ids of the claims whose verdicts this one only restates


def _one_claim(entry: Mapping[str, Any], place: str) -> Claim:
    unknown = [key for key in entry if key not in _FIELDS]
    if unknown:
        raise PaperError(
            f"{place}: unknown field {unknown[0]!r}; {did_you_mean(unknown[0], _FIELDS)}"
        )
    for key in _REQUIRED:
        if not entry.get(key):
            raise PaperError(f"{place}: the field {key!r} is missing or empty")
    for key, kind in _FIELDS.items():
        if kind is not object and entry.get(key) is not None and not isinstance(entry[key], kind):
            raise PaperError(f"{place}: {key!r} must be {kind.__name__}, not {entry[key]!r}")
    if entry["kind"] not in KINDS:
        raise PaperError(f"{place}: kind {entry['kind']!r}; {did_you_mean(entry['kind'], KINDS)}")
    word = str(entry.get("exact", EXACT[0])).partition(":")[0]
    if word not in EXACT:
        raise PaperError(f"{place}: exact {word!r}; {did_you_mean(word, EXACT)}")
    rule, judged = entry.get("rule"), entry.get("judged")
    if rule is not None and rule.get("kind") not in RULES:
        raise PaperError(
            f"{place}: rule {rule.get('kind')!r}; {did_you_mean(rule.get('kind'), RULES)}"
        )
    if judged is not None:
        if judged.get("verdict") not in VERDICTS:
            raise PaperError(
                f"{place}: judged verdict; {did_you_mean(judged.get('verdict'), VERDICTS)}"
            )
        if not judged.get("reason"):
            raise PaperError(f"{place}: a judged verdict needs a 'reason'")
    if rule is not None and judged is not None:
        raise PaperError(f"{place}: give a 'rule' or a 'judged' verdict, not both")
    status = entry.get("status", "not_run")
    if status not in STATUSES[2:]:
        raise PaperError(f"{place}: status {status!r}; {did_you_mean(status, STATUSES[2:])}")
    if "status" in entry and status != "citation" and not entry.get("needs"):
        raise PaperError(f"{place}: status {status!r} needs 'needs': what measuring it would take")
    return Claim(**{key: entry[key] for key in _FIELDS if key in entry})


@cache
def entries_in(text: str) -> tuple[dict[str, Any], ...]:
    """Return the entries of a ledger as they stand, unchecked and not to be changed."""
    # libyaml where PyYAML has it: a tenth of the time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = yaml.load(text, Loader=loader) or ()  # noqa: S506 - both loaders are safe
    # YAML reads the key `null` as nothing.
    return tuple({"null" if key is None else key: one[key] for key in one} for one in found)


def load_claims(path: Path | None = None) -> dict[str, Claim]:
    """Return the ledger, by default `book/claims.yml`, checked, by id."""
    path = path or project_root() / "book" / "claims.yml"
    claims: dict[str, Claim] = {}
    for number, entry in enumerate(entries_in(path.read_text(encoding="utf-8")), 1):
        place = f"{path.name}, entry {number} ({entry.get('id', 'without id')})"
        claim = _one_claim(entry, place)
        if claim.id in claims:
            raise PaperError(f"{place}: this id occurs twice")
        claims[claim.id] = claim
    return claims
