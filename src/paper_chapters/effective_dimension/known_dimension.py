"""Estimates of an effective dimension where the truth is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.geometry.spectrum import power_law_spectrum
from paper_utils.results import SEEDED, experiment

GAUSSIANS = (  # (d, d_eff) of Krasnov's Table 1 with the models' own d, and numbers of items
    *((768, 121, n) for n in (30, 100, 300, 1000, 3000)),
    (896, 182, 100),
    (896, 182, 1000),
    (3072, 146, 300),
    (3072, 146, 1000),
)

DISTRIBUTIONS = ("gaussian", "student-12")


def dimension_row(X: ArrayLike) -> dict[str, float]:
    """Participation ratio of `X`, shape (n_items, d): `plug_in` and `unbiased`, each with `_se`."""
    plug_in, unbiased = effective_dimension(X), effective_dimension(X, "unbiased")
    return {
        "n": plug_in.n,
        "d": plug_in.d,
        "plug_in": plug_in.value,
        "plug_in_se": plug_in.se,
        "unbiased": unbiased.value,
        "unbiased_se": unbiased.se,
    }


@experiment(
    "effective-dimension-gaussian",
    "Bias and standard errors of d_eff estimates on distributions of known d_eff",
    tasks=lambda: (
        [{"d": d, "d_eff": d_eff, "n": n, "law": "gaussian"} for d, d_eff, n in GAUSSIANS]
        + [{"d": 768, "d_eff": 121, "n": n, "law": "student-12"} for n in (100, 300, 1000)]
    ),
    tolerance=SEEDED,
    kinds=("law",),
)
def estimates_of_known_dimension(
    d: int, d_eff: float, n: int, law: str = "gaussian", repeats: int = 200
) -> dict[str, float]:
    """Estimate d_eff on many samples of a distribution with a power-law spectrum; 'student-12' is
    elliptical with 12 degrees of freedom. Returns mean and `_sd` of `plug_in` and `unbiased`, its
    mean jackknife `_se`, `coverage` (share of intervals of ± 1.96 `_se` that hold `d_eff`), and
    `predicted`, the expected plug-in 1/(1/d_eff + 1/(n - 1)).
    """
    if law not in DISTRIBUTIONS:
        raise UsageError(f"no distribution {law!r}; {did_you_mean(law, DISTRIBUTIONS)}")
    scale = np.sqrt(power_law_spectrum(d, d_eff=d_eff))
    plug_in, unbiased, se = [], [], []
    for seed in range(repeats):
        rng = np.random.default_rng([seed, d, n])
        X = rng.normal(size=(n, d)) * scale
        if law != "gaussian":
            X /= np.sqrt(rng.chisquare(12, size=(n, 1)) / 12)
        row = dimension_row(X)
        plug_in.append(row["plug_in"])
        unbiased.append(row["unbiased"])
        se.append(row["unbiased_se"])
    return {
        "predicted": 1 / (1 / d_eff + 1 / (n - 1)),
        "plug_in": float(np.mean(plug_in)),
        "plug_in_sd": float(np.std(plug_in, ddof=1)),
        "unbiased": float(np.mean(unbiased)),
        "unbiased_sd": float(np.std(unbiased, ddof=1)),
        "unbiased_se": float(np.mean(se)),
        # house rule: it is the coverage of this very interval that is measured
        "coverage": float(np.mean(np.abs(np.array(unbiased) - d_eff) <= 1.96 * np.array(se))),
    }
