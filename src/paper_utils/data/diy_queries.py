"""Queries over the catalogue `diy`, with relevance that follows from its attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from paper_utils.checks import whole
from paper_utils.data.diy import DIY_LANGUAGES
from paper_utils.data.diy_items import ATTRIBUTES, vocabulary
from paper_utils.data.diy_titles import _INCHES, inflect
from paper_utils.errors import UsageError, did_you_mean

LEVELS = ("coarse", "fine")

#: Attributes that a fine query may name beside class and power source.
CONSTRAINTS = ("brand", "voltage_v", "capacity_ah", "brushless", "power_w", "tip", "size_mm")

_IMPLIES = {  #: attributes that only one power source has: who names them need not name the source
    "voltage_v": "cordless",
    "capacity_ah": "cordless",
    "brushless": "cordless",
    "power_w": "mains",
    "tip": "manual",
}

_PASSES = 12  # over the table in search of new needs; each draws other attributes
_DRAWS = 24  # uniform numbers that one need, or one text, may use up

# What people type, which is not what titles print: units in words, synonyms, no capitals.
_WORDS: dict[str, dict[str, Any]] = {
    "ru": {
        "cordless": ("аккумуляторн<ый>", "беспроводн<ой>", "на аккумуляторе", "акб"),
        "mains": ("сетев<ой>", "электрическ<ий>", "от сети", "220в"),
        "pneumatic": ("пневматическ<ий>", "пневмо", "на сжатом воздухе"),
        "manual": ("ручн<ой>",),
        "brushless": ("бесщёточн<ый>", "бесколлекторн<ый>", "без щёток"),
        "voltage_v": ("{x}в", "{x} в", "{x} вольт", "{x}v", "на {x} вольт"),
        "capacity_ah": ("{x}ач", "{x} ач", "{x} а/ч", "{x}ah", "акб {x} ач"),
        "power_w": ("{x}вт", "{x} вт", "{x} ватт", "{x}w", "мощность {x} вт"),
        "size_mm": ("{x}мм", "{x} мм", "{x} mm"),
        "inches": ("{x} дюйма", '{x}"', "квадрат {x}"),
        "tip": ("{x}", "шлиц {x}", "жало {x}"),
        "orders": ("t a s b", "t b a s", "b t a s", "a t s b", "t s a b", "t a b s"),
    },
    "en": {
        "cordless": ("cordless", "battery powered", "battery", "rechargeable"),
        "mains": ("corded", "electric", "mains", "plug-in"),
        "pneumatic": ("pneumatic", "air", "compressed air"),
        "manual": ("hand", "manual"),
        "brushless": ("brushless", "brushless motor", "no brushes"),
        "voltage_v": ("{x}v", "{x} v", "{x} volt", "{x} volts", "{x}-volt"),
        "capacity_ah": ("{x}ah", "{x} ah", "{x} amp hour", "{x} ah battery"),
        "power_w": ("{x}w", "{x} w", "{x} watt", "{x} watts"),
        "size_mm": ("{x}mm", "{x} mm", "{x} millimetre"),
        "inches": ("{x} inch", '{x}"', "{x} in drive"),
        "tip": ("{x}", "{x} tip"),
        "orders": ("a t s b", "b a t s", "s a t b", "a b t s", "b s a t", "a s t b"),
    },
}


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class DiyQueries:
    """Queries with their graded relevance."""

    texts: tuple[str, ...]  #: the queries
    level: tuple[str, ...]  #: ``"coarse"`` or ``"fine"``, one per query; the coarse ones come first
    #: Shape (n_queries, n_items), int8. 2 where an item has all that the query asks for (some item
    #: always has); 1 where it has only the class and the power source; 0 elsewhere. A coarse query
    #: asks for nothing else, so its row has no 1. Binary metrics take ``grades == 2``.
    grades: sparse.csr_array
    #: What each query asks for, ``tool_class``, ``power_source`` and, for a fine query, values of
    #: one to three of `CONSTRAINTS` (a ``size_mm`` is that of the class's ``size_kind``).
    needs: tuple[Mapping[str, Any], ...]

    def __len__(self) -> int:
        return len(self.texts)


def diy_queries(
    table: pd.DataFrame, language: str = "ru", *, n_queries: int = 200, seed: int = 0
) -> DiyQueries:
    """Write queries over items of `diy` and grade all items by their attributes.

    A query starts from an item drawn at random. A *coarse* query names its class and power source
    ("шуруповёрт аккумуляторный", cordless screwdriver); a *fine* one names up to three more of its
    attributes, of those that the item's title mentions ("дрель-шуруповёрт 18в 2ач бесщёточный",
    brushless drill driver 18 V 2 Ah). No two queries ask for the same; needs and grades are equal
    in both languages. Relevance follows the attributes, whether or not a title mentions them: no
    search over titles need reach a recall of 1.

    Parameters
    ----------
    table : pandas.DataFrame, shape (n_items, n_columns)
        As `diy_catalogue` returns it, in either language, or some of its rows.
    language : {"ru", "en"}
        Language of the queries; it need not be that of the titles.
    n_queries : int
        Half are coarse (rounded up), or as many as the table has pairs of a class and a power
        source; the others are fine.
    seed : int
        Not negative.

    Returns
    -------
    DiyQueries

    Raises
    ------
    UsageError
        A table that lacks attributes, rows or different needs; a number out of range.

    Examples
    --------
    >>> from paper_utils.data.diy import diy_catalogue
    >>> queries = diy_queries(diy_catalogue(300, "en"), "en", n_queries=6)
    >>> queries.level, queries.grades.shape
    (('coarse', 'coarse', 'coarse', 'fine', 'fine', 'fine'), (6, 300))
    """
    _check(table, language, n_queries, seed)
    rows = table.to_dict("records")
    streams = [
        np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
        for key in ((10,), (11, DIY_LANGUAGES.index(language)))
    ]
    pairs = {(row["tool_class"], row["power_source"]) for row in rows}
    n_coarse = min((n_queries + 1) // 2, len(pairs))
    coarse = _different(rows, streams[0], _coarse_need, n_coarse)
    fine = _different(rows, streams[0], _fine_need, n_queries - n_coarse)
    if len(coarse) + len(fine) < n_queries:
        raise UsageError(
            f"n_queries={n_queries}: these {len(rows):,} items give only "
            f"{len(coarse) + len(fine)} different queries; ask for fewer, or for more items"
        )
    needs = [*coarse, *fine]
    texts = [
        _text(need, language, iter(row))
        for need, row in zip(needs, streams[1].random((len(needs), _DRAWS)).tolist(), strict=True)
    ]
    return DiyQueries(
        texts=tuple(texts),
        level=("coarse",) * len(coarse) + ("fine",) * len(fine),
        grades=_grades(table, needs),
        needs=tuple(MappingProxyType(need) for need in needs),
    )


def _check(table: pd.DataFrame, language: str, n_queries: int, seed: int) -> None:
    if language not in DIY_LANGUAGES:
        raise UsageError(
            f"language {language!r} of queries: {did_you_mean(language, DIY_LANGUAGES)}"
        )
    lacking = [name for name in ATTRIBUTES if name not in getattr(table, "columns", ())]
    if lacking:
        raise UsageError(
            "queries need the table of the catalogue diy, with all attributes; "
            f"this one lacks {', '.join(lacking[:3])}"
        )
    if not len(table):
        raise UsageError("the table has no items to ask for")
    whole("n_queries", n_queries, least=1)
    whole("seed", seed, least=0)


def _different(rows, stream, need_of, count: int) -> list[dict[str, Any]]:
    """Return up to `count` different needs, of items in random order."""
    found: dict[tuple, dict[str, Any]] = {}
    for _ in range(_PASSES):
        order = np.argsort(stream.random(len(rows)), kind="stable")
        draws = stream.random((len(rows), _DRAWS))
        for place in order.tolist():
            if len(found) == count:
                return list(found.values())
            need = need_of(rows[place], iter(draws[place].tolist()))
            if need:
                found.setdefault(tuple(sorted(need.items(), key=lambda pair: pair[0])), need)
    return list(found.values())


def _coarse_need(row: Mapping[str, Any], u: Iterator[float]) -> dict[str, Any]:
    return {"tool_class": row["tool_class"], "power_source": row["power_source"]}


def _fine_need(row: Mapping[str, Any], u: Iterator[float]) -> dict[str, Any]:
    """Return class, power source and one to three attributes that the item's title mentions."""
    mentioned = {*row["mentions"].split(), "brand"}
    if "tip" in mentioned:  # "PH2x100" says the length too, which nobody asks for by itself
        mentioned.discard("size_mm")
    if row["size_kind"] == "hex":  # there is only one size
        mentioned.discard("size_mm")
    offered = [name for name in CONSTRAINTS if name in mentioned]
    draws = [next(u) for _ in offered]
    wanted = 2 + (next(u) < 0.5)
    chosen = sorted(range(len(offered)), key=draws.__getitem__)[:wanted]
    return _coarse_need(row, u) | {offered[i]: row[offered[i]] for i in sorted(chosen)}


