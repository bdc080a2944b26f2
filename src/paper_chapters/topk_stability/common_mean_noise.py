"""The clouds of the published dimensions with a common mean, under noise: positions and sets."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from paper_chapters.topk_stability.exact_cosines import cosine_matrix
from paper_chapters.topk_stability.noise import (
    MODELS,
    N_DOCS,
    N_QUERIES,
    NOISE,
    PRINTED,
    SEEDS,
    SIDES,
    churn,
    gaussian_cloud,
)
from paper_utils.geometry.perturb import perturb
from paper_utils.geometry.spectrum import power_law_spectrum
from paper_utils.geometry.stability import topk_overlap
from paper_utils.results import RANKS, experiment

MEANS = (0.0, 0.25, 0.5, 1.0)  #: squared length of the mean over the total variance


def _tasks() -> list[dict[str, Any]]:
    shapes = dict.fromkeys((*MODELS.values(), *PRINTED.values()))
    return [
        {"d": d, "d_eff": d_eff, "kappa": kappa, "seed": seed}
        for (d, d_eff), kappa, seed in itertools.product(shapes, MEANS, SEEDS)
        if kappa  # without a mean they are in the record `stability-noise`
    ]


@experiment(
    "stability-noise-mean",
    "Top-20 of the clouds of the published dimensions with a common mean, under noise A and C",
    tasks=_tasks,
    tolerance=RANKS,
    kinds=("kappa",),
)
def noise_with_mean(
    d: int,
    d_eff: float,
    kappa: float,
    seed: int = 0,
    *,
    n_docs: int = N_DOCS,
    n_queries: int = N_QUERIES,
    k: int = 20,
) -> dict[str, float]:
    """Churn of the top k as `noise_churn` has it, for readings A and C alone.

    ``{reading}_{side}_``: share of ``positions`` changed, share that ``left``, Kendall's ``tau``.
    """
    spectrum = power_law_spectrum(d, d_eff=d_eff)
    X = gaussian_cloud(n_docs, spectrum, kappa=kappa, seed=[seed, 0])
    Q = gaussian_cloud(n_queries, spectrum, kappa=kappa, seed=[seed, 1])
    exact = cosine_matrix(Q, X)
    row = {}
    for reading in "AC":
        searched = np.concatenate([Q, perturb(Q, NOISE, reading, 2 * seed + 1)])
        both = cosine_matrix(searched, perturb(X, NOISE, reading, 2 * seed))
        for side, after in zip(SIDES, (both[:n_queries], both[n_queries:]), strict=True):
            found = churn(topk_overlap(exact, after, k))
            row |= {f"{reading}_{side}_{measure}": value for measure, value in found.items()}
    return row
