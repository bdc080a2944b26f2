"""BM25 over bm25s, with a tokenizer that says what it keeps and ties that stay put."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from paper_utils.checks import texts_list
from paper_utils.errors import UsageError
from paper_utils.search.tokenizer import WordTokenizer
from paper_utils.search.topk import select_top_k

_CELLS = 1 << 24  # scores held at once in a search: 64 MiB in single precision


class BM25:
    """Okapi BM25 in Lucene's form, with exact scores.

    The score of a document D is the sum, over the tokens t of the query with repetitions, of ::

        ln(1 + (N - n_t + 1/2) / (n_t + 1/2)) * f_t / (f_t + k1 (1 - b + b |D| / mean |D|))

    where N documents were fitted, n_t of them hold t, D holds it f_t times and |D| counts the
    tokens of D. A document that shares no token with the query scores exactly 0.

    Parameters
    ----------
    k1 : float
        At least 0. How slowly repetition saturates.
    b : float
        0 to 1. How much long documents are marked down.
    tokenizer : callable str -> list of str, optional
        By default a plain :class:`~paper_utils.search.tokenizer.WordTokenizer`.

    Raises
    ------
    UsageError
        `k1`, `b` or a `k` out of range, texts that are no strings, or a search before `fit`.

    References
    ----------
    S. Robertson and H. Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009;
    C. Kamphuis et al., "Which BM25 do you mean?", ECIR 2020, table 1, 'Lucene (accurate)'.

    Examples
    --------
    >>> BM25().fit(["дрель 12 В", "дрель 18 В", "отвёртка"]).search(["дрель 18В"], 2)[0]
    array([[1, 0]])
    """

    def __init__(
        self,
        *,
        k1: float = 1.5,
        b: float = 0.75,
        tokenizer: Callable[[str], list[str]] | None = None,
    ) -> None:
        if not 0 <= k1 < np.inf:
            raise UsageError(f"k1 must be 0 or more, not {k1}")
        if not 0 <= b <= 1:
            raise UsageError(f"b must be 0 to 1, not {b}")
        self.k1 = k1
        self.b = b
        self.tokenizer = WordTokenizer() if tokenizer is None else tokenizer
        self.vocabulary: dict[str, int] = {}
        self.n_docs = 0
        self._index = None

    def fit(self, texts: Sequence[str]) -> BM25:
        """Index `texts`, replacing what was indexed, and return the object itself.

        A document without tokens is kept and always scores 0; all of them are a UsageError.
        """
        import bm25s

        texts = texts_list(texts, "texts")
        vocabulary: dict[str, int] = {}
        ids = [
            [vocabulary.setdefault(token, len(vocabulary)) for token in self.tokenizer(text)]
            for text in texts
        ]
        if not vocabulary:
            raise UsageError(f"none of the {len(texts)} texts holds a token to index")
        index = bm25s.BM25(  # everything that bm25s could choose by what is installed is named here
            k1=self.k1,
            b=self.b,
            method="lucene",
            idf_method="lucene",
            dtype="float32",
            backend="numpy",
            csc_backend="numpy",
        )
        index.index(
            SimpleNamespace(ids=ids, vocab=vocabulary),
            create_empty_token=False,
            show_progress=False,
        )
        self.vocabulary, self.n_docs, self._index = vocabulary, len(texts), index
        return self

    def scores(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return the score of every document for every query, shape (n_queries, n_docs)."""
        queries = texts_list(queries, "queries")
        self._check_fitted()
        scores = np.empty((len(queries), self.n_docs), dtype=np.float32)
        for row, query in enumerate(queries):
            known = [
                self.vocabulary[token]
                for token in self.tokenizer(query)
                if token in self.vocabulary
            ]
            scores[row] = self._index.get_scores_from_ids(known)
        return scores

    def search(
        self, queries: Sequence[str], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the `k` best documents of each query, best first.

        Returns
        -------
        indices : ndarray of int64, shape (n_queries, k)
            Equal scores, 0 for documents that share no token, by the lower index.
        scores : ndarray of float32, shape (n_queries, k)
        """
        queries = texts_list(queries, "queries")
        self._check_fitted()
        parts = [select_top_k(self.scores(part), k) for part in self._batches(queries)]
        indices, scores = zip(*parts, strict=True)
        return np.concatenate(indices), np.concatenate(scores)

    def _batches(self, queries: list[str]) -> Iterator[list[str]]:
        rows = max(1, _CELLS // self.n_docs)
        for start in range(0, len(queries), rows):
            yield queries[start : start + rows]

    def _check_fitted(self) -> None:
        if self._index is None:
            raise UsageError("nothing is indexed yet: call fit(texts) first")
