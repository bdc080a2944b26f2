"""The pages of the parts: nothing typed that the chapters say, nothing left empty."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import yaml

from paper_utils.book.chapters import find_chapters
from paper_utils.book.part_pages import counted_verdicts, page_of_part, part_pages
from paper_utils.book.source_pages import PAGES
from paper_utils.book.state import pages_in
from paper_utils.claims import Claim, Record, judge
from paper_utils.errors import PaperError
from rendered import ROOT, pages_of, site_folder

TEXTS = yaml.safe_load((ROOT / "book" / "parts.yml").read_text(encoding="utf-8"))
PARTS = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]


def verdict(id, chapter, measured, **more):
    rule = {"kind": "at_least", "value": 0}
    claim = Claim(id, "own", "here", "s", "own", chapter, rule=rule, **more)
    return judge(claim, Record(id, measured))


def test_every_part_with_chapters_has_a_page_and_every_chapter_a_part(root):
    chapters = {one.name for one in find_chapters(root)}
    within = {
        page_of_part(part): [name for page in pages_in(part) if (name := Path(page).name)]
        for part in PARTS
        if chapters & {Path(page).name for page in pages_in(part)}
    }
    assert set(within) == set(TEXTS)
    assert sorted(name for names in within.values() for name in names[1:]) == sorted(chapters)
    named = {Path(page).name for part in PARTS for page in pages_in(part)}
    assert set(PAGES) <= named


@pytest.mark.parametrize("name", TEXTS)
def test_the_words_of_a_part_are_few_and_type_no_number(name):
    assert set(TEXTS[name]) == {"answers", "order"}
    text = " ".join(TEXTS[name].values())
    assert not re.search(r"\d", text)
    assert 30 <= len(text.split()) <= 90


def test_a_page_has_its_chapters_in_order_with_their_verdicts(root):
    verdicts = [
        verdict("O-1", "hubness", 1),
        verdict("O-2", "hubness", -1),
        verdict("O-3", "hubness", {"a": 1, "b": -1}),
        verdict("O-4", "hubness", 1, restates=["O-1"]),
    ]
    pages = part_pages(root, find_chapters(root), verdicts)
    assert list(pages) == list(TEXTS)
    text = pages["part-quality"]
    part = next(one for one in PARTS if page_of_part(one) == "part-quality")
    assert text.startswith(f"# {part['caption']}\n")
    names = [Path(page).name for page in pages_in(part)][1:]
    assert re.findall(r"\]\(\./([\w-]+)\.ipynb\)", text) == names
    assert re.findall(r'data-minutes="([^"]*)"', text) == [" ".join(names), *names]
    assert re.findall(r'data-found="([^"]*)"', text) == names
    assert counted_verdicts(verdicts[:3]) in text and "0 claims</span>" in text
    assert re.sub("<[^>]*>", "", counted_verdicts(verdicts[:3])) == (
        "3 claims ✓ holds 1 ◐ conditional 1 ✗ fails 1"
    )


def test_a_part_without_words_is_named(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "parts.yml").write_text("part-a: {answers: a, order: b}\n")
    (tmp_path / "_toc.yml").write_text(
        "parts:\n- caption: B\n  chapters:\n  - file: book/chapters/part-b\n"
    )
    with pytest.raises(PaperError, match=r"parts\.yml has nothing on 'part-b'.*'part-a'"):
        part_pages(tmp_path, [], [])


def test_what_a_chapter_says_of_itself_fills_the_page(root):
    names = runpy.run_path(str(root / "book" / "_ext" / "paper_parts.py"))
    chapters = {
        "1-a": '<meta name="description" content="A &lt; B." /><p class="reading">3 min to read',
        "2-b": '<meta name="description" content="C." /><p class="reading">4 min to read',
    }
    page = '<span data-minutes="1-a 2-b"></span> min. <span data-found="1-a"></span>'
    assert names["filled"](page, chapters) == "7 min. A &lt; B."
    with pytest.raises(KeyError):
        names["filled"](page, {})


def test_a_caption_leads_to_the_page_of_its_name_only(root):
    linked = runpy.run_path(str(root / "book" / "_ext" / "paper_parts.py"))["linked_captions"]
    item = '<li class="toctree-l1"><a class="reference internal" href="{}.html">{}</a></li>\n'
    bar = '<p class="caption"><span class="caption-text">{}</span></p>\n<ul class="nav">\n{}</ul>'
    other = bar.format("A", item.format("b", "B"))
    assert linked(other) == other
    page = linked(bar.format("A", item.format("a", "A") + item.format("b", "B")))
    assert page.count("<li") == 1
    assert '"caption-text"><a class="reference internal" href="a.html">A</a></span>' in page


def test_what_unfolds_pages_has_a_name_once(root):
    named = runpy.run_path(str(root / "book" / "_ext" / "paper_parts.py"))["named_toggles"]
    page = named('<details><summary><span class="toctree-toggle" role="presentation"></span>')
    assert page.startswith('<details><summary aria-label="Pages below this one"><span class="toc')
    assert named(page) == page


@pytest.mark.book
def test_the_pages_that_list_claims_stay_light():
    folder = site_folder() / "book" / "chapters"
    for name in ("verdicts", "summary", *PAGES, *TEXTS):
        assert (folder / f"{name}.html").stat().st_size <= 250_000, name


@pytest.mark.book
def test_the_rendered_pages_are_full_and_the_side_bar_leads_to_them():
    site = site_folder()
    pages = pages_of(site)
    for part in PARTS:
        if not (name := page_of_part(part)):
            continue
        page = pages[site / "book" / "chapters" / f"{name}.html"]
        assert page.h1.contents[0] == part["caption"], "a part has no number"
        assert not page.select("[data-minutes], [data-found]")
        times = [int(one) for one in re.findall(r"(\d+) min to read", page.article.get_text())]
        assert times[0] == sum(times[1:]) and len(times) == len(pages_in(part))
        for path, other in pages.items():
            if (site / "book") not in path.parents:
                continue
            (caption,) = [
                one
                for one in other.select(".bd-sidebar-primary .caption-text")
                if one.get_text() == part["caption"]
            ]
            target = caption.a["href"]
            assert target == "#" if path.stem == name else target.endswith(f"{name}.html")
