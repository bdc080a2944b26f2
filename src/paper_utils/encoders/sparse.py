"""Learned sparse encoders: one weight for each word piece of the vocabulary (SPLADE)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from paper_utils.encoders import cache, checkpoint, panel
from paper_utils.encoders.base import as_texts
from paper_utils.encoders.folder import check_folder
from paper_utils.encoders.tokens import load_tokenizer
from paper_utils.encoders.transformer import MAX_TOKENS, pad
from paper_utils.errors import PaperError, UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel


class Splade:
    """A SPLADE checkpoint: the weight of a word piece in a text is the largest over the tokens of
    log(1 + max(0, logit)), of a masked language model. Nothing is kept on disk.
    """

    def __init__(self, name: str, folder: Path, *, batch_size: int = 16) -> None:
        self.name = name
        self.folder = folder
        self.batch_size = batch_size

    @cached_property
    def model(self) -> PreTrainedModel:
        """The network with its language-model head."""
        from transformers import AutoModelForMaskedLM

        with checkpoint.loading(self.name):
            model, report = AutoModelForMaskedLM.from_pretrained(
                self.folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
            if missing := sorted(report["missing_keys"]):
                raise PaperError(
                    f"the weights in {self.folder} are not those of a masked language model: "
                    f"{len(missing)} tensors are missing, first {missing[0]}"
                )
        return model.eval()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the folder, cutting at 512 tokens."""
        if (tokenizer := load_tokenizer(self.folder)) is None:
            raise PaperError(f"{self.folder} has no tokenizer.json")
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        return tokenizer

    def encode(self, texts: Sequence[str]) -> sparse.csr_array:
        """Return the weights of all texts, float32 (n, vocabulary); scores are inner products."""
        import torch

        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(as_texts(texts))]
        order = np.argsort([len(text) for text in ids], kind="stable")
        model = self.model  # loaded before gradients are switched off
        rows = []
        for start in range(0, len(order), self.batch_size):
            tokens, mask = pad([ids[i] for i in order[start : start + self.batch_size]])
            with torch.inference_mode():
                logits = model(input_ids=tokens, attention_mask=mask).logits
                logits = logits.masked_fill(mask.unsqueeze(-1) == 0, 0)
                rows.append(sparse.csr_array(torch.log1p(logits.relu().amax(dim=1)).numpy()))
        return sparse.csr_array(sparse.vstack(rows)[np.argsort(order)])


def load_sparse_encoder(name: str) -> Splade:
    """Return ``splade-tiny`` of the panel, its checksum met, or ``splade:<folder>``."""
    kind, _, what = name.partition(":")
    if name == "splade-tiny":
        path = panel.checked_file(name)
        cache.weights[name] = checkpoint.file_sha256(path)
        return Splade(name, path.parent)
    if kind != "splade" or not what:
        raise UsageError(f"no sparse encoder {name!r}; known: splade-tiny, splade:<folder>")
    check_folder(Path(what).expanduser())
    return Splade(name, Path(what).expanduser())
