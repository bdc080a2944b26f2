"""Subword tokens under multilingual BERT's vocabulary, which is public though the weights are not
here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paper_chapters.norm_growth.title_norms import EXAMPLES, LANGUAGES, fertility_of
from paper_utils.data.catalogue import catalogue_checksums, load_catalogue
from paper_utils.encoders.fertility import load_subwords
from paper_utils.results import EXACT, experiment

#: The words whose number of tokens the source prints.
PRINTED = ("шуруповёрт", "дрель-шуруповёрт")


def spellings(word: str) -> dict[str, str]:
    """Return the ways to write a word with ё, which the source's text has as one character and
    without stress marks.
    """
    plain = word.replace("ё", "е")
    return {
        "as printed": word,
        "capital": word.capitalize(),
        "е for ё": plain,
        "е for ё, capital": plain.capitalize(),
        "е with a stress mark": word.replace("ё", "е\u0301"),
        "ё as two characters": word.replace("ё", "е\u0308"),
    }


def continuing(tokens: Sequence[str]) -> int:
    """Return how many tokens continue a word: WordPiece marks them.

    >>> continuing(["др", "##ель", "-", "ш", "##уру"])
    2
    """
    return sum(token.startswith("##") for token in tokens)


@experiment(
    "fertility-mbert",
    "Subword tokens per word of 45,989 real tool titles under the vocabulary of multilingual BERT",
    tasks=lambda: [
        {"catalogue": catalogue, "language": language} | size
        for catalogue, size in (("uhtt-tools", {}), ("diy", {"n_items": 1000}))
        for language in LANGUAGES
    ],
    data=lambda: (
        catalogue_checksums("uhtt-tools") | {"tokenizer mbert": load_subwords("mbert").fingerprint}
    ),
    tolerance=EXACT,
)
def fertility_under_mbert(
    catalogue: str, language: str = "ru", n_items: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """Return `fertility_of` a catalogue's titles, token counts of `EXAMPLES`, and the tokens of
    every spelling of the words in `PRINTED`.
    """
    cutter = load_subwords("mbert")
    titles = load_catalogue(catalogue, language=language, n_items=n_items, seed=seed).titles
    return {
        "titles": fertility_of(titles, cutter),
        "examples": {word: len(cutter.tokenize(word)) for word in EXAMPLES},
        "spellings": {
            word: {name: cutter.tokenize(form) for name, form in spellings(word).items()}
            for word in PRINTED
        },
    }
