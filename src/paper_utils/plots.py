"""One look for all figures and tables of the book.

A figure is drawn in light colours on opaque paper; `paper_utils.book.dark` makes its dark version.
Both palettes stand out and differ for colour-blind readers too (tested); marker and line style say
the same again. On a phone, 390 pixels wide, the smallest label is about 9 pixels high.
"""

from __future__ import annotations

import html
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

from paper_utils.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

PAPER = "#FBFAF6"
"""Background of every figure; the book's own background in the light theme."""

INK = "#1F2933"
"""Text, axes and the isotropic control."""

MUTED = "#646C78"
"""Reference lines and their labels."""

COLOURS: dict[str, str] = {
    "blue": "#2B49A8",
    "orange": "#E67013",
    "green": "#208E52",
    "plum": "#8C587C",
    "brick": "#8A2E07",
    "lavender": "#8E88D5",
    "ink": INK,
}
"""The palette of Okabe and Ito, moved until every colour has a contrast of 3:1 with `PAPER` and any
two are further apart than there under normal vision and under the three colour deficiencies."""

# Name of an encoder -> colour, marker, line style; the same in every chapter.
_ENCODERS: dict[str, tuple[str, str, str | tuple]] = {
    "minilm": ("blue", "o", "-"),
    "navec": ("orange", "s", (0, (5, 1.5))),
    "untrained": ("plum", "^", (0, (4, 1.5, 1, 1.5))),
    "random": ("ink", "D", (0, (1, 1.2))),
    "bm25": ("green", "v", (0, (7, 2))),
    "numen": ("brick", "P", (0, (3, 1, 1, 1, 1, 1))),
    "dssm": ("lavender", "X", (0, (2, 1))),
    "qwen": ("brick", "<", (0, (3, 1, 1, 1, 1, 1))),
    "phi": ("lavender", ">", (0, (2, 1))),
    "mbert": ("green", "h", (0, (7, 2))),
}

_ENCODERS |= {
    "hf:Qwen/Qwen2.5-0.5B": _ENCODERS["qwen"],
    "hf:microsoft/Phi-3.5-mini-instruct": _ENCODERS["phi"],
    "hf:google-bert/bert-base-multilingual-cased": _ENCODERS["mbert"],
}

# What an encoder without a style of its own gets, in this order, skipping what is taken.
_SPARE: list[tuple[str, str, str | tuple]] = [
    ("green", "v", (0, (7, 2))),
    ("brick", "P", (0, (3, 1, 1, 1, 1, 1))),
    ("lavender", "X", (0, (2, 1))),
    ("orange", "p", (0, (5, 1.5))),
    ("plum", "d", (0, (4, 1.5, 1, 1.5))),
    ("blue", "*", "-"),
]

_RC: dict[str, Any] = {
    # 5.2 inches on the 358 pixels that a phone leaves: 10.5 points are 10 pixels.
    "figure.figsize": (5.2, 3.4),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "savefig.dpi": 200,  # of the rasterized parts of an SVG
    "axes.facecolor": PAPER,
    "font.family": ["DejaVu Sans"],
    "font.size": 10.5,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10.5,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": "#8B929C",
    "xtick.color": "#8B929C",
    "ytick.color": "#8B929C",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E0D6",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "patch.edgecolor": PAPER,
    "image.cmap": "cividis",
    "axes.formatter.useoffset": False,
    # Nothing in a file depends on the moment or on a random number.
    "svg.hashsalt": "paper",
    "svg.fonttype": "path",
}


