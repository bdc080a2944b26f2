"""The rendered site, for the tests that look at it as files and in a browser.

`PAPER_HTML` names another site than `_build/html`. Where there is no site, or no Chromium, the
tests are skipped with a word; in continuous integration (``CI=true``) they fail instead.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[1]


def absent(reason: str):
    """Skip, or fail where the thing must be there."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{reason} (CI is set, so this is a failure)")
    pytest.skip(reason)


def site_folder() -> Path:
    """Return the folder of the rendered site."""
    folder = Path(os.environ.get("PAPER_HTML") or ROOT / "_build" / "html")
    if not (folder / "book" / "index.html").is_file():
        absent(f"no built book in {folder}: run `make book`, or set PAPER_HTML")
    return folder


def page_paths(site: Path) -> list[Path]:
    """Return every page of a site, in order."""
    return [
        path
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.relative_to(site).parts
    ]


def pages_of(site: Path) -> dict[Path, BeautifulSoup]:
    """Return every page of a site, parsed."""
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in page_paths(site)
    }
