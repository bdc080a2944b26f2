"""The page on how the book was computed, from what the runs say of themselves."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nbformat

from paper_utils.book.state import Book, results_named, stamp_of
from paper_utils.claims import records_in
from paper_utils.claims.tables import table_row
from paper_utils.results import index, state_of
from paper_utils.results.record import duration_text, load

_NAMED = ("numpy", "scipy", "torch", "transformers", "sentence-transformers", "bm25s", "faiss-cpu")
_HEAD = """# How it was computed

This page is written by the build from what the runs say of themselves: the executed notebooks and
the files in `results/`. [Reproduce this book](../reproduce.md) has the commands.
"""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(map(table_row, [head, ["---"] * len(head), *rows]))


def _versions(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in found.items())


def installed_versions(names: Iterable[str] = _NAMED) -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on most.

    >>> list(installed_versions(["numpy", "no-such-package"]))
    ['python', 'numpy']
    """
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _chapters(book: Book) -> list[list[str]]:
    rows = []
    for chapter in book.chapters:
        path = book.target(chapter)
        if not path.is_file():
            continue
        notebook = nbformat.read(path, as_version=4)
        given = stamp_of(path).get("parameters") or {}
        used = [result.stem for result in results_named(book.root, chapter)]
        rows.append(
            [
                f"[{chapter.title}](./{chapter.name}.ipynb)",
                ", ".join(f"`{name}: {value}`" for name, value in given.items()) or "defaults",
                str(sum(cell.cell_type == "code" for cell in notebook.cells)),
                str(len(records_in(notebook))),
                ", ".join(f'<a href="#run-{name}">{name}</a>' for name in used) or "–",
            ]
        )
    return rows


def _place(content: Mapping[str, Any]) -> str:
    """Return machine and versions of one run."""
    machine = content["machine"]
    return (
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']} on "
        f"{machine['processor']}: {_versions(content['versions'])}"
    )


def _confirmed(content: Mapping[str, Any]) -> str:
    """Return when and how closely a record was last confirmed."""
    if not content["confirmations"]:
        return "–"
    last = content["confirmations"][-1]
    return (
        f"{last['date'][:10]}: {len(last['tasks'])} tasks, {last['compared']} numbers, off by at "
        f"most {last['largest_deviation']:.2g} of what is allowed"
    )


def _result_rows(contents: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    known = index()
    rows = []
    for name, content in contents.items():
        entry = known.get(name)
        stale = entry is None or state_of(content, entry.code_key) == "stale"
        why = "computed anew it differs" if "disagreement" in content else "the code has changed"
        took = duration_text(content["duration_s"])
        if content.get("cached_encodings"):
            took += " (encodings from the cache)"
        rows.append(
            [
                f'<span id="run-{name}"></span>**{name}**: {content["what"]}'
                + (f" (**stale**: {why} since)" if stale else "")
                + f"<br>`{entry.function if entry else content['function']}`",
                content["date"][:10],
                took,
                str(len(content["tasks"])),
                _confirmed(content),
            ]
        )
    return rows


def _result_table(rows: list[list[str]]) -> str:
    """Return the table of long results; where none was computed anew no column says so."""
    head = ["What", "Date", "Took", "Tasks", "Computed anew"]
    if all(row[-1] == "–" for row in rows):
        head, *rows = [line[:-1] for line in (head, *rows)]
    return _table(head, rows)


def _chapter_table(rows: list[list[str]]) -> str:
    """Return the table of chapters; what all have by default needs no column."""
    head = ["Chapter", "Parameters", "Code cells", "Claims recorded", "Long results shown"]
    if all(row[1] == "defaults" for row in rows):
        head, *rows = [[line[0], *line[2:]] for line in (head, *rows)]
    return _classed("chapters", _table(head, rows))


def _classed(name: str, table: str) -> str:
    """Return a table that the style sheet knows: on a phone each row is a card."""
    return f'<div class="runs {name}">\n\n{table}\n\n</div>'


def runs_page(book: Book) -> str:
    """Return the page as MyST Markdown; the same text for the same runs."""
    paths: list[Path] = sorted((book.root / "results").glob("*.json"))
    contents = {path.stem: load(path) for path in paths}
    parts = [
        _HEAD,
        "## Chapters\n",
        f"Executed with the profile `{book.profile}`, under {_versions(installed_versions())}. All "
        "versions are in `constraints.txt`. Parameters are the defaults unless a column names "
        "others; encoders run in single precision on the processor, one thread a chapter.\n",
        _chapter_table(_chapters(book)),
    ]
    if contents:
        total = sum(content["duration_s"] for content in contents.values())
        places = Counter(map(_place, contents.values()))
        parts += [
            "\n## Long results\n",
            f"{len(contents)} computations, {duration_text(total)} in all. A chapter that shows one"
            " computes a part of it anew, and the build fails when the two differ."
            " `paper results confirm NAME` compares it with tasks drawn at random,"
            " `paper results run NAME` computes it again.\n",
            _classed("results", _result_table(_result_rows(contents))),
            "\nThey were computed on:\n",
            "\n".join(f"- {place} ({n} of them)" for place, n in places.items()),
        ]
    return "\n".join(parts) + "\n"
