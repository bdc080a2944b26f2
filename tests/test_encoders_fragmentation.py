"""Pieces per word: known cuts, bytes, and files that are missing or damaged."""

from __future__ import annotations

import base64

import pytest

from paper_utils.encoders.fragmentation import (
    TOKENIZERS,
    count_pieces,
    has_tokenizer,
    load_pieces,
    words,
)
from paper_utils.errors import PaperError, UsageError
from paper_utils.published import published


@pytest.fixture(scope="module")
def minilm():
    return load_pieces("minilm")


def byte_file(folder, pieces=(), bytes_left_out=0):
    """A list of byte pairs: every single byte, then `pieces` by rank."""
    entries = [bytes([byte]) for byte in range(256 - bytes_left_out)]
    entries += [piece.encode() for piece in pieces]
    lines = [f"{base64.b64encode(piece).decode()} {i}" for i, piece in enumerate(entries)]
    (folder / "qwen.tiktoken").write_text("\n".join(lines))


def test_words():
    assert words("Дрель-шуруповёрт, (18В) 2.0Ач — «про»_x") == [
        "Дрель-шуруповёрт",
        "18В",
        "2",
        "0Ач",
        "про",
        "x",
    ]
    assert words(" .,- ") == []


def test_minilm_spells_cyrillic_letter_by_letter(minilm):
    pieces = minilm.pieces("шуруповёрт")
    assert [piece.removeprefix("##") for piece in pieces] == [*"шуруп", "ов", *"ерт"]
    assert minilm.pieces("screwdriver") == ["screw", "##drive", "##r"]


def test_the_first_two_printed_forms_are_one(minilm):
    first, second, third = published("krasnov-forms").value
    assert first == second != third
    # MiniLM drops the dots of ё: for it the other spelling is the same word too.
    assert minilm.pieces(first) == minilm.pieces(first.replace("ё", "е"))


def test_counts_are_those_of_the_pieces(minilm):
    texts = ["Cordless screwdriver", "", "шуруповёрт 18В"]
    counts = [[len(minilm.pieces(word)) for word in words(text)] for text in texts]
    assert count_pieces(texts, minilm) == counts
    assert counts[1] == []


def test_byte_pairs_of_a_made_up_vocabulary(tmp_path):
    byte_file(tmp_path, ["dr", "drill", " d", " dr", "ll", "i", "ill", "rill"])
    qwen = load_pieces("qwen", tmp_path)
    assert "".join(qwen.pieces("a drill")) == "a drill"
    # Two bytes for each Cyrillic letter, and a piece that is no whole letter.
    assert qwen.pieces("ш") == ["\ufffd", "\ufffd"]
    assert len(qwen.in_text("ш")) == 3
    # Digits one by one.
    assert qwen.pieces("18") == ["1", "8"]


def test_multilingual_bert_from_its_vocabulary_alone(tmp_path):
    folder = tmp_path / "mbert"
    folder.mkdir()
    (folder / "vocab.txt").write_text("[UNK]\n[SEP]\n[CLS]\nшу\n##ру\n##повёрт\n", encoding="utf-8")
    mbert = load_pieces("mbert", tmp_path)
    assert mbert.pieces("шуруповёрт") == ["шу", "##ру", "##повёрт"]
    assert mbert.pieces("Шуруповёрт") == ["[UNK]"]  # cased


def test_unknown_names():
    with pytest.raises(UsageError, match=r"no tokenizer 'qwn'; did you mean 'qwen'"):
        load_pieces("qwn")


@pytest.mark.parametrize("name", ["phi-3", "qwen", "mbert"])
def test_a_file_that_is_not_here(name, tmp_path, monkeypatch):
    monkeypatch.delenv("PAPER_TOKENIZERS", raising=False)
    with pytest.raises(UsageError, match="in PAPER_TOKENIZERS"):
        load_pieces(name)
    assert not has_tokenizer(name)
    monkeypatch.setenv("PAPER_TOKENIZERS", str(tmp_path))
    with pytest.raises(UsageError, match=f"no tokenizer {name!r}"):
        load_pieces(name)


def test_damaged_files(tmp_path):
    (tmp_path / "phi-3.gguf").write_bytes(b"nonsense")
    with pytest.raises(PaperError, match=r"phi-3.gguf cannot be read"):
        load_pieces("phi-3", tmp_path)
    (tmp_path / "qwen.tiktoken").write_text("hello world\n")
    with pytest.raises(PaperError, match="no list of byte pairs"):
        load_pieces("qwen", tmp_path)
    byte_file(tmp_path, bytes_left_out=1)
    with pytest.raises(PaperError, match="the byte 0xff is missing"):
        load_pieces("qwen", tmp_path)
    (tmp_path / "mbert").mkdir()
    with pytest.raises(UsageError, match=r"neither tokenizer.json nor vocab.txt"):
        load_pieces("mbert", tmp_path)
    (tmp_path / "mbert" / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(PaperError, match="no WordPiece vocabulary"):
        load_pieces("mbert", tmp_path)


@pytest.mark.realdata
def test_the_real_vocabularies():
    """The counts that were known before: Qwen's, by an implementation of its own elsewhere."""
    for name in ("phi-3", "qwen"):
        if not has_tokenizer(name):
            pytest.skip("PAPER_TOKENIZERS names no folder with the vocabularies")
    qwen, phi = load_pieces("qwen"), load_pieces("phi-3")
    assert (len(qwen.pieces("шуруповёрт")), len(qwen.pieces("дрель-шуруповёрт"))) == (5, 8)
    for cutter in (qwen, phi):
        assert "".join(cutter.pieces("дрель")).lstrip("▁") == "дрель"
    # SentencePiece marks the space by itself; byte pairs take it into the first piece.
    assert len(qwen.in_text("screwdriver")) < len(qwen.pieces("screwdriver"))
    assert phi.in_text("screwdriver") == phi.pieces("screwdriver")


def test_every_tokenizer_says_what_it_is():
    assert all(TOKENIZERS.values())
