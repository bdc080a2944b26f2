"""Subword tokens of words: how many there are, and what they do inside a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.norm_growth.expected_norm import (
    expected_cosine,
    expected_norm2,
    fit_slope,
    mean_cosine_to_others,
    token_correlation,
)
from paper_utils.data.catalogue import catalogue_checksums, load_catalogue
from paper_utils.encoders import load_encoder
from paper_utils.encoders.fertility import SubwordTokenizer, count_subwords, load_subwords, words
from paper_utils.encoders.token_states import token_states
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.results import SEEDED, Tolerance, experiment

ENCODERS = ("minilm", "untrained")
LEVELS = ("words", "titles")
LAYERS = ("input", "last")
LANGUAGES = ("ru", "en")

# The tokenizers of `fragmentation-real-titles`; that of multilingual BERT has a record of its own.
MEASURED = ("minilm", "phi-3", "qwen")

LONGEST = 12  # words of as many subword tokens or more are counted together

#: What the source's section "Setting of the experiment" prints, and the spelling without ё.
EXAMPLES = (
    "шуруповёрт",
    "шуруповерт",
    "шуруповёрты",
    "дрель-шуруповёрт",
    "аккумуляторный",
    "бесщёточный",
    "18В",
    "750Вт",
    "2Ач",
    "screwdriver",
    "cordless",
)

_LETTERS = {"ru": re.compile(r"[а-яё-]+", re.IGNORECASE), "en": re.compile(r"[a-z-]+", re.I)}
_SCRIPTS = {
    "all words": re.compile(r".+"),
    "Cyrillic": _LETTERS["ru"],
    "Latin": _LETTERS["en"],
    "with digits": re.compile(r".*\d.*"),
}

# -------------------------------------------------------------- subword tokens per word


def fertility_row(counts: Sequence[Sequence[int]], letters: int) -> dict[str, Any]:
    """Summarise subword tokens per word, given by text; `letters` counts the characters of all
    words. `se` of `mean` is that of a ratio over texts, `single` the share of words of one token,
    `histogram` counts words of 1, 2, ... `LONGEST` or more tokens.
    """
    kept = [text for text in counts if text]
    if len(kept) < 2:
        raise UsageError(f"{len(kept)} texts have a word of this kind; at least 2 are needed")
    n = np.array([len(text) for text in kept])
    total = np.array([sum(text) for text in kept])
    flat = np.concatenate([np.asarray(text) for text in kept])
    mean = total.sum() / n.sum()
    residual = total - mean * n
    se = np.sqrt(len(n) / (len(n) - 1) * (residual @ residual)) / n.sum()
    return {
        "n_texts": len(n),
        "n_words": int(n.sum()),
        "mean": float(mean),
        "se": float(se),
        "single": float((flat == 1).mean()),
        "letters_per_piece": float(letters / flat.sum()),
        "histogram": np.bincount(np.minimum(flat, LONGEST), minlength=LONGEST + 1)[1:].tolist(),
    }


def fertility_of(titles: Sequence[str], tokenizer: SubwordTokenizer) -> dict[str, Any]:
    """Return kind of word ('all words', 'Cyrillic', ...) -> :func:`fertility_row` of titles.
    Kinds in fewer than two titles are left out.
    """
    counts = count_subwords(titles, tokenizer)
    found = [words(title) for title in titles]
    rows = {}
    for kind, pattern in _SCRIPTS.items():
        chosen = [
            [(word, k) for word, k in zip(*both, strict=True) if pattern.fullmatch(word)]
            for both in zip(found, counts, strict=True)
        ]
        if sum(map(bool, chosen)) >= 2:
            letters = sum(len(word) for text in chosen for word, _ in text)
            rows[kind] = fertility_row([[k for _, k in text] for text in chosen], letters)
    return rows


def _fertility_tasks() -> list[dict[str, Any]]:
    return [
        {"catalogue": catalogue, "tokenizer": tokenizer, "language": language} | size
        for catalogue, size in (("uhtt-tools", {}), ("diy", {"n_items": 1000}))
        for language in LANGUAGES
        for tokenizer in MEASURED
    ]


def _fertility_data() -> dict[str, str]:
    files = {f"tokenizer {name}": load_subwords(name).fingerprint for name in MEASURED}
    return catalogue_checksums("uhtt-tools") | files


@experiment(
    "fragmentation-real-titles",
    "Subword tokens per word of 45,989 real tool titles and of generated ones, three tokenizers",
    tasks=_fertility_tasks,
    data=_fertility_data,
    tolerance=SEEDED,
)
def fertility_of_titles(
    catalogue: str, tokenizer: str, language: str = "ru", n_items: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """Return :func:`fertility_of` a catalogue's titles, and token counts of `EXAMPLES`."""
    cutter = load_subwords(tokenizer)
    titles = load_catalogue(catalogue, language=language, n_items=n_items, seed=seed).titles
    return {
        "titles": fertility_of(titles, cutter),
        "examples": {word: len(cutter.tokenize(word)) for word in EXAMPLES},
    }


# --------------------------------------------------------------------- inside a model


def texts_of(titles: Sequence[str], level: str, language: str, n_words: int) -> list[str]:
    """Return the titles, or their first `n_words` distinct words in the letters of `language`."""
    if level not in LEVELS:
        raise UsageError(f"no level {level!r}; {did_you_mean(level, LEVELS)}")
    if language not in LANGUAGES:
        raise UsageError(f"no language {language!r}; {did_you_mean(language, LANGUAGES)}")
    if level == "titles":
        return list(titles)
    seen: dict[str, str] = {}
    for word in (word for title in titles for word in words(title)):
        if _LETTERS[language].fullmatch(word):
            seen.setdefault(word.lower(), word)  # the same to a tokenizer in lower case
    return list(seen.values())[:n_words]


