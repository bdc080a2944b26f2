"""The style of figures and tables: readable, the same everywhere, the same every time."""

from __future__ import annotations

import html
import io
import itertools
from html.parser import HTMLParser

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_utils import plots
from paper_utils.book.dark import DARK
from paper_utils.errors import UsageError

# Machado, Oliveira, Fernandes (2009), severity 1, acting on linear RGB.
DEFICIENCIES = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# The colour of a figure in each theme, by its light one.
THEMES = {"light": {light: light for light in DARK}, "dark": DARK}
OKABE_ITO = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", plots.INK]


def linear_rgb(colour: str) -> np.ndarray:
    value = np.array(mpl.colors.to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""
    weights = [0.2126, 0.7152, 0.0722]
    dark, light = sorted(linear_rgb(colour) @ weights + 0.05 for colour in (one, other))
    return light / dark


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of linear RGB."""
    xyz = (
        np.array(
            [
                [0.4124564, 0.3575761, 0.1804375],
                [0.2126729, 0.7151522, 0.0721750],
                [0.0193339, 0.1191920, 0.9503041],
            ]
        )
        @ np.clip(rgb, 0, 1)
        / [0.95047, 1, 1.08883]
    )
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def closest_pair(colours, deficiency: str) -> float:
    seen = [lab(np.array(DEFICIENCIES[deficiency]) @ linear_rgb(colour)) for colour in colours]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))


@pytest.fixture
def axes():
    with mpl.rc_context():
        plots.use_style()
        fig, ax = plt.subplots()
        yield ax
        plt.close(fig)


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


@pytest.mark.parametrize("seen", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("name", plots.COLOURS)
def test_every_colour_stands_out_from_the_paper(name, seen):
    # WCAG 1.4.11, graphical objects
    assert contrast(seen[plots.COLOURS[name]], seen[plots.PAPER]) >= 3


@pytest.mark.parametrize("seen", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("colour", [plots.INK, plots.MUTED])
def test_text_is_readable_on_the_paper(colour, seen):
    assert contrast(seen[colour], seen[plots.PAPER]) >= 4.5  # WCAG 1.4.3


@pytest.mark.parametrize("seen", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_are_apart_for_every_reader(deficiency, seen):
    worst_of_okabe_ito = min(closest_pair(OKABE_ITO, name) for name in DEFICIENCIES)
    colours = [seen[colour] for colour in plots.COLOURS.values()]
    assert closest_pair(colours, deficiency) > worst_of_okabe_ito


def test_an_encoder_looks_the_same_in_every_company():
    alone = plots.encoder_styles(["minilm"])["minilm"]
    assert plots.encoder_styles(["my-own", "navec", "minilm"])["minilm"] == alone


@pytest.mark.parametrize("channel", ["color", "marker", "linestyle"])
def test_each_channel_alone_tells_the_built_in_encoders_apart(channel):
    styles = plots.encoder_styles(["minilm", "navec", "untrained", "random"])
    assert len({style[channel] for style in styles.values()}) == len(styles)


@given(st.lists(st.sampled_from(["minilm", "navec", "bm25", "a", "b", "hf:c", "numen-512"])))
def test_no_two_encoders_of_a_figure_look_the_same(names):
    styles = plots.encoder_styles(names)
    assert list(styles) == list(dict.fromkeys(names))
    assert len({(s["color"], s["marker"]) for s in styles.values()}) == len(styles)


def test_published_models_are_found_under_both_names():
    one, other = "phi", "hf:microsoft/Phi-3.5-mini-instruct"
    assert plots.encoder_styles([one])[one] == plots.encoder_styles([other])[other]


def test_too_many_unknown_encoders_is_an_error_and_not_a_repeated_style():
    with pytest.raises(UsageError, match="7 encoders without a style"):
        plots.encoder_styles([f"hf:model-{i}" for i in range(7)])


def test_every_style_can_be_drawn(axes):
    for style in plots.encoder_styles(["minilm", "numen", "dssm", "bm25", "my-own"]).values():
        axes.plot([1, 2], [1, 2], **style)
    axes.figure.canvas.draw()


def drawn() -> bytes:
    with mpl.rc_context():
        plots.use_style()
        fig, ax = plt.subplots()
        ax.plot([1, 2, 3], [3, 1, 2], label="a")
        plots.errorband(ax, [1, 2, 3], [2, 0, 1], [4, 2, 3], plots.COLOURS["blue"])
        plots.reference_line(ax, "chance", y=1.5)
        ax.legend()
        stream = io.BytesIO()
        fig.savefig(stream, format="svg", metadata={"Date": None})
        plt.close(fig)
    return stream.getvalue()


def test_a_figure_is_the_same_to_the_byte_every_time():
    assert drawn() == drawn()


def test_the_background_is_opaque_paper(axes):
    stream = io.BytesIO()
    axes.figure.savefig(stream, format="png")
    stream.seek(0)
    corner = plt.imread(stream)[0, 0]
    assert corner == pytest.approx(mpl.colors.to_rgba(plots.PAPER), abs=1 / 255)


@pytest.mark.parametrize("first", ["style", "pyplot"])
def test_a_notebook_shows_svg_of_the_size_asked_for_without_a_date(first):
    nbclient = pytest.importorskip("nbclient")
    import nbformat

    style = "from paper_utils import plots\nplots.use_style()"
    pyplot = "import matplotlib.pyplot as plt\nplt.figure()\nplt.close()"
    draw = "fig, ax = plt.subplots()\nax.plot([1, 2], [1, 2])\nax.set_title('a' * 90);"
    sources = [style, pyplot, draw] if first == "style" else [pyplot, style, draw]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    book = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    (figure,) = [out for out in book.cells[-1].outputs if out.output_type == "display_data"]
    assert set(figure.data) == {"image/svg+xml", "text/plain"}
    svg = figure.data["image/svg+xml"]
    assert "<dc:date>" not in svg
    # A long title must not change the size: 5.2 by 3.4 inches of 72 points.
    assert 'width="374.4pt" height="244.8pt"' in svg


def test_reference_lines_are_labelled_and_leave_the_limits_alone(axes):
    axes.plot([10, 1000], [0.01, 1])
    axes.set(xscale="log", yscale="log", xlim=(10, 1000), ylim=(0.01, 1))
    plots.reference_line(axes, "chance", y=0.5)
    plots.reference_line(axes, "nominal", x=384)
    plots.reference_line(axes, "1/d", slope=0.001)
    assert [text.get_text() for text in axes.texts] == ["chance", "nominal", "1/d"]
    assert axes.get_xlim() == pytest.approx((10, 1000))
    assert axes.get_ylim() == pytest.approx((0.01, 1))
    x, y = axes.lines[-1].get_data()
    assert np.asarray(y) == pytest.approx(0.001 * np.asarray(x))


@pytest.mark.parametrize("given_", [{}, {"x": 1, "y": 2}, {"slope": -1.0}, {"slope": 0}])
def test_reference_line_rejects_what_it_cannot_draw(axes, given_):
    with pytest.raises(UsageError, match=r"reference_line\('r'\)"):
        plots.reference_line(axes, "r", **given_)


def test_log_axis_writes_plain_numbers_only_where_asked(axes):
    axes.plot([1, 2], [30, 5000])
    plots.log_axis(axes.yaxis, [30, 100, 3000])
    axes.figure.canvas.draw()
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["30", "100", "3,000"]
    assert not axes.get_yticks(minor=True).size


class Cells(HTMLParser):
    """The texts of the cells of a table, the way a browser reads them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag in ("th", "td", "caption"):
            self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@settings(deadline=None)
@given(WORDS, WORDS, WORDS, WORDS)
def test_any_text_comes_through_a_table_as_text(caption, column, row, value):
    frame = pd.DataFrame([[row, value]], columns=["name", column + "_"])
    cells = Cells(plots.table(frame, caption)._repr_html_())
    assert cells.texts == [caption, "name", column + "_", row, value]
    allowed = {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span"}
    assert set(cells.tags) <= allowed


def test_a_table_is_accessible():
    frame = pd.DataFrame({"encoder": ["minilm", "navec"], "variance": [0.01382, np.nan]})
    shown = plots.table(frame, 'A "caption"', formats={"variance": ".3f"})._repr_html_()
    assert '<th scope="col">encoder</th><th scope="col" class="number">variance</th>' in shown
    assert shown.count('scope="col"') == 2 and shown.count('scope="row"') == 2
    assert 'role="region"' in shown and 'tabindex="0"' in shown
    assert html.unescape(shown.split('aria-label="')[1].split('"')[0]) == 'A "caption"'
    assert '<td class="number">0.014</td>' in shown
    assert '<td class="missing">' in shown


def test_a_table_prints_the_same_as_text():
    frame = pd.DataFrame({"d": [30, 250], "name": ["a", None], "value": [1.5, 2.25]})
    shown = plots.table(frame, "c", formats={"value": ".2f"})
    assert repr(shown).splitlines() == ["d    name  value", "30   a     1.50", "250  –     2.25"]


def test_a_table_says_yes_and_no():
    frame = pd.DataFrame({"text": ["a", "b"], "found": [True, False]})
    shown = plots.table(frame, "c")
    assert repr(shown).split() == ["text", "found", "a", "yes", "b", "no"]
    assert "<td>yes</td>" in shown._repr_html_()


@pytest.mark.parametrize("nothing", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT])
def test_every_kind_of_missing_value_is_a_dash(nothing):
    frame = pd.DataFrame({"name": ["a"], "value": pd.Series([nothing], dtype=object)})
    assert repr(plots.table(frame, "c", formats={"value": ".2f"})).endswith("a     –")


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame({"a": []})])
def test_an_empty_table_is_an_error(frame):
    with pytest.raises(UsageError, match="no rows or no columns"):
        plots.table(frame, "c")


def test_a_format_for_no_column_is_an_error():
    with pytest.raises(UsageError, match="did you mean 'variance'"):
        plots.table(pd.DataFrame({"variance": [1.0]}), "c", formats={"varience": ".2f"})
