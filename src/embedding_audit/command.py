"""What the command does: read, foresee, measure, write, judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from embedding_audit.gate import (
    Baseline,
    Condition,
    conditions,
    read_baseline,
    tolerances,
    worsened,
)
from embedding_audit.page.spelled import clean
from paper_utils.errors import UsageError
from paper_utils.paths import replacing

if TYPE_CHECKING:
    from embedding_audit.given import Inputs
    from embedding_audit.report import Report

_FILES = ("queries", "texts", "query_texts", "qrels")
_READ = ("metric", "id_column", "vector_column", "text_column", "dtype", "relevant_from")
_OF_TEXTS = ("metric", "id_column", "text_column", "relevant_from", "drop_own")  # encoded first


@dataclass(frozen=True, eq=False)
class Audited:
    """An audit that is written, and what speaks against it."""

    report: Report
    written: tuple[Path, Path]  # report.json and the page
    breaches: tuple[str, ...]

    def text(self, width: int) -> str:
        """Return what is printed at the end."""
        from embedding_audit.page import first_screen

        numbers, page = self.written
        return f"{first_screen(self.report, width)}\n\nreport: {numbers}\npage:   {page}"


@dataclass(frozen=True)
class _Limits:
    """What the audit must keep."""

    conditions: tuple[Condition, ...]
    baseline: Baseline | None
    allowed: Mapping[str, float]

    def breaches(self, report: Report) -> tuple[str, ...]:
        found = [
            f"{report[f'rows.{kind}'].value:,.0f} rows with {words}"
            for kind, words in (("nan", "NaN"), ("infinite", "infinite values"))
            if report[f"rows.{kind}"].value
        ]
        found += filter(None, (one.breach(report.measures) for one in self.conditions))
        if self.baseline is not None:
            settings = {**report.input, **report.settings}
            found += worsened(self.baseline, settings, report.measures, self.allowed)
        return tuple(found)


def run_audit(out: Path, given: Mapping[str, Any], tell: Callable[[str], None]) -> Audited:
    """Audit what the options of the command name, and write report.json and index.html to `out`.
    `tell` receives what is foreseen. UsageError: options that do not go together, or files that
    cannot be used, before anything is measured.
    """
    limits = _limits(given)
    _known(given)
    inputs = _inputs(given)
    other = _other(given)
    _foresee(inputs, given["exact_up_to"], tell)
    _writable(out)
    from embedding_audit.cloud.cluster import workers
    from embedding_audit.report import audit

    settings = {name: given[name] for name in ("k", "exact_up_to", "seed")}
    with workers(given["scheduler"]) as where:
        compared = {} if other is None else {"against": other}
        report = audit(inputs, where=where, **settings, **compared)
    breaches = limits.breaches(report)  # a baseline that does not fit is said before writing
    return Audited(report, _write(report, out), breaches)


def _limits(given: Mapping[str, Any]) -> _Limits:
    allowed = tolerances(given["tolerance"])
    if allowed and not given["baseline"]:
        raise UsageError("--tolerance goes with --baseline: name the report.json to compare with")
    baseline = None
    if given["baseline"]:
        from embedding_audit.report import SCHEMA_VERSION

        baseline = read_baseline(given["baseline"], SCHEMA_VERSION)
    return _Limits(conditions(given["fail_on"]), baseline, allowed)


def _known(given: Mapping[str, Any]) -> None:
    """Refuse options that say nothing together."""
    encoded = given["model"] or given["catalogue"]
    if given["embeddings"] and encoded:
        raise UsageError("give either EMBEDDINGS or --model with --catalogue, not both")
    if not given["embeddings"] and not (given["model"] and given["catalogue"]):
        raise UsageError(
            "give a file of EMBEDDINGS, or --model and --catalogue to encode titles first"
        )
    for name in ("texts", "query_texts") if encoded else ():
        if given[name]:
            option = "--" + name.replace("_", "-")
            raise UsageError(f"{option} goes with EMBEDDINGS; the catalogue has its own texts")
    if given["against_queries"] and not given["against"]:
        raise UsageError("--against-queries goes with --against")
    for name in ("embeddings", *_FILES, "against", "against_queries"):
        if given[name] and "\0" in given[name]:
            raise UsageError(f"{clean(given[name])!r} is no path: it holds a zero character")


def _inputs(given: Mapping[str, Any]) -> Inputs:
    files = {name: given[name] for name in _FILES if given[name]}
    if given["embeddings"]:
        from embedding_audit.matching import read_inputs

        return read_inputs(given["embeddings"], **files, **_reading(given))
    from embedding_audit.matching.encoded import encoded_inputs

    read = {name: value for name, value in _reading(given).items() if name in _OF_TEXTS}
    return encoded_inputs(given["model"], given["catalogue"], seed=given["seed"], **files, **read)


def _other(given: Mapping[str, Any]) -> Inputs | None:
    """The vectors to compare with, read like the first ones; judged by their own queries."""
    if not given["against"]:
        return None
    from embedding_audit.matching import read_inputs

    files = {}
    if given["against_queries"]:
        files = {name: given[name] for name in ("qrels", "query_texts") if given[name]}
        files["queries"] = given["against_queries"]
    return read_inputs(given["against"], **files, **_reading(given))


def _reading(given: Mapping[str, Any]) -> dict[str, Any]:
    read = {name: given[name] for name in _READ if given[name] not in (None, "")}
    return read | {"drop_own": not given["keep_own"]}


def _foresee(inputs: Inputs, exact_up_to: int, tell: Callable[[str], None]) -> None:
    from embedding_audit.cloud.forecast import forecast, memory_short

    n, d = inputs.vectors.shape
    needed = forecast(inputs.vectors, exact_up_to=exact_up_to)
    name = clean(inputs.vectors.name, 200)
    tell(f"{name}: {n:,} x {d:,} {inputs.vectors.dtype}; foreseen: {needed}")
    if memory_short(needed):
        tell(f"note: less than {needed.gib:.1f} GiB of memory are free")


def _writable(out: Path) -> None:
    """Make the output folder, or say at once that it cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise UsageError(f"output folder {out}: {error.strerror}") from None


def _write(report: Report, out: Path) -> tuple[Path, Path]:
    """Write both files, or neither."""
    from embedding_audit.page import html

    numbers, page = out / "report.json", out / "index.html"
    with replacing(numbers) as first, replacing(page) as second:
        report.to_json(first)
        second.write_text(html(report), encoding="utf-8")
    return numbers.absolute(), page.absolute()
