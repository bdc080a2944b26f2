"""The first screen as data: what an audit answers before it explains anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedding_audit.found import Action, Finding
from embedding_audit.measure import Measure
from embedding_audit.page.findings import FAULT
from embedding_audit.page.spelled import interval, quality

if TYPE_CHECKING:
    from embedding_audit.report import Report

MOST = 3  #: findings and actions on the first screen

# What does the same in several ways: the first screen shows one of each, that which does most.
# Of what saves memory, in this order, the first that keeps the quality.
_ALIKE = (
    ("bm25", "rrf", "weighted_sum"),
    ("centre_documents", "centre_both", "all_but_the_top", "whiten"),
    ("binary", "int8", "half", "bfloat16"),
)

_NAMED = {"cosine": "cosine", "dot": "inner product", "l2": "Euclidean distance"}


@dataclass(frozen=True)
class Screen:
    """What stands on the first screen, in its order."""

    name: str  # of the file
    size: str  # rows, columns, type
    metric: str
    matches: tuple[str, ...]
    figures: tuple[tuple[str, str, str], ...]  # name, value, interval; empty where not judged
    judged: str  # queries behind them, and their null
    against: tuple[str, ...]  # what other vectors change
    verdict: str  # what the findings come to
    findings: tuple[Finding, ...]  # the worst
    further: int  # findings that stand below
    actions: tuple[tuple[str, str], ...]  # what to try, and what it gained here
    tried: str  # what was tried for nothing
    missing: tuple[tuple[str, str], ...]  # what could not be measured, and what it needs


def screen(report: Report) -> Screen:
    """Return what the first screen of a report says."""
    given = report.input
    rows, columns = given.get("rows", 0), given.get("columns", 0)
    findings = ranked(report.findings)
    return Screen(
        name=_short_name(str(given.get("name", "vectors"))),
        size=f"{rows:,} rows × {columns:,} columns, {given.get('dtype', '')}".rstrip(", "),
        metric=metric_of(report),
        matches=tuple(str(one) for one in report.matches),
        figures=_figures(report.measures),
        judged=_judged(report.measures),
        against=_against(report),
        verdict=_verdict(findings),
        findings=findings[:MOST],
        further=len(findings[MOST:]),
        actions=tuple(map(_action, advised(report.actions)[:MOST])),
        tried=_tried(report.actions),
        missing=_missing(report),
    )


def _short_name(name: str) -> str:
    """The last part of a path; the whole stands below."""
    return name.rstrip("/").rpartition("/")[2] or name


def metric_of(report: Report) -> str:
    """Return what compares a query with a document, in words."""
    name = {**report.input, **report.settings}.get("metric", "cosine")
    return _NAMED.get(name, str(name))


def ranked(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return findings, the worst first; equals by key, so that two runs agree."""
    return tuple(sorted(findings, key=lambda one: (-one.severity, one.key)))


def advised(actions: tuple[Action, ...]) -> list[Action]:
    """Return what is worth trying, one of each kind: what gains most first, then what saves."""
    worth = [one for one in actions if one.advised and one.gain.measured]
    kinds: dict[object, Action] = {}
    for one in sorted(worth, key=_order):
        kinds.setdefault(next((alike for alike in _ALIKE if one.id in alike), one.id), one)
    return list(kinds.values())


def _verdict(findings: tuple[Finding, ...]) -> str:
    faults = sum(map(is_fault, findings))
    if faults:
        return f"Found: {faults} fault{'s' if faults > 1 else ''}"
    return "No fault found; worth knowing" if findings else "Nothing wrong in what was measured"


def _order(one: Action) -> tuple[bool, int, float, str]:
    saving = one.kind != "gain"
    place = _ALIKE[-1].index(one.id) if saving and one.id in _ALIKE[-1] else 0
    return saving, place, -(one.gain.value or 0), one.id


def is_fault(finding: Finding) -> bool:
    """Return whether a finding is called a fault, not a remark."""
    return finding.severity >= FAULT


