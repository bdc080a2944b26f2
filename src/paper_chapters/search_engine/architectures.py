"""A diagram of three architectures: which tokens of a query and of a title meet, and where.

Which blocks of tokens meet inside the network is schematic: it is what each architecture is. The
tokens, the cosines of the two that keep vectors, and their scores are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paper_utils import plots
from paper_utils.checks import unit_rows
from paper_utils.encoders.base import Encoder
from paper_utils.encoders.sentence import SentenceCheckpoint
from paper_utils.encoders.token_states import token_states
from paper_utils.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INSIDE, OUTSIDE = "blue", "orange"  #: meets in the network; is compared after it


@dataclass(frozen=True, eq=False)
class Meeting:
    """A query and a title, compared by one vector each and by one vector a token."""

    title: str
    query_tokens: list[str]  #: special ones included
    title_tokens: list[str]
    dim: int
    cosine: float  #: of the two vectors that the encoder makes of the texts
    cosines: NDArray[np.floating]  #: of token states, (n_query_tokens, n_title_tokens)

    @property
    def max_sim(self) -> float:
        """Sum over the query's tokens of the best cosine with a token of the title."""
        return float(self.cosines.max(axis=1).sum())


def meetings(encoder: Encoder, query: str, titles: Sequence[str]) -> list[Meeting]:
    """Return the comparison of `query` with each of `titles`.
    UsageError where the encoder is no sentence encoder with a transformer, as 'minilm' is.
    """
    if not isinstance(encoder, SentenceCheckpoint):
        raise UsageError(f"encoder {encoder.name!r} shows no tokens by name; 'minilm' does")
    texts, spell = [query, *titles], encoder.model.tokenizer.convert_ids_to_tokens
    vectors, tokens = unit_rows(encoder.encode(texts)), {}
    for batch in token_states(encoder, texts):
        for row, ids, mask, states in zip(
            batch.rows, batch.ids, batch.mask, batch.vectors(), strict=True
        ):
            tokens[int(row)] = spell(ids[mask].tolist()), unit_rows(states)
    (words, asked), *found = (tokens[i] for i in range(len(texts)))
    return [
        Meeting(title, words, of_title, vectors.shape[1], float(vectors[0] @ one), asked @ states.T)
        for title, one, (of_title, states) in zip(titles, vectors[1:], found, strict=True)
    ]


def draw(shown: Sequence[Meeting]) -> Figure:
    """Draw the three architectures over the first of two meetings, and MaxSim's cosines of both."""
    import matplotlib.pyplot as plt

    if len(shown) != 2:
        raise UsageError(f"the diagram compares two titles, not {len(shown)}")
    fig = plt.figure(figsize=(5.2, 5.0))
    above, below = fig.subfigures(2, 1, height_ratios=[1.15, 1])
    each = len(shown[0].title_tokens), shown[0].dim
    texts = {
        "dual encoder": (f"{shown[0].dim:,} numbers", "1 a query", [m.cosine for m in shown]),
        "late interaction": (f"{np.prod(each):,} numbers", "1 a query", [m.max_sim for m in shown]),
        "cross-encoder": ("nothing", "1 a title", None),
    }
    for ax, (name, (stored, passes, scores)) in zip(
        above.subplots(1, 3), texts.items(), strict=True
    ):
        _squares(ax, name, shown[0])
        said = "when trained" if scores is None else " and ".join(f"{one:.2f}" for one in scores)
        ax.set_title(name)
        ax.set_xlabel(f"stored: {stored}\npasses: {passes}\nscores: {said}", fontsize=9, loc="left")
    axes = below.subplots(1, 2)
    for ax, meeting in zip(axes, shown, strict=True):
        image = _cosines(ax, meeting)
    axes[0].set_yticks(range(len(shown[0].query_tokens)), shown[0].query_tokens)
    axes[1].set_yticks([])
    below.colorbar(image, ax=axes, label="cosine", pad=0.02)
    return fig


def _squares(ax: Axes, name: str, meeting: Meeting) -> None:
    """Query and title tokens on both sides; a block is filled where the network lets them meet."""
    q, n = len(meeting.query_tokens), len(meeting.query_tokens) + len(meeting.title_tokens)
    joint = name == "cross-encoder"
    blocks = [(0, 0, n, n)] if joint else [(0, 0, q, q), (q, q, n - q, n - q)]
    for x, y, width, height in blocks:
        _fill(ax, x, y, width, height, INSIDE)
    if name == "dual encoder":
        ax.text((q + n) / 2, q / 2, "one cosine", ha="center", va="center", fontsize=9)
        _outline(ax, q, 0, n - q, q)
    elif not joint:
        for row, column in enumerate(meeting.cosines.argmax(axis=1)):
            _fill(ax, q + int(column), row, 1, 1, OUTSIDE)
        _outline(ax, q, 0, n - q, q)
    ax.set(xlim=(-0.3, n + 0.3), ylim=(n + 0.3, -0.3), aspect="equal")
    ax.set_yticks([q / 2, (q + n) / 2], ["query", "title"] if name == "dual encoder" else ["", ""])
    ax.tick_params(length=0)
    ax.yaxis.set_tick_params(rotation=90)
    for label in ax.get_yticklabels():
        label.set_va("center")
    ax.set_xticks([])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def _fill(ax: Axes, x: float, y: float, width: float, height: float, colour: str) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x, y), width, height, color=plots.COLOURS[colour], lw=0))


def _outline(ax: Axes, x: float, y: float, width: float, height: float, lw: float = 1.5) -> None:
    from matplotlib.patches import Rectangle

    edge = plots.COLOURS[OUTSIDE]
    ax.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=edge, lw=lw))


def _cosines(ax: Axes, meeting: Meeting):
    """Cosines of each query token with each title token, the best of each row outlined."""
    image = ax.imshow(meeting.cosines, vmin=0, vmax=1, aspect="auto")
    for row, column in enumerate(meeting.cosines.argmax(axis=1)):
        _outline(ax, column - 0.5, row - 0.5, 1, 1, lw=2.2)
    ax.set_xticks(range(len(meeting.title_tokens)), meeting.title_tokens, rotation=90)
    ax.set_title(f"{meeting.title}: {meeting.max_sim:.2f}", fontsize=9.5)
    ax.grid(visible=False)
    return image
