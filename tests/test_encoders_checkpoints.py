"""hf: checkpoints, end to end on tiny random ones that are saved and loaded here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from paper_utils.encoders import check_encoder, describe_encoder, load_encoder
from paper_utils.encoders.transformer import MAX_TOKENS, pad, pool
from paper_utils.errors import PaperError, UsageError

TITLES = [
    "Дрель-шуруповерт аккумуляторная 18В 2Ач",
    "Hammer drill, 750 W, 13 mm chuck, with a case and two spare carbon brushes",
    "saw",
    "Cordless drill driver 18 V 12345",
    "отвёртка крестовая PH2×100",
]
KINDS = ["qwen2", "phi3", "bert"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PAPER_CACHE", str(tmp_path / "cache"))


def byte_level(folder: Path) -> int:
    """A trained byte-level BPE without pad token and without Qwen2's own pre-tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TITLES * 3, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer.get_vocab_size()


def word_piece(folder: Path) -> int:
    """A trained WordPiece with [CLS] and [SEP], as BERT has."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(TITLES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    # Settings of somebody's training run, which must not leak into encoding.
    tokenizer.enable_padding(length=40)
    tokenizer.enable_truncation(5)
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer.get_vocab_size()


def save_checkpoint(kind: str, folder: Path) -> Path:
    """A random network of the given type with its tokenizer, as `save_pretrained` leaves it."""
    from transformers import AutoConfig, AutoModel

    folder.mkdir(parents=True)
    vocab = word_piece(folder) if kind == "bert" else byte_level(folder)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    decoder = {"num_key_value_heads": 2, "pad_token_id": None, "eos_token_id": 0}
    config = AutoConfig.for_model(
        kind,
        vocab_size=vocab,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,  # so that texts differ visibly
        **shape,
        **({} if kind == "bert" else decoder),
    )
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    name = {"qwen2": "Qwen2Tokenizer", "phi3": "LlamaTokenizer", "bert": "BertTokenizer"}[kind]
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": name, "padding_side": "left", "do_lower_case": False})
    )
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("checkpoints")
    return {kind: save_checkpoint(kind, root / kind) for kind in KINDS}


@pytest.fixture
def folder(checkpoints, tmp_path) -> Path:
    """A copy of the BERT checkpoint that a test may damage."""
    return Path(shutil.copytree(checkpoints["bert"], tmp_path / "copy"))


def token_ids(folder: Path, text: str) -> list[int]:
    """What `tokenizer.json` itself says, without its settings for padding and cutting."""
    content = json.loads((folder / "tokenizer.json").read_text())
    content["padding"] = content["truncation"] = None
    return Tokenizer.from_str(json.dumps(content)).encode(text).ids


def plain(kind: str, folder: Path, text: str, pooling: str) -> np.ndarray:
    """One text, no padding, no mask: the class of the model, called directly."""
    import transformers

    name = {"qwen2": "Qwen2Model", "phi3": "Phi3Model", "bert": "BertModel"}[kind]
    model = getattr(transformers, name).from_pretrained(folder).eval()
    with torch.no_grad():
        states = model(torch.tensor([token_ids(folder, text)])).last_hidden_state[0]
    if pooling == "mean":
        return states.mean(dim=0).numpy()
    return states[0 if pooling == "cls" else -1].numpy()


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@pytest.mark.parametrize("kind", KINDS)
def test_vectors_agree_with_the_network_called_one_text_at_a_time(kind, pooling, checkpoints):
    folder = checkpoints[kind]
    X = load_encoder(f"hf:{folder}", pooling=pooling).encode(TITLES)
    expected = [plain(kind, folder, text, pooling) for text in TITLES]
    assert X.dtype == np.float32 and X.shape == (len(TITLES), 32)
    np.testing.assert_allclose(X, expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_token_ids_are_those_of_the_tokenizer_file(kind, checkpoints):
    encoder = load_encoder(f"hf:{checkpoints[kind]}")
    for text in TITLES:
        assert encoder.tokenizer.encode(text).ids == token_ids(checkpoints[kind], text)


def test_the_trap_is_real_autotokenizer_swaps_the_pre_tokenizer_of_qwen2(checkpoints):
    from transformers import AutoTokenizer

    swapped = AutoTokenizer.from_pretrained(checkpoints["qwen2"])
    text = "Cordless drill driver 18 V 12345"
    assert swapped(text)["input_ids"] != token_ids(checkpoints["qwen2"], text)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_do_not_depend_on_the_batch(kind, checkpoints):
    one, all_ = (load_encoder(f"hf:{checkpoints[kind]}", batch_size=size) for size in (1, 64))
    X, Y = (encoder.encode(TITLES, cache=False) for encoder in (one, all_))
    np.testing.assert_allclose(X, Y, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_text_is_cut_at_the_window(kind, checkpoints):
    encoder = load_encoder(f"hf:{checkpoints[kind]}")
    assert len(encoder.tokenizer.encode("saw " * 2500).ids) == 64
    X = encoder.encode(["saw " * 2500, "saw " * 2600])
    assert np.isfinite(X).all()
    np.testing.assert_allclose(X[0], X[1], atol=1e-5)


def test_no_text_is_longer_than_the_documented_window():
    assert MAX_TOKENS == 512 and "512 tokens" in load_encoder.__doc__


def test_an_empty_text_is_its_special_tokens_or_an_error(checkpoints):
    bert = load_encoder(f"hf:{checkpoints['bert']}").encode(["", "saw"])
    np.testing.assert_allclose(bert[0], plain("bert", checkpoints["bert"], "", "mean"), atol=1e-5)
    with pytest.raises(UsageError, match="no token for the text ''"):
        load_encoder(f"hf:{checkpoints['qwen2']}").encode(["saw", ""])


def test_keys_tell_pooling_and_files_apart_and_not_the_place(checkpoints, folder):
    def key(path, **options):
        return load_encoder(f"hf:{path}", **options).key

    bert = checkpoints["bert"]
    (folder / "README.md").write_text("not part of the vectors")
    assert key(folder) == key(bert) == key(bert, pooling="mean")
    others = [key(bert, pooling="cls"), key(bert, pooling="last"), key(checkpoints["qwen2"])]
    assert len({key(bert), *others}) == 4
    for name in ("tokenizer.json", "model.safetensors"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-2] + b" }")
        assert key(folder) != key(bert)
        (folder / name).write_bytes(whole)
        assert key(folder) == key(bert)


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    extra=st.integers(0, 3),
    left=st.booleans(),
    how=st.sampled_from(["mean", "cls", "last", "max"]),
)
def test_pooling_sees_no_padding_on_either_side(lengths, extra, left, how):
    rng = np.random.default_rng(len(lengths))
    texts = [torch.from_numpy(rng.normal(size=(n, 3))) for n in lengths]
    width = max(lengths) + extra
    states = torch.full((len(texts), width, 3), 1e6, dtype=torch.float64)
    mask = torch.zeros(len(texts), width, dtype=torch.long)
    for row, text in enumerate(texts):
        place = slice(width - len(text), None) if left else slice(0, len(text))
        states[row, place], mask[row, place] = text, 1
    expected = {
        "mean": lambda text: text.mean(0),
        "cls": lambda text: text[0],
        "last": lambda text: text[-1],
        "max": lambda text: text.amax(0),
    }[how]
    np.testing.assert_allclose(
        pool(states, mask, how), torch.stack([expected(text) for text in texts]), atol=1e-9
    )


@pytest.mark.parametrize("how", ["mean", "cls", "last", "max"])
def test_one_token_is_its_own_pooling_also_below_zero(how):
    states = torch.tensor([[[-3.0, -1.0], [0.0, 0.0]]])
    assert pool(states, torch.tensor([[1, 0]]), how).tolist() == [[-3.0, -1.0]]


@pytest.mark.parametrize(
    ("mask", "how", "message"),
    [
        ([[1, 1]], "men", "no pooling 'men'; did you mean 'mean'"),
        ([[0, 0]], "max", "without a token"),
        ([1, 1], "max", "must have shapes"),
    ],
)
def test_what_cannot_be_pooled_is_named(mask, how, message):
    with pytest.raises(UsageError, match=message):
        pool(torch.ones(1, 2, 3), torch.tensor(mask), how)


def test_padding_is_masked_on_the_right():
    ids, mask = pad([[5, 6, 7], [8]])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]] and mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_sharded_weights_load_and_a_missing_shard_is_named(checkpoints, tmp_path):
    from transformers import AutoModel

    sharded = tmp_path / "sharded"
    model = AutoModel.from_pretrained(checkpoints["phi3"])
    model.save_pretrained(sharded, max_shard_size="20KB")
    shutil.copy(checkpoints["phi3"] / "tokenizer.json", sharded)
    whole = load_encoder(f"hf:{checkpoints['phi3']}").encode(TITLES)
    np.testing.assert_allclose(load_encoder(f"hf:{sharded}").encode(TITLES), whole, atol=1e-6)
    shards = sorted(sharded.glob("model-*.safetensors"))
    assert len(shards) > 1
    shards[0].unlink()
    with pytest.raises(UsageError, match=f"lacks 1 of {len(shards)} files of weights"):
        load_encoder(f"hf:{sharded}")


def test_an_encoder_decoder_gives_the_states_of_its_encoder(checkpoints, tmp_path):
    from transformers import T5Config, T5Model

    folder = tmp_path / "t5"
    shape = {"d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 1, "num_heads": 4}
    model = T5Model(T5Config(vocab_size=500, decoder_start_token_id=0, **shape)).eval()
    model.save_pretrained(folder)
    shutil.copy(checkpoints["qwen2"] / "tokenizer.json", folder)
    encoder = load_encoder(f"hf:{folder}")
    with torch.no_grad():
        states = model.encoder(torch.tensor([token_ids(folder, "saw")])).last_hidden_state
    np.testing.assert_allclose(encoder.encode(["saw", TITLES[0]])[0], states[0].mean(0), atol=1e-5)


def test_a_vocabulary_without_tokenizer_json_is_made_a_tokenizer(checkpoints, folder):
    vocab = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(sorted(vocab, key=vocab.get)), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": False})
    )
    X = load_encoder(f"hf:{folder}").encode(TITLES)
    expected = [plain("bert", checkpoints["bert"], text, "mean") for text in TITLES]
    np.testing.assert_allclose(X, expected, atol=1e-5)


# -- sentence-transformers ---------------------------------------------------------------


def save_sentence(source: Path, folder: Path, pooling: str) -> Path:
    """`source` as sentence-transformers saves it, with a pooling of its own."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    transformer = Transformer(str(source))
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), pooling_mode=pooling)]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder))
    return folder


