"""Vectors that need no network: navec's word vectors, and files of vectors."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from paper_utils.encoders import check_encoder, describe_encoder, load_encoder, navec
from paper_utils.encoders.navec import known_words
from paper_utils.errors import PaperError, UsageError

TITLES = ["Дрель ударная 750Вт", "Щётка для дрели", "saw", "12 V", ""]


def assert_one_line(caught, kind=UsageError):
    assert type(caught.value) is kind and "\n" not in str(caught.value)


# -- navec -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def words():
    return load_encoder("navec")


def test_navec_is_the_mean_of_the_vectors_of_its_own_package(words):
    from navec import Navec

    pack = Navec.load(navec.navec_file())
    X = words.encode(TITLES)
    assert X.dtype == np.float32 and X.shape == (len(TITLES), words.dim) == (5, 300)
    # 'вт' after the digits is a word of its own.
    expected = np.mean([pack["дрель"], pack["ударная"], pack["вт"]], axis=0)
    np.testing.assert_allclose(X[0], expected, atol=1e-6)


def test_navec_gives_texts_without_a_known_word_its_vector_for_unknown_words(words):
    unknown = words.encode(["12 345", "щшщшщ"])
    np.testing.assert_array_equal(unknown[0], unknown[1])
    np.testing.assert_allclose(unknown[0], words.pack["<unk>"], atol=1e-7)
    assert unknown.any()


def test_navec_cannot_tell_voltages_apart(words):
    X = words.encode(["Дрель 12В", "Дрель 18В", "Пила 18В"])
    np.testing.assert_array_equal(X[0], X[1])
    assert np.abs(X[1] - X[2]).max() > 0.1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Дрель", ["дрель"]),
        ("ДРЕЛЬ,дрель", ["дрель", "дрель"]),
        ("кое-что", ["кое-что"]),
        ("дрель-шуруповёрт", ["дрель"]),  # the second part is unknown in either spelling
        ("щётка", ["щетка"]),
        ("ёлка", ["ёлка"]),  # as written where that is known
        ("18В 2_Ач", ["в"]),
        ("12.5", []),
    ],
)
def test_words_are_looked_up_as_documented(text, words):
    known = ["дрель", "кое-что", "что", "щетка", "ёлка", "елка", "в"]
    ids = {word: i for i, word in enumerate(known)}
    assert [known[i] for i in known_words(text, ids)] == words


def test_navec_file_with_a_wrong_checksum_is_refused(tmp_path, monkeypatch):
    copy = Path(shutil.copy(navec.navec_file(), tmp_path))
    data = bytearray(copy.read_bytes())
    data[1000] ^= 1
    copy.write_bytes(data)
    monkeypatch.setattr(navec, "navec_file", lambda: copy)
    with pytest.raises(PaperError, match=r"sha256 .*; reinstall") as caught:
        load_encoder("navec")
    assert_one_line(caught, PaperError)


def test_navec_without_its_package_is_named(monkeypatch):
    monkeypatch.setattr(navec.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PaperError, match="pip install natasha"):
        check_encoder("navec")


@pytest.mark.parametrize("option", [{"dtype": "bfloat16"}, {"pooling": "mean"}])
def test_navec_takes_no_options_of_networks(option):
    with pytest.raises(PaperError):
        load_encoder("navec", **option)


# -- files of vectors --------------------------------------------------------------------

X = np.arange(12, dtype=np.float32).reshape(4, 3)
FOUR = ["a", "b", "b", ""]


def npy(folder: Path, array=X) -> Path:
    np.save(folder / "x.npy", array)
    return folder / "x.npy"


def safetensors(folder: Path, **tensors: torch.Tensor) -> Path:
    save_file(tensors or {"any": torch.from_numpy(X)}, folder / "x.safetensors")
    return folder / "x.safetensors"


def parquet(folder: Path, **columns) -> Path:
    pq.write_table(pa.table(columns), folder / "x.parquet")
    return folder / "x.parquet"


def fixed(array=X) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(array.ravel()), array.shape[1])


@pytest.mark.parametrize(
    "write",
    [
        npy,
        lambda folder: npy(folder, X.astype(np.float64)),
        lambda folder: npy(folder, X.astype(np.float16)),
        lambda folder: npy(folder, X.astype(np.int64)),
        lambda folder: npy(folder, np.asfortranarray(X)),
        safetensors,
        lambda folder: safetensors(
            folder, vectors=torch.from_numpy(X), other=torch.zeros(2), more=torch.zeros(2)
        ),
        lambda folder: safetensors(folder, x=torch.from_numpy(X).bfloat16()),
        lambda folder: parquet(folder, x=X.tolist()),
        lambda folder: parquet(folder, id=FOUR, vector=fixed(), score=[1, 2, 3, 4]),
        lambda folder: parquet(folder, vector=pa.array(X.tolist(), pa.large_list(pa.float32()))),
        lambda folder: parquet(folder, a=X[:, 0], b=X[:, 1], c=X[:, 2]),
    ],
)
def test_rows_come_back_in_their_order(write, tmp_path):
    encoder = load_encoder(f"vectors:{write(tmp_path)}")
    rows = encoder.encode(FOUR)
    assert rows.dtype == np.float32 and rows.flags.c_contiguous and encoder.dim == 3
    np.testing.assert_array_equal(rows, X)
    rows[:] = 0  # the caller's copy
    np.testing.assert_array_equal(encoder.encode(FOUR), X)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_all_kinds_of_files_agree(tmp_path_factory, n, d, seed):
    folder = tmp_path_factory.mktemp("vectors")
    array = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    files = [
        npy(folder, array),
        safetensors(folder, x=torch.from_numpy(array)),
        parquet(folder, x=fixed(array)),
    ]
    texts = [str(i) for i in range(n)]
    for file in files:
        np.testing.assert_array_equal(load_encoder(f"vectors:{file}").encode(texts), array)


def changed(**places) -> np.ndarray:
    array = X.astype(places.pop("dtype", np.float32))
    array[1, 2] = places.pop("value")
    return array


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda f: npy(f, X[:3]), "has 3 rows for 4 texts"),
        (lambda f: npy(f, X[0]), r"must have shape \(n_items, d\)"),
        (lambda f: npy(f, changed(value=np.nan)), "NaN or infinite values in 1 of 4 rows"),
        (lambda f: npy(f, changed(value=np.inf)), "NaN or infinite"),
        (lambda f: npy(f, changed(value=np.inf, dtype=np.float16)), "float16 overflows at 65,504"),
        (lambda f: npy(f, changed(value=1e39, dtype=np.float64)), "beyond the range of float32"),
        (lambda f: npy(f, X[:0]), "has 0 rows"),
        (lambda f: npy(f, X.astype(str)), "must hold real numbers"),
        (lambda f: npy(f, X.astype(complex)), "must hold real numbers"),
        (lambda f: npy(f, np.array([{"a": 1}], dtype=object)), "cannot be read: .*pickle"),
        (lambda f: safetensors(f, a=torch.zeros(4, 3), b=torch.zeros(4, 3)), "holds 2 tensors"),
        (lambda f: safetensors(f, a=torch.full((4, 3), torch.nan)), "NaN or infinite"),
        (lambda f: parquet(f, a=X.tolist(), b=X.tolist()), r"several columns of lists \(a, b\)"),
        (lambda f: parquet(f, a=[[1.0], [1.0, 2.0]]), r"different lengths: \[1, 2\]"),
        (lambda f: parquet(f, a=[[1.0], None]), "1 rows without a vector"),
        (lambda f: parquet(f, a=[[1.0], [None]]), "NaN or infinite values in 1 of 2 rows"),
        (lambda f: parquet(f, a=[["x"], ["y"]]), "must hold real numbers"),
        (lambda f: parquet(f, a=[1.0], b=["x"]), "column 'b' is string"),
    ],
)
def test_files_that_hold_no_such_vectors_are_named(write, message, tmp_path):
    file = write(tmp_path)
    with pytest.raises(UsageError, match=message) as caught:
        load_encoder(f"vectors:{file}").encode(FOUR)
    assert_one_line(caught)
    assert file.name in str(caught.value)


@pytest.mark.parametrize("write", [npy, safetensors, lambda f: parquet(f, x=X.tolist())])
@pytest.mark.parametrize("keep", [0, 10, -3])
def test_truncated_files_are_named(write, keep, tmp_path):
    file = write(tmp_path)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(UsageError, match="cannot be read") as caught:
        load_encoder(f"vectors:{file}").encode(FOUR)
    assert_one_line(caught)


def test_the_key_is_that_of_the_content(tmp_path):
    def key():
        return load_encoder(f"vectors:{tmp_path / 'x.npy'}").key

    npy(tmp_path)
    before = key()
    npy(tmp_path, X + 1)
    changed_key = key()
    npy(tmp_path)
    assert key() == before != changed_key


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vectors:nowhere.npy", "no file nowhere.npy"),
        ("vectors:x.csv", r"\.npy, \.safetensors, \.parquet, not 'x\.csv'"),
        ("vectors:", "no encoder 'vectors:'"),
        ("vector:x.npy", "no encoder 'vector:x.npy'"),
    ],
)
def test_files_are_checked_before_anything_runs(name, message):
    with pytest.raises(UsageError, match=message) as caught:
        check_encoder(name)
    assert_one_line(caught)


def test_a_file_is_described(tmp_path):
    info = describe_encoder(f"vectors:{npy(tmp_path)}")
    assert info.reachable and info.size == (tmp_path / "x.npy").stat().st_size
