"""The built-in catalogue `diy`: generated titles of power tools in Russian or English."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from paper_utils.checks import whole
from paper_utils.data.diy_items import ATTRIBUTES, DRAWS, draw_item, shelf
from paper_utils.data.diy_titles import Writer
from paper_utils.errors import UsageError, did_you_mean

DEFAULT_N_ITEMS = 2_000
DEFAULT_DIVERSITY = 0.5
DIY_LANGUAGES = ("ru", "en")

_BLOCK = 512  #: candidates drawn at a time; a result does not depend on it

_NUMBERS = (
    "voltage_v",
    "capacity_ah",
    "n_batteries",
    "power_w",
    "torque_nm",
    "size_mm",
    "speed_per_min",
    "n_speeds",
    "impact_energy_j",
    "n_accessories",
)


def diy_catalogue(
    n_items: int = DEFAULT_N_ITEMS,
    language: str = "ru",
    seed: int = 0,
    diversity: float = DEFAULT_DIVERSITY,
) -> pd.DataFrame:
    """Generate titles of power tools with their attributes.

    Item i has the same attributes in both languages, and is the same whatever `n_items` is. Titles
    are distinct in either language. Equal arguments give equal tables on every machine.

    Parameters
    ----------
    n_items : int
        At least 1, and no more than there are distinct titles.
    language : {"ru", "en"}
        Language of the titles. Russian ones have inflected and misspelt forms, е and ё, compounds
        (дрель-шуруповёрт, шуруповёрт-дрель) and units in many spellings (18В, 18 В, 18V).
    seed : int
        Not negative.
    diversity : float
        Lexical diversity from 0 (two classes of tools, three brands, one wording, no model codes)
        to 1 (every class and brand, rare wordings, slips of the pen).

    Returns
    -------
    pandas.DataFrame, shape (n_items, 2 + n_attributes)
        ``title``, ``language``, then

        - ``tool_class``, ``brand``, ``model`` (Latin letters),
        - ``power_source``: cordless, mains, pneumatic or manual,
        - ``voltage_v`` (V), ``capacity_ah`` (Ah), ``n_batteries``, ``chemistry``, ``brushless``,
          of cordless tools only (capacity and chemistry only where a battery comes along),
        - ``power_w`` (W), of mains tools only,
        - ``torque_nm`` (Nm), ``size_mm`` (mm) of the part that ``size_kind`` names,
          ``chuck_type``, ``tip`` of hand screwdrivers, ``speed_per_min`` (revolutions, strokes or
          oscillations), ``n_speeds``, ``impact``, ``impact_energy_j`` (J),
        - ``features``, ``accessory_kind``, ``n_accessories``, ``case``,
        - ``mentions``: the attributes that both titles mention, separated by spaces.

        A number is NaN and a text empty where the attribute does not apply.

    Examples
    --------
    >>> russian, english = (diy_catalogue(3, language) for language in ("ru", "en"))
    >>> bool((russian["voltage_v"].fillna(0) == english["voltage_v"].fillna(0)).all())
    True
    """
    if language not in DIY_LANGUAGES:
        raise UsageError(f"language {language!r} of diy: {did_you_mean(language, DIY_LANGUAGES)}")
    if not (isinstance(diversity, Real) and 0 <= diversity <= 1):
        raise UsageError(f"diversity must be a number from 0 to 1, not {diversity!r}")
    n_items, seed = whole("n_items", n_items, least=1), whole("seed", seed, least=0)
    items = list(itertools.islice(_distinct(seed, float(diversity)), n_items))
    if len(items) < n_items:
        raise UsageError(
            f"n_items={n_items}: diy has only some {len(items):,} distinct titles at diversity "
            f"{diversity:g}; ask for fewer, or for more diversity"
        )
    columns = {"title": [titles[language] for _, titles in items], "language": [language] * n_items}
    for name in ATTRIBUTES:
        values = [item[name] for item, _ in items]
        if name in _NUMBERS:
            columns[name] = np.array([np.nan if v is None else v for v in values], dtype=float)
        elif name in ("brushless", "impact"):
            columns[name] = np.array(values, dtype=bool)
        else:
            columns[name] = ["" if value is None else value for value in values]
    return pd.DataFrame(columns)


def _distinct(seed: int, diversity: float) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Yield tools, titles distinct in either language, until under 1% of 10,000 draws are new."""
    seen: dict[str, set[str]] = {language: set() for language in DIY_LANGUAGES}
    n_new = n_drawn = 0
    for item, titles in _candidates(seed, diversity):
        n_drawn += 1
        folded = {
            language: title.casefold().replace("ё", "е") for language, title in titles.items()
        }
        if all(title not in seen[language] for language, title in folded.items()):
            for language, title in folded.items():
                seen[language].add(title)
            n_new += 1
            yield item, titles
        if n_drawn == 10_000:
            if n_new < 100:
                return
            n_new = n_drawn = 0


def _candidates(seed: int, diversity: float) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Yield tools with a title in each language, without end."""
    on = shelf(diversity)
    writers = [Writer(language, diversity) for language in DIY_LANGUAGES]
    # A stream of uniform numbers for the attributes and one for each language; row i of each
    # belongs to candidate i. Only `Generator.random` is used: NumPy may change other methods.
    streams = [
        np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stream,))))
        for stream in range(1 + len(writers))
    ]
    while True:
        blocks = [stream.random((_BLOCK, DRAWS)).tolist() for stream in streams]
        for attributes, *wordings in zip(*blocks, strict=True):
            item = draw_item(iter(attributes), on)
            yield (
                item,
                {
                    writer.language: writer.title(item, iter(row))
                    for writer, row in zip(writers, wordings, strict=True)
                },
            )
