"""The ledger of claims: what was claimed, what was measured, and the verdict.

`book/claims.yml` lists the claims. A chapter calls :func:`record` with what it measured;
the record travels inside the executed notebook. :func:`judge` computes the verdict from
claim, rule and measurement, so that no verdict is typed by hand unless it is marked
`judged` and gives its reason.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import yaml

from paper_utils.errors import PaperError, UsageError, did_you_mean
from paper_utils.paths import project_root

_METADATA = "paper_claim"  # where a record travels: the metadata of a cell's output
SCHEMA_VERSION = 1
KINDS = ("identity", "arithmetic", "measurement", "citation", "own")
VERDICTS = ("holds", "conditional", "fails", "open")
STATUSES = ("measured", "published", "citation", "not_run")
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
}
_REQUIRED = ("id", "source", "at", "statement", "kind", "chapter")


@dataclass(frozen=True)
class Claim:
    """One entry of `book/claims.yml`.

    Attributes
    ----------
    id, source, at, statement
        Identifier, bibliography key, place in the source, and the claim as its authors
        mean it (MyST text).
    claimed : object
        What the source prints; never a test target.
    kind : {'identity', 'arithmetic', 'measurement', 'citation', 'own'}
    data : str
        What the measurement is made on.
    rule : mapping or None
        `kind` (one of :data:`RULES`) and its numbers; computes the verdict.
    judged : mapping or None
        `verdict` and `reason` where no rule can decide.
    chapter : str
        Slug of the chapter that treats the claim.
    status, needs : str
        For claims that no chapter measures: 'published', 'citation' or 'not_run', and
        what measuring them would take.
    """

    id: str
    source: str
    at: str
    statement: str
    kind: str
    chapter: str
    claimed: Any = None
    data: str = ""
    rule: Mapping[str, Any] | None = None
    judged: Mapping[str, str] | None = None
    status: str = "not_run"
    needs: str = ""


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
    """A claim beside its measurement.

    `verdict` is one of :data:`VERDICTS`, `status` one of :data:`STATUSES`; `reason` says
    in words what decided.
    """

    claim: Claim
    record: Record | None
    verdict: str
    status: str
    reason: str
    judged: bool = False

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


# ---------------------------------------------------------------------------- ledger


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
    rule, judged = entry.get("rule"), entry.get("judged")
    if rule is not None and rule.get("kind") not in RULES:
        raise PaperError(f"{place}: rule {rule.get('kind')!r}; {did_you_mean(rule.get('kind'), RULES)}")
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
    if status not in STATUSES[1:]:
        raise PaperError(f"{place}: status {status!r}; {did_you_mean(status, STATUSES[1:])}")
    if "status" in entry and status != "citation" and not entry.get("needs"):
        raise PaperError(f"{place}: status {status!r} needs 'needs': what measuring it would take")
    return Claim(**{key: entry[key] for key in _FIELDS if key in entry})


def load_claims(path: Path | None = None) -> dict[str, Claim]:
    """Return the ledger, checked, by id.

    Parameters
    ----------
    path : Path, optional
        A file of the form of `book/claims.yml`, which is the default.

    Raises
    ------
    PaperError
        A field is unknown, missing or malformed, or an id occurs twice.
    """
    path = path or project_root() / "book" / "claims.yml"
    claims: dict[str, Claim] = {}
    for number, entry in enumerate(yaml.safe_load(path.read_text(encoding="utf-8")) or [], 1):
        place = f"{path.name}, entry {number} ({entry.get('id', 'without id')})"
        claim = _one_claim(entry, place)
        if claim.id in claims:
            raise PaperError(f"{place}: this id occurs twice")
        claims[claim.id] = claim
    return claims


# --------------------------------------------------------------------------- verdicts


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

    A rule is applied to the measurement. Where `measured` maps conditions to values the
    rule is applied under each: all pass, the claim *holds*; some pass, it is
    *conditional*; none passes, it *fails*. A smoke run never supports a verdict.

    Parameters
    ----------
    claim : Claim
    record : Record or None

    Returns
    -------
    Verdict

    Examples
    --------
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
        return Verdict(claim, None, "open", claim.status, claim.needs or "no chapter measures it yet")
    if record.profile == "smoke":
        return Verdict(claim, record, "open", "not_run", "a smoke run is too small for a verdict")
    if claim.judged is not None:
        return Verdict(
            claim, record, claim.judged["verdict"], "measured", claim.judged["reason"], True
        )
    if claim.rule is None:
        return Verdict(claim, record, "open", "measured", "measured; the claim has no rule")
    cases = record.measured if isinstance(record.measured, Mapping) else {"": record.measured}
    intervals = record.interval if isinstance(record.interval, Mapping) else {"": record.interval}
    passed = {
        name: _passes(claim.rule, claim.claimed, value, intervals.get(name))
        for name, value in cases.items()
    }
    good = [name for name, ok in passed.items() if ok]
    bad = [name for name, ok in passed.items() if not ok]
    if not bad:
        return Verdict(claim, record, "holds", "measured", _rule_text(claim))
    if not good:
        return Verdict(claim, record, "fails", "measured", _rule_text(claim))
    reason = f"{_rule_text(claim)}: true for {', '.join(good)}; false for {', '.join(bad)}"
    return Verdict(claim, record, "conditional", "measured", reason)


def _rule_text(claim: Claim) -> str:
    rule = dict(claim.rule or {})
    kind = rule.pop("kind").replace("_", " ")
    target = rule.pop("value", claim.claimed)
    slack = ", ".join(f"{key} {value}" for key, value in rule.items())
    return f"{kind} {format_value(target)}" + (f" ({slack})" if slack else "")


def judge_all(claims: Mapping[str, Claim], records: Mapping[str, Record]) -> list[Verdict]:
    """Return the verdict on every claim of the ledger, in its order."""
    return [judge(claim, records.get(claim.id)) for claim in claims.values()]


# -------------------------------------------------------------------------- recording

_recorded: dict[str, Record] = {}


class _Recorded:
    """What `record` leaves in the notebook: data for the ledger, a line for the reader."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        return {"text/plain": repr(self)}, {_METADATA: asdict(self.record)}

    def __repr__(self) -> str:
        text = f"{self.record.id}: {format_value(self.record.measured)}"
        if self.record.interval is not None:
            text += f" {format_value(self.record.interval)}"
        return text


