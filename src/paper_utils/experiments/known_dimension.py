"""Estimates of an effective dimension where the truth is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.geometry.spectrum import power_law_spectrum
from paper_utils.results import experiment

# (d, d_eff) of Krasnov's Table 1 with the models' own d, and numbers of items.
GAUSSIANS = (
    *((768, 121, n) for n in (30, 100, 300, 1000, 3000)),
    (896, 182, 100),
    (896, 182, 1000),
    (3072, 146, 300),
    (3072, 146, 1000),
)

LAWS = ("gaussian", "student-12")


def dimension_row(X: ArrayLike) -> dict[str, float]:
    """Participation ratio of the rows of `X`, plug-in and unbiased, with standard errors.

    Parameters
    ----------
    X : array_like, shape (n_items, d)
        At least four rows.

    Returns
    -------
    dict
        `n`, `d`, `plug_in`, `unbiased`, each with `_se`.

    Raises
    ------
    UsageError
        As for :func:`~paper_utils.geometry.dimension.effective_dimension`.

    Examples
    --------
    >>> row = dimension_row(np.random.default_rng(0).normal(size=(200, 50)))
    >>> f"{row['plug_in']:.1f} {row['unbiased']:.1f}"
    '40.0 50.3'
    """
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
    "Bias and standard errors of d_eff estimates on laws whose d_eff is known",
    tasks=lambda: (
        [{"d": d, "d_eff": d_eff, "n": n, "law": "gaussian"} for d, d_eff, n in GAUSSIANS]
        + [{"d": 768, "d_eff": 121, "n": n, "law": "student-12"} for n in (100, 300, 1000)]
    ),
)
def estimates_of_known_dimension(
    d: int, d_eff: float, n: int, law: str = "gaussian", repeats: int = 200
) -> dict[str, float]:
    """Estimate d_eff of samples from a law with a power-law spectrum, many times over.

    Parameters
    ----------
    d, d_eff, n : int
        Of the law, and the size of each sample.
    law : {'gaussian', 'student-12'}
        Student's with 12 degrees of freedom: elliptical, with heavier tails.
    repeats : int
        Samples; sample i has the seed i.

    Returns
    -------
    dict
        Over samples: mean and standard deviation (`_sd`) of `plug_in` and `unbiased`, the
        average jackknife standard error (`_se`) of `unbiased`, the share of samples whose
        interval of ± 1.96 standard errors holds the truth (`coverage`), and `predicted`, the
        plug-in that 1/(1/d_eff + 1/(n - 1)) leads one to expect.

    Examples
    --------
    >>> found = estimates_of_known_dimension(60, 20, 50, repeats=40)
    >>> abs(found["unbiased"] - 20) < 1 and found["plug_in"] < 16
    True
    """
    if law not in LAWS:
        raise UsageError(f"no law {law!r}; {did_you_mean(law, LAWS)}")
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
    held = np.abs(np.array(unbiased) - d_eff) <= 1.96 * np.array(se)
    return {
        "predicted": 1 / (1 / d_eff + 1 / (n - 1)),
        "plug_in": float(np.mean(plug_in)),
        "plug_in_sd": float(np.std(plug_in, ddof=1)),
        "unbiased": float(np.mean(unbiased)),
        "unbiased_sd": float(np.std(unbiased, ddof=1)),
        "unbiased_se": float(np.mean(se)),
        "coverage": float(held.mean()),
    }
