"""Passages that share one vector: what the search of one passage among them loses.

Fixed before the first result. Groups of m passages, strangers (drawn five times) or neighbours in
the text, have one vector, the mean of their unit vectors scaled back, or one vector a passage, of
which the best counts: the same groups, the same judgements.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_chapters.pooling.panel_poolings import CENTRINGS, interval
from paper_utils.checks import unit_rows
from paper_utils.data.judged import load_judged
from paper_utils.encoders.window import texts_cut
from paper_utils.geometry.cosine import cosine_moments
from paper_utils.panel.pairs import Pair, load_pair_encoder, load_vectors
from paper_utils.panel.search import cosine_scores
from paper_utils.panel.sets import JUDGED, load_set, set_checksums
from paper_utils.results import Tolerance, experiment
from paper_utils.search.bm25 import BM25
from paper_utils.search.metrics import ndcg_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.search.tokenizer import WordTokenizer

SIZES = (2, 4, 8)
PARTNERS = ("strangers", "neighbours")
DRAWS = 5  #: of strangers
K = 10
WORDS = "BM25"  #: in the place of an encoder
CONTROLS = ("untrained", "random")
READS = ("wordllama", "use-multilingual-v3", "minilm")  #: joined texts, on one set
READ = "xquad-r-en"
_SETS = {
    "xquad-r-en": (
        *("wordllama", "use-multilingual-v3", "minilm", "me5-small", "mpnet", "smollm2-135m"),
        *(*CONTROLS, WORDS),
    ),
    "xquad-en": ("wordllama", "use-multilingual-v3", "minilm", "me5-small", "mpnet", WORDS),
    "xquad-r-ru": ("use-multilingual-v3", "me5-small", "navec", WORDS),
    "xquad-ru": ("use-multilingual-v3", "me5-small", "navec", WORDS),
    "scifact": ("wordllama", "use-multilingual-v3", "minilm", WORDS),
}
ALONE = ("scifact",)  #: whose documents have no order: neighbours are strangers


def groups(n: int, size: int, partners: str, draw: int) -> NDArray[np.int64]:
    """Return the group of each of n passages, `size` in each but perhaps the last.

    >>> groups(5, 2, "neighbours", 0)
    array([0, 0, 1, 1, 2])
    """
    place = np.arange(n)
    if partners == "strangers":
        place = np.argsort(np.random.Generator(np.random.PCG64(draw)).random(n), kind="stable")
    found = np.empty(n, dtype=np.int64)
    found[place] = np.arange(n) // size
    return found


def best(scores: NDArray, group: NDArray[np.int64]) -> NDArray:
    """Return the largest score of each group, (n_queries, n_groups)."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    return np.maximum.reduceat(scores[:, order], starts, axis=1)


