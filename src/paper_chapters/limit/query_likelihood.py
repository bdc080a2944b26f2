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

from paper_utils.encoders import load_encoder
from paper_utils.encoders.transformer import pad
from paper_utils.errors import UsageError
from paper_utils.limit.data import load_limit, released_checksums
from paper_utils.results import Tolerance, experiment

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

SCORER = "qwen2.5-coder-0.5b"
N_DOCS, N_QUERIES = 46, 100  #: of LIMIT-small; the queries are drawn, since all cost hours
_BATCH = 50  # queries that one document meets at once


@experiment(
    "limit-query-likelihood",
    "LIMIT-small: how probable Qwen2.5-Coder finds 100 of the queries after each document",
    tasks=lambda: [{"document": document} for document in range(N_DOCS)],
    data=lambda: released_checksums("limit-small"),
    tolerance=Tolerance(
        rel=1e-3, abs=0.01, why="Sums in single precision over the layers and the vocabulary."
    ),
)
def query_likelihoods(document: int) -> dict[str, Any]:
    """Return `start`, the log probability (nats) of what all queries begin with after one document
    and a line break, and `rest`, that of what follows, of each query of :func:`drawn_queries`.
    """
    if not 0 <= document < N_DOCS:
        raise UsageError(f"document = {document} must be 0 to {N_DOCS - 1}")
    data = load_limit()
    texts = [data.queries[row] for row in drawn_queries(len(data.queries))]
    start, rest = log_probabilities(*_scorer(), data.documents[document], texts)
    return {"start": round(start, 4), "rest": rest.round(3).tolist()}


def drawn_queries(n_queries: int) -> NDArray[np.int64]:
    """Return the places of the drawn queries, increasing."""
    order = np.random.Generator(np.random.PCG64(0)).random(n_queries)
    return np.sort(np.argsort(order, kind="stable")[:N_QUERIES])


@functools.cache
def _scorer() -> tuple[PreTrainedModel, torch.Tensor, Tokenizer]:
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
