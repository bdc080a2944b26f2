"""Noise in its four readings against closed forms; codes against torch and numpy."""

from __future__ import annotations

import numpy as np
import pytest

from paper_utils.errors import UsageError
from paper_utils.geometry.perturb import (
    READINGS,
    cosine_after_noise,
    noise_sd,
    perturb,
    to_bfloat16,
    to_binary,
    to_int8,
    truncate,
)

NOISE = 1e-4


@pytest.mark.parametrize("norm", [1.0, 10.0])
@pytest.mark.parametrize("reading", READINGS)
def test_noise_has_the_size_that_the_reading_says(reading, norm):
    X = np.zeros((4000, 50))
    X[:, 0] = norm
    noise = perturb(X, NOISE, reading, seed=3) - X
    variance = {
        "A": NOISE * norm**2,
        "B": NOISE * norm,
        "C": NOISE * norm**2 / 50,
        "D": (NOISE * norm) ** 2,
    }[reading]
    # 200,000 draws: the relative standard error of a variance is sqrt(2/n) = 0.3%.
    assert noise.var() == pytest.approx(variance, rel=0.015)
    assert abs(noise.mean()) < 5 * np.sqrt(variance / noise.size)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("d", [384, 768, 3072])
def test_cosine_in_closed_form(reading, d):
    X = np.random.default_rng(0).normal(size=(300, d))
    norm = float(np.linalg.norm(X, axis=1).mean())
    X *= norm / np.linalg.norm(X, axis=1, keepdims=True)
    Y = perturb(X, NOISE, reading, seed=1)
    cosines = (X * Y).sum(axis=1) / norm / np.linalg.norm(Y, axis=1)
    expected = cosine_after_noise(NOISE, d, reading, norm=norm)
    slack = 4 * cosines.std() / np.sqrt(300) + 1e-4  # the error is of order sd²/norm² = 1e-4
    assert cosines.mean() == pytest.approx(expected, abs=slack)


def test_published_table_of_readings():
    """Values of the review, from (1 + 1e-4 d)^(-1/2): d in place of d - 1."""
    for d, value in {384: 0.9813, 768: 0.9637, 896: 0.9580, 1024: 0.9524, 3072: 0.8746}.items():
        assert cosine_after_noise(NOISE, d, "A") == pytest.approx(value, abs=1e-4)
        assert cosine_after_noise(NOISE, d, "C") == pytest.approx(0.99995, abs=1e-5)
        assert cosine_after_noise(NOISE, d, "B") == cosine_after_noise(NOISE, d, "A")
    assert cosine_after_noise(NOISE, 384, "B", norm=10) == pytest.approx(0.9981, abs=5e-5)


def test_noise_is_no_copy_of_vectors_from_the_same_seed():
    for seed in (0, 1, 7):
        X = np.random.default_rng(seed).standard_normal((200, 50))
        noise = perturb(X, 1.0, "C", seed) - X
        assert abs(np.corrcoef(X.ravel(), noise.ravel())[0, 1]) < 0.05


def test_same_seed_same_noise_and_types_are_kept():
    X = np.ones((5, 4), dtype=np.float32)
    one, two = perturb(X, NOISE, seed=1), perturb(X, NOISE, seed=1)
    assert one.dtype == np.float32 and (one == two).all()
    assert (perturb(X, NOISE, seed=2) != one).any()
    assert (perturb(X, 0.0) == X).all()
    assert (X == 1).all()


def test_int8_is_off_by_half_a_step_at_most_and_has_256_levels():
    X = np.random.default_rng(0).normal(size=(3000, 6))
    Y = to_int8(X)
    step = (X.max(axis=0) - X.min(axis=0)) / 255
    assert (np.abs(Y - X) <= step / 2 + 1e-6).all()
    assert max(len(np.unique(column)) for column in Y.T) <= 256
    assert to_int8(Y) == pytest.approx(Y, abs=1e-5)  # a second time changes nothing
    constant = np.tile([[0.1, -3.0]], (4, 1))
    assert to_int8(constant) == pytest.approx(constant)


def test_binary_products_count_differing_signs():
    X, Y = np.random.default_rng(0).normal(size=(2, 20, 30))
    A, B = to_binary(X), to_binary(Y)
    hamming = ((X > 0)[:, None] != (Y > 0)[None]).sum(axis=2)
    assert (A @ B.T == 30 - 2 * hamming).all()


def test_truncation_keeps_the_first():
    X = np.arange(12.0).reshape(3, 4)
    assert (truncate(X, 4) == X).all() and truncate(X, 1).tolist() == [[0], [4], [8]]


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: perturb(np.eye(2), -1e-4), "0 or more"),
        (lambda: perturb(np.eye(2), np.nan), "finite"),
        (lambda: perturb(np.eye(2), NOISE, "E"), "unknown reading 'E'"),
        (lambda: perturb(np.eye(2), NOISE, "a"), "unknown reading 'a'"),
        (lambda: perturb(np.eye(2), NOISE, seed=-1), "seed"),
        (lambda: perturb([[1.0, np.nan]]), "NaN"),
        (lambda: perturb([[1.0, 0.0], [0.0, 0.0]]), "zero rows"),
        (lambda: perturb([1.0, 2.0]), "shape"),
        (lambda: noise_sd(NOISE, 0), "at least 1"),
        (lambda: noise_sd(NOISE, 3, norm=0.0), "above 0"),
        (lambda: to_int8([[np.inf]]), "infinite"),
        (lambda: to_binary([[0.0, 0.0]]), "zero rows"),
        (lambda: truncate(np.eye(3), 4), "from 1 to 3"),
        (lambda: truncate(np.eye(3), 0), "from 1 to 3"),
    ],
)
def test_bad_input(call, word):
    with pytest.raises(UsageError, match=word):
        call()


def test_rounding_is_torchs():
    import torch

    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=5000), 10.0 ** rng.uniform(-30, 30, 5000), [0.0, -0.0]])
    x = np.concatenate([x, 1 + np.arange(64) / 512]).astype(np.float32)  # ties too
    expected = torch.from_numpy(x).to(torch.bfloat16).float().numpy()
    assert (to_bfloat16(x) == expected).all()


def test_rounding_rejects_what_it_cannot_hold():
    with pytest.raises(UsageError, match="finite"):
        to_bfloat16([1.0, np.nan])
