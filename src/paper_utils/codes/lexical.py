"""The words of a text in one dense vector, beside which an embedding fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import psutil
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.checks import whole
from paper_utils.codes.factors import fit_rows, random_vectors, word_vectors
from paper_utils.errors import UsageError
from paper_utils.search.weights import BM25Weights


class LexicalCodes:
    r"""Dense vectors whose inner products are BM25's scores, nearly.

    Word vectors are learned from the texts alone, no query or judgement seen: the matrix of BM25's
    weights is factorised by alternating least squares in which a word that a text has counts 21
    times as much as one that it has not. A text is encoded by one small linear system; a query is
    the sum of its words' vectors over the sum of their largest weights. Its inner product with a
    code is thus about the share of the best possible score that the text has: 1 at most, nearly,
    and comparable from query to query. Put behind an embedding, codes make one index of both.

    Words that `fit` did not see are left out, of texts and of queries alike; :meth:`known` says how
    many, and :meth:`extend` gives random vectors to those of new texts, so that they can be
    searched for. A text or query without a known word gets zeros: it scores 0 with everything, and
    a search for it is a tie of all.

    Parameters
    ----------
    d : int
        Numbers of a code, at least 2 and at most the number of words.
    tokenizer : callable str -> list of str, optional
        By default a :class:`~paper_utils.search.tokenizer.WordTokenizer`, without a stemmer.
    seed : int
        Seed of the word vectors before they are learned.

    Raises
    ------
    UsageError
        A number out of range, more numbers than words, more texts and words than fit into memory
        (said before the work starts), texts that are no strings or hold no word, not fitted.

    References
    ----------
    Y. Hu, Y. Koren and C. Volinsky, "Collaborative filtering for implicit feedback datasets",
    ICDM 2008: the factorisation, there of users and items.

    Examples
    --------
    >>> texts = ["cordless drill 18 V", "drill bit set", "cordless saw 18 V", "angle grinder"]
    >>> codes = LexicalCodes(8).fit(texts)
    >>> scores = codes.queries(["18 V drill", "grinder", "hammer"]) @ codes.encode(texts).T
    >>> scores.argmax(axis=1)[:2], scores[2].tolist()
    (array([0, 3]), [0.0, 0.0, 0.0, 0.0])
    """

    def __init__(
        self, d: int, *, tokenizer: Callable[[str], list[str]] | None = None, seed: int = 0
    ) -> None:
        self.d, self.seed = whole("d", d, least=2), whole("seed", seed, least=0)
        self.weights = BM25Weights(tokenizer=tokenizer)
        self.vectors = np.empty((0, self.d), dtype=np.float32)  #: of the words, (n_words, d)

    def fit(self, texts: Sequence[str]) -> LexicalCodes:
        """Learn the words' vectors from `texts`; return the object itself."""
        self.weights.fit(texts)
        n_words = len(self.weights.vocabulary)
        if self.d > n_words:
            raise UsageError(
                f"d = {self.d} is more than the {n_words} words of the texts; with a column a word "
                "their weights are kept exactly"
            )
        _check_memory(n_words, len(texts), self.d)
        matrix = self.weights.documents(texts)
        self.vectors = word_vectors(matrix, self.d, seed=self.seed)
        self._largest = _largest(matrix)
        return self

    def extend(self, texts: Sequence[str]) -> LexicalCodes:
        """Give the new words of `texts` random vectors of the usual length; return the object.

        Codes made before stay as they are; their scores for the new words are noise of mean 0.
        """
        new = self.weights.extend(texts)
        length = np.sqrt((self._fitted() ** 2).sum(axis=1).mean())
        drawn = length * random_vectors(new, self.d, [self.seed, len(self.vectors)])
        self.vectors = np.vstack([self.vectors, drawn.astype(np.float32)])
        grown = np.append(self._largest, np.zeros(new))
        self._largest = np.maximum(grown, _largest(self.weights.documents(texts)))
        return self

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one code a text, shape (n_texts, d); texts need not be those of `fit`."""
        return fit_rows(self.weights.documents(texts), self._fitted())

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one query vector a text, shape (n_texts, d)."""
        counts = self.weights.queries(texts)
        best = counts @ self._largest
        scale = np.divide(1.0, best, out=np.zeros_like(best), where=best > 0)
        return (counts @ self._fitted() * scale[:, None]).astype(np.float32)

    def known(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the share of each text's words that `fit` saw, shape (n_texts,)."""
        return self.weights.known(texts)

    def missed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return how far the codes are off: the root mean square error of the weights of a text's
        own words over that of these weights, shape (n_texts,); NaN for a text without a known word.
        """
        matrix = self.weights.documents(texts)
        codes = fit_rows(matrix, self._fitted())
        row = np.repeat(np.arange(len(codes)), np.diff(matrix.indptr))
        error = (codes[row] * self.vectors[matrix.indices]).sum(axis=1) - matrix.data
        squares = [np.bincount(row, x**2, minlength=len(codes)) for x in (error, matrix.data)]
        unknown = np.full(len(codes), np.nan)
        return np.sqrt(np.divide(*squares, out=unknown, where=squares[1] > 0))

    def _fitted(self) -> NDArray[np.float32]:
        if not len(self.vectors):
            raise UsageError("no word vectors yet: call fit(texts) first")
        return self.vectors


def _largest(matrix: sparse.csr_array) -> NDArray[np.float64]:
    """Return the largest weight of each word."""
    return matrix.max(axis=0).toarray().ravel()


def _check_memory(n_words: int, n_texts: int, d: int) -> None:
    """Refuse what does not fit: two copies of the vectors of words and of texts, and batches."""
    needed = 8 * d * (n_words + n_texts) + 24 * d * d
    free = psutil.virtual_memory().available
    if needed > free:
        raise UsageError(
            f"{n_words:,} words and {n_texts:,} texts in {d} numbers take about "
            f"{needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free; fit on fewer texts, "
            "or use fewer numbers"
        )
