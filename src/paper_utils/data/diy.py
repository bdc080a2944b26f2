"""The built-in catalogue `diy`: generated titles of power tools in Russian or English."""

from __future__ import annotations

import numpy as np
import pandas as pd

from paper_utils.data.diy_items import ATTRIBUTES, DRAWS, draw_item, shelf
from paper_utils.data.diy_titles import Writer
from paper_utils.errors import UsageError, did_you_mean

DEFAULT_N_ITEMS = 2_000
DEFAULT_DIVERSITY = 0.5
DIY_LANGUAGES = ("ru", "en")

#: Candidates drawn at a time; a result does not depend on it.
_BLOCK = 512

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
    are distinct, in Russian and in English. The same arguments give the same table on every
    machine.

    Parameters
    ----------
    n_items : int
        At least 1.
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

    Raises
    ------
    UsageError
        An argument out of its range, or more items than there are distinct titles.

    Examples
    --------
    >>> russian, english = (diy_catalogue(3, language) for language in ("ru", "en"))
    >>> bool((russian["voltage_v"].fillna(0) == english["voltage_v"].fillna(0)).all())
    True
    """
    if language not in DIY_LANGUAGES:
        raise UsageError(f"language {language!r} of diy: {did_you_mean(language, DIY_LANGUAGES)}")
    if not 0 <= diversity <= 1:
        raise UsageError(f"diversity must be a number from 0 to 1, not {diversity!r}")
    if n_items < 1 or seed < 0:
        raise UsageError(f"n_items={n_items} must be at least 1, and seed={seed} at least 0")
    diversity = float(diversity)
    on = shelf(diversity)
    writers = [Writer(name, diversity) for name in DIY_LANGUAGES]
    # One stream of rows each for attributes and languages: row i belongs to candidate i.
    streams = [
        np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stream,))))
        for stream in range(1 + len(writers))
    ]
    seen: tuple[set[str], ...] = tuple(set() for _ in writers)
    items: list[dict] = []
    fruitless = 0
    while len(items) < n_items:
        before = len(items)
        for rows in zip(*(stream.random((_BLOCK, DRAWS)).tolist() for stream in streams)):
            item = draw_item(iter(rows[0]), on)
            titles = [
                writer.title(item, iter(row)) for writer, row in zip(writers, rows[1:], strict=True)
            ]
            # Distinct in both languages, so that both have the same items.
            if any(title.casefold() in known for title, known in zip(titles, seen, strict=True)):
                continue
            for title, known in zip(titles, seen, strict=True):
                known.add(title.casefold())
            item["title"] = titles[DIY_LANGUAGES.index(language)]
            items.append(item)
            if len(items) == n_items:
                break
        fruitless = fruitless + 1 if len(items) - before < _BLOCK // 50 else 0
        if fruitless >= 20 and len(items) < n_items:
            raise UsageError(
                f"n_items={n_items}: diy has only some {len(items):,} distinct titles at "
                f"diversity {diversity:g}; ask for fewer, or for more diversity"
            )
    columns = {"title": [item["title"] for item in items], "language": [language] * n_items}
    for name in ATTRIBUTES:
        values = [item[name] for item in items]
        if name in _NUMBERS:
            columns[name] = np.array([np.nan if v is None else v for v in values], dtype=float)
        elif name in ("brushless", "impact"):
            columns[name] = np.array(values, dtype=bool)
        else:
            columns[name] = ["" if value is None else value for value in values]
    return pd.DataFrame(columns)
