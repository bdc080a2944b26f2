"""Where in a vector an attribute lies, and what is left of fine ranking without those directions.

An attribute's *difference vector* is the vector of a title minus that of the same title with
one printed value changed.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paper_utils.checks import unit_rows
from paper_utils.encoders import load_encoder
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.geometry.cosine import cosine_moments
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.geometry.hub_reduction import whiten
from paper_utils.geometry.stability import rank_margin
from paper_utils.results import RANKS, experiment
from paper_utils.search.hashing import HashedNgrams
from paper_utils.search.metrics import exponential_gains, ndcg_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.statistics import bootstrap_interval
from paper_utils.train.task import CatalogueTask, attribute_pairs, catalogue_task

CUTS = (1, 5, 10, 20, 50)  #: numbers of leading principal components kept or removed
N_CHANGED = 150  # titles changed for each attribute
SEEDS = (0, 1)  # of sources without a network, which take seconds; encoders have the first
#: Sources of vectors; the first ones are encoders, the others are made from them or from letters.
SOURCES = (
    "minilm",
    "navec",
    "untrained",
    "random",
    "hashed, 1024",
    "hashed, 128",
    "letters, 64",
    "letters, 256",
    "minilm, centred",
    "minilm, whitened",
    "minilm, first 96",
)
SMALL = {"n_train": 200, "n_items": 250, "n_train_queries": 80, "n_queries": 90}
QUICK = ("random", "hashed, 1024", "hashed, 128", "letters, 64", "letters, 256")
CHANGED = (  #: attributes of the minimal pairs, by the column that changes
    "tool_class",
    "brand",
    "voltage_v",
    "capacity_ah",
    "power_w",
    "size_mm",
    "brushless",
    "impact",
)


class VectorSource:
    """Vectors of texts by name, fitted on the titles of a task where there is something to fit.
    `name`: one of `SOURCES`, or an encoder. ``hashed, d``: NUMEN's buckets; ``letters, d``: latent
    semantic analysis of letter 3- to 5-grams, fitted on the training titles.
    """

    def __init__(self, name: str, task: CatalogueTask):
        kind, _, change = name.partition(", ")
        self.name, self.change = name, change
        self.fitted = None
        if kind == "hashed":
            index = HashedNgrams(d=int(change))
            self._encode = lambda texts: index.encode(texts).toarray()
        elif kind == "letters":
            self._encode = _letters(task.training_items["title"].tolist(), int(change), task.seed)
        else:
            self._encode = load_encoder(kind, seed=task.seed).encode
        self.titles = self._raw(task.items["title"].tolist())

    def _raw(self, texts) -> NDArray[np.float64]:
        X = np.nan_to_num(np.asarray(self._encode(list(texts)), dtype=np.float64))
        X[~X.any(axis=1)] = 1.0  # a text without a known word: one and the same direction
        if self.change.startswith("first"):
            X = X[:, : int(self.change.split()[1])]
        return unit_rows(X)

    def __call__(self, texts, *, queries: bool = False) -> NDArray[np.float64]:
        """Return unit rows, (n_texts, d); ``centred`` queries lose their own mean."""
        X = self._raw(texts)
        if self.change == "centred":
            mean = X.mean(axis=0) if queries else self.titles.mean(axis=0)
            return unit_rows(X - mean)
        if self.change == "whitened":
            return unit_rows(whiten(X, self.titles))
        return X


def _letters(texts: list[str], d: int, seed: int):
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectoriser = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    grams = vectoriser.fit_transform(texts)
    svd = TruncatedSVD(min(d, len(texts) - 1), random_state=seed).fit(grams)
    return lambda given: svd.transform(vectoriser.transform(given))


def changed_titles(task: CatalogueTask, *, limit: int = N_CHANGED) -> pd.DataFrame:
    """Return `title` and `other` that differ in one printed `attribute`, at most `limit` for each.
    A number becomes another that the catalogue has for the class, a brand another brand, the word
    for the class that of another; ``brushless`` and ``impact`` lose their word.
    """
    rng = np.random.default_rng(task.seed)
    rows = []
    for name in CHANGED:
        found = []
        for at in rng.permutation(len(task.items)):
            other = _changed(task, int(at), name, rng)
            if other is not None:
                found.append((name, task.items["title"].iat[at], other))
            if len(found) == limit:
                break
        rows += found
    return pd.DataFrame(rows, columns=["attribute", "title", "other"])


_WORDS = {
    "ru": {
        "brushless": r"\s*\b(?:бесщ[её]точн\w+|бесколлекторн\w+|б/щ)",
        "impact": r"\b(?:(?<!без)ударн\w+)\s*",
        "tool_class": {
            "дрель": "отвертка",
            "шуруповерт": "перфоратор",
            "шуруповёрт": "перфоратор",
            "перфоратор": "гайковерт",
            "гайковерт": "шуруповерт",
            "отвертка": "дрель",
            "отвёртка": "дрель",
            "электролобзик": "перфоратор",
        },
    },
    "en": {
        "brushless": r"\s*\bbrushless(?:\s+motor)?",
        "impact": r"\b(?:impact|hammer|percussion)\s+(?=drill)",
        "tool_class": {
            "drill": "screwdriver",
            "screwdriver": "drill",
            "hammer": "jigsaw",
            "wrench": "drill",
            "grinder": "jigsaw",
            "jigsaw": "grinder",
            "saw": "drill",
        },
    },
}


_UNITS = {  #: what must follow a number that is to be changed
    "voltage_v": r"(?=\s?-?(?:в|v))",
    "capacity_ah": r"(?=\s?(?:а|a))",
    "power_w": r"(?=\s?-?(?:вт|ватт|w))",
    "size_mm": r"(?=\s?(?:мм|mm))",
}


def _changed(task: CatalogueTask, at: int, name: str, rng: np.random.Generator) -> str | None:
    """The title with one attribute changed, None where it does not state it plainly."""
    items, title = task.items, task.items["title"].iat[at]
    words = _WORDS[task.language]
    if name in ("brushless", "impact"):
        other = re.sub(words[name], "", title, count=1, flags=re.IGNORECASE).strip()
        return other if other != title and other else None
    if name == "tool_class":
        for word, instead in words[name].items():
            pattern = rf"(?<![\w-]){word}(?![\w-])"
            other = re.sub(pattern, instead, title, count=1, flags=re.IGNORECASE)
            if other != title:
                return other
        return None
    if name == "brand":
        own = items["brand"].iat[at]
        others = [brand for brand in sorted(set(items["brand"])) if brand != own]
        pattern = rf"(?<![\w]){re.escape(own)}(?![\w])"
        chosen = others[int(rng.integers(len(others)))]
        other = re.sub(pattern, chosen, title, count=1, flags=re.IGNORECASE)
        return other if other != title else None
    value = items[name].iat[at]
    if pd.isna(value):
        return None
    alike = (items["tool_class"] == items["tool_class"].iat[at]) & (items[name] != value)
    values = sorted(items.loc[alike & items[name].notna(), name].unique())
    number = rf"(?<![\d.,a-zа-я-]){re.escape(f'{value:g}')}{_UNITS[name]}"
    if not values or len(re.findall(number, title, flags=re.IGNORECASE)) != 1:
        return None
    chosen = values[int(rng.integers(len(values)))]
    return re.sub(number, f"{chosen:g}", title, flags=re.IGNORECASE)


def principal_directions(X: NDArray) -> NDArray[np.float64]:
    """Return the principal directions as columns, (d, d), largest variance first."""
    C = np.cov(np.asarray(X, dtype=np.float64), rowvar=False)
    return np.linalg.eigh(C)[1][:, ::-1]


def shares(differences: NDArray, directions: NDArray, k: int) -> NDArray[np.float64]:
    """Return the share of each difference's squared length in the first `k` directions, (n,).
    `directions` (d, d) are orthonormal columns. An isotropic direction has k/d on average; zeros
    give NaN.
    """
    total = (differences**2).sum(axis=1)
    inside = ((differences @ directions[:, :k]) ** 2).sum(axis=1)
    return np.divide(inside, total, out=np.full(len(total), np.nan), where=total > 1e-12)


def pair_accuracy(scores: NDArray, pairs: pd.DataFrame) -> dict[str, list[float]]:
    """Return the share of pairs in the right order, by attribute and over all: [mean, low, high].
    A tie counts half; the bootstrap resamples queries.
    """
    rounded = np.round(scores, 6)
    right = rounded[pairs["query"], pairs["right"]]
    wrong = rounded[pairs["query"], pairs["wrong"]]
    won = pairs.assign(won=(right > wrong) + (right == wrong) / 2)
    by_query = won.groupby(["attribute", "query"])["won"].mean()
    found = {"all": _interval(by_query.to_numpy())}
    for name, group in by_query.groupby("attribute"):
        if len(group) >= 5:
            found[str(name)] = _interval(group.to_numpy())
    return found


def projected(X: NDArray, Q: NDArray, directions: NDArray, *, cut: int, keep: bool) -> NDArray:
    """Return cosines (n_queries, n_items) without the first `cut` directions, or in only them.
    Both sides are centred by their own mean first.
    """
    basis = directions[:, :cut] if keep else directions[:, cut:]
    parts = [(part - part.mean(axis=0)) @ basis for part in (Q, X)]
    for part in parts:
        lengths = np.linalg.norm(part, axis=1, keepdims=True)
        np.divide(part, lengths, out=part, where=lengths > 1e-12)
    return parts[0] @ parts[1].T


def _interval(values: NDArray) -> list[float] | None:
    """Mean, low and high; None where fewer than two values are numbers."""
    if np.isfinite(values).sum() < 2:
        return None
    return [round(float(v), 5) for v in bootstrap_interval(values)[:3]]


def _ndcg(task: CatalogueTask, scores: NDArray) -> NDArray[np.float64]:
    gains = exponential_gains(task.queries.grades)
    return ndcg_at_k(ranks_from_scores(np.round(scores, 6), gains), 10)


def _tasks() -> list[dict[str, Any]]:
    live = [
        {"source": "hashed, 128", "language": language, "seed": 0, "small": True}
        for language in ("ru", "en")
    ]
    return live + [
        {"source": source, "language": language, "seed": seed, "small": False}
        for seed in SEEDS
        for language in ("ru", "en")
        for source in SOURCES
        if (source, language) != ("navec", "en") and (seed == 0 or source in QUICK)
    ]


@experiment(
    "fine-mechanism",
    "Attributes along principal components of titles, and fine ranking without those components",
    tasks=_tasks,
    tolerance=RANKS,
    kinds=("small",),
)
def mechanism(source: str, language: str, seed: int, small: bool) -> dict[str, Any]:
    """Measure one of `SOURCES` on the test of one language and seed, by `measure_source`."""
    if source not in SOURCES:
        raise UsageError(f"source {source!r}: {did_you_mean(source, SOURCES)}")
    task = catalogue_task(language, seed, **(SMALL if small else {}))
    vectors = VectorSource(source, task)
    return measure_source(task, vectors, limit=40 if small else N_CHANGED)


def measure_source(task: CatalogueTask, vectors: Any, *, limit: int = N_CHANGED) -> dict[str, Any]:
    """Measure a callable ``vectors(texts, queries=False)`` that returns unit rows, (n_texts, d).
    `shares`, `length` (0: the source is blind to it) of difference vectors by attribute, beside
    those of ``any two titles`` and ``class means``; by what was done: accuracy on `pairs`, nDCG@10
    of `coarse` and `fine` queries; `margin`: median of the 10th minus the 11th score.
    """
    X = vectors(task.items["title"].tolist())
    Q = vectors(list(task.queries.texts), queries=True)
    directions = principal_directions(X)
    changed = changed_titles(task, limit=limit)
    D = vectors(changed["title"].tolist()) - vectors(changed["other"].tolist())
    groups = {str(n): D[g.index] for n, g in changed.groupby("attribute") if len(g) >= 10}
    rng = np.random.default_rng(task.seed)
    first, second = (rng.permutation(len(X)) for _ in range(2))
    groups["any two titles"] = (X[first] - X[second])[first != second]
    groups["class means"] = _class_differences(X, task.items["tool_class"].to_numpy())
    cuts = [k for k in CUTS if k < X.shape[1]]
    scores = {"as it is": Q @ X.T}
    scores["centred"] = projected(X, Q, directions, cut=0, keep=False)
    scores |= {f"without {k}": projected(X, Q, directions, cut=k, keep=False) for k in cuts}
    scores |= {f"only {k}": projected(X, Q, directions, cut=k, keep=True) for k in cuts}
    pairs = attribute_pairs(task)
    ndcg = {name: _ndcg(task, s) for name, s in scores.items()}
    return {
        "d": X.shape[1],
        "n": {name: len(part) for name, part in groups.items()},
        "shares": {
            name: {str(k): _interval(shares(part, directions, k)) for k in cuts}
            for name, part in groups.items()
        },
        "length": {n: round(float(np.linalg.norm(p, axis=1).mean()), 5) for n, p in groups.items()},
        "pairs": {name: pair_accuracy(s, pairs) for name, s in scores.items()},
        "coarse": {name: _interval(v[~task.fine]) for name, v in ndcg.items()},
        "fine": {name: _interval(v[task.fine]) for name, v in ndcg.items()},
        "d_eff": float(effective_dimension(X).value),
        "var_cos": float(cosine_moments(X).var),
        "margin": float(np.median(rank_margin(scores["as it is"][task.fine], 10))),
    }


def _class_differences(X: NDArray, classes: NDArray) -> NDArray[np.float64]:
    names = sorted(set(classes))
    means = np.stack([X[classes == name].mean(axis=0) for name in names])
    return np.stack([a - b for i, a in enumerate(means) for b in means[:i]])
