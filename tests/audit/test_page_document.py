"""The page: one file, every text as it is, every measure once; the same in a browser."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup
from made_report import made_report

from embedding_audit.page import html, picture
from test_book_browser import AXE, chromium  # noqa: F401  (a fixture)


@pytest.fixture(scope="module")
def page():
    """The page of a report that is full of hostile texts."""
    return html(made_report())


def test_it_is_one_file_that_asks_for_nothing_and_runs_nothing(page):
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.find_all(["script", "link", "iframe", "img", "object", "base"])
    linked = [
        str(value)
        for tag in soup.find_all(True)
        for name, value in tag.attrs.items()
        if name in ("src", "href", "xlink:href")
    ]
    assert all(one.startswith("#") for one in linked)
    assert "url(http" not in page and "@import" not in page
    assert "prefers-color-scheme: dark" in page


def test_texts_are_shown_as_they_are(page):
    soup = BeautifulSoup(page, "html.parser")
    text = soup.get_text()
    for shown in ("<script>window.ran = 1</script> drill", "{{ 7 * 7 }}", "&amp; &lt;b&gt;"):
        assert shown in text
    assert not soup.select("[onerror], [onload], [onclick], a[href^=javascript]")
    assert r"\u202e" in text and "\u202e" not in page and "\x00" not in page
    assert len(page) < 400_000  # the long text is cut
    page.encode("utf-8")


def test_each_measure_stands_in_one_table_and_no_name_is_used_twice(page):
    soup = BeautifulSoup(page, "html.parser")
    keys = Counter(cell.get_text() for cell in soup.select("td:last-child"))
    measured = [key for key, one in made_report().measures.items() if one.measured]
    assert {key: keys[key] for key in measured} == dict.fromkeys(measured, 1)
    names = re.findall(r'id="([^"]+)"', page)
    assert len(names) == len(set(names))
    assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', page)) <= set(names)


def test_every_plot_is_told_in_words_and_takes_the_colours_of_the_page(page):
    soup = BeautifulSoup(page, "html.parser")
    told = [drawing["aria-label"] for drawing in soup.select("figure [role=img]")]
    assert len(told) == 4 == len(set(told))
    assert all(len(one) >= 40 for one in told)
    fixed = set(re.findall(r"(?<![\w#(, ]) ?#[0-9a-f]{6}", str(soup.find_all("svg"))))
    assert not fixed
    assert not {"#010101", "#020202", "#030303", "#040404"} & set(re.findall(r"#[0-9a-f]{6}", page))


def test_the_same_report_gives_the_same_page(page):
    assert html(made_report()) == page


def test_a_report_without_judgements_texts_and_plots_has_a_page_too():
    empty = made_report(judged=False)
    empty.measures, empty.curves, empty.examples, empty.slices = {}, {}, {}, []
    empty.actions, empty.findings, empty.notes, empty.matches = (), (), (), ()
    text = BeautifulSoup(html(empty), "html.parser").get_text()
    assert "Nothing wrong in what was measured" in text
    assert "Every row could be used as it is" in text


def test_a_notebook_gets_the_first_screen_and_one_plot():
    soup = BeautifulSoup(picture(made_report()), "html.parser")
    assert len(soup.find_all("svg")) == 1 and not soup.find_all("script")
    assert "Centre the documents" in soup.get_text()
    assert soup.find(class_="mathjax_ignore") is not None


@pytest.mark.browser
class TestInABrowser:
    @pytest.mark.parametrize("words", [10, 28])
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_the_first_screen_fits_a_phone_and_nothing_runs(
        self,
        chromium,  # noqa: F811
        scheme,
        words,
        tmp_path,
    ):
        report = made_report()
        said = " ".join(["number"] * words) + " 0.123 (null: 0.456)."
        report.findings = tuple(replace(one, sentence=said) for one in report.findings)
        report.matches = report.matches * 4
        file = tmp_path / "index.html"
        file.write_text(html(report), encoding="utf-8")
        context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
        tab, asked, told = context.new_page(), [], []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: told.append(message.text))
        tab.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
        tab.goto(file.as_uri(), wait_until="load")
        assert tab.evaluate("window.ran") is None
        assert asked == [file.as_uri()] and told == []
        size = "document.querySelector('#first').getBoundingClientRect().bottom"
        assert tab.evaluate(size) <= 844
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        context.close()

    def test_a_screen_reader_meets_no_barrier(self, page, chromium, tmp_path):  # noqa: F811
        file = tmp_path / "index.html"
        file.write_text(page, encoding="utf-8")
        context = chromium.new_context(bypass_csp=True)  # for the checker's own script
        tab = context.new_page()
        tab.goto(file.as_uri())
        tab.evaluate(AXE.read_text(encoding="utf-8"))
        assert tab.evaluate("async () => (await axe.run()).violations.map(one => one.id)") == []
        context.close()

    def test_letters_stand_out_in_both_schemes(self, page, chromium, tmp_path):  # noqa: F811
        file = tmp_path / "index.html"
        file.write_text(page, encoding="utf-8")
        for scheme in ("light", "dark"):
            context = chromium.new_context(color_scheme=scheme)
            tab = context.new_page()
            tab.goto(file.as_uri())
            low = tab.evaluate(_LOW_CONTRAST)
            assert low == [], scheme
            context.close()


# Texts, and what is drawn, with a contrast below 4.5 (text) or 3 (lines) to the ground.
_LOW_CONTRAST = """() => {
  const parts = colour => colour.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const light = colour => parts(colour).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = light(getComputedStyle(document.body).backgroundColor);
  const contrast = colour => {
    const [a, b] = [light(colour), ground].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const found = [];
  for (const node of document.querySelectorAll('main :not(svg, g, defs, defs *)')) {
    const look = getComputedStyle(node);
    const drawn = node.closest('svg') !== null;
    if (!drawn && node.textContent.trim() && contrast(look.color) < 4.5)
      found.push(node.tagName + ' ' + look.color);
    for (const colour of drawn ? [look.stroke, node.tagName === 'use' ? '' : look.fill] : [])
      if (colour.startsWith('rgb(') && contrast(colour) < 3)
        found.push(node.tagName + ' ' + colour);
  }
  return [...new Set(found)];
}"""
