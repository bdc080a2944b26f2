"""Spectra, and the exact law of the cosine for Gaussian and elliptical laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaln, hyp1f1
from scipy.stats import poisson

from paper_utils.errors import UsageError
from paper_utils.geometry.cosine import cosine_moments
from paper_utils.geometry.spectrum import (
    covariance_spectrum,
    expected_var_cos_elliptical,
    gaussian_cosine_moments,
    participation_ratio,
    power_law_spectrum,
)

D = 768


def spike(share: float) -> np.ndarray:
    """One direction holds `share` of the trace, the others the rest in equal parts."""
    return np.r_[share, np.full(D - 1, (1 - share) / (D - 1))]


# Spectrum, d_eff, 1/d_eff, exact Var cos. The specification prints the same table, once
# from a throw-away script; its 90.5 for the 10% spike is 90.448.
TABLE = {
    "flat": (np.ones(D), 768, 0.00130, 0.00130),
    "121 equal": (np.r_[np.ones(121), np.zeros(D - 121)], 121, 0.00826, 0.00826),
    "spike 5%": (spike(0.05), 272, 0.00368, 0.00331),
    "spike 10%": (spike(0.10), 90.4, 0.01106, 0.00855),
    "spike 30%": (spike(0.30), 11.0, 0.09064, 0.04995),
    "spike 60%": (spike(0.60), 2.8, 0.36021, 0.16744),
    "i^-0.5": (power_law_spectrum(D, exponent=0.5), 404, 0.00248, 0.00244),
    "i^-0.8": (power_law_spectrum(D, exponent=0.8), 92.6, 0.01080, 0.00969),
    "i^-1": (power_law_spectrum(D, exponent=1.0), 31.7, 0.03152, 0.02530),
    "i^-1.5": (power_law_spectrum(D, exponent=1.5), 5.4, 0.18629, 0.11929),
}


def decimals(printed: float) -> float:
    """Half a unit of the last printed place."""
    return 0.5 * 10.0 ** -len(str(printed).partition(".")[2]) if printed % 1 else 0.5


@pytest.mark.parametrize("name", TABLE)
def test_table_of_exact_variances(name):
    spectrum, d_eff, bound, exact = TABLE[name]
    assert participation_ratio(spectrum) == pytest.approx(d_eff, abs=decimals(d_eff))
    assert 1 / participation_ratio(spectrum) == pytest.approx(bound, abs=0.6e-5)
    assert expected_var_cos_elliptical(spectrum) == pytest.approx(exact, abs=0.6e-5)


@pytest.mark.parametrize(
    ("d", "d_eff", "printed"), [(896, 182, 0.00517), (3072, 146, 0.00618), (768, 121, 0.00758)]
)
def test_power_laws_with_the_published_dimensions(d, d_eff, printed):
    spectrum = power_law_spectrum(d, d_eff=d_eff)
    assert participation_ratio(spectrum) == pytest.approx(d_eff, rel=1e-10)
    assert expected_var_cos_elliptical(spectrum) == pytest.approx(printed, abs=0.6e-5)


@pytest.mark.parametrize("name", ["spike 30%", "i^-1", "121 equal"])
def test_exact_variance_against_simulation(name):
    spectrum = TABLE[name][0]
    rng = np.random.default_rng(0)
    draws = [cosine_moments(rng.normal(size=(1500, D)) * np.sqrt(spectrum)) for _ in range(6)]
    got = np.mean([x.var for x in draws])
    se = np.sqrt(np.mean([x.se_var**2 for x in draws]) / 6)
    assert got == pytest.approx(expected_var_cos_elliptical(spectrum), abs=3 * se)
    assert se < 0.05 * got  # or the comparison would say nothing


def test_radius_does_not_matter():
    """Any law elliptical about the origin: here a Student t with infinite variance."""
    rng = np.random.default_rng(1)
    spectrum = power_law_spectrum(40, exponent=1)
    X = rng.normal(size=(6000, 40)) * np.sqrt(spectrum) * rng.pareto(1.0, size=(6000, 1))
    got = cosine_moments(X)
    assert got.var == pytest.approx(expected_var_cos_elliptical(spectrum), abs=3 * got.se_var)


def test_two_eigenvalues_in_closed_form():
    # For d = 2 the angle is a wrapped Cauchy: E u_1² = sqrt(l1)/(sqrt(l1) + sqrt(l2)).
    for l1, l2 in [(1.0, 1.0), (4.0, 1.0), (1e6, 1.0), (1e12, 1.0)]:
        w = np.sqrt([l1, l2]) / (np.sqrt(l1) + np.sqrt(l2))
        assert expected_var_cos_elliptical([l1, l2]) == pytest.approx(w @ w, rel=1e-12)


@pytest.mark.parametrize("ratio", [1.05, 2.0, 30.0])
def test_against_adaptive_quadrature(ratio):
    """Twelve levels, 256 equal eigenvalues each (d = 3072), integrated by QUADPACK."""
    levels = ratio ** -np.arange(12.0)
    levels /= 256 * levels.sum()

    def share(level: float) -> float:
        def integrand(x: float) -> float:
            t = np.exp(x)
            log_m = -128 * np.log1p(2 * levels * t).sum()
            return level * np.exp(x + log_m) / (1 + 2 * level * t)

        parts = [(-40, -4), (-4, -1), (-1, 0), (0, 1), (1, 2), (2, 6)]
        return sum(quad(integrand, *part, epsabs=0, epsrel=1e-12)[0] for part in parts)

    w = np.array([share(level) for level in levels])
    assert 256 * w.sum() == pytest.approx(1, rel=1e-11)
    got = expected_var_cos_elliptical(np.repeat(levels, 256))
    assert got == pytest.approx(256 * w @ w, rel=1e-10)


@pytest.mark.parametrize("kappa", [0.1, 1, 10, 50])
def test_mean_plus_isotropic_noise_in_closed_form(kappa):
    d = 300
    a2 = kappa * d
    # E u_1 by Kummer's function, E u_1² by the Poisson mixture of the non-central chi square.
    log_ratio = gammaln((d + 1) / 2) - gammaln(d / 2 + 1)
    mu = np.exp(log_ratio) * np.sqrt(a2 / 2) * hyp1f1(0.5, d / 2 + 1, -a2 / 2)
    k = np.arange(int(a2 / 2 + 40 * np.sqrt(a2) + 200))
    p = (poisson.pmf(k, a2 / 2) * (1 + 2 * k) / (d + 2 * k)).sum()
    variance = p**2 - mu**4 + (1 - p) ** 2 / (d - 1)
    got = gaussian_cosine_moments(np.ones(d), np.full(d, np.sqrt(kappa)))
    assert got == pytest.approx((mu**2, variance), rel=1e-7, abs=1e-12)
    assert got[0] == pytest.approx(kappa / (1 + kappa), abs=0.001)  # high dimension


def test_mean_and_anisotropy_against_simulation():
    rng = np.random.default_rng(3)
    spectrum = power_law_spectrum(60, d_eff=12)
    mean = 0.1 * rng.normal(size=60)
    got = cosine_moments(rng.normal(size=(8000, 60)) * np.sqrt(spectrum) + mean)
    expected = gaussian_cosine_moments(spectrum, mean)
    assert got.mean == pytest.approx(expected[0], abs=3.5 * got.se_mean)
    assert got.var == pytest.approx(expected[1], abs=3.5 * got.se_var)


spectra = st.lists(st.floats(0, 1e6), min_size=1, max_size=40).filter(lambda v: max(v) > 1e-3)


@settings(max_examples=60, deadline=None)
@given(spectra)
def test_bound_and_scale_for_any_spectrum(values):
    variance = expected_var_cos_elliptical(values)
    assert 1 / len(values) - 1e-12 <= variance <= 1 / participation_ratio(values) + 1e-12
    assert expected_var_cos_elliptical(np.array(values) * 7) == pytest.approx(variance, rel=1e-10)


@settings(max_examples=30, deadline=None)
@given(r=st.integers(1, 30), zeros=st.integers(0, 30), level=st.floats(1e-6, 1e6))
def test_equality_for_equal_eigenvalues(r, zeros, level):
    values = np.r_[np.full(r, level), np.zeros(zeros)]
    assert participation_ratio(values) == pytest.approx(r)
    assert expected_var_cos_elliptical(values) == pytest.approx(1 / r, rel=1e-11)


def test_block_spectrum_is_not_r():
    """Krasnov's model example: r ones and d - r small values."""
    block = np.r_[np.ones(121), np.full(D - 121, 0.01)]
    assert participation_ratio(block) == pytest.approx(134.2, abs=0.05)


