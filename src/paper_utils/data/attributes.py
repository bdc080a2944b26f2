"""Millimetres, centimetres, metres, pieces, watts and volts that titles state, found by `RULES`.

A rule gives no value where it is uncertain: products, ranges and lists ("30x150мм", "1-10мм"), two
values of one unit, ambiguous letters ("5 в 1", "10w-40", "м 8x40"), codes ("t-101в", "03м").
"mm" is the only measure in millimetres that a title states, whatever it measures.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from paper_utils.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Rule:
    """How one attribute is written."""

    name: str
    units: tuple[tuple[str, float], ...]  # regular expression, factor of the number
    low: float  # values below are not believed
    high: float  # values above are not believed
    query: dict[str, str]  # language -> how a query writes it, {x} for the number
    not_before: str = r"(?!)"  # regular expression of what must not follow the unit


RULES: tuple[Rule, ...] = (
    Rule(
        "mm",
        ((r"мм|mm|миллиметр\w*|millimet\w+", 1.0),),
        0.1,
        5000,
        {"ru": "{x} мм", "en": "{x} mm"},
    ),
    Rule(
        "cm",
        ((r"см|cm|сантиметр\w*|centimet\w+", 1.0),),
        0.5,
        1000,
        {"ru": "{x} см", "en": "{x} cm"},
    ),
    Rule(
        "metres",
        # A single Latin m is never read: the brand 3M, a million or a thread as often as a metre.
        ((r"м|метр\w*|meters?|metres?", 1.0),),
        0.3,
        1000,
        {"ru": "{x} м", "en": "{x} m"},
        not_before=r"\s*\d|[23²³]|\s*/",
    ),
    Rule(
        "pieces",
        ((r"шт|штук\w*|pcs?|pieces?|pk|packs?", 1.0),),
        1,
        100_000,
        {"ru": "{x} шт", "en": "{x} pcs"},
    ),
    Rule(
        "watts",
        ((r"вт|ватт|w|watts?", 1.0), (r"квт|kw", 1000.0)),
        1,
        20_000,
        {"ru": "{x} вт", "en": "{x} w"},
        not_before=r"[\s-]*\d\d\b|[\s.]*/?\s*h\b|/\w",
    ),
    Rule(
        "volts",
        ((r"в|вольт\w*|v|volts?", 1.0),),
        1.2,
        1000,
        {"ru": "{x} в", "en": "{x} v"},
        not_before=r"\d|\s*[1-3]\b(?![.,]\d|\s*[aа])|\s*/\s*[1-9]\d?\b|-\w",
    ),
)
ATTRIBUTE_NAMES = tuple(rule.name for rule in RULES)

_NUMBER = r"(?P<x>\d+(?:[.,]\d{1,3})?)"
# 'x' before the number makes a product, a dash or a stroke a range, a point or comma a list.
_PART_OF_MORE = re.compile(r"(?:\d|\d\s*[a-zа-я]{1,3}\.?)\s*[xх×*/+…-]\s*$|\d\s*[–—:]\s*$|\d[.,]$")
_PRODUCT_SIGN = re.compile(r"(?:^|[\s\d])[xх×*]\s*$")
_GOES_ON = re.compile(
    r"^\s*[xх×*]\s*\d|^\s*[-–/]\s*\d+(?:[.,]\d+)?\s*(?:мм|mm|см|cm|м\b|m\b|вт|w\b|в\b|v\b)"
)
_JOINED = re.compile(r"[\w'\"″]$")
# '12 в уп.' is twelve in a pack, '5 в чемодане' five in a case.
_IN = re.compile(r"\s+(?:уп|наб|кор|пак|чем|кейс|сборе|бл|компл|ящ|шт|пл|одн|туб|бан)")


def mine_title(title: str) -> dict[str, float]:
    """Return the attributes that a title states with one certain value, in the units of `RULES`.

    >>> mine_title("Саморез кровельный 250шт, 28 мм")
    {'mm': 28.0, 'pieces': 250.0}
    >>> mine_title("Дрель аккумуляторная 18В 1,2 кВт")
    {'watts': 1200.0, 'volts': 18.0}
    >>> mine_title("Валик 30x 150мм, 5 в 1, масло 10w-40")
    {}
    """
    found = {}
    text = title.lower()
    for rule in RULES:
        value = _only_value(text, rule)
        if value is not None:
            found[rule.name] = value
    return found


def _only_value(text: str, rule: Rule) -> float | None:
    values = set()
    for unit, factor in rule.units:
        for match in _pattern(unit).finditer(text):
            after = text[match.end() :]
            if re.match(rule.not_before, after) or not _said_plainly(rule, match, text):
                continue
            before = text[: match.start()]
            if _PART_OF_MORE.search(before) or _PRODUCT_SIGN.search(before):
                return None
            if _GOES_ON.match(after):
                return None
            values.add(round(float(match["x"].replace(",", ".")) * factor, 6))
    if len(values) != 1:
        return None
    value = values.pop()
    return value if rule.low <= value <= rule.high else None


@functools.cache
def _pattern(unit: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\d){_NUMBER}(?P<gap>\s*-?\s?)(?:{unit})(?![^\W\d_])")


def _said_plainly(rule: Rule, match: re.Match[str], text: str) -> bool:
    """Whether the number stands by itself, and the unit is one."""
    before = text[: match.start()]
    if _JOINED.search(before):  # 'ls50мм' is a code
        return False
    if rule.name == "pieces" and not float(match["x"].replace(",", ".")).is_integer():
        return False
    if rule.name == "metres" and re.search(r"\bdin\s*$", before):
        return False
    if rule.name in ("volts", "watts") and re.search(r"[a-zа-я]-$", before):
        return False
    if re.match(r"0\d", match["x"]):  # '03м', '0070w': codes
        return False
    if rule.name == "volts" and match["gap"]:
        return not _IN.match(text[match.end() :])
    if rule.name == "watts" and match["gap"] and match[0].endswith("w"):
        return not re.match(r"/|\s*/", text[match.end() :])  # '16 w/ rod': with a rod
    return not (match["gap"].strip() and rule.name != "pieces")  # '200-pc', but no '200-mm'


def mine_attributes(titles: Iterable[str]) -> pd.DataFrame:
    """Return float64 columns `ATTRIBUTE_NAMES`, a row for each title; NaN where not stated."""
    rows = []
    for number, title in enumerate(titles):
        if not isinstance(title, str):
            raise UsageError(f"title {number} is {type(title).__name__}, not text: {title!r}")
        rows.append(mine_title(title))
    return pd.DataFrame(rows, columns=list(ATTRIBUTE_NAMES), dtype="float64")


def find_rule(name: str) -> Rule:
    """Return the rule of an attribute, or raise `UsageError`."""
    for rule in RULES:
        if rule.name == name:
            return rule
    raise UsageError(f"no attribute {name!r}: {did_you_mean(name, ATTRIBUTE_NAMES)}")


def attribute_text(name: str, value: float, language: str) -> str:
    """Return how a query in "ru" or "en" writes a value of the attribute `name`.

    >>> attribute_text("volts", 18.0, "ru"), attribute_text("pieces", 12.0, "en")
    ('18 в', '12 pcs')
    """
    rule = find_rule(name)
    if language not in rule.query:
        raise UsageError(f"language {language!r}: {did_you_mean(language, rule.query)}")
    return rule.query[language].format(x=f"{value:.10g}")


def without_attribute(title: str, name: str) -> str:
    """Return the title in lower case, without spaces and without the value of `name`.
    Two titles that are equal afterwards are a minimal pair: they differ in this number alone.
    """
    return "".join(_replaced(title.lower(), name, "⟨⟩").split())


def rewrite_attribute(title: str, name: str, language: str) -> str:
    """Return the title in lower case with the stated value of `name` written as a query writes it.

    >>> rewrite_attribute("Rivet 1/8 15pk", "pieces", "en")
    'rivet 1/8 15 pcs'
    """
    value = mine_title(title).get(name)
    if value is None:
        raise UsageError(f"title {title!r} states no {name}")
    return _replaced(title.lower(), name, attribute_text(name, value, language))


def _replaced(text: str, name: str, by: str) -> str:
    rule = find_rule(name)
    for unit, _ in rule.units:
        text = _pattern(unit).sub(by, text)
    return text
