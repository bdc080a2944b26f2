"""Titles that are encoded first are matched and judged like vectors of a file."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from embedding_audit.matching.encoded import encoded_inputs
from paper_utils import load_encoder
from paper_utils.errors import UsageError


def test_the_default_is_a_judged_catalogue():
    found = encoded_inputs("random", "diy", n_items=60, n_queries=10)
    assert (found.source["model"], found.source["catalogue"]) == ("random", "diy")
    want = load_encoder("random").encode(list(found.texts))
    assert np.array_equal(found.vectors.block(0, 60), want)
    asked = load_encoder("random").encode(list(found.query_texts))
    assert np.array_equal(found.queries.block(0, 10), asked)
    assert found.judgements.judged.all()
    assert set(found.judgements.grades.data) == {2.0}
    assert "brand" in found.columns


@pytest.fixture
def titles(tmp_path):
    """Titles with ids, one of them without a text, and queries with judgements by id."""
    rows = ["id,title", *(f"t{i},{'' if i == 2 else f'drill number {i}'}" for i in range(12))]
    (tmp_path / "titles.csv").write_text("\n".join(rows))
    (tmp_path / "queries.csv").write_text("qid,text\nq1,number 5\nq2,number 7\n")
    (tmp_path / "judged.qrels").write_text("q1 0 t5 1\nq2 0 t7 1\n")
    return tmp_path


def test_titles_with_ids_are_judged_by_them_whatever_rows_are_left_out(titles):
    found = encoded_inputs(
        "random",
        str(titles / "titles.csv"),
        queries=titles / "queries.csv",
        qrels=titles / "judged.qrels",
    )
    relevant = found.judgements.relevant.tocoo()
    assert [found.texts[row] for row in relevant.col] == ["drill number 5", "drill number 7"]
    assert found.query_texts == ("number 5", "number 7")


def test_row_numbers_of_a_file_of_which_rows_are_left_out_are_refused(titles):
    lines = (titles / "titles.csv").read_text().splitlines()
    (titles / "bare.csv").write_text(
        "title,note\n" + "\n".join(line.partition(",")[2] + ",x" for line in lines[1:])
    )
    with pytest.raises(UsageError, match="11 of 12 rows are audited"):
        encoded_inputs(
            "random", str(titles / "bare.csv"), queries=["number 5"], qrels={"0": {"5": 1}}
        )


def test_judgements_need_queries_and_the_book_needs_its_packages(titles, monkeypatch):
    with pytest.raises(UsageError, match="judgements need queries"):
        encoded_inputs("random", str(titles / "titles.csv"), qrels={"0": {"5": 1}})
    monkeypatch.setitem(sys.modules, "paper_utils.encoders", None)
    with pytest.raises(UsageError, match=r"pip install 'dual-encoder-limits\[book\]'"):
        encoded_inputs("random", "diy")
