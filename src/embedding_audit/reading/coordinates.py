"""Tables with a column a coordinate: which columns are the coordinates."""

from __future__ import annotations

import re
from collections.abc import Sequence

from embedding_audit.reading.names import INDEX_NAMES, id_columns, plain
from paper_utils.errors import UsageError


def coordinate_columns(
    names: Sequence[str], numeric: Sequence[str], whole: Sequence[str] = ()
) -> list[str]:
    """Return the columns that are coordinates: the longest run of numbers under one stem, in their
    order; without one, all numeric columns that are no ids, where no column is a text. Columns of
    `whole` numbers are labels and counts where others are not whole.
    """
    stems: dict[str, list[str]] = {}
    for name in numeric:
        if match := _NUMBERED.fullmatch(name):
            stems.setdefault(match[1], []).append(name)
    runs = []
    for some in stems.values():
        places = sorted((int(_NUMBERED.fullmatch(name)[2]), name) for name in some)
        numbers_in = [place for place, _ in places]
        gapless = numbers_in == list(range(places[0][0], places[0][0] + len(places)))
        if gapless or (2 * len(some) > len(numeric) and len(set(numbers_in)) == len(some) > 2):
            runs.append([name for _, name in places])  # constant columns may have been dropped
    longest = max(runs, key=len, default=[])
    same = [run for run in runs if len(run) == len(longest)]
    if len(longest) > 1 and len(same) == 1:
        return longest
    if len(longest) > 2:
        ends = ", ".join(f"{run[0]!r:.40} to {run[-1]!r:.40}" for run in same[:3])
        raise UsageError(
            f"several runs of {len(longest)} columns may be the coordinates ({ends:.160}): name "
            f"their stem with --vector-column {_NUMBERED.fullmatch(longest[0])[1]:.40}"
        )
    ids = id_columns(names)
    free = [name for name in numeric if name not in ids and plain(name) not in _PLAIN_INDEX]
    others = [name for name in names if name not in free and name not in ids]
    others = [name for name in others if plain(name) not in _PLAIN_INDEX]
    return [] if others else [name for name in free if name not in whole] or free


def coordinates_said(chosen: Sequence[str], numeric: Sequence[str], what: str = "columns") -> str:
    """Return a note on the coordinates, and on what else is of numbers."""
    said = f"coordinates are the {len(chosen):,} {what} `{chosen[0]}` to `{chosen[-1]}`"
    ids = {*chosen, *id_columns(numeric)}
    others = [
        f"`{name}`" for name in numeric if name not in ids and plain(name) not in _PLAIN_INDEX
    ]
    return f"{said}, and not {', '.join(others[:4]):.120}" if others else said


_NUMBERED = re.compile(r"(.*?)(\d+)[\])]?")
_PLAIN_INDEX = {plain(name) for name in INDEX_NAMES}


def stem_columns(names: Sequence[str], stem: str) -> list[str]:
    """The columns called `stem` and a number, in the order of the numbers."""
    form = re.compile(re.escape(stem) + r"[-_.\[(]?(\d+)[\])]?")
    return sorted(
        (name for name in names if form.fullmatch(name)),
        key=lambda name: int(form.fullmatch(name)[1]),
    )
