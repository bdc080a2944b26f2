"""The pages of the parts: what their chapters found and how long they are; captions lead there.

What they show of a chapter is what its rendered page says of itself.
"""

from __future__ import annotations

import re
from pathlib import Path

_MINUTES = re.compile(r'<p class="reading">(\d+) min')
_FOUND = re.compile(r'<meta name="description" content="([^"]*)"')
_EMPTY = re.compile(r'<span data-(minutes|found)="([^"]*)"></span>')
_FIRST = re.compile(
    r'(class="caption-text">)([^<]*)(</span></p>\s*<ul[^>]*>\s*)'
    r'<li class="toctree-l1[^"]*"><a class="([^"]*)" href="([^"]*)">\2</a>\s*</li>'
)

_TOGGLE = '<summary><span class="toctree-toggle"'  # the theme's, an icon without words


def filled(page: str, chapters: dict[str, str]) -> str:
    """Return a page whose empty elements have minutes and findings of `chapters`, HTML by name.

    >>> chapters = {"1-a": '<p class="reading">3 min', "2-b": '<p class="reading">4 min'}
    >>> filled('<span data-minutes="1-a 2-b"></span> min', chapters)
    '7 min'
    """

    def fill(match: re.Match) -> str:
        read = [chapters[name] for name in match[2].split()]
        if match[1] == "minutes":
            return str(sum(int(_MINUTES.search(one)[1]) for one in read))
        return " ".join(_FOUND.search(one)[1] for one in read)

    return _EMPTY.sub(fill, page)


def linked_captions(page: str) -> str:
    """Return a page in whose side bar a caption leads to the first entry of the same name.

    >>> linked_captions('<p><span class="caption-text">A</span></p><ul>'
    ...     '<li class="toctree-l1"><a class="internal" href="a.html">A</a></li></ul>')
    '<p><span class="caption-text"><a class="internal" href="a.html">A</a></span></p><ul></ul>'
    """
    return _FIRST.sub(r'\1<a class="\4" href="\5">\2</a>\3', page)


def named_toggles(page: str) -> str:
    """Return a page in whose side bar what unfolds the pages below another has a name.

    >>> named_toggles('<summary><span class="toctree-toggle">')
    '<summary aria-label="Pages below this one"><span class="toctree-toggle">'
    """
    return page.replace(_TOGGLE, _TOGGLE.replace(">", ' aria-label="Pages below this one">'))


def finish(app, exception) -> None:
    """Fill the pages of the parts; link the captions of all side bars and name their toggles."""
    if exception is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "book" / "chapters"
    chapters = {path.stem: path.read_text("utf-8") for path in folder.glob("[0-9][0-9]-*.html")}
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text("utf-8")
        changed = named_toggles(linked_captions(page))
        if path.parent == folder and path.stem.startswith("part-"):
            changed = filled(changed, chapters)
        if changed != page:
            path.write_text(changed, "utf-8")


def setup(app):
    """Connect to the end of the build."""
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