@pytest.fixture(scope="module")
def sentence_checkpoints(checkpoints, tmp_path_factory) -> dict[str, Path]:
    """BERT, which pads on the left here, with [CLS]; Phi3 without pad token, with the last."""
    root = tmp_path_factory.mktemp("sentence")
    phi3 = Path(shutil.copytree(checkpoints["phi3"], root / "source"))
    (phi3 / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    return {
        "bert": save_sentence(checkpoints["bert"], root / "bert", "cls"),
        "phi3": save_sentence(phi3, root / "phi3", "lasttoken"),
    }


@pytest.mark.parametrize(("kind", "pooling"), [("bert", "cls"), ("phi3", "last")])
def test_sentence_transformers_keep_their_own_pooling(
    kind, pooling, checkpoints, sentence_checkpoints
):
    folder = sentence_checkpoints[kind]
    encoder = load_encoder(f"hf:{folder}")
    assert encoder.dim == 32
    expected = [plain(kind, checkpoints[kind], text, pooling) for text in TITLES]
    np.testing.assert_allclose(encoder.encode(TITLES), expected, atol=1e-5)
    with pytest.raises(UsageError, match="has its own pooling"):
        load_encoder(f"hf:{folder}", pooling="mean")


def test_sentence_transformers_with_a_swapped_tokenizer_are_refused(checkpoints, tmp_path):
    folder = save_sentence(checkpoints["bert"], tmp_path / "model", "mean")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"do_lower_case": True}))
    with pytest.raises(PaperError, match=r"other tokens than its tokenizer\.json") as caught:
        load_encoder(f"hf:{folder}").encode(TITLES)
    assert_one_line(caught, PaperError)