def _grades(table: pd.DataFrame, needs: list[dict[str, Any]]) -> sparse.csr_array:
    columns = {
        name: table[name].to_numpy() for name in ("tool_class", "power_source", *CONSTRAINTS)
    }
    indptr, indices, data = [0], [], []
    for need in needs:
        same_kind = np.flatnonzero(
            (columns["tool_class"] == need["tool_class"])
            & (columns["power_source"] == need["power_source"])
        )
        complete = np.ones(len(same_kind), dtype=bool)
        for name, value in need.items():
            complete &= columns[name][same_kind] == value
        indices.append(same_kind)
        data.append(1 + complete.astype(np.int8))
        indptr.append(indptr[-1] + len(same_kind))
    return sparse.csr_array(
        (np.concatenate(data), np.concatenate(indices), indptr), shape=(len(needs), len(table))
    )


def _text(need: Mapping[str, Any], language: str, u: Iterator[float]) -> str:
    words = _WORDS[language]
    entry = next(c for c in vocabulary()["classes"] if c["id"] == need["tool_class"])
    tool, gender = _tool(entry, need["power_source"], language, u)
    implied = any(_IMPLIES.get(name) == need["power_source"] for name in need)
    adjectives = []
    if not implied:
        adjectives.append(_pick(words[need["power_source"]], u))
    if "brushless" in need:
        adjectives.append(_pick(words["brushless"], u))
    # "Отвёртка ручная ручная" says it twice.
    adjectives = [form for form in adjectives if form.split("<")[0] not in tool]
    specs = [
        _spec(name, need[name], words, u)
        for name in ("tip", "voltage_v", "capacity_ah", "power_w", "size_mm")
        if name in need
    ]
    slots = {
        "t": tool,
        "a": " ".join(inflect(form, gender, "nom") for form in adjectives),
        "s": " ".join(specs),
        "b": _brand(need["brand"], language, u) if "brand" in need else "",
    }
    text = " ".join(" ".join(slots[slot] for slot in _pick(words["orders"], u).split()).split())
    if language == "ru" and next(u) < 0.6:  # most people type е for ё
        text = text.replace("ё", "е")
    return text


