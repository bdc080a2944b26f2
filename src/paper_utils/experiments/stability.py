"""Simulated catalogues under noise: one cloud, classes with a fine attribute, a planted signal."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_utils.errors import UsageError
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.geometry.perturb import noise_sd, perturb
from paper_utils.geometry.spectrum import power_law_spectrum
from paper_utils.geometry.stability import TopKOverlap, rank_margin, topk_overlap
from paper_utils.results import experiment
from paper_utils.search.cosines import cosine_matrix

NOISE = 1e-4  # the variance of the published sentence
N_DOCS, N_QUERIES = 10_000, 200
SEEDS = tuple(range(5))
SIDES = ("documents", "both")

#: Dimension and effective dimension of the published models, with the dimensions of their own
#: configurations.
MODELS = {"Qwen 2.5": (896, 182), "Phi-3.5": (3072, 146), "mBERT": (768, 121)}
#: The same with the dimensions as printed.
PRINTED = {"Qwen 2.5": (1024, 182), "Phi-3.5": (1024, 146)}
CLOUD_D = 768
D_EFFS = (30, 60, 121, 250, 500)
KAPPAS = (0, 1, 4, 16)
DIMS = (32, 128, 384, 768, 1536)
BETWEEN = (0.0, 0.25, 0.5, 0.8, 0.9, 0.95)

N_CLASSES, N_VALUES = 8, 40
FINE = 0.2  # share of the variance within a class that the fine attribute has
WITHIN = 150.0  # effective dimension of the rest
PLANTED = 0.2  # mean cosine of a query with its relevant documents
N_PLANTED = 10


def gaussian_cloud(
    n: int, spectrum: NDArray[np.floating], *, kappa: float = 0.0, seed: int | list[int] = 0
) -> NDArray[np.float32]:
    """Gaussian rows with a diagonal covariance and a mean of `kappa` times its trace.

    Parameters
    ----------
    n : int
    spectrum : ndarray, shape (d,)
        Variance of each coordinate.
    kappa : float
        Squared length of the mean, which is the same in every coordinate, over the trace.
    seed : int or list of int

    Returns
    -------
    ndarray of float32, shape (n, d)

    Examples
    --------
    >>> X = gaussian_cloud(1000, np.ones(50) / 50, kappa=4.0)
    >>> round(float((X.mean(axis=0) ** 2).sum()), 1)
    4.0
    """
    d = len(spectrum)
    X = np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)
    X *= np.sqrt(spectrum).astype(np.float32)
    X += np.float32(math.sqrt(kappa * float(np.sum(spectrum)) / d))
    return X


def churn(found: TopKOverlap) -> dict[str, float]:
    """Means over queries: share that left, positions changed, rank correlation.

    Examples
    --------
    >>> churn(topk_overlap([[3.0, 2.0, 1.0]], [[3.0, 1.0, 2.0]], 2))
    {'left': 0.5, 'positions': 0.5, 'tau': 1.0}
    """
    return {
        "left": float(1 - found.overlap.mean()),
        "positions": float(found.positions_changed.mean()),
        "tau": float(np.nanmean(found.rank_correlation)),
    }


def _noise_tasks() -> list[dict[str, Any]]:
    shapes = [(d, d_eff, 0) for d, d_eff in (*MODELS.values(), *PRINTED.values())]
    shapes += [(CLOUD_D, d_eff, 0) for d_eff in D_EFFS]
    shapes += [(CLOUD_D, 121, kappa) for kappa in KAPPAS]
    shapes += [(d, d, 0) for d in DIMS]
    shapes = list(dict.fromkeys(shapes))
    return [
        {"d": d, "d_eff": d_eff, "kappa": kappa, "seed": seed}
        for (d, d_eff, kappa), seed in itertools.product(shapes, SEEDS)
    ]


@experiment(
    "stability-noise",
    "Top-20 and top-10 of a Gaussian cloud under Gaussian noise, by reading and by side",
    tasks=_noise_tasks,
)
def noise_churn(
    d: int,
    d_eff: float,
    kappa: float = 0.0,
    seed: int = 0,
    *,
    n_docs: int = N_DOCS,
    n_queries: int = N_QUERIES,
    noise: float = NOISE,
    k: int = 20,
) -> dict[str, float]:
    """Churn of the nearest documents of random queries drawn from the same cloud.

    Parameters
    ----------
    d, d_eff, kappa
        Of a Gaussian cloud with a power-law spectrum; see :func:`gaussian_cloud`.
    seed : int
    n_docs, n_queries : int
    noise : float
    k : int
        The larger cut-off; the other is half of it.

    Returns
    -------
    dict
        For each reading A, C, D (B is A: the vectors have length one on average) and each side,
        ``{reading}_{side}_{positions|left|tau|left_half}``: share of the top-k positions changed,
        share leaving the top k, Kendall's tau within it, share leaving the top k/2.

    Examples
    --------
    >>> row = noise_churn(64, 20, n_docs=500, n_queries=20)
    >>> row["D_documents_left"] < row["A_documents_left"] < row["A_both_left"]
    True
    """
    spectrum = power_law_spectrum(d, d_eff=d_eff)
    X = gaussian_cloud(n_docs, spectrum, kappa=kappa, seed=[seed, 0])
    Q = gaussian_cloud(n_queries, spectrum, kappa=kappa, seed=[seed, 1])
    exact = cosine_matrix(Q, X)
    row = {}
    for reading in "ACD":
        asked = np.concatenate([Q, perturb(Q, noise, reading, 2 * seed + 1)])
        both = cosine_matrix(asked, perturb(X, noise, reading, 2 * seed))
        for side, after in zip(SIDES, (both[:n_queries], both[n_queries:]), strict=True):
            name = f"{reading}_{side}"
            found = churn(topk_overlap(exact, after, k))
            row |= {f"{name}_{measure}": value for measure, value in found.items()}
            row[f"{name}_left_half"] = churn(topk_overlap(exact, after, k // 2))["left"]
    return row


def _class_tasks() -> list[dict[str, Any]]:
    return [
        {"between": between, "seed": seed} for between, seed in itertools.product(BETWEEN, SEEDS)
    ]


@experiment(
    "stability-classes",
    "Top-10 inside one of eight classes under noise, by the share of the variance between classes",
    tasks=_class_tasks,
)
def class_churn(
    between: float,
    seed: int = 0,
    *,
    n_docs: int = N_DOCS,
    n_queries: int = N_QUERIES,
    noise: float = NOISE,
    k: int = 10,
) -> dict[str, float]:
    """Churn where a growing share of the variance says only which class a document is in.

    A document is the sum of one of 8 class directions (share `between` of the variance), one of 40
    values of a fine attribute (20% of the rest) and a remainder of effective dimension 150, in 768
    dimensions. As `between` grows the effective dimension falls towards 7. A query, built the same
    way, ranks the documents of its own class (the class is told apart by something coarser);
    relevant are those of its value.

    Parameters
    ----------
    between : float
        0 to less than 1.
    seed, n_docs, n_queries, noise, k
        As for :func:`noise_churn`.

    Returns
    -------
    dict
        `d_eff` (plug-in), `var_cos`, `spread`: the standard deviation of a query's cosines with
        the documents of its own class; for readings A and C, noise on the documents, of the top k
        of the class: ``{reading}_left``, ``_positions``, ``_tau``, ``_lost`` (relevant documents
        leaving it) and ``_net`` (less those that came in).

    Raises
    ------
    UsageError
        `between` out of range.

    Examples
    --------
    >>> few = {"n_docs": 800, "n_queries": 20}
    >>> loose, tight = class_churn(0.0, **few), class_churn(0.95, **few)
    >>> tight["d_eff"] < loose["d_eff"], tight["A_left"] > loose["A_left"]
    (True, True)
    """
    if not 0 <= between < 1:
        raise UsageError(f"between must be from 0 to less than 1, not {between}")
    rng = np.random.default_rng([seed, 2])
    classes = _directions(rng, N_CLASSES, CLOUD_D)
    values = _directions(rng, N_VALUES, CLOUD_D)
    spectrum = power_law_spectrum(CLOUD_D, d_eff=WITHIN)

    def rows(n: int, stream: int) -> tuple[NDArray, NDArray, NDArray]:
        kind, value = rng.integers(N_CLASSES, size=n), rng.integers(N_VALUES, size=n)
        X = gaussian_cloud(n, spectrum, seed=[seed, stream])
        X *= np.float32(math.sqrt((1 - between) * (1 - FINE)))
        X += classes[kind] * np.float32(math.sqrt(between))
        X += values[value] * np.float32(math.sqrt((1 - between) * FINE))
        return X, kind, value

    X, kinds, values_of = rows(n_docs, 0)
    Q, kind, value = rows(n_queries, 1)
    same = kind[:, None] == kinds
    relevant = same & (value[:, None] == values_of)
    cosines = cosine_matrix(Q, X)
    spread = np.sqrt(np.ma.masked_array(cosines, ~same).var(axis=1)).mean()
    row = {
        "d_eff": effective_dimension(X).value,
        "var_cos": float(cosines.var(dtype=np.float64)),
        "spread": float(spread),
    }
    exact = np.where(same, cosines, np.float32(-2))  # below every cosine
    for reading in "AC":
        after = cosine_matrix(Q, perturb(X, noise, reading, seed))
        found = topk_overlap(exact, np.where(same, after, np.float32(-2)), k, relevant)
        row |= {f"{reading}_{measure}": value for measure, value in churn(found).items()}
        row[f"{reading}_lost"] = float(np.nanmean(found.relevant_lost))
        row[f"{reading}_net"] = float(np.nanmean(found.relevant_net))
    return row


def _directions(rng: np.random.Generator, n: int, d: int) -> NDArray[np.float32]:
    """Random directions of length one on average."""
    return rng.standard_normal((n, d), dtype=np.float32) / np.float32(math.sqrt(d))


def _planted_tasks() -> list[dict[str, Any]]:
    return [{"d": d, "seed": seed} for d, seed in itertools.product(DIMS, SEEDS)]


@experiment(
    "stability-planted",
    "Relevant documents with a fixed cosine to their query among isotropic ones, by dimension",
    tasks=_planted_tasks,
)
def planted_signal(
    d: int,
    seed: int = 0,
    *,
    n_docs: int = N_DOCS,
    n_queries: int = 100,
    noise: float = NOISE,
    k: int = 10,
) -> dict[str, float]:
    """Recall of ten planted documents a query, whose cosine with it is about 0.2 in any dimension.

    A relevant document is ``0.2 q + sqrt(1 - 0.04) u`` with u uniform on the sphere, as all other
    documents are.

    Parameters
    ----------
    d : int
    seed, n_docs, n_queries, noise, k
        As for :func:`noise_churn`.

    Returns
    -------
    dict
        `separation`: mean relevant score less mean other score, in standard deviations of the
        others; `recall` of the planted documents in the top k without noise, and under noise on the
        documents in readings A and C, `A_recall`, `C_recall`.

    Examples
    --------
    >>> few = {"n_docs": 600, "n_queries": 10}
    >>> planted_signal(32, **few)["recall"] < planted_signal(768, **few)["recall"]
    True
    """
    rng = np.random.default_rng([seed, 3])
    n_planted = N_PLANTED * n_queries
    if n_docs <= n_planted:
        raise UsageError(f"n_docs must be above {n_planted}, the planted documents, not {n_docs}")
    Q, U = (_unit(rng.standard_normal((n, d))) for n in (n_queries, n_docs))
    owner = np.repeat(np.arange(n_queries), N_PLANTED)
    U[:n_planted] = PLANTED * Q[owner] + math.sqrt(1 - PLANTED**2) * U[:n_planted]
    relevant = np.zeros((n_queries, n_docs), dtype=bool)
    relevant[owner, np.arange(n_planted)] = True
    exact = cosine_matrix(Q, U)
    others = exact[~relevant]
    row = {
        "separation": float((exact[relevant].mean() - others.mean()) / others.std()),
        "recall": _recall(exact, relevant, k),
    }
    for reading in "AC":
        after = cosine_matrix(Q, perturb(U, noise, reading, seed))
        row[f"{reading}_recall"] = _recall(after, relevant, k)
    return row


def _unit(X: NDArray) -> NDArray:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def _recall(scores: NDArray, relevant: NDArray, k: int) -> float:
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    return float(np.take_along_axis(relevant, best, axis=1).sum() / relevant.sum())


def margins_and_changes(
    d: int,
    d_eff: float,
    noises: Sequence[float],
    *,
    seed: int = 0,
    n_docs: int = N_DOCS,
    n_queries: int = 500,
    k: int = 10,
) -> dict[str, Any]:
    """Gap at the cut-off, query by query, and what noise on the documents (reading A) then does.

    Parameters
    ----------
    d, d_eff, seed, n_docs, n_queries, k
        As for :func:`noise_churn`.
    noises : sequence of float
        Variances per coordinate, of vectors of length one.

    Returns
    -------
    dict
        Per query: `margin`; `contrast`, the largest over the least distance 1 - cos (Beyer et al.
        1999). Per noise and query, shape (n_noises, n_queries): `swapped`, whether the documents
        at k and k + 1 changed places; `left`, the share of the top k that left. And `score_sd`,
        the spread of a query's scores; `noise_sd`, per noise, that of the error of one score.

    Examples
    --------
    >>> seen = margins_and_changes(64, 20, [1e-6, 1e-4], n_docs=500, n_queries=50)
    >>> seen["left"].shape, bool((seen["margin"] >= 0).all())
    ((2, 50), True)
    """
    spectrum = power_law_spectrum(d, d_eff=d_eff)
    X = _unit(gaussian_cloud(n_docs, spectrum, seed=[seed, 4]))
    Q = _unit(gaussian_cloud(n_queries, spectrum, seed=[seed, 5]))
    exact = cosine_matrix(Q, X)
    edge = np.argsort(-exact, axis=1, kind="stable")[:, k - 1 : k + 1]
    swapped, left = [], []
    for noise in noises:
        after = cosine_matrix(Q, perturb(X, noise, "A", seed))
        inner, outer = np.take_along_axis(after, edge, axis=1).T
        swapped.append(outer > inner)
        left.append(1 - topk_overlap(exact, after, k).overlap)
    return {
        "margin": rank_margin(exact, k),
        "contrast": (1 - exact.min(axis=1)) / (1 - exact.max(axis=1)),
        "swapped": np.array(swapped),
        "left": np.array(left),
        "score_sd": float(exact.std(axis=1, dtype=np.float64).mean()),
        "noise_sd": np.array([noise_sd(noise, d, "A") for noise in noises]),
    }
