"""From claim, rule and measurement to a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from numbers import Real
from typing import Any

from paper_utils.claims.ledger import Claim
from paper_utils.claims.values import format_value
from paper_utils.errors import PaperError

SCHEMA_VERSION = 2  # of `_build/claims.json`: counts, and the fields of `Verdict.as_dict`


@dataclass(frozen=True)
class Record:
    """What a chapter measured for one claim (see :func:`record`)."""

    id: str
    measured: Any
    interval: Any = None
    n: int | None = None
    seeds: list[int] = field(default_factory=list)
    data: dict[str, str] = field(default_factory=dict)
    note: str = ""
    profile: str = "custom"


@dataclass(frozen=True)
class Verdict:
    """A claim beside its measurement."""

    claim: Claim
    record: Record | None
    verdict: str  # one of VERDICTS
    status: str  # one of STATUSES
    reason: str  # what decided, in words
    judged: bool = False
    passed: tuple[str, ...] = ()  # the conditions that the rule holds for, where some fail it

    def as_dict(self) -> dict[str, Any]:
        """Return the fields of the design, flat, for `_build/claims.json`."""
        flat: dict[str, Any] = {
            key: value for key, value in asdict(self.claim).items() if key not in ("judged", "data")
        }
        record = asdict(self.record) if self.record else {}
        flat |= {
            "data": self.claim.data,
            "data_checksums": record.get("data", {}),
            **{
                key: record.get(key)
                for key in ("measured", "interval", "n", "seeds", "note", "profile")
            },
            "verdict": self.verdict,
            "status": self.status,
            "judged": self.judged,
            "reason": self.reason,
        }
        return flat


def _passes(rule: Mapping[str, Any], claimed: Any, measured: Any, interval: Any) -> bool:
    kind = rule["kind"]
    target = rule.get("value", claimed)
    if kind == "equals":
        return measured == target
    if not isinstance(measured, Real) or not math.isfinite(measured):
        return False
    if kind == "within":
        slack = rule.get("abs", 0.0) + rule.get("rel", 0.0) * abs(target)
        return abs(measured - target) <= slack
    if kind == "rounds_to":
        # Half a unit of the last printed digit, either rounding of a tie.
        half = 0.5 * 10.0 ** -rule["digits"]
        return abs(measured - target) <= half * (1 + 1e-9)
    if kind == "at_least":
        return measured >= target
    if kind == "at_most":
        return measured <= target
    if interval is None:
        raise PaperError(f"the rule {kind!r} needs an interval; pass interval= to record()")
    low, high = interval
    return {
        "interval_excludes": not low <= target <= high,
        "interval_includes": low <= target <= high,
        "interval_above": low > target,
        "interval_below": high < target,
    }[kind]


def judge(claim: Claim, record: Record | None) -> Verdict:
    """Return the verdict on one claim.

    Where `measured` maps conditions to values, the rule is applied under each: all pass, the claim
    *holds*; some pass, it is *conditional*; none passes, it *fails*. A smoke run supports none.

    >>> claim = Claim("X-1", "me", "here", "Two is small.", "own", "x", claimed=2,
    ...               rule={"kind": "at_most", "value": 3})
    >>> judge(claim, Record("X-1", measured={"small": 1, "large": 5})).verdict
    'conditional'
    """
    if record is None:
        if claim.judged is not None:
            return Verdict(
                claim, None, claim.judged["verdict"], claim.status, claim.judged["reason"], True
            )
        return Verdict(
            claim, None, "open", claim.status, claim.needs or "no chapter measures it yet"
        )
    if record.profile == "smoke":
        return Verdict(claim, record, "open", "not_run", "a smoke run is too small for a verdict")
    status = "recomputed" if claim.printed or claim.kind == "arithmetic" else "measured"
    if claim.judged is not None:
        return Verdict(claim, record, claim.judged["verdict"], status, claim.judged["reason"], True)
    if claim.rule is None:
        return Verdict(claim, record, "open", status, "measured; the claim has no rule")
    cases = record.measured if isinstance(record.measured, Mapping) else {"": record.measured}
    if not cases:  # all of nothing would pass
        raise PaperError(f"{claim.id}: nothing was measured, under no condition at all")
    intervals = record.interval if isinstance(record.interval, Mapping) else {"": record.interval}
    passed = {
        name: _passes(claim.rule, claim.claimed, value, intervals.get(name))
        for name, value in cases.items()
    }
    good = [name for name, ok in passed.items() if ok]
    bad = [name for name, ok in passed.items() if not ok]
    if not bad:
        return Verdict(claim, record, "holds", status, _rule_text(claim))
    if not good:
        return Verdict(claim, record, "fails", status, _rule_text(claim))
    reason = f"{_rule_text(claim)}: true for {', '.join(good)}; false for {', '.join(bad)}"
    return Verdict(claim, record, "conditional", status, reason, passed=tuple(good))


def _rule_text(claim: Claim) -> str:
    """Return the rule in words: "rule: within 2% of 1"."""
    rule = claim.rule or {}
    target = format_value(rule.get("value", claim.claimed))
    match rule["kind"]:
        case "within":
            rel = rule.get("rel", 0)
            parts = [f"{100 * rel:g}%" if rel >= 1e-4 else f"a relative {rel:g}"] if rel else []
            parts += [f"{rule['abs']:g}"] if "abs" in rule else []
            text = f"within {' and '.join(parts) or '0'} of {target}"
        case "rounds_to":
            text = f"rounds to {target} at {rule['digits']} decimals"
        case kind:
            text = f"{kind.replace('_', ' ')} {target}"
    return f"rule: {text}"


def judge_kept(claim: Claim, record: Record | None) -> Verdict:
    """Return the verdict on a kept record: open where a newer rule does not fit what it holds."""
    try:
        return judge(claim, record)
    except PaperError as error:
        reason = f"to be executed again: {error}"
        return Verdict(claim, record, "open", "not_run", reason)


def judge_all(claims: Mapping[str, Claim], records: Mapping[str, Record]) -> list[Verdict]:
    """Return the verdict on every claim of the ledger, in its order."""
    return [judge_kept(claim, records.get(claim.id)) for claim in claims.values()]