def _tool(entry, power: str, language: str, u: Iterator[float]) -> tuple[str, str]:
    """Return a word for the class and its grammatical gender."""
    if language == "en":
        return _pick(entry["en"], u).lower(), "m"
    fitting = [form for form in entry["ru"] if len(form) < 5 or power in form[4]]
    form = _pick(fitting, u)
    return form[0].lower(), form[1]


def _spec(name: str, value: Any, words: Mapping[str, Any], u: Iterator[float]) -> str:
    if name == "tip":
        return _pick(words["tip"], u).format(x=value.lower())
    if name == "size_mm" and value in _INCHES:
        return _pick(words["inches"], u).format(x=_INCHES[value])
    return _pick(words[name], u).format(x=f"{value:g}")


def _brand(name: str, language: str, u: Iterator[float]) -> str:
    forms = [name]
    if language == "ru":
        forms = next(russian for brand, russian, *_ in vocabulary()["brands"] if brand == name)
    brand = _pick(forms, u)
    return brand.lower() if next(u) < 0.6 else brand


def _pick(forms, u: Iterator[float]) -> Any:
    """Return one of the forms; the r-th has a weight of 1/r."""
    weights = np.cumsum([1 / rank for rank in range(1, len(forms) + 1)])
    return forms[min(int(np.searchsorted(weights, next(u) * weights[-1])), len(forms) - 1)]
