"""Limits that an audit must keep: conditions of one's own, and the report of an earlier audit."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from embedding_audit.measure import Measure, measures_in
from embedding_audit.page.spelled import number
from embedding_audit.words import measure_table
from paper_utils.errors import UsageError, did_you_mean

#: Short names that the field uses, and the keys they stand for.
ALIASES = {
    "recall@1": "relevance.recall_1",
    "recall@10": "relevance.recall_10",
    "recall@100": "relevance.recall_100",
    "ndcg@10": "relevance.ndcg_10",
    "hit@10": "relevance.hit_10",
    "mrr": "relevance.mrr",
}

_HOLDS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_CONDITION = re.compile(r"\s*([\w.@-]+)\s*(<=|>=|<|>)\s*(\S+)\s*")

# What is worse when it is lower, and when it is higher; of other measures nobody can say.
_WORSE_LOW = (
    *("relevance.recall_1", "relevance.recall_10", "relevance.recall_100", "relevance.ndcg_10"),
    *("relevance.hit_10", "relevance.mrr", "relevance.solved", "slices_summary.seen_min"),
    *("stability.bfloat16", "stability.int8", "stability.binary", "stability.hamming"),
    *("stability.half", "stability.quarter", "stability.eighth"),
)
_COUNTS = ("rows.nan", "rows.infinite", "rows.zero")  # of damage: one more is worse
_WORSE_HIGH = (
    *_COUNTS,
    *("rows.duplicate_share", "stability.tied", "slices_summary.language_gap"),
    *("hubness.raw.skewness", "hubness.raw.antihubs", "hubness.raw.robin_hood"),
)

_NEEDS = {"relevance": "--queries and --qrels", "compare": "--against", "slices_summary": "--texts"}


@dataclass(frozen=True)
class Condition:
    """A measure on the wrong side of a number."""

    text: str  # as given
    key: str
    sign: str
    limit: float

    def breach(self, measures: Mapping[str, Measure]) -> str:
        """Return why the audit fails by this condition, empty where it does not."""
        one = measures.get(self.key)
        if one is None or one.value is None:
            return f"{self.text}: cannot be judged: {_unmeasured(self.key, one)}"
        if not _HOLDS[self.sign](one.value, self.limit):
            return ""
        return f"{self.text}: {self.key} is {number(one.value)}{_ends(one)}"


def conditions(given: Iterable[str]) -> tuple[Condition, ...]:
    """Read conditions such as ``recall@10<0.8``; UsageError names what cannot be one.

    >>> conditions(["recall@10<0.8"])[0].key
    'relevance.recall_10'
    """
    return tuple(map(_condition, given))


def _condition(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    limit = _number(found[3]) if found else None
    if found is None or limit is None:
        raise UsageError(
            f"--fail-on {text!r}: must be a measure, one of < <= > >=, and a number, such as "
            "'recall@10<0.8'"
        )
    return Condition(text.strip(), key_of(found[1], "--fail-on"), found[2], limit)


def key_of(name: str, option: str) -> str:
    """Return the key of the report that a name stands for; UsageError with the nearest names."""
    key = ALIASES.get(name.lower(), name)
    if key not in _keys():
        hint = did_you_mean(name, [*ALIASES, *_keys()]).partition(" Allowed: ")[0]
        near = f"{hint.removesuffix('?')}? " if hint.startswith("did you") else ""
        raise UsageError(
            f"{option}: no measure is called {name!r}; {near}Names are {', '.join(ALIASES)} and "
            "the keys of report.json, such as stability.int8"
        )
    return key


@cache
def _keys() -> tuple[str, ...]:
    return tuple(key for key in measure_table() if not key.startswith("slices."))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def tolerances(given: Iterable[str]) -> dict[str, float]:
    """Read tolerances: ``KEY=VALUE``, or a number for all (under the key ""), none negative."""
    found = {}
    for text in given:
        name, sign, value = text.rpartition("=")
        amount = _number(value)
        if amount is None or amount < 0 or (sign and not name.strip()):
            raise UsageError(
                f"--tolerance {text!r}: must be a number of at least 0, or KEY=NUMBER, such as "
                "recall@10=0.02"
            )
        key = key_of(name.strip(), "--tolerance") if name else ""
        if key and key not in (*_WORSE_LOW, *_WORSE_HIGH):
            raise UsageError(
                f"--tolerance {text!r}: {key} has no better or worse; those that have: "
                f"{', '.join((*_WORSE_LOW, *_WORSE_HIGH))}"
            )
        found[key] = amount
    return found


@dataclass(frozen=True)
class Baseline:
    """The report of an earlier audit."""

    path: str
    settings: Mapping[str, Any]  # and what was read
    measures: Mapping[str, Measure]


def read_baseline(path: str, schema: int) -> Baseline:
    """Read a ``report.json`` of the schema `schema`; UsageError where it is none."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--baseline {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or "schema_version" not in content:
        raise UsageError(f"--baseline {path}: is no report.json of an audit")
    if content["schema_version"] != schema:
        raise UsageError(
            f"--baseline {path}: has schema_version {content['schema_version']!r}, this audit "
            f"writes {schema}: make it anew"
        )
    try:
        measures = measures_in(content)
    except (TypeError, ValueError, AttributeError):
        raise UsageError(f"--baseline {path}: its measures cannot be read") from None
    settings = {**(content.get("input") or {}), **(content.get("settings") or {})}
    return Baseline(path, settings, measures)


