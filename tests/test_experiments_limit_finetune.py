"""Fine-tuning on LIMIT: the data it is made of. (That it learns, its result shows.)"""

from __future__ import annotations

from itertools import combinations, islice

import numpy as np
import pytest

from paper_chapters.limit.fine_tuning import (
    LENGTH,
    _haystack,
    again,
    fine_tuned,
    halves,
    pair_test,
    recalls,
    training_batches,
)
from paper_utils.errors import UsageError
from paper_utils.limit.sentences import read_documents, read_query


def check_lists(batch):
    """Each document lists distinct attributes; a query fits exactly those that list its own."""
    asked = [read_query(query) for query in batch.queries]
    lists = read_documents(batch.documents, asked)
    assert all(len(set(items)) == len(items) == LENGTH for items in lists)
    expected = [[attribute in items for items in lists] for attribute in asked]
    assert np.array_equal(batch.grades, expected)
    return asked, lists


@pytest.mark.parametrize("seed", [0, 7])
def test_a_test_asks_for_every_pair_once(seed):
    _, attributes = halves(seed)
    test = pair_test(attributes, np.random.default_rng(seed))
    asked, lists = check_lists(test)
    pairs = [tuple(np.flatnonzero(row)) for row in test.grades]
    assert sorted(pairs) == list(combinations(range(17), 2))
    assert set(asked) <= set(attributes)
    assert {item for items in lists for item in items} <= set(attributes)


def test_training_batches_are_fresh_and_of_their_own_attributes():
    train, test = halves(3)
    first, second = islice(training_batches(train, np.random.default_rng(0)), 2)
    for batch in (first, second):
        asked, lists = check_lists(batch)
        assert set(batch.grades.sum(axis=1)) == {2}
        assert not ({*asked, *(item for items in lists for item in items)} & set(test))
    assert first.documents != second.documents


def test_again_keeps_documents_and_judgements():
    _, attributes = halves(0)
    test = pair_test(attributes, np.random.default_rng(0))
    for some in islice(again(test, np.random.default_rng(1)), 3):
        assert some.documents == test.documents
        for query, row in zip(some.queries, some.grades, strict=True):
            assert np.array_equal(row, test.grades[test.queries.index(query)])


def test_the_haystack_adds_no_answer():
    _, attributes = halves(0)
    test = pair_test(attributes, np.random.default_rng(0))
    stack = _haystack(test, attributes, np.random.default_rng(1))
    assert len(stack.documents) == len(set(stack.documents)) == 1000
    check_lists(stack)


class WordCounts:
    """An encoder that counts the attributes of a closed list: it answers every question."""

    def __init__(self, attributes):
        self.attributes = attributes

    def get_embedding_dimension(self):
        return len(self.attributes)

    def encode(self, texts, **_):
        rows = [read_documents([text], ()) or [[read_query(text)]] for text in texts]
        counts = [[item in row[0] for item in self.attributes] for row in rows]
        return np.array(counts, dtype=np.float32)


def test_recalls_of_an_encoder_that_knows_the_lists():
    _, attributes = halves(0)
    test = pair_test(attributes, np.random.default_rng(0))
    found = recalls(WordCounts(attributes), [test, test], (2, 10))
    assert found == {"n": 272, "R@2": 100, "R@2 se": 0, "R@10": 100, "R@10 se": 0}
    blind = recalls(WordCounts(["Nothing"]), [test], (2, 10))
    assert blind["R@2"] == pytest.approx(200 / 17)  # chance: all tied
    assert blind["R@10"] == pytest.approx(1000 / 17)


def test_an_unknown_condition():
    with pytest.raises(UsageError, match="no condition 'test'; did you mean 'the test'"):
        fine_tuned("test", 0)
