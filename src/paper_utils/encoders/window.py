"""How many texts are longer than an encoder takes, and whether it knows their language."""

from __future__ import annotations

import re
from collections.abc import Sequence

from paper_utils.encoders import checkpoint
from paper_utils.encoders.base import Encoder
from paper_utils.encoders.gguf_file import GGUFFile
from paper_utils.encoders.sentence import SentenceCheckpoint
from paper_utils.encoders.transformer import MAX_TOKENS, TransformerCheckpoint

_CYRILLIC = re.compile(r"[\u0400-\u04ff]")


def texts_cut(encoder: Encoder, texts: Sequence[str]) -> int:
    """Return how many of `texts` the encoder cuts at its window; 0 for encoders without one."""
    if isinstance(encoder, GGUFFile):  # no token is less than a byte: short texts need no reading
        texts = [text for text in texts if len(text.encode()) > MAX_TOKENS - 8]
    if not texts:
        return 0
    if isinstance(encoder, TransformerCheckpoint):
        return sum(bool(found.overflowing) for found in encoder.tokenizer.encode_batch(list(texts)))
    if isinstance(encoder, SentenceCheckpoint):
        model = encoder.model
        with checkpoint.quiet():
            ids = model.tokenizer(list(texts), truncation=False)["input_ids"]
        return sum(len(tokens) > model.max_seq_length for tokens in ids)
    return 0


def language_note(languages: str, texts: Sequence[str]) -> str:
    """Return a note where an English model meets Cyrillic, "" elsewhere.

    >>> language_note("English", ["дрель", "drill"])
    '1 of 2 texts hold Cyrillic letters, and the model was trained on English'
    """
    count = sum(bool(_CYRILLIC.search(text)) for text in texts)
    if languages != "English" or not count:
        return ""
    return (
        f"{count:,} of {len(texts):,} texts hold Cyrillic letters, and the model was trained on "
        "English"
    )
