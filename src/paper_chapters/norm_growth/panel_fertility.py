"""Subword tokens per word, five tokenizers: titles and general text, Russian and English.

Fixed before the first result: tokenizers, sets, and the two comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.norm_growth.title_norms import _LETTERS, fertility_of
from paper_utils.data.catalogue import title_language
from paper_utils.encoders import panel
from paper_utils.encoders.checkpoint import file_sha256
from paper_utils.encoders.e5 import e5_tokenizer, read_e5
from paper_utils.encoders.fertility import SubwordTokenizer, count_subwords, load_subwords, words
from paper_utils.errors import UsageError
from paper_utils.panel.sets import load_set, set_checksums
from paper_utils.results import SEEDED, experiment

TOKENIZERS = ("minilm", "phi-3", "qwen", "mbert", "me5-small")
#: Name of the texts -> set of the panel, and language.
TITLES = {
    "drills, ru": ("tools-503", "ru"),
    "tools, ru": ("uhtt-5000", "ru"),
    "tools, en": ("uhtt-5000", "en"),
    "shop, en": ("crowdflower", "en"),
    "DIY, en": ("homedepot-5k", "en"),
}
GENERAL = {
    "XQuAD, ru": ("xquad-ru", "ru"),
    "NTREX, ru": ("ntrex-ru-en", "ru"),
    "GSD, ru": ("ud-ru-gsd", "ru"),
    "Taiga, ru": ("ud-ru-taiga", "ru"),
    "XQuAD, en": ("xquad-en", "en"),
    "NTREX, en": ("ntrex-ru-en", "en"),
}
TEXTS = TITLES | GENERAL
PARALLEL = {"XQuAD": ("XQuAD, ru", "XQuAD, en"), "NTREX": ("NTREX, ru", "NTREX, en")}
LETTERS = 15  # words of as many letters or more are of one length
_NUMBERS = ("ratio", "ratio_se", "at_equal_length", "at_equal_length_se")
_SCRIPT = {"ru": "Cyrillic", "en": "Latin"}


def load_panel_subwords(name: str) -> SubwordTokenizer:
    """Return a tokenizer of `TOKENIZERS`; that of multilingual E5 is read from its model's file."""
    if name != "me5-small":
        return load_subwords(name)
    path = panel.checked_file(name)
    tokenizer = e5_tokenizer(read_e5(path), "")

    def tokenize(text: str) -> list[str]:
        return tokenizer.encode(text, add_special_tokens=False).tokens

    # Words are split at spaces before they are cut: the mark of a space is always there.
    return SubwordTokenizer(name, tokenize, file_sha256(path))


def texts_of(name: str) -> list[str]:
    """Return the texts called `name` in `TEXTS`."""
    where, language = TEXTS[name]
    found = load_set(where)
    if where == "ntrex-ru-en":
        return list(found.documents if language == "ru" else found.queries)
    if where == "uhtt-5000":
        return [text for text in found.documents if title_language(text) == language]
    return list(found.documents)


def by_length(
    texts: Sequence[str], tokenizer: SubwordTokenizer, language: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return words, and their subword tokens, (n_texts, LETTERS) by text and letters of the word;
    words in the letters of `language` alone.
    """
    n, tokens = (np.zeros((len(texts), LETTERS), dtype=np.int64) for _ in range(2))
    for row, (text, counts) in enumerate(zip(texts, count_subwords(texts, tokenizer), strict=True)):
        for word, k in zip(words(text), counts, strict=True):
            if _LETTERS[language].fullmatch(word):
                at = min(len(word), LETTERS) - 1
                n[row, at] += 1
                tokens[row, at] += k
    return n, tokens


def over_general(
    domain: tuple[NDArray, NDArray], general: tuple[NDArray, NDArray]
) -> tuple[float, float]:
    """Return tokens of a domain over those that general words of the same lengths have, and the
    standard error over the texts of both, to first order. Arrays are those of `by_length`; a length
    that general text lacks is left out. With one column it is the ratio of tokens per word.
    """
    there = general[0].sum(axis=0) > 0
    (n, tokens), (m, others) = (
        tuple(part[:, there] for part in both) for both in (domain, general)
    )
    rate = others.sum(axis=0) / m.sum(axis=0)
    if not (expected := float(n.sum(axis=0) @ rate)):
        raise UsageError("the domain has no word of a length that general text has")
    ratio = float(tokens.sum() / expected)
    here = (tokens.sum(axis=1) - ratio * (n @ rate)) / expected
    there_too = ratio / expected * ((others - m * rate) @ (n.sum(axis=0) / m.sum(axis=0)))
    return ratio, float(np.sqrt(here @ here + there_too @ there_too))


def parallel_ratio(one: Sequence[int], other: Sequence[int]) -> tuple[float, float]:
    """Return the ratio of two sums over the same texts, and its standard error to first order."""
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if a.shape != b.shape or not b.sum() > 0:
        raise UsageError(f"{a.shape} and {b.shape} numbers are not of the same texts, or all are 0")
    ratio = float(a.sum() / b.sum())
    residual = a - ratio * b
    return ratio, float(np.sqrt(residual @ residual * len(a) / (len(a) - 1)) / b.sum())


def _data() -> dict[str, str]:
    sums = {
        file: digest for where, _ in TEXTS.values() for file, digest in set_checksums(where).items()
    }
    return sums | {
        f"tokenizer {name}": load_panel_subwords(name).fingerprint for name in TOKENIZERS
    }


@experiment(
    "fertility-panel",
    "Subword tokens per word of titles and of general text, Russian and English, five tokenizers",
    tasks=lambda: [{"tokenizer": name} for name in TOKENIZERS],
    data=_data,
    tolerance=SEEDED,
)
def fertility_of_panel(tokenizer: str) -> dict[str, Any]:
    """Return `texts`: rows of `fertility_of` by kind of word, of words in the letters of the
    language and words with digits; `domain`: titles over general text of their language, as they
    are and `at_equal_length`; `parallel`: tokens of Russian texts over those of the English.
    """
    cutter = load_panel_subwords(tokenizer)
    rows, counted, lengths = {}, {}, {}
    for name, (_, language) in TEXTS.items():
        texts = texts_of(name)
        kinds = fertility_of(texts, cutter)
        rows[name] = {kind: kinds[kind] for kind in (_SCRIPT[language], "with digits")}
        counted[name] = by_length(texts, cutter, language)
        if name in {text for both in PARALLEL.values() for text in both}:
            lengths[name] = [len(cutter.tokenize(text)) for text in texts]
    domain = {}
    for titles, general in ((a, b) for a in TITLES for b in GENERAL if TEXTS[a][1] == TEXTS[b][1]):
        both = counted[titles], counted[general]
        as_is = over_general(*(tuple(x.sum(axis=1, keepdims=True) for x in one) for one in both))
        equal = over_general(*both)
        domain[f"{titles} / {general}"] = dict(zip(_NUMBERS, as_is + equal, strict=True))
    parallel = {
        name: dict(zip(_NUMBERS, parallel_ratio(lengths[one], lengths[other]), strict=False))
        for name, (one, other) in PARALLEL.items()
    }
    return {"texts": rows, "domain": domain, "parallel": parallel}
