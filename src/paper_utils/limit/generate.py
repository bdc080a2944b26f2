"""Data of LIMIT's form with the book's own attributes, of any size and pattern."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.checks import whole
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.limit.assign import distractor_rows, relevant_rows
from paper_utils.limit.data import LimitData
from paper_utils.limit.names import invent_names, uniform_stream
from paper_utils.limit.sentences import check_language, write_document, write_query
from paper_utils.limit.vocabulary import load_synonyms, load_vocabulary

PATTERNS = ("dense", "random", "cycle", "disjoint")  #: which documents a query finds relevant

_VOCABULARY, _SUBSETS = 4, 5


def generate_limit(
    n: int = 46,
    k: int = 2,
    *,
    n_docs: int | None = None,
    n_attributes: int = 45,
    pattern: str = "dense",
    n_queries: int | None = None,
    language: str = "en",
    synonyms: bool = False,
    seed: int = 0,
) -> LimitData:
    """Make a collection as LIMIT is made: each query asks for an attribute of its own.

    The first `n` documents are the candidates to be relevant. Each lists the attributes of its
    queries and is filled with attributes that no query asks for; all further documents list
    such attributes only. Equal arguments give equal data on every machine, and a collection
    with more documents begins with the one with fewer.

    Parameters
    ----------
    n, k : int
        Documents among which the relevant ones are chosen, and relevant documents of a query.
    n_docs, n_attributes : int
        All documents (`n` when left out), and attributes of each.
    pattern : {'dense', 'random', 'cycle', 'disjoint'}
        *dense*: the first `n_queries` k-subsets in lexicographic order, LIMIT's own pattern;
        *random*: that many different k-subsets, uniformly; *cycle*: k neighbours on a ring of
        documents, each query one step further; *disjoint*: k new documents for each query.
    n_queries : int, optional
        When left out all that the pattern has: C(n, k), n (cycle) or n // k (disjoint); for
        random n.
    language : {'en', 'ru'}
    synonyms : bool
        Whether queries name attributes, of those that have one, by another phrase than the
        documents; :func:`ask_plainly` turns the queries back.
    seed : int
        Chooses names, attributes, their order and random sets.

    Returns
    -------
    LimitData

    Raises
    ------
    UsageError
        A number out of range, or more queries than pattern, vocabulary or documents have room for.

    References
    ----------
    O. Weller et al., arXiv 2508.21038, section 5; for the patterns version 1, section 5.4.

    Examples
    --------
    >>> data = generate_limit(4, 2, n_docs=6, n_attributes=5)
    >>> len(data.queries), len(data.documents), data.qrels.sum(axis=0).tolist()
    (6, 6, [3, 3, 3, 3, 0, 0])
    """
    check_language(language)
    sets = relevant_sets(n, k, pattern=pattern, n_queries=n_queries, seed=seed)
    n_docs = n if n_docs is None else n_docs
    whole("n_docs", n_docs, least=n)
    attributes = load_vocabulary(language)
    phrases = load_synonyms(language) if synonyms else attributes
    named, free = _split_vocabulary(phrases, len(sets), seed)
    _check_lengths(sets, n, n_docs, n_attributes, len(free), len(attributes))

    qrels = _matrix(sets, n_docs)
    rows = [*relevant_rows(qrels, named, n, free, n_attributes, seed)]
    rows += distractor_rows(free, n_docs - n, n_attributes, seed)
    words = {word for phrase in attributes for word in re.findall(r"\w+", phrase.lower())}
    names = invent_names(n_docs, language=language, seed=seed, avoid=words)
    return LimitData(
        name=f"generated: {pattern}, n={n}, k={k}, {n_docs:,} documents, {language}"
        + (", synonyms" if synonyms else ""),
        doc_ids=tuple(names),
        documents=tuple(
            write_document(name, [attributes[a] for a in row], language)
            for name, row in zip(names, rows, strict=True)
        ),
        query_ids=tuple(f"query_{i}" for i in range(len(sets))),
        queries=tuple(write_query(phrases[a], language) for a in named),
        qrels=qrels,
        attributes=attributes,
        doc_attributes=tuple(rows),
        query_attributes=named,
    )


def ask_plainly(data: LimitData, language: str = "en") -> LimitData:
    """Return the same data with queries in the words of the documents.

    Parameters
    ----------
    data : LimitData
        From :func:`generate_limit`; UsageError where its attributes are not known.
    language : {'en', 'ru'}

    Returns
    -------
    LimitData

    Examples
    --------
    >>> data = generate_limit(3, 2, n_attributes=4, synonyms=True)
    >>> set(ask_plainly(data).queries).isdisjoint(data.queries)
    True
    """
    if not data.attributes:
        raise UsageError(f"{data.name}: its attributes are unknown")
    words = tuple(write_query(data.attributes[a], language) for a in data.query_attributes)
    return replace(data, name=data.name.removesuffix(", synonyms"), queries=words)


def relevant_sets(
    n: int, k: int, *, pattern: str = "dense", n_queries: int | None = None, seed: int = 0
) -> NDArray[np.int64]:
    """Return distinct relevant sets, (n_queries, k), in a pattern of `generate_limit`."""
    if pattern not in PATTERNS:
        raise UsageError(f"unknown pattern {pattern!r}: {did_you_mean(pattern, PATTERNS)}")
    whole("k", k, least=1)
    whole("n", n, least=k + 1)
    most = {"cycle": n, "disjoint": n // k}.get(pattern, math.comb(n, k))
    if n_queries is None:
        n_queries = min(n, most) if pattern == "random" else most
    whole("n_queries", n_queries, least=1)
    if n_queries > most:
        raise UsageError(f"n_queries = {n_queries:,}: {pattern} has {most:,} for n={n}, k={k}")
    if pattern == "dense":
        subsets = itertools.islice(itertools.combinations(range(n), k), n_queries)
        return np.array(list(subsets), dtype=np.int64)
    if pattern == "random":
        return _random_sets(n, k, n_queries, seed)
    step = {"cycle": 1, "disjoint": k}[pattern]
    return (step * np.arange(n_queries)[:, None] + np.arange(k)) % n


def _random_sets(n: int, k: int, n_queries: int, seed: int) -> NDArray[np.int64]:
    if 2 * n_queries > math.comb(n, k):  # drawing anew would take long near the end
        subsets = np.array(list(itertools.combinations(range(n), k)), dtype=np.int64)
        return subsets[np.argsort(uniform_stream(seed, _SUBSETS).random(len(subsets)))[:n_queries]]
    stream = uniform_stream(seed, _SUBSETS)
    found: dict[tuple[int, ...], None] = {}
    while len(found) < n_queries:
        found[tuple(sorted(np.argsort(stream.random(n))[:k].tolist()))] = None
    return np.array(list(found), dtype=np.int64)


def _split_vocabulary(
    phrases: Sequence[str], n_queries: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the attributes of queries, and all others; empty phrases get no query."""
    order = np.argsort(uniform_stream(seed, _VOCABULARY).random(len(phrases)))
    nameable = order[[bool(phrases[a]) for a in order]]
    if n_queries > len(nameable):
        raise UsageError(
            f"{n_queries:,} queries need an attribute each; there are {len(nameable):,} "
            + ("with a synonym" if len(nameable) < len(order) else "in the vocabulary")
        )
    named = nameable[:n_queries]
    return named, np.setdiff1d(order, named)


def _matrix(sets: NDArray[np.int64], n_docs: int) -> sparse.csr_array:
    rows = np.repeat(np.arange(len(sets)), sets.shape[1])
    cells = (np.ones(sets.size, dtype=bool), (rows, sets.ravel()))
    qrels = sparse.csr_array(cells, shape=(len(sets), n_docs))
    qrels.sort_indices()
    return qrels


def _check_lengths(
    sets: NDArray[np.int64], n: int, n_docs: int, n_attributes: int, n_free: int, n_all: int
) -> None:
    whole("n_attributes", n_attributes, least=1)
    degrees = np.bincount(sets.ravel(), minlength=n)
    if degrees.max() > n_attributes:
        raise UsageError(
            f"n_attributes = {n_attributes}: a document is relevant to {degrees.max()} queries "
            "and lists an attribute for each"
        )
    needed = n_attributes - (0 if n_docs > n else int(degrees.min()))
    if needed > n_free:
        raise UsageError(
            f"{len(sets):,} queries and documents filled with {needed} other attributes need "
            f"{len(sets) + needed:,} attributes; the vocabulary has {n_all:,}"
        )
