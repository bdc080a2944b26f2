"""The whole book as one PDF: the rendered pages joined, and printed by the system's Chromium.

All pages become one document, so that links between chapters, the outline and the page numbers are
those of the book. It is printed twice: the first time tells on which page each chapter begins.
"""

from __future__ import annotations

import io
import logging
import mimetypes
import posixpath
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from paper_utils.book.state import Book, pages_in, toc_files
from paper_utils.errors import PaperError
from paper_utils.paths import replacing

SUMMARY = "summary"
LINK = '<span class="summary-pdf"></span>'
"""Where pages lead to the printed summary, once there is one."""

# No such host exists: every request is answered from the folder of the site.
_HOST = "http://book.invalid"
_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--font-render-hinting=none"]
_GONE = (
    "a.headerlink, details.hide, script, style, button, .claim-filter, .toctree-wrapper, "
    ".only-dark, .paper-widget, .summary-pdf"
)
_POINTS_TO_IDS = ("aria-labelledby", "aria-describedby", "aria-controls", "for")

_STYLE = """
@page { size: A4; margin: 20mm 18mm 22mm; }
html, body { background: #fff !important; margin: 0; padding: 0; width: 174mm !important; }
html[data-theme="light"] { --paper-bg: #fff; font-size: 13.5px; }
.bd-main, .bd-content, .bd-article-container {
  display: block !important; margin: 0 !important; max-width: none !important;
  overflow: visible !important; padding: 0 !important; width: 174mm !important;
}
.bd-article { font-size: 1.06rem; line-height: 1.5; overflow: visible; padding: 0 !important; }
article.bd-article { break-before: page; }
.bd-article h1 { display: block !important; }
.bd-article figure img, .bd-article .cell_output img { max-height: 225mm; width: 34rem; }
.bd-article table { font-size: 0.74rem; }
.bd-article table.wide :is(th, td) { overflow-wrap: anywhere; }
.bd-article .sd-row { display: grid; grid-template-columns: repeat(3, 1fr); margin: 0; }
.bd-article .sd-col { max-width: none; padding: 0 0.4rem; width: auto; }
dl.py dt { overflow-wrap: anywhere; }
a { text-decoration: none !important; }
#book-title { break-after: page; padding-top: 70mm; }
#book-title .name { font: 600 2.9rem/1.15 var(--paper-serif); }
#book-title p { font: 400 1.2rem/1.5 var(--paper-serif); max-width: 34rem; }
#book-contents p { font: 600 1.6rem var(--paper-serif); }
#book-contents p { margin: 0 0 0.8rem; }
#book-contents .part { font: 600 0.95rem var(--pst-font-family-base); margin: 0.7rem 0 0.15rem; }
#book-contents ol {
  font: 400 1.05rem/1.5 var(--paper-serif); list-style: none; margin: 0; padding: 0;
}
#book-contents li { display: flex; gap: 0.4rem; }
#book-contents a { color: inherit; }
#book-contents i { border-bottom: 1px dotted #999; flex: 1; margin-bottom: 0.4rem; }
"""
_SHEET = """
@page { margin: 11mm 14mm 13mm; }
html[data-theme="light"] { font-size: 11.2px; }
html, body, .bd-main, .bd-content, .bd-article-container { width: 182mm !important; }
.bd-article { font-size: 1rem; line-height: 1.36; }
.bd-article h1 { font-size: 2rem !important; margin: 0 !important; padding: 0; }
.bd-article h2 { column-span: all; font-size: 1.25rem; margin: 0.7rem 0 0.4rem; padding: 0; }
.bd-article p.lead { font-size: 1.12rem; margin: 0.1rem 0 0.3rem; }
.bd-article p { margin: 0 0 0.25rem; }
.bd-article section section { column-gap: 8mm; columns: 2; }
.bd-article section section:last-of-type { break-before: page; }
.bd-article ul.headlines > li { break-inside: avoid; margin: 0 0 0.75rem; }
.bd-article p:has(> .place:first-child) { break-before: avoid; margin-bottom: 0.8rem; }
.bd-article p, .bd-article .small-chart { break-inside: avoid; orphans: 3; widows: 3; }
.bd-article .place, .bd-article ul.headlines .claimed { font-size: 0.86rem !important; }
.bd-article p:has(> .place:first-child) { line-height: 1.25; }
.bd-article .small-chart { break-before: avoid; margin: 0.2rem 0; max-width: 46mm; }
.bd-article a { color: inherit !important; }
"""
_FOOTER = (
    '<div style="color:#545d69;font:8px sans-serif;padding:0 18mm;text-align:right;width:100%">'
    '<span class="pageNumber"></span></div>'
)
_SETTLED = """async () => {
  for (const image of document.images) image.loading = 'eager';
  await document.fonts.ready;
  if (document.querySelector('script[src*="mathjax"]')) {
    while (!(window.MathJax && MathJax.startup && MathJax.startup.promise))
      await new Promise(done => setTimeout(done, 50));
    await MathJax.startup.promise;
  }
  await Promise.all([...document.images].map(image => image.decode().catch(() => image.src)));
  // Words break inside where a table would otherwise be cut off at the edge of the sheet.
  for (const table of document.querySelectorAll('.bd-article table'))
    if (table.offsetWidth > table.closest('article').clientWidth) table.classList.add('wide');
  await document.fonts.ready;
}"""


