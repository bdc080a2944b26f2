"""Vectors kept on disk: whole or not at all, computed once, resumed after an interrupt."""

from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_utils.encoders import base
from paper_utils.encoders.cache import cache_folder, get_or_compute

KEY = "ab" + 62 * "0"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PAPER_CACHE", str(tmp_path))


class Counting(base.TextEncoder):
    """Vectors that tell the text; remembers what it was asked for."""

    dim = 2

    def __init__(self, fail_at: int | None = None) -> None:
        super().__init__("counting")
        self.asked: list[str] = []
        self.fail_at = fail_at

    def recipe(self):
        return {"encoder": "counting"}

    def _vectors(self, texts, bar):
        if self.fail_at is not None and len(self.asked) >= self.fail_at:
            raise KeyboardInterrupt
        self.asked += texts
        bar.update(len(texts))
        return np.array([[len(text), hash(text) % 1000] for text in texts], dtype=np.float32)


def entries():
    return sorted(cache_folder().rglob("*.safetensors"))


def test_kept_vectors_are_read_and_not_computed_again():
    first, second = Counting(), Counting()
    texts = ["drill", "saw", "drill", ""]
    np.testing.assert_array_equal(first.encode(texts), second.encode(texts))
    assert sorted(first.asked) == ["", "drill", "saw"]  # each distinct text once
    assert second.asked == []


def test_another_order_of_the_same_texts_reads_the_same_entry():
    Counting().encode(["drill", "saw", "bit"])
    encoder = Counting()
    X = encoder.encode(["saw", "bit", "drill", "saw"])
    assert encoder.asked == []
    np.testing.assert_array_equal(X[:, 0], [3, 3, 5, 3])


def test_cache_false_reads_and_writes_nothing():
    encoder = Counting()
    encoder.encode(["drill"], cache=False)
    encoder.encode(["drill"], cache=False)
    assert encoder.asked == ["drill", "drill"]
    assert not cache_folder().exists()


def test_an_interrupted_run_goes_on_where_it_stopped(monkeypatch):
    monkeypatch.setattr(base, "CHUNK", 10)
    texts = [f"title {i}" for i in range(35)]
    with pytest.raises(KeyboardInterrupt):
        Counting(fail_at=20).encode(texts)
    assert len(entries()) == 2
    resumed, whole = Counting(), Counting()
    X = resumed.encode(texts)
    assert len(resumed.asked) == 15
    np.testing.assert_array_equal(X, whole.encode(texts, cache=False))


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "other shape", "no checksum"])
def test_a_damaged_entry_is_dropped_with_one_line_and_computed_again(damage, caplog):
    from safetensors.numpy import save_file

    expected = Counting().encode(["drill", "saw"])
    (entry,) = entries()
    data = bytearray(entry.read_bytes())
    if damage == "truncate":
        entry.write_bytes(data[:-5])
    elif damage == "flip":
        data[-3] ^= 1
        entry.write_bytes(data)
    elif damage == "empty":
        entry.write_bytes(b"")
    elif damage == "other shape":
        save_file({"vectors": expected[:1]}, entry)
    else:
        save_file({"vectors": expected}, entry)
    encoder = Counting()
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(encoder.encode(["drill", "saw"]), expected)
    assert sorted(encoder.asked) == ["drill", "saw"]
    (record,) = caplog.records
    assert "damaged" in record.getMessage() and "\n" not in record.getMessage()
    caplog.clear()
    again = Counting()
    again.encode(["drill", "saw"])
    assert again.asked == [] and not caplog.records


def test_a_half_written_file_of_a_killed_run_does_no_harm():
    Counting().encode(["drill"])
    (entry,) = entries()
    entry.rename(entry.with_suffix(".tmp"))
    Counting().encode(["drill"])
    assert entry.exists() and not entry.with_suffix(".tmp").exists()


def test_a_folder_that_cannot_be_written_costs_a_warning_only(tmp_path, monkeypatch, caplog):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    monkeypatch.setenv("PAPER_CACHE", str(blocked))
    assert Counting().encode(["drill"]).shape == (1, 2)
    assert "PAPER_CACHE" in caplog.text


def test_nothing_but_entries_stays_behind():
    Counting().encode(["drill"])
    assert [p.suffix for p in cache_folder().rglob("*") if p.is_file()] == [".safetensors"]


COMPUTE = """
import sys, time
from pathlib import Path
import numpy as np
from paper_utils.encoders.cache import get_or_compute

def compute():
    with Path(sys.argv[1]).open("a") as file:
        file.write("computed\\n")
    time.sleep(0.5)
    return np.full((2, 3), 7, dtype=np.float32)

print(get_or_compute(sys.argv[2], compute, shape=(2, 3)).sum())
"""


def test_two_processes_that_want_the_same_vectors_compute_them_once(tmp_path):
    log = tmp_path / "log"
    command = [sys.executable, "-c", COMPUTE, str(log), KEY]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [run.communicate()[0].strip() for run in runs] == ["42.0"] * 3
    assert log.read_text().splitlines() == ["computed"]


def test_an_error_while_computing_keeps_nothing_and_frees_the_lock():
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        get_or_compute(KEY, fail, shape=(1, 1))
    assert get_or_compute(KEY, lambda: np.ones((1, 1), np.float32), shape=(1, 1)) == 1


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_keys_of_different_lists_differ(one, other):
    assert (base.texts_key("k", one) == base.texts_key("k", other)) == (one == other)


def test_the_key_of_the_encoder_is_part_of_the_key():
    assert base.texts_key("k", ["a"]) != base.texts_key("l", ["a"])
