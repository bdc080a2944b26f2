"""Two models in one index, and rows that were encoded in another way."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from embedding_audit.cloud.cloud import Cloud
from embedding_audit.cloud.points import InMemoryPoints
from embedding_audit.cloud.scan import scan
from embedding_audit.compare.controls import sound_cloud
from embedding_audit.compare.encoding import UNIMODAL, _guess, _parted, _words, find_encodings
from embedding_audit.compare.faults import ToyEncoder, toy_texts
from embedding_audit.compare.findings import belonging_findings
from embedding_audit.compare.mixture import _alignment, _sums, find_mixture
from embedding_audit.reading.vectors import Vectors

D = 160


def mixture_of(rows, seed=0):
    return find_mixture(InMemoryPoints(rows, np.arange(len(rows))), seed)


@pytest.fixture(scope="module")
def one_model():
    """Rows of one model, with their texts and topics."""
    texts = toy_texts(600, 1)
    topic = np.array([int(text.split()[1].removeprefix("kind")) for text in texts])
    return ToyEncoder(D, 1).encode(texts), list(texts), topic


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_rows_of_a_rotated_space_are_found(one_model, share):
    rows = one_model[0].copy()
    other = np.random.default_rng(0).random(len(rows)) < share
    rows[other] = rows[other] @ ortho_group.rvs(D, random_state=2).astype(np.float32)
    found = mixture_of(rows)
    assert found.measures["mixture.share"].value == pytest.approx(other.mean(), abs=0.1)
    assert other[found.rows].mean() > 0.98 or other[found.rows].mean() < 0.02
    assert abs(found.measures["mixture.alignment"].value) < 0.05
    assert [one.key for one in belonging_findings(found.measures)] == ["mixture.share"]


def test_topics_of_one_model_are_one_model(one_model):
    rows, _, topic = one_model
    for some in (topic >= 0, topic < 2, topic % 2 == 0):
        if some.sum() >= 200:
            found = mixture_of(rows[some])
            assert found.measures["mixture.share"].value in (0.0, None)
            assert not len(found.rows)


def test_rows_without_structure_are_not_judged():
    rows = sound_cloud(400, 24, 0).astype(np.float32)
    found = mixture_of(rows)
    assert not found.measures["mixture.share"].value
    few = mixture_of(rows[:150])
    assert "fewer than 200" in few.measures["mixture.share"].reason


def test_principal_components_are_not_judged(one_model):
    rows = one_model[0] - one_model[0].mean(axis=0)
    U, S, _ = np.linalg.svd(rows, full_matrices=False)
    reduced = (U * S)[:, :64]
    found = mixture_of((reduced / np.linalg.norm(reduced, axis=1, keepdims=True)).astype("f4"))
    assert "principal components" in found.measures["mixture.share"].reason


def test_the_mixture_does_not_depend_on_the_order_of_the_rows(one_model):
    rows = one_model[0]
    order = np.random.default_rng(3).permutation(len(rows))
    one, other = mixture_of(rows), mixture_of(rows[order])
    for key, measure in one.measures.items():
        assert measure.value == pytest.approx(other.measures[key].value, rel=1e-6)


def test_the_alignment_of_a_cloud_with_itself_is_one_and_with_a_rotation_is_nought():
    rng = np.random.default_rng(0)
    d, n = 12, 4000
    R = rng.normal(size=(2 * n, d)) * 0.7 ** np.arange(d)
    part = 20 * (np.arange(2 * n) % 2) + 40 * (np.arange(2 * n) >= n)
    same = _alignment(*_sums(R.astype(np.float32), part, 80), d)
    assert same[0] == pytest.approx(1, abs=0.03)
    covariances = [R[:n].T @ R[:n] / n, R[n:].T @ R[n:] / n]
    plain = [C - np.eye(d) * np.trace(C) / d for C in covariances]
    by_hand = (plain[0] * plain[1]).sum()
    sums, own, sizes = _sums(R.astype(np.float32), np.repeat([0, 1], n))
    assert sums[0, 1] / n**2 - own[0] * own[1] / n**2 / d == pytest.approx(by_hand, rel=1e-4)
    assert sizes.tolist() == [n, n]


def test_a_part_encoded_with_another_offset_is_found_where_words_do_not_tell(one_model):
    rows, texts, topic = one_model
    other = np.random.default_rng(5).random(len(rows)) < 0.4
    moved = rows.copy()
    moved[other] += 0.8 * np.eye(D, dtype=np.float32)[7]
    found = encodings(moved, texts)
    assert found.measures["encoding.split_share"].value == pytest.approx(other.mean(), abs=0.03)
    assert other[found.rows].mean() > 0.97
    assert found.measures["encoding.split_words"].value == pytest.approx(0.5, abs=0.1)
    # The same offset on the rows of some topics is what topics do.
    explained = rows.copy()
    explained[topic < 5] += 0.8 * np.eye(D, dtype=np.float32)[7]
    clean = encodings(explained, texts)
    assert clean.measures["encoding.split"].value > UNIMODAL
    assert clean.measures["encoding.split_share"].value == 0
    assert not belonging_findings(clean.measures)


def encodings(rows, texts):
    vectors = Vectors("rows", "array", np.asarray(rows, dtype=np.float32))
    return find_encodings(Cloud.of(vectors, scan(vectors), "cosine", 10, 50_000, 0), texts, 0)


def test_shuffled_texts_agree_with_nothing(one_model):
    rows, texts, _ = one_model
    order = np.random.default_rng(0).permutation(len(texts))
    found = encodings(rows, [texts[i] for i in order])
    agreement = found.measures["encoding.agreement"]
    assert agreement.low <= 0 <= agreement.high
    assert belonging_findings(found.measures)[0].key == "encoding.agreement"
    assert not found.measures["encoding.split_share"].measured
    assert encodings(rows, texts).measures["encoding.agreement"].low > 0.1


def test_equal_vectors_of_different_texts_and_equal_texts_with_different_vectors(one_model):
    rows, texts, _ = (list(part) for part in one_model)
    rows, texts = np.array(rows), texts.copy()
    rows[:6] = rows[0]  # six texts of one vector
    texts[1] = texts[0].upper() + "!"  # of which two are the same to an encoder
    texts[20:24] = [texts[19]] * 4
    rows[20] = rows[19]  # of four repeats one has the vector of the first
    texts[30] = texts[29]
    rows[30] = rows[29]
    found = encodings(rows, texts).measures
    # Rows 19 and 20, 29 and 30 share a vector and a text.
    assert found["encoding.one_vector"].value == pytest.approx(6 / 600)
    assert found["encoding.two_vectors"].value == pytest.approx(1 / 2)
    assert found["encoding.two_vectors"].n == 2


def test_the_uniform_distribution_has_the_largest_share_between_of_one_mode():
    assert _parted(np.linspace(0, 1, 10_001))[0] == pytest.approx(UNIMODAL, abs=1e-3)
    normal = np.random.default_rng(0).normal(size=100_000)
    assert _parted(normal)[0] == pytest.approx(2 / np.pi, abs=5e-3)
    share, second = _parted(np.r_[np.zeros(30), np.ones(10)])
    assert share == 1 and second.sum() == 10


def test_the_guess_is_the_area_under_the_curve():
    words = _words(["red one", "red two", "blue one", "blue two"] * 25)
    second = np.array([True, True, False, False] * 25)
    assert _guess(words, second) == 1
    assert _guess(words, np.random.default_rng(0).random(100) < 0.5) == pytest.approx(0.5, abs=0.2)
