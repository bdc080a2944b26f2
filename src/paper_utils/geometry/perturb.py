"""Changes made to vectors: noise in four readings, and fewer bits or coordinates."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import as_vectors, whole
from paper_utils.errors import UsageError, did_you_mean

READINGS = ("A", "B", "C", "D")

_STREAM = 0x6E6F6973  # "nois"


def noise_sd(noise: float, d: int, reading: str = "A", *, norm: float = 1.0) -> float:
    """Standard deviation per coordinate of `noise` by a reading of :func:`perturb`; N is `norm`."""
    if reading not in READINGS:
        raise UsageError(f"unknown reading {reading!r}: {did_you_mean(str(reading), READINGS)}")
    if not (math.isfinite(noise) and noise >= 0):
        raise UsageError(f"noise must be 0 or more and finite, not {noise}")
    if d < 1:
        raise UsageError(f"d must be at least 1, not {d}")
    if not (math.isfinite(norm) and norm > 0):
        raise UsageError(f"norm must be above 0 and finite, not {norm}")
    match reading:
        case "A":
            return math.sqrt(noise) * norm
        case "B":
            return math.sqrt(noise * norm)
        case "C":
            return math.sqrt(noise / d) * norm
        case _:
            return noise * norm


def cosine_after_noise(noise: float, d: int, reading: str = "A", *, norm: float = 1.0) -> float:
    """Cosine of a vector and itself plus noise, (1 + (d - 1)σ²/N²)^(-1/2), σ by `noise_sd`."""
    relative = noise_sd(noise, d, reading, norm=norm) / norm
    return 1 / math.sqrt(1 + (d - 1) * relative**2)


def perturb(
    vectors: ArrayLike, noise: float = 1e-4, reading: str = "A", seed: int = 0
) -> NDArray[np.floating]:
    """Add Gaussian noise, of one size for all rows, that a reading makes of `noise`.

    With N the mean norm, the variance per coordinate is ``noise * N²`` (A), ``noise * N`` (B) or
    ``noise * N² / d`` (C); in D the standard deviation per coordinate is ``noise * N``.

    Parameters
    ----------
    vectors : array_like, shape (n_items, d)
        None of them zero. They are not normalised, before or after.
    noise, seed : float, int
        Not negative.
    reading : {"A", "B", "C", "D"}

    Returns
    -------
    ndarray, shape (n_items, d)
        float32 for float32 input, else float64.

    Examples
    --------
    >>> moved = perturb([[3.0, 4.0]], 1e-4, "D", seed=1)
    >>> bool(0 < np.linalg.norm(moved - [[3.0, 4.0]]) < 0.01)
    True
    """
    X = as_vectors(vectors, name="vectors", allow_zero=False)
    whole("seed", seed, least=0)
    norm = float(np.sqrt(np.einsum("ij,ij->i", X, X, dtype=np.float64)).mean())
    sd = noise_sd(noise, X.shape[1], reading, norm=norm)
    # A stream of its own: vectors drawn by default_rng(seed) would else be their own noise.
    stream = np.random.SeedSequence(int(seed), spawn_key=(_STREAM,))
    added = np.random.default_rng(stream).standard_normal(X.shape, dtype=X.dtype)
    added *= X.dtype.type(sd)
    added += X
    return added


def to_bfloat16(x: ArrayLike) -> NDArray[np.float32]:
    """Round to the nearest bfloat16 (8 bits of significand), ties to even; returned as float32."""
    values = np.asarray(x, dtype=np.float32)
    if not np.isfinite(values).all():
        raise UsageError("only finite numbers can be rounded to bfloat16")
    bits = values.view(np.uint32)
    # Half of the last kept place, less one where the kept part is even.
    up = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return ((bits + up) & np.uint32(0xFFFF0000)).view(np.float32)


def to_int8(vectors: ArrayLike) -> NDArray[np.float32]:
    """Round each coordinate to one of 256 levels between its least and its largest value.
    The scalar quantiser of vector stores, one byte per coordinate. Returned, shape (n_items, d), is
    what the codes stand for; a constant coordinate stays exact.
    """
    X = as_vectors(vectors, name="vectors").astype(np.float64)
    low, high = X.min(axis=0), X.max(axis=0)
    step = np.where(high > low, (high - low) / 255, 1.0)
    return (low + np.round((X - low) / step) * step).astype(np.float32)


def to_binary(vectors: ArrayLike) -> NDArray[np.float32]:
    """Keep the sign of each coordinate of (n_items, d) vectors: +1 for above zero, else -1."""
    X = as_vectors(vectors, name="vectors", allow_zero=False)
    return np.where(X > 0, np.float32(1), np.float32(-1))


def truncate(vectors: ArrayLike, m: int) -> NDArray[np.floating]:
    """Keep the first `m` coordinates of (n_items, d) vectors, as stored."""
    X = as_vectors(vectors, name="vectors")
    return X[:, : whole("m", m, least=1, most=X.shape[1])]
