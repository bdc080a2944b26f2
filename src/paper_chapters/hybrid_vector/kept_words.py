"""How much of BM25's search d numbers keep, on real titles and passages.

Fixed before the first record: sets, numbers, codes and the rule of their choice. The constants of
the learned codes (`paper_utils.codes.factors`) and of the fusion were chosen on xquad-r-en and
homedepot-5k, by nDCG; the other sets were not looked at.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_chapters.hybrid_vector.word_codes import BOUNDED, CODES, noise_variance
from paper_utils.codes.factors import fit_rows, random_vectors, word_vectors
from paper_utils.data.judged import load_judged
from paper_utils.panel.search import highest, interval, rounded
from paper_utils.panel.sets import JUDGED, load_set, seeded_order, set_checksums
from paper_utils.results import Tolerance, experiment
from paper_utils.search.metrics import ndcg_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.search.tokenizer import WordTokenizer
from paper_utils.search.weights import BM25Weights
from paper_utils.statistics import bootstrap_interval, t_interval

K = 10
N_QUERIES = 700
CHOSEN_ON = ("xquad-r-en", "homedepot-5k")  #: the constants were chosen on these
SETS = (*CHOSEN_ON, "xquad-r-ru", "crowdflower", "scifact")
NUMBERS = (64, 128, 256)
SMALL = ("xquad-r-en", "xquad-r-ru")  #: bounded codes and more numbers take minutes elsewhere
MORE_NUMBERS = (512, 1024)
MOST_BOUNDED = 256
SEEDS = 5
SEEDED = SMALL
STEMMERS = {"en": "english", "ru": "russian"}

NEAR_TIES = Tolerance(
    rel=0.03,
    abs=0.01,
    unchecked=("seconds",),
    why="Single precision and a factorisation: near ties change places in a few of many lists; "
    "seconds are what it cost.",
)


class Words:
    """The words of a set's texts, and a seeded sample of its queries."""

    def __init__(self, name: str, texts: list[str], queries: list[str], grades: sparse.csr_array):
        tokenizer = WordTokenizer(stemmer=STEMMERS[JUDGED[name][0]])
        self.index = BM25Weights(tokenizer=tokenizer).fit(texts)
        self.texts, self.queries, self.grades = texts, queries, grades
        self.weights, self.counts = self.index.documents(texts), self.index.queries(queries)

    @property
    def exact(self) -> NDArray:
        """BM25's scores, (n_queries, n_texts)."""
        return (self.counts @ self.weights.T).toarray()

    def value(self, scores: NDArray) -> NDArray[np.float64]:
        """Return nDCG at 10 of each query; in single precision, so that equal texts tie."""
        return ndcg_at_k(ranks_from_scores(scores.astype(np.float32), self.grades), K)

    def share(self, values: NDArray, of: NDArray) -> list[float]:
        """Return the ratio of two means over the queries, and its 95% bootstrap interval."""
        ratio = np.nanmean(values) / np.nanmean(of)
        found = bootstrap_interval((values - ratio * of) / np.nanmean(of))
        return rounded(ratio + np.array([0.0, found.low, found.high]))

    def size(self) -> dict[str, float]:
        """Return what the set asks of a code."""
        return {
            "texts": self.weights.shape[0],
            "words": self.weights.shape[1],
            "length": round(self.weights.nnz / self.weights.shape[0], 2),
            "queries": len(self.queries),
        }


def sampled_rows(qrels: sparse.csr_array) -> NDArray[np.int64]:
    """Return the places of a seeded sample of the queries that have a relevant text."""
    answered = np.flatnonzero((qrels > 0).sum(axis=1) > 0)
    return answered[seeded_order(len(answered))[:N_QUERIES]]


def words_of(name: str) -> Words:
    """Return the words of the set `name`."""
    found = load_set(name)
    rows = sampled_rows(found.qrels)
    queries = [found.queries[row] for row in rows]
    return Words(name, list(found.documents), queries, sparse.csr_array(found.qrels[rows]))


def checksums(names: tuple[str, ...]) -> dict[str, str]:
    """Return the checksums of the sets `names`."""
    return {file: digest for name in names for file, digest in set_checksums(name).items()}


@experiment(
    "hybrid-words",
    "Share of BM25's nDCG@10 that codes of the words keep in d numbers, on five judged sets",
    tasks=lambda: [
        {"set": name, "d": d}
        for name in SETS
        for d in (*NUMBERS, *(MORE_NUMBERS if name in SMALL else ()))
    ],
    data=lambda: checksums(SETS),
    tolerance=NEAR_TIES,
    kinds=("set",),
)
def kept_share(set: str, d: int) -> dict[str, Any]:
    """Measure each code: `share` of BM25's nDCG (ratio, low, high). `law`: the share of sums when
    exact scores get independent noise of the variance that sums have.
    """
    words = words_of(set)
    exact, shares = words.exact, {}
    plain = words.value(exact)
    for name, code in CODES.items():
        if name in BOUNDED and (set not in SMALL or d > MOST_BOUNDED):
            continue
        documents, queries = code(words.weights, words.counts, d, 0)
        shares[name] = words.share(words.value(queries @ documents.T), plain)
    noise = np.random.default_rng(0).standard_normal(exact.shape)
    spread = np.sqrt(noise_variance(words.weights, words.counts, d))
    law = words.share(words.value(exact + spread * noise), plain)
    bm25 = interval(plain, highest(words.grades))
    return words.size() | {"BM25": bm25, "share": shares, "law": law}


