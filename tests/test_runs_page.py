"""The page on how the book was computed says what the runs say, and nothing of this build."""

from __future__ import annotations

import json

import pytest

from book_in_miniature import make_book
from paper_utils.book.make import build
from paper_utils.book.runs_page import runs_page
from paper_utils.book.state import Book
from paper_utils.results import index
from paper_utils.results.record import duration_text


@pytest.fixture(scope="module")
def text(root):
    return runs_page(Book(root))


def test_every_long_result_stands_there_with_its_provenance(root, text):
    rows = {
        line.split("</span>")[0].split('"')[1].removeprefix("run-"): line
        for line in text.splitlines()
        if line.startswith('| <span id="run-')
    }
    files = {path.stem: path for path in (root / "results").glob("*.json")}
    assert rows.keys() == files.keys()
    for name, path in files.items():
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["date"][:10] in rows[name]
        assert duration_text(content["duration_s"]) in rows[name]
        assert f"<br>`{index()[name].function}` |" in rows[name]
        assert content["command"] == f"paper results run {name}"
        listed = ", ".join(f"{key} {value}" for key, value in content["versions"].items())
        assert f": {listed} (" in text


def test_two_builds_write_the_same_page(root, text):
    assert runs_page(Book(root)) == text


def test_a_chapter_shows_its_parameters_and_what_it_recorded(tmp_path):
    book = Book(make_book(tmp_path / "book"), "smoke")
    assert not build(book, html=False).failures
    row = next(line for line in runs_page(book).splitlines() if "01-first.ipynb" in line)
    assert [one.strip() for one in row.split("|")[2:6]] == ["`n_items: 60`", "4", "1", "–"]
