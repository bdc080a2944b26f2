"""Invented names of people, the same on every machine."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from paper_utils.checks import whole
from paper_utils.limit.sentences import check_language

_SOUNDS = {
    "en": (
        "b br c ch d dr f g h j k l m n p r s sh t th v w z".split(),
        "a e i o u".split(),
        ["", "", *"l m n nd r rd s th".split()],
    ),
    "ru": (
        "б бр в г д др ж з к л м н п р с ст т ф х ч ш".split(),
        "а е и о у я".split(),
        ["", "", *"в к л м н нд р с т ш".split()],
    ),
}
_BLOCK = 4096
# Random numbers of a word: its length, three beginnings and vowels of syllables, its end.
_DRAWS = 8


def uniform_stream(seed: int, stream: int) -> np.random.Generator:
    """Return an independent stream of random numbers; `stream` has one number for each use.
    Only its `random` may be used for data: NumPy may change other methods between versions.
    """
    whole("seed", seed, least=0)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stream,))))


def invent_names(
    n: int, *, language: str = "en", seed: int = 0, avoid: Collection[str] = ()
) -> list[str]:
    """Return `n` different names of two words; none is, or has a lower-case word, in `avoid`.

    A longer list begins with the shorter one.

    >>> names = invent_names(3)
    >>> len(names), names == invent_names(5)[:3]
    (3, True)
    """
    check_language(language)
    stream = uniform_stream(seed, 0)
    found: dict[str, None] = {}
    while len(found) < n:
        for draws in stream.random((_BLOCK, 2, _DRAWS)).tolist():
            words = [_word(numbers, _SOUNDS[language]) for numbers in draws]
            name = " ".join(word.capitalize() for word in words)
            if name not in avoid and not any(word in avoid for word in words):
                found[name] = None
    return list(found)[:n]


def _word(numbers: list[float], sounds: tuple[list[str], ...]) -> str:
    length, end, *middle = numbers
    beginnings, vowels, ends = sounds
    syllables = 2 + (length < 0.3)
    parts = [_pick((beginnings, vowels)[i % 2], u) for i, u in enumerate(middle[: 2 * syllables])]
    return "".join([*parts, _pick(ends, end)])


def _pick(options: list[str], u: float) -> str:
    return options[int(u * len(options))]
