"""Cosines of titles, by encoder: what the chapter on cosine collapse measures."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from paper_utils.data.catalogue import catalogue_checksums, load_catalogue
from paper_utils.encoders import load_encoder
from paper_utils.geometry.cosine import centre, cosine_moments
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.results import FLOAT32, experiment

ENCODERS = ("minilm", "untrained", "random")


def cosine_row(X: ArrayLike) -> dict[str, Any]:
    """Cosine moments of vectors (n_items, d), raw and centred, and their dimensions.
    `mean`, `var`, `mu2`, `cross_share`, `d_c` as in `CosineMoments`, with `_se`. `d_eff`:
    participation ratio of the covariance, plug-in and `_unbiased`. `d_uncentred`: 1/(mean squared
    cosine of distinct pairs). At least four rows, none zero.
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
    catalogues = ("uhtt-drills", "uhtt-tools")
    real = [
        {"catalogue": catalogue, "encoder": encoder}
        for catalogue in catalogues
        for encoder in ENCODERS
    ]
    # navec knows Russian words only; everything else gets one and the same vector.
    real += [{"catalogue": one, "encoder": "navec", "language": "ru"} for one in catalogues]
    built_in = [  # what anybody can recompute: the chapter does it live, at its default parameters
        {"catalogue": "diy", "encoder": encoder, "language": "ru", "n_items": 1200}
        for encoder in ENCODERS
    ]
    return real + built_in


@experiment(
    "cosine-real-titles",
    "Cosine moments of 45,989 real tool titles and of the 503 drills and screwdrivers among them",
    tasks=_tasks,
    data=lambda: catalogue_checksums("uhtt-tools", "uhtt-drills"),
    tolerance=FLOAT32,
    kinds=("encoder",),
)
def cosine_of_titles(
    catalogue: str, encoder: str, language: str = "all", n_items: int | None = None
) -> dict[str, Any]:
    """Measure one encoder on one catalogue: language -> `cosine_row`.
    ``all`` is joined by each language that has some but not all of the titles.
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
