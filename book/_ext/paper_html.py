"""Last touches to the HTML of a page that no style sheet can give.

Formulas stay on a line with their punctuation; wrong ARIA attributes and repeated ids go; the
formula renderer (1.3 MB) and scripts are loaded only where needed, the icon script nowhere; arrows
in the side bar have names; text in preformatted blocks wraps; and Open Graph tags say what a link
shows elsewhere.
"""

from __future__ import annotations

import html
import posixpath
import re
import shutil
from pathlib import Path

from docutils import nodes

from paper_utils.book.front_page import PREVIEW

_FORMULA = r'<span class="math notranslate nohighlight">[^<]*</span>'
_WITH_NEIGHBOURS = re.compile(rf"((?:\w+-|[(\[“‘])*)({_FORMULA})((?:[-–]\w+|[)\],.;:!?”’])*)")
_LINKED_PAGE = re.compile(r'<span class="std std-doc">([^<]*)</span>')  # styles nothing
_WRONG_ATTRIBUTES = re.compile(
    r' role="doc-biblioentry"'  # deprecated, and not allowed on a div
    r'|(?<=<div) role="list"(?= class="citation-list")'  # its children are no list items
    r'|(?<=<summary) aria-label="Toggle hidden content"'  # hides 'Show code cell source'
    r'|(?<=<div class="proof admonition") id="proof"| id="proof-content"'  # once a page is allowed
)

_SCRIPTS = {"claim-filter": "verdicts.js", "paper-widget": "widgets.js"}  # by what they work on
_ON_PAGES = {"search": "excerpts.js"}  # pages without a body of their own
_PREFORMATTED = re.compile(r"<pre>((?:<[^>]*>)*)([^<]*)</pre>")  # no markup inside: not code
_PAPER_TABLE = re.compile(r'<table class="paper-table">.*?</table>', re.DOTALL)
_NAMED_TWICE = re.compile(  # folded and open: the same words
    r'<p class="collapsed (admonition-title">[^<]*</p>)\s*<p class="expanded \1'
)
_NOTHING = '<td class="missing"><span aria-label="none">–</span>'
_ICONS, _SEARCH = (
    re.compile(rf'<script[^>]*src="[^"]*\b(?:{names})\.js[^>]*></script>\s*')
    for names in ("fontawesome", "searchtools|language_data|searchindex")
)
_TOGGLE = re.compile(r'(>([^<]*)</a><details[^>]*><summary)(><span class="toctree-toggle")')
_TRIANGLES = "Three triangles of squares, from almost empty to full."
_DESCRIPTION = 200  # characters that a preview shows
_TOO_SHORT = 40  # such a paragraph says nothing of its page
_FORMULA_HERE = "\0"
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=[^\W\d_a-zа-я])")


def keep_together(body: str) -> str:
    """Return `body` with each inline formula glued to punctuation or ``-dimensional`` around it.

    >>> keep_together('of <span class="math notranslate nohighlight">x</span>, say')
    'of <span class="together"><span class="math notranslate nohighlight">x</span>,</span> say'
    """

    def glue(match: re.Match) -> str:
        before, formula, after = match.groups()
        return f'<span class="together">{match[0]}</span>' if before or after else formula

    return _WITH_NEIGHBOURS.sub(glue, body)


def mark_sentences(body: str) -> str:
    """Return `body` with a class for the preformatted blocks that may wrap, having no columns.

    >>> mark_sentences("<pre>took 2 min; re-run: paper</pre>")
    '<pre class="sentences">took 2 min; re-run: paper</pre>'
    >>> mark_sentences("<pre>name   n\\nMiniLM 3</pre>")
    '<pre>name   n\\nMiniLM 3</pre>'
    """

    def mark(match: re.Match) -> str:
        columns = re.search(r"\S {2,}\S", match[2])
        return match[0] if columns else match[0].replace("<pre>", '<pre class="sentences">', 1)

    return _PREFORMATTED.sub(mark, body)


