"""Rounding to bfloat16 against torch, and the top k under ties against every tie-break."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_utils.errors import UsageError
from paper_utils.geometry.rounding import to_bfloat16, top_k_kept


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


@settings(max_examples=60, deadline=None)
@given(
    coarse=st.lists(st.integers(0, 2), min_size=3, max_size=6),
    k=st.integers(1, 2),
    seed=st.integers(0, 1000),
)
def test_expectation_over_every_order_of_ties(coarse, k, seed):
    n = len(coarse)
    exact = np.random.default_rng(seed).permutation(n).astype(float)
    best = set(np.argsort(-exact)[:k].tolist())
    shares = []
    for order in itertools.permutations(range(n)):
        ranked = sorted(order, key=lambda i: -coarse[i])  # stable: ties keep this order
        shares.append(len(best & set(ranked[:k])) / k)
    got = top_k_kept([exact], [coarse], k)
    assert got == pytest.approx([np.mean(shares)])


def test_all_equal_is_chance_and_exact_is_all():
    S = np.random.default_rng(0).normal(size=(20, 50))
    assert top_k_kept(S, S, 10) == pytest.approx(1)
    assert top_k_kept(S, np.zeros_like(S), 10) == pytest.approx(10 / 50)


@pytest.mark.parametrize(
    ("exact", "coarse", "k", "word"),
    [
        (np.eye(3), np.eye(4), 1, "must agree"),
        (np.eye(3), np.eye(3), 3, "from 1 to 2"),
        (np.eye(3), np.eye(3), 0, "from 1 to 2"),
        (np.eye(3), np.full((3, 3), np.nan), 1, "coarse has NaN"),
    ],
)
def test_bad_input(exact, coarse, k, word):
    with pytest.raises(UsageError, match=word):
        top_k_kept(exact, coarse, k)
