"""What the front page shows of the results: a figure, the short answers, the picture for links."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from paper_utils import plots, results
from paper_utils.book.chapters import Chapter
from paper_utils.book.part_pages import page_of_part
from paper_utils.book.questions import question_items
from paper_utils.book.verdict_page import headline_items
from paper_utils.claims import Verdict
from paper_utils.errors import UsageError
from paper_utils.fingerprint import sha256
from paper_utils.paths import replacing, write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESULT = "dimension-ablation"
DIM = 384  # of MiniLM, and so of every code beside it in that result
CHAPTER = "dimension-verdict"
# The systems of that result that are one vector a document, from worst to best; random vectors are
# summed.
SYSTEMS = {
    "pooled": "MiniLM, pooled",
    "random pieces": "random tokens",
    "random words": "random words",
    "random attributes": "random attributes",
    "set codes": "set codes",
    "curve in 4 dimensions": "only 4 numbers",
}
# None, one or both of the two documents found: differs in lightness, so for every eye.
SHADES = ("#E9E4D8", "#A9B4DC", plots.COLOURS["blue"])
PREVIEW = "social-preview.png"
PATH = 10  # chapters at most on the short path
_STAMP = ".front-page"


def write_front_page(
    root: Path, built: Path, chapters: Sequence[Chapter], verdicts: Sequence[Verdict]
) -> None:
    """Write into `built` the parts that `book/index.md` includes, and the pictures for links.

    Nothing is written for a book without the result or its chapter. The pictures are drawn again
    only when the result, a title or what draws them has changed.
    """
    chapter = next((one for one in chapters if one.slug == CHAPTER), None)
    record = root / "results" / f"{RESULT}.json"
    if chapter is None or not record.is_file():
        return
    found = results.get(RESULT).value(source="limit-small")
    write_text(built / "front-figure.md", figure_text(found, chapter))
    for readers in ("engineers", "researchers"):
        asked = question_items(root, verdicts, _links(chapters), asked_by=readers)
        write_text(built / f"front-{readers}.md", "\n".join(asked))
    write_text(built / "front-path.md", short_path(root, chapters))
    write_text(built / "front-answers.md", answers(root, chapters, verdicts))
    made_by = [Path(__file__), Path(plots.__file__), root / "constraints.txt", record]
    titles = [f"{one.name} {one.title}" for one in chapters]
    stamp, key = built / _STAMP, sha256(*(path.read_bytes() for path in made_by), *titles)
    pictures = [built / "front-figure.svg", built / PREVIEW]
    if all(map(Path.is_file, pictures)) and stamp.is_file() and stamp.read_text() == key:
        return
    previews = {
        built / preview_name(one.name): partial(chapter_preview, one.name, one.title)
        for one in chapters
    }
    draw(
        {
            pictures[0]: partial(front_figure, found),
            pictures[1]: partial(social_preview, found),
            **previews,
        }
    )
    write_text(stamp, key)


def draw(figures: Mapping[Path, Callable[[], Figure]]) -> None:
    """Save each figure that is made under the book's style as SVG or PNG, by its path."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with mpl.rc_context():
        plots.use_style()
        for path, make in figures.items():
            figure = make()
            options = {"metadata": {"Date": None}} if path.suffix == ".svg" else {"dpi": 100}
            with replacing(path) as part:
                figure.savefig(part, format=path.suffix[1:], **options)
            plt.close(figure)


def pair_grid(found: Mapping[str, Any], system: str) -> np.ndarray:
    """Return how many of its two documents each query finds, laid out by these documents.

    (n, n): 0, 1 or 2 below the diagonal, NaN where there is no such query. Documents are in the
    order of how often the pooled vector finds them, the same for all systems.

    >>> pairs = [[0, 1], [0, 2], [1, 2]]
    >>> pair_grid({"pairs": pairs, "hits": {"pooled": "102", "x": "001"}}, "x")[2, 1]
    np.float64(0.0)
    """
    pairs = np.sort(np.asarray(found["pairs"], dtype=np.int64), axis=1)
    if len(pairs) != len(found["hits"][system]):
        raise UsageError(f"{len(found['hits'][system])} digits for {len(pairs)} queries")
    n = int(pairs.max()) + 1
    often = np.zeros(n)
    for place in (0, 1):
        np.add.at(often, pairs[:, place], [int(digit) for digit in found["hits"]["pooled"]])
    rank = np.argsort(np.argsort(-often, kind="stable"))
    placed = np.sort(rank[pairs], axis=1)
    grid = np.full((n, n), np.nan)
    grid[placed[:, 1], placed[:, 0]] = [int(digit) for digit in found["hits"][system]]
    return grid


def _triangle(ax: Axes, found: Mapping[str, Any], system: str, **title: Any) -> None:
    from matplotlib.colors import ListedColormap

    grid = pair_grid(found, system)
    n = len(grid)
    edges = np.arange(n + 1)
    ax.pcolormesh(
        edges,
        edges,
        np.ma.masked_invalid(grid),
        cmap=ListedColormap(SHADES),
        vmin=-0.5,
        vmax=2.5,
        edgecolor=plots.PAPER,
        linewidth=0.25,
        rasterized=True,
    )
    ax.set(xlim=(0, n), ylim=(n, 0), aspect="equal")
    ax.axis("off")
    share = found["recall"][system]
    ax.text(0.34, 0.98, f"{share:.0%}", transform=ax.transAxes, va="top", **title)