def _target(name: str, address: str) -> str:
    """Return the path within the site that `address` means on the page `name`."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(address)))


def _article(site: Path, name: str, number: dict[str, int]) -> Any:
    """Return the article of one page, its ids and links as the joined document needs them."""
    from bs4 import BeautifulSoup

    page = BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
    article = page.select_one("article.bd-article")
    if article is None:
        raise PaperError(f"{name}.html has no article: build the book again")
    for tag in article.select(_GONE):
        tag.decompose()
    for tag in article.select("details"):
        tag["open"] = ""
    mine = number[name]
    for tag in article.find_all(True):
        if tag.get("id"):
            tag["id"] = f"d{mine}-{tag['id']}"
        for attribute in _POINTS_TO_IDS:
            tag.attrs.pop(attribute, None)
    for tag in article.select("img[src]"):
        if not urlsplit(tag["src"]).scheme:
            tag["src"] = "/" + _target(f"{name}.html", tag["src"])
    for tag in article.select("a[href]"):
        parts = urlsplit(tag["href"])
        if parts.scheme or parts.netloc:
            continue
        path = _target(f"{name}.html", parts.path) if parts.path else f"{name}.html"
        there = number.get(path.removesuffix(".html"))
        if there is None:
            del tag["href"]  # a file for download
        else:
            tag["href"] = f"#d{there}-{unquote(parts.fragment)}" if parts.fragment else f"#d{there}"
    article["id"] = f"d{mine}"
    return article


def _head(site: Path, names: list[str]) -> str:
    """Return style sheets and formula renderer, as the pages of the site load them."""
    from bs4 import BeautifulSoup

    kept: dict[str, None] = {}
    for name in names:
        page = BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        for tag in page.select("link[rel=stylesheet], script"):
            address = tag.get("href") or tag.get("src")
            if tag.name == "script" and "mathjax" not in str(tag).lower():
                continue
            if address:
                tag["href" if tag.name == "link" else "src"] = "/" + _target(
                    f"{name}.html", address
                )
            kept[str(tag)] = None
    return "\n".join(kept)


def _contents(root: Path, titles: dict[str, str], number: dict[str, int], pages: dict) -> str:
    """Return the table of contents, with page numbers where they are known."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    lines = ['<nav id="book-contents"><p>Contents</p>']
    for part in toc.get("parts", []):
        names = pages_in(part)
        caption = part.get("caption", "")
        if titles[names[0]] != caption:  # else the page of the part stands for it
            lines.append(f"<p class='part'>{caption}</p>")
        lines.append("<ol>")
        lines += [
            f"<li class='{'part' if titles[name] == caption else 'page'}'>"
            f'<a href="#d{number[name]}">{titles[name]}</a><i></i>'
            f"<span>{pages.get(number[name], '000')}</span></li>"
            for name in names
        ]
        lines.append("</ol>")
    return "\n".join([*lines, "</nav>"])