def pooled(U: NDArray, group: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of the rows of each group, (n_groups, d), not scaled to length one."""
    n, counts = len(group), np.bincount(group)
    member = sparse.csr_array((1 / counts[group], (group, np.arange(n))), (len(counts), n))
    return member @ U.astype(np.float64)


def joined(texts: tuple[str, ...], group: NDArray[np.int64]) -> list[str]:
    """Return the texts of each group in their order, with spaces between."""
    parts: list[list[str]] = [[] for _ in range(group.max() + 1)]
    for text, number in zip(texts, group, strict=True):
        parts[number].append(text)
    return [" ".join(part) for part in parts]


def signal(scores: NDArray, relevant: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    """Return of each query the mean score of what is relevant above that of the rest, and the same
    in standard deviations of the rest.
    """
    rest = np.ma.array(scores.astype(np.float64), mask=relevant)
    own = np.ma.array(scores.astype(np.float64), mask=~relevant).mean(axis=1)
    gap = (own - rest.mean(axis=1)).filled(np.nan)
    # house rule: the rest is all that there is beside the relevant, no sample of it
    return gap, gap / rest.std(axis=1).filled(np.nan)


def ratio(part: NDArray, whole: NDArray, members: sparse.csr_array) -> list[float]:
    """Return the ratio of two means over queries with its interval, by linearisation."""
    found = part.mean() / whole.mean()
    return interval(found + (part - found * whole) / whole.mean(), members)


def predicted(size: int, mean_cosine: float) -> float:
    """Return what is left of the cosine's signal in a vector of `size` strangers, scaled back.
    By Theorem 1 their mean has the length under the root: 1/m of the signal where all passages
    point one way, 1/√m where they are at right angles.

    >>> float(predicted(4, 1.0)), float(predicted(4, 0.0))
    (0.25, 0.5)
    """
    return 1 / (size * np.sqrt((1 + (size - 1) * mean_cosine) / size))


def ndcg(scores: NDArray, grades: NDArray) -> NDArray[np.float64]:
    """Return nDCG@10 of every query."""
    return ndcg_at_k(ranks_from_scores(scores, grades), min(K, grades.shape[1]))


def _draws(n: int, size: int, partners: str) -> Iterator[NDArray[np.int64]]:
    for draw in range(DRAWS if partners == "strangers" else 1):
        yield groups(n, size, partners, draw)


def of_vectors(
    U: NDArray, V: NDArray, qrels: sparse.csr_array, size: int, partners: str
) -> dict[str, Any]:
    """Measure one vector a group of documents U against one a passage, for queries V, as
    [mean, low, high]: nDCG@10 of `one`, of `best`, and their difference, `loss`, by centring; what
    is left of the `signal`, and of the signal in standard deviations.
    """
    grades, members, whole = qrels.toarray(), qrels > 0, cosine_scores(U, V)
    every = {name: whole[name](slice(None)) for name in CENTRINGS}
    single = signal(every["none"], grades > 0)
    found: dict[str, list[NDArray]] = {}

    def keep(name: str, values: NDArray) -> None:
        found.setdefault(name, []).append(values)

    for group in _draws(len(U), size, partners):
        vectors, wanted = pooled(unit_rows(U), group), best(grades, group)
        scores = cosine_scores(vectors, V)
        for name in CENTRINGS:
            one, apart = (
                ndcg(scores[name](slice(None)), wanted),
                ndcg(best(every[name], group), wanted),
            )
            keep(f"one, {name}", one)
            keep(f"best, {name}", apart)
            keep(f"loss, {name}", apart - one)
        gap, sharp = signal(scores["none"](slice(None)), wanted > 0)
        keep("signal", gap)
        keep("sharpness", sharp)
        keep("unscaled", signal(unit_rows(V) @ vectors.T, wanted > 0)[0])
    means = {name: np.mean(values, axis=0) for name, values in found.items()}
    left = {"signal": single[0], "unscaled": single[0], "sharpness": single[1]}
    row = {name: interval(values, members) for name, values in means.items() if name not in left}
    row |= {name: ratio(means[name], before, members) for name, before in left.items()}
    return row | {"predicted": round(float(predicted(size, cosine_moments(U).mean)), 5)}


def of_joined_texts(
    encoder: str, name: str, V: NDArray, U: NDArray, size: int, partners: str
) -> dict[str, Any]:
    """Measure the joined texts of the first draw, read by the encoder: nDCG@10, its `loss` against
    the best of one vector a passage and against the mean of their vectors; `cut`: texts cut.
    """
    texts, side = load_set(name), load_pair_encoder(Pair(encoder, name)).document_side
    group = groups(len(U), size, partners, 0)
    wanted, members = best(texts.qrels.toarray(), group), texts.qrels > 0
    read = joined(texts.documents, group)
    plain = unit_rows(V)
    apart = ndcg(best(cosine_scores(U, V)["none"](slice(None)), group), wanted)
    mean = ndcg(plain @ unit_rows(pooled(unit_rows(U), group)).T, wanted)
    whole = ndcg(plain @ unit_rows(side.encode(read)).T, wanted)
    return {
        "joined": interval(whole, members),
        "joined_loss": interval(apart - whole, members),
        "joined_under_mean": interval(mean - whole, members),
        "cut": round(texts_cut(side, read) / len(read), 5),
    }


def of_words(name: str, size: int, partners: str) -> dict[str, Any]:
    """Measure BM25 on joined texts against the best passage of each group."""
    texts = load_set(name)
    grades, members = texts.qrels.toarray(), texts.qrels > 0
    stemmer = {"ru": "russian", "en": "english"}[JUDGED[name][0]]
    index = BM25(tokenizer=WordTokenizer(stemmer=stemmer))
    every, draws = index.fit(texts.documents).scores(texts.queries), []
    for group in _draws(len(texts.documents), size, partners):
        wanted = best(grades, group)
        whole = index.fit(joined(texts.documents, group)).scores(texts.queries)
        draws.append((ndcg(whole, wanted), ndcg(best(every, group), wanted)))
    one, apart = np.mean(draws, axis=0)
    return {
        "one, none": interval(one, members),
        "best, none": interval(apart, members),
        "loss, none": interval(apart - one, members),
    }


def together(name: str, group: NDArray[np.int64]) -> float:
    """Return the share of pairs in a group that are of one article, by the ids of XQuAD."""
    article = np.array([id[:3] for id in load_judged(name).doc_ids])
    same = (group[:, None] == group) & ~np.eye(len(group), dtype=bool)
    return round(float((article[:, None] == article)[same].mean()), 5)


def _data() -> dict[str, str]:
    return {file: digest for name in _SETS for file, digest in set_checksums(name).items()}


@experiment(
    "panel-pooled-passages",
    "One vector for two, four and eight passages against one vector each: strangers, neighbours",
    tasks=lambda: [
        {"encoder": encoder, "set": name}
        for name, encoders in _SETS.items()
        for encoder in encoders
    ],
    data=_data,
    tolerance=Tolerance(
        rel=0.03, abs=0.005, why="Single precision in the encoders: near ties change places."
    ),
    kinds=("encoder",),
)
def groups_of_pair(encoder: str, set: str) -> dict[str, Any]:
    """Measure one encoder, or BM25, on one set: `rows` by partners and size, and `level`, nDCG@10
    with one vector a passage over single passages; `together`: pairs that are of one article.
    """
    texts = load_set(set)
    partners = PARTNERS[:1] if set in ALONE else PARTNERS
    rows = []
    vectors = None if encoder == WORDS else load_vectors(Pair(encoder, set))
    for name in partners:
        for size in SIZES:
            row: dict[str, Any] = {"partners": name, "size": size}
            if name == "neighbours":
                row["together"] = together(set, groups(len(texts.documents), size, name, 0))
            if vectors is None:
                row |= of_words(set, size, name)
            else:
                U, V = vectors.documents, vectors.queries
                row |= of_vectors(U, V, texts.qrels, size, name)
                if set == READ and encoder in READS:
                    row |= of_joined_texts(encoder, set, V, U, size, name)
            rows.append(row)
    return {"n_docs": len(texts.documents), "rows": rows}
