"""A reader's own run, as a page of its own, with titles that mean harm."""

from __future__ import annotations

import csv

import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner

from paper_utils.cli import main

pytestmark = pytest.mark.slow

HOSTILE = [
    "<script>alert(1)</script> дрель",
    "<img src=x onerror=alert(2)> шуруповёрт",
    "дрель | ударная | **750Вт** `код` $x$ \\alpha {glue:text}`worst`",
    '"кавычки" & &amp; <b>жирный</b>',
    "дрель " * 1700,
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of the first chapter on a catalogue of hostile and ordinary titles."""
    folder = tmp_path_factory.mktemp("own")
    with (folder / "titles.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["title"])
        writer.writerows([[title] for title in HOSTILE])
        writer.writerows([[f"дрель ударная {number} Вт"] for number in range(60)])
    arguments = ["run", "cosine-collapse", "--html", "-o", str(folder / "out")]
    for name, value in (
        ("catalogue", str(folder / "titles.csv")),
        ("models", "[random]"),
        ("n_items", "65"),
    ):
        arguments += ["-p", name, value]
    outcome = CliRunner().invoke(main, arguments)
    assert outcome.exit_code == 0, outcome.output + outcome.stderr
    path = folder / "out" / "html" / "book" / "chapters" / "01-cosine-collapse.html"
    assert str(path) in outcome.stdout
    return path


def test_titles_are_text_and_nothing_else(page):
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    assert not soup.select("img[onerror], img[src=x]")
    assert all("alert(" not in script.get_text() for script in soup.find_all("script"))


def test_the_page_has_its_figures_and_citations(page):
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    assert len(soup.select("figure img")) >= 5
    citations = soup.select("a.reference.internal[href*='bibliography']")
    assert citations and all(link.get_text(strip=True) for link in citations)
    assert "[?]" not in soup.get_text()


def test_links_lead_somewhere(page):
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    assert "chapter on hubs" in " ".join(soup.get_text().split())  # a link in the book
    places = {tag["id"] for tag in soup.select("[id]")}
    targets = [link["href"][1:] for link in soup.select("article a[href^='#']")]
    assert [target for target in targets if target and target not in places] == []


def test_the_checkout_keeps_no_scratch(page, root):
    import os

    left = [path.name for path in (root / "_build" / "tmp").glob(f"{os.getpid()}-*")]
    assert left == []
