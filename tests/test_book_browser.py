"""The rendered pages, as a browser shows them.

Every page is opened once a width and shown in both themes; what a reader would stumble over is
gathered and compared with nothing. One class a width, so that workers share them; each reuses one
browser.
"""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup

from paper_chapters.margin.plane import on_circle, widest_query
from paper_chapters.margin.rounded_codes import precision_dimension
from paper_chapters.norm_growth.expected_norm import expected_cosine
from paper_utils.book import pdf
from paper_utils.codes.additive import AdditiveLaw
from paper_utils.codes.capacity import critical_dimension
from paper_utils.geometry.stability import expected_margin, swap_probability
from paper_utils.theory.construction import (
    equal_angles,
    set_margins,
    trigonometric_curve,
    trigonometric_queries,
)
from paper_utils.theory.margin import margin_ceiling
from rendered import absent, page_paths, pages_of, site_folder

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
CHROMIUM_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="class")
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


@pytest.fixture(scope="class")
def chromium():
    """The system's Chromium, driven by playwright."""
    program = pdf.chromium()
    if program is None:
        absent("no Chromium on this system: install the package chromium")
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
# A page hears of another theme when it is painted.
_REPAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_LOOK = """() => {
  const scrolls = node => node && node !== document.body &&
    (['auto', 'scroll'].includes(getComputedStyle(node).overflowX) || scrolls(node.parentElement));
  const sticksOut = node => node.getBoundingClientRect().right > window.innerWidth + 1 &&
    !scrolls(node.parentElement) && !node.closest('mjx-assistive-mml');
  const stray = [...document.querySelectorAll('article *')].find(sticksOut);
  // Where a background has an image axe-core cannot tell.
  const drowned = [...document.querySelectorAll('article *')].find(node => {
    const look = getComputedStyle(node);
    return look.color === look.backgroundColor && node.textContent.trim();
  });
  return {
    theme: document.documentElement.dataset.theme,
    page: document.documentElement.scrollWidth,
    window: window.innerWidth,
    stray: stray ? stray.outerHTML.slice(0, 120) : '',
    drowned: drowned ? drowned.outerHTML.slice(0, 120) : '',
    formulas: document.querySelectorAll('.math').length,
    rendered: document.querySelectorAll('mjx-container').length,
    wrong: [...document.querySelectorAll('mjx-merror')].map(node => node.textContent),
    mute: [...document.querySelectorAll('img:not([alt])')].map(node => node.src),
  };
}"""
_JUDGE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  return violations
    .filter(one => ['serious', 'critical'].includes(one.impact))
    .map(one => `${one.impact} ${one.id} (${one.nodes.length}): ${one.nodes[0].html}`);
}"""


def page_faults(
    chromium, address: str, names, width: int, themes: tuple[str, ...], *, axe: str
) -> list[str]:
    """Open each page once, in the first theme, and return what a reader would stumble over.

    In the theme `axe`, axe-core looks for barriers too: its serious and critical ones are faults.
    """
    faults: list[str] = []
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    here = theme = ""

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
        page.emulate_media(color_scheme=themes[0])
        page.goto(f"{address}/{here}", wait_until="load")
        page.evaluate(_SETTLED)
        for theme in themes:
            page.emulate_media(color_scheme=theme)
            page.evaluate(_REPAINTED)
            for text in looks(page.evaluate(_LOOK), theme):
                complain(text)
            if theme == axe:
                page.evaluate(AXE.read_text(encoding="utf-8"))
                for text in page.evaluate(_JUDGE):
                    complain(f"axe: {text}")
    context.close()
    return faults


def looks(seen: dict, theme: str) -> Iterator[str]:
    """Yield what is wrong with the page that `_LOOK` has seen in `theme`."""
    if seen["theme"] != theme:
        yield f"shows the {seen['theme']} theme"
    if seen["page"] > seen["window"]:
        yield f"is {seen['page'] - seen['window']} px wider than the window"
    if seen["stray"]:
        yield f"sticks out of the window: {seen['stray']}"
    if seen["drowned"]:
        yield f"has text in the colour of its background: {seen['drowned']}"
    if seen["formulas"] and not seen["rendered"]:
        yield "shows its formulas as source"
    yield from (f"a formula is wrong: {text}" for text in seen["wrong"])
    yield from (f"an image has no alternative text: {source}" for source in seen["mute"])


@pytest.fixture(scope="class")
def site() -> Path:
    """The rendered site."""
    return site_folder()


@pytest.fixture(scope="module")
def pages() -> dict[Path, BeautifulSoup]:
    return pages_of(site_folder())


@pytest.fixture(scope="class")
def names(site) -> list[str]:
    """Every page, relative to the site; the root of the site only leads on."""
    paths = [path.relative_to(site) for path in page_paths(site) if path.parent != site]
    return [*(path.as_posix() for path in paths), "genindex.html", "search.html"]


# axe-core takes longer than all else, and what it finds depends on the width or on the theme: each
# of them is judged once.


@pytest.mark.book
@pytest.mark.browser
class TestOnADesk:
    def test_every_page_is_sound(self, site, names, serve, chromium):
        themes = ("light", "dark")
        assert page_faults(chromium, serve(site), names, 1280, themes, axe="light") == []


_MARKS = """() => [...document.querySelectorAll('article details.hide > summary')].flatMap(
  one => [one, ...one.children].filter(part => getComputedStyle(part).display === 'list-item')
    .length)"""


@pytest.mark.book
@pytest.mark.browser
class TestFoldedCells:
    def test_each_has_one_mark_and_one_name(self, site, serve, chromium):
        page = chromium.new_page()
        page.goto(f"{serve(site)}/book/chapters/05-hubness.html")
        marks = page.evaluate(_MARKS)
        assert len(marks) > 20 and set(marks) == {1}
        page.close()


_SEEN = """() => {
  const look = (node, style = getComputedStyle(node)) => style.color + style.backgroundColor;
  return {
    figures: [...document.querySelectorAll('article img')].filter(one => one.offsetParent)
      .map(one => one.src),
    colours: [...document.querySelectorAll('article :is(p, a, td, pre, figcaption)')].map(look),
  };
}"""


@pytest.mark.book
@pytest.mark.browser
class TestFigures:
    def test_the_theme_shows_one_version_and_loads_no_other(self, site, serve, chromium):
        loaded: list[str] = []
        page = chromium.new_page(color_scheme="dark")
        page.on("request", lambda request: loaded.append(request.url))
        page.goto(f"{serve(site)}/book/chapters/05-hubness.html")
        page.evaluate(_SETTLED)
        shown = page.evaluate(_SEEN)["figures"]
        assert shown and all(one.endswith("-dark.svg") for one in shown)
        for one in page.locator("article img:visible").all():
            one.scroll_into_view_if_needed()
        page.wait_for_function(
            "() => [...document.querySelectorAll('article .only-dark')].every(one => one.complete)"
        )
        assert {one for one in loaded if "/_images/" in one} == set(shown)
        assert [one for one in loaded if "fontawesome" in one] == []  # paper.css has its few signs
        page.close()

    def test_paper_is_light_in_the_dark_theme_too(self, site, serve, chromium):
        page = chromium.new_page()
        page.goto(f"{serve(site)}/book/chapters/05-hubness.html")
        page.evaluate(_SETTLED)
        seen = []
        for theme in ("light", "dark"):
            page.emulate_media(media="print", color_scheme=theme)
            page.evaluate(_REPAINTED)
            seen.append(page.evaluate(_SEEN))
        assert seen[0]["figures"] == seen[1]["figures"] != []
        assert seen[0]["colours"] == seen[1]["colours"] != []
        page.close()


@pytest.mark.book
@pytest.mark.browser
class TestOnAPhone:
    def test_every_page_is_sound(self, site, names, serve, chromium):
        themes = ("dark", "light")
        assert page_faults(chromium, serve(site), names, 390, themes, axe="dark") == []


@pytest.mark.book
@pytest.mark.browser
class TestSearch:
    def test_it_finds_a_word_of_every_chapter(self, site, pages, serve, chromium):
        address = serve(site)
        page = chromium.new_page()
        for path, content in pages.items():
            if path.parent != site / "book" / "chapters":
                continue
            heading = content.select_one("article h1")
            heading = heading.get_text(" ", strip=True) if heading else ""
            word = max(re.findall(r"[^\W\d_]+", heading), key=len)
            page.goto(f"{address}/search.html?q={word}")
            # Results come one by one; a line in words says that all have.
            page.wait_for_function(
                "document.querySelector('#search-results')?.innerText.includes('finished')"
            )
            found = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
            name = path.relative_to(site).as_posix()
            assert any(name in link for link in found), f"{word!r} does not find {name}: {found}"
        page.close()

    def test_an_excerpt_is_the_text_of_the_page(self, site, pages, serve, chromium):
        content = pages[site / "book" / "glossary.html"]
        words = re.findall(r"\w+", content.select_one("article.bd-article").get_text(" "))
        page = chromium.new_page()
        page.goto(f"{serve(site)}/search.html?q=glossary+judgements")
        excerpt = page.locator("#search-results li:has(a[href*='glossary.html']) .context").first
        shown = re.findall(r"\w+", excerpt.text_content())[1:-1]  # the ends are cut anywhere
        assert len(shown) > 10 and set(shown) <= set(words)
        page.close()

    def test_a_chapter_is_found_with_what_it_found(self, site, pages, serve, chromium):
        content = pages[site / "book" / "chapters" / "05-hubness.html"]
        page = chromium.new_page()
        page.goto(f"{serve(site)}/search.html?q=hubs")
        texts = page.locator("#search-results li:has(a[href*='05-hubness.html']) .context")
        texts.first.wait_for()
        assert texts.first.text_content() == content.select_one("[name=description]")["content"]
        assert not any("Claimed" in text for text in texts.all_text_contents())
        page.close()


_ROWS = "tr:has(.claim-mark)"
_SHOWN = "rows => rows.filter(row => row.offsetParent).map(row => row.querySelector('[id]').id)"


@pytest.mark.book
@pytest.mark.browser
class TestTheVerdictPage:
    def test_claims_are_filtered_with_the_keyboard_and_by_the_address(
        self, site, pages, serve, chromium
    ):
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

    def test_without_scripts_every_claim_is_there_and_no_dead_control(
        self, site, pages, serve, chromium
    ):
        marks = pages[site / "book" / "chapters" / "verdicts.html"].select(".claim-mark")
        context = chromium.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{serve(site)}/book/chapters/verdicts.html")
        assert len([row for row in page.locator(_ROWS).all() if row.is_visible()]) == len(marks)
        assert not page.locator(".claim-filter").is_visible()
        context.close()


def package_values() -> list[tuple[str, list, float]]:
    """Calls of the functions in widgets.js, and what the package returns for the same."""
    calls = [
        ("expectedCosine", [k, rho, m], float(expected_cosine(k, rho, other=m)))
        for k, m, rho in product((1, 2, 7, 50), (1, 5, 50), (0.0, 0.1, 0.9, 1.0))
    ]
    calls += [
        ("gapCeiling", [n, k, d], margin_ceiling(n, k, d))
        for n, k, d in product(
            (10, 46, 1000, 50_000, 10**9), (1, 2, 5, 20), (2, 3, 4, 41, 384, 4096)
        )
        if n > k
    ]
    calls += [
        ("precisionDimension", [n, k, name], precision_dimension(n, k, name))
        for n, k, name in product(
            (46, 10**9), (1, 2, 20), ("float32", "float16", "bfloat16", "int8")
        )
    ]
    calls += [
        ("expectedMargin", [sd, n, k], expected_margin(sd, n, k))
        for sd, n, k in product((0.03, 1.0), (100, 5000, 10**7), (1, 10, 49))
    ]
    calls += [
        ("swapProbability", [margin, noise], float(swap_probability(margin, noise)))
        for margin, noise in product((0.0, 0.001, 0.05), (0.0001, 0.01, 0.1))
    ]
    for n, length, vocabulary, k in product((100, 10**7), (2, 45, 200), (300, 10**5), (2, 49)):
        law = AdditiveLaw(n, length, vocabulary)
        rest = [n, length, k, vocabulary]
        calls += [("additiveRecall", [d, *rest], law.recall(d, k)) for d in (3, 64, 2000)]
        calls += [("additiveDimension", [r, *rest], law.dimension(r, k)) for r in (0.05, 0.5, 0.99)]
    for n, i, j in ((3, 1, 2), (12, 6, 8), (60, 60, 1), (46, 3, 26)):
        angles = equal_angles(n)
        query, _ = trigonometric_queries([[i - 1, j - 1]], angles)
        scores = trigonometric_curve(angles, 2) @ query[0]
        calls += [("pairScore", [n, i, j, at + 1], float(score)) for at, score in enumerate(scores)]
    for trio, query in product([(150, 30, 270), (0, 10, 359), (77, 200, 205)], (0, 45, 110, 271)):
        docs, asked = on_circle(trio), on_circle([query])
        order = np.argsort(-(asked @ docs.T)[0])
        best = widest_query(*docs[order])[None]
        for name, given, way in (
            ("planeMargin", [query, *trio], asked),
            ("widestMargin", [trio[i] for i in order], best),
        ):
            calls += [(name, given, float(set_margins(docs, way, [order[:2]])[0]))]
    return calls + [
        ("criticalDimension", [vocabulary, length], critical_dimension(vocabulary, length))
        for length, vocabulary in product((2, 45, 200), (300, 1848, 10**5))
    ]


_CALL = """calls => calls.map(([name, given]) => {
  const value = paperWidgets[name](...given);
  return Number.isFinite(value) ? value : String(value);
})"""
WIDGETS = ("cosine", "noise", "gap", "pair", "plane", "catalogue")


@pytest.mark.browser
class TestWidgets:
    @pytest.fixture
    def page(self, root, tmp_path, serve, chromium):
        """A page with every calculator."""
        for name in ("widgets.js", "paper.css"):
            shutil.copy(root / "book" / "_static" / name, tmp_path)
        boxes = "".join(f'<div class="paper-widget" data-widget="{one}"></div>' for one in WIDGETS)
        (tmp_path / "page.html").write_text(
            "<!doctype html><html lang=en data-theme=light><meta charset=utf-8><title>t</title>"
            "<link rel=stylesheet href=paper.css><script defer src=widgets.js></script>"
            f"<main><h1>t</h1>{boxes}</main>"
        )
        page = chromium.new_page(viewport={"width": 390, "height": 800})
        page.goto(f"{serve(tmp_path)}/page.html")
        yield page
        page.close()

    def test_their_functions_are_those_of_the_package(self, page):
        calls = package_values()
        found = page.evaluate(_CALL, [call[:2] for call in calls])
        for (name, given, wanted), value in zip(calls, found, strict=True):
            assert float(str(value).replace("Infinity", "inf")) == pytest.approx(
                wanted, rel=1e-6, abs=1e-9
            ), f"{name}({given})"

    def test_the_keyboard_turns_the_knobs_and_the_result_is_told(self, page):
        box = page.locator("[data-widget=cosine]")
        said = box.locator("[role=status]")
        number = box.get_by_label("mean cosine of two tokens", exact=False).locator("visible=true")
        assert f"{expected_cosine(5, 0.1):.3f}" in said.text_content()
        number.last.fill("0.25")
        page.wait_for_function(
            "text => document.querySelector('[role=status]').textContent.includes(text)",
            arg=f"{expected_cosine(5, 0.25):.3f}",
        )
        box.locator("input[type=range]").first.focus()
        page.keyboard.press("ArrowRight")
        wanted = f"{expected_cosine(6, 0.25, other=5):.3f}"
        page.wait_for_function(
            "text => document.querySelector('[role=status]').textContent.includes(text)", arg=wanted
        )
        assert box.locator("input[type=number]").first.input_value() == "6"

    def test_a_value_out_of_bounds_changes_nothing(self, page):
        box = page.locator("[data-widget=gap]")
        before = box.locator("[role=status]").text_content()
        number = box.locator("input[type=number]").nth(1)
        number.fill("-3")
        assert number.get_attribute("aria-invalid") is not None
        number.blur()
        assert number.input_value() == "2"
        assert box.locator("[role=status]").text_content() == before

    @pytest.mark.parametrize("touch", [False, True])
    def test_a_document_is_dragged_around_the_circle(self, page, chromium, touch):
        context = chromium.new_context(has_touch=touch, reduced_motion="reduce")
        here = context.new_page()
        here.goto(page.url)
        box = here.locator("[data-widget=plane]")
        box.scroll_into_view_if_needed()
        centre = box.locator("circle.grid").bounding_box()
        x, y = centre["x"] + centre["width"] / 2, centre["y"] + centre["height"] / 2
        radius = centre["width"] / 2
        steps = [x, y + radius], [x + radius, y + radius], [x + 2 * radius, y]  # 270°, 315°, 0°
        if touch:
            device = context.new_cdp_session(here)
            for name, (left, top) in zip(
                ("touchStart", "touchMove", "touchMove"), steps, strict=True
            ):
                points = [{"x": left, "y": top}]
                device.send("Input.dispatchTouchEvent", {"type": name, "touchPoints": points})
            device.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        else:
            here.mouse.move(*steps[0])
            here.mouse.down()
            for step in steps[1:]:
                here.mouse.move(*step)
            here.mouse.up()
            here.mouse.move(x, y)  # let go: nothing follows any more
        here.wait_for_function(
            "text => document.querySelector('[data-widget=plane] [role=status]')"
            ".textContent.includes(text)",
            arg="3: −0.34",  # cos 110°
        )
        assert box.get_by_label("document 3", exact=True).input_value() == "0"
        context.close()

    def test_they_have_no_barriers_and_fit_a_phone(self, page):
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert page.evaluate(_JUDGE) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

    def test_without_scripts_nothing_of_them_is_seen(self, page, chromium):
        context = chromium.new_context(java_script_enabled=False)
        quiet = context.new_page()
        quiet.goto(page.url)
        assert not any(box.is_visible() for box in quiet.locator(".paper-widget").all())
        context.close()

    def test_every_calculator_stands_in_a_chapter(self, root):
        text = "".join(path.read_text() for path in (root / "notebooks").glob("*.md"))
        assert sorted(re.findall(r'data-widget="(\w+)"', text)) == sorted(WIDGETS)


@pytest.mark.browser
class TestTheChecksThemselves:
    def test_they_notice_a_broken_page(self, tmp_path, serve, chromium):
        (tmp_path / "broken.html").write_text(
            "<article><p style='width: 900px'>wide</p></article><span class=math>\\(x\\)</span>"
            "<mjx-merror>Undefined control sequence</mjx-merror>"
            "<img src='http://localhost:9/pixel.png'><img src='gone.png'>"
            "<p style='color: #bbb; background: #fff'>pale</p>"
            "<article><p style='color: #eee; background-color: #eee'>drowned</p></article>"
            "<script>console.error('told'); throw new Error('thrown')</script>"
        )
        faults = " ".join(
            page_faults(chromium, serve(tmp_path), ["broken.html"], 390, ("light",), axe="light")
        )
        for fault in (
            "console: told",
            "exception: thrown",
            "asks another host for http://localhost:9/pixel.png",
            "404 http://127.0.0.1",
            "wider than the window",
            "sticks out of the window: <p style",
            "text in the colour of its background: <p style",
            "formulas as source",
            "Undefined control sequence",
            "shows the None theme",
            "no alternative text",
            "axe: critical image-alt (2)",
            "axe: serious color-contrast (1)",
        ):
            assert fault in faults
