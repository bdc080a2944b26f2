"""The tokenizer of a checkpoint folder, exactly as its file has it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from paper_utils.errors import PaperError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

_PROBES = (  # case, accents, digits, units, spaces and punctuation: what pre-tokenizers differ in
    "Дрель-шуруповёрт Bosch GSR 180-LI, 18В, 2Ач",
    "Cordless drill driver 18 V 12345, it's 10 mm",
    "отвёртка  крестовая\nPH2×100 (café, №5)",
)


def load_tokenizer(folder: Path) -> Tokenizer | None:
    """Return the tokenizer in `tokenizer.json`, unchanged; None where there is no such file.
    transformers rebuilds many tokenizers from their vocabulary, with pre-tokenizer and lower-casing
    from elsewhere: token ids may differ from those of the file.
    """
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # tokenizers raises no class of its own
        raise PaperError(f"{path} cannot be read: {error}") from error


def made_tokenizer(folder: Path) -> Tokenizer:
    """Return the fast tokenizer that transformers makes of vocabulary files, or raise."""
    from transformers import AutoTokenizer

    made = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not made.is_fast:
        raise PaperError(f"{folder} has no tokenizer.json and no fast tokenizer can be made of it")
    return made.backend_tokenizer


def check_same_tokens(made: PreTrainedTokenizerBase, folder: Path) -> None:
    """Raise unless `made` gives the token ids of `tokenizer.json` for the probe texts."""
    if (tokenizer := load_tokenizer(folder)) is None:
        return
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for text in _PROBES:
        if made(text)["input_ids"] != tokenizer.encode(text).ids:
            raise PaperError(
                f"transformers makes other tokens than its tokenizer.json of the checkpoint "
                f"{folder}, for {text!r}: tokenizer_config.json does not fit it"
            )
