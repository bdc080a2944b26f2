"""Generated data of LIMIT's form: patterns, determinism, and the way out to files and back."""

import hashlib
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_utils.errors import PaperError, UsageError
from paper_utils.limit import vocabulary
from paper_utils.limit.data import load_limit
from paper_utils.limit.generate import PATTERNS, ask_plainly, generate_limit, relevant_sets
from paper_utils.limit.mteb import write_mteb
from paper_utils.limit.names import invent_names
from paper_utils.limit.vocabulary import load_synonyms, load_vocabulary


def _lists(data):
    matrix = np.zeros((len(data.documents), len(data.attributes)), dtype=bool)
    for document, row in enumerate(data.doc_attributes):
        matrix[document, row] = True
    return matrix


@settings(max_examples=25, deadline=None)
@given(
    pattern=st.sampled_from(PATTERNS),
    n=st.integers(3, 9),
    k=st.integers(1, 2),
    more=st.integers(0, 4),
    language=st.sampled_from(["en", "ru"]),
    seed=st.integers(0, 99),
)
def test_relevant_is_who_lists_what_is_asked(pattern, n, k, more, language, seed):
    data = generate_limit(
        n, k, n_docs=n + more, n_attributes=12, pattern=pattern, language=language, seed=seed
    )
    lists = _lists(data)
    assert (lists[:, data.query_attributes].T == data.qrels.toarray()).all()
    assert (lists.sum(axis=1) == 12).all()
    assert (np.diff(data.qrels.indptr) == k).all()
    assert len(set(data.doc_ids)) == n + more
    # The text says what the lists say.
    for text, row in zip(data.documents, data.doc_attributes, strict=True):
        assert [text.count(data.attributes[a]) >= 1 for a in row] == [True] * 12


def test_patterns():
    assert len(relevant_sets(46, 2)) == 1035 == math.comb(46, 2)
    first = list(itertools.combinations(range(46), 2))[:1000]
    assert relevant_sets(46, 2, n_queries=1000).tolist() == [list(pair) for pair in first]
    assert relevant_sets(5, 2, pattern="cycle").tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 0]]
    assert relevant_sets(7, 3, pattern="disjoint").tolist() == [[0, 1, 2], [3, 4, 5]]
    for n_queries in (3, 30, 45):  # far from all subsets, most of them, all of them
        drawn = relevant_sets(10, 2, pattern="random", n_queries=n_queries, seed=3)
        assert drawn.shape == (n_queries, 2) and (drawn[:, 0] < drawn[:, 1]).all()
        assert len({tuple(row) for row in drawn.tolist()}) == n_queries


def test_random_sets_are_uniform():
    counts = np.zeros(10)
    for seed in range(2000):
        counts[np.unique(relevant_sets(10, 2, pattern="random", n_queries=5, seed=seed))] += 1
    # P(document in none of 5 distinct pairs) = C(36, 5) / C(45, 5)
    expected = 2000 * (1 - math.comb(36, 5) / math.comb(45, 5))
    assert np.abs(counts - expected).max() < 4 * np.sqrt(expected * 0.31)


def test_a_larger_collection_begins_with_the_smaller():
    small, large = (generate_limit(6, 2, n_docs=n, n_attributes=8, seed=4) for n in (7, 12))
    assert large.documents[:7] == small.documents
    assert small.queries == large.queries


def test_equal_arguments_equal_data_everywhere():
    data = generate_limit(8, 2, n_docs=10, n_attributes=10, language="ru", seed=1)
    again = generate_limit(8, 2, n_docs=10, n_attributes=10, language="ru", seed=1)
    assert data.documents == again.documents and data.queries == again.queries
    names = "\n".join(invent_names(1000, language="ru", seed=1) + invent_names(1000))
    assert hashlib.sha256(names.encode()).hexdigest().startswith("c1aa24c6e4bd5516")
    assert generate_limit(8, 2, n_attributes=10, seed=2).queries != data.queries