def joined(book: Book, pages: dict[int, int] | None = None) -> str:
    """Return the rendered book as one HTML document.

    `pages` maps the number of a document to the page of the PDF on which it begins.
    """
    names = list(toc_files(book.site))
    lost = [name for name in names if not (book.html / f"{name}.html").is_file()]
    if lost:
        raise PaperError(f"the built book lacks {', '.join(lost)}; run: paper build")
    number = {name: place for place, name in enumerate(names)}
    articles = [_article(book.html, name, number) for name in names]
    titles = {
        name: article.find("h1").get_text(" ", strip=True)
        for name, article in zip(names, articles, strict=True)
    }
    settings = _settings(book)
    lead = articles[0].select_one(".lead")
    about = lead.get_text(" ", strip=True) if lead else ""
    body = [
        f"<header id='book-title'><p class='name'>{settings['title']}</p><p>{about}</p>",
        f"<p>{settings['author'][:1].upper()}{settings['author'][1:]}</p></header>",
        _contents(book.root, titles, number, pages or {}),
        *map(str, articles),
    ]
    return _document(book, names, _STYLE, body)


def _settings(book: Book) -> dict[str, Any]:
    return yaml.safe_load((book.site / "_config.yml").read_text(encoding="utf-8"))


def _document(book: Book, names: list[str], style: str, body: list[str]) -> str:
    """Return a document whose style sheets are those of the pages `names`."""
    return "\n".join(
        [
            '<!doctype html><html lang="en" data-theme="light" data-mode="light"><head>',
            f'<meta charset="utf-8"><title>{_settings(book)["title"]}</title>',
            _head(book.html, names),
            f"<style>{style}</style></head><body><main class='bd-main'><div class='bd-content'>",
            "<div class='bd-article-container'>",
            *body,
            "</div></div></main></body></html>",
        ]
    )


def _answer(site: Path, document: Callable[[], str]) -> Callable[[Any], None]:
    def answer(route: Any) -> None:
        path = unquote(urlsplit(route.request.url).path)
        file = site / path.lstrip("/")
        if path == "/":
            route.fulfill(body=document(), content_type="text/html; charset=utf-8")
        elif route.request.url.startswith(_HOST) and file.is_file():
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            route.fulfill(path=file, content_type=kind)
        else:
            route.abort()

    return answer


def _print(browser: Any, site: Path, html: str) -> bytes:
    page = browser.new_page(color_scheme="light", viewport={"width": 794, "height": 1123})
    page.set_default_timeout(600_000)
    page.route("**/*", _answer(site, lambda: html))
    page.emulate_media(media="print", color_scheme="light")  # what is measured is what is printed
    page.goto(f"{_HOST}/", wait_until="load")
    page.evaluate(_SETTLED)
    wrong = page.locator("mjx-merror").count()
    if wrong:
        raise PaperError(f"{wrong} formulas are wrong: see the tests of the pages")
    content = page.pdf(
        prefer_css_page_size=True,
        print_background=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=_FOOTER,
        outline=True,
        tagged=True,
    )
    page.close()
    return content


def first_pages(content: bytes) -> dict[int, int]:
    """Return on which page each document of the book begins, by its number.

    Chromium gives every target of a link a name in the PDF; a document's is `d` and its number.
    """
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(content))
    found = {}
    for name, target in reader.named_destinations.items():
        match = re.fullmatch(r"/?d(\d+)", name)
        place = reader.get_destination_page_number(target) if match else None
        if place is not None:
            found[int(match[1])] = place + 1
    return found


