"""The real vocabularies of Qwen2.5 and Phi-3 with tiny random networks, end to end.

The folder that PAPER_TOKENIZERS names holds `qwen.tiktoken` and `phi-3.gguf`.
"""

from __future__ import annotations

import base64
import os
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import regex
import torch
from tokenizers import Tokenizer

from paper_utils.encoders import load_encoder

TEXTS = [
    "Дрель-шуруповёрт аккумуляторная Bosch GSR 180-LI, 18В, 2Ач",
    "Cordless drill driver 18 V 12345,  it's 10 mm (café, №5)",
    "saw",
]

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def vocabularies() -> Path:
    folder = os.environ.get("PAPER_TOKENIZERS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("PAPER_TOKENIZERS names no folder: the real vocabularies are not here")
    return Path(folder)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PAPER_CACHE", str(tmp_path / "cache"))


def save_network(model, folder: Path) -> None:
    torch.manual_seed(0)
    model.init_weights()
    model.save_pretrained(folder)


def one_at_a_time(model, ids: list[list[int]]) -> np.ndarray:
    """Mean of the last hidden states of each text by itself, without padding or mask."""
    with torch.no_grad():
        states = [model.eval()(torch.tensor([text])).last_hidden_state[0] for text in ids]
    return torch.stack([text.mean(dim=0) for text in states]).numpy()


# -- Qwen2.5 -----------------------------------------------------------------------------


@cache
def ranks(path: Path) -> dict[bytes, int]:
    lines = path.read_bytes().splitlines()
    return {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}


# As Qwen publishes it with its byte-pair ranks.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_pairs(text: str, rank: dict[bytes, int]) -> list[int]:
    """Byte-pair encoding by its definition: merge the pair of lowest rank, over and over."""
    ids = []
    for piece in regex.findall(SPLIT, text):
        parts = [bytes([byte]) for byte in piece.encode()]
        while len(parts) > 1:
            best = min(range(len(parts) - 1), key=lambda i: rank.get(parts[i] + parts[i + 1], 1e9))
            if parts[best] + parts[best + 1] not in rank:
                break
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        ids += [rank[part] for part in parts]
    return ids


def save_qwen_tokenizer(rank: dict[bytes, int], folder: Path) -> None:
    """`tokenizer.json` as Qwen2.5 has it, from the ranks."""
    from transformers import Qwen2Tokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = bytes_to_unicode()
    spelt = {token: "".join(letters[byte] for byte in token) for token in rank}
    merges = [
        (spelt[token[:cut]], spelt[token[cut:]])
        for token in rank
        for cut in range(1, len(token))
        if token[:cut] in rank and token[cut:] in rank
    ]
    vocab = {spelt[token]: i for token, i in rank.items()}
    Qwen2Tokenizer(vocab=vocab, merges=merges).save_pretrained(folder)


def test_qwen2_with_its_real_vocabulary(vocabularies, tmp_path):
    from transformers import Qwen2Config, Qwen2Model

    rank = ranks(vocabularies / "qwen.tiktoken")
    save_qwen_tokenizer(rank, tmp_path)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = Qwen2Config(vocab_size=151_936, intermediate_size=32, num_key_value_heads=2, **shape)
    model = Qwen2Model(config)
    save_network(model, tmp_path)
    ids = [byte_pairs(text, rank) for text in TEXTS]
    encoder = load_encoder(f"hf:{tmp_path}")
    assert [encoding.ids for encoding in encoder.tokenizer.encode_batch(TEXTS)] == ids
    np.testing.assert_allclose(encoder.encode(TEXTS), one_at_a_time(model, ids), atol=1e-5)


# -- Phi-3 -------------------------------------------------------------------------------


def test_phi3_with_its_real_vocabulary(vocabularies, tmp_path):
    pytest.importorskip("gguf", reason="transformers reads phi-3.gguf with the package gguf")
    from transformers import AutoTokenizer, Phi3Config, Phi3Model

    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(vocabularies / "phi-3.gguf", source)
    folder = tmp_path / "model"
    AutoTokenizer.from_pretrained(source, gguf_file="phi-3.gguf").save_pretrained(folder)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = Phi3Model(Phi3Config(vocab_size=32_064, intermediate_size=32, **shape))
    save_network(model, folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encodings = [tokenizer.encode(text) for text in TEXTS]
    # SentencePiece loses nothing: pieces spell the text, with bytes where a letter is unknown.
    for text, encoding in zip(TEXTS, encodings, strict=True):
        assert spelt(encoding.tokens) == text
    ids = [encoding.ids for encoding in encodings]
    encoder = load_encoder(f"hf:{folder}")
    assert [encoding.ids for encoding in encoder.tokenizer.encode_batch(TEXTS)] == ids
    np.testing.assert_allclose(encoder.encode(TEXTS), one_at_a_time(model, ids), atol=1e-5)


def spelt(pieces: list[str]) -> str:
    """The text that SentencePiece pieces spell, without the start token and first space."""
    data = b"".join(
        bytes([int(piece[3:5], 16)]) if regex.fullmatch("<0x..>", piece) else piece.encode()
        for piece in pieces
        if piece != "<s>"
    )
    return data.decode().replace("▁", " ").removeprefix(" ")
