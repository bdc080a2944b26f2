"""Whether any file was touched since a build that left nothing to do.

The fingerprints say what is out of date, but they read every source. This looks at names, sizes
and times of change alone; a file that was touched and not changed costs the longer look, no more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from paper_utils.book.state import Book
from paper_utils.fingerprint import packages, sha256
from paper_utils.paths import write_text


def sources(book: Book) -> str:
    """Return a checksum of what a build of `book` may read: checkout and package."""
    outputs = {book.root / "_build", book.root / "book" / "chapters"}
    return _listing([book.root, *packages()], outputs)


def notebooks(book: Book) -> str:
    """Return a checksum of the executed notebooks of `book`, those that failed included."""
    return _listing([book.built, book.failed], set())


def remember(book: Book, before: str) -> None:
    """Note that everything is up to date, unless a source was touched since `before`."""
    if sources(book) == before:
        write_text(_stamp(book), before + _outputs(book))


def is_untouched(book: Book) -> bool:
    """Return whether sources and outputs lie as when that was noted."""
    try:
        noted = _stamp(book).read_text(encoding="utf-8")
    except OSError:
        return False
    return noted == sources(book) + _outputs(book)


def _stamp(book: Book) -> Path:
    return book.root / "_build" / f".untouched-{book.profile}"


def _outputs(book: Book) -> str:
    site = book.site / "book" if book.site != book.root else book.built
    return _listing([site, book.html, book.site / "_build" / "claims.json"], set())


def _listing(places: list[Path], left_out: set[Path]) -> str:
    parts: list[str | bytes] = [sys.version]
    for place in places:
        for path in sorted(_files(place, left_out)):
            parts += [os.fsencode(path), _touched(path)]
    return sha256(*parts)


def _touched(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:  # a link to nothing, or gone meanwhile
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


def _files(place: Path, left_out: set[Path]) -> Iterator[Path]:
    if place.is_file():
        yield place
    for folder, folders, names in os.walk(place):
        here = Path(folder)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name != "__pycache__" and here / name not in left_out
        ]
        yield from (here / name for name in names)
