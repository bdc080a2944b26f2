"""The page and the notebook's picture: templates filled with what a report holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from embedding_audit.measure import Measure
from embedding_audit.page.figures import Plot, plots
from embedding_audit.page.screen import MOST, change, is_fault, ranked, screen
from embedding_audit.page.spelled import clean, finished, number, quality, short
from embedding_audit.words import measure_table

if TYPE_CHECKING:
    from embedding_audit.compare.against import Comparison
    from embedding_audit.report import Report

_HERE = Path(__file__).parent

#: Groups of measures: prefixes, title, a word before the table, plots, examples.
_SECTIONS: tuple[tuple[tuple[str, ...], str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("relevance.",),
        "Quality",
        "Expected over the order of ties. The null gives each query the judgements of another.",
        ("recall",),
        (),
    ),
    (("compare.",), "Against the other vectors", "", (), ()),
    (
        ("mixture.", "encoding."),
        "Do the rows belong together?",
        "Whether all vectors come from one model, encoded in one way.",
        (),
        ("mixture", "encoding"),
    ),
    (("rows.", "norms."), "Rows and lengths", "", (), ("equal", "near", "outliers")),
    (
        ("hubness.",),
        "Hubs",
        "How often an item is among the neighbours of others.",
        ("occurrence",),
        ("hubs",),
    ),
    (
        ("stability.",),
        "What the top of a list survives",
        "The share of each list that stays when the vectors are changed.",
        ("stability",),
        (),
    ),
    (("slices_summary.", "slices."), "Slices", "", (), ()),
    (("cosine.",), "Cosines", "", (), ()),
    (
        ("dimension.",),
        "Dimensions",
        "Compare a number only with the same estimator, and with its nulls.",
        ("spectrum",),
        (),
    ),
)

_EXAMPLES = {
    "equal": "Largest groups of equal rows",
    "near": "Near-duplicates",
    "outliers": "Rows that are far from all others",
    "mixture": "Rows that look like another model's",
    "encoding": "Rows that look encoded otherwise",
    "hubs": "Largest hubs: in how many lists they are",
}

_MOST_NULLS = 3  # that have a column each
_CAPITAL = {"gaussian": "Gaussian"}


@dataclass(frozen=True)
class Table:
    """Cells as text; `numbers` are the columns that stand to the right."""

    head: tuple[str, ...]
    rows: list[list[str]]
    numbers: frozenset[int] = frozenset()


def page(report: Report) -> str:
    """Return the page of a report as one HTML file."""
    given = {"first": screen(report), "is_fault": is_fault, "plots": plots(report)}
    given["heads"] = ("h1", "h2")
    given |= {"notes": report.notes, "given": _given(report), "actions": _actions(report)}
    given |= {"further": ranked(report.findings)[MOST:], "worst": _worst(report)}
    given |= {"sections": _sections(report, given["plots"]), "silent": _silent(report.measures)}
    css = Markup((_HERE / "page.css").read_text(encoding="utf-8"))  # ours: nothing to escape
    return _templates().get_template("page.html.j2").render(css=css, **given)


def fragment(report: Report) -> str:
    """Return the first screen for a notebook, with the plot that says most."""
    drawn = plots(report)
    plot = drawn.get("recall") or drawn.get("stability")
    given = {"first": screen(report), "is_fault": is_fault, "plot": plot, "heads": ("p", "p")}
    return _templates().get_template("picture.html.j2").render(**given)


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finished,  # no text of a user's passes with characters that act
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _given(report: Report) -> Table:
    """What was audited and how, empty values left out."""
    both = {**report.input, **report.settings}
    rows = [
        [name.replace("_", " "), _plain(value)]
        for name, value in both.items()
        if value not in (None, "", [], {}, False)
    ]
    return Table(("given", ""), rows)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(float(value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_plain(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return short(str(value))


def _actions(report: Report) -> Table:
    def row(one: Any) -> list[str]:
        return [one.title, change(one), "yes" if one.advised else "no", one.how, one.cost]

    order = sorted(report.actions, key=lambda one: (not one.advised, not one.gain.measured))
    return Table(("action", "on these data", "advised", "how", "cost"), [row(one) for one in order])


def _worst(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "name": short(f"{one.query}: {one.text}" if one.text else str(one.query)),
            "value": quality(one.value),
            "found": [_named(key, text) + _scored(*score) for key, text, *score in one.found],
            "missed": [f"{_named(key, text)} (rank {at:,})" for key, text, at in one.missed],
        }
        for one in report.worst
    ]


def _named(key: str, text: str | None) -> str:
    return short(f"{key}: {text}" if text else str(key))


def _scored(score: float | None = None) -> str:
    return "" if score is None else f" (score {number(score)})"


def _sections(report: Report, there: Mapping[str, Plot]) -> list[dict[str, Any]]:
    left = {key: one for key, one in report.measures.items() if one.measured}
    found = []
    for prefixes, title, says, drawn, shown in _SECTIONS:
        mine = {key: left.pop(key) for key in list(left) if key.startswith(prefixes)}
        examples = [
            (_EXAMPLES[name], _listed(report.examples[name]))
            for name in shown
            if report.examples.get(name)
        ]
        if title == "Slices" and report.slices:
            examples.append(("By slice, with 95% intervals", _slices(report.slices)))
        if "compare." in prefixes and report.comparison is not None:
            examples += _comparison(report.comparison)
            says = ". ".join(map(clean, (str(report.comparison.match), *report.comparison.notes)))
        if mine or examples or there.keys() & set(drawn):
            found.append(_section(title, says, mine, drawn, examples))
    if left:
        found.append(_section("Further measures", "", left, (), []))
    return found


def _section(
    title: str,
    says: str,
    measures: Mapping[str, Measure],
    drawn: tuple[str, ...],
    examples: list[tuple[str, Table]],
) -> dict[str, Any]:
    table = measured_table(measures)
    return {"title": title, "says": says, "table": table, "plots": drawn, "examples": examples}


def measured_table(measures: Mapping[str, Measure]) -> Table:
    """Return measures as rows: name, value, interval, the nulls that there are, and key."""
    nulls = list(dict.fromkeys(name for one in measures.values() for name in one.null))
    several = len(nulls) > _MOST_NULLS  # each of few measures then: in one column, with its name
    rows = []
    for key, one in measures.items():
        row = measure_table().get(key, {})
        name = row.get("name", key) + (f" ({row['doc']})" if "doc" in row else "")
        ends = "" if one.low is None else f"{number(one.low)} to {number(one.high)}"
        cells = [number(one.null[null]) if null in one.null else "" for null in nulls]
        if several:
            named = zip(cells, nulls, strict=True)
            cells = ["; ".join(f"{value} ({null})" for value, null in named if value)]
        rows.append([name, number(one.value), ends, *cells, key])
    heads = ["null"] if several else [_CAPITAL.get(null, null) for null in nulls]
    head = ("measure", "value", "95% interval", *heads, "key")
    return Table(head, rows, frozenset(range(1, 3 + len(heads))))


def _listed(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return examples as rows; columns without any value are left out."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = [name for name in names if any(row.get(name) not in (None, "") for row in rows)]
    numbers = frozenset(
        at
        for at, name in enumerate(names)
        if all(isinstance(row.get(name), int | float | None) for row in rows)
    )
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    return Table(tuple(name.replace("_", " ") for name in names), cells, numbers)


def _cell(value: Any) -> str:
    return "–" if value is None else _plain(value)


def _slices(slices: Sequence[Any]) -> Table:
    table = measure_table()
    names = list(dict.fromkeys(name for one in slices for name in one.measures))
    names = [name for name in names if any(one.measures[name].measured for one in slices)]
    head = ("slice", "rows", *(table.get(f"slices.{n}", {}).get("name", n) for n in names))
    rows = [
        [
            short(f"{one.by.replace('_', ' ')}: {one.value}"),
            f"{one.n:,}",
            *(_with_half(one.measures[name]) for name in names),
        ]
        for one in slices
    ]
    return Table(head, rows, frozenset(range(1, len(head))))


def _with_half(one: Measure) -> str:
    half = f" ± {number(float(f'{one.half:.1g}'))}" if one.low is not None else ""
    return "–" if one.value is None else number(float(f"{one.value:.3g}")) + half


_COMPARED = {
    "tests": "Quality of both",
    "queries_changed": "Judged queries that changed most",
    "moved_most": "Rows whose neighbours changed most",
    "side_by_side": "Measures side by side",
}


def _comparison(one: Comparison) -> list[tuple[str, Table]]:
    """The lists of rows that a comparison holds."""
    return [
        (title, _listed(rows)) for name, title in _COMPARED.items() if (rows := getattr(one, name))
    ]


def _silent(measures: Mapping[str, Measure]) -> list[tuple[str, str]]:
    """What has no value, once for each reason."""
    found: dict[str, list[str]] = {}
    for key, one in measures.items():
        if not one.measured:
            name = measure_table().get(key, {}).get("name", key)
            found.setdefault(one.reason or "not defined here", []).append(name)
    return [(why, "; ".join(_once(names))) for why, names in found.items()]


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
