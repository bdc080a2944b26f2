"""The probability of a query after a document, from kept keys and values, against whole texts."""

from types import SimpleNamespace

import numpy as np
import pytest

from paper_chapters.limit.query_likelihood import N_QUERIES, drawn_queries, query_likelihoods
from paper_utils.encoders.likelihood import log_probabilities
from paper_utils.errors import UsageError


class Letters:
    """A tokenizer of one token a letter."""

    def encode(self, text):
        return SimpleNamespace(ids=[ord(letter) % 60 for letter in text])

    def encode_batch(self, texts):
        return [self.encode(text) for text in texts]


def small_network():
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=60,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=False,
        initializer_range=0.5,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Qwen2ForCausalLM(config).eval()


@pytest.mark.parametrize(
    "queries", [["who ab?", "who cdef?", "who a?", "who b"], ["xy", "xz"], ["alone of its kind"]]
)
def test_the_parts_are_the_probability_of_the_whole(queries):
    import torch

    whole, letters = small_network(), Letters()
    document = "he likes ab, cdef"
    start, rest = log_probabilities(whole.model, whole.lm_head.weight, letters, document, queries)
    before = letters.encode(document + "\n").ids
    for query, found in zip(queries, start + rest, strict=True):
        ids = before + letters.encode(query).ids
        with torch.inference_mode():
            logs = torch.log_softmax(whole(torch.tensor([ids])).logits[0], dim=-1)
        expected = sum(float(logs[i - 1, ids[i]]) for i in range(len(before), len(ids)))
        assert found == pytest.approx(expected, rel=1e-4)


def test_queries_are_drawn_once_and_for_all():
    drawn = drawn_queries(1000)
    assert len(np.unique(drawn)) == N_QUERIES and (drawn == drawn_queries(1000)).all()


def test_documents_are_those_that_there_are():
    with pytest.raises(UsageError, match="document = 46 must be 0 to 45"):
        query_likelihoods(46)
