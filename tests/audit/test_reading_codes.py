"""Whole numbers: packed bits, offset codes, bfloat16 or numbers, and never without a word."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_files import fbin, fvecs, npy, refused, write
from embedding_audit.reading import from_array, open_vectors
from paper_utils.errors import UsageError

RNG = np.random.default_rng(0)
#: Coordinates that depend on each other and lean to one side, as those of encoders do.
X = (RNG.normal(size=(500, 20)) @ RNG.normal(size=(20, 256)) + RNG.normal(size=256)).astype("f4")
PACKED = np.packbits(X > 0, axis=1)
SIGNS = np.where(X > 0, 1.0, -1.0)
SCALE = np.abs(X).max() / 127
INT8 = np.round(X / SCALE).astype(np.int8)
MINMAX = np.round((X - X.min()) / (X.max() - X.min()) * 255).astype(np.uint8)
COUNTS = np.minimum(255, RNG.exponential(25, (500, 128))).astype(np.uint8)  # as SIFT


def bfloat16(rows):
    """The upper halves of float32 numbers."""
    return (np.ascontiguousarray(rows, dtype="f4").view(np.uint32) >> 16).astype(np.uint16)


@pytest.mark.parametrize("packed", [PACKED, (PACKED.astype(int) - 128).astype(np.int8)])
@pytest.mark.parametrize("form", ["npy", "jsonl", "parquet", "floats", "int64"])
def test_packed_bits_are_asked_about_in_every_form(tmp_path, packed, form):
    if form in ("npy", "floats", "int64"):
        kind = {"floats": np.float32, "int64": np.int64}.get(form, packed.dtype)
        path = write(tmp_path, "npy", npy(packed.astype(kind)))
    elif form == "jsonl":
        lines = [json.dumps({"v": row}) for row in packed.tolist()]
        path = write(tmp_path, "jsonl", "\n".join(lines).encode())
    else:
        path = tmp_path / "x.parquet"
        pq.write_table(pa.table({"v": list(packed)}), path)
    line = refused(path, "as packed bits do", "--dtype bits", "or number")
    assert (" int8 or" in line) == (packed.dtype == np.int8)
    found = open_vectors(path, dtype="bits")
    assert found.dtype == "bits" and found.shape == (500, 256)
    assert np.array_equal(found.block(0, 500), SIGNS)
    assert np.array_equal(open_vectors(path, dtype="number").block(0, 500), packed)


def test_uniform_bytes_are_asked_about():
    with pytest.raises(UsageError, match="as packed bits do"):
        from_array(RNG.integers(0, 256, (300, 16), dtype=np.uint8))


@pytest.mark.parametrize(
    "codes", [MINMAX, MINMAX // 2 + 110, (INT8.astype(int) + 128).astype(np.uint8)]
)
def test_codes_around_the_middle_of_a_byte_are_asked_about(codes):
    with pytest.raises(UsageError, match=r"codes with a zero point, or numbers.*--dtype uint8"):
        from_array(codes)
    found = from_array(codes, dtype="uint8")
    assert np.array_equal(found.block(0, 500), codes - 128.0)
    assert any("128 is taken from" in note for note in found.notes)
    assert np.array_equal(from_array(codes, dtype="number").block(0, 500), codes)


@pytest.mark.parametrize("codes", [INT8, COUNTS, COUNTS.astype(np.int32), INT8 // 20])
def test_other_whole_numbers_are_taken_as_they_are_with_a_note(codes):
    found = from_array(codes)
    assert np.array_equal(found.block(0, 500), codes)
    assert any("are taken as they are" in note for note in found.notes)


def test_signed_codes_kept_as_bytes():
    found = from_array(INT8.view(np.uint8), dtype="int8")
    assert np.array_equal(found.block(0, 500), INT8)
    assert np.array_equal(from_array(INT8, dtype="int8").block(0, 500), INT8)
    with pytest.raises(UsageError, match="below 0"):
        from_array(INT8, dtype="uint8")


def test_bits_that_were_not_packed():
    found = from_array((X > 0).astype(np.uint8))
    assert np.array_equal(found.block(0, 500), X > 0) and "0 and 1" in found.notes[0]


def test_packed_words_are_asked_about():
    with pytest.raises(UsageError, match="fill their words"):
        from_array(PACKED.view(np.uint64))


def test_formats_of_whole_numbers_say_what_they_hold(tmp_path):
    bytes_ = RNG.integers(0, 256, (300, 16), dtype=np.uint8)
    for suffix, content in {"u8bin": fbin(bytes_), "bvecs": fvecs(bytes_)}.items():
        found = open_vectors(write(tmp_path, suffix, content))
        assert np.array_equal(found.block(0, 300), bytes_)
        assert "whole numbers (uint8) are taken as they are: the format" in found.notes
    found = open_vectors(write(tmp_path, "i8bin", fbin(INT8)))
    assert np.array_equal(found.block(0, 500), INT8)
    assert np.array_equal(
        open_vectors(write(tmp_path, "u8bin", fbin(PACKED)), dtype="bits").block(0, 500), SIGNS
    )


@pytest.mark.parametrize("disguise", ["uint16", "int16", "void", "safetensors", "npz", "parquet"])
def test_bfloat16_in_its_disguises(tmp_path, disguise):
    rows = (X / 10).astype("f4")
    words = bfloat16(rows)
    want = (words.astype(np.uint32) << 16).view(np.float32)
    path = tmp_path / "x.npy"
    if disguise == "safetensors":
        entry = {"dtype": "BF16", "shape": words.shape, "data_offsets": [0, words.nbytes]}
        header = json.dumps({"v": entry}).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + words.tobytes())
    elif disguise == "parquet":
        pq.write_table(pa.table({"v": list(words)}), path)
    elif disguise == "npz":
        np.savez(path.open("wb"), v=words)
    else:
        kind = {"uint16": "u2", "int16": "i2", "void": "V2"}[disguise]
        np.save(path, words.view(kind))
    found = open_vectors(path)
    assert found.dtype == "bfloat16" and np.array_equal(found.block(5, 9), want[5:9])
    if disguise != "safetensors":
        assert any("read as bfloat16" in note for note in found.notes)
    if disguise == "uint16":
        assert np.array_equal(open_vectors(path, dtype="number").block(0, 9), words[:9])


def test_words_that_are_no_bfloat16():
    with pytest.raises(UsageError, match="bits of float16"):
        from_array((X / 10).astype("f2").view(np.uint16))
    counts = RNG.integers(0, 60_000, (100, 8)).astype(np.uint16)
    assert np.array_equal(from_array(counts).block(0, 100), counts)
    wide = (INT8.astype(np.int16) * 100).astype(np.int16)  # codes of 16 bits
    assert np.array_equal(from_array(wide).block(0, 500), wide)
    small = RNG.integers(-300, 300, (100, 8)).astype(np.int16)
    assert np.array_equal(from_array(small).block(0, 100), small)
    with pytest.raises(UsageError, match="two bytes without a type"):
        from_array(counts.view("V2"))
    assert from_array(counts, dtype="bf16").dtype == "bfloat16"
    with pytest.raises(UsageError, match="bf16 needs words of 16 bits"):
        from_array(X, dtype="bf16")


def test_a_dtype_that_does_not_exist_or_does_not_apply():
    with pytest.raises(UsageError, match="did you mean 'bits'"):
        from_array(X, dtype="bit")
    found = from_array(X, dtype="bits")
    assert np.array_equal(found.block(0, 500), X) and "does not apply" in found.notes[0]


def test_bits_by_the_name_of_their_column(tmp_path):
    lines = [
        json.dumps({"id": i, "embeddings": {"ubinary": r}}) for i, r in enumerate(PACKED.tolist())
    ]
    found = open_vectors(write(tmp_path, "jsonl", "\n".join(lines).encode()))
    assert np.array_equal(found.block(0, 500), SIGNS) and "by their name" in found.notes[0]


def test_missing_rows_stay_missing_among_codes(tmp_path):
    lists = [None, *PACKED.tolist()]
    pq.write_table(pa.table({"v": lists}), tmp_path / "x.parquet")
    found = open_vectors(tmp_path / "x.parquet", dtype="bits").block(0, 501)
    assert np.isnan(found[0]).all() and np.array_equal(found[1:], SIGNS)


@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 2**32))
def test_unpacking_is_what_numpy_does(n, width, seed):
    packed = np.random.default_rng(seed).integers(0, 256, (n, width), dtype=np.uint8)
    found = from_array(packed, dtype="bits")
    assert found.shape == (n, 8 * width)
    assert np.array_equal(found.block(0, n) > 0, np.unpackbits(packed, axis=1))
    signed = (packed.astype(int) - 128).astype(np.int8)
    assert np.array_equal(from_array(signed, dtype="bits").block(0, n), found.block(0, n))


def test_real_encoders_bits_and_codes_are_told_apart():
    """Over widths, leanings and dependence: no packing passes as numbers, no int8 as bits."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        d, rank, lean = int(rng.choice([64, 128, 384])), int(rng.integers(3, 60)), rng.uniform(0, 2)
        mixed = rng.normal(size=(800, rank)) @ rng.normal(size=(rank, d)) / np.sqrt(rank)
        rows = mixed + lean * rng.normal(size=d)
        with pytest.raises(UsageError, match="packed bits"):
            from_array(np.packbits(rows > 0, axis=1))
        codes = np.clip(np.round(rows / np.abs(rows).max() * 127), -128, 127).astype(np.int8)
        assert from_array(codes).coding == ""
        with pytest.raises(UsageError, match="zero point"):
            from_array((codes.astype(int) + 128).astype(np.uint8))
