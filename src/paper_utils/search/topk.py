"""Exact nearest neighbours in blocks, with ties settled by the lower index."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors, unit_rows, whole
from paper_utils.errors import UsageError, did_you_mean

METRICS = ("dot", "cosine", "l2")

# BLAS multiplies whole tiles with one kernel and the ragged edge with another, which adds
# in another order: equal documents would then get scores that differ in the last bit, and a
# tie would be lost. With every block a multiple of this many rows no edge is left.
_TILE = 64
_CHUNK = 64  # scores whose maximum alone is looked at first (see `_best_keys`): 8 * 8
_CELLS = 1 << 24  # scores held at once: 64 MiB in single precision
_LOW = 0xFFFFFFFF


def top_k(
    queries: ArrayLike,
    documents: ArrayLike,
    k: int,
    *,
    metric: str = "dot",
    exclude_self: bool = False,
    block: int = 65_536,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the `k` best documents of each query, exactly.

    Equal scores are ordered by the lower document index; the answer does not depend on `block`.
    Dot products and cosines are summed in single precision: a score is typically within
    ``2e-7 * |q| |x|`` of the true one, at worst ``d * 6e-8 * |q| |x|``, and documents closer than
    that may change places. Squared distances are summed in double precision, in twice the time.
    Memory beyond the inputs: 0.3 GiB, and a copy of each input that is not a contiguous float32
    array or whose rows have to be normalised.

    Parameters
    ----------
    queries, documents : array_like, shape (n, d)
    k : int
        How many documents per query: 1 to n_docs, or to n_docs - 1 with `exclude_self`.
    metric : {"dot", "cosine", "l2"}
        A larger score is nearer; for "l2" it is minus the squared Euclidean distance.
    exclude_self : bool
        Leave document i out of the answer of query i, to compare a collection with itself.
    block : int
        Documents scored at a time.

    Returns
    -------
    indices : ndarray of int64, shape (n_queries, k)
        Row numbers in `documents`, best first.
    scores : ndarray of float32, shape (n_queries, k)

    Raises
    ------
    UsageError
        Vectors that are unusable, of different width or so large that scores overflow, zero rows
        with cosine, `k` out of range, or `exclude_self` with different numbers of rows.

    Examples
    --------
    >>> documents = [[1, 0], [0, 1], [1, 0], [2, 0]]
    >>> top_k([[1, 0]], documents, 3)
    (array([[3, 0, 2]]), array([[2., 1., 1.]], dtype=float32))
    >>> top_k(documents, documents, 1, metric="cosine", exclude_self=True)[0].ravel()
    array([2, 0, 0, 0])
    """
    if metric not in METRICS:
        raise UsageError(f"unknown metric {metric!r}: {did_you_mean(metric, METRICS)}")
    allow_zero = metric != "cosine"
    X = as_vectors(documents, name="documents", min_rows=1, allow_zero=allow_zero)
    same = queries is documents
    Q = X if same else as_vectors(queries, name="queries", min_rows=1, allow_zero=allow_zero)
    if Q.shape[1] != X.shape[1]:
        raise UsageError(
            f"queries have {Q.shape[1]} columns and documents {X.shape[1]}: they must agree"
        )
    if exclude_self and len(Q) != len(X):
        raise UsageError(
            f"exclude_self needs as many queries as documents, not {len(Q)} and {len(X)}"
        )
    whole("k", k, least=1, most=len(X) - exclude_self)
    whole("block", block, least=1)

    X_ready = _prepared(X, metric)
    Q_ready = X_ready if same else _prepared(Q, metric)
    _check_range(Q_ready, X_ready, metric)
    return _search(Q_ready, X_ready, k, metric, exclude_self, _round_up(block))


