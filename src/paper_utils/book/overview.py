"""What `paper list` shows of each chapter, kept under `_build` while no file is touched."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from paper_utils.book import untouched
from paper_utils.book.chapters import Chapter
from paper_utils.book.state import Book
from paper_utils.paths import write_text


def overview(book: Book, before: str | None = None) -> list[dict[str, Any]]:
    """Return chapter, file, title, state, error and parameters of every chapter.

    `before` is what `untouched.sources` gave before anything of `book` was read; by default
    nothing was.
    """
    before = before or untouched.sources(book)
    key = before + untouched.notebooks(book)
    path = book.root / "_build" / f".overview-{book.profile}.json"
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["key"] == key:
            return kept["chapters"]
    found = [_entry(book, chapter) for chapter in book.chapters]
    if untouched.sources(book) + untouched.notebooks(book) == key:
        with suppress(OSError):  # a checkout that cannot be written is read again each time
            write_text(path, json.dumps({"key": key, "chapters": found}, ensure_ascii=False))
    return found


def _entry(book: Book, chapter: Chapter) -> dict[str, Any]:
    broken = chapter.broken
    return {
        "chapter": chapter.slug,
        "file": str(chapter.path.relative_to(book.root)),
        "title": chapter.slug if broken else chapter.title,
        "state": book.state(chapter),
        "error": broken,
        "parameters": [
            {"name": item.name, "default": item.default, "help": item.help}
            for item in ([] if broken else chapter.parameters.values())
        ],
    }
