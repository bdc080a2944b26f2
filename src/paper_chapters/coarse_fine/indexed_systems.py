"""Systems that are ready to search the catalogue task, with what each keeps and has cost.

Times are of the processor, not of the clock: other load on the machine counts less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from paper_chapters.coarse_fine.cross_encoder import CrossEncoder, read_titles
from paper_chapters.coarse_fine.rows import fused, reranked
from paper_chapters.coarse_fine.towers import timed, vectors
from paper_utils.checks import unit_rows
from paper_utils.codes.set_codes import SetCodes
from paper_utils.encoders import load_encoder
from paper_utils.encoders.token_states import token_states
from paper_utils.errors import UsageError
from paper_utils.geometry.hub_reduction import whiten
from paper_utils.search.bm25 import BM25
from paper_utils.search.hashing import HashedNgrams
from paper_utils.search.late_interaction import maxsim
from paper_utils.search.tokenizer import WordTokenizer
from paper_utils.train.task import CatalogueTask

SET_CODE_DIMENSION = 257  # 256 coordinates and the cut-off

Scores = Callable[[Sequence[str]], NDArray]


@dataclass(frozen=True)
class System:
    """A system that is ready to search."""

    scores: Scores = field(repr=False)  # queries -> scores of all titles, (n_queries, n_items)
    index_bytes: int  # what is kept of the titles
    model_bytes: int = 0  # what is kept beside them: weights, word vectors
    training_s: float = 0.0  # processor seconds of training
    index_s: float = 0.0  # processor seconds for all titles


def lexical_systems(titles: Sequence[str]) -> dict[str, System]:
    """Return ``BM25``, ``character TF-IDF``, ``NUMEN`` at 32,768 and ``set codes`` of words at 257.
    TF-IDF is of 3- to 5-grams within words.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    titles = list(titles)
    bm25, bm25_s = timed(lambda: BM25().fit(titles))
    HashedNgrams(d=64).fit(titles[:1]).scores(titles[:1])  # compiles
    numen, numen_s = timed(lambda: HashedNgrams(d=32_768).fit(titles))
    vectoriser = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    documents, tfidf_s = timed(lambda: vectoriser.fit_transform(titles))
    return {
        "BM25": System(bm25.scores, _bm25_bytes(titles), index_s=bm25_s),
        "character TF-IDF": System(
            lambda queries: (vectoriser.transform(queries) @ documents.T).toarray(),
            documents.data.nbytes + documents.indices.nbytes + documents.indptr.nbytes,
            index_s=tfidf_s,
        ),
        "NUMEN": System(lambda queries: numen.scores(list(queries)), numen.nbytes, index_s=numen_s),
        "set codes": _set_codes(titles),
    }


def _bm25_bytes(titles: Sequence[str]) -> int:
    """Bytes of postings: a weight and a place for each distinct word of a title."""
    words = WordTokenizer()
    return 8 * sum(len(set(words(title))) for title in titles)


def _set_codes(titles: Sequence[str]) -> System:
    words = WordTokenizer()
    documents = [sorted(set(words(title))) for title in titles]
    vocabulary = sorted({word for document in documents for word in document})
    known = set(vocabulary)
    codes = SetCodes(SET_CODE_DIMENSION).fit(vocabulary)
    matrix, index_s = timed(lambda: codes.encode(documents))

    def scores(queries: Sequence[str]) -> NDArray:
        rows = np.zeros((len(queries), matrix.shape[1]))
        for number, query in enumerate(queries):
            found = sorted(known.intersection(words(query)))  # what no title says matches none
            if found:
                rows[number] = codes.queries(found).sum(axis=0)
        return rows @ matrix.T

    return System(scores, matrix.nbytes, 4 * codes.vectors.size, index_s=index_s)


