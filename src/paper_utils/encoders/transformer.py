"""Plain transformer checkpoints: tokens, hidden states, pooling."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from paper_utils.encoders import checkpoint
from paper_utils.encoders.base import TextEncoder
from paper_utils.encoders.tokens import load_tokenizer, made_tokenizer
from paper_utils.errors import PaperError, UsageError, did_you_mean

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)

POOLINGS = ("mean", "cls", "last", "layer")
MAX_TOKENS = 512  # where the model's own window is not shorter


class TransformerCheckpoint(TextEncoder):
    """Hidden states of the last layer, pooled over the tokens of a text in float32; not normalised.
    The pooling 'layer' is the mean of the states after half of the layers.
    The tokenizer is that of `tokenizer.json`, unchanged: transformers rebuilds that of some model
    types (qwen2) and may swap its pre-tokenizer. Padding is on the right, with an attention mask.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        pooling: str = "mean",
        dtype: str = "float32",
        batch_size: int = 64,
    ) -> None:
        super().__init__(name)
        if pooling not in POOLINGS:
            raise UsageError(f"no pooling {pooling!r}; {did_you_mean(pooling, POOLINGS)}")
        self.folder = folder
        self.pooling = pooling
        self.dtype = dtype
        self.batch_size = batch_size

    @cached_property
    def dim(self) -> int:
        """Size of the hidden states; most configurations state it without loading weights."""
        config = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        return config.get("hidden_size") or self.model.config.hidden_size

    def recipe(self) -> Mapping[str, object]:
        """Files, pooling, longest text, library versions and dtype."""
        return {
            "encoder": "transformer",
            "revision": 1,
            "files": checkpoint.folder_sha256(self.folder),
            "pooling": self.pooling,
            "max_tokens": MAX_TOKENS,
            "dtype": self.dtype,
            "versions": checkpoint.library_versions(),
        }

    @cached_property
    def model(self) -> PreTrainedModel:
        """The network, loaded when vectors are needed that are not cached."""
        with checkpoint.loading(self.name):
            return self._load()

    def _load(self) -> PreTrainedModel:
        import torch
        from transformers import AutoModel

        model, report = AutoModel.from_pretrained(
            self.folder,
            dtype=getattr(torch, self.dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
        # transformers fills missing weights with random numbers. The pooler is not used.
        missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
        if missing:
            raise PaperError(
                f"the weights in {self.folder} do not fit its config.json: {len(missing)} "
                f"tensors are missing, first {missing[0]}"
            )
        if model.config.is_encoder_decoder:
            model = model.get_encoder()
        model.config.use_cache = False
        return model.eval()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the folder, cutting at the window and not padding."""
        with checkpoint.loading(self.name):
            tokenizer = self._made_tokenizer()
        window = getattr(self.model.config, "max_position_embeddings", None) or MAX_TOKENS
        tokenizer.no_padding()
        tokenizer.enable_truncation(min(MAX_TOKENS, window))
        return tokenizer

    def _made_tokenizer(self) -> Tokenizer:
        return load_tokenizer(self.folder) or made_tokenizer(self.folder)

    def _vectors(self, texts: list[str], bar: tqdm) -> NDArray[np.float32]:
        import torch

        encodings = self.tokenizer.encode_batch(texts)
        if cut := sum(bool(encoding.overflowing) for encoding in encodings):
            length = self.tokenizer.truncation["max_length"]
            log.warning(
                "%s: %d of %d texts were cut at %d tokens", self.name, cut, len(texts), length
            )
        tokens = [encoding.ids for encoding in encodings]
        for text, ids in zip(texts, tokens, strict=True):
            if not ids:
                raise UsageError(
                    f"the tokenizer of {self.name!r} gives no token for the text {text!r:.40}; "
                    "drop such texts first"
                )
        known = self.model.get_input_embeddings().num_embeddings
        if max(map(max, tokens)) >= known:
            raise PaperError(
                f"tokenizer and weights of {self.name!r} do not belong together: token "
                f"{max(map(max, tokens))} of {known}"
            )

        def forward(batch: list[int]) -> NDArray[np.float32]:
            ids, mask = pad([tokens[i] for i in batch])
            with torch.inference_mode():
                states, how = self._states(ids, mask)
                return pool(states.float(), mask, how).numpy()

        return checkpoint.in_batches(
            [len(ids) for ids in tokens], forward, dim=self.dim, size=self.batch_size, bar=bar
        )

    def _states(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, str]:
        """Return the states (n_texts, n_tokens, dim) that are pooled, and how."""
        if self.pooling != "layer":
            found = self.model(input_ids=ids, attention_mask=mask)
            return found.last_hidden_state, self.pooling
        found = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        # The first of them are the embeddings, before any layer.
        return found.hidden_states[(len(found.hidden_states) - 1) // 2], "mean"


def pad(tokens: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids padded on the right with 0, and their mask, int64 (n_texts, longest)."""
    import torch

    shape = len(tokens), max(map(len, tokens))
    ids, mask = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    for row, text in enumerate(tokens):
        ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
    return ids, mask


def pool(states: torch.Tensor, mask: torch.Tensor, how: str) -> torch.Tensor:
    """Return one vector for each text from the states of its tokens, padded on either side.

    Parameters
    ----------
    states : Tensor, shape (n_texts, n_tokens, dim)
    mask : Tensor of 0 and 1, or bool, shape (n_texts, n_tokens)
        0 where a token does not count: padding, or tokens to be left out. Each row has a 1.
    how : {'mean', 'cls', 'last', 'max'}
        Mean of the tokens; the first; the last; the largest value of each coordinate.

    Returns
    -------
    Tensor, shape (n_texts, dim)
        Not normalised.

    Examples
    --------
    >>> import torch
    >>> states, mask = torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1, 1, 0]])
    >>> [pool(states, mask, how).item() for how in ("mean", "cls", "last", "max")]
    [2.0, 1.0, 3.0, 3.0]
    """
    import torch

    if how not in (known := ("mean", "cls", "last", "max")):
        raise UsageError(f"no pooling {how!r}; {did_you_mean(how, known)}")
    if states.ndim != 3 or mask.shape != states.shape[:2]:
        raise UsageError(
            f"states and mask must have shapes (n_texts, n_tokens, dim) and (n_texts, n_tokens), "
            f"not {tuple(states.shape)} and {tuple(mask.shape)}"
        )
    real = mask.bool()
    if not real.any(dim=1).all():
        raise UsageError("mask has a text without a token; drop such texts first")
    if how == "mean":
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1)
    if how == "max":
        return states.masked_fill(~real.unsqueeze(-1), -torch.inf).amax(dim=1)
    place = torch.arange(mask.shape[1])
    if how == "cls":
        place = -place
    # The largest place among real tokens; padding can never win.
    chosen = torch.where(real, place, -mask.shape[1]).argmax(dim=1)
    return states[torch.arange(len(states)), chosen]
