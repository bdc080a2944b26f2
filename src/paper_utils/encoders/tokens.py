"""The tokenizer of a checkpoint folder, exactly as its file has it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from paper_utils.errors import PaperError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

# Case, accents, digits, units, spaces and punctuation: what pre-tokenizers differ in.
_PROBES = (
    "Дрель-шуруповёрт Bosch GSR 180-LI, 18В, 2Ач",
    "Cordless drill driver 18 V 12345, it's 10 mm",
    "отвёртка  крестовая\nPH2×100 (café, №5)",
)


def load_tokenizer(folder: Path) -> Tokenizer | None:
    """Return the tokenizer in `tokenizer.json`, unchanged; None where there is no such file.

    transformers rebuilds the tokenizers of many model types from their vocabulary and
    takes pre-tokenizer and lower-casing from its own code or from `tokenizer_config.json`,
    so that token ids may differ from those of the file.

    Raises
    ------
    PaperError
        The file is damaged.
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
    """Return the tokenizer that transformers makes of vocabulary files.

    Raises
    ------
    PaperError
        No fast tokenizer can be made of them.
    """
    from transformers import AutoTokenizer

    made = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not made.is_fast:
        raise PaperError(f"{folder} has no tokenizer.json and no fast tokenizer can be made of it")
    return made.backend_tokenizer


def check_same_tokens(made: PreTrainedTokenizerBase, folder: Path) -> None:
    """Raise unless `made` gives the token ids of `tokenizer.json` for some telling texts.

    Raises
    ------
    PaperError
        They differ: the vectors would not be those of the checkpoint.
    """
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
