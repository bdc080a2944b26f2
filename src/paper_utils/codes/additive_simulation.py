"""Sums of random token vectors, simulated: the ranks that they give on a collection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.errors import UsageError
from paper_utils.search.ranks import RelevantRanks, ranks_from_scores

STOP_WORDS = ("who", "and", "the", "of", "a", "in", "with")
"""Left out of word tokens unless said otherwise: the English function words of LIMIT's texts. The
list is part of the definition of the code: 'likes', in each query and each document, is no function
word and stays."""

_WORD = re.compile(r"[^\W_]+")
_BLOCK = 100  # queries scored at once


def words(text: str, stop_words: Sequence[str] = STOP_WORDS) -> list[str]:
    """Return the lower-cased runs of letters and digits of `text`, stop words left out."""
    return [word for word in _WORD.findall(text.lower()) if word not in stop_words]


def token_counts(
    queries: Sequence[Sequence[object]], documents: Sequence[Sequence[object]]
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Count tokens over one vocabulary: shapes (n_queries, n_tokens) and (n_docs, n_tokens)."""
    lists = [*queries, *documents]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(t for x in lists for t in x))}
    if not vocabulary:
        raise UsageError("no text has a token")
    rows = np.repeat(np.arange(len(lists)), [len(tokens) for tokens in lists])
    columns = np.array([vocabulary[token] for tokens in lists for token in tokens])
    shape = (len(lists), len(vocabulary))
    counts = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()
    return counts[: len(queries)], counts[len(queries) :]


def additive_code_ranks(
    query_counts: sparse.csr_array,
    doc_counts: sparse.csr_array,
    qrels: sparse.csr_array,
    d: int,
    *,
    seed: int = 0,
    cosine: bool = False,
) -> RelevantRanks:
    """Rank documents by inner products of sums of independent Gaussian token vectors.

    The counts come from :func:`token_counts`; `cosine` divides by the length of the document's sum.
    Scores go through the inner products of token vectors: the cost hardly depends on `d`.
    """
    if d < 1:
        raise UsageError(f"d = {d} must be at least 1")
    n_tokens = doc_counts.shape[1]
    wanted = (query_counts.shape[0], doc_counts.shape[0])
    if query_counts.shape[1] != n_tokens or qrels.shape != wanted:
        raise UsageError(
            f"qrels of shape {qrels.shape} and counts of shapes {query_counts.shape} and "
            f"{doc_counts.shape} do not fit"
        )
    vectors = np.random.default_rng(seed).standard_normal((n_tokens, d), dtype=np.float32)
    # A coordinate for every token is a rotation: the Gram matrix is all that scores see.
    queries = query_counts.astype(np.float32) @ vectors
    documents = doc_counts.astype(np.float32)
    lengths = _lengths(documents, vectors) if cosine else None
    parts = []
    for start in range(0, wanted[0], _BLOCK):
        rows = slice(start, min(start + _BLOCK, wanted[0]))
        scores = np.ascontiguousarray((documents @ (vectors @ queries[rows].T)).T)
        if lengths is not None:
            scores = scores / lengths
        parts.append(ranks_from_scores(scores, qrels[rows]))
    return joined(parts)


def _lengths(documents: sparse.csr_array, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    blocks = range(0, documents.shape[0], 2000)
    norms = [np.linalg.norm(documents[i : i + 2000] @ vectors, axis=1) for i in blocks]
    lengths = np.concatenate(norms)
    if not lengths.all():
        raise UsageError("a document without tokens has no direction: score it without cosine")
    return lengths


def joined(parts: Sequence[RelevantRanks]) -> RelevantRanks:
    """Return the ranks of several blocks of queries as one."""
    firsts = np.cumsum([0] + [part.n_queries for part in parts[:-1]])
    return RelevantRanks(
        query=np.concatenate([p.query + first for p, first in zip(parts, firsts, strict=True)]),
        grade=np.concatenate([p.grade for p in parts]),
        better=np.concatenate([p.better for p in parts]),
        tied=np.concatenate([p.tied for p in parts]),
        settled=np.concatenate([p.settled for p in parts]),
        n_docs=parts[0].n_docs,
    )


class Layout(NamedTuple):
    """A collection without names or texts: attributes of queries and documents, and relevance."""

    queries: list[list[int]]
    documents: NDArray[np.int64]  # attributes of each, shape (n_docs, length)
    qrels: sparse.csr_array


def limit_layout(
    n_docs: int = 50_000,
    *,
    length: int = 45,
    n_active: int = 46,
    n_queries: int = 1000,
    spare: int = 850,
    seed: int = 0,
) -> Layout:
    """Draw a collection of LIMIT's design: pairs of active documents, and distractors.

    Query i names attribute i, which two of the `n_active` documents hold, a new pair for each.
    They are filled up to `length` from `spare` attributes that no query names; the other documents
    draw all of theirs from these.
    """
    pairs = np.array([(i, j) for i in range(n_active) for j in range(i)])
    if n_queries > len(pairs) or n_active > n_docs or length > spare:
        raise UsageError(
            f"n_queries = {n_queries}, n_active = {n_active}, n_docs = {n_docs}, length = {length} "
            f"and spare = {spare} do not fit: at most {len(pairs)} pairs, at least n_active "
            "documents, at least `length` spare attributes"
        )
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(pairs)[:n_queries]
    held: list[list[int]] = [[] for _ in range(n_active)]
    for query, pair in enumerate(pairs):
        for document in pair:
            held[document].append(query)
    if max(map(len, held)) > length:
        raise UsageError(f"length = {length}: a document would hold {max(map(len, held))} queries")
    documents = np.empty((n_docs, length), dtype=np.int64)
    for i in range(n_docs):
        own = held[i] if i < n_active else []
        documents[i, : len(own)] = own
        documents[i, len(own) :] = n_queries + rng.choice(spare, length - len(own), replace=False)
    rows = np.repeat(np.arange(n_queries), 2)
    shape = (n_queries, n_docs)
    found = (np.ones(len(rows), dtype=bool), (rows, pairs.ravel()))
    return Layout([[i] for i in range(n_queries)], documents, sparse.csr_array(found, shape=shape))
