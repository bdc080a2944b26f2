"""Draw power tools: their class, brand and attributes, independent of the language.

Only uniform numbers, comparisons and exact arithmetic: a seed gives the same tools everywhere.
"""

from __future__ import annotations

import functools
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import accumulate
from typing import Any

import yaml

ATTRIBUTES = (  #: columns that say what a tool is, in the order of the table
    "tool_class",
    "brand",
    "model",
    "power_source",
    "voltage_v",
    "capacity_ah",
    "n_batteries",
    "chemistry",
    "brushless",
    "power_w",
    "torque_nm",
    "size_mm",
    "size_kind",
    "chuck_type",
    "tip",
    "speed_per_min",
    "n_speeds",
    "impact",
    "impact_energy_j",
    "features",
    "accessory_kind",
    "n_accessories",
    "case",
    "mentions",
)

DRAWS = 96  #: uniform numbers that a tool, or its title, may use up

_CYRILLIC_TO_LATIN = str.maketrans(
    dict(
        zip(
            "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЭ",
            "A B V G D E ZH Z I K L M N O P R S T U F H C CH SH E".split(),
            strict=True,
        )
    )
)


class Choice:
    """Values and their weights: ``choice(u)`` takes a uniform number to a value."""

    def __init__(self, weights: Mapping[Any, float]):
        self.values = list(weights)
        self.edges = list(accumulate(float(weight) for weight in weights.values()))

    def __call__(self, u: float) -> Any:
        return self.values[bisect_right(self.edges, u * self.edges[-1], hi=len(self.values) - 1)]


@functools.cache
def zipf(values: tuple[Any, ...]) -> Choice:
    """Return a choice in which the r-th value has a weight of 1/r."""
    return Choice(_zipf_weights(values))


def _zipf_weights(values: Iterable[Any]) -> dict[Any, float]:
    return {value: 1 / rank for rank, value in enumerate(values, start=1)}


