"""cosine_moments against visiting every pair; laws of the cosine against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_utils.errors import UsageError
from paper_utils.geometry.cosine import (
    centre,
    cosine_moments,
    cosine_moments_by_pairs,
)

# The identity holds to this. A mean may be zero by chance, so it is compared on the scale
# of the cosine, which is 1; everything else relatively.
EXACT = 1e-12


def rounding(mu2: float) -> float:
    """Floor for a variance that vanishes: a difference of terms of size (1 - mu2)²."""
    return 1e-15 * (1 - mu2) ** 2


def sample(kind: str, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Draw rows of very different laws."""
    X = rng.normal(size=(n, d))
    match kind:
        case "gauss":
            return X
        case "student":  # infinite variance
            return rng.standard_t(1.5, size=(n, d))
        case "shifted":
            return X + 3 * rng.normal(size=d)
        case "clustered":
            centres = 4 * rng.normal(size=(5, d))
            return X + centres[rng.integers(5, size=n)]
        case "anisotropic":
            return X * np.arange(1, d + 1) ** -1.5
        case "float32":
            return (X + 1).astype(np.float32)
        case "duplicates":
            return X[rng.integers(max(2, n // 3), size=n)]
    raise AssertionError(kind)


KINDS = ["gauss", "student", "shifted", "clustered", "anisotropic", "float32", "duplicates"]


def all_pairs(X: np.ndarray) -> tuple[float, float]:
    """Mean and variance over all n² ordered pairs, in long double, by definition."""
    U = np.asarray(X, dtype=np.longdouble)
    U = U / np.sqrt((U * U).sum(axis=1, keepdims=True))
    cos = (U[:, None, :] * U[None, :, :]).sum(axis=2)
    return float(cos.mean()), float(cos.var())


def distinct_pairs(X: np.ndarray) -> tuple[float, float]:
    """Mean and variance over distinct pairs, in long double, by definition."""
    U = np.asarray(X, dtype=np.longdouble)
    U = U / np.sqrt((U * U).sum(axis=1, keepdims=True))
    i, j = np.triu_indices(len(U), k=1)
    cos = (U[i] * U[j]).sum(axis=1)
    return float(cos.mean()), float(cos.var())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "d"), [(150, 20), (40, 120), (2, 3), (5, 1)])
def test_both_sides_of_the_identity(kind, n, d):
    X = sample(kind, n, d, np.random.default_rng(n * d))
    got = cosine_moments(X)
    mean, var = distinct_pairs(X)
    assert got.mean == pytest.approx(mean, abs=EXACT)
    assert got.var == pytest.approx(var, rel=EXACT, abs=rounding(got.mu2))
    mean, var = all_pairs(X)
    assert got.mu2 == pytest.approx(mean, abs=EXACT)
    assert got.var_independent == pytest.approx(var, rel=EXACT, abs=rounding(got.mu2))
    if got.spectral:
        assert got.spectral == pytest.approx((1 - got.mu2) ** 2 / got.d_c, rel=1e-10)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    n=st.integers(2, 40),
    d=st.integers(1, 30),
    seed=st.integers(0, 2**32 - 1),
)
def test_identity_on_any_set(kind, n, d, seed):
    X = sample(kind, n, d, np.random.default_rng(seed))
    got = cosine_moments(X)
    mean, var = distinct_pairs(X)
    assert got.mean == pytest.approx(mean, abs=EXACT)
    assert got.var == pytest.approx(var, rel=EXACT, abs=rounding(got.mu2))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), power=st.floats(-8, 8))
def test_length_order_and_rotation_do_not_matter(seed, power):
    rng = np.random.default_rng(seed)
    X = sample("clustered", 30, 6, rng)
    rotation, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    lengths = 10.0 ** (power * rng.random((30, 1)))
    one, other = cosine_moments(X), cosine_moments(rng.permutation(X * lengths) @ rotation)
    assert (one.mean, one.var, one.cross) == pytest.approx(
        (other.mean, other.var, other.cross), rel=1e-10
    )
    assert (one.d_c, one.se_mean, one.se_var) == pytest.approx(
        (other.d_c, other.se_mean, other.se_var), rel=1e-10
    )


@pytest.mark.parametrize("size", [1e-2, 1e-4, 1e-6])
def test_nothing_cancels_when_all_vectors_are_nearly_equal(size):
    rng = np.random.default_rng(1)
    X = 1 + size * rng.normal(size=(60, 12))
    got = cosine_moments(X)
    U = X.astype(np.longdouble)
    U /= np.sqrt((U * U).sum(axis=1, keepdims=True))
    i, j = np.triu_indices(60, k=1)
    missing = ((U[i] - U[j]) ** 2).sum(axis=1) / 2  # 1 - cos, without cancellation
    # float64 unit vectors that differ by `size` are known to 1e-16/size.
    known = 1e-15 / size
    assert 1 - got.mean == pytest.approx(float(missing.mean()), rel=1e-9, abs=1e-16)
    assert got.var == pytest.approx(float(missing.var()), rel=10 * known + EXACT)