def light_cells(body: str) -> str:
    """Return `body` with its tables of numbers marking the cells with text, which are fewer.

    >>> light_cells('<table class="paper-table"><td>a</td><td class="number">1</td></table>')
    '<table class="paper-table"><td class="text">a</td><td>1</td></table>'
    """

    def swap(match: re.Match) -> str:
        cells = match[0].replace("<td>", '<td class="text">').replace('<td class="number">', "<td>")
        return cells.replace(_NOTHING, '<td class="missing">')  # the style sheet has the dash

    return _PAPER_TABLE.sub(swap, body)


def light_code(body: str) -> str:
    """Return `body` with folded cells that name once what they do.

    >>> words = 'admonition-title">Code: draw</p>'
    >>> light_code(f'<p class="collapsed {words}<p class="expanded {words}')
    '<p class="admonition-title">Code: draw</p>'
    """
    return _NAMED_TWICE.sub(r'<p class="\1', body)


def description(doctree) -> str:
    """Return what a page says of itself, as plain text of at most 200 characters.

    Of a chapter that is the field *Found* of its card, never what others claim; of another page
    its first paragraph. Sentences with formulas are left out.
    """
    if doctree is None:
        return ""
    for place in [*_found_fields(doctree), doctree]:
        for paragraph in place.findall(nodes.paragraph):
            text = _shortened(_plain_sentences(paragraph))
            if len(text) >= _TOO_SHORT:
                return text
    return ""


def _found_fields(doctree) -> list[nodes.Element]:
    return [
        field.children[1]
        for card in doctree.findall(nodes.Admonition)
        if "opening-card" in card.get("classes", ())
        for field in card.findall(nodes.field)
        if field.children[0].astext() == "Found"
    ]


def _plain_sentences(paragraph: nodes.Element) -> list[str]:
    """Return the sentences of a paragraph that hold no formula."""
    parts = []
    for node in paragraph.findall(lambda x: isinstance(x, nodes.Text | nodes.math)):
        if isinstance(node, nodes.math):
            parts.append(_FORMULA_HERE)
        elif not isinstance(node.parent, nodes.math):
            parts.append(node.astext())
    text = " ".join("".join(parts).split())
    return [one for one in _SENTENCE_END.split(text) if _FORMULA_HERE not in one]


def _shortened(sentences: list[str]) -> str:
    """Return as many whole sentences as fit, or the beginning of the first one."""
    text = ""
    for sentence in sentences:
        if len(text) + len(sentence) >= _DESCRIPTION:
            break
        text = f"{text} {sentence}".strip()
    if text or not sentences:
        return text
    return f"{sentences[0][:_DESCRIPTION].rsplit(' ', 1)[0]} …"


def link_tags(
    *,
    title: str,
    site: str,
    about: str,
    kind: str,
    address: str = "",
    image: str = "",
    shows: str = "",
) -> str:
    """Return the tags that say what a link to a page shows elsewhere.

    Addresses must be absolute: a site without one has no tags for page and image.

    >>> print(link_tags(title="A & B", site="Book", about="", kind="article"))
    <meta property="og:type" content="article" />
    <meta property="og:site_name" content="Book" />
    <meta property="og:title" content="A &amp; B" />
    <meta name="twitter:card" content="summary" />
    """
    found = {
        "og:type": kind,
        "og:site_name": site,
        "og:title": title,
        "og:description": about,
        "og:url": address,
        "og:image": image,
        "og:image:width": image and "1200",
        "og:image:height": image and "630",
        "og:image:alt": image and shows,
    }
    tags = [
        f'<meta property="{name}" content="{html.escape(text)}" />'
        for name, text in found.items()
        if text
    ]
    if about:
        tags.append(f'<meta name="description" content="{html.escape(about)}" />')
    card = "summary_large_image" if image else "summary"
    return "\n".join([*tags, f'<meta name="twitter:card" content="{card}" />'])