def use_style() -> None:
    """Give every later figure of this process the book's style.
    In a notebook figures also become SVG files (sharp at every zoom, for lines a third of a PNG) of
    exactly the size asked for and without a date: two builds are the same to the byte. Give
    ``rasterized=True`` to a cloud of more than a thousand points.
    """
    import matplotlib as mpl
    from cycler import cycler

    mpl.rcParams.update(_RC)
    lines = [style[2] for style in _ENCODERS.values()][: len(COLOURS)]
    mpl.rcParams["axes.prop_cycle"] = cycler(color=list(COLOURS.values())) + cycler(linestyle=lines)
    shell = _notebook()
    if shell is not None:
        from IPython.core.pylabtools import select_figure_formats
        from matplotlib_inline.config import InlineBackend

        # Both: the shell may have chosen its formats already, or choose them at the first figure.
        inline = InlineBackend.instance(parent=shell)
        inline.print_figure_kwargs = {"bbox_inches": None, "metadata": {"Date": None}}
        inline.figure_formats = {"svg"}
        select_figure_formats(shell, inline.figure_formats, **inline.print_figure_kwargs)


def _notebook():
    """Return the running IPython shell; None in a plain Python process."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    return get_ipython()


def encoder_styles(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the colour, marker and line style of each encoder, as keywords of ``Axes.plot``.
    An encoder that the book knows looks the same in every figure. Others share what is left, in the
    order given; UsageError if nothing is left.
    """
    names = list(dict.fromkeys(names))
    styles = {name: _ENCODERS[name] for name in names if name in _ENCODERS}
    strangers = [name for name in names if name not in styles]
    taken = {style[:2] for style in styles.values()}
    spare = [style for style in _SPARE if style[:2] not in taken]
    if len(strangers) > len(spare):
        raise UsageError(
            f"{len(strangers)} encoders without a style of their own in one figure; "
            f"{len(spare)} can still be told apart"
        )
    styles.update(zip(strangers, spare, strict=False))
    return {
        name: {"color": COLOURS[colour], "marker": marker, "linestyle": line}
        for name, (colour, marker, line) in ((name, styles[name]) for name in names)
    }


def errorband(ax: Axes, x: Sequence, low: Sequence, high: Sequence, color: str) -> None:
    """Shade the interval between `low` and `high` around a line of the same colour."""
    ax.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0, zorder=1)


def reference_line(
    ax: Axes,
    text: str,
    *,
    x: float | None = None,
    y: float | None = None,
    slope: float | None = None,
) -> None:
    """Draw a dashed line to compare with, and write on the line itself what it is.
    Give exactly one of `x` (vertical), `y` (horizontal) and `slope` (positive, through the origin).
    Plot the data and set limits and scales first: the label follows them.
    """
    if sum(value is not None for value in (x, y, slope)) != 1:
        raise UsageError(f"reference_line({text!r}) needs exactly one of x, y and slope")
    if slope is not None and not slope > 0:
        raise UsageError(f"reference_line({text!r}): slope {slope!r} must be positive")
    from matplotlib.patheffects import withStroke

    line = {"color": MUTED, "linewidth": 1.2, "linestyle": (0, (4, 2)), "zorder": 1.5}
    # The rim in the colour of the paper keeps the label readable where it crosses the data.
    rim = [withStroke(linewidth=3, foreground=PAPER)]
    label = {"color": MUTED, "fontsize": 9.5, "textcoords": "offset points", "path_effects": rim}
    if x is not None:
        ax.axvline(x, **line)
        ax.annotate(
            text, (x, 0.98), xycoords=("data", "axes fraction"), xytext=(3, 0), va="top", **label
        )
    elif y is not None:
        ax.axhline(y, **line)
        ax.annotate(
            text,
            (0.99, y),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            ha="right",
            va="bottom",
            **label,
        )
    else:
        left, right = ax.get_xlim()
        bottom, top = ax.get_ylim()
        start, end = max(left, bottom / slope), min(right, top / slope)  # where it is in view
        ax.plot([start, end], [slope * start, slope * end], marker="", **line)
        ax.set(xlim=(left, right), ylim=(bottom, top))
        ax.annotate(text, (end, slope * end), xytext=(-6, -2), ha="right", va="top", **label)


def log_axis(axis: Axis, ticks: Sequence[float]) -> None:
    """Make an axis logarithmic with plain numbers, such as 100 and 1,000, at the ticks named."""
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.set_ticks(ticks, labels=[f"{tick:,g}" for tick in ticks])
    axis.set_ticks([], minor=True)


