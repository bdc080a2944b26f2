"""States of single tokens: last layer and input embeddings, in batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from paper_utils.encoders import checkpoint
from paper_utils.encoders.base import Encoder, as_texts
from paper_utils.encoders.sentence import SentenceCheckpoint
from paper_utils.encoders.transformer import TransformerCheckpoint, pad
from paper_utils.errors import PaperError, UsageError, did_you_mean

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

LAYERS = ("last", "input")


@dataclass(frozen=True, eq=False)
class TokenBatch:
    """Tokens of a few texts, padded on the right; tensors have shape (n_texts, n_tokens, ...)."""

    rows: NDArray[np.int64]  #: (n_texts,), which of the texts these are
    ids: torch.Tensor  #: int64; 0 in the padding
    mask: torch.Tensor  #: bool, true where there is a token, special ones included
    special: torch.Tensor  #: bool, true at tokens that every text gets, [CLS] and [SEP] in BERT
    #: Last hidden layer, float32 of shape (..., dim), which the encoder's own pooling averages.
    #: Not normalised; values in the padding mean nothing.
    states: torch.Tensor
    #: Rows of the model's embedding matrix, float32 of shape (..., dim), before positions and
    #: layers are added, so the same vector wherever a subword token occurs.
    embeddings: torch.Tensor

    def vectors(self, layer: str = "last", *, special: bool = True) -> list[NDArray[np.float32]]:
        """Return the vectors of each text's tokens, (n_tokens, dim), without the padding.

        Parameters
        ----------
        layer : {'last', 'input'}
            `states` or `embeddings`.
        special : bool
            Whether special tokens are kept; the encoder's own pooling counts them. UsageError where
            a text has no other.
        """
        if layer not in LAYERS:
            raise UsageError(f"no layer {layer!r}; {did_you_mean(layer, LAYERS)}")
        chosen = self.states if layer == "last" else self.embeddings
        keep = self.mask if special else self.mask & ~self.special
        if not keep.any(dim=1).all():
            raise UsageError(
                f"text {int(self.rows[int(keep.any(dim=1).int().argmin())])} has no token but "
                "special ones; drop such texts first"
            )
        return [vectors[kept].numpy() for vectors, kept in zip(chosen, keep, strict=True)]


def token_states(
    encoder: Encoder, texts: Sequence[str], *, progress: bool = False
) -> Iterator[TokenBatch]:
    """Run a transformer on texts and give the states of their tokens, a batch at a time.

    Texts are cut at the encoder's window, as `encode` cuts them (256 tokens for MiniLM),
    and come in order of their number of tokens: `TokenBatch.rows` says which they are.
    Nothing is kept on disk. Memory: one batch of `encoder.batch_size` texts.

    Parameters
    ----------
    encoder : Encoder
        'minilm', 'untrained', or a checkpoint ``hf:`` with a transformer; others have no tokens.
    texts : sequence of str
    progress : bool
        Show a bar.

    Yields
    ------
    TokenBatch

    Examples
    --------
    >>> from paper_utils import load_encoder
    >>> batch = next(token_states(load_encoder("untrained"), ["drill", "cordless drill"]))
    >>> batch.rows.tolist(), batch.mask.sum(dim=1).tolist()  # [CLS] and [SEP] are among them
    ([0, 1], [3, 5])
    """
    texts = as_texts(texts)
    model, ids, special = _tokens(encoder, texts)
    order = np.argsort([len(text) for text in ids], kind="stable")
    table = model.get_input_embeddings()
    size = encoder.batch_size
    with tqdm(
        total=len(texts),
        desc=f"tokens {encoder.name}",
        unit="text",
        disable=not progress,
        leave=False,
    ) as bar:
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            yield _forward(model, table, rows, [ids[i] for i in rows], [special[i] for i in rows])
            bar.update(len(rows))


def _tokens(
    encoder: Encoder, texts: list[str]
) -> tuple[PreTrainedModel, list[list[int]], list[list[int]]]:
    """Return the network, and ids and special-token marks of each text, cut at the window."""
    if isinstance(encoder, TransformerCheckpoint):
        model = encoder.model
        encodings = encoder.tokenizer.encode_batch(texts)
        ids = [encoding.ids for encoding in encodings]
        special = [encoding.special_tokens_mask for encoding in encodings]
    elif isinstance(encoder, SentenceCheckpoint):
        model = getattr(encoder.model[0], "auto_model", None)
        if model is None:
            raise UsageError(f"encoder {encoder.name!r} has no transformer whose tokens to show")
        with checkpoint.quiet():
            encoded = encoder.model.tokenizer(
                texts,
                truncation=True,
                max_length=encoder.model.max_seq_length,
                return_special_tokens_mask=True,
            )
        ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
    else:
        raise UsageError(
            f"encoder {encoder.name!r} has no tokens; name 'minilm', 'untrained' or a "
            "transformer checkpoint hf:<id or folder>"
        )
    for text, tokens in zip(texts, ids, strict=True):
        if not tokens:
            raise UsageError(
                f"the tokenizer of {encoder.name!r} gives no token for the text {text!r:.40}; "
                "drop such texts first"
            )
    known = model.get_input_embeddings().num_embeddings
    if (largest := max(map(max, ids))) >= known:
        raise PaperError(
            f"tokenizer and weights of {encoder.name!r} do not belong together: token "
            f"{largest} of {known}"
        )
    return model, ids, special


def _forward(
    model: PreTrainedModel,
    table: torch.nn.Module,
    rows: NDArray[np.int64],
    tokens: list[list[int]],
    special: list[list[int]],
) -> TokenBatch:
    import torch

    ids, mask = pad(tokens)
    with torch.inference_mode():
        return TokenBatch(
            rows=rows,
            ids=ids,
            mask=mask.bool(),
            special=pad(special)[0].bool(),
            states=model(input_ids=ids, attention_mask=mask).last_hidden_state.float(),
            embeddings=table.weight[ids].float(),
        )