def pretrained_systems(task: CatalogueTask) -> dict[str, System]:
    """Return encoders that were not trained on the task: MiniLM and, in Russian, ``navec``.
    MiniLM also ``centred`` (each side by its mean, that of queries from the training queries),
    ``whitened`` (by the titles' covariance), and by late interaction of tokens (``MaxSim``).
    """
    titles, encoder = task.items["title"].tolist(), load_encoder("minilm")
    weights = 4 * sum(p.numel() for p in encoder.model.parameters())
    X, one_s = timed(lambda: encoder.encode(titles, cache=False))
    states, all_s = timed(lambda: _token_vectors(encoder, titles))
    mean = encoder.encode(list(task.training_queries.texts)).mean(axis=0)
    centred, white = unit_rows(X - X.mean(axis=0)), unit_rows(whiten(X))

    def encode(queries: Sequence[str]) -> NDArray:
        return encoder.encode(list(queries), cache=False)

    def one(scores: Scores) -> System:
        return System(scores, X.nbytes, weights, index_s=one_s)

    def tokens(queries: Sequence[str]) -> NDArray:
        return maxsim(_token_vectors(encoder, list(queries)), states)

    found = {
        "MiniLM": one(lambda q: encode(q) @ X.T),
        "MiniLM, centred": one(lambda q: unit_rows(encode(q) - mean) @ centred.T),
        "MiniLM, whitened": one(lambda q: unit_rows(whiten(encode(q), X)) @ white.T),
        "MiniLM, MaxSim": System(tokens, sum(t.nbytes for t in states), weights, index_s=all_s),
    }
    return found | ({"navec": _navec(titles)} if task.language == "ru" else {})


def _navec(titles: Sequence[str]) -> System:
    encoder = load_encoder("navec")

    def encode(texts: Sequence[str]) -> NDArray:
        X = np.array(encoder.encode(list(texts), cache=False))
        X[~np.isfinite(X).all(axis=1) | ~X.any(axis=1)] = 1.0  # no word known: equally far from all
        return unit_rows(X)

    X, index_s = timed(lambda: encode(titles))
    return System(lambda q: encode(q) @ X.T, X.nbytes, index_s=index_s)


def _token_vectors(encoder: Any, texts: list[str]) -> list[NDArray]:
    found: list[Any] = [None] * len(texts)
    for batch in token_states(encoder, texts):
        for place, rows in zip(batch.rows, batch.vectors("last"), strict=True):
            found[place] = rows
    return found


def tower_system(model: torch.nn.Module, training_s: float, titles: Sequence[str]) -> System:
    """Return a system that keeps one vector a title."""
    X, index_s = timed(lambda: vectors(model, list(titles)))
    return System(
        lambda q: vectors(model, q) @ X.T, X.nbytes, weight_bytes(model), training_s, index_s
    )


def fusion_system(first: System, second: System) -> System:
    """Return a system that fuses the ranks of two."""
    return System(
        lambda queries: fused(first.scores(queries), second.scores(queries)),
        first.index_bytes + second.index_bytes,
        first.model_bytes + second.model_bytes,
        first.training_s + second.training_s,
        first.index_s + second.index_s,
    )


def reading_system(
    model: CrossEncoder,
    training_s: float,
    titles: Sequence[str],
    first: System | None = None,
    depth: int | None = None,
) -> System:
    """Return a system that reads each query together with titles, kept as subword tokens.
    It reads the `depth` titles that `first` ranks highest and puts them first in its own order;
    without `first` it reads all. `training_s`: processor seconds of training.
    """
    titles, own = list(titles), weight_bytes(model)
    subwords = 4 * sum(map(len, model.ids(titles)))
    if first is None and depth is None:
        return System(lambda q: read_titles(model, q, titles), subwords, own, training_s)
    if first is None or depth is None or not 1 <= depth <= len(titles):
        raise UsageError(f"depth must be from 1 to {len(titles)} after a first stage, not {depth}")

    def scores(queries: Sequence[str]) -> NDArray:
        found = first.scores(queries)
        chosen = np.argsort(-found, axis=1, kind="stable")[:, :depth]
        read = np.round(read_titles(model, queries, titles, chosen).astype(np.float64), 5)
        second = np.full(found.shape, -np.inf)
        np.put_along_axis(second, chosen, read, axis=1)
        return reranked(found, second, depth)

    return System(
        scores,
        first.index_bytes + subwords,
        first.model_bytes + own,
        first.training_s + training_s,
        first.index_s,
    )


def weight_bytes(model: torch.nn.Module) -> int:
    """Return what the weights of a model take in single precision."""
    return 4 * sum(p.numel() for p in model.parameters())