@experiment(
    "hybrid-words-seeds",
    "The same share at 256 numbers over five seeds of the word vectors, and codes of unseen texts",
    tasks=lambda: [{"set": name, "d": 256} for name in SEEDED],
    data=lambda: checksums(SEEDED),
    tolerance=NEAR_TIES,
    kinds=("set",),
)
def share_by_seed(set: str, d: int) -> dict[str, Any]:
    """Measure the share of BM25's nDCG over `SEEDS` seeds (mean, low, high by Student's t), with
    word vectors learned from every other text, and what unseen words of queries do: `queries` with
    one, the `change` of their nDCG if such words get random vectors (mean, low, high).
    """
    words = words_of(set)
    plain = words.value(words.exact)
    found: dict[str, Any] = {"seeds": {}}
    for name in ("sums", "learned"):
        values = []
        for seed in range(SEEDS):
            documents, queries = CODES[name](words.weights, words.counts, d, seed)
            values.append(np.nanmean(words.value(queries @ documents.T)) / np.nanmean(plain))
        found["seeds"][name] = rounded(t_interval(values)[:3])
    for name, vectors in vectors_of_half(words, d).items():
        documents = fit_rows(words.weights, vectors)
        values = words.value((words.counts @ vectors) @ documents.T)
        found[f"half, {name}"] = words.share(values, plain)
    return found | {"unseen": unseen_words(words, d)}


def vectors_of_half(words: Words, d: int) -> dict[str, NDArray]:
    """Return word vectors learned from every other text, with zeros and with random vectors of the
    usual length for words of the other texts alone.
    """
    half = sparse.csr_array(words.weights[::2])
    learned = word_vectors(half, d)
    new = half.max(axis=0).toarray().ravel() == 0
    drawn = typical_length(learned[~new]) * random_vectors(len(learned), d, 2)
    filled = {"zeros": np.zeros_like(drawn), "random": drawn}
    return {name: np.where(new[:, None], rest, learned) for name, rest in filled.items()}


def typical_length(vectors: NDArray) -> float:
    """Return the root mean square length of `vectors`."""
    return float(np.sqrt((vectors**2).sum(axis=1).mean()))


def unseen_words(words: Words, d: int) -> dict[str, Any]:
    """Return how many queries have words that no text has, and what random vectors for them do."""
    vectors = word_vectors(words.weights, d)
    documents = fit_rows(words.weights, vectors)
    cut, known = words.index.tokenizer, words.index.vocabulary
    missing = [[word for word in cut(query) if word not in known] for query in words.queries]
    names = {word: row for row, word in enumerate(sorted({w for row in missing for w in row}))}
    # What hashing would give: the length of a typical word vector, in a direction of its own.
    noise = typical_length(vectors) * random_vectors(max(1, len(names)), d, 1)
    dropped = words.counts @ vectors
    hashed = dropped + np.array([noise[[names[w] for w in row]].sum(axis=0) for row in missing])
    touched = np.array([bool(row) for row in missing])
    change = words.value(hashed @ documents.T) - words.value(dropped @ documents.T)
    none = np.asarray(words.counts.sum(axis=1)).ravel() == 0
    found: dict[str, Any] = {"queries": int(touched.sum()), "only unseen": int(none.sum())}
    if touched.sum() > 1:
        found["change"] = rounded(bootstrap_interval(change[touched])[:3])
    return found


GROWTH_NUMBERS = (64, 128, 256, 512)
GROWTH = (
    *({"set": "scifact", "first": first, "texts": 5183} for first in (8, 16, 32)),
    {"set": "scifact", "first": 16, "texts": 1000},
    *({"set": "homedepot", "first": 0, "texts": texts} for texts in (2500, 10_000, 54_667)),
)


@experiment(
    "hybrid-growth",
    "Share of BM25's nDCG@10 kept in d numbers, by words a text and by the number of texts",
    tasks=lambda: [dict(task) for task in GROWTH],
    data=lambda: checksums(("scifact", "homedepot")),
    tolerance=NEAR_TIES,
    kinds=("set",),
)
def share_by_size(set: str, first: int, texts: int) -> dict[str, Any]:
    """Measure, by numbers, the share of BM25's nDCG that sums and learned codes keep of the `first`
    words of each text (0: all) of some `texts`, those judged for the queries among them. `seconds`
    are of the processor, to learn and to encode.
    """
    judged = load_judged(set)
    rows = sampled_rows(judged.qrels)[:300]
    kept = np.unique(judged.qrels[rows].indices)
    others = np.setdiff1d(seeded_order(len(judged.documents)), kept, assume_unique=True)
    columns = np.sort(np.concatenate([kept, others[: max(0, texts - len(kept))]]))
    cut = WordTokenizer()  # stems are taken once, of what is left
    documents = [" ".join(cut(judged.documents[i])[: first or None]) for i in columns]
    words = Words(
        set,
        documents,
        [judged.queries[row] for row in rows],
        sparse.csr_array(judged.qrels[rows][:, columns]),
    )
    plain = words.value(words.exact)
    found: dict[str, Any] = words.size() | {"BM25": rounded(bootstrap_interval(plain)[:3])}
    found |= {"seconds": {}, "share": {}}
    for d in GROWTH_NUMBERS:
        began = time.process_time()
        pairs = {"learned": CODES["learned"](words.weights, words.counts, d, 0)}
        found["seconds"][str(d)] = round(time.process_time() - began, 1)
        pairs["sums"] = CODES["sums"](words.weights, words.counts, d, 0)
        found["share"][str(d)] = {
            name: words.share(words.value(queries @ codes.T), plain)
            for name, (codes, queries) in pairs.items()
        }
    return found
