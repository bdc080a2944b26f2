"""The replica of the 50k LIMIT against what was released and published."""

import hashlib
import re

import numpy as np
import pytest

from paper_utils.data.sources import data_file
from paper_utils.errors import UsageError
from paper_utils.limit.replica import limit_replica, released_attributes
from paper_utils.published import published
from paper_utils.search.bm25 import BM25
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.search.tokenizer import WordTokenizer

pytestmark = pytest.mark.realdata


def test_is_made_as_described():
    data = limit_replica(3000)
    assert len(released_attributes()) == 1848 and len(data.attributes) == 1850
    lists = np.zeros((3000, 1850), dtype=bool)
    for document, row in enumerate(data.doc_attributes):
        assert len(row) == 45
        lists[document, row] = True
    assert (lists.sum(axis=1) == 45).all()
    assert (lists[:, data.query_attributes].T == data.qrels.toarray()).all()
    assert data.relevant.tolist() == list(range(46))
    # Distractors draw uniformly from the 850 that nobody asks for.
    counts = lists[46:].sum(axis=0)
    asked = np.zeros(1850, dtype=bool)
    asked[data.query_attributes] = True
    assert not counts[asked].any() and (~asked).sum() == 850
    expected = 2954 * 45 / 850
    assert ((counts[~asked] - expected) ** 2 / expected).sum() < 850 + 5 * np.sqrt(2 * 850)


def test_names_are_new_and_no_attribute():
    data = limit_replica(3000)
    assert len(set(data.doc_ids)) == 3000
    words = {w for a in data.attributes for w in re.findall(r"\w+", a.lower())}
    assert not any(w in words for name in data.doc_ids[46:] for w in name.lower().split())


def test_is_the_same_everywhere_and_smaller_ones_are_its_beginning():
    data = limit_replica(3000)
    assert limit_replica(100).documents == data.documents[:100]
    assert limit_replica(100, seed=1).documents != data.documents[:100]
    digest = hashlib.sha256("\n".join(data.documents).encode()).hexdigest()
    assert digest.startswith("e176a4bb36178b13")


@pytest.mark.slow
def test_stemmed_bm25_stands_where_it_was_published():
    data = limit_replica()
    bm25 = BM25(tokenizer=WordTokenizer(stemmer="english")).fit(data.documents)
    some = slice(0, 300)
    ranks = ranks_from_scores(bm25.scores(data.queries[some]), data.qrels[some])
    stated = published("limit-table-5").value["BM25"]["default"][2]
    assert abs(100 * recall_at_k(ranks, 100).mean() - stated) < 3  # 300 of 1,000 queries


def test_refuses(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="n_docs must be a whole number from 46, not 45"):
        limit_replica(45)
    with pytest.raises(UsageError, match="whole number"):
        limit_replica(1e3)
    source = data_file("limit", "queries.jsonl")
    monkeypatch.setenv("PAPER_DATA", str(tmp_path))
    with pytest.raises(UsageError, match="paper data fetch limit"):
        limit_replica(100)
    folder = tmp_path / "limit"
    folder.mkdir()
    for name in ("queries.jsonl", "qrels.jsonl"):
        (folder / name).write_bytes(source.with_name(name).read_bytes())
    with pytest.raises(UsageError, match=r"attributes\.txt is not here"):
        limit_replica(100)
    (folder / "attributes.txt").write_text("Tapirs\n")
    with pytest.raises(UsageError, match="not the released list"):
        limit_replica(100)
