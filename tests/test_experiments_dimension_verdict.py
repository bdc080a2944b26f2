"""The ablation behind the verdict on dimension."""

from __future__ import annotations

import numpy as np
import pytest

from paper_chapters.additive_codes.fit import document_effect
from paper_chapters.dimension_verdict.ablation import ablation, change
from paper_utils import generate_limit, load_encoder, results
from paper_utils.errors import UsageError


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
