"""Effective dimensions of titles, narrow and broad."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_chapters.effective_dimension.known_dimension import dimension_row
from paper_utils.data.catalogue import catalogue_checksums, load_catalogue, titles_sha256
from paper_utils.data.prose import documentation_sentences
from paper_utils.encoders import load_encoder
from paper_utils.errors import UsageError
from paper_utils.geometry.dimension import ESTIMATORS, effective_dimension
from paper_utils.results import FLOAT32, experiment

ENCODERS = ("minilm", "navec", "untrained", "random")

#: English titles of the same tools that the Russian `uhtt-drills` are chosen by.
ENGLISH_DRILLS = r"\bdrills?\b|screwdriver"

# As many titles as the Russian drills and screwdrivers: all sets are compared at this number.
EQUAL = 503
DRAWS = 20
CATEGORY_ITEMS = 300  # titles of a category; categories with fewer are left out
POOL = 1500  # sentences, or lines of random words, that samples of EQUAL are drawn from

DIVERSITIES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


def dimension_of_draws(
    X: NDArray[np.floating], n_items: int, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, float]:
    """Mean `dimension_row` of samples of `n_items` rows of `X` (n_pool, d), without replacement.
    `_se` stays that of *one* set of `n_items` rows.
    """
    if len(X) < n_items:
        raise UsageError(f"{len(X)} rows are fewer than the {n_items} of a sample")
    if len(X) == n_items:
        return dimension_row(X)
    rng = np.random.default_rng(seed)
    rows = [
        dimension_row(X[np.sort(rng.choice(len(X), n_items, replace=False))]) for _ in range(draws)
    ]
    # Not the spread from draw to draw: that vanishes as a sample exhausts a small pool.
    return {key: type(rows[0][key])(np.mean([row[key] for row in rows])) for key in rows[0]}


def all_estimators(X: ArrayLike) -> dict[str, float]:
    """Every estimator of `effective_dimension` by name.

    >>> sorted(all_estimators(np.random.default_rng(0).normal(size=(50, 5))))[:3]
    ['components-90', 'effective-rank', 'participation']
    """
    return {name: effective_dimension(X, name).value for name in ESTIMATORS}


def mixture_parts(X: ArrayLike, groups: Sequence[Any]) -> dict[str, float]:
    """What two groups of rows do to the participation ratio of all rows, exactly.
    1/`mixed` = (1 - b)²/`within` + 2b(1 - b)c + b², of covariances with divisor n. b (`between`):
    share of the variance between the groups; `within`: participation ratio around each group's
    mean; c (`along`): share of the variance within that lies along the difference of the means.
    """
    X, labels = np.asarray(X, dtype=np.float64), np.asarray(groups)
    names, sizes = np.unique(labels, return_counts=True)
    if len(names) != 2 or len(labels) != len(X) or sizes.min() < 2:
        raise UsageError(f"two groups of at least 2 rows are needed, not {names.tolist()}")
    means = [X[labels == name].mean(axis=0) for name in names]
    residual = X - np.where((labels == names[0])[:, None], *means)
    delta, (p, q) = means[1] - means[0], sizes / len(X)
    inside = float((residual**2).sum() / len(X))
    across = float(p * q * delta @ delta)
    along = float(((residual @ delta) ** 2).mean() / (delta @ delta * inside)) if across else 0.0
    return {
        "between": across / (across + inside),
        "along": along,
        "within": effective_dimension(residual).value,
        "mixed": effective_dimension(X).value,
    }


def distinct_words(titles: Sequence[str]) -> int:
    """Number of distinct words, split at white space, in lower case."""
    return len({word for title in titles for word in title.lower().split()})


# ------------------------------------------------------------------------- generated titles


def _diversity_tasks() -> list[dict[str, Any]]:
    return [
        {"encoder": encoder, "language": language, "diversity": diversity, "seed": seed}
        for encoder in ENCODERS
        for language in ("ru", "en")
        if not (encoder == "navec" and language == "en")  # it knows Russian words only
        for diversity in DIVERSITIES
        for seed in range(3)
    ]


@experiment(
    "effective-dimension-diversity",
    "d_eff of generated titles as their lexical diversity is turned up, by encoder",
    tasks=_diversity_tasks,
    tolerance=FLOAT32,
    kinds=("encoder",),
)
def dimension_at_diversity(
    encoder: str, language: str, diversity: float, seed: int = 0, n_items: int = 500
) -> dict[str, float]:
    """Measure generated titles at one diversity: `dimension_row`, and the distinct `words`.
    `seed` is both the catalogue's and the encoder's.
    """
    titles = load_catalogue(
        f"diy:diversity={diversity}", language=language, n_items=n_items, seed=seed
    ).titles
    row = dimension_row(load_encoder(encoder, seed=seed).encode(titles))
    return row | {"words": distinct_words(titles)}


# ------------------------------------------------------------------------------ real titles


def random_words(n_items: int, *, seed: int = 0, length: int = 6) -> list[str]:
    """Lines of Russian words drawn evenly from the 20,000 most frequent ones of navec.
    What is broadest: no domain, no grammar.
    """
    vocabulary = load_encoder("navec").pack.vocab
    pairs = zip(vocabulary.words, vocabulary.counts, strict=False)
    russian = [(-count, word) for word, count in pairs if word[0] >= "а"]
    words = [word for _, word in sorted(russian)[:20_000]]
    rng = np.random.default_rng(seed)
    return [
        " ".join(words[i] for i in line)
        for line in rng.integers(len(words), size=(n_items, length))
    ]


def _data() -> dict[str, str]:
    sentences = {"documentation": titles_sha256(documentation_sentences(POOL))}
    return catalogue_checksums("uhtt-tools") | sentences


@experiment(
    "effective-dimension-real-titles",
    "d_eff of 45,989 real tool titles: drills, all tools, categories, languages, prose",
    tasks=lambda: [{"encoder": encoder} for encoder in ENCODERS],
    data=_data,
    tolerance=FLOAT32,
)
def dimension_of_real_titles(encoder: str) -> dict[str, Any]:
    """Measure one encoder on sets of real titles of equal number and language.
    `sets`, and `categories` with enough titles: `dimension_of_draws` with number available, median
    characters, distinct words of the first sample; `full`: all titles by language; `mixing`:
    `mixture_parts` of languages; `estimators`: of Russian drills and of as many Russian tools.
    """
    table = load_catalogue("uhtt-tools", language="all").table
    model = load_encoder(encoder)
    V = model.encode(table["title"].tolist())
    titles, spoken = table["title"].to_numpy(), table["language"].to_numpy()
    languages = ("ru",) if encoder == "navec" else ("ru", "en")
    drills = {
        "ru": table["title"].str.contains(r"дрел|шурупов", case=False).to_numpy(),
        "en": table["title"].str.contains(ENGLISH_DRILLS, case=False).to_numpy(),
    }
    sets, categories, full = [], [], []

    def measured(what, language, texts, X, n_items=EQUAL):
        row = {"set": what, "language": language, "available": len(X)}
        row["characters"] = float(np.median([len(text) for text in texts]))
        some = np.random.default_rng(0).permutation(len(texts))[:n_items]
        row["words"] = distinct_words([texts[i] for i in some])
        return row | dimension_of_draws(X, n_items)

    for language in languages:
        mine = spoken == language
        narrow = mine & drills[language]
        sets.append(measured("drills", language, titles[narrow], V[narrow]))
        sets.append(measured("all tools", language, titles[mine], V[mine]))
        other, name = (
            (documentation_sentences(POOL), "documentation")
            if language == "en"
            else (random_words(POOL), "random words")
        )
        sets.append(measured(name, language, other, model.encode(other)))
        full.append({"language": language} | dimension_row(V[mine]))
        for category, rows in table[mine].groupby("category").indices.items():
            if len(rows) >= CATEGORY_ITEMS:
                texts, X = titles[mine][rows], V[mine][rows]
                categories.append(measured(category, language, texts, X, CATEGORY_ITEMS))
        categories.append(measured("all tools", language, titles[mine], V[mine], CATEGORY_ITEMS))
    value = {"sets": sets, "categories": categories, "full": full}
    if len(languages) > 1:
        full.append({"language": "all"} | dimension_row(V))
        sets.append(measured("all tools", "both", titles, V))
        value["mixing"] = _mixed(V, spoken)
    rng = np.random.default_rng(0)
    some = rng.choice(np.flatnonzero(spoken == "ru"), EQUAL, replace=False)
    value["estimators"] = {
        "drills": all_estimators(V[drills["ru"] & (spoken == "ru")]),
        "all tools": all_estimators(V[some]),
    }
    return value


def _mixed(V: NDArray[np.floating], spoken: NDArray[np.object_]) -> dict[str, float]:
    """Both languages in equal number: all of the rarer one."""
    rng = np.random.default_rng(0)
    n = min((spoken == language).sum() for language in ("ru", "en"))
    rows = np.concatenate(
        [
            rng.choice(np.flatnonzero(spoken == language), n, replace=False)
            for language in ("ru", "en")
        ]
    )
    return {"n": int(2 * n)} | mixture_parts(V[rows], spoken[rows])


def jackknife_ratio(first: dict[str, float], second: dict[str, float]) -> tuple[float, float]:
    """Ratio of two independent unbiased dimensions, and its standard error (delta method)."""
    ratio = first["unbiased"] / second["unbiased"]
    relative = math.hypot(
        first["unbiased_se"] / first["unbiased"], second["unbiased_se"] / second["unbiased"]
    )
    return ratio, ratio * relative
