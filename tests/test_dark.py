"""The dark version of a figure: the same drawing in the colours of the table, and on the page."""

from __future__ import annotations

import base64
import io
import re
import runpy
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from paper_utils import plots
from paper_utils.book.dark import DARK, darkened, strangers


@pytest.fixture(scope="module")
def light() -> str:
    """A figure with every colour of the table, a colour map and a picture of two colours."""
    with mpl.rc_context():
        plots.use_style()
        fig, (left, right) = plt.subplots(1, 2)
        for place, colour in enumerate(DARK):
            left.plot([0, 1], [place, place + 1], color=colour)
        plots.errorband(left, [0, 1], [2, 0], [4, 2], plots.COLOURS["blue"])
        plots.reference_line(left, "chance", y=1.5)
        right.imshow([[0.0, 0.5, 1.0]], aspect="auto")  # cividis
        pair = mpl.colors.ListedColormap([plots.PAPER, plots.COLOURS["blue"]])
        right.pcolormesh([[0, 1], [1, 0]], cmap=pair, rasterized=True)
        stream = io.StringIO()
        fig.savefig(stream, format="svg", metadata={"Date": None})
        plt.close(fig)
    return stream.getvalue()


def rasters(svg: str) -> list[np.ndarray]:
    """The pixels of the pictures in an SVG."""
    codes = re.findall(r"data:image/png;base64,([^\"]+)", svg)
    opened = (Image.open(io.BytesIO(base64.b64decode(code))) for code in codes)
    return [np.array(image.convert("RGBA")) for image in opened]


def colours_of(pixels: np.ndarray) -> set[str]:
    """The colours of the pixels that are opaque."""
    seen = np.unique(pixels[pixels[..., 3] == 255][:, :3], axis=0)
    return {mpl.colors.to_hex(colour / 255) for colour in seen}


def test_every_colour_of_the_table_is_exchanged_and_nothing_else(light):
    dark = darkened(light)
    for one, other in DARK.items():
        assert f": {one.lower()}" in light and f": {one.lower()}" not in dark
        assert f": {other.lower()}" in dark
    colour, picture = r"#[0-9a-f]{6}", r"base64,[^\"]+"
    same = [re.sub(f"{colour}|{picture}", "", svg) for svg in (light, dark)]
    assert same[0] == same[1]
    assert strangers(light) == strangers(dark) == set()
    ElementTree.fromstring(dark)


def test_a_dark_figure_stays_as_it_is(light):
    assert darkened(darkened(light)) == darkened(light)
    assert not {one.lower() for one in DARK} & {one.lower() for one in DARK.values()}
    assert len(set(DARK.values())) == len(DARK)


def test_pictures_change_with_the_paper_and_colour_maps_stay(light):
    before, after = rasters(light), rasters(darkened(light))
    blue = plots.COLOURS["blue"]
    assert {plots.PAPER.lower(), blue.lower()} in map(colours_of, before)
    assert {DARK[plots.PAPER].lower(), DARK[blue].lower()} in map(colours_of, after)
    maps = [pixels for pixels in before if not colours_of(pixels) & {blue.lower()}]
    assert len(maps) == 1 and any(np.array_equal(maps[0], pixels) for pixels in after)


def test_a_colour_that_nobody_mapped_is_named():
    assert strangers('<g style="fill: white; stroke: none; stroke-width: 2"/>') == {"white"}


def test_the_dark_paper_is_that_of_the_page(root):
    css = (root / "book" / "_static" / "paper.css").read_text(encoding="utf-8")
    papers = re.findall(r"--paper-bg: (#\w{6});", css)
    assert papers == [plots.PAPER.lower(), DARK[plots.PAPER].lower()]


@pytest.fixture(scope="module")
def in_both_themes(root):
    return runpy.run_path(str(root / "book" / "_ext" / "paper_dark.py"))["in_both_themes"]


def test_a_page_has_both_images_with_the_same_text(in_both_themes):
    body = (
        '<figure><img alt="Curves &gt; 0." src="../_images/a.svg" /><figcaption>A</figcaption>'
        '</figure><img src="../_images/b.svg"><img src="../_static/a.svg">'
    )
    shown = in_both_themes(body, {"a": (520, 340)})
    images = re.findall(r'<img ([^>]*class="only-\w+"[^>]*)>', shown)
    assert [re.search(r"/(a[\w-]*)\.svg", one)[1] for one in images] == ["a", "a-dark"]
    for one in images:
        assert 'alt="Curves &gt; 0."' in one and 'width="520" height="340"' in one
        assert 'loading="lazy"' in one
    # The theme hides a caption that is a sibling of a hidden image.
    assert "</span><figcaption>A</figcaption>" in shown
    assert shown.endswith('<img src="../_images/b.svg"><img src="../_static/a.svg">')
