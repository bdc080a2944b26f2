"""Values that a source prints, each with its place: the one table of published numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.paths import RESOURCES


@dataclass(frozen=True)
class Published:
    """One printed value, list or table.

    Attributes
    ----------
    name : str
        The key in `resources/published/*.yml`.
    source : str
        The bibliography key of the source.
    at : str
        Section, table and cell.
    value : object
        Number, list or mapping, as printed.
    note : str
        What a reader should know about it.
    """

    name: str
    source: str
    at: str
    value: Any
    note: str = ""


@cache
def _table() -> dict[str, Published]:
    entries: dict[str, Published] = {}
    for path in sorted((RESOURCES / "published").glob("*.yml")):
        for name, fields in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            if name in entries:
                raise UsageError(f"{path.name}: the published value {name!r} is defined twice")
            entries[name] = Published(name=name, **fields)
    return entries


def published(name: str) -> Published:
    """Return the published value `name`.

    Parameters
    ----------
    name : str
        A key of `resources/published/*.yml`.

    Returns
    -------
    Published

    Raises
    ------
    UsageError
        No such value.

    Examples
    --------
    >>> published("krasnov-table-2").source
    'krasnov-dual-encoder-limits'
    """
    table = _table()
    if name not in table:
        raise UsageError(f"no published value {name!r}; {did_you_mean(name, table)}")
    return table[name]
