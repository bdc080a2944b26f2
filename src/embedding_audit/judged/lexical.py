"""Words beside vectors: BM25, and two ways to put both lists together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

#: Any run of letters, digits and underscores is a word, of one character too ('18 V').
_WORD = r"(?u)\b\w+\b"

_DEPTH = 1000  # of the lists whose reciprocal ranks are summed
_CONSTANT = 60  # Cormack, Clarke and Büttcher 2009


class Words:
    """BM25 of some texts: bm25s in Lucene's variant (k1 1.5, b 0.75), lower case, no stemmer."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Index `texts`; `empty` is true where none of them holds a word."""
        import bm25s

        tokens = _tokens(texts)
        self.empty = not any(tokens.ids)
        self._known = tokens.vocab
        if not self.empty:
            self._index = bm25s.BM25(backend="numpy", csc_backend="numpy")
            self._index.index(tokens, create_empty_token=False, show_progress=False)

    def scores(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return the score of each text for each query, (n_queries, n_texts)."""
        found = []
        for query in queries:
            words = _tokens([query])
            spelt = {number: word for word, number in words.vocab.items()}
            known = [self._known[spelt[i]] for i in words.ids[0] if spelt[i] in self._known]
            found.append(self._index.get_scores_from_ids(known))
        return np.array(found, dtype=np.float32)


def _tokens(texts: Sequence[str]):
    import bm25s

    return bm25s.tokenize(list(texts), stopwords=None, token_pattern=_WORD, show_progress=False)


def reciprocal_ranks(scores: NDArray[np.float32], above: float = -np.inf) -> NDArray[np.float32]:
    """Return 1 / (60 + rank) of the best 1,000 of each row, equal scores at their mean rank.
    What is not above `above` is in no list and gets 0, as what stands behind the list does.
    """
    found = np.zeros(scores.shape, dtype=np.float32)
    for row, line in enumerate(scores):
        some = np.flatnonzero(line > above)
        if len(some) > _DEPTH:
            last = np.partition(line[some], -_DEPTH)[-_DEPTH]
            some = some[line[some] >= last]
        found[row, some] = 1 / (_CONSTANT + rankdata(-line[some]))
    return found


def from_zero_to_one(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the scores of each row from 0 (the lowest) to 1; -inf, never found, becomes 0."""
    there = np.isfinite(scores)
    low = np.min(scores, axis=1, where=there, initial=np.inf, keepdims=True)
    high = np.max(scores, axis=1, where=there, initial=-np.inf, keepdims=True)
    span = np.where(high > low, high - low, 1.0)
    with np.errstate(invalid="ignore"):
        return np.where(there, (scores - low) / span, 0.0).astype(np.float32)
