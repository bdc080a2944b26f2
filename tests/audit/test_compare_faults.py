"""Faults that are put in are found, and sound sets have none."""

import numpy as np
import pytest

from embedding_audit.cloud.points import InMemoryPoints
from embedding_audit.compare.controls import hubby_cloud, sampled_skewness, sound_cloud
from embedding_audit.compare.faults import (
    FAULTS,
    ToyEncoder,
    alarms,
    audited,
    inject_faults,
    toy_base,
    toy_texts,
)

#: Of 400 rows a twentieth is 20: too few, and the audit says nothing rather than something wrong.
UNSEEN = {"two models, a twentieth"}


@pytest.fixture(scope="module")
def table():
    return inject_faults([toy_base()])


def test_faults_are_found_and_their_controls_are_clean(table):
    assert len(table) == len(FAULTS)
    assert {row["fault"] for row in table if not row["found"]} <= UNSEEN
    assert not [row for row in table if row["false alarm"]]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("needs", ["texts", "judgements", "against"])
def test_sound_sets_raise_no_alarm(seed, needs):
    base = toy_base(300, seed=seed)
    assert alarms(audited(base, base, needs)) == []


def test_directions_at_random_raise_no_alarm():
    for seed in range(3):
        base = toy_base(220, seed=seed)
        rows = sound_cloud(220, 32, seed).astype(np.float32)
        assert alarms(audited(base.__class__(**{**vars(base), "rows": rows}), base, "")) == []


def test_the_toy_encoder_is_a_function_of_the_text():
    texts = toy_texts(50, 0)
    model = ToyEncoder(32, 0)
    rows = model.encode(texts)
    assert rows == pytest.approx(ToyEncoder(32, 0).encode(texts[::-1])[::-1])
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1)
    assert model.encode(["a b"], most=1) == pytest.approx(model.encode(["a"]))
    same = np.einsum("ij,ij->i", rows, model.encode(texts, prefix="query for"))
    other = np.einsum("ij,ij->i", rows, ToyEncoder(32, 1).encode(texts))
    assert same.mean() > 0.6 > 0.3 > abs(other.mean())


def test_estimates_of_the_skewness_from_samples_have_no_bias():
    exact, estimates = sampled_skewness(InMemoryPoints(hubby_cloud(600, 64, 0)), 150, draws=60)
    error = estimates.std(ddof=1) / np.sqrt(len(estimates))
    assert abs(estimates.mean() - exact) < 4 * error
    assert exact > 1
