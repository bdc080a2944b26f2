"""Several poolings of one network from one pass over the texts, into the cache of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from paper_utils.encoders import cache as store
from paper_utils.encoders import checkpoint
from paper_utils.encoders.base import CHUNK, as_texts, texts_key
from paper_utils.encoders.transformer import TransformerCheckpoint, pad, pool


def keep_poolings(
    encoders: Sequence[TransformerCheckpoint], texts: Sequence[str], *, progress: bool = False
) -> None:
    """Bring the vectors of `texts` into the cache, for encoders that differ in their pooling only.
    The network is that of the first; what `encode` then reads is what it would have computed.
    """
    distinct = sorted(set(as_texts(texts)), key=lambda text: (len(text.encode()), text))
    with tqdm(total=len(distinct), unit="text", disable=not progress) as bar:
        for start in range(0, len(distinct), CHUNK):
            chunk = distinct[start : start + CHUNK]
            found = cache(lambda chunk=chunk: _pooled(encoders, chunk))
            for encoder in encoders:
                store.get_or_compute(
                    texts_key(encoder.key, chunk),
                    lambda encoder=encoder, found=found: encoder._finite(found()[encoder.pooling]),
                    shape=(len(chunk), encoder.dim),
                )
            bar.update(len(chunk))


def _pooled(
    encoders: Sequence[TransformerCheckpoint], texts: list[str]
) -> Mapping[str, NDArray[np.float32]]:
    """Return the vectors (n_texts, dim) of each pooling."""
    import torch

    first = encoders[0]
    model = first.model  # loaded before gradients are switched off
    hows = [encoder.pooling for encoder in encoders]
    tokens = [encoding.ids for encoding in first.tokenizer.encode_batch(texts)]

    def forward(batch: list[int]) -> NDArray[np.float32]:
        ids, mask = pad([tokens[i] for i in batch])
        with torch.inference_mode():
            layers = model(
                input_ids=ids, attention_mask=mask, output_hidden_states=True
            ).hidden_states
            middle, last = layers[(len(layers) - 1) // 2].float(), layers[-1].float()
            parts = [
                pool(middle, mask, "mean") if how == "layer" else pool(last, mask, how)
                for how in hows
            ]
            return torch.cat(parts, dim=1).numpy()

    with tqdm(disable=True) as bar:
        wide = checkpoint.in_batches(
            [len(ids) for ids in tokens],
            forward,
            dim=first.dim * len(hows),
            size=first.batch_size,
            bar=bar,
        )
    parts = np.split(wide, len(hows), axis=1)
    return {how: np.ascontiguousarray(part) for how, part in zip(hows, parts, strict=True)}
