"""The ablation behind the verdict on dimension."""

from __future__ import annotations

import numpy as np
import pytest

from paper_chapters.additive_codes.fit import document_effect
from paper_chapters.dimension_verdict.ablation import ablation, change
from paper_chapters.dimension_verdict.changes import gain, members, recalls, share
from paper_chapters.dimension_verdict.token_identity import (
    COUNTED,
    MAXSIM,
    random_maxsim,
    token_identity,
    token_ids,
)
from paper_utils import generate_limit, load_encoder, results
from paper_utils.codes.additive_simulation import token_counts
from paper_utils.encoders.token_states import token_states
from paper_utils.errors import UsageError
from paper_utils.search.late_interaction import maxsim
from paper_utils.statistics import shared_interval


@pytest.fixture(scope="module")
def found():
    return ablation("generated", n_docs=9)


@pytest.fixture(scope="module")
def pooled_hits():
    """Recall@2 of each query, from the encoder's vectors alone."""
    data = generate_limit(9)
    encoder = load_encoder("minilm")
    queries, documents = (encoder.encode(list(x)) for x in (data.queries, data.documents))
    order = np.argsort(-queries @ documents.T, axis=1)[:, :2]
    pairs = data.qrels.indices.reshape(-1, 2)
    hits = [len(set(top) & set(pair)) / 2 for top, pair in zip(order, pairs, strict=True)]
    return np.array(hits), data.qrels


def test_exact_codes_answer_every_query(found):
    for name in ("set codes", "curve in 4 dimensions"):
        assert found["recall"][name] == found["at_10"][name] == 1.0
        assert change(found, name) == (100.0, 0.0)


def test_pooled_is_what_the_encoder_returns(found, pooled_hits):
    hits, _ = pooled_hits
    assert found["n_queries"] == len(hits) == 36
    assert found["recall"]["pooled"] == pytest.approx(hits.mean(), rel=1e-12)


def test_intervals_allow_for_queries_that_share_documents(found, pooled_hits):
    hits, qrels = pooled_hits
    alone = np.array(found["covariance"])[0, 0]
    assert alone == pytest.approx(hits.var(ddof=1) / len(hits), rel=1e-9)
    shared = np.array(found["sharing"])[0, 0] * len(hits) / (len(hits) - 1)
    assert shared / alone == pytest.approx(document_effect(hits, qrels), rel=1e-9)
    mean, half = change(found, "pooled")
    assert mean == pytest.approx(100 * hits.mean())
    assert half >= 196 * np.sqrt(alone) * (1 - 1e-9)


def test_a_change_is_paired(found):
    gain, half = change(found, "set codes", "pooled")
    assert gain == pytest.approx(100 - 100 * found["recall"]["pooled"])
    assert half == pytest.approx(change(found, "pooled")[1])
    assert change(found, "pooled", "pooled") == (0.0, 0.0)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda found: ablation("limit-big"), "limit-big"),
        (lambda found: token_identity("replica"), "replica"),
        (lambda found: ablation("generated", n_docs=2), "n must be a whole number from 3, not 2"),
        (lambda found: change(found, "pool"), "did you mean 'pooled'"),
        (lambda found: change(found, "pooled", "bm25"), "bm25"),
    ],
)
def test_bad_input(found, call, said):
    with pytest.raises(UsageError, match=said):
        call(found)


def test_the_record_holds_the_thousand_queries():
    released = results.get("dimension-ablation").value(source="limit-small")
    assert released["n_queries"] == 1000
    assert released["recall"]["set codes"] == 1.0


def test_a_gain_has_the_interval_of_queries_that_share_documents(found, pooled_hits):
    hits, qrels = pooled_hits
    expected = shared_interval(100 * hits, qrels)
    measured = gain(found, "pooled")
    assert measured[:3] == pytest.approx(expected[:3])
    assert (recalls(found, "pooled") == hits).all()
    assert (members(found).toarray() == qrels.toarray()).all()
    assert gain(found, "pooled", "pooled").p == 1.0
    assert gain(found, "set codes", "pooled").p < 0.001


def test_a_share_is_a_ratio_of_means(pooled_hits):
    hits, qrels = pooled_hits
    whole = 1 - hits
    assert share(whole / 4, whole, qrels)[:3] == pytest.approx((0.25, 0.25, 0.25))
    parts = np.arange(len(hits)) % 2.0
    measured = share(parts, whole, qrels)
    assert measured.mean == pytest.approx(parts.mean() / whole.mean())
    assert measured.low < measured.mean < measured.high
    ones = np.ones(len(hits))
    assert share(hits, ones, qrels)[:3] == pytest.approx(shared_interval(hits, qrels)[:3])


def test_random_vectors_of_tokens_are_compared_by_maxsim():
    rng = np.random.default_rng(0)
    texts = [rng.integers(0, 30, size=rng.integers(2, 9)).tolist() for _ in range(14)]
    queries, documents = token_counts(texts[:4], texts[4:])
    vectors = np.random.default_rng(5).standard_normal((documents.shape[1], 6))
    table = dict(zip(dict.fromkeys(t for x in texts for t in x), vectors, strict=True))
    rows = [np.array([table[t] for t in x]) for x in texts]
    scores = random_maxsim(queries, documents, 6, seed=5)
    assert np.abs(scores - maxsim(rows[:4], rows[4:])).max() < 1e-5
    counted = [[sum(t in d for t in q) for d in texts[4:]] for q in texts[:4]]
    assert (scores >= np.array(counted) - np.array([[len(q)] for q in texts[:4]])).all()


def test_tokens_are_those_that_the_network_reads():
    texts = generate_limit(9).documents[:3]
    read = [None] * len(texts)
    for batch in token_states(load_encoder("minilm"), list(texts)):
        kept = batch.mask & ~batch.special
        for row, ids, keep in zip(batch.rows.tolist(), batch.ids, kept, strict=True):
            read[row] = ids[keep].tolist()
    assert token_ids(texts) == read


def test_identities_of_tokens_find_what_maxsim_over_states_finds():
    measured = results.get("dimension-token-identity").value(source="limit-small")
    released = results.get("dimension-ablation").value(source="limit-small")
    assert measured["pairs"] == released["pairs"]
    for name in (COUNTED, MAXSIM):
        assert np.mean(measured["per_query"][name]) == pytest.approx(
            np.mean(measured["draws"][name]), abs=1e-5
        )
        assert np.mean(measured["draws"][name]) > released["recall"]["MaxSim"]
