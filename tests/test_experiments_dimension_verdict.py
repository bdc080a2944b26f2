"""The ablation behind the verdict on dimension."""

from __future__ import annotations

import numpy as np
import pytest

from paper_utils import generate_limit, load_encoder, results
from paper_utils.errors import UsageError
from paper_utils.experiments.dimension_verdict import ablation


@pytest.fixture(scope="module")
def found():
    return ablation("generated", n_docs=8)


def test_exact_codes_answer_every_query(found):
    for name in ("set codes", "curve in 4 dimensions"):
        assert set(found["recall"][name]["2"]) == {1.0}


def test_systems_answer_the_same_queries(found):
    pairs = found["pairs"]
    assert len(pairs) == 8 * 7 // 2 == len({tuple(pair) for pair in pairs})
    assert all(len(r) == len(pairs) for by in found["recall"].values() for r in by.values())
    for by in found["recall"].values():
        assert (np.array(by["10"]) == 1).all()  # of eight documents all are among ten


def test_pooled_is_what_the_encoder_returns(found):
    data = generate_limit(8)
    encoder = load_encoder("minilm")
    queries, documents = (encoder.encode(list(x)) for x in (data.queries, data.documents))
    order = np.argsort(-queries @ documents.T, axis=1)[:, :2]
    hits = [len(set(top) & set(pair)) / 2 for top, pair in zip(order, found["pairs"], strict=True)]
    assert found["recall"]["pooled"]["2"] == hits


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: ablation("limit-big"), "limit-big"),
        (lambda: ablation("generated", n_docs=2), "two relevant|n_docs|n = 2|k = 2"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(UsageError, match=said):
        call()


def test_the_record_holds_the_thousand_queries():
    released = results.get("dimension-ablation").value(source="limit-small")
    assert len(released["pairs"]) == 1000
    assert set(released["recall"]["set codes"]["2"]) == {1.0}
