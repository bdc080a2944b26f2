"""Write the title of a tool in Russian or English."""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from paper_utils.data.diy_items import vocabulary

_ENDINGS = {  # endings of Russian adjectives by the masculine nominative: [gender][case]
    "ый": {"m": ("ый", "ого", "ым"), "f": ("ая", "ой", "ой")},
    "ой": {"m": ("ой", "ого", "ым"), "f": ("ая", "ой", "ой")},
    "ий": {"m": ("ий", "ого", "им"), "f": ("ая", "ой", "ой")},
}
_CASES = ("nom", "gen", "ins")
_INCHES = {6.35: "1/4", 9.525: "3/8", 12.7: "1/2", 19.05: "3/4", 25.4: "1"}

#: Letters that look alike in both alphabets, Latin to Cyrillic.
_LOOKALIKES = str.maketrans("ABCEHKMOPTX", "АВСЕНКМОРТХ")

_SPECS = (  #: the order in which a title lists what it mentions
    "tip",
    "voltage_v",
    "power_w",
    "capacity_ah",
    "chemistry",
    "torque_nm",
    "chuck_type",
    "size_mm",
    "speed_per_min",
    "impact_energy_j",
    "n_speeds",
    "features",
    "n_batteries",
    "n_accessories",
    "case",
)


_IN_TITLE_CASE = re.compile(  # the first letter of a word that is neither a unit nor a small word
    r"(?<![^\s/(-])(?!(?:rpm|opm|spm|watt|with|and|for|up|to|in)\b)[a-z](?=[a-z]{2})"
)

_LEADS = frozenset(("tip", "voltage_v", "power_w"))  # may stand before the tool: "18V drill"


class Writer:
    """Writes titles in one language; `diversity` is the chance of an unusual wording."""

    def __init__(self, language: str, diversity: float):
        self.language = language
        self.russian = language == "ru"
        self.diversity = diversity
        self.words = vocabulary()["wording"][language]
        # Words for a tool, by class and power source: an "электродрель" is never pneumatic.
        self.forms = {
            (entry["id"], power): [
                form[:4] if self.russian else (form, "m", form, form)
                for form in entry[language]
                if not self.russian or len(form) < 5 or power in form[4]
            ]
            for entry in vocabulary()["classes"]
            for power in entry["power"]
        }
        self.speed_kinds = {
            entry["id"]: entry["speed"]["kind"]
            for entry in vocabulary()["classes"]
            if "speed" in entry
        }
        self.impact_is_news = {
            entry["id"]: 0 < entry.get("impact", 0) < 1 for entry in vocabulary()["classes"]
        }

    def title(self, item: dict[str, Any], u: Iterator[float]) -> str:
        """Return the title of an item from `draw_item`, worded by uniform numbers."""
        pattern, case = self._pick(self.words["titles"], next(u)), "nom"
        mentioned = item["mentions"].split()
        if "n_accessories" in mentioned and next(u) < 0.4 * self.diversity:
            pattern, case = self._pick(self.words["kits"], next(u))
        forms = self.forms[item["tool_class"], item["power_source"]]
        tool, gender, genitive, instrumental = self._pick(forms, next(u))
        tool = {"nom": tool, "gen": genitive, "ins": instrumental}[case]
        grammar = (gender, case)
        adjectives = self._adjectives(item, mentioned, tool, grammar, u)
        tool, adjectives = self._misspell(tool, adjectives, u)
        specs = self._specs(item, mentioned, grammar, u)
        slots = {
            "type": tool,
            "adjectives": adjectives,
            "brand": self._brand(item, u),
            "model": self._model(item, u) if "model" in mentioned else "",
        }
        led = not _LEADS.isdisjoint(mentioned)
        title = self._assemble(pattern, slots, specs, led, u)
        # Most people type е for ё; the plainest catalogue always does.
        if self.russian and next(u) >= 0.4 * self.diversity:
            title = title.replace("ё", "е").replace("Ё", "Е")
        return title

    def _pick(self, values: Sequence[Any], u: float) -> Any:
        """Return the first value, or with the chance `diversity` one of all (Zipf)."""
        if len(values) == 1 or u >= self.diversity:
            return values[0]
        edges = _zipf_edges(len(values))
        return values[bisect_right(edges, u / self.diversity * edges[-1], hi=len(values) - 1)]

    def _adjectives(self, item, mentioned, tool, grammar, u) -> str:
        chosen = []
        if "power_source" in mentioned:
            chosen.append(self._pick(self.words["power_source"][item["power_source"]], next(u)))
        if "brushless" in mentioned:
            chosen.append(self._pick(self.words["brushless"], next(u)))
        if item["impact"] and self.impact_is_news[item["tool_class"]]:
            chosen.append(self._pick(self.words["impact"], next(u)))
        return " ".join(  # "Электродрель электрическая" says it twice
            inflect(form, *grammar) for form in chosen if form[:6].lower() not in tool.lower()
        )

    def _misspell(self, tool: str, adjectives: str, u) -> tuple[str, str]:
        text = f"{tool}\n{adjectives}"
        slip, which = next(u), next(u)
        if slip < 0.1 * self.diversity:
            known = [
                (right, wrong)
                for right, wrongs in self.words["misspellings"].items()
                if right in text.replace("ё", "е")
                for wrong in wrongs
            ]
            if known:
                right, wrong = known[int(which * len(known))]
                text = text.replace("ё", "е").replace(right, wrong, 1)
        tool, _, adjectives = text.partition("\n")
        return tool, adjectives

    def _brand(self, item, u) -> str:
        forms = item["brand_forms"] if self.russian else (item["brand"],)
        brand = self._pick(forms, next(u))
        return brand.upper() if next(u) < 0.25 * self.diversity else brand

    def _model(self, item, u) -> str:
        model = item["model_russian"] if self.russian else item["model"]
        style = next(u)
        if style < 0.12 * self.diversity:
            return model.replace("-", "").replace(" ", "")
        if style < 0.3 * self.diversity:
            return model.lower()
        if style < 0.36 * self.diversity and self.russian:
            return model.translate(_LOOKALIKES)
        return model

    def _specs(self, item, mentioned, grammar, u) -> list[str]:
        words = self.words
        combined = (
            "capacity_ah" in mentioned
            and "n_batteries" in mentioned
            and item["n_batteries"]
            and next(u) < 0.5 * self.diversity
        )
        comma = self.russian and next(u) < 0.25 * self.diversity
        specs = []
        for name in _SPECS:
            if name not in mentioned or (combined and name == "n_batteries"):
                continue
            if name == "features":
                for feature in item["features"].split():
                    specs.append(inflect(self._pick(words["features"][feature], next(u)), *grammar))
                continue
            value = item[name]
            extra: tuple = ()
            if name == "capacity_ah" and combined:
                forms, extra = words["batteries_capacity"], ("n", item["n_batteries"])
            elif name == "size_mm":
                if item["tip"]:
                    continue
                kind = item["size_kind"]
                joined = kind == "chuck" and "chuck_type" in mentioned
                forms = words["size_mm"]["bare" if joined else kind]
            elif name == "tip" and "size_mm" in mentioned:
                forms, extra, value = words["tip_size"], ("t", value), item["size_mm"]
            elif name == "n_accessories":
                forms = words[name][item["accessory_kind"]]
            elif name == "speed_per_min":
                forms = words[name][self.speed_kinds[item["tool_class"]]]
            elif isinstance(words[name], dict):
                forms = words[name][value]
            else:
                forms = words[name]
            spec = inflect(self._pick(forms, next(u)), *grammar)
            if "{" in spec:
                spec = _fill(spec, value, comma, *extra)
            if name == "size_mm" and joined:  # "БЗП 13мм" is one phrase
                specs[-1] += " " + spec
            else:
                specs.append(spec)
        if len(specs) > 2 and next(u) < 0.3 * self.diversity:  # two neighbours swap places
            place = 1 + int(next(u) * (len(specs) - 2))
            specs[place], specs[place + 1] = specs[place + 1], specs[place]
        return specs

    def _assemble(self, pattern: str, slots: dict[str, str], specs: list[str], led: bool, u) -> str:
        separator = self._pick((" ", ", ", " ", ", "), next(u))
        bracket = next(u) < 0.15 * self.diversity and len(specs) > 2
        tail, listed = "specs", specs
        if "{lead}" in pattern:
            # Only what a tool is known by goes before its name: "18V drill", never "case drill".
            n_lead = int(led and bool(specs))
            slots["lead"], listed, tail = "".join(specs[:n_lead]), specs[n_lead:], "rest"
        slots[tail] = separator.join(listed)
        if bracket:
            slots[tail] = f"({', '.join(listed)})"
        elif separator == ", " and next(u) < 0.5 and slots[tail]:
            slots[tail] = ", " + slots[tail]  # the mark goes behind the word before the list
        title = " ".join(pattern.format(**slots).split()).replace(" ,", ",")
        style = self._pick(("sentence", "lower", "capitals", "upper"), next(u))
        if style == "lower":
            return title.lower()
        if style == "capitals" and not self.russian:
            return _IN_TITLE_CASE.sub(lambda match: match[0].upper(), title)
        if style == "upper":
            title = title.replace(slots["type"], slots["type"].upper(), 1)
        return title[:1].upper() + title[1:]


