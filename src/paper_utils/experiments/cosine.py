"""Cosines of titles, by encoder: what the chapter on cosine collapse measures."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from paper_utils.data.catalogue import load_catalogue
from paper_utils.encoders import load_encoder
from paper_utils.geometry.cosine import centre, cosine_moments
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.results import experiment

ENCODERS = ("minilm", "untrained", "random")


def cosine_row(X: ArrayLike) -> dict[str, Any]:
    """Cosine moments of a set of vectors as they come and centred, and its dimensions.

    Parameters
    ----------
    X : array_like, shape (n_items, d)
        At least four rows, none of them zero.

    Returns
    -------
    dict
        `n`, `d`; over distinct pairs of rows `mean`, `var` with `_se`; `mu2`,
        `cross_share` (see :class:`~paper_utils.geometry.cosine.CosineMoments`);
        `var_centred`, `mu2_centred`, `d_c_centred` after :func:`~centre`; the
        participation ratio of the covariance `d_eff`, and `d_eff_unbiased` with `_se`;
        `d_uncentred` = 1/(mean squared cosine of distinct pairs).

    Raises
    ------
    UsageError
        As for these functions.

    Examples
    --------
    >>> import numpy as np
    >>> row = cosine_row(np.random.default_rng(0).normal(size=(500, 20)) + 1)
    >>> f"{row['mean']:.2f} {row['var']:.4f} {row['var_centred']:.4f} {row['d_eff_unbiased']:.1f}"
    '0.51 0.0232 0.0507 20.0'
    """
    raw, centred = cosine_moments(X), cosine_moments(centre(X))
    unbiased = effective_dimension(X, "unbiased")
    return {
        "n": raw.n,
        "d": raw.d,
        "mean": raw.mean,
        "mean_se": raw.se_mean,
        "var": raw.var,
        "var_se": raw.se_var,
        "mu2": raw.mu2,
        "cross_share": raw.cross_share,
        "var_centred": centred.var,
        "var_centred_se": centred.se_var,
        "mu2_centred": centred.mu2,
        "d_c_centred": centred.d_c,
        "d_eff": effective_dimension(X).value,
        "d_eff_unbiased": unbiased.value,
        "d_eff_unbiased_se": unbiased.se,
        "d_uncentred": 1 / (raw.var + raw.mean**2),
    }


def _tasks() -> list[dict[str, Any]]:
    real = [
        {"catalogue": catalogue, "encoder": encoder}
        for catalogue in ("uhtt-drills", "uhtt-tools")
        for encoder in ENCODERS
    ]
    # navec knows Russian words only; everything else gets one and the same vector.
    real += [
        {"catalogue": catalogue, "encoder": "navec", "language": "ru"}
        for catalogue in ("uhtt-drills", "uhtt-tools")
    ]
    # What anybody can recompute: the chapter does it live, at its default parameters.
    built_in = [
        {"catalogue": "diy", "encoder": encoder, "language": "ru", "n_items": 1200}
        for encoder in ENCODERS
    ]
    return real + built_in


def _data() -> dict[str, str]:
    return {
        name: load_catalogue(name, language="all").sha256 for name in ("uhtt-tools", "uhtt-drills")
    }


@experiment(
    "cosine-real-titles",
    "Cosine moments of 45,989 real tool titles and of the 503 drills and screwdrivers among them",
    tasks=_tasks,
    data=_data,
)
def cosine_of_titles(
    catalogue: str, encoder: str, language: str = "all", n_items: int | None = None
) -> dict[str, Any]:
    """Measure one encoder on one catalogue, and on its languages where it has several.

    Parameters
    ----------
    catalogue, language, n_items
        As for :func:`~paper_utils.data.catalogue.load_catalogue`.
    encoder : str
        As for :func:`~paper_utils.encoders.load_encoder`.

    Returns
    -------
    dict
        Language -> :func:`cosine_row`.
    """
    titles = load_catalogue(catalogue, language=language, n_items=n_items)
    X = load_encoder(encoder).encode(titles.titles)
    rows = {language: cosine_row(X)}
    if language == "all":
        spoken = titles.table["language"].to_numpy()
        for part in ("ru", "en"):
            if 4 <= (spoken == part).sum() < len(X):
                rows[part] = cosine_row(X[spoken == part])
    return rows
