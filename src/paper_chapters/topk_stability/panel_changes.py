"""Changes of vectors between an encoder and a list: noise, fewer bits or coordinates, a graph."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from paper_chapters.topk_stability.approximate import hnsw_scores, product_quantised
from paper_chapters.topk_stability.exact_cosines import cosine_matrix
from paper_utils.geometry.perturb import perturb, to_bfloat16, to_binary, to_int8, truncate
from paper_utils.search.topk import select_top_k

NOISE = 1e-4  #: the variance of the published sentence
READINGS = ("A", "C", "D")  #: B equals A for vectors of length one
LINKS, WIDTH = 32, 64  #: of the graph
FETCHED = 20  #: documents that the graph returns
RESCORED = 100  #: candidates by bits whose cosines are computed
DRAWS = 5  #: of random coordinates
FEWEST_FOR_CODES = 39 * 16  #: documents to train sixteen centroids on
SHARES = {"1/2": 2, "1/4": 4}
LISTS = ("bits, rescored", "HNSW")  #: what returns a short list alone
ABSENT = np.float32(-2)  #: below every cosine


def changed_scores(V: NDArray, U: NDArray) -> Iterator[tuple[str, list[NDArray]]]:
    """Give the name of each change of unit rows and its scores (n_queries, n_docs), one a draw.
    Queries stay as they are, but for bfloat16, bits on both sides and fewer coordinates. Codes take
    d/4 and d/8 bytes a document, bits d/8; few documents train no codes.
    """
    n, d = U.shape
    for reading in READINGS:
        yield f"noise {reading}", [cosine_matrix(V, perturb(U, NOISE, reading, 0))]
    yield "bfloat16", [cosine_matrix(to_bfloat16(V), to_bfloat16(U))]
    yield "int8", [cosine_matrix(V, to_int8(U))]
    yield "bits of documents", [cosine_matrix(V, to_binary(U))]
    hamming = to_binary(V) @ to_binary(U).T  # whole numbers, so that equal distances tie
    yield "bits of both", [hamming]
    yield "bits, rescored", [rescored(hamming, cosine_matrix(V, U), RESCORED)]
    if n >= FEWEST_FOR_CODES:
        for part, name in ((2, "codes, d/4 bytes"), (4, "codes, d/8 bytes")):
            yield name, [cosine_matrix(V, product_quantised(U, part=part, bits=4))]
    yield "HNSW", [hnsw_scores(V, U, FETCHED, links=LINKS, width=WIDTH)]
    axes = principal_axes(U)
    for share, parts in SHARES.items():
        m = d // parts
        yield f"first {share}", [cosine_matrix(truncate(V, m), truncate(U, m))]
        some = [np.random.default_rng(draw).permutation(d)[:m] for draw in range(DRAWS)]
        yield f"random {share}", [cosine_matrix(V[:, at], U[:, at]) for at in some]
        yield f"principal {share}", [cosine_matrix(V @ axes[:, :m], U @ axes[:, :m])]


def rescored(coarse: NDArray, exact: NDArray, n_candidates: int) -> NDArray[np.float32]:
    """Return the exact scores of the best `n_candidates` of each row by `coarse`, else `ABSENT`."""
    best = select_top_k(coarse, min(n_candidates, coarse.shape[1]))[0]
    found = np.full(exact.shape, ABSENT, dtype=np.float32)
    np.put_along_axis(found, best, np.take_along_axis(exact, best, axis=1), axis=1)
    return found


def principal_axes(U: NDArray) -> NDArray[np.float64]:
    """Return orthonormal columns (d, d), the strongest of U first: those of its second moments.
    The mean stays in, so that all axes together change no cosine.
    """
    return np.linalg.eigh(U.T.astype(np.float64) @ U)[1][:, ::-1]
