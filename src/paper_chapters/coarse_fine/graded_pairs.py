"""Pairs of titles of one query whose grades differ: coarsely or finely, by what the query names.

*Coarse*: one title is of a class that the query names, the other of none that it names. *Fine*:
both are of one class, and of an attribute that the query names (a number with its unit, a colour, a
material, a brand) one title states the value and the other another one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pandas as pd
from scipy import sparse

GAP = 0.3  #: of grades that differ: one of three raters, rounded
KINDS = ("coarse", "fine", "neither")
ATTRIBUTES = ("number", "colour", "material", "brand")
LEAST_OF_BRAND = 20  #: titles that begin with a word, for it to count as a brand

COLOURS = frozenset(
    "almond amber aqua beige black blue bronze brown burgundy charcoal cherry chestnut chrome "
    "clear copper coral cream espresso gold golden gray green grey indigo ivory khaki lavender "
    "lime magenta mahogany maroon navy nickel orange pewter pink plum purple red rose silver tan "
    "taupe teal turquoise violet walnut white yellow".split()
)
_BROAD = {  # what a stated material also is: aluminium is a metal
    "metal": "aluminium aluminum brass iron steel zinc",
    "plastic": "acrylic nylon polyester polypropylene pvc resin vinyl",
    "stone": "granite limestone marble quartzite sandstone slate travertine",
    "wood": "bamboo cedar hardwood hickory mdf oak pine plywood",
}
_ALSO = {narrow: broad for broad, names in _BROAD.items() for narrow in names.split()}
MATERIALS = frozenset(
    "canvas ceramic concrete cotton denim fabric fiberglass flannel fleece foam glass laminate "
    "leather linen microfiber porcelain rubber satin silicone silk suede velvet wicker wool".split()
).union(_BROAD, _ALSO)
_UNITS = {  # as titles write them
    "inch": r"in\b\.?|inch(?:es)?\b|\"|″",
    "foot": r"ft\b\.?|feet\b|foot\b",
    "gallon": r"gal\b\.?|gallons?\b",
    "pound": r"lbs?\b\.?|pounds?\b",
    "ounce": r"oz\b\.?|ounces?\b",
    "quart": r"qt\b\.?|quarts?\b",
    "watt": r"watts?\b|w\b",
    "volt": r"volts?\b|v\b",
    "amp": r"amps?\b",
    "btu": r"btu\b",
    "gauge": r"gauge\b|ga\b\.?",
    "pack": r"packs?\b|pk\b|count\b|ct\b|pieces?\b|pcs?\b|pc\b",
    "light": r"lights?\b",
    "gigabyte": r"gb\b",
    "terabyte": r"tb\b",
    "millimetre": r"mm\b",
    "centimetre": r"cm\b",
    "cup": r"cups?\b",
}
_NUMBER = re.compile(
    r"(?<![\w.,/])(\d+(?:[.,]\d+)?(?:[-\s]\d+/\d+|/\d+)?)[-\s]?(?:"
    + "|".join(f"(?P<{name}>{pattern})" for name, pattern in _UNITS.items())
    + ")",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?<![\w./])(\d+)\s?x\s?(\d+)(?![\w./])")  # '32x80': inches, unsaid
_HEAD_ENDS = re.compile(
    r"\s+(?:with|w/|in|for|by|from|featuring|including|w)\s|[,(|:;]|\s[-–—]+\s|-disco"
)
_WORD = re.compile(r"[^\W\d_]+")
_VAGUE = frozenset(
    "kit set pack system unit assembl accessori collect piec part model style combo pair size "
    "box case cover holder light machin".split()
)


@cache
def title_class(title: str) -> str:
    """Return the class of a title: its head, stemmed, without numbers and colours; '' without one.
    The head is the last word before what a title adds ('with …', 'in …', a comma, a bracket); the
    word before it stays where the last says little.

    >>> title_class("Lund 60 in. Flush Mount Truck Tool Box")
    'tool box'
    >>> title_class("Bella Rotary Waffle Makers with Timer, Black")
    'maker'
    """
    head = _HEAD_ENDS.split(f"{_NUMBER.sub(' ', title.lower())} ", maxsplit=1)[0]
    words = [w for w in _WORD.findall(head) if len(w) > 2 and w not in COLOURS]
    stems = [_stem()(word) for word in words[-2:]]
    return "" if not stems else " ".join(stems) if stems[-1] in _VAGUE else stems[-1]


@cache
def stated(text: str, brands: frozenset[str] = frozenset()) -> dict[str, frozenset[str]]:
    """Return the values that a text states of each attribute: sets, empty where it states none.
    Each unit is an attribute of its own; what is of steel is of metal too.

    >>> found = stated("RYOBI 18-Volt Drill, 3/8 in., Green", frozenset({"ryobi"}))
    >>> {name: sorted(values) for name, values in found.items() if values}
    {'colour': ['green'], 'brand': ['ryobi'], 'volt': ['18'], 'inch': ['3/8']}
    """
    low = text.lower()
    words = frozenset(_WORD.findall(low))
    found = {
        "colour": words & COLOURS,
        "material": (words & MATERIALS) | {_ALSO[word] for word in words & _ALSO.keys()},
        "brand": words & brands,
    }
    numbers = [(str(match.lastgroup), match[1]) for match in _NUMBER.finditer(low)]
    numbers += [("inch", part) for match in _BARE.finditer(low) for part in match.groups()]
    for unit, number in numbers:
        found[unit] = found.get(unit, frozenset()) | {number.replace(" ", "-")}
    return found


def find_brands(titles: Sequence[str]) -> frozenset[str]:
    """Return the words that are brands: most titles with the word begin with it, in capitals.
    At least `LEAST_OF_BRAND` titles have it; colours and materials are none.
    """
    first, anywhere = Counter(), Counter()
    for title in titles:
        words = _WORD.findall(title)
        anywhere.update({word.lower() for word in words})
        if words and words[0][0].isupper():
            first[words[0].lower()] += 1
    return frozenset(
        word
        for word, n in anywhere.items()
        if n >= LEAST_OF_BRAND and first[word] > n / 2 and word not in COLOURS | MATERIALS
    )


def pair_kind(query: str, one: str, other: str, brands: frozenset[str]) -> tuple[str, str]:
    """Return the kind of a pair of titles for a query, and the attribute that a fine pair tells.

    >>> pair_kind("18 volt drill", "Ryobi 18-Volt Drill", "Ryobi 12-Volt Drill", frozenset())
    ('fine', 'volt')
    >>> pair_kind("18 volt drill", "Ryobi 18-Volt Drill", "Ryobi 18-Volt Saw", frozenset())
    ('coarse', '')
    """
    classes = title_class(one), title_class(other)
    stems = {_stem()(word) for word in _WORD.findall(query.lower())}
    named = [bool(kind) and set(kind.split()) <= stems for kind in classes]
    if classes[0] != classes[1]:
        return ("coarse" if named[0] != named[1] else "neither"), ""
    if not classes[0]:
        return "neither", ""
    wanted, has, lacks = (stated(text, brands) for text in (query, one, other))
    for name, values in wanted.items():
        mine, theirs = has.get(name, frozenset()), lacks.get(name, frozenset())
        if values and mine and theirs and (values <= mine) != (values <= theirs):
            return "fine", name
    return "neither", ""


def graded_pairs(
    queries: Sequence[str], titles: Sequence[str], grades: sparse.csr_array
) -> pd.DataFrame:
    """Return all pairs of titles judged for one query whose grades differ by `GAP` or more.
    Columns ``query``, ``right``, ``wrong`` (numbers), ``kind`` (one of `KINDS`), ``attribute``.
    """
    brands, rows = find_brands(titles), []
    for query, text in enumerate(queries):
        part = slice(*grades.indptr[query : query + 2])
        grade, where = grades.data[part], grades.indices[part]
        for i, j in np.argwhere(grade[:, None] - grade >= GAP):
            right, wrong = int(where[i]), int(where[j])
            rows.append(
                (query, right, wrong, *pair_kind(text, titles[right], titles[wrong], brands))
            )
    return pd.DataFrame(rows, columns=["query", "right", "wrong", "kind", "attribute"])


@cache
def _stem() -> Callable[[str], str]:
    import Stemmer

    return cache(Stemmer.Stemmer("english").stemWord)