def change(one: Action) -> str:
    """Return what an action did on these data.

    >>> gain = Measure(0.04, 0.01, 0.07, n=50)
    >>> change(Action("c", "Centre", "gain", gain, "nDCG@10", True, "", ""))
    '+0.040 nDCG@10 [+0.010, +0.070]'
    """
    if not one.gain.measured:
        return f"not measured: {one.gain.reason}"
    return f"{_value(one)} {one.metric} {interval(one.gain, _sign(one))}".rstrip()


def _sign(one: Action) -> str:
    return "" if "overlap" in one.metric else "+"  # an overlap is a share, not a change


def _value(one: Action) -> str:
    return quality(one.gain.value, _sign(one))


def _action(one: Action) -> tuple[str, str]:
    saved = f" ({one.cost.partition(';')[0]})" if one.kind != "gain" else ""
    return one.title + saved, change(one)


def _figures(measures: Mapping[str, Measure]) -> tuple[tuple[str, str, str], ...]:
    found = []
    for name, key in (("recall@10", "relevance.recall_10"), ("nDCG@10", "relevance.ndcg_10")):
        one = measures.get(key)
        if one is not None and one.measured:
            found.append((name, quality(one.value), interval(one)))
    return tuple(found)


def _judged(measures: Mapping[str, Measure]) -> str:
    one = measures.get("relevance.recall_10")
    if one is None or not one.measured:
        return ""
    null = one.null.get("shuffled")
    by_chance = "" if null is None else f"; recall by chance {quality(null)}"
    return f"{one.n or 0:,} queries, 95% intervals over queries{by_chance}"


def _against(report: Report) -> tuple[str, ...]:
    """Say what the other vectors change: neighbours, and quality where it is judged."""
    if report.comparison is None:
        return ()
    kept = report.measures["compare.overlap"]
    name = _short_name(report.comparison.name)
    if not kept.measured:
        return (f"against {name}: {kept.reason}",)
    nulls = {"float16": "in half precision", "random": "by chance"}
    beside = [
        f"{words} {kept.null[null]:.1%}" for null, words in nulls.items() if null in kept.null
    ]
    lines = [f"against {name}: {kept.value:.1%} of the nearest rows stay ({', '.join(beside)})"]
    gain, won, lost = (report.measures[f"compare.{key}"] for key in ("ndcg_gain", "won", "lost"))
    if gain.measured:
        lines.append(
            f"nDCG@10 by the other: {quality(gain.value, '+')} {interval(gain, '+')}, "
            f"{won.value or 0:,.0f} queries won, {lost.value or 0:,.0f} lost"
        )
    return tuple(lines)


def _tried(actions: tuple[Action, ...]) -> str:
    """Name what was measured and is not advised."""
    lost = [one for one in actions if not one.advised and one.gain.measured]
    lost.sort(key=lambda one: (one.kind != "gain", -(one.gain.value or 0), one.id))
    return "; ".join(f"{one.title} ({_value(one)})" for one in lost[:MOST])


def _missing(report: Report) -> tuple[tuple[str, str], ...]:
    """Return what the given files leave open: the parts, and the options that would close them."""
    given: Mapping[str, Any] = report.input
    measures = report.measures
    found = []
    if not _measured(measures, "relevance."):
        why = "--queries and --qrels" if not given.get("queries") else "--qrels"
        found.append(("recall, nDCG and what would raise them", why))
    elif not _measured(measures, "relevance.recall_10_bm25"):
        lacking = [
            option
            for option, name in (("--texts", "texts"), ("--query-texts", "query_texts"))
            if not given.get(name)
        ]
        if lacking:
            found.append(("BM25, alone and beside the vectors", " and ".join(lacking)))
    if not given.get("texts"):
        found.append(("slices, and the texts of what is shown", "--texts"))
    return tuple(found)


def _measured(measures: Mapping[str, Measure], prefix: str) -> bool:
    return any(one.measured for key, one in measures.items() if key.startswith(prefix))