@pytest.mark.parametrize(("n", "d"), [(9000, 3), (9000, 40), (300, 500)])
def test_blocks_agree_with_the_slow_road(n, d):
    X = sample("shifted", n, d, np.random.default_rng(0)).astype(np.float32)
    got = cosine_moments(X)
    mean, var = cosine_moments_by_pairs(X)
    assert got.mean == pytest.approx(mean, rel=EXACT)
    assert got.var == pytest.approx(var, rel=EXACT)


@pytest.mark.parametrize("kind", ["gauss", "shifted", "duplicates", "anisotropic"])
def test_standard_errors_are_the_jackknife(kind):
    X = sample(kind, 25, 7, np.random.default_rng(3))
    left_out = np.array([distinct_pairs(np.delete(X, i, axis=0)) for i in range(25)])
    expected = np.sqrt(24**2 / 25 * left_out.var(axis=0, ddof=1))
    got = cosine_moments(X)
    assert [got.se_mean, got.se_var] == pytest.approx(expected, rel=1e-9)


def test_standard_errors_match_the_scatter_over_draws():
    rng = np.random.default_rng(5)
    scale = np.arange(1, 9)
    draws = [cosine_moments(rng.standard_t(4, size=(120, 8)) * scale + 1.0) for _ in range(300)]
    for value, se in [("mean", "se_mean"), ("var", "se_var")]:
        scatter = np.std([getattr(x, value) for x in draws], ddof=1)
        claimed = np.sqrt(np.mean([getattr(x, se) ** 2 for x in draws]))
        # The scatter of 300 draws is itself known to about 4%; the jackknife leans upwards.
        assert 0.88 < claimed / scatter < 1.2


def test_cross_term_is_half_the_variance_of_the_squared_distance_to_the_mean():
    X = sample("clustered", 80, 9, np.random.default_rng(2))
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    squared = ((U - U.mean(axis=0)) ** 2).sum(axis=1)
    assert cosine_moments(X).cross == pytest.approx(squared.var() / 2, rel=1e-10)


def test_isotropic_gaussian_has_variance_one_over_d():
    for d in (2, 5, 50):
        got = cosine_moments(np.random.default_rng(d).normal(size=(4000, d)))
        assert got.mean == pytest.approx(0, abs=3.5 * got.se_mean + 1e-3)
        assert got.var == pytest.approx(1 / d, abs=3.5 * got.se_var)


def test_known_sets():
    simplex = cosine_moments(np.eye(5))
    assert (simplex.mean, simplex.var) == pytest.approx((0, 0), abs=1e-15)
    assert simplex.d_c == pytest.approx(4)  # five corners span four dimensions
    poles = cosine_moments([[1, 0], [-1, 0], [1, 0], [-1, 0]])
    assert poles.mean == pytest.approx(-1 / 3)
    assert poles.var == pytest.approx(8 / 9)
    assert poles.var_independent == pytest.approx(1)


def test_equal_rows():
    same = cosine_moments(np.outer([1.0, 2.0, 5.0, 7.0], [1.0, 2.0, 3.0]))
    assert (same.mean, same.var, same.mu2) == (1, 0, 1)
    assert math.isnan(same.d_c)
    assert math.isnan(same.cross_share)


def test_too_few_rows_for_a_standard_error():
    three = cosine_moments(np.eye(3))
    assert math.isnan(three.se_mean)
    assert math.isnan(three.se_var)


@pytest.mark.parametrize(
    ("X", "word"),
    [
        ([[1.0, 2.0]], "1 rows"),
        ([[1.0, 2.0], [0.0, 0.0]], "zero rows"),
        ([[1.0, np.nan], [0.0, 1.0]], "NaN"),
        ([1.0, 2.0], "shape"),
        ([["a", "b"]], "real numbers"),
    ],
)
def test_bad_input(X, word):
    for function in (cosine_moments, cosine_moments_by_pairs, centre):
        with pytest.raises(UsageError, match=word):
            function(X)


def test_centre_takes_the_mean_out_and_says_what_comes_back():
    X = sample("shifted", 500, 10, np.random.default_rng(0))
    Y = centre(X)
    assert np.linalg.norm(Y, axis=1) == pytest.approx(1)
    before, after = cosine_moments(X).mu2, cosine_moments(Y).mu2
    assert before > 0.3
    assert 0 < after < 0.02 * before  # small, and not nothing


def test_centre_by_another_mean():
    U = sample("shifted", 20, 4, np.random.default_rng(0))
    unit = U / np.linalg.norm(U, axis=1, keepdims=True)
    m = unit.mean(axis=0)
    assert centre(U[:1], mean=m) == pytest.approx(centre(U)[:1])
    with pytest.raises(UsageError, match=r"mean must have shape \(4,\), not \(3,\)"):
        centre(U, mean=np.zeros(3))


def test_centre_of_equal_rows():
    with pytest.raises(UsageError, match="3 of 3 rows coincide with the mean"):
        centre(np.ones((3, 4)))
