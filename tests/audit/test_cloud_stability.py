"""Overlaps of changed vectors against full scores, by every metric."""

import numpy as np
import pytest
from cloud_rows import cloud_rows, measured, sound_rows, vectors_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from embedding_audit.cloud import overlap
from embedding_audit.cloud.points import InMemoryPoints
from paper_utils.checks import unit_rows
from paper_utils.geometry.perturb import to_bfloat16, to_binary, to_int8, truncate
from paper_utils.geometry.stability import rank_margin, topk_overlap


def compared(Q, X, metric):
    """Return scores in double precision."""
    Q, X = Q.astype(float), X.astype(float)
    if metric == "cosine":
        X = unit_rows(X)
    return Q @ X.T - (metric == "l2") * (X * X).sum(axis=1) / 2


def setting_of(Q, X, names, own=None, metric="cosine"):
    """Return what the overlaps of some queries need."""
    own = np.full(len(Q), -1) if own is None else own
    norms = np.linalg.norm(X, axis=1)
    rest = (X.min(axis=0), X.max(axis=0), norms, np.arange(len(X)), 48, 0, metric)
    return overlap.Setting(Q, own, names, *rest)


@pytest.mark.parametrize("block", [16_384, 130])
@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_overlaps_are_those_of_full_scores(monkeypatch, block, metric):
    monkeypatch.setattr(overlap, "BLOCK", block)
    monkeypatch.setattr(overlap, "_TASK", 4 * block)
    X, Q = cloud_rows(n=900, d=32, duplicates=300), cloud_rows(n=50, d=32, seed=1, duplicates=0)
    if metric == "cosine":
        X, Q = (unit_rows(rows).astype(np.float32) for rows in (X, Q + X[0]))
    else:
        X, Q = X / 16, (Q + X[0]) / 16
    names = overlap.applicable(32, metric)
    found = overlap.overlaps(InMemoryPoints(X), setting_of(Q, X, names, metric=metric), 10)
    exact = compared(Q, X, metric).astype(np.float32)
    after = {
        "bfloat16": compared(to_bfloat16(Q), to_bfloat16(X), metric),
        "int8": compared(Q, to_int8(X), metric),
        "binary": compared(Q, to_binary(X), "dot"),
        "hamming": compared(to_binary(Q), to_binary(X), "dot"),
        "half": compared(truncate(Q, 16), truncate(X, 16), metric),
        "eighth": compared(truncate(Q, 4), truncate(X, 4), metric),
        "dot" if metric == "cosine" else "cosine": compared(
            Q, X, "dot" if metric == "cosine" else "cosine"
        ),
    }
    assert set(after) < set(found)
    for name, scores in after.items():
        want = topk_overlap(exact, scores.astype(np.float32), 10).overlap.mean()
        assert found[name].mean() == pytest.approx(want, abs=0.006), name
    margins = rank_margin(exact, 10)
    assert np.median(found["margin"]) == pytest.approx(np.median(margins), abs=1e-4)
    assert (found["margin"] == 0).mean() == pytest.approx((margins == 0).mean(), abs=0.05)


@given(
    arrays(np.int64, (3, 12), elements=st.integers(0, 4)),
    arrays(np.int64, (3, 12), elements=st.integers(0, 4)),
    st.integers(1, 11),
)
def test_the_overlap_of_all_queries_at_once_is_that_of_each(before, after, k):
    want = topk_overlap(before, after, k).overlap
    assert overlap.expected_overlap(before, after, k) == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("n", [14, 200])
def test_rows_that_are_queries_do_not_find_themselves(n):
    X = unit_rows(cloud_rows(n=n, duplicates=0)).astype(np.float32)
    own = np.arange(10)
    found = overlap.overlaps(InMemoryPoints(X), setting_of(X[:10], X, ("int8",), own), 5)
    exact = compared(X[:10], X, "cosine")
    exact[own, own] = -2
    assert np.median(found["margin"]) == pytest.approx(np.median(rank_margin(exact, 5)), abs=1e-6)
    after = compared(X[:10], to_int8(X), "cosine")
    after[own, own] = -2
    want = topk_overlap(exact.astype(np.float32), after.astype(np.float32), 5).overlap
    assert found["int8"] == pytest.approx(want, abs=1e-9)


def test_queries_that_are_documents_have_the_stability_of_rows():
    rows = sound_rows(300, 16)
    own = np.arange(300)
    alone = measured(rows).measures
    left_out = measured(rows, queries=vectors_of(rows), own=own).measures
    found = measured(rows, queries=vectors_of(rows)).measures
    for key in ("stability.int8", "stability.binary", "stability.noise_a", "stability.margin"):
        assert left_out[key].value == pytest.approx(alone[key].value, abs=1e-12), key
    assert found["stability.binary"].value > left_out["stability.binary"].value + 0.02


def test_noise_has_the_size_that_it_says_and_goes_by_content():
    setting = setting_of(np.ones((1, 32), np.float32), np.ones((9, 32), np.float32), ())
    content = np.arange(5000)
    noise = overlap._noise(setting, 32, content)
    assert noise.std() == pytest.approx(1, abs=0.02)
    assert np.abs(np.corrcoef(noise[:400]) - np.eye(400)).max() < 0.95
    assert np.array_equal(overlap._noise(setting, 32, content[::-1]), noise[::-1])
