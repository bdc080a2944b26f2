"""Late interaction: texts as sets of token vectors, compared by MaxSim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError

_CELLS = 1 << 24  # cosines held at once: 64 MiB in single precision
_TOKENS = 8192  # document tokens that go into one product


def maxsim(queries: Sequence[ArrayLike], documents: Iterable[ArrayLike]) -> NDArray[np.float32]:
    r"""Score documents by late interaction: each query token finds its best match.

    .. math:: s(q, x) = \sum_{i} \max_j \cos(q_i, x_j)

    over the tokens i of the query and j of the document. A sum of maxima of dot products is no
    dot product of two vectors: the limits on one vector per text do not apply to it.

    Parameters
    ----------
    queries, documents : iterables of array_like, shapes (n_tokens, d)
        The token vectors of each text without padding, scaled to unit length here. Documents
        may come from a generator: a few thousand tokens are held at a time.

    Returns
    -------
    ndarray of float32, shape (n_queries, n_documents)
        At most the number of the query's tokens, in absolute value.

    Raises
    ------
    UsageError
        Nothing to score, zero or non-finite vectors, or different numbers of columns.

    References
    ----------
    Khattab & Zaharia, ColBERT (SIGIR 2020), equation 3; there queries are padded with [MASK] and
    documents lose their punctuation. The book's figures take all tokens, without [MASK].

    Examples
    --------
    >>> maxsim([[[1, 0], [0, 1]]], [[[2, 0]], [[0, 1], [3, 0], [0, -1]]])
    array([[1., 2.]], dtype=float32)
    """
    Q, starts = _joined([_unit(text, f"queries[{i}]") for i, text in enumerate(queries)])
    if not len(starts):
        raise UsageError("queries is empty: there is nothing to search for")
    parts = [_block(Q, starts, block) for block in _blocks(documents, Q.shape[1])]
    if not parts:
        raise UsageError("documents is empty: there is nothing to search")
    return np.concatenate(parts, axis=1)


def _block(
    Q: NDArray[np.float32], starts: NDArray[np.int64], documents: list[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Scores of all queries against a few documents, shape (n_queries, n_documents)."""
    X, first = _joined(documents)
    best = np.empty((len(Q), len(documents)), dtype=np.float32)
    height = max(1, _CELLS // len(X))
    for top in range(0, len(Q), height):
        # Documents along the first axis: their tokens are then contiguous blocks of rows.
        cosines = X @ Q[top : top + height].T
        best[top : top + height] = np.maximum.reduceat(cosines, first, axis=0).T
    return np.add.reduceat(best, starts, axis=0)


def _blocks(documents: Iterable[ArrayLike], d: int) -> Iterator[list[NDArray[np.float32]]]:
    """Unit token vectors of consecutive documents, about `_TOKENS` tokens at a time."""
    held: list[NDArray[np.float32]] = []
    for i, text in enumerate(documents):
        vectors = _unit(text, f"documents[{i}]")
        if vectors.shape[1] != d:
            raise UsageError(
                f"queries have {d} columns and documents[{i}] {vectors.shape[1]}: they must agree"
            )
        held.append(vectors)
        if sum(map(len, held)) >= _TOKENS:
            yield held
            held = []
    if held:
        yield held


def _unit(text: ArrayLike, name: str) -> NDArray[np.float32]:
    return unit_rows(text, name=name).astype(np.float32)


def _joined(texts: list[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All tokens in one array, and the row where each text starts."""
    if not texts:
        return np.empty((0, 0), dtype=np.float32), np.empty(0, dtype=np.int64)
    widths = {text.shape[1] for text in texts}
    if len(widths) > 1:
        raise UsageError(f"token vectors must all have as many columns, not {sorted(widths)}")
    lengths = np.array([len(text) for text in texts])
    return np.concatenate(texts), np.cumsum(lengths) - lengths