def select_top_k(scores: ArrayLike, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Pick the `k` largest scores of each row, the lower index first among equals.

    Parameters
    ----------
    scores : array_like, shape (n_queries, n_docs)
        Finite; compared in single precision.
    k : int
        1 to n_docs.

    Returns
    -------
    indices : ndarray of int64, shape (n_queries, k)
        Column numbers, best first.
    scores : ndarray of float32, shape (n_queries, k)

    Examples
    --------
    >>> select_top_k([[0, 2, 1, 2]], 3)
    (array([[1, 3, 2]]), array([[2., 2., 1.]], dtype=float32))
    """
    matrix = as_vectors(scores, name="scores", min_rows=0)
    n_docs = matrix.shape[1]
    whole("k", k, least=1, most=n_docs)
    rows = max(1, _CELLS // 16 // n_docs)  # few enough to stay in the processor's cache
    padded = torch.full((rows, _round_up(n_docs, _CHUNK)), -torch.inf)
    keys = torch.empty((len(matrix), k), dtype=torch.int64)
    for start in range(0, len(matrix), rows):
        part = np.ascontiguousarray(matrix[start : start + rows])
        padded[: len(part), :n_docs] = _as_tensor(part)
        keys[start : start + rows] = _best_keys(padded[: len(part)], k, 0)
    return _unpack(keys)


def _search(
    Q: NDArray, X: NDArray, k: int, metric: str, exclude_self: bool, block: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    n_docs = len(X)
    width = min(block, _round_up(n_docs))
    height = max(_TILE, _CELLS // width // _TILE * _TILE)
    documents = _as_tensor(X)
    sizes = (documents * documents).sum(dim=1) if metric == "l2" else None
    products = torch.empty(height * width, dtype=documents.dtype)
    keys = torch.empty((len(Q), k), dtype=torch.int64)
    for top in range(0, len(Q), height):
        part = _padded(_as_tensor(Q[top : top + height]))
        n_part = min(height, len(Q) - top)
        best = None
        for first in range(0, n_docs, width):
            last = min(first + width, n_docs)
            product = _product(part, documents, first, last, products)
            if sizes is not None:
                product = _minus_squared_distance(product, part, sizes[first:last])
            scores = product[:n_part]
            scores[:, last - first :] = -torch.inf
            if exclude_self:
                own = torch.arange(max(first, top), min(last, top + n_part))
                scores[own - top, own - first] = -torch.inf
            found = _best_keys(scores, min(k, scores.shape[1]), first)
            if best is not None:
                found = torch.cat([best, found], dim=1)
                found = found.topk(min(k, found.shape[1]), dim=1).values
            best = found
        keys[top : top + n_part] = best
    return _unpack(keys)


def _product(
    part: torch.Tensor, documents: torch.Tensor, first: int, last: int, out: torch.Tensor
) -> torch.Tensor:
    """Return queries x documents[first:last], its columns padded to whole tiles with junk."""
    whole = (last - first) // _TILE * _TILE
    shape = (len(part), _round_up(last - first))
    result = out[: shape[0] * shape[1]].view(shape)
    if whole:
        torch.mm(part, documents[first : first + whole].T, out=result[:, :whole])
    if whole < last - first:
        rest = _padded(documents[first + whole : last])
        result[:, whole:] = torch.mm(part, rest.T)
    return result


def _minus_squared_distance(
    product: torch.Tensor, part: torch.Tensor, sizes: torch.Tensor
) -> torch.Tensor:
    """Turn double-precision products into -|q - x|^2, rounded to single precision."""
    n = len(sizes)
    product.mul_(2)
    product[:, :n] -= sizes
    product -= (part * part).sum(dim=1, keepdim=True)
    return product.clamp_(max=0).to(torch.float32)


def _best_keys(scores: torch.Tensor, k: int, first: int) -> torch.Tensor:
    """Return the k largest keys of each row; `scores` is contiguous, its width whole chunks.
    Looks at the maxima of chunks of 64, then of 8 within the k best chunks, then at the scores of
    the k best of these. No other chunk can hold one of the k best scores: each of the k has a
    document that beats all of its own, by score or, at the same score, by index.
    """
    height, width = scores.shape
    rows = torch.arange(height)[:, None]
    size = _CHUNK
    starts = torch.arange(0, width, size)
    peaks = scores.view(height, -1, size).amax(dim=2)
    while True:
        keys = _pack(peaks, starts).topk(min(k, peaks.shape[1]), dim=1).values
        if size == 1:
            return keys - first  # the low half holds _LOW - index
        kept = _index_of(keys)
        where = (rows * (width // size) + kept // size).view(-1)
        inside = scores.view(-1, size).index_select(0, where)
        starts = torch.arange(0, size, size // 8)
        starts = (kept[:, :, None] + starts).view(height, -1)
        size //= 8
        peaks = inside.view(height, -1, size).amax(dim=2)


def _pack(scores: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Return int64 keys that sort as (score, lower index first): no two are ever equal."""
    # Adding zero turns -0.0, whose bits differ, into 0.0.
    bits = (scores.contiguous() + 0.0).view(torch.int32)
    # The bits of floats sort as integers once those of negative floats are mirrored.
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return (ordered.to(torch.int64) << 32) | (_LOW - indices)


def _index_of(keys: torch.Tensor) -> torch.Tensor:
    return _LOW - (keys & _LOW)


def _unpack(keys: torch.Tensor) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    ordered = (keys >> 32).to(torch.int32)
    bits = torch.where(ordered < 0, ordered ^ 0x7FFFFFFF, ordered)
    return _index_of(keys).numpy(), bits.view(torch.float32).numpy()


def _prepared(X: NDArray, metric: str) -> NDArray:
    """Return contiguous rows in the precision in which `metric` is summed."""
    if metric == "l2":
        return np.ascontiguousarray(X, dtype=np.float64)
    if metric == "dot":
        with np.errstate(over="ignore"):  # `_check_range` says it in words
            return np.ascontiguousarray(X, dtype=np.float32)
    unit = np.empty(X.shape, dtype=np.float32)
    for start in range(0, len(X), 8192):  # in slabs: unit_rows works in double precision
        unit[start : start + 8192] = unit_rows(X[start : start + 8192])
    return unit


def _check_range(Q: NDArray, X: NDArray, metric: str) -> None:
    """Refuse values whose scores could leave the range of single precision."""
    q, x = (float(max(-A.min(), A.max())) for A in (Q, X))
    bound = Q.shape[1] * ((q + x) ** 2 if metric == "l2" else q * x)
    if not bound <= float(np.finfo(np.float32).max):  # NaN, from infinity times 0, is refused
        raise UsageError(
            f"values up to {max(q, x):.3g} would overflow single precision; scale the vectors down"
        )


def _round_up(n: int, unit: int = _TILE) -> int:
    return -(-n // unit) * unit


def _padded(rows: torch.Tensor) -> torch.Tensor:
    """Return `rows` with zero rows added up to a whole tile."""
    missing = _round_up(len(rows)) - len(rows)
    return torch.nn.functional.pad(rows, (0, 0, 0, missing)) if missing else rows


def _as_tensor(array: NDArray) -> torch.Tensor:
    """Wrap an array without copying it, read-only ones (memory maps) too."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