def growth_row(
    texts: Sequence[NDArray[np.floating]], *, shuffle: bool = False, seed: int = 0
) -> dict[str, Any]:
    """Measure rho of texts, arrays (n_tokens, d), and slopes per doubling of the number of tokens:
    `size`, `sum`, `mean` (log2 of the mean squared token norm, and of the squared norm of sum and
    mean) and `cosine` (mean, to all other texts). `_formula`: the slope for constant rho; `bins`:
    texts of like length. `shuffle` deals the tokens out anew, keeping each text's number.
    """
    k = np.array([len(text) for text in texts])
    every = np.concatenate([np.asarray(text, dtype=np.float64) for text in texts])
    if shuffle:
        every = every[np.random.default_rng(seed).permutation(len(every))]
    starts = np.r_[0, np.cumsum(k)[:-1]]
    sums = np.add.reduceat(every, starts, axis=0)
    squares = np.add.reduceat((every * every).sum(axis=1), starts)
    rho = token_correlation(sums, squares, k)
    norm2 = (sums * sums).sum(axis=1)
    cosine = mean_cosine_to_others(sums)
    within = max(rho.within, 0.0)  # the formulas are for rho >= 0
    expected = np.array(  # a text meets all others: their lengths are those of the whole set
        [np.mean(expected_cosine(n, within, other=k, between=rho.between)) for n in k]
    )
    doublings = np.log2(k)
    row: dict[str, Any] = {
        "n_texts": rho.n_texts,
        "n_pieces": rho.n_tokens,
        "sigma2": rho.sigma2,
        "within": rho.within,
        "within_se": rho.se_within,
        "between": rho.between,
        "between_se": rho.se_between,
        "mean_cosine": float(cosine.mean()),
    }
    lines = {
        "size": np.log2(squares / k),
        "sum": np.log2(norm2),
        "mean": np.log2(norm2 / k**2),
        "cosine": cosine,
    }
    for name, y in lines.items():
        row[name], row[f"{name}_se"] = fit_slope(doublings, y)
    formula = np.log2(expected_norm2(k, within, sigma2=rho.sigma2))
    row["sum_formula"] = fit_slope(doublings, formula)[0]
    row["cosine_formula"] = fit_slope(doublings, expected)[0]
    row["bins"] = _bins(k, norm2, cosine, rho.sigma2, within, expected)
    return row


def _bins(k, norm2, cosine, sigma2, within, expected) -> list[dict[str, float]]:
    """Means over texts of like length: up to six bins of about as many texts each."""
    edges = np.unique(np.quantile(k, np.linspace(0, 1, 7)[1:-1]))
    place = np.searchsorted(edges, k, side="left")
    rows = []
    for number in np.unique(place):
        here = place == number
        n = int(here.sum())
        if n < 5:
            continue
        mean2 = norm2[here] / k[here] ** 2
        formula = expected_norm2(k[here], within, sigma2=sigma2, pooling="mean")
        rows.append(
            {
                "k": float(k[here].mean()),
                "n": n,
                "mean2": float(mean2.mean()),
                "mean2_se": float(mean2.std(ddof=1) / np.sqrt(n)),
                "mean2_formula": float(formula.mean()),
                "cosine": float(cosine[here].mean()),
                "cosine_se": float(cosine[here].std(ddof=1) / np.sqrt(n)),
                "cosine_formula": float(expected[here].mean()),
            }
        )
    return rows


def _growth_tasks() -> list[dict[str, Any]]:
    real = {"catalogue": "uhtt-tools", "n_items": 1500, "n_words": 1500}
    live = {"catalogue": "diy", "n_items": 200, "n_words": 200}
    return [
        {"encoder": encoder, "level": level, "language": "ru"} | what
        for what in (real, live)
        for level in LEVELS
        for encoder in ENCODERS
    ]


@experiment(
    "norm-growth-real-titles",
    "rho, norm and cosine by the number of subword tokens inside MiniLM, on real titles and words",
    tasks=_growth_tasks,
    data=lambda: catalogue_checksums("uhtt-tools"),
    tolerance=Tolerance(
        rel=1e-3,
        abs=1e-4,
        why="States of a network in single precision; regression slopes near zero need a step.",
    ),
)
def growth_in_model(
    encoder: str,
    level: str,
    catalogue: str = "diy",
    language: str = "ru",
    n_items: int = 200,
    n_words: int = 200,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Return layer -> :func:`growth_row` of a transformer's subword tokens, also 'shuffled'.
    'input': the embedding matrix, without special tokens; 'last': the states that the model
    averages, special ones included. A text is a title, or one of `n_words` words; `seed` is also
    that of random weights.
    """
    titles = load_catalogue(catalogue, language=language, n_items=n_items, seed=seed).titles
    texts = texts_of(titles, level, language, n_words)
    tokens: dict[str, list] = {layer: [None] * len(texts) for layer in LAYERS}
    for batch in token_states(load_encoder(encoder, seed=seed), texts):
        for layer in LAYERS:
            vectors = batch.vectors(layer, special=layer == "last")
            for row, value in zip(batch.rows, vectors, strict=True):
                tokens[layer][row] = value
    rows = {}
    for layer in LAYERS:
        rows[layer] = growth_row(tokens[layer])
        rows[f"{layer}, shuffled"] = growth_row(tokens[layer], shuffle=True, seed=seed)
    return rows
