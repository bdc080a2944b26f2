"""Each figure in two versions, of which the theme shows one.

Beside `_images/NAME.svg` stands `_images/NAME-dark.svg`, and beside the image of a page a second
one with the same text. What is not shown is neither loaded nor read aloud. Both say their size, so
that the page does not move when they come.
"""

from __future__ import annotations

import re
from pathlib import Path

from paper_utils.book.dark import darkened

_IMAGE = re.compile(r'<img ([^>]*?src="[^"]*_images/)([^"/]+)\.svg"[^>]*>')
_POINTS = re.compile(r'<svg[^>]* width="([\d.]+)pt" height="([\d.]+)pt"')  # as matplotlib has it


def in_both_themes(body: str, sizes: dict[str, tuple[int, int]]) -> str:
    """Return `body` with two images for each one whose name has a size, in pixels.

    The pair has an element of its own: the theme hides captions that follow a hidden image.

    >>> print(in_both_themes('<img alt="A" src="_images/a.svg" />', {"a": (4, 3)}))
    <span><img alt="A" src="_images/a.svg" class="only-light" width="4" height="3" loading="lazy">
    <img alt="A" src="_images/a-dark.svg" class="only-dark" width="4" height="3" loading="lazy">
    </span>
    """

    def pair(match: re.Match) -> str:
        before, name = match.groups()
        if name not in sizes:
            return match[0]
        width, height = sizes[name]
        rest = f'width="{width}" height="{height}" loading="lazy"'
        light = f'<img {before}{name}.svg" class="only-light" {rest}>'
        dark = f'<img {before}{name}-dark.svg" class="only-dark" {rest}>'
        return f"<span>{light}\n{dark}\n</span>"

    return _IMAGE.sub(pair, body)


def write_dark(app, pagename, templatename, context, doctree) -> None:
    """Write the dark versions of what a page shows, and let the page show both."""
    body = context.get("body", "")
    source = {name: Path(app.srcdir, place) for place, name in app.builder.images.items()}
    sizes = {}
    for _, stem in _IMAGE.findall(body):
        svg = source[f"{stem}.svg"].read_text("utf-8")
        points = _POINTS.search(svg)
        if points:
            sizes[stem] = tuple(round(float(one) * 4 / 3) for one in points.groups())
            place = Path(app.outdir, app.builder.imagedir, f"{stem}-dark.svg")
            place.parent.mkdir(exist_ok=True)
            place.write_text(darkened(svg), "utf-8")
    context["body"] = in_both_themes(body, sizes)


def setup(app):
    """Connect to the writing of each page."""
    app.connect("html-page-context", write_dark)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
