"""A new chapter is one file and one line of `_toc.yml`; all else is made of these."""

from __future__ import annotations

import json

import nbformat
import pytest

from accept import accept
from book_in_miniature import CLAIMS, HEADER, PARAMETERS, RECORD, make_book
from paper_utils.book.chapters import Parameter, pick_chapter
from paper_utils.book.make import build
from paper_utils.book.state import Book


@pytest.mark.parametrize(
    ("default", "help", "smallest"),
    [
        (2000, "at least 50; at most 5_000", 50),
        (0.5, "a share, at least 0.1", 0.1),
        (7, "seeds every draw", 7),
        ([3, 2], "at least 2", [3]),
        ("ru", "one of: ru, en", "ru"),
        (True, "whether", True),
    ],
)
def test_the_smallest_value_of_a_parameter(default, help, smallest):
    assert Parameter("x", default, help).smallest == smallest


@pytest.mark.slow
def test_a_chapter_needs_its_source_and_a_line_of_the_contents(tmp_path, monkeypatch):
    root = make_book(tmp_path / "book")
    monkeypatch.setenv("PAPER_ROOT", str(root))
    text = (HEADER.replace("{title}", "Second") + PARAMETERS + RECORD).replace("T-1", "T-2")
    (root / "notebooks" / "02-second.md").write_text(text)
    contents = root / "_toc.yml"
    line = "  - file: book/chapters/01-first\n"
    contents.write_text(
        contents.read_text().replace(line, line + line.replace("01-first", "02-second"))
    )
    ledger = root / "book" / "claims.yml"
    ledger.write_text(CLAIMS + CLAIMS.replace("T-1", "T-2").replace(": first", ": second"))

    report = build(Book(root))
    assert report.rendered and not report.failures
    assert (Book(root).html / "book" / "chapters" / "02-second.html").is_file()

    smoke = Book(root, "smoke")
    assert smoke.parameters(pick_chapter(smoke.chapters, "second")) == {"n_items": 50, "seeds": [0]}
    made = [str(path.relative_to(root / "tests")) for path in accept("second", root)]
    assert made == [
        "expected/smoke.json",
        "reference/02-second.ipynb",
        "expected/default.json",
        "ledger_ids.txt",
    ]
    measured = [
        json.loads((root / "tests" / "expected" / f"{profile}.json").read_text())["T-2"]["measured"]
        for profile in ("smoke", "default")
    ]
    assert measured == [25, 100]
    assert (root / "tests" / "ledger_ids.txt").read_text() == "T-2\n"
    reference = nbformat.read(root / "tests" / "reference" / "02-second.ipynb", as_version=4)
    assert any("n_items = 50" in cell.source for cell in reference.cells)
    assert "ledger_ids.txt" not in [path.name for path in accept("second", root)]
