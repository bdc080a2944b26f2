"""Damaged files of every form give vectors or one line of error, and no wrong number."""

from __future__ import annotations

from fuzz_audit import KINDS, fuzz


def test_damaged_files_give_one_line_each_and_no_wrong_number():
    outcome = fuzz(24 * len(KINDS), seed=7)
    assert outcome["failures"] == []
    total = sum(outcome["counts"].values(), start=type(outcome["counts"]["npy"])())
    assert total["compared"] > 200 and total["refused"] > 500 and total["valid"] > 30
