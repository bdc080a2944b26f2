"""The rendered pages, as files. What a browser sees of them is in `test_book_browser.py`."""

from __future__ import annotations

import json
import re
import runpy
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

from paper_utils import plots
from paper_utils.book.dark import strangers
from rendered import ROOT, pages_of, site_folder

_FETCHED_BY_CSS = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")


@pytest.fixture(scope="module")
def site() -> Path:
    """The rendered site."""
    return site_folder()


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, BeautifulSoup]:
    return pages_of(site)


def broken_links(site: Path, pages: dict[Path, BeautifulSoup]) -> list[str]:
    """Every link, image, script and style within the site that leads nowhere."""
    anchors = {
        path.resolve(): {tag.get("id") or tag.get("name") for tag in page.find_all(id=True)}
        | {tag["name"] for tag in page.find_all("a", attrs={"name": True})}
        for path, page in pages.items()
    }
    broken = []
    for path, page in pages.items():
        for tag in page.find_all(["a", "area", "img", "link", "script", "source", "iframe"]):
            target = tag.get("href") or tag.get("src")
            parts = urlsplit(target or "")
            if not target or parts.scheme or parts.netloc:
                continue
            place = path if not parts.path else path.parent / unquote(parts.path)
            place = place / "index.html" if place.is_dir() else place
            if not place.is_file():
                broken.append(f"{path.relative_to(site)}: {target}")
            elif parts.fragment and place.resolve() in anchors:
                if unquote(parts.fragment) not in anchors[place.resolve()]:
                    broken.append(f"{path.relative_to(site)}: {target} (no such anchor)")
    return broken


def foreign_resources(site: Path, pages: dict[Path, BeautifulSoup]) -> list[str]:
    """Everything that a browser would fetch from another host: tags and style sheets."""
    found = []
    for path, page in pages.items():
        for tag in page.find_all(["img", "script", "source", "iframe", "video", "audio", "embed"]):
            if urlsplit(tag.get("src", "")).netloc:
                found.append(f"{path.relative_to(site)}: {tag['src']}")
        for tag in page.find_all("link"):
            fetched = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch"}
            if fetched & set(tag.get("rel", [])) and urlsplit(tag.get("href", "")).netloc:
                found.append(f"{path.relative_to(site)}: {tag['href']}")
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        for match in _FETCHED_BY_CSS.finditer(text):
            found.append(f"{path.relative_to(site)}: {match[1]}")
    return found


def article_images(pages: dict[Path, BeautifulSoup]):
    for path, page in pages.items():
        for image in page.select("article img:not(.only-dark)"):  # its twin says the same
            yield path, image


def image_faults(site: Path, pages: dict[Path, BeautifulSoup]) -> list[str]:
    """Images without a caption, or without a good and unique alternative text."""
    faults = []
    texts = Counter(image.get("alt", "") for _, image in article_images(pages))
    for path, image in article_images(pages):
        name = f"{path.relative_to(site)}: {image.get('src')}"
        alt = image.get("alt", "").strip()
        figure = image.find_parent("figure")
        caption = figure.find("figcaption") if figure else None
        if caption is None or not caption.get_text(strip=True):
            faults.append(f"{name} has no caption")
        elif alt and alt in caption.get_text(" ", strip=True):
            faults.append(f"{name}: the alternative text repeats the caption")
        if len(alt) < 40:
            faults.append(f"{name}: the alternative text {alt!r} is shorter than 40 characters")
        elif texts[image.get("alt", "")] > 1:
            faults.append(f"{name}: the alternative text is used twice")
    for path, page in pages.items():
        for figure in page.select("article figure:not(:has(img, [role=img][aria-label]))"):
            faults.append(f"{path.relative_to(site)}: a figure shows no image: {figure.get('id')}")
    return faults


@pytest.mark.book
def test_every_page_of_the_contents_is_there(site):
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    for name in re.findall(r"(?:file|root):\s*(\S+)", contents):
        assert (site / f"{name}.html").is_file(), f"_toc.yml names {name}, the site lacks it"


@pytest.mark.book
def test_links_resolve(site, pages):
    assert broken_links(site, pages) == []


@pytest.mark.book
def test_nothing_is_fetched_from_another_host(site, pages):
    assert foreign_resources(site, pages) == []


@pytest.mark.book
def test_images_have_captions_and_alternative_texts(site, pages):
    assert image_faults(site, pages) == []


