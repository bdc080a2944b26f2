"""The dark version of a figure: the same drawing, each colour of the book's style exchanged.

A figure is drawn once, in the light colours of `plots`. The site exchanges them by a table, so both
versions show the same data. The colours of a colour map stay: they are values.
"""

from __future__ import annotations

import base64
import io
import re

from paper_utils import plots
from paper_utils.book.front_page import SHADES

DARK: dict[str, str] = {
    plots.PAPER: "#14181E",  # the dark page of paper.css
    plots.INK: "#E5E3DD",
    plots.MUTED: "#A9B1BC",
    plots._RC["axes.edgecolor"]: "#78818D",
    plots._RC["grid.color"]: "#2C343F",
    plots.COLOURS["blue"]: "#6682E0",
    plots.COLOURS["orange"]: "#F6931D",
    plots.COLOURS["green"]: "#38C57E",
    plots.COLOURS["plum"]: "#B66BA2",
    plots.COLOURS["brick"]: "#DE5439",
    plots.COLOURS["lavender"]: "#FBB3FC",
    SHADES[0]: "#2A313B",
    SHADES[1]: "#41528C",
}
"""Each colour of a figure on light paper, and what it is on dark paper: far apart there too."""

_DARK = {light.lower(): dark.lower() for light, dark in DARK.items()}
_PAINT = re.compile(r"\b(fill|stroke|stop-color): ([^;\"]+)")
_RASTER = re.compile(r"(?<=data:image/png;base64,)[^\"]+")


def darkened(svg: str) -> str:
    """Return an SVG of the book's style in its dark colours; other colours stay as they are.

    >>> darkened('<path style="fill: #fbfaf6; stroke: #123456"/>')
    '<path style="fill: #14181e; stroke: #123456"/>'
    """
    svg = _PAINT.sub(lambda paint: f"{paint[1]}: {_DARK.get(paint[2].lower(), paint[2])}", svg)
    return _RASTER.sub(lambda raster: _darkened_raster(raster[0]), svg)


def strangers(svg: str) -> set[str]:
    """Return the colours that the lines, areas and letters of an SVG have beside the table's.

    >>> sorted(strangers('<path style="fill: none; stroke: #1F2933"/><path style="fill: red"/>'))
    ['red']
    """
    known = {*_DARK, *_DARK.values(), "none"}
    return {paint[2].lower() for paint in _PAINT.finditer(svg)} - known


def _darkened_raster(code: str) -> str:
    """Return an embedded PNG with each pixel exchanged that has exactly a colour of the table."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(code))) as image:
        pixels = np.array(image.convert("RGBA"))
    result = pixels.copy()
    for light, dark in _DARK.items():
        here = (pixels[..., :3] == tuple(bytes.fromhex(light[1:]))).all(-1)
        result[here, :3] = tuple(bytes.fromhex(dark[1:]))
    if (result == pixels).all():
        return code
    stream = io.BytesIO()
    Image.fromarray(result).save(stream, format="PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()
