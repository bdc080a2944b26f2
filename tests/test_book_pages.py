"""The rendered pages, as files and in a browser.

`PAPER_HTML` names another site than `_build/html`. Where there is no site, or no Chromium, the
tests are skipped with a word; in continuous integration (``CI=true``) they fail instead.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import runpy
import shutil
import threading
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()

_FETCHED_BY_CSS = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")


def _absent(reason: str):
    """Skip, or fail where the thing must be there."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{reason} (CI is set, so this is a failure)")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def site() -> Path:
    """The rendered site."""
    folder = Path(os.environ.get("PAPER_HTML") or ROOT / "_build" / "html")
    if not (folder / "book" / "index.html").is_file():
        _absent(f"no built book in {folder}: run `make book`, or set PAPER_HTML")
    return folder


def pages_of(site: Path) -> dict[Path, BeautifulSoup]:
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.relative_to(site).parts
    }


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, BeautifulSoup]:
    return pages_of(site)


# ------------------------------------------------------------------------- what the files say


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
        for match in re.finditer(
            r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""", text
        ):
            found.append(f"{path.relative_to(site)}: {match[1]}")
    return found


def article_images(pages: dict[Path, BeautifulSoup]):
    for path, page in pages.items():
        for image in page.select("article img"):
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
        for figure in page.select("article figure:not(:has(img))"):
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
def test_no_chapter_shows_an_error(site):
    for path in sorted((site / "_sources").rglob("*.ipynb")):
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            for output in cell.get("outputs", []):
                assert output.output_type != "error", f"{path.name}, cell {number}"
                assert output.get("name") != "stderr", f"{path.name}, cell {number}: {output.text}"


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


# --------------------------------------------------------------------------- what a browser sees


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def serve():
    """Serve a folder on the loopback interface; returns its address."""
    servers = []

    def start(folder: Path) -> str:
        handler = functools.partial(_Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def chromium():
    """The system's Chromium, driven by playwright."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        _absent("no Chromium on this system: install the package chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


# Formulas are set after the page has loaded; then the page has its final size.
_SETTLED = """async () => {
  await document.fonts.ready;
  if (document.querySelector('script[src*="mathjax"]')) {
    while (!(window.MathJax && MathJax.startup && MathJax.startup.promise))
      await new Promise(done => setTimeout(done, 20));
    await MathJax.startup.promise;
  }
}"""
_LOOK = """() => {
  const scrolls = node => node && node !== document.body &&
    (['auto', 'scroll'].includes(getComputedStyle(node).overflowX) || scrolls(node.parentElement));
  const sticksOut = node => node.getBoundingClientRect().right > window.innerWidth + 1 &&
    !scrolls(node.parentElement) && !node.closest('mjx-assistive-mml');
  const stray = [...document.querySelectorAll('article *')].find(sticksOut);
  return {
    theme: document.documentElement.dataset.theme,
    page: document.documentElement.scrollWidth,
    window: window.innerWidth,
    stray: stray ? stray.outerHTML.slice(0, 120) : '',
    formulas: document.querySelectorAll('.math').length,
    rendered: document.querySelectorAll('mjx-container').length,
    wrong: [...document.querySelectorAll('mjx-merror')].map(node => node.textContent),
  };
}"""


def page_faults(chromium, address: str, names, width: int, theme: str | None) -> list[str]:
    """Look at each page once and return everything that a reader would stumble over."""
    faults: list[str] = []
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=theme or "light"
    )
    page = context.new_page()
    here = ""

    def complain(text: str) -> None:
        faults.append(f"{here} at {width} px, {theme}: {text}")

    def on_request(request) -> None:
        if not request.url.startswith((address + "/", "data:", "blob:")):
            complain(f"asks another host for {request.url}")

    page.on("console", lambda m: complain(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: complain(f"exception: {error}"))
    page.on("request", on_request)
    page.on("response", lambda r: complain(f"{r.status} {r.url}") if r.status >= 400 else None)
    for here in names:
        page.goto(f"{address}/{here}", wait_until="load")
        page.evaluate(_SETTLED)
        seen = page.evaluate(_LOOK)
        if theme and seen["theme"] != theme:
            complain(f"shows the {seen['theme']} theme")
        if seen["page"] > seen["window"]:
            complain(f"is {seen['page'] - seen['window']} px wider than the window")
        if seen["stray"]:
            complain(f"sticks out of the window: {seen['stray']}")
        if seen["formulas"] and not seen["rendered"]:
            complain("shows its formulas as source")
        for text in seen["wrong"]:
            complain(f"a formula is wrong: {text}")
    context.close()
    return faults


@pytest.mark.book
@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_is_sound(site, pages, serve, chromium, width, theme):
    names = [path.relative_to(site).as_posix() for path in pages if path.parent != site]
    names += ["search.html"]
    assert page_faults(chromium, serve(site), names, width, theme) == []


@pytest.mark.book
@pytest.mark.browser
def test_search_finds_a_word_of_every_chapter(site, pages, serve, chromium):
    address = serve(site)
    page = chromium.new_page()
    for path, content in pages.items():
        if path.parent != site / "book" / "chapters":
            continue
        heading = content.select_one("article h1")
        heading = heading.get_text(" ", strip=True) if heading else ""
        word = max(re.findall(r"[^\W\d_]+", heading), key=len)
        page.goto(f"{address}/search.html?q={word}")
        page.wait_for_selector("#search-results li a", timeout=10_000)
        found = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
        name = path.relative_to(site).as_posix()
        assert any(name in link for link in found), f"{word!r} does not find {name}: {found}"
    page.close()


_ROWS = "tr:has(.claim-mark)"
_SHOWN = "rows => rows.filter(row => row.offsetParent).map(row => row.querySelector('[id]').id)"


@pytest.mark.book
@pytest.mark.browser
def test_claims_are_filtered_with_the_keyboard_and_by_the_address(site, pages, serve, chromium):
    address = f"{serve(site)}/book/chapters/verdicts.html"
    marks = pages[site / "book" / "chapters" / "verdicts.html"].select(".claim-mark")
    source = marks[0]["data-source"]
    word = next(mark["data-verdict"] for mark in marks if mark["data-source"] == source)
    wanted = [m["id"] for m in marks if (m["data-source"], m["data-verdict"]) == (source, word)]
    assert 0 < len(wanted) < len(marks)
    page = chromium.new_page(viewport={"width": 390, "height": 800})
    page.goto(address)
    assert page.locator(_ROWS).evaluate_all(_SHOWN) == [mark["id"] for mark in marks]
    page.locator(".claim-filter select").select_option(source)
    page.locator(f".claim-filter [value={word}]").focus()
    page.keyboard.press("Space")
    assert page.locator(_ROWS).evaluate_all(_SHOWN) == wanted
    told = page.locator(".claim-filter [role=status]").text_content()
    assert told.startswith(f"{len(wanted)} of {len(marks)} claims")
    empty = page.locator("section:has(.claim-mark)").evaluate_all(
        "all => all.filter(one => one.offsetParent"
        " && !one.querySelector('tr:not([hidden]) .claim-mark'))"
    )
    assert empty == [], "a source without a claim to show is hidden with its heading"
    again = chromium.new_page()
    again.goto(page.url)
    assert again.locator(_ROWS).evaluate_all(_SHOWN) == wanted, "the address keeps the choice"
    again.locator(".claim-filter button").press("Enter")
    again.wait_for_function("!location.hash")
    assert len(again.locator(_ROWS).evaluate_all(_SHOWN)) == len(marks)
    again.goto(f"{address}#{marks[-1]['id']}")
    assert again.locator(f"tr:has(#{marks[-1]['id']})").is_visible()
    page.close()
    again.close()


@pytest.mark.book
@pytest.mark.browser
def test_without_scripts_every_claim_is_there_and_no_dead_control(site, pages, serve, chromium):
    marks = pages[site / "book" / "chapters" / "verdicts.html"].select(".claim-mark")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{serve(site)}/book/chapters/verdicts.html")
    assert len([row for row in page.locator(_ROWS).all() if row.is_visible()]) == len(marks)
    assert not page.locator(".claim-filter").is_visible()
    context.close()


@pytest.mark.browser
def test_the_browser_checks_notice_a_broken_page(tmp_path, serve, chromium):
    (tmp_path / "broken.html").write_text(
        "<article><p style='width: 900px'>wide</p></article><span class=math>\\(x\\)</span>"
        "<mjx-merror>Undefined control sequence</mjx-merror>"
        "<img src='http://localhost:9/pixel.png'><img src='gone.png'>"
        "<script>console.error('told'); throw new Error('thrown')</script>"
    )
    faults = " ".join(page_faults(chromium, serve(tmp_path), ["broken.html"], 390, "light"))
    for fault in (
        "console: told",
        "exception: thrown",
        "asks another host for http://localhost:9/pixel.png",
        "404 http://127.0.0.1",
        "wider than the window",
        "sticks out of the window: <p style",
        "formulas as source",
        "Undefined control sequence",
        "shows the None theme",
    ):
        assert fault in faults
