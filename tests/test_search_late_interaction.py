"""Late interaction against a plain double loop; edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_utils import maxsim
from paper_utils.errors import UsageError
from paper_utils.search import late_interaction


def some_texts(rng: np.random.Generator, lengths: list[int], d: int) -> list[np.ndarray]:
    return [rng.normal(size=(length, d)) for length in lengths]


def by_loops(queries: list[np.ndarray], documents: list[np.ndarray]) -> np.ndarray:
    scores = np.zeros((len(queries), len(documents)))
    for i, query in enumerate(queries):
        for j, document in enumerate(documents):
            for token in query:
                scores[i, j] += max(
                    token @ other / np.linalg.norm(token) / np.linalg.norm(other)
                    for other in document
                )
    return scores


@settings(deadline=None, max_examples=40)
@given(
    of_queries=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    of_documents=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    d=st.integers(1, 6),
    tokens=st.integers(1, 30),
    cells=st.integers(1, 60),
)
def test_maxsim_is_the_double_loop_whatever_the_blocks(of_queries, of_documents, d, tokens, cells):
    rng = np.random.default_rng(d)
    queries, documents = some_texts(rng, of_queries, d), some_texts(rng, of_documents, d)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(late_interaction, "_TOKENS", tokens)
        patch.setattr(late_interaction, "_CELLS", cells)
        found = maxsim(queries, iter(documents))
    np.testing.assert_allclose(found, by_loops(queries, documents), atol=1e-5)


def test_one_token_a_text_is_the_cosine():
    rng = np.random.default_rng(0)
    queries, documents = rng.normal(size=(3, 1, 5)), rng.normal(size=(4, 1, 5))
    np.testing.assert_allclose(
        maxsim(queries, documents), by_loops(list(queries), list(documents)), atol=1e-6
    )


def test_a_document_that_holds_the_query_scores_its_number_of_tokens():
    rng = np.random.default_rng(1)
    query, other = some_texts(rng, [4, 30], 16)
    scores = maxsim([query], [np.concatenate([other, query]), other])[0]
    np.testing.assert_allclose(scores[0], 4, atol=1e-5)
    assert scores[1] < scores[0]


def test_more_tokens_never_lower_a_score():
    rng = np.random.default_rng(2)
    (query,), (document, more) = some_texts(rng, [3], 8), some_texts(rng, [5, 2], 8)
    longer = np.concatenate([document, more])
    short, long = maxsim([query], [document, longer])[0]
    assert long >= short - 1e-6


@pytest.mark.parametrize(
    ("queries", "documents", "message"),
    [
        ([], [np.ones((1, 2))], "queries is empty"),
        ([np.ones((1, 2))], [], "documents is empty"),
        ([np.ones((1, 2))], [np.ones((0, 2))], r"documents\[0\] has 0 rows"),
        ([np.ones((1, 2))], [np.ones((1, 3))], r"2 columns and documents\[0\] 3"),
        ([np.ones((1, 2)), np.ones((1, 3))], [np.ones((1, 2))], "as many columns"),
        ([np.zeros((1, 2))], [np.ones((1, 2))], r"queries\[0\] has 1 zero rows"),
        ([np.ones((1, 2))], [np.full((1, 2), np.nan)], "NaN"),
    ],
)
def test_what_cannot_be_scored_is_named(queries, documents, message):
    with pytest.raises(UsageError, match=message):
        maxsim(queries, documents)