def test_synonyms_change_the_questions_only():
    data = generate_limit(8, 2, n_attributes=9, synonyms=True, language="ru")
    phrases = load_synonyms("ru")
    assert data.queries == tuple(f"Кто любит {phrases[a]}?" for a in data.query_attributes)
    assert all(phrases[a] for a in data.query_attributes)
    plain = ask_plainly(data, "ru")
    assert plain.documents == data.documents and (plain.qrels != data.qrels).nnz == 0
    own = load_vocabulary("ru")
    assert plain.queries == tuple(f"Кто любит {own[a]}?" for a in data.query_attributes)
    assert "synonyms" in data.name and "synonyms" not in plain.name
    with pytest.raises(UsageError, match="with a synonym"):
        generate_limit(46, 2, synonyms=True)


def test_the_vocabulary_is_large_and_of_one_meaning():
    sizes = {len(f(lang)) for f in (load_vocabulary, load_synonyms) for lang in ("en", "ru")}
    assert len(sizes) == 1 and sizes.pop() >= 1850
    for language in ("en", "ru"):
        assert set(load_vocabulary(language)).isdisjoint(load_synonyms(language))
    english, russian = (np.array(load_synonyms(language)) != "" for language in ("en", "ru"))
    assert (english == russian).all()
    assert all(not any("а" <= c <= "я" for c in phrase) for phrase in load_vocabulary("en"))


@pytest.mark.parametrize("content", ["en\tru\nA\tБ\nA\tВ\n", "en\nA, B\n", "xx\nA\n"])
def test_a_damaged_vocabulary_is_said(tmp_path, monkeypatch, content):
    file = tmp_path / "vocabulary.tsv"
    file.write_text(content, encoding="utf-8")
    monkeypatch.setattr(vocabulary, "_FILE", file)
    vocabulary._column.cache_clear()
    try:
        with pytest.raises(PaperError, match="install the package anew"):
            load_vocabulary("en")
    finally:
        vocabulary._column.cache_clear()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 2, "k": 2}, "n must be a whole number from 3, not 2"),
        ({"k": 0}, "k must .* not 0"),
        ({"k": 1.5}, "k must .* not 1.5"),
        ({"n_docs": 10}, "n_docs must be a whole number from 46, not 10"),
        ({"n_attributes": 44}, "relevant to 45 queries"),
        ({"n_attributes": 0}, "n_attributes must .* not 0"),
        ({"pattern": "dence"}, "did you mean 'dense'"),
        ({"language": "de"}, "unknown language"),
        ({"n_queries": 1036}, "dense has 1,035"),
        ({"n_queries": 0}, "n_queries must .* not 0"),
        ({"n": 300, "pattern": "cycle", "n_queries": 301}, "cycle has 300"),
        ({"n": 300, "n_queries": 20_000, "n_attributes": 300}, "in the vocabulary"),
        ({"n": 46, "n_docs": 50, "n_attributes": 1000}, "the vocabulary has"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 1.0}, "seed must be"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(UsageError, match=message):
        generate_limit(**arguments)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_round_trip_through_mteb(tmp_path, language):
    data = generate_limit(9, 2, n_docs=14, n_attributes=10, language=language, seed=5)
    back = load_limit(write_mteb(data, tmp_path / "new" / "folder"))
    assert back.doc_ids == data.doc_ids and back.documents == data.documents
    assert back.query_ids == data.query_ids and back.queries == data.queries
    assert (back.qrels != data.qrels).nnz == 0
    for attribute in ("doc_attributes", "query_attributes"):
        there, here = getattr(data, attribute), getattr(back, attribute)
        for a, b in zip(there, here, strict=True):
            one, two = np.atleast_1d(a), np.atleast_1d(b)
            assert [data.attributes[i] for i in one] == [back.attributes[i] for i in two]


def test_synonyms_come_back_without_attributes(tmp_path):
    data = generate_limit(4, 2, n_attributes=5, synonyms=True)
    back = load_limit(write_mteb(data, tmp_path))
    assert back.attributes == () and back.queries == data.queries


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PaperError, match="cannot write to"):
        write_mteb(generate_limit(4, 2, n_attributes=5), tmp_path / "file")
