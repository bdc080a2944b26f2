"""Print the reference notebooks of the chapters that differ from the main branch, for nbval."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from paper_utils.book.chapters import Chapter, find_chapters

ROOT = Path(__file__).resolve().parents[1]


def _git(*arguments: str) -> list[str]:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def changed_files() -> set[str]:
    """Return the files that differ from where this branch left the main one, new ones too."""
    base = _git("merge-base", "HEAD", "origin/main") or _git("merge-base", "HEAD", "main")
    tracked = _git("diff", "--name-only", *(base or ["HEAD"]))
    return {*tracked, *_git("ls-files", "--others", "--exclude-standard")}


def changed_chapters(chapters: Iterable[Chapter], files: Iterable[str]) -> list[Chapter]:
    """Return the chapters whose source, own modules or reference are among `files`."""

    def own(chapter: Chapter) -> tuple[str, ...]:
        modules = f"src/paper_chapters/{chapter.slug.replace('-', '_')}/"
        return (f"notebooks/{chapter.name}.md", modules, f"tests/reference/{chapter.name}.ipynb")

    files = list(files)
    return [one for one in chapters if any(path.startswith(own(one)) for path in files)]


if __name__ == "__main__":
    for chapter in changed_chapters(find_chapters(ROOT), changed_files()):
        sys.stdout.write(f"tests/reference/{chapter.name}.ipynb\n")
