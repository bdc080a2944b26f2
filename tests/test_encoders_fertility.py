"""Subword tokens per word: known cuts, bytes, and files that are missing or damaged."""

from __future__ import annotations

import base64

import pytest

from paper_utils.encoders.fertility import (
    TOKENIZERS,
    count_subwords,
    has_tokenizer,
    load_subwords,
    words,
)
from paper_utils.errors import PaperError, UsageError
from paper_utils.published import published


@pytest.fixture(scope="module")
def minilm():
    return load_subwords("minilm")


def byte_file(folder, tokens=(), bytes_left_out=0):
    """A list of byte pairs: every single byte, then `tokens` by rank."""
    entries = [bytes([byte]) for byte in range(256 - bytes_left_out)]
    entries += [token.encode() for token in tokens]
    lines = [f"{base64.b64encode(token).decode()} {i}" for i, token in enumerate(entries)]
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
    tokens = minilm.tokenize("шуруповёрт")
    assert [token.removeprefix("##") for token in tokens] == [*"шуруп", "ов", *"ерт"]
    assert minilm.tokenize("screwdriver") == ["screw", "##drive", "##r"]


def test_the_first_two_printed_forms_are_one(minilm):
    first, second, third = published("krasnov-forms").value
    assert first == second != third
    # MiniLM drops the dots of ё: for it the other spelling is the same word too.
    assert minilm.tokenize(first) == minilm.tokenize(first.replace("ё", "е"))


def test_counts_are_those_of_the_subword_tokens(minilm):
    texts = ["Cordless screwdriver", "", "шуруповёрт 18В"]
    counts = [[len(minilm.tokenize(word)) for word in words(text)] for text in texts]
    assert count_subwords(texts, minilm) == counts
    assert counts[1] == []


def test_byte_pairs_of_a_made_up_vocabulary(tmp_path):
    byte_file(tmp_path, ["dr", "drill", " d", " dr", "ll", "i", "ill", "rill"])
    qwen = load_subwords("qwen", tmp_path)
    assert "".join(qwen.tokenize("a drill")) == "a drill"
    # Two bytes for each Cyrillic letter, and a token that is no whole letter.
    assert qwen.tokenize("ш") == ["\ufffd", "\ufffd"]
    assert len(qwen.in_text("ш")) == 3
    # Digits one by one.
    assert qwen.tokenize("18") == ["1", "8"]


def test_multilingual_bert_from_its_vocabulary_alone(tmp_path):
    folder = tmp_path / "mbert"
    folder.mkdir()
    (folder / "vocab.txt").write_text("[UNK]\n[SEP]\n[CLS]\nшу\n##ру\n##повёрт\n", encoding="utf-8")
    mbert = load_subwords("mbert", tmp_path)
    assert mbert.tokenize("шуруповёрт") == ["шу", "##ру", "##повёрт"]
    assert mbert.tokenize("Шуруповёрт") == ["[UNK]"]  # cased


def test_unknown_names():
    with pytest.raises(UsageError, match=r"no tokenizer 'qwn'; did you mean 'qwen'"):
        load_subwords("qwn")


@pytest.mark.parametrize("name", ["phi-3", "qwen", "mbert"])
def test_a_file_that_is_not_here(name, tmp_path, monkeypatch):
    monkeypatch.delenv("PAPER_TOKENIZERS", raising=False)
    with pytest.raises(UsageError, match="in PAPER_TOKENIZERS"):
        load_subwords(name)
    assert not has_tokenizer(name)
    monkeypatch.setenv("PAPER_TOKENIZERS", str(tmp_path))
    with pytest.raises(UsageError, match=f"no tokenizer {name!r}"):
        load_subwords(name)


def test_damaged_files(tmp_path):
    (tmp_path / "phi-3.gguf").write_bytes(b"nonsense")
    with pytest.raises(PaperError, match=r"phi-3.gguf cannot be read"):
        load_subwords("phi-3", tmp_path)
    (tmp_path / "qwen.tiktoken").write_text("hello world\n")
    with pytest.raises(PaperError, match="no list of byte pairs"):
        load_subwords("qwen", tmp_path)
    byte_file(tmp_path, bytes_left_out=1)
    with pytest.raises(PaperError, match="the byte 0xff is missing"):
        load_subwords("qwen", tmp_path)
    (tmp_path / "mbert").mkdir()
    with pytest.raises(UsageError, match=r"neither tokenizer.json nor vocab.txt"):
        load_subwords("mbert", tmp_path)
    (tmp_path / "mbert" / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(PaperError, match="no WordPiece vocabulary"):
        load_subwords("mbert", tmp_path)


@pytest.mark.realdata
def test_the_real_vocabularies():
    """The counts that were known before: Qwen's, by an implementation of its own elsewhere."""
    for name in ("phi-3", "qwen"):
        if not has_tokenizer(name):
            pytest.skip("PAPER_TOKENIZERS names no folder with the vocabularies")
    qwen, phi = load_subwords("qwen"), load_subwords("phi-3")
    assert (len(qwen.tokenize("шуруповёрт")), len(qwen.tokenize("дрель-шуруповёрт"))) == (5, 8)
    for cutter in (qwen, phi):
        assert "".join(cutter.tokenize("дрель")).lstrip("▁") == "дрель"
    # SentencePiece marks the space by itself; byte pairs take it into the first token.
    assert len(qwen.in_text("screwdriver")) < len(qwen.tokenize("screwdriver"))
    assert phi.in_text("screwdriver") == phi.tokenize("screwdriver")


def test_every_tokenizer_says_what_it_is():
    assert all(TOKENIZERS.values())