def front_figure(found: Mapping[str, Any]) -> Figure:
    """Return the figure: every query of LIMIT-small as a square, one triangle a system."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    # On a phone the figure is shrunk to three quarters of an inch a panel: few, large letters.
    figure, axes = plt.subplots(2, 3, figsize=(4.6, 3.9))
    figure.get_layout_engine().set(w_pad=0.09, h_pad=0.09)
    for ax, (system, name) in zip(axes.flat, SYSTEMS.items(), strict=True):
        _triangle(ax, found, system, fontsize=17, fontweight="bold", color=plots.INK)
        ax.set_title(name, fontsize=10.6, loc="left")
    said = ("none found", "one of the two", "both found")
    figure.legend(
        handles=[Patch(color=shade, label=text) for shade, text in zip(SHADES, said, strict=True)],
        loc="outside lower center",
        ncols=3,
        fontsize=10.2,
        handlelength=0.9,
        handletextpad=0.5,
        columnspacing=1.0,
    )
    return figure


def social_preview(found: Mapping[str, Any]) -> Figure:
    """Return the picture that a link to the book carries, 1200 by 630 pixels at 100 dpi."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(12, 6.3), layout="none")
    words = {"color": plots.INK, "ha": "left", "va": "top"}
    figure.text(
        0.055, 0.91, "Limits of dual-encoder retrieval", fontsize=39, weight="bold", **words
    )
    line = f"The same thousand queries, {DIM} numbers a document, three ways to fill them"
    figure.text(0.055, 0.775, line, fontsize=19, **words)
    for i, system in enumerate(("pooled", "random words", "set codes")):
        ax = figure.add_axes((0.055 + 0.315 * i, 0.13, 0.26, 0.495))
        _triangle(ax, found, system, fontsize=40, fontweight="bold", color=plots.INK)
        figure.text(0.055 + 0.315 * i, 0.1, SYSTEMS[system], fontsize=19, **words)
    return figure


def preview_name(chapter: str) -> str:
    """Return the name of the picture that a link to a chapter carries.

    >>> preview_name("05-hubness")
    'social-preview-05-hubness.png'
    """
    return PREVIEW.replace(".", f"-{chapter}.")


def chapter_preview(name: str, title: str) -> Figure:
    """Return the picture for links to a chapter: its number and its title, of the same size."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(12, 6.3), layout="none")
    words = {"color": plots.INK, "ha": "left", "va": "top"}
    number = f"Chapter {int(name.partition('-')[0])}"
    figure.text(0.055, 0.89, number, fontsize=24, **words | {"color": plots.COLOURS["blue"]})
    lines = "\n".join(textwrap.wrap(title, 36))
    figure.text(0.055, 0.78, lines, fontsize=37, weight="bold", linespacing=1.25, **words)
    figure.text(0.055, 0.12, "Limits of dual-encoder retrieval", fontsize=22, **words)
    return figure


def figure_text(found: Mapping[str, Any], chapter: Chapter) -> str:
    """Return the figure with its caption and alternative text as MyST Markdown."""
    percent = {name: f"{found['recall'][name]:.0%}" for name in SYSTEMS}
    shown = ", ".join(f"{name} {percent[system]}" for system, name in SYSTEMS.items())
    n = len({document for pair in found["pairs"] for document in pair})
    number = '<span class="pasted-text">{}</span>'.format
    return "\n".join(
        [
            "```{figure} chapters/front-figure.svg",
            ":name: fig-front",
            f":alt: Six triangles of small squares, one square for each of {found['n_queries']:,} "
            f"queries. Share of documents found: {shown}. The first triangle is mostly faint, the "
            "last two have the full colour throughout.",
            "",
            f"{found['n_queries']:,} queries, {n} documents. Each square is a query that asks for "
            f"two documents; it has the full colour when both come first. With {DIM} numbers a "
            f"document, the pooled vector of MiniLM finds {number(percent['pooled'])} of them, a "
            f"sum of *random* vectors of words {number(percent['random words'])}, a code that is "
            f"solved from lists of attributes {number(percent['set codes'])}; so do four numbers, "
            "if they are chosen for it. The room is there. LIMIT-small, recall@2; the documents "
            "that MiniLM finds most often come first. Of random vectors we draw one of five runs; "
            "the percentage is their mean. "
            f"Measured in [{chapter.title}](chapters/{chapter.name}.ipynb).",
            "```",
            "",
        ]
    )


def short_path(root: Path, chapters: Sequence[Chapter]) -> str:
    """Return the first ten chapters of `_toc.yml`, by part, as MyST Markdown."""
    links = {one.name: f"[{one.title}](chapters/{one.name}.ipynb)" for one in chapters}
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    lines: list[str] = []
    for part in toc["parts"]:
        names = [Path(page["file"]).name for page in part["chapters"]]
        found = [f"- {links[name]}" for name in names if name in links]
        if not found or sum(line.startswith("- ") for line in lines) + len(found) > PATH:
            break
        page = page_of_part(part)
        caption = f"[{part['caption']}](chapters/{page}.md)" if page else part["caption"]
        lines += [f"**{caption}**", "", *found, ""]
    return "\n".join(lines)


def answers(root: Path, chapters: Sequence[Chapter], verdicts: Sequence[Verdict]) -> str:
    """Return the short answers that are marked for the front page as MyST Markdown."""
    return "\n".join(headline_items(root, verdicts, _links(chapters), front=True))


def _links(chapters: Sequence[Chapter]) -> dict[str, str]:
    return {one.slug: f"[{one.title}](chapters/{one.name}.ipynb)" for one in chapters}