@pytest.mark.book
def test_every_figure_has_a_dark_version_in_known_colours(site, pages):
    for path, image in article_images(pages):
        name = f"{path.relative_to(site)}: {image['src']}"
        twin = image.find_next_sibling("img", class_="only-dark")
        assert "only-light" in image.get("class", ()) and twin, f"{name} has no dark version"
        kept = ("alt", "width", "height", "loading")
        assert [image.get(key) for key in kept] == [twin.get(key) for key in kept], name
        light, dark = (
            (path.parent / one["src"]).read_text(encoding="utf-8") for one in (image, twin)
        )
        assert dark != light and plots.PAPER.lower() not in dark, name
        unknown = strangers(light)
        assert not unknown, f"{name}: {unknown} have no dark colour (paper_utils.book.dark.DARK)"
        black = re.findall(r"<!-- (.+) -->\s*<g(?! style=.fill)", light)
        assert not black, f"{name}: letters are black: {black}"


@pytest.mark.book
def test_no_page_loads_scripts_without_use(site, pages):
    for path, page in pages.items():
        loaded = " ".join(tag["src"] for tag in page.select("script[src]"))
        assert "fontawesome" not in loaded, path.name
        assert ("searchindex" in loaded) == (path == site / "search.html"), path.name
        if "mathjax" in loaded:
            assert page.select_one(".math"), path.name


@pytest.mark.book
def test_no_chapter_shows_an_error(site):
    for path in sorted((site / "_sources").rglob("*.ipynb")):
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            for output in cell.get("outputs", []):
                assert output.output_type != "error", f"{path.name}, cell {number}"
                assert output.get("name") != "stderr", f"{path.name}, cell {number}: {output.text}"


@pytest.mark.book
def test_every_chapter_can_be_downloaded_as_it_was_executed(site, pages):
    found = 0
    for path, page in pages.items():
        for link in page.select(".dropdown-download-buttons a.btn-download-source-button"):
            if not path.name[:2].isdigit():
                continue
            notebook = nbformat.read(path.parent / link["href"], as_version=4)
            cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
            assert any(cell.outputs for cell in cells), path.name
            assert all(cell.execution_count for cell in cells if cell.source.strip()), path.name
            found += 1
    assert found == len(list((ROOT / "notebooks").glob("*.md")))


@pytest.mark.book
def test_no_path_of_the_building_machine_is_published(site):
    for path in [*site.rglob("*.html"), *(site / "_sources").rglob("*.*")]:
        text = path.read_text(encoding="utf-8")
        assert str(ROOT) not in text, path.relative_to(site)
        assert str(Path.home()) + "/" not in text, path.relative_to(site)


@pytest.mark.book
def test_there_is_no_link_to_a_repository_that_is_not_named(pages):
    settings = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    if settings["repository"]["url"]:
        pytest.skip("the repository has an address now")
    for path, page in pages.items():
        buttons = page.select(".btn-source-edit-button, .btn-source-repository-button")
        buttons += page.select(".btn-source-issues-button, .dropdown-launch-buttons")
        assert not buttons, path.name
        for link in page.find_all("a", href=True):
            for dead in ("executablebooks/jupyter-book", "mybinder.org", "/edit/", "/issues/new"):
                assert dead not in link["href"], f"{path.name}: {link['href']}"


@pytest.mark.book
def test_no_formula_can_lose_its_punctuation_to_the_next_line(pages):
    for path, page in pages.items():
        for formula in page.select("article span.math"):
            after = formula.next_sibling
            assert not re.match(r"[)\],.;:!?]", str(after or "")) or formula.find_parent(
                class_="together"
            ), f"{path.name}: {formula.get_text()} {after[:20]}"


@pytest.mark.book
def test_every_entry_of_the_bibliography_has_a_label_of_its_own(site, pages):
    labels = [
        label.get_text() for label in pages[site / "book" / "bibliography.html"].select(".label")
    ]
    assert "[Weller et al., 2026]" in labels
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("written", "glued"),
    [
        ("in {}, so", 'in <span class="together">{},</span> so'),
        ("({}).", '<span class="together">({}).</span>'),
        ("a {}-dimensional space", 'a <span class="together">{}-dimensional</span> space'),
        ("the top-{} set", 'the <span class="together">top-{}</span> set'),
        ("of {} and {} only", "of {} and {} only"),
    ],
)
def test_formulas_keep_their_neighbours(root, written, glued):
    namespace = runpy.run_path(str(root / "book" / "_ext" / "paper_html.py"))
    formula = '<span class="math notranslate nohighlight">\\(d_{eff}\\)</span>'
    page = f"<p>{written.replace('{}', formula)}</p>"
    assert namespace["keep_together"](page) == f"<p>{glued.replace('{}', formula)}</p>"


