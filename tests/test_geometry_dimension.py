"""Effective dimensions against closed forms, brute force and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_utils.errors import UsageError
from paper_utils.geometry.dimension import (
    ESTIMATORS,
    components_for,
    effective_dimension,
    entropy_rank,
    isoscore,
    participation_moments,
)
from paper_utils.geometry.spectrum import power_law_spectrum


def gaussian(n: int, spectrum: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(n, len(spectrum))) * np.sqrt(spectrum)


def complete_u_statistics(X: np.ndarray) -> tuple[float, float]:
    """Tr Σ² and (Tr Σ)² from all ordered quadruples of distinct rows."""
    sigma2, trace2 = [], []
    for i, j, k, l in itertools.permutations(range(len(X)), 4):  # noqa: E741
        a, b = X[i] - X[j], X[k] - X[l]
        sigma2.append((a @ b) ** 2 / 4)
        trace2.append((a @ a) * (b @ b) / 4)
    return math.fsum(sigma2) / len(sigma2), math.fsum(trace2) / len(trace2)


@pytest.mark.parametrize("d", [1, 3, 20])
@pytest.mark.parametrize("law", ["normal", "student"])
def test_unbiased_traces_are_the_complete_u_statistics(d, law):
    rng = np.random.default_rng(d)
    X = (rng.normal(size=(8, d)) if law == "normal" else rng.standard_t(2, size=(8, d))) + 5
    whole, _ = participation_moments(X)
    unit = np.abs(X).max() ** 4
    assert (whole.sigma2 * unit, whole.trace2 * unit) == pytest.approx(
        complete_u_statistics(X), rel=1e-11
    )


@pytest.mark.parametrize(("n", "d"), [(12, 4), (9, 30), (5, 2)])
def test_leaving_out_an_item_is_what_it_says(n, d):
    X = np.random.default_rng(n).standard_t(3, size=(n, d)) + 2
    _, left_out = participation_moments(X)
    for i in range(n):
        rest, _ = participation_moments(np.delete(X, i, axis=0))
        assert left_out.plug_in[i] == pytest.approx(rest.plug_in, rel=1e-10)
        assert left_out.unbiased[i] == pytest.approx(rest.unbiased, rel=1e-8)


def test_traces_are_unbiased_for_a_skewed_law():
    rng = np.random.default_rng(0)
    scale = np.array([3.0, 2.0, 1.0, 0.5])
    # Exponential draws: variance scale², kurtosis 9, and dependent through a common factor.
    mixing = np.linalg.cholesky(0.4 * np.ones((4, 4)) + 0.6 * np.eye(4))
    sigma = np.diag(scale) @ (mixing @ mixing.T) @ np.diag(scale)
    found = []
    for _ in range(20000):
        X = (rng.exponential(size=(8, 4)) - 1) @ mixing.T * scale
        unit = np.abs(X).max() ** 4
        whole, _ = participation_moments(X)
        found.append((whole.sigma2 * unit, whole.trace2 * unit))
    mean, se = np.mean(found, axis=0), np.std(found, axis=0) / math.sqrt(20000)
    assert (np.abs(mean - [np.trace(sigma @ sigma), np.trace(sigma) ** 2]) < 3.5 * se).all()


# d, true d_eff, n, draws.
TABLE = [(768, 121, 100, 60), (896, 182, 100, 60), (3072, 146, 300, 12), (768, 121, 1000, 8)]


@pytest.mark.parametrize(("d", "d_eff", "n", "draws"), TABLE)
def test_bias_of_the_plug_in_and_its_cure(d, d_eff, n, draws):
    rng = np.random.default_rng(n + d)
    spectrum = power_law_spectrum(d, d_eff=d_eff)
    plug_in, unbiased = [], []
    for _ in range(draws):
        whole, _ = participation_moments(gaussian(n, spectrum, rng))
        plug_in.append(whole.plug_in)
        unbiased.append(whole.unbiased)
    predicted = 1 / (1 / d_eff + 1 / (n - 1))
    assert np.mean(plug_in) == pytest.approx(predicted, rel=0.03)
    # The ratio leans upwards by the relative variance of its denominator.
    lean = d_eff * np.var(unbiased) / d_eff**2
    within = 3 * np.std(unbiased, ddof=1) / math.sqrt(draws) + lean
    assert np.mean(unbiased) == pytest.approx(d_eff, abs=within)
    assert within < 0.12 * d_eff
    assert max(plug_in) < min(d_eff, n - 1)


def test_standard_errors_cover():
    rng = np.random.default_rng(7)
    spectrum = power_law_spectrum(100, d_eff=30)
    draws = [effective_dimension(gaussian(150, spectrum, rng), "unbiased") for _ in range(300)]
    values, se = np.array([(x.value, x.se) for x in draws]).T
    # 95% nominal; a ratio with a jackknife error falls short of it by a little.
    assert 0.88 < np.mean(np.abs(values - 30) < 1.96 * se) < 0.99
    assert np.sqrt(np.mean(se**2)) == pytest.approx(values.std(), rel=0.15)
    plug_in = [effective_dimension(gaussian(150, spectrum, rng)) for _ in range(200)]
    assert np.mean([x.se for x in plug_in]) == pytest.approx(
        np.std([x.value for x in plug_in]), rel=0.2
    )


def test_gaussian_of_full_dimension():
    """The unbiased estimate of an isotropic Gaussian is its dimension, even for n < d."""
    X = np.random.default_rng(0).normal(size=(300, 400))
    assert effective_dimension(X, "unbiased").value == pytest.approx(400, rel=0.02)
    assert effective_dimension(X).value == pytest.approx(1 / (1 / 400 + 1 / 299), rel=0.02)


def published_isoscore(X: np.ndarray) -> float:
    """Algorithm 1 of Rudman et al. 2022, step by step."""
    d = X.shape[1]
    centred = X - X.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    projected = centred @ axes.T  # reorientation by PCA
    variances = np.diag(np.cov(projected.T))  # diagonal of the covariance
    normalised = math.sqrt(d) * variances / np.linalg.norm(variances)
    distance = np.linalg.norm(normalised - np.ones(d))
    defect = distance / math.sqrt(2 * (d - math.sqrt(d)))
    uniform = (d - defect**2 * (d - math.sqrt(d))) ** 2 / d**2
    return (d * uniform - 1) / (d - 1)


@pytest.mark.parametrize("kind", ["isotropic", "power", "shifted", "line"])
def test_isoscore_is_a_function_of_the_participation_ratio(kind):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 12))
    X = {
        "isotropic": X,
        "power": X * np.arange(1, 13) ** -1.0,
        "shifted": X + 50,
        "line": np.outer(X[:, 0], np.ones(12)) + 1e-6 * X,
    }[kind]
    assert isoscore(X) == pytest.approx(published_isoscore(X), abs=1e-9)
    assert isoscore(X) == pytest.approx((float(effective_dimension(X)) - 1) / 11, rel=1e-9)


def test_closed_forms_on_an_exact_spectrum():
    """Rows ±sqrt(l_i) e_i: the covariance is diagonal with the chosen eigenvalues."""
    levels = np.array([8.0, 4.0, 2.0, 1.0, 1.0])
    X = np.concatenate([np.diag(np.sqrt(levels)), -np.diag(np.sqrt(levels))])
    p = levels / 16
    expected = {
        "participation": 256 / 86,
        "effective-rank": math.exp(-(p * np.log(p)).sum()),
        "stable-rank": 2.0,
        "components-90": 4,  # 8 + 4 + 2 = 14 of 16 is not yet 90%
    }
    for name, value in expected.items():
        assert effective_dimension(X, name).value == pytest.approx(value, rel=1e-12)
    q = np.sqrt(levels) / np.sqrt(levels).sum()
    assert effective_dimension(X, "rankme").value == pytest.approx(
        math.exp(-(q * np.log(q)).sum()), rel=1e-12
    )


def test_rankme_is_not_centred():
    X = np.random.default_rng(0).normal(size=(200, 10))
    assert effective_dimension(X, "rankme").value > 9.8
    assert effective_dimension(X + 100, "rankme").value < 2
    for name in ("participation", "effective-rank", "stable-rank", "components-90"):
        assert effective_dimension(X + 100, name).value == pytest.approx(
            effective_dimension(X, name).value, rel=1e-9
        )


@pytest.mark.parametrize(("dimension", "ambient"), [(1, 5), (2, 20), (5, 30)])
def test_twonn_on_flat_and_curved_manifolds(dimension, ambient):
    rng = np.random.default_rng(dimension)
    flat = rng.random((3000, dimension)) @ rng.normal(size=(dimension, ambient))
    sphere = rng.normal(size=(3000, dimension + 1))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    for X in (flat, sphere):
        found = effective_dimension(X, "twonn")
        assert found.value == pytest.approx(dimension, abs=4 * found.se + 0.04 * dimension)
        # A span is something else than a manifold.
    assert effective_dimension(sphere).value == pytest.approx(dimension + 1, rel=0.02)


def test_twonn_drops_repetitions():
    X = np.random.default_rng(0).normal(size=(500, 3))
    assert (
        effective_dimension(np.concatenate([X, X[:200]]), "twonn").value
        == effective_dimension(X, "twonn").value
    )


def test_twonn_of_tight_pairs_does_not_cancel():
    rng = np.random.default_rng(0)
    X = 1 + 1e-6 * rng.normal(size=(1500, 2))
    near = effective_dimension(X, "twonn").value
    assert near == pytest.approx(effective_dimension((X - 1) * 1e6, "twonn").value, rel=1e-3)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(ESTIMATORS),
    seed=st.integers(0, 2**32 - 1),
    power=st.integers(-30, 30),
)
def test_invariant_to_scale_rotation_and_order(name, seed, power):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 6)) * np.arange(1, 7)
    rotation, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    other = rng.permutation(X) @ rotation * 10.0**power
    assert effective_dimension(other, name).value == pytest.approx(
        effective_dimension(X, name).value, rel=1e-6
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(5, 40), d=st.integers(1, 40))
def test_order_of_the_definitions(seed, n, d):
    """Rényi entropies fall with their order: rank >= exp H >= participation >= stable."""
    X = np.random.default_rng(seed).standard_t(3, size=(n, d))
    value = {
        name: effective_dimension(X, name).value
        for name in ("effective-rank", "participation", "stable-rank")
    }
    slack = 1 + 1e-9
    assert min(n - 1, d) * slack >= value["effective-rank"]
    assert value["effective-rank"] * slack >= value["participation"]
    assert value["participation"] * slack >= value["stable-rank"] >= 1 - 1e-9


def test_too_few_items_to_tell():
    # Four orthogonal differences: the unbiased trace of Σ² is not positive.
    found = effective_dimension(np.eye(4), "unbiased")
    assert found.value == math.inf
    assert math.isnan(found.se)


def test_zero_rows_are_points():
    X = np.random.default_rng(0).normal(size=(30, 4))
    X[3] = 0
    for name in ESTIMATORS:
        assert math.isfinite(effective_dimension(X, name).value)


def test_helpers():
    assert entropy_rank([5, 5]) == pytest.approx(2)
    assert components_for(np.ones(10), 0.9) == 9
    assert components_for([1, 2, 7], 1.0) == 3


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(
    ("X", "word"),
    [
        ([[1.0, np.nan]] * 12, "NaN"),
        ([[1.0, np.inf]] * 12, "infinite"),
        ([[1.0, 2.0]], "needed|distinct"),
        ([1.0, 2.0], "shape"),
        (np.zeros((12, 3)), "equal|zero|distinct"),
    ],
)
def test_bad_input(name, X, word):
    with pytest.raises(UsageError, match=word):
        effective_dimension(X, name)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: effective_dimension(np.eye(5), "participatoin"), "did you mean 'participation'"),
        (lambda: effective_dimension(np.eye(3)), "3 rows; at least 4"),
        (lambda: effective_dimension(np.eye(9), "twonn"), "10 distinct rows, X has 9"),
        (lambda: effective_dimension(np.eye(12), "twonn"), "equally far"),
        (lambda: isoscore([[1.0], [2.0]]), "at least 2 columns"),
        (lambda: components_for([1, 2], 0), r"\(0, 1\]"),
        (lambda: entropy_rank([-1, 2]), "negative"),
    ],
)
def test_bad_calls(call, word):
    with pytest.raises(UsageError, match=word):
        call()
