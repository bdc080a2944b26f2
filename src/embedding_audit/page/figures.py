"""The plots of the page: SVG that takes the colours of the page around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from embedding_audit.page.spelled import quality

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from embedding_audit.report import Report

# What is drawn in these colours takes those of the page, in light and dark; a notebook that has no
# such variables shows the second value, which stands out on white and on black.
_INK, _DATA, _NULL, _OTHER = "#010101", "#020202", "#030303", "#040404"
_PAGE = {
    _INK: "currentColor",
    _DATA: "var(--data, #3f7fd0)",
    _NULL: "var(--null, #8a8f98)",
    _OTHER: "var(--other, #d0731c)",
}

_STYLE = {
    "font.size": 10,
    "font.family": ["DejaVu Sans"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _NULL,
    "axes.labelcolor": _INK,
    "xtick.color": _NULL,
    "ytick.color": _NULL,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "text.color": _INK,
    "legend.frameon": False,
    "svg.fonttype": "none",  # letters stay letters, in the font of the page
    "svg.hashsalt": "audit",  # the same report, the same file
}


_WIDTH = 4.6  # inches


@dataclass(frozen=True)
class Plot:
    """A drawing, what it shows, and the same in words."""

    name: str
    svg: str
    caption: str
    alt: str


def plots(report: Report) -> dict[str, Plot]:
    """Return the plots that a report has numbers for, by name."""
    return {one.name: one for one in _all(report)}


def _all(report: Report) -> Iterator[Plot]:
    curves = report.curves
    if curves.get("recall"):
        yield _recall(curves["recall"])
    if curves.get("spectrum"):
        yield _spectrum(curves)
    if curves.get("occurrence"):
        yield _occurrence(curves["occurrence"], report.settings.get("k", 10))
    kept = {
        key.removeprefix("stability."): one
        for key, one in report.measures.items()
        if key.startswith("stability.") and one.measured and key.split(".")[1] not in _NO_SHARE
    }
    if kept:
        yield _stability(kept)


_NO_SHARE = ("margin", "tied")


def _recall(curve: list[dict[str, float]]) -> Plot:
    depth = [point["depth"] for point in curve]
    lines = {"recall": ("-o", _DATA), "oracle": ("--^", _OTHER), "shuffled": (":s", _NULL)}
    words = {"oracle": "perfect re-ranker, at 10", "shuffled": "judgements of others"}

    def draw(ax: Axes) -> None:
        for name, (style, colour) in lines.items():
            if name in curve[0]:
                values = [point[name] for point in curve]
                ax.plot(depth, values, style, color=colour, ms=4, label=words.get(name, name))
        _log_ticks(ax, max(depth))
        ax.set(xlabel="depth of the list", ylabel="recall", ylim=(0, 1.03))
        ax.legend(fontsize=9)

    first, last = curve[0], curve[-1]
    alt = (
        f"Recall rises from {quality(first['recall'])} at depth {first['depth']:,} to "
        f"{quality(last['recall'])} at depth {last['depth']:,}."
    )
    return Plot("recall", _svg("recall", draw), "Recall by depth of the list.", alt)


def _spectrum(curves: dict[str, Any]) -> Plot:
    named = {"spectrum": ("-", _DATA, "these vectors"), "spectrum_shuffled": (":", _NULL, "null")}
    shares: dict[str, np.ndarray] = {}
    for name in named:
        values = np.asarray(curves.get(name, ()), dtype=float)
        values = values[values > values.max(initial=0) * 1e-9]
        if len(values):
            shares[name] = values / values.sum()

    def draw(ax: Axes) -> None:
        for name, share in shares.items():
            style, colour, label = named[name]
            ax.plot(np.arange(1, len(share) + 1), share, style, color=colour, label=label)
        ax.set(yscale="log", xlabel="component", ylabel="share of the variance")
        _plain(ax.yaxis)
        _log_ticks(ax, max(map(len, shares.values()), default=1))
        ax.legend(fontsize=9)

    first = shares.get("spectrum", np.zeros(1))[0]
    alt = (
        f"Share of the variance of each principal component, falling from {quality(first)} of the "
        "first; dotted, the same vectors with coordinates shuffled."
    )
    caption = "Variance by principal component; the null has every coordinate shuffled by itself."
    return Plot("spectrum", _svg("spectrum", draw), caption, alt)


def _occurrence(counts: list[int], k: int) -> Plot:
    there = np.asarray(counts)
    times = np.flatnonzero(there)

    def draw(ax: Axes) -> None:
        ax.plot(times, there[times], ".", color=_DATA, ms=4)
        ax.axvline(k, color=_NULL, linestyle=":", label="fair share")
        ax.set(xscale="symlog", yscale="log", xlabel="lists that hold the item", ylabel="items")
        ax.set_xlim(left=-0.2)
        _plain(ax.xaxis)
        _plain(ax.yaxis)
        ax.legend(fontsize=9)

    never = int(there[0]) if len(there) else 0
    alt = (
        f"How many items are in how many lists of {k} neighbours: {never:,} are in none, the "
        f"largest hub is in {int(times.max(initial=0)):,}."
    )
    caption = f"Items by the number of lists of {k} neighbours that hold them."
    return Plot("occurrence", _svg("occurrence", draw), caption, alt)


def _stability(kept: dict[str, Any]) -> Plot:
    names = list(kept)[::-1]

    def draw(ax: Axes) -> None:
        for at, name in enumerate(names):
            one = kept[name]
            if one.low is not None:
                ax.plot([one.low, one.high], [at, at], "-", color=_DATA, lw=2)
            ax.plot(one.value, at, "o", color=_DATA, ms=5, label="these vectors" if not at else "")
            null = one.null.get("gaussian")
            if null is not None:
                label = "Gaussian null" if "Gaussian null" not in _labels(ax) else ""
                ax.plot(null, at, "D", mfc="none", color=_NULL, ms=5, label=label)
        ax.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
        ax.set(xlabel="share of the top list that stays", xlim=(0, 1.03))
        ax.legend(fontsize=9, loc="lower left")

    least = min(kept, key=lambda name: kept[name].value)
    alt = (
        f"Share of the top list that stays under {len(kept)} changes of the vectors; least under "
        f"{least.replace('_', ' ')}: {quality(kept[least].value)}."
    )
    caption = "What the top of a list survives, with 95% intervals over queries."
    height = 0.8 + 0.26 * len(names)
    return Plot("stability", _svg("stability", draw, height, edge=0.95), caption, alt)


def _labels(ax: Axes) -> list[str]:
    return ax.get_legend_handles_labels()[1]


def _log_ticks(ax: Axes, most: float) -> None:
    """A logarithmic axis with plain numbers."""
    from matplotlib.ticker import NullLocator

    ticks = [tick for tick in (1, 10, 100, 1000, 10_000) if tick <= max(most, 1)]
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())


def _plain(axis: Axis) -> None:
    """Numbers as they are written, not as powers; only the main ticks."""
    from matplotlib.ticker import NullLocator

    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def _svg(name: str, draw: Callable[[Axes], None], height: float = 2.7, edge: float = 0.7) -> str:
    """Return one plot as an SVG element without a size, a date or a name that others use."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()  # the same picture whatever a notebook or a user has set
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(_WIDTH, height))
        # Fixed edges, in inches: to measure every label first takes as long as to draw.
        left, bottom, top = edge / _WIDTH, 0.5 / height, 1 - 0.08 / height
        draw(figure.add_axes((left, bottom, 0.98 - left, top - bottom)))
        stream = StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    text = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = text.replace("font-family: 'DejaVu Sans'; ", "")
    for drawn, shown in _PAGE.items():
        text = text.replace(drawn, shown)
    return text.replace("<svg ", '<svg aria-hidden="true" ', 1).strip()
