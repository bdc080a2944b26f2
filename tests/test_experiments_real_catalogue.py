"""Search over real titles and over WANDS: known answers, controls, bad files."""

from __future__ import annotations

import numpy as np
import pytest

from paper_chapters.real_catalogue.title_search import (
    Searcher,
    labels,
    measure,
    rules_checked,
)
from paper_chapters.real_catalogue.wands import load_wands
from paper_chapters.real_catalogue.wands_search import measure_wands
from paper_utils import results
from paper_utils.data.attributes import ATTRIBUTE_NAMES
from paper_utils.data.catalogue import load_catalogue
from paper_utils.data.title_task import title_task
from paper_utils.errors import UsageError


class Oracle:
    """Scores by the grades of whichever queries are given, or against them."""

    def __init__(self, task, sign=1.0):
        self.task, self.sign = task, sign

    def scores(self, queries):
        queries = tuple(queries)
        for known in (self.task.coarse, self.task.fine, self.task.minimal):
            if queries == known.texts:
                return self.sign * known.grades.toarray().astype(float)
        kinds = np.array([self.task.classes[self.task.titles.index(q)] for q in queries])
        return self.sign * (kinds[:, None] == self.task.classes[None, :]).astype(float)


@pytest.fixture(scope="module")
def task():
    return title_task(load_catalogue("diy", n_items=300, language="en"), "en", n_queries=40)


def test_an_oracle_gets_everything_and_its_opposite_nothing(task):
    right, wrong = measure(task, Oracle(task)), measure(task, Oracle(task, -1.0))
    for name in ("coarse", "fine", "fine recall"):
        assert right[name][0] > 0.8 and wrong[name][0] < right[name][0]
    assert right["coarse"] == [1.0, 1.0, 1.0] and right["neighbours"][0] == pytest.approx(1.0)
    assert right["pairs"]["all"] == [1.0, 1.0, 1.0] and wrong["pairs"]["all"] == [0.0, 0.0, 0.0]


def test_equal_scores_are_worth_half_a_pair(task):
    found = measure(task, Oracle(task, 0.0))
    assert found["pairs"]["all"] == [0.5, 0.5, 0.5]


def test_chance_is_half(task):
    low, high = measure(task, Searcher("chance", task.titles))["pairs"]["all"][1:]
    assert low < 0.5 < high


def test_an_attribute_with_few_pairs_is_not_measurable(task):
    found = measure(task, Searcher("BM25", task.titles))
    few = [n for n in ATTRIBUTE_NAMES if (task.fine.pairs["attribute"] == n).sum() < 200]
    assert few and all(found["pairs"][name] is None for name in few)


def test_an_unknown_system_is_named():
    with pytest.raises(UsageError, match="did you mean 'BM25'"):
        Searcher("BM2", ["a"])


def test_labels_hold_numbers_and_no_titles():
    table = labels()
    assert table["id"].nunique() >= 150
    assert table["id"].str.fullmatch(r"\d+").all()
    assert set(table["attribute"].dropna()) == set(ATTRIBUTE_NAMES)


@pytest.mark.realdata
def test_the_recorded_precision_is_that_of_the_labels():
    kept = results.get("real-catalogue-rules")
    assert kept.agrees(rules_checked("uhtt-tools"), catalogue="uhtt-tools")


PRODUCTS = "product_id\tproduct_name\tproduct_class\trating_count\n"
FILES = {
    "product.csv": PRODUCTS + "1\toak bed\tBeds\t\n2\tpine bed\tBeds\t3\n3\tred sofa\tSofas\t\n",
    "query.csv": "query_id\tquery\tquery_class\n0\toak bed\tBeds\n5\tsofa\tSofas\n6\tlamp\tLamps\n",
    "label.csv": (
        "id\tquery_id\tproduct_id\tlabel\n0\t0\t1\tExact\n1\t0\t2\tPartial\n2\t0\t3\tIrrelevant\n"
        "3\t5\t3\tExact\n5\t5\t2\tPartial\n4\t6\t1\tIrrelevant\n"
    ),
}


def written(folder, **changed):
    for name, text in (FILES | changed).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_wands_form_is_read_and_searched(tmp_path):
    data = load_wands(written(tmp_path))
    assert data.queries == ("oak bed", "sofa") and data.left_out == 1
    assert data.grades.toarray().tolist() == [[2, 1, 0], [0, 1, 2]]
    assert data.judged.toarray().sum() == 5
    found = measure_wands(data, "BM25")
    # 'sofa' leaves the two beds tied, so the partial one is second or third with equal chance.
    tied = (3 + (1 / np.log2(3) + 1 / np.log2(4)) / 2) / (3 + 1 / np.log2(3))
    assert found["ndcg"][0] == pytest.approx((1 + tied) / 2, abs=1e-5)
    assert found["recall"][0] == 1.0 and found["pairs"][0] == 1.0
    assert found["n"] == {"titles": 3, "queries": 2}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label.csv": "id\tquery_id\tproduct_id\tlabel\n0\t0\t1\tGood\n"}, "'Good' is none of"),
        (
            {"label.csv": "id\tquery_id\tproduct_id\tlabel\n0\t0\t9\tExact\n"},
            "unknown product: '9'",
        ),
        ({"label.csv": "id\tquery_id\tproduct_id\tlabel\n0\t8\t1\tExact\n"}, "unknown query: '8'"),
        ({"label.csv": "id\tquery_id\tproduct_id\tlabel\n0\t0\t1\tPartial\n"}, "judged 'Exact'"),
        (
            {"label.csv": FILES["label.csv"] + "9\t0\t1\tPartial\n"},
            "query 0 and product 1 twice",
        ),
        ({"product.csv": PRODUCTS + "1\ta\tb\t\n1\tc\td\t\n"}, "id '1' twice"),
        ({"query.csv": "query_id,query\n0,bed\n"}, "no column 'query_id'"),
    ],
)
def test_a_damaged_wands_is_refused(tmp_path, changed, message):
    with pytest.raises(UsageError, match=message):
        load_wands(written(tmp_path, **changed))


def test_wands_that_is_not_here_says_how_to_get_it(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"no file 'product\.csv'"):
        load_wands(tmp_path)