@functools.cache
def _zipf_edges(n: int) -> tuple[float, ...]:
    edges, total = [], 0.0
    for rank in range(1, n + 1):
        total += 1 / rank
        edges.append(total)
    return tuple(edges)


@functools.cache
def inflect(form: str, gender: str, case: str) -> str:
    """Put the adjectives of a wording, endings in angle brackets, into a gender and a case.

    >>> inflect("аккумуляторн<ый>", "f", "nom"), inflect("сетев<ой>", "m", "ins")
    ('аккумуляторная', 'сетевым')
    """
    place = _CASES.index(case)
    return re.sub(r"<(..)>", lambda match: _ENDINGS[match[1]][gender][place], form)


@functools.lru_cache(maxsize=1 << 16)
def _fill(form: str, value: Any, comma: bool, key: str = "", extra: Any = None) -> str:
    """Put a number into a wording, with the plural that it takes."""
    if isinstance(value, str):
        return form.format(x=value)
    form = re.sub(r"\[([^]]*)\]", lambda match: plural(int(value), match[1].split("|")), form)
    numbers = {
        "x": f"{value:g}",
        "x1": f"{value:.1f}",
        "k": f"{value / 1000:g}",
        "m": f"{value * 1000:.0f}",
        "c": f"{value / 10:g}",
        "inch": _INCHES.get(value, ""),
    }
    if comma:
        numbers = {key: text.replace(".", ",") for key, text in numbers.items()}
    return form.format(**numbers, **{key: extra})


def plural(n: int, forms: Sequence[str]) -> str:
    """Return the form for a number: of two (one, many) or of three (one, few, many; Russian)."""
    if len(forms) == 2:
        return forms[n != 1]
    if n % 10 == 1 and n % 100 != 11:
        return forms[0]
    return forms[1] if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14 else forms[2]
