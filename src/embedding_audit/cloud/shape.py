"""Rows, lengths, cosines and dimensions of a cloud, each number beside what two nulls give."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from embedding_audit.cloud.cloud import Cloud
from embedding_audit.cloud.moments import (
    Moments,
    cosine_statistics,
    moments_of,
    spectral_dimensions,
    trace_dimensions,
    with_intervals,
)
from embedding_audit.cloud.points import Centred, InMemoryPoints
from embedding_audit.cloud.scan import Scan
from embedding_audit.measure import Measure, all_beside, not_measured, share_of, under

_FEW_COLUMNS = 512  # eigenvalues of every group left out, up to here

#: Largest half-width of the unbiased effective dimension, over its value, that is still a number.
_WIDEST = 0.25

#: An estimate without bias may lie above the ceiling by chance, but not by more than this factor.
_ABOVE = 1.05


def row_measures(scan: Scan) -> dict[str, Measure]:
    """Count rows that cannot be used, and rows that say the same."""
    n, used = scan.n_rows, len(scan.rows)
    counts = {"total": n, "used": used}
    counts |= {name: len(getattr(scan, name)) for name in ("nan", "infinite", "zero")}
    found = {name: Measure(count, n=n) for name, count in counts.items()}
    share = 1 - scan.n_directions / used
    found["duplicate_share"] = share_of(share, used).beside(gaussian=0)
    largest = int(np.bincount(scan.direction).max())
    found["largest_group"] = Measure(largest, n=used).beside(gaussian=1)
    return under("rows", found)


def norm_measures(scan: Scan) -> dict[str, Measure]:
    """Describe the lengths of the usable rows."""
    norms = np.sort(scan.norms)
    n = len(norms)
    scale = float(norms[-1])
    small = norms / scale
    mean, sd = float(small.mean()), float(small.std(ddof=1))
    # house rule: n is the number of rows, at which t is normal
    half = 1.96 * sd / math.sqrt(n)
    cv = sd / mean
    # Delta method; the fourth moment is that of the data.
    z = (small - mean) / sd if sd > 1e-12 * mean else np.zeros(n)
    # house rule: as above
    error = 1.96 * cv * math.sqrt(max(0.0, float((z**4).mean()) - 1) / (4 * n) + cv**2 / n)
    unit = float((np.abs(norms - 1) < 1e-3).mean())
    found = {
        "mean": Measure(scale * mean, scale * (mean - half), scale * (mean + half), n=n),
        "cv": Measure(cv, max(0.0, cv - error), cv + error, n=n),
        "min": Measure(float(norms[0]), n=n),
        "max": Measure(scale, n=n),
        "unit_share": share_of(unit, n),
    }
    return under("norms", found)


def _statistics(moments: Moments) -> dict[str, float]:
    return under("cosine", cosine_statistics(moments)) | under(
        "dimension", trace_dimensions(moments)
    )


def _spectral(moments: Moments) -> dict[str, float]:
    return under("dimension", spectral_dimensions(moments))


def moment_measures(cloud: Cloud) -> dict[str, Measure]:
    """Measure cosines and dimensions from the merged moments."""
    groups, moments = cloud.groups, cloud.moments
    found = with_intervals(groups, _statistics)
    if cloud.scan.d <= _FEW_COLUMNS:
        # Eigenvalues take their time: groups in pairs.
        pairs = [a.merge(b) for a, b in zip(groups[::2], groups[1::2], strict=False)]
        found |= with_intervals(pairs if len(groups) % 2 == 0 else groups, _spectral)
    else:
        why = f"more than {_FEW_COLUMNS} columns: no interval"
        found |= {k: Measure(v, n=moments.n, reason=why) for k, v in _spectral(moments).items()}
    whole = found["dimension.components_90"]
    whole = replace(whole, low=None, high=None, reason="a whole number")
    found["dimension.components_90"] = whole
    for name, null in cloud.null_moments.items():
        found = all_beside(found, name, _statistics(null) | _spectral(null))
    # Of the Gaussian both are known exactly.
    found = all_beside(found, "gaussian", _of_gaussian(moments))
    some = cloud.rows.sample(cloud.exact_up_to, cloud.seed)
    rows = cloud.rows
    if len(some) < rows.n:
        rows = InMemoryPoints(rows.take(some), place=rows.places(0, rows.n)[some])
    centred = moments_of(Centred(rows, moments.mean), len(groups))
    found["cosine.variance_centred"] = with_intervals(centred, cosine_statistics)["variance"]
    return found | _headline(found, cloud)


def _of_gaussian(moments: Moments) -> dict[str, float]:
    from paper_utils.geometry.spectrum import gaussian_cosine_moments

    values, vectors = moments.axes
    exact = gaussian_cosine_moments(values, moments.mean @ vectors)
    return {"cosine.mean": exact[0], "cosine.variance": exact[1]}


def _headline(found: dict[str, Measure], cloud: Cloud) -> dict[str, Measure]:
    """The ceiling of every dimension, and the unbiased ones only where there are rows enough: below
    the ceiling, with an interval that says something.
    """
    n, d = cloud.scan.n_directions, cloud.scan.d
    ceiling = min(n - 1, d)
    one, plain = found["dimension.unbiased"], found["dimension.participation"]
    kept: dict[str, Measure] = {"dimension.ceiling": Measure(ceiling, n=n)}
    narrow = one.low is not None and one.half <= _WIDEST * one.value
    if one.value is None or one.value > _ABOVE * ceiling or (n <= d and not narrow):
        why = f"{n:,} different rows in {d:,} columns are too few"
        if plain.measured:
            seen = f"{plain.value:.1f} here"
            why += f": the participation ratio can be at most {ceiling:,} and is {seen}"
        kept |= dict.fromkeys(("dimension.unbiased", "dimension.share"), not_measured(why))
    return kept