@pytest.mark.book
def test_a_link_to_any_page_shows_what_it_is(site, pages):
    seen = Counter()
    for path, page in pages.items():
        if (site / "book") not in path.parents:  # Sphinx's own: search and indexes
            continue
        tags = {tag["property"]: tag["content"] for tag in page.select("meta[property^='og:']")}
        assert tags["og:title"], path
        assert len(tags.get("og:description", "")) >= 40, path
        assert len(tags["og:description"]) <= 202, path
        assert not re.search(r"[\\$]", tags["og:description"]), f"{path}: TeX in its description"
        assert page.select_one("[name=description]")["content"] == tags["og:description"]
        for name in page.select(".opening-card dt"):
            if name.get_text().startswith("Claimed"):
                said = " ".join(name.find_next_sibling("dd").get_text().split())
                assert tags["og:description"][:40] not in said, f"{path} is described by a claim"
        seen[tags["og:title"]] += 1
    assert seen and seen.most_common(1)[0][1] == 1, "two pages have one title"


CARD = """
Title
=====

.. admonition:: In short
   :class: opening-card

   :Claimed: Everything collapses, at once and everywhere, and nothing can be done about it.
   :Found: {}
"""
TWO = "Two things share the *name*: one is a mean that all vectors share."


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (TWO, TWO.replace("*", "")),
        (f"With :math:`1/d_{{eff}}` it is so. {TWO} It is 0.5.", f"{TWO} It is 0.5."),
        (f"{TWO} {'Then more words follow, up to the end. ' * 9}", None),
        (f"A sentence {'of very many words ' * 20}.", None),
    ],
)
def test_a_chapter_is_described_by_what_it_found(root, found, shown):
    from docutils.core import publish_doctree

    description = runpy.run_path(str(root / "book" / "_ext" / "paper_html.py"))["description"]
    text = description(publish_doctree(CARD.format(found)))
    assert "collapses" not in text and "*" not in text and 40 <= len(text) <= 202
    assert text == shown.replace("*", "") if shown else text.startswith(("Two", "A sentence"))
    assert text.endswith((".", "…"))


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.md")), ids=lambda x: x.stem)
def test_a_chapter_can_be_described_in_plain_words(path):
    """Sentences with formulas are left out of its description: those without must say enough."""
    card = path.read_text(encoding="utf-8").partition(":class: opening-card")[2].partition(":::")[0]
    found = re.search(r":\*\*Found\*\*:(.*?)\n:\*\*", card, re.DOTALL)
    assert found, f"{path.name}: the card says nothing that was found"
    first = re.split(r"(?<=[.?!])\s+(?=[A-Z])", " ".join(found[1].split()))[0]
    assert "$" not in first and "{math}" not in first, (
        f"{path.name}: TeX in its description: {first}"
    )


def test_addresses_in_tags_are_absolute_or_absent(root):
    link_tags = runpy.run_path(str(root / "book" / "_ext" / "paper_html.py"))["link_tags"]
    page = {"title": 'A "b" <c>', "site": "Book", "about": "d & e", "kind": "article"}
    plain = BeautifulSoup(link_tags(**page), "html.parser")
    assert plain.select_one("[property='og:title']")["content"] == 'A "b" <c>'
    assert plain.select_one("[name=description]")["content"] == "d & e"
    assert not plain.select("[property='og:image'], [property='og:url']")
    image = "https://book.example/_static/x.png"
    full = BeautifulSoup(
        link_tags(**page, address="https://book.example/", image=image, shows="A title"),
        "html.parser",
    )
    assert full.select_one("[property='og:image']")["content"] == image
    assert full.select_one("[property='og:image:alt']")["content"] == "A title"
    assert full.select_one("[name='twitter:card']")["content"] == "summary_large_image"


@pytest.mark.book
def test_words_that_readers_look_for_stand_in_the_index_of_the_search(site):
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    kept = yaml.safe_load((ROOT / "book" / "keywords.yml").read_text(encoding="utf-8"))
    for page, words in kept.items():
        for word in words:
            assert any(
                index["docnames"][entry[0]] == page for entry in index["indexentries"][word.lower()]
            ), f"{word} does not lead to {page}"


