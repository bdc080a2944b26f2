"""Systems without a network for data of LIMIT's form: lexical ones, an oracle, chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from bm25s.stopwords import STOPWORDS_EN
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.errors import UsageError
from paper_utils.limit.data import LimitData
from paper_utils.search.bm25 import BM25
from paper_utils.search.tokenizer import WordTokenizer, split_tokens
from paper_utils.theory.construction import (
    equal_angles,
    trigonometric_curve,
    trigonometric_queries,
)

Score = Callable[[slice], NDArray]  #: slice of queries -> scores, shape (n_rows, n_docs)


def bm25(data: LimitData, *, stemmed: bool = False, stopped: bool = False) -> Score:
    """Return BM25's scores, on request with Snowball's stemmer and Lucene's 33 stop words."""
    tokenizer = WordTokenizer(
        stemmer="english" if stemmed else None, stop_words=STOPWORDS_EN if stopped else ()
    )
    index = BM25(tokenizer=tokenizer).fit(data.documents)
    return lambda rows: index.scores(data.queries[rows])


def tf_idf(data: LimitData) -> Score:
    """Return cosines of TF-IDF vectors of words, in scikit-learn's form."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectoriser = TfidfVectorizer(analyzer=WordTokenizer(), dtype=np.float32)
    documents = vectoriser.fit_transform(data.documents)
    queries = vectoriser.transform(data.queries)
    return _products(queries, documents)


def letter_trigrams(data: LimitData) -> Score:
    """Return cosines of counts of letter trigrams: DSSM's first layer, without its network.
    One column for each trigram, so nothing collides. P.-S. Huang et al., "Learning deep structured
    semantic models for web search using clickthrough data", CIKM 2013, section 3.2.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import normalize

    words = CountVectorizer(analyzer=split_tokens).fit([*data.documents, *data.queries])
    trigrams = CountVectorizer(analyzer=trigrams_of)
    # Each distinct word is cut once.
    table = trigrams.fit_transform(words.get_feature_names_out()).astype(np.float32)
    documents, queries = (
        normalize(words.transform(texts).astype(np.float32) @ table)
        for texts in (data.documents, data.queries)
    )
    return _products(queries, documents)


def trigrams_of(word: str) -> list[str]:
    """Return the letter trigrams of a word between its marks.

    >>> trigrams_of("good")
    ['#go', 'goo', 'ood', 'od#']
    """
    marked = f"#{word}#"
    return [marked[i : i + 3] for i in range(len(marked) - 2)]


def exact_match(data: LimitData) -> Score:
    """Score 1 where the document lists the attribute of the query, and 0 elsewhere."""
    if not data.attributes:
        raise UsageError(f"{data.name}: its texts do not say which attributes they list")
    places = np.concatenate(data.doc_attributes)
    ends = np.cumsum([0, *map(len, data.doc_attributes)])
    ones = np.ones(len(places), dtype=np.float32)
    lists = sparse.csr_array(
        (ones, places, ends), shape=(len(data.documents), len(data.attributes))
    )
    columns = lists.T.tocsr()
    return lambda rows: columns[data.query_attributes[rows]].toarray()


def constructed(data: LimitData) -> Score:
    """Score by the explicit vectors of 2k dimensions in which every answer is exact, in float32.
    Relevant documents stand on the trigonometric moment curve, all others at one further place of
    it. Made from the judgements: a proof that 2k dimensions can hold the answers, not a search
    engine.
    """
    sizes = np.diff(data.qrels.indptr)
    if len(np.unique(sizes)) > 1:
        raise UsageError(
            f"{data.name}: the construction needs as many relevant documents for each query; "
            f"there are {sizes.min()} to {sizes.max()}"
        )
    k = int(sizes[0])
    relevant, sets = np.unique(data.qrels.indices, return_inverse=True)
    angles = equal_angles(len(relevant) + 1)
    queries = trigonometric_queries(sets.reshape(-1, k), angles)[0].astype(np.float32)
    place = np.full(len(data.documents), len(relevant))
    place[relevant] = np.arange(len(relevant))
    curve = trigonometric_curve(angles, k).astype(np.float32)
    return lambda rows: (queries[rows] @ curve.T)[:, place]


def chance(data: LimitData) -> Score:
    """Score every document alike: tied ranks give the exact expectation of a random order."""
    n_docs = len(data.documents)
    return lambda rows: np.zeros((len(data.queries[rows]), n_docs), dtype=np.float32)


#: Name in tables -> function of the data that returns the scores.
SYSTEMS: dict[str, Callable[[LimitData], Score]] = {
    "chance": chance,
    "BM25": bm25,
    "BM25, stemmed": lambda data: bm25(data, stemmed=True),
    "BM25, stop words": lambda data: bm25(data, stopped=True),
    "BM25, stemmed, stop words": lambda data: bm25(data, stemmed=True, stopped=True),
    "TF-IDF": tf_idf,
    "letter trigrams (DSSM)": letter_trigrams,
    "exact match": exact_match,
    "construction, d = 4": constructed,
}


def _products(queries: sparse.csr_array, documents: sparse.csr_array) -> Score:
    columns = sparse.csc_array(documents).T
    return lambda rows: (queries[rows] @ columns).toarray()