def worsened(
    baseline: Baseline,
    settings: Mapping[str, Any],
    measures: Mapping[str, Measure],
    allowed: Mapping[str, float],
) -> list[str]:
    """Return a line for each measure that is worse than the baseline by more than is allowed.
    By default that is what the intervals of both leave open; a measure without one is compared
    where a tolerance is given, or where it counts damage.
    """
    for name in ("k", "metric"):
        old, new = baseline.settings.get(name), settings.get(name)
        if old != new:
            raise UsageError(
                f"--baseline {baseline.path}: was made with {name} = {old}, this audit has {new}: "
                "they cannot be compared"
            )
    lines = []
    for keys, sign in ((_WORSE_LOW, -1), (_WORSE_HIGH, 1)):
        lines += _worse(keys, sign, baseline, measures, allowed)
    return lines


def _worse(
    keys: Sequence[str],
    sign: int,
    baseline: Baseline,
    measures: Mapping[str, Measure],
    allowed: Mapping[str, float],
) -> list[str]:
    lines = []
    for key in keys:
        old, new = baseline.measures.get(key), measures.get(key)
        if old is None or old.value is None:
            continue
        if new is None or new.value is None:
            why = _unmeasured(key, new)
            lines.append(f"{key}: cannot be judged against the baseline: {why}")
            continue
        room = _room(key, old, new, allowed)
        loss = sign * (new.value - old.value)
        if room is not None and loss > room + 1e-9 * abs(old.value):
            lines.append(
                f"{key}: {number(new.value)}, was {number(old.value)}; worse by {number(loss)}, "
                f"allowed {number(room)}"
            )
    return lines


def _room(key: str, old: Measure, new: Measure, allowed: Mapping[str, float]) -> float | None:
    if key in _COUNTS:
        return allowed.get(key, 0.0)
    if key in allowed or "" in allowed:
        return allowed.get(key, allowed.get(""))
    return None if old.low is None or new.low is None else math.hypot(old.half, new.half)


def _unmeasured(key: str, one: Measure | None) -> str:
    need = _NEEDS.get(key.partition(".")[0])
    reason = one.reason if one is not None else f"it needs {need}" if need else ""
    return f"not measured, because {reason or 'these vectors do not allow it'}"


def _ends(one: Measure) -> str:
    return "" if one.low is None else f" (95% interval {number(one.low)} to {number(one.high)})"