def headings(html: str) -> list[str]:
    """Return the text of all headings of a document, in order.

    >>> headings("<h1><span>1. </span>Hubs of \\\\(n\\\\) points</h1><p>text</p><h2>Why</h2>")
    ['1. Hubs of n points', 'Why']
    """
    from bs4 import BeautifulSoup

    found = BeautifulSoup(html, "html.parser").find_all(re.compile("^h[1-6]$"))
    texts = [" ".join(one.get_text("", strip=False).split()) for one in found]
    return [re.sub(r"\\[()]|\\(?:mathrm|text)\b|[{}]", "", text) for text in texts]


def _name_outline(writer: Any, titles: list[str]) -> None:
    """Name the entries of the outline: Chromium doubles the text of a heading with a number."""
    from pypdf.generic import NameObject, TextStringObject

    def walk(node: Any) -> Iterator[Any]:
        while node is not None:
            entry = node.get_object()
            yield entry
            if "/First" in entry:
                yield from walk(entry["/First"])
            node = entry.get("/Next")

    outline = writer.root_object.get("/Outlines")
    entries = list(walk(outline["/First"])) if outline is not None else []
    if len(entries) != len(titles):
        raise PaperError(f"the outline has {len(entries)} entries for {len(titles)} headings")
    for entry, title in zip(entries, titles, strict=True):
        entry[NameObject("/Title")] = TextStringObject(title)


@contextmanager
def _browser() -> Iterator[Any]:
    try:
        import pypdf  # noqa: F401  # it writes what the browser prints
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise PaperError(f"{error.name} is missing; run: pip install -e '.[pdf]'") from None
    program = chromium()
    if program is None:
        raise PaperError("the PDF is printed by Chromium, and there is none: install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def chromium() -> str | None:
    """Return the path of the system's Chromium, None where there is none."""
    programs = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, programs)), None)


def write_pdf(book: Book, path: Path) -> int:
    """Print the rendered book to `path` with Chromium; return the number of its pages."""
    if not (book.html / "index.html").is_file():
        raise PaperError("there is no built book; run: paper build")
    page = joined(book)
    with _browser() as browser:
        draft = _print(browser, book.html, page)
        content = _print(browser, book.html, joined(book, first_pages(draft)))
    return _save(book, content, path, headings(page))


def write_summary(book: Book) -> tuple[Path, int]:
    """Print the summary beside its page and link it where there is room for that.

    Returned are its path and the number of its pages.
    """
    name = f"book/chapters/{SUMMARY}"
    if not (book.html / f"{name}.html").is_file():
        raise PaperError(f"the built book lacks {name}; run: paper build")
    document = _document(book, [name], _STYLE + _SHEET, [str(_article(book.html, name, {name: 0}))])
    with _browser() as browser:
        content = _print(browser, book.html, document)
    path = book.html / f"{name}.pdf"
    count = _save(book, content, path, headings(document))
    for page in book.html.glob("book/**/*.html"):
        text = page.read_text(encoding="utf-8")
        if LINK in text:
            here = posixpath.dirname(page.relative_to(book.html).as_posix())
            link = f'<a href="{posixpath.relpath(f"{name}.pdf", here)}">Print it (PDF).</a>'
            page.write_text(text.replace(LINK, LINK.replace("><", f">{link}<")), encoding="utf-8")
    return path, count


def _save(book: Book, content: bytes, path: Path, titles: list[str]) -> int:
    """Write a printed document with its outline and its authors; return how many pages it has."""
    from pypdf import PdfReader, PdfWriter

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it counts other objects than Chromium
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(content)))
    _name_outline(writer, titles)
    settings = _settings(book)
    writer.add_metadata({"/Title": settings["title"], "/Author": settings["author"]})
    with replacing(path) as temporary:
        writer.write(temporary)
    return len(writer.pages)
