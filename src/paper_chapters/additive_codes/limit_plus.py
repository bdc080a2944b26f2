"""Collections of LIMIT+'s form: who likes two things, and who likes one but not the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.checks import whole
from paper_utils.errors import UsageError
from paper_utils.limit.names import invent_names, uniform_stream
from paper_utils.limit.sentences import write_document, write_query
from paper_utils.limit.vocabulary import load_vocabulary

#: The wording of the released LIMIT+ for two of its seven forms (the others: one attribute, 'or' of
#: two or three, 'and' of three, 'and' with 'not').
FORMS = {"and": "Who likes {} and also likes {}?", "not": "Who likes {} but not {}?"}
EACH = 2  #: documents of a pair that list both, only the first, only the second

_PLACE, _CHOOSE, _FILL, _ORDER = 21, 22, 23, 24  # streams of random numbers


@dataclass(frozen=True, eq=False)
class LimitPlus:
    """People with lists, and for each pair of attributes both questions, judged completely."""

    documents: tuple[str, ...]  #: texts
    attributes: tuple[str, ...]  #: the vocabulary
    doc_attributes: tuple[NDArray[np.int64], ...]  #: places in `attributes`, in the text's order
    pairs: NDArray[np.int64]  #: (n_pairs, 2), places in `attributes`: A and B

    def listed(self) -> NDArray[np.bool_]:
        """Return which documents list which attributes, (n_docs, n_attributes)."""
        found = np.zeros((len(self.documents), len(self.attributes)), dtype=bool)
        for row, places in zip(found, self.doc_attributes, strict=True):
            row[places] = True
        return found

    def queries(self, form: str) -> list[str]:
        """Return the question of a form of `FORMS` about each pair."""
        return [FORMS[form].format(*(self.attributes[a] for a in pair)) for pair in self.pairs]

    def atoms(self, place: int) -> list[str]:
        """Return 'Who likes A?' of each pair (`place` 0) or 'Who likes B?' (1)."""
        return [write_query(self.attributes[pair[place]]) for pair in self.pairs]

    def qrels(self, form: str) -> sparse.csr_array:
        """Return relevance, (n_pairs, n_docs), read off the lists of all documents."""
        first, second = (self.listed()[:, column].T for column in self.pairs.T)
        return sparse.csr_array(first & (second if form == "and" else ~second))


def limit_plus(
    n_docs: int = 46, n_pairs: int = 50, *, n_attributes: int = 45, seed: int = 0
) -> LimitPlus:
    """Make a collection; each pair of attributes, no two pairs alike, stands in six documents.
    Two list both, two only A, two only B: 'A and B' and 'A but not B' have two relevant documents
    each, none in common. Lists are filled from attributes that no query names.
    """
    whole("n_docs", n_docs, least=3 * EACH)
    whole("n_pairs", n_pairs, least=1)
    vocabulary = load_vocabulary()
    order = np.argsort(uniform_stream(seed, _CHOOSE).random(len(vocabulary)))
    if 2 * n_pairs + n_attributes > len(order):
        raise UsageError(
            f"n_pairs = {n_pairs} and n_attributes = {n_attributes} need "
            f"{2 * n_pairs + n_attributes} attributes; the vocabulary has {len(order)}"
        )
    pairs, free = order[: 2 * n_pairs].reshape(n_pairs, 2), order[2 * n_pairs :]
    named: list[list[int]] = [[] for _ in range(n_docs)]
    places = uniform_stream(seed, _PLACE)
    for a, b in pairs.tolist():
        both, first, second = np.argsort(places.random(n_docs))[: 3 * EACH].reshape(3, EACH)
        for document in both:
            named[document] += [a, b]
        for document, other in zip(first, second, strict=True):
            named[document].append(a)
            named[other].append(b)
    if (most := max(map(len, named))) > n_attributes:
        raise UsageError(f"n_attributes = {n_attributes}: a document lists {most} of the queries'")
    fill, mixed = uniform_stream(seed, _FILL), uniform_stream(seed, _ORDER)
    rows = []
    for own in named:
        others = free[np.argsort(fill.random(len(free)))[: n_attributes - len(own)]]
        row = np.concatenate([np.array(own, dtype=np.int64), others])
        rows.append(row[np.argsort(mixed.random(n_attributes))])
    names = invent_names(n_docs, seed=seed)
    texts = (
        write_document(name, [vocabulary[a] for a in row])
        for name, row in zip(names, rows, strict=True)
    )
    return LimitPlus(tuple(texts), vocabulary, tuple(rows), pairs)