def _is_number(value: object) -> bool:
    """Return whether a value is a number and not a truth value."""
    return isinstance(value, Real) and not isinstance(value, bool)


def interval(value: float, low: float, high: float, spec: str = ".2f") -> str:
    """Return a value and its interval as a cell of a table, which breaks only before the bracket.

    >>> interval(412, 398.7, float("inf"), ",.0f").replace("\N{WORD JOINER}", "")
    '412 (399–∞)'
    >>> interval(-0.1, -0.2, 0.05).replace("\N{NO-BREAK SPACE}", " ")
    '−0.10 (−0.20 to 0.05)'
    """
    numbers = [format(number, spec).replace("inf", "∞") for number in (value, low, high)]
    middle, first, last = (number.replace("-", "−") for number in numbers)
    to = "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}"
    dash = to if min(low, high) < 0 else "\N{WORD JOINER}–\N{WORD JOINER}"
    return f"{middle} ({first}{dash}{last})"


@dataclass(frozen=True)
class Table:
    """A data frame that a notebook shows as an accessible HTML table; see `table`."""

    frame: pd.DataFrame
    caption: str
    formats: Mapping[str, str] = field(default_factory=dict)

    def _text(self, column: str, value: object) -> str:
        """Return a value as it is printed; a missing one as a dash."""
        from pandas import isna
        from pandas.api.types import is_scalar

        if is_scalar(value) and isna(value):
            return "–"
        if isinstance(value, bool):
            return "yes" if value else "no"
        return format(value, self.formats.get(column, ""))

    def _cell(self, column: str, value: object) -> str:
        text = html.escape(self._text(column, value))
        if text == "–":
            return '<td class="missing"><span aria-label="none">–</span></td>'
        return f'<td class="number">{text}</td>' if _is_number(value) else f"<td>{text}</td>"

    def _rows(self) -> Iterable[list[tuple[str, object]]]:
        """Yield each row as (column, value) pairs of plain Python objects."""
        columns = [str(column) for column in self.frame.columns]
        for row in self.frame.astype(object).itertuples(index=False, name=None):
            values = (value.item() if hasattr(value, "item") else value for value in row)
            yield list(zip(columns, values, strict=True))

    def _repr_html_(self) -> str:
        rows = list(self._rows())
        head = []
        for i, (column, _) in enumerate(rows[0]):
            # A heading stands where the cells below it do: numbers to the right.
            right = i > 0 and any(_is_number(row[i][1]) for row in rows)
            kind = ' class="number"' if right else ""
            head.append(f'<th scope="col"{kind}>{html.escape(column)}</th>')
        body = []
        for (column, value), *rest in rows:
            first = f'<th scope="row">{html.escape(self._text(column, value))}</th>'
            body.append(f"<tr>{first}{''.join(self._cell(*pair) for pair in rest)}</tr>")
        caption = html.escape(self.caption)
        return (  # the region is what scrolls on a phone; tabindex lets the keyboard scroll it too
            f'<div class="table-scroll" role="region" aria-label="{caption}" tabindex="0">'
            f'<table class="paper-table"><caption>{caption}</caption>'
            f"<thead><tr>{''.join(head)}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
        )

    def __repr__(self) -> str:
        """Return the same table as text, as a terminal or a test sees it."""
        columns = [str(column) for column in self.frame.columns]
        lines = [columns, *([self._text(*pair) for pair in row] for row in self._rows())]
        widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )


def table(frame: pd.DataFrame, caption: str, *, formats: Mapping[str, str] | None = None) -> Table:
    """Return a data frame as a table that a page, a phone and a screen reader can show.
    Text is escaped; the first column names the rows, the index is not shown; missing values are
    dashes, truth values yes and no. `formats` maps columns to format specifications.
    """
    if frame.empty:
        raise UsageError(f"table {caption!r} has no rows or no columns")
    columns = [str(column) for column in frame.columns]
    for name in formats or {}:
        if name not in columns:
            raise UsageError(f"table has no column {name!r}; {did_you_mean(name, columns)}")
    return Table(frame, caption, dict(formats or {}))
