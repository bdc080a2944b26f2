"""Norm and cosine inside the encoders of the panel as a text grows: prefixes of one text.

Fixed before the first result: encoders, languages, numbers of words, and what counts as a case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.norm_growth.expected_norm import (
    expected_cosine,
    expected_norm2,
    token_correlation,
)
from paper_utils.checks import unit_rows
from paper_utils.data.catalogue import title_language
from paper_utils.encoders import load_encoder
from paper_utils.encoders.base import Encoder
from paper_utils.encoders.token_states import token_states
from paper_utils.errors import UsageError
from paper_utils.panel.sets import load_set, set_checksums
from paper_utils.results import Tolerance, experiment

N_TEXTS = 80  # of each kind and language, an encoder
#: Words of the prefixes; a text has as many as the longest, and gives one text of each length.
WORDS = {"titles": (1, 2, 4, 8), "sentences": (2, 4, 8, 16)}
SETS = {"titles": "uhtt-5000", "sentences": "ntrex-ru-en"}
#: Encoder -> languages; those that it does not know come last.
LANGUAGES_OF = {
    "minilm": ("en", "ru"),
    "me5-small": ("en", "ru"),
    "mpnet": ("en", "ru"),
    "smollm2-135m": ("en",),
    "untrained": ("en", "ru"),
    "untrained:me5-small": ("en", "ru"),
    "untrained:smollm2-135m": ("en",),
    "qwen2.5-coder-0.5b": ("en", "ru"),
}
UNKNOWN = (("minilm", "ru"), ("mpnet", "ru"))

Prefixes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


def texts_to_grow(kind: str, language: str) -> list[str]:
    """Return `N_TEXTS` seeded texts of at least as many words as the longest prefix."""
    found, longest = load_set(SETS[kind]), WORDS[kind][-1]
    if kind == "titles":
        texts = [text for text in found.documents if title_language(text) == language]
    else:
        texts = list(found.documents if language == "ru" else found.queries)
    long = [text for text in texts if len(text.split()) >= longest]
    order = np.argsort(np.random.Generator(np.random.PCG64(0)).random(len(long)), kind="stable")
    return [long[i] for i in np.sort(order[:N_TEXTS])]


def prefixes(texts: Sequence[str], words: Sequence[int]) -> list[str]:
    """Return the first `words` of each text: all texts of the first number, then of the next.

    >>> prefixes(["a b c", "d e f"], (1, 2))
    ['a', 'd', 'a b', 'd e']
    """
    return [" ".join(text.split()[:n]) for n in words for text in texts]


def summed(states: Sequence[Sequence[NDArray[np.floating]]]) -> Prefixes:
    """Return sums (n_lengths, n_texts, dim), sums of squared lengths and numbers of states, from
    states (n_tokens, dim) by length of the prefix and text.
    """
    rows = [[np.asarray(one, dtype=np.float64) for one in row] for row in states]
    return (
        np.array([[one.sum(axis=0) for one in row] for row in rows]),
        np.array([[(one * one).sum() for one in row] for row in rows]),
        np.array([[len(one) for one in row] for row in rows]),
    )


def dealt(states: Sequence[Sequence[NDArray[np.floating]]], seed: int) -> list[list[NDArray]]:
    """Return states drawn from those of all longest prefixes, each text keeping its numbers.
    Of a shorter prefix they are the first ones, as of a text that grows.
    """
    pool = np.concatenate(states[-1])
    pool = pool[np.random.default_rng(seed).permutation(len(pool))]
    starts = np.cumsum([0, *(len(one) for one in states[-1])])
    return [
        [pool[at : at + len(one)] for at, one in zip(starts, row, strict=False)] for row in states
    ]


def growth(sums: NDArray, squares: NDArray, k: NDArray) -> dict[str, NDArray[np.float64]]:
    """Measure growth, and what the law says from sigma² and rho of the longest prefixes alone.
    By length: mean numbers of states, their mean `size` (squared norm), that of their `mean`, mean
    `cosine` of two texts. Per doubling of states: slopes of binary logarithms and of cosines.
    """
    rho = token_correlation(sums[-1], squares[-1], k[-1])
    within = max(rho.within, 0.0)  # the formulas are for rho >= 0
    n = k.shape[1]
    units = np.array([unit_rows(row).sum(axis=0) for row in sums])
    by_length = {
        "states": k.mean(axis=1),
        "size": (squares / k).mean(axis=1),
        "mean": ((sums * sums).sum(axis=2) / k**2).mean(axis=1),
        "mean_law": expected_norm2(k, within, sigma2=rho.sigma2, pooling="mean").mean(axis=1),
        "cosine": ((units * units).sum(axis=1) - n) / (n * (n - 1)),
        "cosine_law": np.array([_cosine_law(row, within, rho.between) for row in k]),
    }
    doublings = np.log2(k).mean(axis=1)
    x = doublings - doublings.mean()
    slope = x / (x @ x)
    slopes = {name: slope @ np.log2(by_length[name]) for name in ("size", "mean", "mean_law")}
    slopes |= {name: slope @ by_length[name] for name in ("cosine", "cosine_law")}
    for name in ("mean", "cosine"):
        slopes[f"{name}_over_law"] = slopes[name] - slopes[f"{name}_law"]
    found = by_length | {f"{name}_slope": value for name, value in slopes.items()}
    return found | {"within": np.float64(rho.within), "between": np.float64(rho.between)}


def _cosine_law(k: NDArray, within: float, between: float) -> float:
    """Mean over pairs of distinct texts."""
    one = expected_cosine(k, within, between=1.0) ** 0.5  # the law is a product over both texts
    return float(between * (one.sum() ** 2 - (one * one).sum()) / (len(k) * (len(k) - 1)))


def jackknifed(
    measure: Callable[..., dict[str, NDArray]], found: Prefixes
) -> dict[str, list[float] | list[list[float]]]:
    """Return [value, standard error] of all that is measured, the texts left out in turn; for what
    has one value a length, a list of values and one of errors.
    """
    n = found[2].shape[1]
    whole = measure(*found)
    left = [measure(*(np.delete(array, i, axis=1) for array in found)) for i in range(n)]
    spread = {name: np.std([one[name] for one in left], axis=0, ddof=1) for name in whole}
    errors = {name: one * (n - 1) / np.sqrt(n) for name, one in spread.items()}
    return {name: [value.tolist(), errors[name].tolist()] for name, value in whole.items()}


@lru_cache(maxsize=1)  # tasks of one encoder follow one another
def _encoder(name: str) -> Encoder:
    return load_encoder(name, batch_size=16)


def _data() -> dict[str, str]:
    return {file: digest for name in SETS.values() for file, digest in set_checksums(name).items()}


@experiment(
    "norm-growth-panel",
    "Norm and cosine of the pooled vector as a text grows word by word, inside five encoders",
    tasks=lambda: [
        {"encoder": encoder, "language": language}
        for encoder, languages in LANGUAGES_OF.items()
        for language in languages
    ],
    data=_data,
    tolerance=Tolerance(
        rel=2e-3,
        abs=1e-3,
        why="States of networks in single precision; slopes near zero need a step.",
    ),
    kinds=("encoder",),
)
def growth_of_prefixes(encoder: str, language: str) -> dict[str, Any]:
    """Return kind of text -> `growth` with standard errors: of the last layer's states that the
    encoder averages ('pooled'), without those of special tokens and prompts ('words'), and of
    states that are `dealt`.
    """
    if language not in LANGUAGES_OF.get(encoder, ()):
        raise UsageError(f"{encoder!r} was not to meet {language!r}; allowed: {LANGUAGES_OF}")
    rows: dict[str, Any] = {}
    for kind, words in WORDS.items():
        texts = texts_to_grow(kind, language)
        flat: dict[bool, list[Any]] = {}  # with special tokens, and without
        for batch in token_states(_encoder(encoder), prefixes(texts, words)):
            for special in (True, False):
                kept = flat.setdefault(special, [None] * (len(texts) * len(words)))
                vectors = batch.vectors("last", special=special)
                for row, value in zip(batch.rows, vectors, strict=True):
                    kept[row] = value
        pooled, of_words = (
            [flat[special][at : at + len(texts)] for at in range(0, len(flat[special]), len(texts))]
            for special in (True, False)
        )
        rows[kind] = {
            "n_texts": len(texts),
            "pooled": jackknifed(growth, summed(pooled)),
            "words": jackknifed(growth, summed(of_words)),
            "dealt": jackknifed(growth, summed(dealt(pooled, seed=0))),
        }
    return rows
