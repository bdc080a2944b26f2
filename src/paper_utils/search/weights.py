"""BM25 as one matrix: the weight of every word in every text, and queries as counts of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.checks import texts_list
from paper_utils.errors import UsageError
from paper_utils.search.tokenizer import WordTokenizer

K1, B = 1.5, 0.75  #: the defaults of :class:`~paper_utils.search.bm25.BM25`


class BM25Weights:
    """The matrix behind :class:`~paper_utils.search.bm25.BM25`: ``queries @ documents.T``.

    The collection's words, their rarity and the mean length come from `fit`. Words that neither it
    nor `extend` saw are left out of later texts and of queries; `known` counts them.

    >>> weights = BM25Weights().fit(["drill 12 V", "drill 18 V"])
    >>> (weights.queries(["drill 18", "saw"]) @ weights.documents(["drill 18 V"]).T).toarray() > 0
    array([[ True],
           [False]])
    """

    def __init__(self, *, tokenizer: Callable[[str], list[str]] | None = None) -> None:
        self.tokenizer = WordTokenizer() if tokenizer is None else tokenizer
        self.vocabulary: dict[str, int] = {}

    def fit(self, texts: Sequence[str]) -> BM25Weights:
        """Count the words of `texts`, replacing what was counted; return the object itself."""
        words = [self.tokenizer(text) for text in texts_list(texts, "texts")]
        self.vocabulary = {}
        for text in words:
            for word in text:
                self.vocabulary.setdefault(word, len(self.vocabulary))
        if not self.vocabulary:
            raise UsageError(f"none of the {len(words)} texts holds a word")
        self.n, holds = len(words), np.zeros(len(self.vocabulary))
        for text in words:
            holds[[self.vocabulary[word] for word in set(text)]] += 1
        self.rarity = np.log1p((self.n - holds + 0.5) / (holds + 0.5))
        self.mean_length = sum(map(len, words)) / self.n
        return self

    def extend(self, texts: Sequence[str]) -> int:
        """Take in the words of later `texts`, each as rare as one of a single text; return how many
        are new. All else stays, so that weights of before stay what they were.
        """
        self._check_fitted()
        before = len(self.vocabulary)
        for text in texts_list(texts, "texts"):
            for word in self.tokenizer(text):
                self.vocabulary.setdefault(word, len(self.vocabulary))
        new = len(self.vocabulary) - before
        self.rarity = np.append(self.rarity, np.full(new, np.log1p((self.n - 0.5) / 1.5)))
        return new

    def documents(self, texts: Sequence[str]) -> sparse.csr_array:
        """Return the weights of the words of `texts`, shape (n_texts, n_words), float64."""
        counts, lengths = self._counts(texts)
        row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        long = K1 * (1 - B + B * lengths[row] / self.mean_length)
        counts.data = counts.data / (counts.data + long) * self.rarity[counts.indices]
        return counts

    def queries(self, texts: Sequence[str]) -> sparse.csr_array:
        """Return how often `texts` have each word, shape (n_texts, n_words), float64."""
        return self._counts(texts)[0]

    def known(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the share of each text's words that `fit` saw; 0 for a text without a word."""
        counts, lengths = self._counts(texts)
        return np.asarray(counts.sum(axis=1)).ravel() / np.maximum(lengths, 1)

    def _counts(self, texts: Sequence[str]) -> tuple[sparse.csr_array, NDArray[np.float64]]:
        """Return counts of known words, and the number of all words."""
        self._check_fitted()
        words = [self.tokenizer(text) for text in texts_list(texts, "texts")]
        place = self.vocabulary
        found = [[place[word] for word in text if word in place] for text in words]
        columns = np.array([at for row in found for at in row], dtype=np.int64)
        rows = np.repeat(np.arange(len(words)), [len(row) for row in found])
        shape = (len(words), len(place))
        counts = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
        counts.sum_duplicates()
        return counts, np.array([len(text) for text in words], dtype=np.float64)

    def _check_fitted(self) -> None:
        if not self.vocabulary:
            raise UsageError("no words yet: call fit(texts) first")