@functools.cache
def vocabulary() -> dict[str, Any]:
    """Return the content of ``resources/diy.yml``; treat it as read-only."""
    text = files("paper_utils").joinpath("resources/diy.yml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


@dataclass(frozen=True)
class Brand:
    """A brand, its Russian spellings, its tier (0 to 1) and its style of model codes."""

    name: str
    russian: tuple[str, ...]
    tier: float
    style: str


class Shelf:
    """The classes and brands that a diversity leaves, and how titles mention attributes.
    Diversity 0: two classes, three brands, the same attributes in every title; 1: everything.
    """

    def __init__(self, diversity: float):
        words = vocabulary()
        self.classes = _first(words["classes"], diversity, least=2)
        self.by_id = {entry["id"]: entry for entry in self.classes}
        self.tool_class = Choice({entry["id"]: entry["weight"] for entry in self.classes})
        brands = [
            Brand(name, tuple(russian), tier, style)
            for name, russian, tier, style in _first(words["brands"], diversity, least=3)
        ]
        self.brand = zipf(tuple(brands))
        # The root, so that mentions vary early on: model codes are in most real titles.
        share = math.sqrt(diversity)
        self.mention = {
            power: {
                name: plain + (varied - plain) * share
                for name, bounds in words["mention"].items()
                for plain, varied in [bounds[power] if isinstance(bounds, dict) else bounds]
            }
            for power in ("cordless", "mains", "pneumatic", "manual")
        }
        self.choices = {
            id_: {
                key: Choice(value)
                for key, value in (
                    ("power", entry["power"]),
                    ("volts", words["voltages"].get(entry.get("volts"))),
                    ("size", entry.get("size", {}).get("values")),
                    ("chuck", entry.get("size", {}).get("types")),
                    ("speeds", entry.get("speeds")),
                    ("tips", _zipf_weights(entry.get("tips", ()))),
                )
                if value
            }
            for id_, entry in self.by_id.items()
        }
        self.capacity = Choice(words["capacities"])
        self.batteries = Choice(words["batteries"])
        self.case = Choice(words["cases"])
        self.accessory_count = zipf(tuple(words["accessory_counts"]))


@functools.lru_cache(maxsize=16)
def shelf(diversity: float) -> Shelf:
    """Return the cached `Shelf` of a diversity."""
    return Shelf(diversity)


def draw_item(u: Iterator[float], on: Shelf) -> dict[str, Any]:
    """Draw the `ATTRIBUTES` of one tool from uniform numbers; None where one does not apply.
    A grade from 0 (budget) to 1 (professional), which leans to the brand's tier, correlates watts,
    torque, capacity and a brushless motor. The result also holds ``brand_forms`` and
    ``model_russian``, for Russian titles only.
    """
    draw = u.__next__
    id_ = on.tool_class(draw())
    entry, choices = on.by_id[id_], on.choices[id_]
    brand: Brand = on.brand(draw())
    grade = 0.6 * brand.tier + 0.4 * draw()
    power = choices["power"](draw())
    item: dict[str, Any] = dict.fromkeys(ATTRIBUTES)
    item.update(tool_class=id_, brand=brand.name, brand_forms=brand.russian, power_source=power)
    _draw_supply(item, draw, on, entry, choices, grade)
    _draw_mechanics(item, draw, entry, choices, grade)
    _draw_extras(item, draw, on, entry)
    item["model"], item["model_russian"] = _model_code(item, draw, entry, brand)
    item["mentions"] = " ".join(_mentioned(item, draw, on))
    return item


def _draw_supply(item, draw, on, entry, choices, grade) -> None:
    """Draw battery or cord: voltage, capacity, batteries, chemistry, motor, watts."""
    item["brushless"] = False
    if item["power_source"] == "cordless":
        item["voltage_v"] = voltage = choices["volts"](_lean(draw(), grade, 0.3))
        item["n_batteries"] = on.batteries(draw())
        item["brushless"] = draw() < 0.05 + 0.55 * grade and voltage >= 10
        capacity, chemistry = on.capacity(_lean(draw(), grade, 0.4)), draw()
        if item["n_batteries"]:
            item["capacity_ah"] = min(capacity, 2 if voltage < 10 else 4 if voltage < 14 else 6)
            old = grade < 0.5 and voltage in (9.6, 12, 14.4, 18) and not item["brushless"]
            item["chemistry"] = "li-ion" if not old or chemistry < 0.8 else "ni-cd"
            if old and chemistry > 0.94:
                item["chemistry"] = "ni-mh"
    elif item["power_source"] == "mains":
        item["power_w"] = _in_range(entry["watts"], draw(), grade)


def _draw_mechanics(item, draw, entry, choices, grade) -> None:
    """Draw torque, size, chuck, tip, speed, impact."""
    power = item["power_source"]
    torque = entry.get("torque", {}).get(power)
    if torque and power == "cordless":
        least, most = torque
        per_volt = least + (most - least) * (0.6 * draw() + 0.4 * grade)
        item["torque_nm"] = max(1, round(item["voltage_v"] * per_volt))
    elif torque:
        item["torque_nm"] = _in_range(torque, draw(), grade)
    size = entry.get("size")
    if size:
        value = choices["size"](_lean(draw(), grade, 0.3))
        if size["kind"] != "none":
            item["size_mm"], item["size_kind"] = value, size["kind"]
        if "chuck" in choices:
            item["chuck_type"] = choices["chuck"](draw())
    if item["size_kind"] == "hole":  # a larger shank for larger holes
        item["chuck_type"] = "sds-max" if item["size_mm"] >= 32 else "sds-plus"
    if "tips" in choices:
        item["tip"] = choices["tips"](draw())
    if "speed" in entry:
        item["speed_per_min"] = _in_range(entry["speed"]["range"], draw(), grade)
    if "speeds" in choices:
        item["n_speeds"] = choices["speeds"](draw())
    item["impact"] = draw() < entry.get("impact", 0)
    energy = entry.get("energy", {}).get(power)
    if energy:
        item["impact_energy_j"] = _in_range(energy, draw(), grade)


def _draw_extras(item, draw, on, entry) -> None:
    """Draw features, accessories, case."""
    fits = vocabulary()["feature_power"]
    names = [
        name
        for name in entry.get("features", ())
        if item["power_source"] in fits.get(name, (item["power_source"],))
    ]
    first, second = draw(), draw()
    chosen = {names[int(first * len(names))]} if names else set()
    if second < 0.5 and names:
        chosen.add(names[int(2 * second * len(names))])
    item["features"] = " ".join(sorted(chosen))
    accessories = entry.get("accessories")
    has, count, item["n_accessories"] = draw(), draw(), 0
    if accessories and has < accessories["share"]:
        item["accessory_kind"] = accessories["kind"]
        item["n_accessories"] = on.accessory_count(count) * accessories.get("times", 1)
    item["case"] = "" if item["power_source"] == "manual" else on.case(draw())


def _mentioned(item, draw, on: Shelf) -> list[str]:
    """Return the attributes that the title mentions; the same for every language."""
    present = {
        **item,
        "n_batteries": item["n_batteries"] is not None,
        "model": True,
    }
    shares = on.mention[item["power_source"]]
    return [name for name, share in shares.items() if draw() < share and present[name]]


def _model_code(item, draw, entry, brand: Brand) -> tuple[str, str]:
    """Invent a model code; return its Latin and its Russian spelling."""
    russian_letters, latin_letters = entry["code"]
    main = item["voltage_v"] or item["power_w"] or item["size_mm"] or item["torque_nm"] or 100
    main = f"{main:g}"
    letters, digits, suffix = draw(), draw(), draw()
    if brand.style == "russian":
        code = zipf(tuple(russian_letters))(letters) + "-" + main
        ends = ("", "-{d}", "ЭР", "/{d}", "-{d}К", "М", "/{dd}0Э", "Л-{d}К", "ЭР-{d}", "-0{d}", "Ш")
        code += zipf(ends)(suffix).format(d=1 + int(9 * digits), dd=10 + int(90 * digits))
        return code.translate(_CYRILLIC_TO_LATIN), code
    code = zipf(tuple(latin_letters))(letters)
    if brand.style == "letter":
        ends = ("", "N", "-{d}", "Li", "R", "-{d}K", "E", "X{d}", "-Q", "L{d}")
        code = f"{brand.name[0]}{code}-{main}"
        code += zipf(ends)(suffix).format(d=1 + int(9 * digits))
    elif brand.style == "spaced":
        ends = (
            " {m}-{dd}",
            " {m}V-{d}",
            " {m} LT",
            " {m}-{d} E",
            " {m} RE",
            " {dd}0",
            " {m}-{dd} C",
        )
        if not item["voltage_v"]:
            ends = tuple(end.replace("V", "") for end in ends)
        code += zipf(ends)(suffix).format(m=main, d=1 + int(9 * digits), dd=10 + int(90 * digits))
    else:
        ends = ("", "Z", "RF", "K", "RFE", "D2", "WAE", "S2", "P1", "SK")
        code = f"{code}{'FHPRSW'[int(6 * letters)]}{100 + int(900 * digits)}{zipf(ends)(suffix)}"
    return code, code


def _first(values: Sequence[Any], diversity: float, *, least: int) -> Sequence[Any]:
    return values[: least + round(diversity * (len(values) - least))]


def _lean(u: float, grade: float, weight: float) -> float:
    """Return a uniform number pulled towards the grade."""
    return (1 - weight) * u + weight * grade


def _in_range(bounds: Sequence[float], u: float, grade: float) -> float:
    """Return a multiple of a step between two bounds; a higher grade gives a higher one."""
    least, most, step = bounds
    value = least + (most - least) * _lean(u, grade, 0.45)
    steps = round((value - least) / step)
    # Round to the step's decimals: 1.2 + 14 * 0.1 is not 2.6 in binary.
    return round(least + steps * step, 2)
