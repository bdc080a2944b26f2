"""What lets readers plan, cite and follow: reading time, citation, version, lost links, a feed.

All of it is made of `CITATION.cff` and the pages; the feed needs the address of the site.
"""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from string import Template

from docutils import nodes

from paper_utils.book.cite_page import citation
from paper_utils.book.front_page import preview_name

_WORDS_A_MINUTE = 220
_FOLDED = {"cell", "dropdown", "toggle"}
_HEADING_END = "</h1>"


def words(doctree) -> int:
    """Return how many words of prose a page has; cells and what is folded away are not counted."""
    return sum(
        len(paragraph.astext().split())
        for paragraph in doctree.findall(nodes.paragraph)
        if not _is_folded(paragraph)
    )


def _is_folded(node) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, nodes.Element) and _FOLDED & set(node.get("classes", ())):
            return True
    return False


def minutes(count: int) -> int:
    """Return the minutes that it takes to read so many words, at least one.

    >>> minutes(10), minutes(2200), minutes(2201)
    (1, 10, 11)
    """
    return max(1, math.ceil(count / _WORDS_A_MINUTE))


def on_page(app, pagename, templatename, context, doctree) -> None:
    """Say under the heading of a chapter how long it takes to read, and where to cite it."""
    name = pagename.rpartition("/")[2]
    number, _, slug = name.partition("-")
    if doctree is None or not number.isdigit():
        return
    line = f'<p class="reading">{minutes(words(doctree))} min to read'
    if "book/chapters/cite" in app.env.found_docs:
        line += f' · <a href="cite.html#cite-{slug}">cite this chapter</a>'
    before, end, after = context["body"].partition(_HEADING_END)
    context["body"] = f"{before}{end}{line}</p>{after}" if end else before
    context["preview"] = preview_name(name)


def set_footer(app, config) -> None:
    """Put version and date under every page."""
    book = citation(Path(app.srcdir))
    if book:
        day = book["date-released"]
        config.html_theme_options["extra_footer"] = (
            f"<p>Version {book['version']}, {day.day} {day:%B %Y}.</p>"
        )


_LOST = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>No such page: $title</title>
$base<link rel="icon" href="_static/favicon.svg">
<style>
:root {
  background: light-dark(#fbfaf6, #14181e);
  color: light-dark(#1f2933, #e5e3dd);
  color-scheme: light dark;
}
body { font: 1.15rem/1.6 Georgia, serif; margin: 12vh auto; max-width: 34rem; padding: 0 1.2rem; }
a { color: light-dark(#2b49a8, #a3b7f7); }
</style>
</head>
<body>
<main>
<h1>There is no such page</h1>
<p>The link is wrong, or the page has moved. Chapters keep their number and their file's name.</p>
<ul>
<li><a href="book/index.html">$title</a>, the front page</li>
<li><a href="search.html">Search the book</a></li>
<li><a href="book/chapters/verdicts.html">Every claim with its verdict</a></li>
<li><a href="book/glossary.html">Glossary</a></li>
</ul>
</main>
</body>
</html>
""")


def lost_page(title: str, address: str) -> str:
    """Return the page for addresses that lead nowhere; its links need the site's own.

    >>> '<base href="https://a.example/b/">' in lost_page("B", "https://a.example/b")
    True
    """
    base = f'<base href="{escape(address.rstrip("/"))}/">\n' if address else ""
    return _LOST.substitute(title=escape(title), base=base)


def feed(title: str, address: str, author: str, day: str, pages: list[tuple[str, str]]) -> str:
    """Return an Atom feed of the chapters of this version, as (page, title)."""
    base, stamp = address.rstrip("/"), f"{day}T00:00:00Z"
    lines = ['<?xml version="1.0" encoding="utf-8"?>', '<feed xmlns="http://www.w3.org/2005/Atom">']
    lines += [f"<title>{escape(title)}</title>", f"<id>{escape(base)}/</id>"]
    lines += [f"<updated>{stamp}</updated>", f"<author><name>{escape(author)}</name></author>"]
    lines.append(f'<link rel="self" href="{escape(base)}/feed.xml"/>')
    for page, name in pages:
        where = f"{escape(base)}/{page}.html"
        lines.append(
            f"<entry><title>{escape(name)}</title><id>{where}</id><updated>{stamp}</updated>"
            f'<link href="{where}"/></entry>'
        )
    return "\n".join([*lines, "</feed>", ""])


def write_files(app, exception) -> None:
    """Write the page for lost links, and the feed where the site has an address."""
    if exception is not None or app.builder.name != "html":
        return
    title, address, out = app.config.html_title, app.config.html_baseurl, Path(app.outdir)
    if app.config.root_doc != "book/index":
        return  # one chapter on its own
    (out / "404.html").write_text(lost_page(title, address), encoding="utf-8")
    book = citation(Path(app.srcdir))
    if address and book:
        pages = [
            (page, app.env.titles[page].astext())
            for page in sorted(app.env.found_docs)
            if page.rpartition("/")[2][:2].isdigit()
        ]
        author, day = book["authors"][0]["name"], str(book["date-released"])
        (out / "feed.xml").write_text(feed(title, address, author, day, pages), encoding="utf-8")


def setup(app):
    """Connect to settings, pages and the end of the build."""
    app.connect("config-inited", set_footer, priority=100)
    app.connect("html-page-context", on_page, priority=800)  # before the tags are made
    app.connect("build-finished", write_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