@pytest.mark.book
def test_a_chapter_keeps_the_number_of_its_file_and_says_how_long_it_is(site, pages):
    for path in (ROOT / "notebooks").glob("*.md"):
        page = pages[site / "book" / "chapters" / f"{path.stem}.html"]
        number = str(int(path.stem[:2]))
        assert page.select_one("h1 .section-number").get_text().strip(" .") == number
        for caption in page.select("figcaption .caption-number"):
            assert caption.get_text().startswith(f"Fig. {number}."), path.stem
        line = page.select_one(".reading")
        assert re.match(r"\d+ min to read", line.get_text())
        assert line.a["href"] == f"cite.html#cite-{path.stem[3:]}"


def test_code_has_an_element_only_where_its_colour_differs(root):
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    names = runpy.run_path(str(root / "book" / "_ext" / "paper_code.py"))
    styles = [f"a11y-high-contrast-{kind}" for kind in ("light", "dark")]
    names["CLASSES"].update(names["shared_classes"](*styles))
    code = 'def f(a, b=1):  # so\n    return f"{a} is {b:.2f}" if a is not None else [a.b, "\\n"]\n'
    light, plain = (
        highlight(code, PythonLexer(), kind()) for kind in (names["Light"], HtmlFormatter)
    )
    assert BeautifulSoup(light, "html.parser").get_text().strip() == code.strip()
    assert len(light) < 0.6 * len(plain)

    def colours(page: str, style: str) -> list[str]:
        """The colour of every character, as the style sheet of the site gives it."""
        sheet = HtmlFormatter(style=style).get_style_defs()
        colour = dict(re.findall(r"^\.(\w+) \{ color: (#\w+)", sheet, re.MULTILINE))
        return [
            colour.get(" ".join(text.parent.get("class", [])), colour["n"])
            for text in BeautifulSoup(page, "html.parser").find_all(string=True)
            for letter in text
            if not letter.isspace()
        ]

    for style in styles:
        differ = {
            letter
            for letter, a, b in zip(
                "".join(code.split()), colours(light, style), colours(plain, style), strict=True
            )
            if a != b
        }
        assert differ <= set("=."), "operators alone are painted as names are"


def test_a_lost_link_leads_back_and_a_feed_names_every_chapter(root):
    names = runpy.run_path(str(root / "book" / "_ext" / "paper_share.py"))
    page = BeautifulSoup(names["lost_page"]("A & B", ""), "html.parser")
    assert page.title.get_text() == "No such page: A & B" and page.base is None
    assert "book/index.html" in [link["href"] for link in page.find_all("a")]
    text = names["feed"]("A & B", "https://a.example/x", "C", "2026-11-29", [("book/1", "T < U")])
    tree = ElementTree.fromstring(text.encode())
    space = "{http://www.w3.org/2005/Atom}"
    assert tree.findtext(f"{space}title") == "A & B"
    (entry,) = tree.findall(f"{space}entry")
    assert entry.findtext(f"{space}title") == "T < U"
    assert entry.find(f"{space}link").get("href") == "https://a.example/x/book/1.html"


def test_the_citation_names_the_version_of_the_package(root):
    import paper_utils

    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == paper_utils.__version__


def test_the_file_checks_notice_a_broken_site(tmp_path):
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "a.css").write_text('@import "https://fonts.example/x.css";')
    (tmp_path / "a.html").write_text(
        "<article><a href='b.html'>b</a><a href='#nowhere'>c</a><img src='gone.png' alt='short'>"
        "<figure><img src='gone.png' alt='A figure that says forty characters and then some.'>"
        "<figcaption>A figure that says forty characters and then some.</figcaption></figure>"
        "<figure id='legend'><pre>Legend at 0x7f</pre><figcaption>c</figcaption></figure>"
        "<script src='//cdn.example/x.js'></script></article>"
    )
    pages = pages_of(tmp_path)
    links = broken_links(tmp_path, pages)
    assert [link.split(": ")[1] for link in links] == [
        "b.html",
        "#nowhere (no such anchor)",
        "gone.png",
        "gone.png",
    ]
    assert len(foreign_resources(tmp_path, pages)) == 2
    faults = " ".join(image_faults(tmp_path, pages))
    assert "shows no image: legend" in faults
    assert "no caption" in faults and "shorter than 40" in faults and "repeats" in faults