def plain(value: Any) -> Any:
    """Return `value` with NumPy scalars and arrays as Python numbers and lists.

    Raises
    ------
    UsageError
        The value is of a kind that JSON cannot hold, or NaN.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"a": np.float64(0.5), "b": np.arange(2)})
    {'a': 0.5, 'b': [0, 1]}
    """
    if value is None or isinstance(value, str | bool):
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        if math.isnan(number):
            raise UsageError("NaN is not a measurement")
        return number
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    raise UsageError(f"cannot keep a {type(value).__name__}: give numbers, text, lists or mappings")


def record(
    id: str,
    measured: Any,
    *,
    interval: Any = None,
    n: int | None = None,
    seeds: Iterable[int] = (),
    data: Any = None,
    note: str = "",
) -> None:
    """Record what this chapter measured for the claim `id`.

    Parameters
    ----------
    id : str
        An id of `book/claims.yml`.
    measured : number, str, bool, list or mapping
        The measurement; a mapping gives one value per condition (see :func:`judge`).
    interval : (low, high) or mapping of these, optional
        Uncertainty of `measured`, 95% unless `note` says otherwise.
    n : int, optional
        Number of items measured.
    seeds : iterable of int
        Seeds that entered.
    data : Catalogue, mapping or None
        The catalogue, or name -> checksum, of the data.
    note : str
        One sentence on how it was measured.

    The record becomes an output of the cell and so travels with the notebook.

    Raises
    ------
    UsageError
        Unknown id, an id recorded twice, an interval the wrong way round, NaN.
    """
    claims = load_claims()
    if id not in claims:
        raise UsageError(f"no claim {id!r} in book/claims.yml; {did_you_mean(id, claims)}")
    if id in _recorded:
        raise UsageError(f"the claim {id!r} is recorded twice in this chapter")
    interval = plain(interval)
    for pair in interval.values() if isinstance(interval, dict) else [interval]:
        if pair is not None and (len(pair) != 2 or pair[0] > pair[1]):
            raise UsageError(f"{id}: an interval is (low, high), not {pair}")
    if hasattr(data, "sha256"):
        data = {data.name: data.sha256}
    entry = Record(
        id=id,
        measured=plain(measured),
        interval=interval,
        n=None if n is None else int(n),
        seeds=[int(seed) for seed in seeds],
        data=plain(data or {}),
        note=note,
        profile=os.environ.get("PAPER_PROFILE", "custom"),
    )
    judge(claims[id], entry)  # a rule that does not fit the measurement is an error here
    _recorded[id] = entry
    from IPython.display import display

    display(_Recorded(entry))


