"""A language model as a scorer of pairs: how probable it finds a query after a document.

Nothing is trained for search, and no vector stands between the two texts: the network reads both.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from paper_utils.encoders.named import load_encoder
from paper_utils.encoders.transformer import pad

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

SCORER = "qwen2.5-coder-0.5b"
_BATCH = 50  # queries that one document meets at once


@functools.cache
def scorer() -> tuple[PreTrainedModel, torch.Tensor, Tokenizer]:
    """The network without its output layer, that layer, and the tokenizer."""
    import torch
    from gguf import GGUFReader, dequantize

    encoder = load_encoder(SCORER)
    # transformers reads the file without it; the reader maps the file, so that this is quick.
    layer = next(t for t in GGUFReader(encoder.path).tensors if t.name == "output.weight")
    head = torch.from_numpy(dequantize(layer.data, layer.tensor_type))
    return encoder.model, head, encoder.tokenizer


def log_probabilities(
    network: PreTrainedModel,
    head: torch.Tensor,
    tokenizer: Tokenizer,
    document: str,
    queries: Sequence[str],
) -> tuple[float, NDArray[np.float64]]:
    """Return the log probability of the tokens that all queries begin with, after the document and
    a line break, and that of the tokens that follow them in each query, shape (n_queries,).
    The document passes through the network once; queries go on from its keys and values.
    """
    import torch

    listed = [encoding.ids for encoding in tokenizer.encode_batch(list(queries))]
    shared = _shared_start(listed)
    context = tokenizer.encode(document + "\n").ids
    with torch.inference_mode():
        first = network(input_ids=torch.tensor([context + listed[0][:shared]]), use_cache=True)
        states = first.last_hidden_state[0, len(context) - 1 :]
        logs = torch.log_softmax(states @ head.T, dim=-1)
        start = float(sum(logs[i, token] for i, token in enumerate(listed[0][:shared])))
        found = np.array([float(logs[-1, ids[shared]]) for ids in listed])
        order = np.argsort([len(ids) for ids in listed], kind="stable")
        for begin in range(0, len(order), _BATCH):
            rows = order[begin : begin + _BATCH]
            tails = [listed[row][shared:] for row in rows]
            found[rows] += _after_the_first(network, head, first.past_key_values, tails)
    return start, found


def _after_the_first(network: Any, head: torch.Tensor, kept: Any, tails: list) -> NDArray:
    """Log probabilities of all tokens of each tail but its first, given what is kept before it."""
    import torch

    if max(map(len, tails)) == 1:
        return np.zeros(len(tails))
    ids, mask = pad([tail[:-1] or tail for tail in tails])  # a tail of one token has no successor
    keys = deepcopy(kept)
    length = keys.get_seq_length()
    keys.batch_repeat_interleave(len(tails))
    seen = torch.cat([torch.ones(len(tails), length, dtype=mask.dtype), mask], dim=1)
    states = network(
        input_ids=ids, attention_mask=seen, past_key_values=keys, use_cache=True
    ).last_hidden_state
    targets = [(i, j, token) for i, tail in enumerate(tails) for j, token in enumerate(tail[1:])]
    row, place, token = map(list, zip(*targets, strict=True))
    logs = torch.log_softmax(states[row, place] @ head.T, dim=-1)
    values = logs[torch.arange(len(token)), token].double().numpy()
    return np.bincount(row, weights=values, minlength=len(tails))


def _shared_start(listed: Sequence[Sequence[int]]) -> int:
    """Return how many tokens all begin with, at least one left to each."""
    most = min(map(len, listed)) - 1
    return next((i for i in range(most) if len({ids[i] for ids in listed}) > 1), most)
