"""States of tokens: they pool to what the encoder gives; special tokens; edges; LIMIT-small."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from paper_utils import load_encoder, load_limit, maxsim, pool, select_top_k, token_states
from paper_utils.checks import unit_rows
from paper_utils.errors import UsageError
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import ranks_from_lists

TITLES = ["saw", "cordless drill 18 V, two batteries", "hammer", "drill " * 300]


@pytest.fixture(scope="module")
def minilm():
    return load_encoder("minilm", batch_size=16)


def all_tokens(encoder, texts, **which) -> list[np.ndarray]:
    found = [None] * len(texts)
    for batch in token_states(encoder, texts):
        for row, vectors in zip(batch.rows, batch.vectors(**which), strict=True):
            found[row] = vectors
    return found


def test_states_pool_to_the_vectors_of_the_encoder_cut_at_its_window(minilm):
    expected = minilm.encode(TITLES, cache=False)
    seen = 0
    for batch in token_states(minilm, TITLES):
        pooled = unit_rows(pool(batch.states, batch.mask, "mean").numpy())
        np.testing.assert_allclose(pooled, expected[batch.rows], atol=1e-6)
        seen += len(batch.rows)
        assert batch.mask.shape[1] <= 256
    assert seen == len(TITLES)


def test_tokens_of_a_text_do_not_depend_on_its_batch(minilm):
    together = all_tokens(minilm, TITLES)
    for text, tokens in zip(TITLES, together, strict=True):
        np.testing.assert_allclose(all_tokens(minilm, [text])[0], tokens, atol=2e-5)


def test_special_tokens_are_marked_and_can_be_left_out(minilm):
    (batch,) = token_states(minilm, TITLES[:2])
    tokenizer = minilm.model.tokenizer
    for ids, special, mask in zip(batch.ids, batch.special, batch.mask, strict=True):
        assert tokenizer.convert_ids_to_tokens(ids[special].tolist()) == ["[CLS]", "[SEP]"]
        assert not special[~mask].any()
    whole, without = batch.vectors(), batch.vectors(special=False)
    for text, inner in zip(whole, without, strict=True):
        np.testing.assert_array_equal(text[1:-1], inner)


def test_input_embeddings_are_rows_of_the_word_piece_matrix(minilm):
    matrix = minilm.model[0].auto_model.get_input_embeddings().weight.detach()
    (batch,) = token_states(minilm, TITLES[:2])
    torch.testing.assert_close(batch.embeddings, matrix[batch.ids])
    # The same piece has one input embedding and, by its context, several states.
    (text,) = token_states(minilm, ["drill drill"])
    assert torch.equal(text.embeddings[0, 1], text.embeddings[0, 2])
    assert not torch.allclose(text.states[0, 1], text.states[0, 2], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "texts", "message"),
    [
        ("random", ["saw"], "'random' has no tokens"),
        ("minilm", [], "texts is empty"),
    ],
)
def test_what_has_no_tokens_is_named(name, texts, message):
    with pytest.raises(UsageError, match=message):
        next(token_states(load_encoder(name), texts))


def test_a_text_of_special_tokens_alone_and_an_unknown_layer_are_named(minilm):
    (batch,) = token_states(minilm, ["", "saw"])
    assert [len(vectors) for vectors in batch.vectors()] == [2, 3]
    with pytest.raises(UsageError, match="text 0 has no token but special ones"):
        batch.vectors(special=False)
    with pytest.raises(UsageError, match="no layer 'lats'; did you mean 'last'"):
        batch.vectors("lats")


@pytest.mark.slow
@pytest.mark.realdata
def test_limit_small_is_solved_by_tokens_and_not_by_their_mean(minilm):
    """Values computed independently of this code; ties go to the document that comes first.

    The special tokens belong to the texts, but for the mean of static word pieces.
    """
    data = load_limit("limit-small")
    kinds = {"states": {}, "pieces": {"layer": "input"}}
    kinds["inner pieces"] = {"layer": "input", "special": False}
    sides = []
    for texts in (list(data.queries), list(data.documents)):
        found = {kind: [None] * len(texts) for kind in kinds}
        for batch in token_states(minilm, texts):
            for kind, which in kinds.items():
                for row, vectors in zip(batch.rows, batch.vectors(**which), strict=True):
                    found[kind][row] = vectors
        sides.append(found)

    def recall(scores):
        ranks = ranks_from_lists(select_top_k(scores, 20)[0], data.qrels)
        return [100 * recall_at_k(ranks, k).mean() for k in (2, 10, 20)]

    def of_tokens(kind):
        return recall(maxsim(sides[0][kind], sides[1][kind]))

    def of_means(kind):
        Q, X = (unit_rows([vectors.mean(axis=0) for vectors in side[kind]]) for side in sides)
        return recall(Q @ X.T)

    assert of_tokens("states") == pytest.approx([96.0, 99.95, 99.95], abs=0.06)
    assert of_tokens("pieces") == pytest.approx([98.2, 100, 100], abs=0.06)
    assert of_means("states") == pytest.approx([16.2, 48.1, 69.5], abs=0.06)
    assert of_means("inner pieces") == pytest.approx([31.5, 65.4, 84.2], abs=0.06)