def glue(name: str, value: Any) -> None:
    """Store a value under `name`, for ``{glue:text}`name:.3f` `` in the prose.

    NumPy scalars become Python numbers, so that the page prints `0.5`, not
    `np.float64(0.5)`.

    Parameters
    ----------
    name : str
        Unique within the chapter.
    value : number or str

    Raises
    ------
    UsageError
        The value is neither a number nor text.
    """
    from myst_nb import glue as store

    value = plain(value)
    if isinstance(value, list | dict) or value is None:
        raise UsageError(f"glue({name!r}): one number or text, not {type(value).__name__}")
    store(name, _Bare(value) if isinstance(value, str) else value, display=False)


class _Bare(str):
    """Text that is glued without quotation marks."""

    def __repr__(self) -> str:
        return str(self)


def records_in(notebook: Mapping[str, Any]) -> dict[str, Record]:
    """Return the records that an executed notebook carries, by claim id."""
    found: dict[str, Record] = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            fields = output.get("metadata", {}).get(_METADATA)
            if fields:
                found[fields["id"]] = Record(**fields)
    return found


# ----------------------------------------------------------------------------- tables

_MARKS = {"holds": "✓", "conditional": "◐", "fails": "✗", "open": "○"}


def format_value(value: Any) -> str:
    """Return a measurement as short text: four significant digits, ranges as [a, b].

    Examples
    --------
    >>> format_value(0.123456), format_value([1, 2.5]), format_value({"a": 1, "b": 2})
    ('0.1235', '[1, 2.5]', 'a: 1; b: 2')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return f"{float(value):.4g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {format_value(item)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(format_value(item) for item in value) + "]"
    return str(value)


def badge(verdict: Verdict) -> str:
    """Return the verdict as inline HTML: a mark and a word, never colour alone."""
    mark = _MARKS[verdict.verdict]
    word = verdict.verdict
    css = word
    if verdict.record is None and verdict.status != "measured" and not verdict.judged:
        css, mark = verdict.status, "·"
        word = {"published": "published only", "citation": "citation", "not_run": "not run here"}[css]
    judged = ' <span class="judged" title="judged, not computed">(judged)</span>'
    return f'<span class="verdict verdict-{css}">{mark} {word}</span>' + (
        judged if verdict.judged else ""
    )


def _cell(text: str) -> str:
    """Return MyST text as one table cell."""
    return " ".join(str(text).split()).replace("|", "\\|")


def markdown_table(
    verdicts: Sequence[Verdict], *, link: Callable[[str], str] | None = None
) -> str:
    """Return verdicts as a Markdown table.

    Parameters
    ----------
    verdicts : sequence of Verdict
    link : callable, optional
        Turns the slug of a chapter into a link; adds a column of these.

    Returns
    -------
    str
    """
    head = ["Claim", "Claimed", "Measured", "Verdict"] + (["Chapter"] if link else [])
    rows = [head, ["---"] * len(head)]
    for item in verdicts:
        measured = "–" if item.record is None else format_value(item.record.measured)
        if item.record is not None and item.record.interval is not None:
            measured += f" {format_value(item.record.interval)}"
        if item.record is not None and item.record.n is not None:
            measured += f" (n = {item.record.n:,})"
        reason = f"<br>{item.reason}" if item.reason else ""
        row = [
            f"**{item.claim.id}**<br>{item.claim.statement}",
            format_value(item.claim.claimed),
            measured,
            badge(item) + reason,
        ]
        rows.append(row + ([link(item.claim.chapter)] if link else []))
    return "\n".join("| " + " | ".join(_cell(text) for text in row) + " |" for row in rows)


class _Table:
    def __init__(self, verdicts: Sequence[Verdict]) -> None:
        self.verdicts = verdicts

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/markdown": markdown_table(self.verdicts), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return "\n".join(f"{item.claim.id}: {item.verdict}" for item in self.verdicts)


def verdicts() -> _Table:
    """Return the table of the claims recorded so far in this chapter.

    The last cell of every chapter shows it.

    Raises
    ------
    UsageError
        Nothing was recorded.
    """
    if not _recorded:
        raise UsageError("this chapter has recorded no claim yet; call record(...) first")
    claims = load_claims()
    return _Table([judge(claims[id], entry) for id, entry in _recorded.items()])
