"""NUMEN's rows against a plain ranking, and against what its authors and others print."""

import numpy as np
import pytest

from paper_chapters.numen.beside_bm25 import PAIRS, beside_bm25
from paper_chapters.numen.table import VARIANTS, ablation, numen_row
from paper_utils import UsageError, ranks_from_scores, recall_at_k
from paper_utils.limit.collection import named_collection
from paper_utils.published import published
from test_search_hashing import plain


def test_row_is_that_of_the_plain_loop():
    data = named_collection("generated", 120)
    documents = np.array([plain(text, 512) for text in data.documents])
    queries = np.array([plain(text, 512) for text in data.queries])
    ranks = ranks_from_scores((queries @ documents.T).round(12), data.qrels)
    row = numen_row("generated", 512, 0, 120)
    for k, (mean, low, high) in row["recall"].items():
        assert mean == pytest.approx(recall_at_k(ranks, int(k)).mean(), abs=1e-9)
        assert low <= mean <= high
    assert row["entries"] == pytest.approx((documents > 0).sum(axis=1).mean())


def test_published_variant_is_the_row():
    row = numen_row("generated", 1024, 0, 120)
    assert ablation("as published", 1024, "generated", 120) == row
    assert set(VARIANTS) > {"DSSM", "no markers", "FNV-1a"}


def test_paired_differences_are_those_of_the_means():
    found = beside_bm25("generated", 0, 150)
    for name, (first, second) in PAIRS.items():
        difference = found["recall"][first]["100"][0] - found["recall"][second]["100"][0]
        assert found["paired"][name]["difference"][0] == pytest.approx(difference, abs=1e-12)
        assert 0 <= found["paired"][name]["p"] <= 1


@pytest.mark.parametrize(
    "call",
    [lambda: numen_row("limt", 512, 0), lambda: ablation("no marker", 512, "generated", 120)],
)
def test_unknown_names(call):
    with pytest.raises(UsageError):
        call()


@pytest.mark.realdata
def test_limit_small_has_the_values_of_the_ledger():
    # claims.md, section 3: 54.8 / 89.5 / 96.9 at 512 dimensions on the released LIMIT-small.
    recall = numen_row("limit-small", 512, 0, 46)["recall"]
    assert [round(100 * recall[k][0], 1) for k in ("2", "10")] == [54.8, 89.5]
    assert 100 * recall["20"][0] == pytest.approx(96.9, abs=0.06)


@pytest.mark.realdata
@pytest.mark.parametrize("d", [8192, 32_768])
def test_replica_is_near_the_published_row(d):
    recall = numen_row("replica", d, 0)["recall"]
    for (k, values), claimed in zip(recall.items(), published("numen-table").value[d], strict=True):
        assert 100 * values[0] == pytest.approx(claimed, abs=3.0 if k == "2" else 1.0)