def _preview(app, name: str) -> Path:
    return Path(app.srcdir) / "book" / "chapters" / name


def _tags_of(app, pagename, context, doctree) -> str:
    base = app.config.html_baseurl
    front = pagename == app.config.root_doc
    site = app.config.html_title
    name = context.get("preview", PREVIEW)
    image = base and _preview(app, name).is_file() and posixpath.join(base, "_static", name)
    return link_tags(
        title=site if front else re.sub(r"<[^>]*>", "", html.unescape(context.get("title", ""))),
        site=site,
        about=description(doctree),
        kind="website" if front else "article",
        address=base and posixpath.join(base, f"{pagename}.html"),
        image=image or "",
        shows="The title of the chapter." if "preview" in context else _TRIANGLES,
    )


def touch_up(app, pagename, templatename, context, doctree) -> None:
    """Change the body, the scripts and the tags of a page before its template is filled."""
    body = context.get("body", "")
    if body:
        body = _LINKED_PAGE.sub(r"\1", _WRONG_ATTRIBUTES.sub("", light_code(body)))
        context["body"] = light_cells(mark_sentences(keep_together(body)))
    for name, script in _SCRIPTS.items():
        if f'class="{name}"' in body:
            app.add_js_file(script, loading_method="defer")
    if pagename in _ON_PAGES:
        app.add_js_file(_ON_PAGES[pagename], loading_method="defer")
    context["metatags"] = (
        f"{context.get('metatags', '')}\n{_tags_of(app, pagename, context, doctree)}"
    )
    if 'class="math' not in body:
        scripts = context["script_files"]
        context["script_files"] = [one for one in scripts if "mathjax" not in str(one.filename)]


def without_spare_scripts(page: str, *, searches: bool) -> str:
    """Return a page without the theme's icon script (1.5 MB): its style sheet has the same icons.

    The index of all words (0.5 MB) stays only on the page that searches; elsewhere it would answer
    while one types, which is off.

    >>> icons = '<script defer src="_static/scripts/fontawesome.js?digest=5"></script>'
    >>> index = '<script src="searchindex.js"></script>'
    >>> without_spare_scripts(icons + index, searches=False)
    ''
    >>> without_spare_scripts(icons + index, searches=True) == index
    True
    """
    page = _ICONS.sub("", page)
    return page if searches else _SEARCH.sub("", page)


def named_toggles(page: str) -> str:
    """Return a page in whose side bar the arrow that unfolds an entry has a name.

    >>> named_toggles('<a>A</a><details><summary><span class="toctree-toggle">')
    '<a>A</a><details><summary aria-label="Pages of A"><span class="toctree-toggle">'
    """
    return _TOGGLE.sub(r'\1 aria-label="Pages of \2"\3', page)


def mend_templates(app, exception) -> None:
    """Mend what the theme's templates wrote in all pages: scripts without use, nameless arrows."""
    if exception is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text("utf-8")
        mended = without_spare_scripts(
            named_toggles(page), searches=path == Path(app.outdir, "search.html")
        )
        if mended != page:
            path.write_text(mended, "utf-8")
    for path in (Path(app.outdir) / "_static" / "scripts").glob("fontawesome.js*"):
        path.unlink()


def copy_previews(app, exception) -> None:
    """Put the pictures for links where the tags say they are; without an address none are named."""
    if exception is None and app.builder.format == "html" and app.config.html_baseurl:
        for path in _preview(app, PREVIEW).parent.glob(f"{Path(PREVIEW).stem}*.png"):
            shutil.copyfile(path, Path(app.outdir) / "_static" / path.name)


def setup(app):
    """Connect to the writing of each page."""
    app.connect("build-finished", copy_previews)
    app.connect("build-finished", mend_templates)
    app.connect("html-page-context", touch_up, priority=900)  # after Sphinx has added MathJax
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
