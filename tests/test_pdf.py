"""The whole book as one PDF."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner

from paper_utils.book.pdf import chromium, headings, joined, write_pdf, write_summary
from paper_utils.book.state import Book
from paper_utils.book.verdict_page import headline_texts, load_headlines
from paper_utils.claims.accepted import accepted
from paper_utils.cli import main
from paper_utils.errors import PaperError
from rendered import ROOT, absent, site_folder

PIXEL = '<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'


@pytest.fixture
def small(tmp_path) -> Book:
    """A rendered site of two pages that lead to each other."""
    pages = {
        "book/index": "<h1 id='top'>Front</h1><p class='lead'>What it is.</p>"
        "<p><a href='chapters/one.html#far'>there</a> <a href='chapters/one.html'>start</a></p>",
        "book/chapters/one": "<h1 id='top'><span>1. </span>One of many, many words that need "
        "more than a line of the page</h1><p><a href='../index.html'>back</a>"
        "<a href='../../_sources/one.ipynb'>download</a><a href='https://a.example/'>away</a></p>"
        "<details class='admonition hide'><summary>Show</summary>hidden code</details>"
        "<details><summary>2 more</summary>rows</details><img src='../../_images/a.svg' alt='a'>"
        "<img class='only-dark' src='../../_images/a-dark.svg' alt='a'>"
        "<div style='height: 1500px'></div><h2 id='far'>Far down</h2>",
    }
    for name, body in pages.items():
        path = tmp_path / "_build" / "html" / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<body><article class='bd-article'>{body}</article></body>")
    (tmp_path / "_build" / "html" / "index.html").write_text("")
    (tmp_path / "_build" / "html" / "_images").mkdir()
    (tmp_path / "_build" / "html" / "_images" / "a.svg").write_text(PIXEL)
    (tmp_path / "_config.yml").write_text("title: A small book\nauthor: nobody\n")
    (tmp_path / "_toc.yml").write_text(
        "root: book/index\nparts:\n  - caption: Part\n    chapters:\n"
        "      - file: book/chapters/one\n"
    )
    return Book(tmp_path)


def test_links_lead_to_the_other_page_and_ids_stay_apart(small):
    page = BeautifulSoup(joined(small), "html.parser")
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(set(ids)) == len(ids)
    links = {a.get_text(): a.get("href") for a in page.select("article a")}
    assert links == {
        "there": "#d1-far",
        "start": "#d1",
        "back": "#d0",
        "download": None,
        "away": "https://a.example/",
    }
    assert [image["src"] for image in page.select("img")] == ["/_images/a.svg"]  # the light one
    assert "hidden code" not in page.get_text() and page.select_one("details[open]")


@pytest.mark.browser
def test_it_has_an_outline_page_numbers_and_living_links(small, tmp_path):
    from pypdf import PdfReader

    if chromium() is None:
        absent("no Chromium on this system: install the package chromium")
    path = tmp_path / "book.pdf"
    count = write_pdf(small, path)
    reader = PdfReader(path)
    assert len(reader.pages) == count >= 4
    assert reader.metadata.title == "A small book"
    front, one, (far,) = reader.outline
    assert (front.title, far.title) == ("Front", "Far down")
    assert one.title.startswith("1. One of many") and "lineOne" not in one.title
    begins = reader.get_destination_page_number(one)
    assert reader.get_destination_page_number(far) > begins
    contents = reader.pages[1].extract_text()
    assert contents.split()[-2:] == [str(begins + 1), "2"], "the chapter's page, then our own"
    links = [a.get_object() for a in reader.pages[2].get("/Annots", [])]
    assert len(links) == 2 and all("/Dest" in link or "/A" in link for link in links)


@pytest.mark.browser
@pytest.mark.book
def test_the_summary_has_two_pages_and_every_number_of_the_answers(tmp_path):
    from pypdf import PdfReader

    if chromium() is None:
        absent("no Chromium on this system: install the package chromium")
    site, book = site_folder(), Book(tmp_path)
    book.html.mkdir(parents=True)
    (book.html / "_static").symlink_to(site / "_static")
    pages = ["book/index.html", "book/chapters/cite.html", "book/chapters/summary.html"]
    for name in pages:
        (book.html / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(site / name, book.html / name)
    (tmp_path / "_config.yml").write_text("title: A small book\nauthor: nobody\n")
    path, count = write_summary(book)
    reader = PdfReader(path)
    assert len(reader.pages) == count == 2
    text = " ".join(page.extract_text() for page in reader.pages)
    told = {one["id"]: one for kind in ("claim", "question") for one in load_headlines(ROOT, kind)}
    for id, entry in told.items():  # of a claim with a question the page has that
        found = headline_texts(entry, accepted(id))[0]
        for number in re.findall(r"[+−]?\d[\d.,]*\d%?", found):
            assert number in text, f"{id}: {number}"
    for name in pages:
        page = BeautifulSoup((book.html / name).read_text(), "html.parser")
        (link,) = page.select(".summary-pdf a")
        assert ((book.html / name).parent / link["href"]).resolve() == path.resolve()
    before = [(book.html / name).read_text() for name in pages]
    write_summary(book)
    assert [(book.html / name).read_text() for name in pages] == before


def test_headings_are_told_as_they_are_read():
    assert headings("<h1>The critical \\(n\\)</h1><div><h2> A\n b </h2></div>") == [
        "The critical n",
        "A b",
    ]


def test_without_a_built_book_there_is_one_line(tmp_path):
    with pytest.raises(PaperError, match="run: paper build"):
        write_pdf(Book(tmp_path), tmp_path / "x.pdf")
    (tmp_path / "_build" / "html").mkdir(parents=True)
    (tmp_path / "_build" / "html" / "index.html").write_text("")
    (tmp_path / "_toc.yml").write_text("root: book/index\n")
    with pytest.raises(PaperError, match="lacks book/index; run: paper build"):
        write_pdf(Book(tmp_path), tmp_path / "x.pdf")
    with pytest.raises(PaperError, match="lacks book/chapters/summary; run: paper build"):
        write_summary(Book(tmp_path))
    assert "Example" in CliRunner().invoke(main, ["pdf", "--help"]).output


@pytest.mark.book
def test_the_book_joins_without_a_lost_link():
    root = Path(__file__).resolve().parents[1]
    if site_folder() != root / "_build" / "html":
        pytest.skip("PAPER_HTML names another site")
    page = BeautifulSoup(joined(Book(root)), "html.parser")
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(set(ids)) == len(ids)
    targets = [a["href"][1:] for a in page.select("a[href^='#']")]
    assert len(targets) > 200
    assert sorted(set(targets) - set(ids)) == []
