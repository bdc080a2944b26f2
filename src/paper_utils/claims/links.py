"""Links from one chapter to another, as MyST."""

from __future__ import annotations

import re
from functools import cache

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.paths import project_root


@cache
def _chapters() -> dict[str, tuple[str, str]]:
    found = {}
    for path in sorted((project_root() / "notebooks").glob("[0-9]*-*.md")):
        title = re.search(r"^# (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        slug = path.stem.partition("-")[2]
        found[slug] = path.stem, title[1].strip() if title else slug
    return found


def chapter_link(slug: str) -> str:
    """Return a link to a chapter, with its title.

    >>> chapter_link("margin")
    '[Dimension is cheap, margin is not](./08-margin.ipynb)'
    """
    known = _chapters()
    if slug not in known:
        raise UsageError(f"no chapter {slug!r}; {did_you_mean(slug, known)}")
    name, title = known[slug]
    return f"[{title}](./{name}.ipynb)"
