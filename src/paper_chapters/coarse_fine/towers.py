"""Small two-tower encoders that are trained from nothing, both towers sharing their weights.

Each takes what its `tokenizer` gives and returns ``{"sentence_embedding": vectors}``, as those of
sentence-transformers do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from paper_utils.checks import whole
from paper_utils.errors import UsageError
from paper_utils.train.contrastive import embed

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, UNKNOWN, START, SEPARATOR = range(4)
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WINDOW = 64  # tokens of a text
_PARTS = 4  # of a batch, by length


def learn_tokenizer(texts: Iterable[str], *, size: int = 4000) -> Tokenizer:
    """Train byte-pair merges of at most `size` tokens: lower-cased, numbers apart from letters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=_SPECIAL[UNKNOWN]))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=False)]
    )
    # Not WordPiece: its trainer numbers tokens in the order of a hash table, anew in each run.
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(_SPECIAL), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def network(
    vocabulary: int, *, hidden: int = 128, layers: int = 2, dropout: float = 0.1
) -> torch.nn.Module:
    """Return a BERT of a few layers with random weights, without pooler."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=4 * hidden,
        max_position_embeddings=2 * WINDOW,
        pad_token_id=PAD,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return BertModel(config, add_pooling_layer=False)


class TransformerTower(torch.nn.Module):
    """A transformer of two layers, the mean of its token states, one linear map to d dimensions."""

    max_seq_length = WINDOW

    def __init__(self, subwords: Tokenizer, d: int, *, seed: int = 0) -> None:
        super().__init__()
        whole("d", d, least=1)
        self.subwords = subwords
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = network(subwords.get_vocab_size())
            self.out = torch.nn.Linear(self.encoder.config.hidden_size, d)

    def tokenizer(self, texts: Sequence[str], *, max_length: int, **_: Any) -> dict[str, Any]:
        """Return token ids and mask, as a tokenizer of transformers does."""
        ids = [
            encoding.ids[:max_length] or [UNKNOWN] for encoding in self.subwords.encode_batch(texts)
        ]
        return padded(ids)

    def forward(self, features: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return one vector a text, of any length."""
        from paper_utils.encoders.transformer import pool

        def pooled(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            states = self.encoder(input_ids=ids, attention_mask=mask)
            return pool(states.last_hidden_state, mask, "mean")

        found = by_length(pooled, features["input_ids"], features["attention_mask"])
        return {"sentence_embedding": self.out(found)}


class DSSM(torch.nn.Module):
    """Letter trigrams, hashed into a dictionary, and layers of 300, 300 and `d` units with tanh.

    P.-S. Huang et al., "Learning deep structured semantic models for web search using clickthrough
    data", CIKM 2013, sections 3.1 to 3.3, but with shared weights. Words are put between marks;
    trigrams that the training `texts` lack are left out.

    >>> DSSM(["drill"]).trigrams("Drills")
    ['#dr', 'dri', 'ril', 'ill', 'lls', 'ls#']
    """

    max_seq_length = 10 * WINDOW  # trigrams

    def __init__(self, texts: Iterable[str], d: int = 128, *, seed: int = 0) -> None:
        super().__init__()
        whole("d", d, least=1)
        found = sorted({gram for text in texts for gram in self.trigrams(text)})
        self.place = {gram: number for number, gram in enumerate(found, start=1)}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first = torch.nn.EmbeddingBag(len(found) + 1, 300, mode="sum", padding_idx=0)
            # Of a linear layer with a few dozen inputs at work.
            torch.nn.init.uniform_(self.first.weight, -0.1, 0.1)
            self.rest = torch.nn.Sequential(
                torch.nn.Tanh(),
                torch.nn.Linear(300, 300),
                torch.nn.Tanh(),
                torch.nn.Linear(300, d),
                torch.nn.Tanh(),
            )

    @staticmethod
    def trigrams(text: str) -> list[str]:
        """Return the letter trigrams of the words of `text`."""
        words = [f"#{word}#" for word in text.lower().split()]
        return [word[i : i + 3] for word in words for i in range(len(word) - 2)]

    def tokenizer(self, texts: Sequence[str], *, max_length: int, **_: Any) -> dict[str, Any]:
        """Return places in the dictionary; 0 where a text has none."""
        rows = [[self.place[g] for g in self.trigrams(t) if g in self.place] for t in texts]
        return padded([row[:max_length] or [0] for row in rows])

    def forward(self, features: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return one vector a text, of any length."""
        return {"sentence_embedding": self.rest(self.first(features["input_ids"]))}


def padded(rows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Return rows of ids as one tensor, 0 where a row has ended, and the mask of what is real."""
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def by_length(
    function: Callable[..., torch.Tensor],
    ids: torch.Tensor,
    mask: torch.Tensor,
    *more: torch.Tensor,
) -> torch.Tensor:
    """Return `function(ids, mask, *more)` of rows, called with rows of similar length.
    Most of a batch is padding. `function` gives one result a row, whatever the padding; rows keep
    their order.
    """
    lengths = mask.sum(dim=1)
    order = torch.argsort(lengths, stable=True)
    parts = []
    for rows in order.tensor_split(min(_PARTS, len(order))):
        longest = int(lengths[rows].max())
        parts.append(function(*(part[rows, :longest] for part in (ids, mask, *more))))
    return torch.cat(parts)[torch.argsort(order)]


def vectors(model: torch.nn.Module, texts: Sequence[str], *, batch: int = 256) -> NDArray:
    """Return the unit vectors of `texts`, float32, shape (n_texts, d)."""
    with torch.inference_mode():
        parts = [embed(model, texts[i : i + batch]).numpy() for i in range(0, len(texts), batch)]
    return np.concatenate(parts)


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return what `call` returns and the processor seconds that it took."""
    began = time.process_time()
    found = call()
    return found, time.process_time() - began


def spectral_penalty(weight: float):
    """Return the penalty ``−weight · log((Tr S)² / Tr S² / min(n − 1, d))``: 0 for a flat spectrum.
    S is the covariance of a batch's n vectors. It counters Krasnov's spectral degeneration; his
    outlook names 'spectral regularisation' without a formula, so this form is ours.
    """
    if not weight > 0:
        raise UsageError(f"weight must be positive, not {weight}")

    def penalty(documents: torch.Tensor) -> torch.Tensor:
        centred = documents - documents.mean(dim=0)
        n, d = centred.shape
        gram = centred @ centred.T if n < d else centred.T @ centred
        d_eff = gram.trace() ** 2 / (gram * gram).sum()
        return -weight * torch.log(d_eff / min(n - 1, d))

    return penalty
