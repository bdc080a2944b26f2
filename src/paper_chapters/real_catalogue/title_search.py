"""Coarse and fine search over real tool titles, and how well the rules read attributes."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from paper_utils.data.attributes import ATTRIBUTE_NAMES, mine_attributes
from paper_utils.data.catalogue import load_catalogue
from paper_utils.data.title_task import LEAST_PAIRS, TitleTask, family_shares, title_task
from paper_utils.encoders import load_encoder
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.fingerprint import sha256
from paper_utils.results import Tolerance, experiment
from paper_utils.search.bm25 import BM25
from paper_utils.search.hashing import HashedNgrams
from paper_utils.search.metrics import exponential_gains, ndcg_at_k, recall_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.statistics import bootstrap_interval, wilson_interval

SYSTEMS = ("chance", "BM25", "character TF-IDF", "NUMEN", "navec", "MiniLM", "fusion")
N_QUERIES = 300
_LABELS = files(__package__).joinpath("title_labels.csv")
N_NEIGHBOURS = 500  # titles whose ten nearest are looked at
RRF = 60
NEAR_TIES = Tolerance(
    rel=1e-3,
    abs=0.005,
    why="Single precision and as few as 60 queries: near ties change places.",
)
SMALL = {"catalogue": "diy", "n_items": 400, "n_queries": 60}


class Searcher:
    """One of `SYSTEMS` over the titles of a task; ``fusion`` adds 1/(60 + rank) of BM25 and MiniLM.
    `vectors` are those of the titles, where they are known already; `seed` is of ``chance``.
    """

    def __init__(self, name: str, titles, vectors: NDArray | None = None, seed: int = 0):
        if name not in SYSTEMS:
            raise UsageError(f"no system {name!r}: {did_you_mean(name, SYSTEMS)}")
        self.name, self.n, self.seed = name, len(titles), seed
        titles = list(titles)
        if name in ("BM25", "fusion"):
            self.bm25 = BM25().fit(titles)
        if name == "NUMEN":
            self.numen = HashedNgrams(d=32_768).fit(titles)
        if name == "character TF-IDF":
            from sklearn.feature_extraction.text import TfidfVectorizer

            grams = {"analyzer": "char_wb", "ngram_range": (3, 5), "dtype": np.float32}
            self.vectoriser = TfidfVectorizer(sublinear_tf=True, **grams)
            self.documents = self.vectoriser.fit_transform(titles).T.tocsr()
        if name in ("navec", "MiniLM", "fusion"):
            self.encoder = load_encoder("navec" if name == "navec" else "minilm")
            self.vectors = _unit(self.encoder.encode(titles) if vectors is None else vectors)

    def scores(self, queries) -> NDArray[np.float64]:
        """Return scores, shape (n_queries, n_titles), rounded so that equal ones tie."""
        queries = list(queries)
        if self.name == "chance":
            # As recorded: as many queries get the same scores again, such as blocks of one size.
            return np.random.default_rng([self.seed, len(queries)]).random((len(queries), self.n))
        if self.name == "BM25":
            return np.round(self.bm25.scores(queries).astype(np.float64), 5)
        if self.name == "NUMEN":
            return np.round(self.numen.scores(queries).astype(np.float64), 6)
        if self.name == "character TF-IDF":
            return np.round((self.vectoriser.transform(queries) @ self.documents).toarray(), 6)
        dense = np.round(_unit(self.encoder.encode(queries)) @ self.vectors.T, 6)
        if self.name != "fusion":
            return dense
        lexical = np.round(self.bm25.scores(queries).astype(np.float64), 5)
        return sum(1 / (RRF + rankdata(-part, axis=1)) for part in (lexical, dense))


def _unit(X: NDArray) -> NDArray[np.float64]:
    """Rows of length one; a text without a known word keeps zeros and ties with everything."""
    X = np.nan_to_num(np.asarray(X, dtype=np.float64))
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    return np.divide(X, lengths, out=np.zeros_like(X), where=lengths > 0)


def measure(task: TitleTask, searcher: Searcher, *, seed: int = 0) -> dict[str, Any]:
    """Measure one system: [mean, low, high], 95%, bootstrap over queries or over families of pairs.
    ``coarse``, ``fine``: nDCG@10 of queries for a class, or with a value (gains 3, 1);
    ``neighbours``: share of the ten nearest titles of the same class; ``pairs`` and ``twins``
    (minimal pairs): share in the right order, by attribute and ``all``; None below 200 pairs.
    """
    coarse = ranks_from_scores(searcher.scores(task.coarse.texts), task.coarse.grades)
    fine = searcher.scores(task.fine.texts)
    gains = exponential_gains(task.fine.grades)
    return {
        "coarse": _interval(ndcg_at_k(coarse, 10)),
        "neighbours": _interval(_neighbours(task, searcher, seed)),
        "fine": _interval(ndcg_at_k(ranks_from_scores(fine, gains), 10)),
        "fine recall": _interval(recall_at_k(ranks_from_scores(fine, task.fine.grades == 2), 10)),
        "pairs": _by_attribute(fine, task.fine.pairs),
        "twins": _by_attribute(_in_parts(searcher, task.minimal.texts), task.minimal.pairs),
    }


def _in_parts(searcher: Searcher, texts) -> NDArray[np.float32]:
    """Scores in single precision, some queries at a time: fusion holds ranks in double."""
    parts = [searcher.scores(texts[i : i + 200]) for i in range(0, len(texts), 200)]
    return np.concatenate([p.astype(np.float32) for p in parts]) if parts else np.zeros((0, 0))


def _neighbours(task: TitleTask, searcher: Searcher, seed: int) -> NDArray[np.float64]:
    known = np.flatnonzero(task.classes != "")
    rows = np.random.default_rng(seed).permutation(known)[:N_NEIGHBOURS]
    scores = searcher.scores([task.titles[i] for i in rows])
    scores[np.arange(len(rows)), rows] = -np.inf
    same = (task.classes[None, :] == task.classes[rows][:, None]).astype(np.int8)
    same[np.arange(len(rows)), rows] = 0
    found = recall_at_k(ranks_from_scores(scores, same), 10)
    return found * same.sum(axis=1) / np.minimum(10, same.sum(axis=1))


def _by_attribute(scores: NDArray, pairs: pd.DataFrame) -> dict[str, list[float] | None]:
    """Share of pairs in the right order, by attribute and over all families; a tie counts half."""
    if not len(pairs):
        return dict.fromkeys(("all", *ATTRIBUTE_NAMES))
    right, wrong = (scores[pairs["query"], pairs[side]] for side in ("right", "wrong"))
    by_family = family_shares(right, wrong, pairs)
    found: dict[str, list[float] | None] = {"all": _interval(by_family.to_numpy())}
    for name in ATTRIBUTE_NAMES:
        enough = (pairs["attribute"] == name).sum() >= LEAST_PAIRS
        families = by_family.loc[name].to_numpy() if enough else np.zeros(0)
        found[name] = _interval(families) if len(families) > 1 else None
    return found


def _interval(values: NDArray) -> list[float]:
    return [round(float(v), 5) for v in bootstrap_interval(values)[:3]]


def _language_task(
    catalogue: str, language: str, n_items: int | None, n_queries: int, seed: int
) -> tuple[TitleTask, NDArray[np.int64] | None]:
    """Return the task and, of a real catalogue, its rows among the titles of all languages."""
    titles = load_catalogue(catalogue, language=language, n_items=n_items, seed=seed)
    task = title_task(titles, language, n_queries=n_queries, seed=seed)
    if catalogue.partition(":")[0] == "diy" or n_items is not None:
        return task, None
    everything = load_catalogue(catalogue, language="all")
    return task, np.flatnonzero(everything.table["language"].to_numpy() == language)


def _tasks() -> list[dict[str, Any]]:
    live = [SMALL | {"language": lang, "system": "BM25"} for lang in ("ru", "en")]
    real = [
        {"catalogue": "uhtt-tools", "language": language, "system": system}
        for language in ("ru", "en")
        for system in SYSTEMS
        if (language, system) != ("en", "navec")
    ]
    return live + real


def _data() -> dict[str, str]:
    return {"uhtt-tools": load_catalogue("uhtt-tools", language="all").sha256}


@experiment(
    "real-catalogue-search",
    "Coarse and fine search over real tool titles, by system and language",
    tasks=_tasks,
    data=_data,
    tolerance=NEAR_TIES,
)
def search_row(
    catalogue: str,
    language: str,
    system: str,
    n_items: int | None = None,
    n_queries: int = N_QUERIES,
    seed: int = 0,
) -> dict[str, Any]:
    """Return :func:`measure` of one system on a catalogue's titles in one language.
    ``n`` counts titles, coarse and fine queries; ``n pairs`` and ``n twins`` count by attribute.
    """
    task, rows = _language_task(catalogue, language, n_items, n_queries, seed)
    vectors = None
    if rows is not None and system in ("navec", "MiniLM", "fusion"):
        encoder = load_encoder("navec" if system == "navec" else "minilm")
        vectors = encoder.encode(load_catalogue(catalogue, language="all").titles)[rows]
    found = measure(task, Searcher(system, task.titles, vectors, seed), seed=seed)
    return found | {
        "n": {
            "titles": len(task.titles),
            "coarse": len(task.coarse.texts),
            "fine": len(task.fine.texts),
        },
        "n pairs": _counts(task.fine.pairs),
        "n twins": _counts(task.minimal.pairs),
    }


def _counts(pairs: pd.DataFrame) -> dict[str, int]:
    return {name: int((pairs["attribute"] == name).sum()) for name in ATTRIBUTE_NAMES}


def labels() -> pd.DataFrame:
    """Return hand-made labels of a sample of real titles: ``id`` in uhtt-tools, ``attribute``,
    ``value``. A NaN value: the title states none, or no single one.
    """
    with _LABELS.open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype={"id": str, "attribute": str, "value": float})


def _label_data() -> dict[str, str]:
    return _data() | {_LABELS.name: sha256(_LABELS.read_text("utf-8"))}


@experiment(
    "real-catalogue-rules",
    "Attributes that rules read off real titles: how many, and how many of a sample are right",
    tasks=lambda: [{"catalogue": "uhtt-tools"}],
    data=_label_data,
    tolerance=Tolerance(
        rel=1e-4, why="Counts, with Wilson's intervals for 1.96, which is now the exact quantile."
    ),
)
def rules_checked(catalogue: str) -> dict[str, Any]:
    """Count titles with an attribute by the rules (``found``), and compare them with
    :func:`labels`. ``precision`` by attribute and ``all``: [share, low, high, n] (Wilson, 95%);
    ``missed``: the same of titles with a digit in which the rules found nothing and a person did.
    """
    titles = load_catalogue(catalogue, language="all")
    mined = mine_attributes(titles.titles)
    languages = titles.table["language"].to_numpy()
    place = {identifier: i for i, identifier in enumerate(titles.table["id"])}
    known = labels()
    rows = known["id"].map(place).to_numpy()
    # Rows without an attribute are titles in which neither the reader nor the rules found one.
    named = known["attribute"].notna()
    read = np.full(len(known), np.nan)
    read[named] = [
        mined[name].iat[i] for name, i in zip(known["attribute"][named], rows[named], strict=True)
    ]
    known = known.assign(read=read)
    claimed = known[known["read"].notna()]
    right = (claimed["read"] - claimed["value"]).abs() < 1e-6
    precision = {"all": _share(right.sum(), len(right))}
    for name in ATTRIBUTE_NAMES:
        of = claimed["attribute"] == name
        precision[name] = _share(right[of].sum(), of.sum())
    silent = known[known["read"].isna()].groupby("id")["value"].apply(lambda v: v.notna().any())
    return {
        "found": {
            language: {
                name: int(mined.loc[languages == language, name].notna().sum())
                for name in ATTRIBUTE_NAMES
            }
            for language in ("ru", "en")
        },
        "precision": precision,
        "missed": _share(silent.sum(), len(silent)),
    }


def _share(right: Any, n: Any) -> list[float]:
    """A share, its 95% interval and n."""
    return [float(right / n), *wilson_interval(right, n), int(n)]


#: Attribute of the rules -> column of diy, and the word under `mentions`.
TRUE_COLUMNS = {"mm": "size_mm", "watts": "power_w", "volts": "voltage_v"}


def rules_on_diy(n_items: int, language: str, seed: int) -> pd.DataFrame:
    """Return precision and recall of the rules, by attribute, on generated titles of known truth.
    ``stated`` and ``read`` count titles.

    >>> bool(rules_on_diy(300, "en", 0)["precision"].min() > 0.9)
    True
    """
    table = load_catalogue("diy", language=language, n_items=n_items, seed=seed).table
    mined = mine_attributes(table["title"])
    rows = []
    for name, column in TRUE_COLUMNS.items():
        says = table["mentions"].str.split().map(lambda words, c=column: c in words).to_numpy()
        truth, read = table[column].to_numpy(), mined[name].to_numpy()
        right = np.isclose(truth, read)
        n_read = int((~np.isnan(read)).sum())
        rows.append(
            {
                "attribute": name,
                "stated": int(says.sum()),
                "read": n_read,
                "precision": right.sum() / n_read if n_read else np.nan,
                "recall": (right & says).sum() / says.sum() if says.any() else np.nan,
            }
        )
    return pd.DataFrame(rows)