# -- bad input ---------------------------------------------------------------------------


def assert_one_line(caught, kind=UsageError):
    assert type(caught.value) is kind and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", "no checkpoint: config.json is missing"),
        ("tokenizer.json", "no tokenizer: tokenizer.json is missing"),
        ("model.safetensors", "no weights: model.safetensors is missing"),
    ],
)
def test_a_missing_file_is_named_before_loading(name, message, folder):
    (folder / name).unlink()
    with pytest.raises(UsageError, match=message) as caught:
        check_encoder(f"hf:{folder}")
    assert_one_line(caught)


def test_pickled_weights_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match="pickled and may run code") as caught:
        check_encoder(f"hf:{folder}")
    assert_one_line(caught)


def test_broken_json_is_named(folder):
    (folder / "config.json").write_text("{")
    with pytest.raises(UsageError, match=r"config\.json is not valid JSON") as caught:
        check_encoder(f"hf:{folder}")
    assert_one_line(caught)


def test_truncated_weights_do_not_load(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(PaperError, match="does not load") as caught:
        load_encoder(f"hf:{folder}").encode(["saw"])
    assert_one_line(caught, PaperError)


def test_a_damaged_tokenizer_does_not_load(folder):
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(PaperError, match=r"tokenizer\.json cannot be read") as caught:
        load_encoder(f"hf:{folder}").encode(["saw"])
    assert_one_line(caught, PaperError)


def test_a_tokenizer_of_another_checkpoint_is_told(checkpoints, folder):
    shutil.copy(checkpoints["qwen2"] / "tokenizer.json", folder)
    with pytest.raises(PaperError, match="do not belong together") as caught:
        load_encoder(f"hf:{folder}").encode([chr(c) for c in range(1000, 1400)])
    assert_one_line(caught, PaperError)


def test_weights_that_lack_tensors_are_never_filled_with_random_ones(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.attention.self.query.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PaperError, match=r"1 tensors are missing, first encoder\.layer\.1"):
        load_encoder(f"hf:{folder}").encode(["saw"])


def test_weights_that_overflow_are_an_error(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.0.output.dense.bias"][0] = torch.inf
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PaperError, match="NaN or infinite"):
        load_encoder(f"hf:{folder}").encode(["saw"])


def test_code_that_comes_with_a_checkpoint_never_runs(folder, tmp_path):
    ran = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass C: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "evil",
        "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.C"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(PaperError, match="does not load") as caught:
        load_encoder(f"hf:{folder}").encode(["saw"])
    assert_one_line(caught, PaperError)
    assert not ran.exists()


@pytest.mark.parametrize("what", ["./nowhere", "/nowhere", "~/nowhere", "nowhere", "a b/c"])
def test_a_folder_that_does_not_exist_is_named(what):
    with pytest.raises(UsageError, match=r"nowhere|a b/c") as caught:
        check_encoder(f"hf:{what}")
    assert_one_line(caught)


def test_an_unknown_pooling_is_named(checkpoints):
    with pytest.raises(UsageError, match="no pooling 'men'; did you mean 'mean'"):
        load_encoder(f"hf:{checkpoints['bert']}", pooling="men")


def test_a_folder_is_described(checkpoints):
    info = describe_encoder(f"hf:{checkpoints['bert']}")
    assert (
        info.reachable and info.size == (checkpoints["bert"] / "model.safetensors").stat().st_size
    )


NO_NETWORK = """
import socket, sys
tried = []
def refuse(*args, **kwargs):
    tried.append(args)
    raise OSError("the network was touched")
socket.getaddrinfo = socket.create_connection = refuse
socket.socket.connect = refuse
from paper_utils.encoders import load_encoder
for folder in sys.argv[1:]:
    load_encoder("hf:" + folder).encode(["saw", "drill 18 V"])
print(len(tried))
"""


def test_local_folders_touch_no_network_and_stderr_stays_clean(checkpoints, sentence_checkpoints):
    folders = [str(path) for path in (*checkpoints.values(), *sentence_checkpoints.values())]
    environment = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
    run = subprocess.run(
        [sys.executable, "-c", NO_NETWORK, *folders],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert (run.stdout.strip(), run.stderr) == ("0", "")
