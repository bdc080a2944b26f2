"""The quick look that spares an unchanged book the long one."""

import os
import subprocess
import sys

import pytest

from book_in_miniature import make_book
from paper_utils.book import untouched
from paper_utils.book.make import build
from paper_utils.book.overview import overview
from paper_utils.book.state import Book


@pytest.fixture
def book(tmp_path):
    """A checkout in the form of one, with outputs."""
    for name in ("notebooks/01-a.md", "_toc.yml", "book/chapters/01-a.ipynb", "results/r.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    site = tmp_path / "_build" / "html"
    site.mkdir(parents=True)
    (site / "index.html").write_text("page")
    (tmp_path / "_build" / "claims.json").write_text("{}")
    made = Book(tmp_path)
    untouched.remember(made, untouched.sources(made))
    return made


def test_nothing_touched(book):
    assert untouched.is_untouched(book)


def test_what_a_build_does_not_read_is_not_looked_at(book):
    for name in (".git/index", ".venv/lib/a.py", "src/__pycache__/a.pyc", "_build/tmp/a"):
        path = book.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("other")
    assert untouched.is_untouched(book)


@pytest.mark.parametrize(
    "name",
    [
        "notebooks/01-a.md",
        "results/r.json",
        "book/chapters/01-a.ipynb",
        "_build/html/index.html",
        "_build/claims.json",
        "notebooks/02-new.md",
    ],
)
def test_every_source_and_output_counts(book, name):
    path = book.root / name
    path.write_text("next")  # as long as before
    os.utime(path, ns=(1, 1))
    assert not untouched.is_untouched(book)


def test_a_file_that_is_gone_counts(book):
    (book.html / "index.html").unlink()
    assert not untouched.is_untouched(book)


def test_a_source_touched_during_a_build_is_not_taken_for_built(book):
    before = untouched.sources(book)
    (book.root / "notebooks" / "01-a.md").write_text("edited meanwhile")
    untouched.remember(book, before)
    assert not untouched.is_untouched(book)


def test_links_to_nothing_and_odd_names_are_no_obstacle(book):
    (book.root / "notebooks" / ".#lock").symlink_to("nowhere")
    (book.root / "notebooks" / os.fsdecode(b"\xff.md")).write_text("not UTF-8, the name")
    untouched.remember(book, untouched.sources(book))
    assert untouched.is_untouched(book)


# ------------------------------------------------------------------------ `paper list`


def states(root):
    """What `paper list` says now, in a process of its own: caches of modules do not count."""
    code = (
        "from paper_utils.book import overview, state; import sys, pathlib;"
        "book = state.Book(pathlib.Path(sys.argv[1]));"
        "[print(e['chapter'], e['state'], e['title'], e['parameters'][0]['default'])"
        " for e in overview.overview(book)]; print('jupytext' in sys.modules)"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True
    )
    *lines, read = outcome.stdout.splitlines()
    return lines, read == "True"


@pytest.mark.slow
def test_the_list_of_chapters_is_read_once_and_never_wrong(tmp_path):
    root = make_book(tmp_path / "book")
    source = root / "notebooks" / "01-first.md"
    assert states(root) == (["first missing 01-first 200"], True)
    assert states(root) == (["first missing 01-first 200"], False)
    build(Book(root), html=False)
    assert states(root) == (["first fresh 01-first 200"], True)
    assert states(root) == (["first fresh 01-first 200"], False)
    source.write_text(source.read_text().replace("# 01-first", "# New").replace("= 200", "= 201"))
    assert states(root) == (["first stale New 201"], True)
    (root / "book" / "chapters" / "01-first.ipynb").unlink()
    assert states(root) == (["first missing New 201"], True)
    (root / "_build" / ".overview-default.json").write_text("half")
    assert states(root) == (["first missing New 201"], True)
    (root / "constraints.txt").write_text("numpy==0")
    assert states(root) == (["first missing New 201"], True)


def test_the_list_imports_nothing_heavy():
    code = "import sys, paper_utils.cli, paper_utils.book.overview; print(*sys.modules)"
    outcome = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"numpy", "pandas", "jupytext", "nbformat"} & set(outcome.stdout.split())


def test_a_source_that_changes_while_it_is_read_is_read_again(book):
    before = untouched.sources(book)
    (book.root / "notebooks" / "01-a.md").write_text("edited meanwhile")
    overview(book, before)
    assert not (book.root / "_build" / ".overview-default.json").exists()
