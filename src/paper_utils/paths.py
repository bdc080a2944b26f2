"""Where the book lies and where its outputs go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paper_utils.errors import PaperError

PACKAGE = Path(__file__).resolve().parent
RESOURCES = PACKAGE / "resources"


def project_root() -> Path:
    """Return the checkout that holds `_toc.yml`, `book/` and `notebooks/`. `PAPER_ROOT` wins; then
    the checkout of an editable installation; then the working directory and its parents.
    """
    named = os.environ.get("PAPER_ROOT")
    candidates = [Path(named)] if named else [PACKAGE.parents[1], Path.cwd(), *Path.cwd().parents]
    for folder in candidates:
        if (folder / "_toc.yml").is_file() and (folder / "notebooks").is_dir():
            return folder.resolve()
    where = f"PAPER_ROOT={named}" if named else "this folder or its parents"
    raise PaperError(
        f"no book found in {where}: run inside a clone of the project, or set PAPER_ROOT to one"
    )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and move it into place on success. A reader sees the old
    file or the new one, never half of one; an exception leaves the old file as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> bool:
    """Write `text` to `path` atomically; return whether anything changed."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return True
