"""Sums of random token vectors, simulated: the ranks that they give on a collection."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.checks import whole
from paper_utils.errors import UsageError
from paper_utils.limit.sentences import FUNCTION_WORDS
from paper_utils.search.ranks import RelevantRanks, ranks_in_blocks

_WORD = re.compile(r"[^\W_]+")


def words(text: str, stop_words: Sequence[str] = FUNCTION_WORDS) -> list[str]:
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
    """
    whole("d", d, least=1)
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

    def score(rows: slice) -> NDArray:
        scores = np.ascontiguousarray((documents @ (vectors @ queries[rows].T)).T)
        return scores if lengths is None else scores / lengths

    return ranks_in_blocks(score, qrels)


def _lengths(documents: sparse.csr_array, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    blocks = range(0, documents.shape[0], 2000)
    norms = [np.linalg.norm(documents[i : i + 2000] @ vectors, axis=1) for i in blocks]
    lengths = np.concatenate(norms)
    if not lengths.all():
        raise UsageError("a document without tokens has no direction: score it without cosine")
    return lengths
