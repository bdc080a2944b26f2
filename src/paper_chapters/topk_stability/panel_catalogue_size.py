"""How search wears off as a catalogue grows: real queries, titles drawn from the whole collection.

Fixed before the first result. A relevant title stands alone among n - 1 titles that nobody judged:
the share of draws that rank it among ten is exact. The law is a normal distribution function of a
line in log n, fitted to a quarter of the collection, tried on the whole; `CLOSE` is met.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.stats import hypergeom, norm

from paper_chapters.topk_stability.approximate import hnsw_scores
from paper_chapters.topk_stability.exact_cosines import cosine_matrix
from paper_chapters.topk_stability.panel_changes import LINKS, RESCORED, WIDTH, rescored
from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError
from paper_utils.geometry.perturb import to_binary, to_int8, truncate
from paper_utils.geometry.stability import topk_overlap
from paper_utils.panel.pairs import Pair, load_sample, load_vectors, search_tasks
from paper_utils.panel.sets import set_checksums
from paper_utils.results import Tolerance, experiment

K = 10
SETS = ("danetqa-ru", "scifact", "nfcorpus", "crowdflower", "homedepot")
N_QUERIES, SEED = 300, 6
FIRST = 250  #: the least size; each next one is twice as large
FAR = 2_000_000  #: the catalogue of the question
CLOSE = 0.03
RESAMPLES = 500
SIZES, SEEDS = (1_000, 4_000, 16_000), tuple(range(5))  #: of approximate search
QUICK = ("wordllama", "use-multilingual-v3")

NEAR_TIES = Tolerance(rel=0.02, abs=0.01, why="Single precision: near ties change places.")


def share_found(above: ArrayLike, n_others: ArrayLike, sizes: ArrayLike) -> NDArray[np.float64]:
    """Return the share of draws with a document in the top `K`, shape (n, n_sizes).
    `above` of its `n_others` competitors score higher, and ``size - 1`` of these are drawn.
    """
    above, n_others = (np.asarray(x, dtype=np.int64)[:, None] for x in (above, n_others))
    return hypergeom.cdf(K - 1, n_others, above, np.asarray(sizes, dtype=np.int64) - 1)


def law(sizes: ArrayLike, shares: ArrayLike) -> tuple[float, float]:
    """Fit ``share = Phi(a + b log2(size))`` by least squares of the quantiles; return a and b."""
    shares = np.asarray(shares, dtype=np.float64)
    if not ((shares > 0) & (shares < 1)).all():
        raise UsageError(f"shares must be above 0 and below 1, not {shares.min()}, {shares.max()}")
    b, a = np.polyfit(np.log2(sizes), norm.ppf(shares), 1)
    return float(a), float(b)


def by_law(found: tuple[float, float], size: float) -> float:
    """Return the share at `size` that the law has."""
    return float(norm.cdf(found[0] + found[1] * np.log2(size)))


def sizes_of(n: int) -> list[int]:
    """Return sizes to measure: doubling from `FIRST`, the whole collection last."""
    return [FIRST * 2**i for i in range(20) if FIRST * 2**i < 0.9 * n] + [n]


def counts_above(
    scores: NDArray, grades: sparse.csr_array
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the query of each relevant document, and how many unjudged ones score higher; of those
    that score the same every second.
    """
    rows, above = [], []
    for row, (start, stop) in enumerate(zip(grades.indptr[:-1], grades.indptr[1:], strict=True)):
        judged, grade = grades.indices[start:stop], grades.data[start:stop]
        others = np.sort(np.delete(scores[row], judged))
        for own in scores[row, judged[grade > 0]]:
            low, high = (np.searchsorted(others, own, side) for side in ("left", "right"))
            rows.append(row)
            above.append(len(others) - high + (high - low) // 2)
    return np.array(rows), np.array(above)


def curve(per_query: NDArray, sizes: list[int]) -> dict[str, Any]:
    """Return the mean share at each size and what the law makes of it, intervals over queries.
    `predicted`: at the whole size, from the sizes up to a quarter of it; `far`: at `FAR`, from all.
    """
    early = [i for i, size in enumerate(sizes) if size <= sizes[-1] / 4]

    def told(rows: NDArray) -> list[float]:
        mean = np.clip(per_query[rows].mean(axis=0), 1e-4, 1 - 1e-4)
        before = law([sizes[i] for i in early], mean[early])
        return [*mean, by_law(before, sizes[-1]), by_law(law(sizes, mean), FAR)]

    n, rng = len(per_query), np.random.default_rng(0)
    draws = np.array([told(rng.integers(n, size=n)) for _ in range(RESAMPLES)])
    ends = np.quantile(draws, [0.025, 0.975], axis=0).T
    values = [
        [round(float(x), 5) for x in (middle, *pair)]
        for middle, pair in zip(told(np.arange(n)), ends, strict=True)
    ]
    return {"shares": values[:-2], "predicted": values[-2], "far": values[-1]}


@experiment(
    "panel-catalogue-size",
    "Relevant documents among the best ten of n, by the size of the collection, for whole vectors, "
    "one byte, one bit and fewer coordinates",
    tasks=lambda: search_tasks(SETS),
    data=lambda: set_checksums(*SETS),
    tolerance=NEAR_TIES,
    kinds=("set",),
)
def found_by_size(encoder: str, set: str, pooling: str | None) -> dict[str, Any]:
    """Measure one pair; `ways` holds the :func:`curve` of each scoring at `sizes`."""
    sample = load_sample(Pair(encoder, set, pooling), N_QUERIES, SEED)
    U, V = (part.astype(np.float32) for part in (sample.documents, sample.queries))
    grades = sample.grades
    d, most = U.shape[1], len(U) - int(np.diff(grades.indptr).max())
    sizes = sizes_of(most)
    ways = {
        "whole": cosine_matrix(V, U),
        "int8": cosine_matrix(V, to_int8(U)),
        "bits": to_binary(V) @ to_binary(U).T,
        "first 1/2": cosine_matrix(truncate(V, d // 2), truncate(U, d // 2)),
        "first 1/4": cosine_matrix(truncate(V, d // 4), truncate(U, d // 4)),
    }
    found = {}
    for name, scores in ways.items():
        of, above = counts_above(scores, grades)
        shares = share_found(above, len(U) - np.diff(grades.indptr)[of], sizes)
        per_query = np.array([shares[of == row].mean(axis=0) for row in np.unique(of)])
        found[name] = curve(per_query, sizes)
    return {"d": d, "n_queries": len(V), "sizes": sizes, "ways": found}


@experiment(
    "panel-approximate-size",
    "Overlap at 10 of one byte, rescored bits and graph search with exact search, by the number of "
    "titles",
    tasks=lambda: [
        {"encoder": encoder, "n": n, "seed": seed}
        for encoder in QUICK
        for n in SIZES
        for seed in SEEDS
    ],
    data=lambda: set_checksums("homedepot"),
    tolerance=NEAR_TIES,
    kinds=("n",),
)
def kept_by_size(encoder: str, n: int, seed: int) -> dict[str, float]:
    """Measure on the first n titles in the order of a seed, so that sizes of a seed are nested."""
    vectors = load_vectors(Pair(encoder, "homedepot"))
    rng = np.random.default_rng(seed)
    documents = vectors.documents[rng.permutation(len(vectors.documents))[:n]]
    queries = vectors.queries[rng.permutation(len(vectors.queries))[:N_QUERIES]]
    U, V = (unit_rows(part).astype(np.float32) for part in (documents, queries))
    exact = cosine_matrix(V, U)
    ways = {
        "int8": cosine_matrix(V, to_int8(U)),
        "bits, rescored": rescored(to_binary(V) @ to_binary(U).T, exact, RESCORED),
        "HNSW": hnsw_scores(V, U, K, links=LINKS, width=WIDTH),
    }
    return {
        name: round(float(topk_overlap(exact, scores, K).overlap.mean()), 5)
        for name, scores in ways.items()
    }