@pytest.mark.parametrize(("n", "d"), [(50, 8), (8, 50), (9, 9), (5000, 4)])
def test_covariance_spectrum_is_numpys(n, d):
    X = np.random.default_rng(n).normal(size=(n, d)) * 1e3 + 7
    expected = np.linalg.eigvalsh(np.cov(X.T))[::-1][: min(n, d)]
    assert covariance_spectrum(X) == pytest.approx(expected, rel=1e-10, abs=1e-5)


def test_huge_values_do_not_overflow_a_ratio():
    X = np.random.default_rng(0).normal(size=(30, 5))
    assert participation_ratio(covariance_spectrum(X * 1e120)) == pytest.approx(
        participation_ratio(covariance_spectrum(X)), rel=1e-12
    )


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: participation_ratio([0, 0]), "zero everywhere"),
        (lambda: participation_ratio([1, -1]), "none of them negative"),
        (lambda: participation_ratio([1, np.nan]), "finite"),
        (lambda: participation_ratio([]), "shape"),
        (lambda: expected_var_cos_elliptical([[1.0]]), "shape"),
        (lambda: gaussian_cosine_moments([1, 1], [1]), r"shape \(2,\)"),
        (lambda: gaussian_cosine_moments([1, 1], [np.inf, 0]), "finite"),
        (lambda: power_law_spectrum(0, exponent=1), "at least 1"),
        (lambda: power_law_spectrum(5), "exactly one"),
        (lambda: power_law_spectrum(5, d_eff=2, exponent=1), "exactly one"),
        (lambda: power_law_spectrum(5, d_eff=6), r"\(1, 5\]"),
        (lambda: power_law_spectrum(5, d_eff=1), r"\(1, 5\]"),
        (lambda: power_law_spectrum(5, exponent=-1), "negative"),
        (lambda: covariance_spectrum(np.ones((4, 3))), "all 4 rows of X are equal"),
        (lambda: covariance_spectrum([[1.0, np.nan], [0, 0]]), "NaN"),
        (lambda: covariance_spectrum([[1.0, 2.0]]), "1 rows"),
    ],
)
def test_bad_input(call, word):
    with pytest.raises(UsageError, match=word):
        call()
