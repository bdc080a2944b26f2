"""How to cite the book and each chapter: BibTeX made of `CITATION.cff` and the chapters' titles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from paper_utils.book.chapters import Chapter
from paper_utils.book.pdf import LINK, SUMMARY

_KEY = "dual-encoder-limits"


def citation(root: Path) -> dict[str, Any]:
    """Return the contents of `CITATION.cff`, the date as a date; empty without such a file."""
    path = root / "CITATION.cff"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}


def bibtex(kind: str, key: str, **fields: str) -> str:
    """Return one entry; a title keeps its capitals.

    >>> print(bibtex("misc", "a", title="A B", year="2026"))
    @misc{a,
      title = {{A B}},
      year = {2026},
    }
    """
    doubled = {"title", "booktitle", "author"}
    lines = [
        f"  {name} = {{{{{text}}}}}," if name in doubled else f"  {name} = {{{text}}},"
        for name, text in fields.items()
        if text
    ]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def plain_title(title: str) -> str:
    """Return a title without the marks of formulas and of code."""
    return re.sub(r"[{}\\$`*]", "", title)


def cite_page(root: Path, chapters: Sequence[Chapter]) -> str:
    """Return the page as MyST Markdown."""
    book = citation(root)
    if not book:
        return "# How to cite\n"
    day = book["date-released"]
    shared = {
        "author": " and ".join(one["name"] for one in book["authors"]),
        "year": str(day.year),
        "month": f"{day:%b}".lower(),
        "note": f"Version {book['version']}",
        "url": book.get("url", ""),
    }
    lines = [
        "# How to cite",
        "",
        f"This is version {book['version']} of {day.day} {day:%B %Y}, by {shared['author']}. "
        "A chapter keeps its number and the name of its file from one version to the next; what it "
        "measures may change, so cite the version.",
        "",
        f"In a hurry, or for a meeting: [the book on two pages](./{SUMMARY}.md). {LINK}",
        "",
        "## The book",
        "",
        _code(bibtex("misc", _KEY, title=book["title"], **shared)),
    ]
    for chapter in chapters:
        number = chapter.name.partition("-")[0]
        title = plain_title(chapter.title)
        entry = bibtex(
            "incollection",
            f"{_KEY}:{chapter.slug}",
            title=title,
            booktitle=book["title"],
            chapter=str(int(number)),
            **shared,
        )
        lines += [f"(cite-{chapter.slug})=", f"## {int(number)}. {title}", "", _code(entry)]
    return "\n".join(lines)


def _code(text: str) -> str:
    return f"```bibtex\n{text}\n```\n"
