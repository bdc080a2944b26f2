"""Three architectures from one pre-trained backbone: two towers, late interaction, cross-encoder.

What differs is what meets what: two vectors, all pairs of token states, or all tokens in one pass.
The backbone, its dropout, the lists, the loss and the frozen word embeddings are the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize, softplus

from paper_chapters.coarse_fine.judged_lists import GradedLists
from paper_chapters.coarse_fine.towers import by_length, padded
from paper_utils.encoders import load_encoder
from paper_utils.encoders.e5 import DOCUMENT, QUERY
from paper_utils.encoders.transformer import pool
from paper_utils.errors import UsageError
from paper_utils.train.contrastive import TEMPERATURE

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ARMS = ("two towers", "late interaction", "cross-encoder")
BACKBONES = ("minilm", "me5-small")
WINDOW = 48  #: tokens of a text, special ones apart; a query is cut there too
DROPOUT = 0.1  #: of every arm


@dataclass(frozen=True, eq=False)
class Backbone:
    """A pre-trained network and what turns a text into its tokens, without special ones."""

    network: PreTrainedModel
    ids: Callable[[Sequence[str]], list[list[int]]]
    first: int  #: what begins a row
    last: int  #: what ends a text
    prompts: tuple[list[int], list[int]]  #: tokens before a query and before a title


def load_backbone(name: str) -> Backbone:
    """Return one of `BACKBONES`, its network a copy of its own with dropout `DROPOUT`."""
    if name not in BACKBONES:
        raise UsageError(f"the backbone must be one of {', '.join(BACKBONES)}, not {name!r}")
    encoder = load_encoder(name)
    if name == "minilm":
        network, tokens = encoder.model[0].auto_model, encoder.model.tokenizer
        first, last = tokens.cls_token_id, tokens.sep_token_id

        def ids(texts: Sequence[str]) -> list[list[int]]:
            return tokens(list(texts), add_special_tokens=False)["input_ids"]

        prompts: tuple[list[int], list[int]] = ([], [])
    else:
        network, tokens = encoder.model, encoder.tokenizer
        special = encoder.content.specials
        first, last = special["bos"], special["eos"]

        def ids(texts: Sequence[str]) -> list[list[int]]:
            return [e.ids for e in tokens.encode_batch(list(texts), add_special_tokens=False)]

        query, title = ids([QUERY, DOCUMENT])
        prompts = query, title
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = DROPOUT
    network.get_input_embeddings().weight.requires_grad_(False)
    return Backbone(
        network, lambda texts: [row[:WINDOW] for row in ids(texts)], first, last, prompts
    )


class Arm(torch.nn.Module):
    """One of `ARMS` over a backbone; `forward` gives the scores of lists, (n_queries, n_titles)."""

    def __init__(self, kind: str, backbone: str = "minilm", *, seed: int = 0) -> None:
        super().__init__()
        if kind not in ARMS:
            raise UsageError(f"the arm must be one of {', '.join(ARMS)}, not {kind!r}")
        self.kind, self.base = kind, load_backbone(backbone)
        self.network = self.base.network
        if kind == "cross-encoder":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                self.out = torch.nn.Linear(self.network.config.hidden_size, 1)

    def forward(self, lists: GradedLists) -> torch.Tensor:
        """Return the scores of each query with the titles of its list."""
        flat = [title for row in lists.titles for title in row]
        shape = len(lists.queries), len(lists.titles[0])
        if self.kind == "cross-encoder":
            queries = [query for query in lists.queries for _ in range(shape[1])]
            return self.read(queries, flat).view(shape)
        queries, titles = self.encode(lists.queries, side=0), self.encode(flat, side=1)
        if self.kind == "two towers":
            scores = torch.einsum("qd,qtd->qt", queries, titles.view(*shape, -1))
        else:
            scores = max_sim(queries[:, None], titles.view(*shape, *titles.shape[1:]))
        return scores / TEMPERATURE

    def encode(self, texts: Sequence[str], side: int) -> torch.Tensor:
        """Return unit vectors of texts, (n, d); of late interaction one a token, (n, most, d), zero
        in the padding. `side`: 0 of queries, 1 of titles.
        """
        base = self.base
        rows = [[base.first, *base.prompts[side], *ids, base.last] for ids in base.ids(texts)]
        features = padded(rows)
        width = features["input_ids"].shape[1]

        def vectors(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            states = self.network(input_ids=ids, attention_mask=mask).last_hidden_state
            if self.kind == "two towers":
                return normalize(pool(states, mask, "mean"), dim=1)
            units = normalize(states, dim=2) * mask[:, :, None]
            return torch.nn.functional.pad(units, (0, 0, 0, width - ids.shape[1]))

        return by_length(vectors, features["input_ids"], features["attention_mask"])

    def read(self, queries: Sequence[str], titles: Sequence[str]) -> torch.Tensor:
        """Return the cross-encoder's scores of pairs, (n,): linear in the mean of all states."""
        base, rows, kinds = self.base, [], []
        ids = dict(zip(queries, base.ids(queries), strict=True))
        for query, title in zip(queries, base.ids(titles), strict=True):
            rows.append([base.first, *ids[query], base.last, *title, base.last])
            kinds.append([0] * (len(ids[query]) + 2) + [1] * (len(title) + 1))

        def pooled(ids: torch.Tensor, mask: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
            states = self.network(input_ids=ids, attention_mask=mask, token_type_ids=kind)
            return pool(states.last_hidden_state, mask, "mean")

        features = padded(rows)
        kind = padded(kinds)["input_ids"]
        found = by_length(pooled, features["input_ids"], features["attention_mask"], kind)
        return self.out(found).squeeze(1)


def max_sim(queries: torch.Tensor, titles: torch.Tensor) -> torch.Tensor:
    """Return the mean over a query's tokens of the best cosine with a token of the title.
    Tensors of unit rows, (..., n_tokens, d), zero in the padding.
    """
    cosines = queries @ titles.transpose(-1, -2)
    there = titles.abs().sum(dim=-1) > 0
    best = cosines.masked_fill(~there[..., None, :], -torch.inf).amax(dim=-1)
    mine = queries.abs().sum(dim=-1) > 0
    return (best * mine).sum(dim=-1) / mine.sum(dim=-1)


def list_loss(scores: torch.Tensor, grades: torch.Tensor) -> torch.Tensor:
    """Return InfoNCE of every title against the titles of a lower grade in its list, averaged.
    Both (n_queries, n_titles); titles of the lowest grade of a list are negatives alone. Of two
    grades it is :func:`paper_utils.train.contrastive.multi_positive_infonce`.
    """
    lower = grades[:, None, :] < grades[:, :, None]  # of title i: which j have less
    others = torch.where(lower, scores[:, None, :], -torch.inf).logsumexp(dim=2)
    above = lower.any(dim=2)
    losses = softplus(torch.where(above, others, 0.0) - scores)
    return ((losses * above).sum(dim=1) / above.sum(dim=1)).mean()


def arm_loss(arm: Arm) -> Callable[[GradedLists], torch.Tensor]:
    """Return what training minimises: :func:`list_loss` of the scores of a batch."""

    def loss_of(batch: GradedLists) -> torch.Tensor:
        return list_loss(arm(batch), torch.from_numpy(batch.grades))

    return loss_of


def pair_scores(
    arm: Arm, queries: Sequence[str], titles: Sequence[str], pairs: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Return the scores, (n_pairs,), of `pairs` of query and title numbers, (n_pairs, 2)."""
    arm.eval()
    scores = np.empty(len(pairs), dtype=np.float32)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    with torch.inference_mode():
        if arm.kind == "two towers":
            sides = []
            for side, texts in enumerate((queries, titles)):
                distinct, places = np.unique(pairs[:, side], return_inverse=True)
                sides.append(_all(arm, [texts[at] for at in distinct], side)[places])
            return (sides[0] * sides[1]).sum(dim=1).numpy()
        for rows in _blocks(order):
            q, t = pairs[rows].T
            some, many = [queries[at] for at in q], [titles[at] for at in t]
            if arm.kind == "cross-encoder":
                scores[rows] = arm.read(some, many).numpy()
            else:
                distinct, places = np.unique(q, return_inverse=True)
                vectors = arm.encode([queries[at] for at in distinct], side=0)[places]
                scores[rows] = max_sim(vectors, arm.encode(many, side=1)).numpy()
    return scores


def _all(arm: Arm, texts: Sequence[str], side: int) -> torch.Tensor:
    return torch.cat(
        [arm.encode([texts[at] for at in rows], side) for rows in _blocks(range(len(texts)))]
    )


def _blocks(order: Sequence[int] | NDArray, size: int = 256) -> Iterator[list[int]]:
    for start in range(0, len(order), size):
        yield list(order[start : start + size])
