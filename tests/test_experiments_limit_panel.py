"""Rows of pretrained encoders on LIMIT-small: scores against direct computation."""

import numpy as np
import pytest

from paper_chapters.limit.panel_rows import (
    by_halves,
    one_vector,
    panel_row,
    recalls,
    states,
    token_by_token,
)
from paper_utils.checks import unit_rows
from paper_utils.encoders import load_encoder
from paper_utils.errors import UsageError
from paper_utils.geometry.query_bank import csls
from paper_utils.limit.generate import generate_limit
from paper_utils.search.late_interaction import maxsim
from paper_utils.statistics import shared_interval

UNTRAINED = load_encoder("untrained")


@pytest.fixture(scope="module")
def data():
    return generate_limit(8)


def test_no_query_enters_its_own_correction():
    rows = np.random.default_rng(0).normal(size=(7, 3))
    found = by_halves(rows, lambda mine, bank: mine - bank.sum(axis=0))
    assert np.allclose(found[0], rows[0] - rows[1::2].sum(axis=0))
    assert np.allclose(found[3], rows[3] - rows[::2].sum(axis=0))


def test_one_vector_is_the_cosine(data):
    scores = one_vector(UNTRAINED, data)
    U, V = (unit_rows(UNTRAINED.encode(list(x))) for x in (data.documents, data.queries))
    assert np.abs(scores["raw"] - V @ U.T).max() < 1e-5
    left = unit_rows(V[1] - V[::2].mean(axis=0, keepdims=True))
    right = unit_rows(U - U.mean(axis=0))
    assert np.abs(scores["centred"][1] - left @ right.T).max() < 1e-5


def test_tokens_are_compared_as_they_are_and_centred(data):
    scores = token_by_token(UNTRAINED, data)
    queries, documents = (states(UNTRAINED, x) for x in (data.queries, data.documents))
    assert np.abs(scores["raw"] - maxsim(queries, documents)).max() < 1e-5
    mean = np.concatenate(documents).mean(axis=0)
    own = queries[2] - np.concatenate(queries[1::2]).mean(axis=0)
    expected = maxsim([own], [rows - mean for rows in documents])
    assert np.abs(scores["centred"][2] - expected).max() < 1e-4


def test_recalls_have_intervals_for_shared_documents(data):
    scores = np.random.default_rng(1).normal(size=data.qrels.shape)
    best = np.argsort(-scores, axis=1)[:, :2]
    hits = np.take_along_axis(data.qrels.toarray(), best, axis=1).mean(axis=1)
    assert recalls(data, scores)["recall@2"] == pytest.approx(shared_interval(hits, data.qrels)[:3])


def test_csls_takes_nothing_where_all_documents_are_alike():
    cosines = np.tile([0.5, 0.2], (6, 1))
    assert np.allclose(csls(cosines, cosines), cosines)


def test_unknown_kinds_are_named():
    with pytest.raises(UsageError, match="no kind 'token'"):
        panel_row("token", "minilm")
