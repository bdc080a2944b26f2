"""Fertility: subword tokens per word under the tokenizers of known models."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paper_utils.encoders.checkpoint import file_sha256, quiet
from paper_utils.encoders.sentence import minilm_folder
from paper_utils.encoders.tokens import load_tokenizer
from paper_utils.errors import PaperError, UsageError, did_you_mean

if TYPE_CHECKING:
    from tokenizers.implementations import BertWordPieceTokenizer

TOKENIZERS = {  #: name -> whose tokenizer it is, and of what kind
    "minilm": "all-MiniLM-L6-v2: WordPiece of English BERT, lower case, no accents",
    "phi-3": "Phi-3: SentencePiece, with bytes for unknown letters",
    "qwen": "Qwen2.5: byte pairs",
    "mbert": "multilingual BERT: WordPiece",
}

# What each needs in the folder that PAPER_TOKENIZERS names; MiniLM brings its own.
_FILES = {"phi-3": "phi-3.gguf", "qwen": "qwen.tiktoken", "mbert": "mbert"}

# As Qwen publishes it with its byte-pair ranks: words with the space before them, digits
# one by one, runs of punctuation, white space.
_QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@dataclass(frozen=True, eq=False)
class SubwordTokenizer:
    """Cuts a text into subword tokens."""

    name: str  #: as for :func:`load_subwords`
    tokenize: Callable[[str], list[str]]  #: bytes that are no whole letter show as U+FFFD
    fingerprint: str  #: SHA-256 of the file that it was read from
    space: str = ""  #: what stands before a word inside a text and is cut together with it

    def in_text(self, word: str) -> list[str]:
        """Subword tokens of a word that follows another word."""
        return self.tokenize(self.space + word)


def words(text: str) -> list[str]:
    """Return the words of a text: letters and digits, and hyphens between them."""
    return _WORD.findall(text)


def load_subwords(name: str, folder: str | Path | None = None) -> SubwordTokenizer:
    """Return the tokenizer called `name`.

    Parameters
    ----------
    name : str
        ``minilm``, which is in the package, or one that is read from `folder`: ``phi-3``
        (``phi-3.gguf``), ``qwen`` (``qwen.tiktoken``), or ``mbert`` (a folder ``mbert`` with its
        ``tokenizer.json`` or ``vocab.txt``).
    folder : path, optional
        By default what the environment variable PAPER_TOKENIZERS names.

    Returns
    -------
    SubwordTokenizer

    Raises
    ------
    UsageError, PaperError
        An unknown name or a file that is not there; a damaged one.

    Examples
    --------
    >>> load_subwords("minilm").tokenize("screwdriver")
    ['screw', '##drive', '##r']
    """
    if name not in TOKENIZERS:
        raise UsageError(f"no tokenizer {name!r}; {did_you_mean(name, TOKENIZERS)}")
    if name == "minilm":
        return _from_json(name, minilm_folder())
    path = _file(name, folder)
    return {"phi-3": _phi, "qwen": _qwen, "mbert": _from_json}[name](name, path)


def has_tokenizer(name: str) -> bool:
    """Whether `load_subwords(name)` finds its file here."""
    try:
        return name == "minilm" or bool(_file(name, None))
    except UsageError:
        return False


def count_subwords(texts: Iterable[str], tokenizer: SubwordTokenizer) -> list[list[int]]:
    """Return the number of subword tokens of each word of each text, as cut after a space.

    Parameters
    ----------
    texts : iterable of str
    tokenizer : SubwordTokenizer
        From :func:`load_subwords`.

    Returns
    -------
    list of list of int
        One list for each text, one count for each word.

    Examples
    --------
    >>> count_subwords(["Cordless screwdriver", "18 V"], load_subwords("minilm"))
    [[2, 3], [1, 1]]
    """
    known: dict[str, int] = {}
    counts = []
    for text in texts:
        found = words(text)
        for word in found:
            if word not in known:
                known[word] = len(tokenizer.in_text(word))
        counts.append([known[word] for word in found])
    return counts


def _file(name: str, folder: str | Path | None) -> Path:
    named = folder or os.environ.get("PAPER_TOKENIZERS")
    if not named:
        raise UsageError(
            f"the tokenizer {name!r} is read from a file: name the folder that holds "
            f"{_FILES[name]} in PAPER_TOKENIZERS"
        )
    path = Path(named) / _FILES[name]
    if not path.exists():
        raise UsageError(f"there is no {_FILES[name]} in {named}: no tokenizer {name!r}")
    return path


def _from_json(name: str, folder: Path) -> SubwordTokenizer:
    with quiet():
        tokenizer = load_tokenizer(folder)
    path = folder / "tokenizer.json"
    if tokenizer is None:
        path = folder / "vocab.txt"
        tokenizer = _cased_wordpiece(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def tokenize(text: str) -> list[str]:
        return tokenizer.encode(text, add_special_tokens=False).tokens

    return SubwordTokenizer(name, tokenize, file_sha256(path))


def _cased_wordpiece(path: Path) -> BertWordPieceTokenizer:
    """Return a cased WordPiece tokenizer, as of multilingual BERT, from its vocabulary file."""
    from tokenizers.implementations import BertWordPieceTokenizer

    if not path.is_file():
        raise UsageError(f"{path.parent} has neither tokenizer.json nor vocab.txt")
    lines = path.read_text(encoding="utf-8").splitlines()
    vocabulary = {token: i for i, token in enumerate(lines)}
    if len(vocabulary) < len(lines) or "[UNK]" not in vocabulary:
        raise PaperError(f"{path} is no WordPiece vocabulary: [UNK] is missing or a line is twice")
    return BertWordPieceTokenizer(vocabulary, lowercase=False, strip_accents=False)


def _phi(name: str, path: Path) -> SubwordTokenizer:
    from transformers import AutoTokenizer

    try:
        with quiet():
            made = AutoTokenizer.from_pretrained(
                path.parent, gguf_file=path.name, local_files_only=True, trust_remote_code=False
            )
    except ImportError as error:
        raise PaperError(f"{path.name} is read with the package gguf: pip install gguf") from error
    except Exception as error:  # the readers of this format raise no class of their own
        raise PaperError(f"{path} cannot be read: {error!s:.120}") from error
    tokenizer = made.backend_tokenizer

    def tokenize(text: str) -> list[str]:
        return tokenizer.encode(text, add_special_tokens=False).tokens

    # It puts the mark of a space before the first word by itself.
    return SubwordTokenizer(name, tokenize, file_sha256(path))


def _qwen(name: str, path: Path) -> SubwordTokenizer:
    import tiktoken

    ranks: dict[bytes, int] = {}
    try:
        for line in path.read_bytes().splitlines():
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        # Without every single byte the compiled part would panic on the first that is missing.
        missing = next((byte for byte in range(256) if bytes([byte]) not in ranks), None)
        if missing is not None:
            raise ValueError(f"the byte {missing:#04x} is missing")
        coding = tiktoken.Encoding(
            name, pat_str=_QWEN_SPLIT, mergeable_ranks=ranks, special_tokens={}
        )
    except ValueError as error:
        raise PaperError(f"{path} is no list of byte pairs: {error!s:.120}") from error

    def tokenize(text: str) -> list[str]:
        whole = coding.decode_tokens_bytes(coding.encode_ordinary(text))
        return [token.decode("utf-8", errors="replace") for token in whole]

    return SubwordTokenizer(name, tokenize, file_sha256(path), space=" ")
