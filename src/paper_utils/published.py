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
    """One printed value, list or table."""

    name: str
    source: str  # bibliography key
    at: str  # section, table and cell
    value: Any  # number, list or mapping, as printed
    note: str = ""  # what a reader should know about it


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
    """Return the published value `name`, a key of `resources/published/*.yml`.

    >>> published("krasnov-table-2").source
    'krasnov-dual-encoder-limits'
    """
    table = _table()
    if name not in table:
        raise UsageError(f"no published value {name!r}; {did_you_mean(name, table)}")
    return table[name]
