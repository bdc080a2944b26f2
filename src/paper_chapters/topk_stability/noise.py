"""Simulated catalogues under noise: one cloud, classes with a fine attribute, a known signal."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.topk_stability.exact_cosines import cosine_matrix
from paper_utils.errors import UsageError
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.geometry.perturb import noise_sd, perturb
from paper_utils.geometry.spectrum import power_law_spectrum
from paper_utils.geometry.stability import TopKOverlap, rank_margin, topk_overlap
from paper_utils.results import RANKS, experiment

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
FINE = 0.2  # share of the fine attribute in the variance within a class
WITHIN = 150.0  # effective dimension of the rest
INJECTED = 0.2  # mean cosine of a query with its relevant documents
N_INJECTED = 10


def gaussian_cloud(
    n: int, spectrum: NDArray[np.floating], *, kappa: float = 0.0, seed: int | list[int] = 0
) -> NDArray[np.float32]:
    """Gaussian rows, shape (n, d), with diagonal covariance `spectrum`. Their mean is the same in
    every coordinate, of squared length `kappa` times the trace.
    """
    d = len(spectrum)
    X = np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)
    X *= np.sqrt(spectrum).astype(np.float32)
    X += np.float32(math.sqrt(kappa * float(np.sum(spectrum)) / d))
    return X


def churn(found: TopKOverlap) -> dict[str, float]:
    """Means over queries: share that left, positions changed, rank correlation.

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
    tolerance=RANKS,
    kinds=("kappa",),
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
    """Churn of the nearest documents of queries from the same :func:`gaussian_cloud` (power law).
    ``{reading}_{side}_``: share of ``positions`` changed in the top k, share that ``left`` it,
    Kendall's ``tau`` within it, and ``left_half``, share that left the top k/2. Reading B equals A:
    the vectors have length one on average.
    """
    spectrum = power_law_spectrum(d, d_eff=d_eff)
    X = gaussian_cloud(n_docs, spectrum, kappa=kappa, seed=[seed, 0])
    Q = gaussian_cloud(n_queries, spectrum, kappa=kappa, seed=[seed, 1])
    exact = cosine_matrix(Q, X)
    row = {}
    for reading in "ACD":
        searched = np.concatenate([Q, perturb(Q, noise, reading, 2 * seed + 1)])
        both = cosine_matrix(searched, perturb(X, noise, reading, 2 * seed))
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
    tolerance=RANKS,
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
    """Churn within a query's class: documents sum a class direction (share `between` of the
    variance), a fine value (20% of the rest; relevant where equal) and a rest of effective
    dimension `WITHIN`. `spread`: sd of a query's cosines within its class; by reading, top k of the
    class: ``_lost``, relevant documents that left, ``_net``, less those that came in.
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
    """Random directions, shape (n, d), of length one on average."""
    return rng.standard_normal((n, d), dtype=np.float32) / np.float32(math.sqrt(d))


def _injected_tasks() -> list[dict[str, Any]]:
    return [{"d": d, "seed": seed} for d, seed in itertools.product(DIMS, SEEDS)]


@experiment(
    "stability-planted",
    "Relevant documents with a fixed cosine to their query among isotropic ones, by dimension",
    tasks=_injected_tasks,
    tolerance=RANKS,
)
def injected_signal(
    d: int,
    seed: int = 0,
    *,
    n_docs: int = N_DOCS,
    n_queries: int = 100,
    noise: float = NOISE,
    k: int = 10,
) -> dict[str, float]:
    """Recall@k of ten relevant documents a query, ``0.2 q + sqrt(1 - 0.04) u`` with u uniform on
    the sphere, as all other documents are; `A_recall`, `C_recall`: with noise on the documents.
    `separation`: mean relevant score less mean other score, in standard deviations of the others.
    """
    rng = np.random.default_rng([seed, 3])
    n_injected = N_INJECTED * n_queries
    if n_docs <= n_injected:
        raise UsageError(f"n_docs must be above {n_injected}, the injected documents, not {n_docs}")
    Q, U = (_unit(rng.standard_normal((n, d))) for n in (n_queries, n_docs))
    owner = np.repeat(np.arange(n_queries), N_INJECTED)
    U[:n_injected] = INJECTED * Q[owner] + math.sqrt(1 - INJECTED**2) * U[:n_injected]
    relevant = np.zeros((n_queries, n_docs), dtype=bool)
    relevant[owner, np.arange(n_injected)] = True
    exact = cosine_matrix(Q, U)
    others = exact[~relevant]
    row = {
        # house rule: the spread of all scores there are, of which nothing is a sample
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
    """Per query: `margin` at the cut-off; `contrast`, largest over least 1 - cos (Beyer et al.
    1999). By noise and query, shape (n_noises, n_queries), reading A on documents: `swapped`,
    whether ranks k and k + 1 changed places; `left`, the share of the top k that left. `score_sd`:
    mean spread of a query's scores; `noise_sd`: of the error of one score, by noise.
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
        # house rule: as above
        "score_sd": float(exact.std(axis=1, dtype=np.float64).mean()),
        "noise_sd": np.array([noise_sd(noise, d, "A") for noise in noises]),
    }
