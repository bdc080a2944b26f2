"""One vector a document that answers exactly which attributes of a vocabulary it lists."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from paper_utils.checks import whole
from paper_utils.codes.capacity import critical_dimension
from paper_utils.codes.solver import Separator, Solved
from paper_utils.errors import UsageError


class UnsolvedError(UsageError):
    """Some documents, whose places are in `documents`, have no exact code, or none was found."""

    def __init__(self, message: str, documents: NDArray[np.int64]) -> None:
        super().__init__(message)
        self.documents = documents


class SetCodes:
    r"""Documents encoded by separation instead of by a sum.

    Every attribute a of a vocabulary has a random unit vector :math:`q_a`, and its query is
    :math:`(q_a, 1)`. A document is encoded as :math:`(v, -b)` with
    :math:`\langle q_a, v\rangle - b > 0` for the attributes that it lists and :math:`< 0` for
    all others: one inner product and the one cut-off 0 return it for exactly these attributes,
    however many documents there are. Scores are scaled so that they are about 1 or more for what
    is listed and about -1 or less for what is not.

    A code depends on its own document and on the vocabulary only: new documents leave the others
    alone, a new attribute needs all documents that list it to be encoded again.

    Parameters
    ----------
    d : int
        Numbers of a code and of a query, at least 2: d - 1 coordinates, and the cut-off.
        :func:`~paper_utils.codes.capacity.critical_dimension` says how many coordinates it takes.
    seed : int
        Seed of the query vectors.

    Raises
    ------
    UsageError
        A number out of range; a document or query that is empty or lists an attribute twice or an
        unknown one; a document that lists more than the vocabulary; not fitted.

    Examples
    --------
    >>> codes = SetCodes(16).fit([f"a{i}" for i in range(40)])
    >>> documents = codes.encode([["a1", "a7"], ["a7", "a30"]])
    >>> codes.queries(["a7", "a30", "a2"]) @ documents.T > 0
    array([[ True,  True],
           [False,  True],
           [False, False]])
    """

    separator = Separator

    def __init__(self, d: int, *, seed: int = 0) -> None:
        self.d, self.seed = whole("d", d, least=2), whole("seed", seed, least=0)
        self.vocabulary: tuple[str, ...] = ()
        self._place: dict[str, int] = {}
        self._separator: Separator | None = None

    def fit(self, vocabulary: Sequence[str]) -> SetCodes:
        """Draw a query vector for each of two or more attributes; return the object itself."""
        if isinstance(vocabulary, str):
            raise UsageError("vocabulary must be a sequence of attributes, not one text")
        place: dict[str, int] = {}
        for attribute in vocabulary:
            if not isinstance(attribute, str) or not attribute:
                raise UsageError(f"an attribute must be a text, not {attribute!r}")
            if attribute in place:
                raise UsageError(f"the vocabulary has {attribute!r} twice")
            place[attribute] = len(place)
        if len(place) < 2:
            raise UsageError(f"a vocabulary of {len(place)} attributes: at least 2 are needed")
        rng = np.random.default_rng(self.seed)
        vectors = rng.standard_normal((len(place), self.d - 1))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self.vocabulary, self._place = tuple(place), place
        self._separator = self.separator(vectors)
        return self

    @property
    def vectors(self) -> NDArray[np.float64]:
        """Unit vectors of the attributes, shape (n_attributes, d - 1)."""
        return self._fitted().X[:, :-1]

    def encode(self, documents: Sequence[Collection[str]], *, max_steps: int = 1000) -> NDArray:
        """Return one exact code per document, float32 of shape (n_docs, d).

        `documents` are the attributes that each lists. `max_steps` bounds the effort per document;
        near the critical dimension more may be needed. Every sign was checked on these numbers.

        Raises
        ------
        UnsolvedError
            Some documents have a wrong sign left; :meth:`solve` returns what there is.
        """
        solved = self.solve(documents, max_steps=max_steps)
        unsolved = np.flatnonzero(solved.wrong)
        if unsolved.size:
            first = int(unsolved[0])
            n, size = len(self.vocabulary), len(documents[first])
            law = 1 + (critical_dimension(n, size) if size < n else 0.0)
            raise UnsolvedError(
                f"d = {self.d} leaves {unsolved.size} of {len(documents)} documents with a wrong "
                f"sign, first document {first}: {size} of {n} attributes take about {law:.0f} "
                "numbers; use more of them, or `solve` for inexact codes",
                unsolved,
            )
        return solved.weights

    def solve(self, documents: Sequence[Collection[str]], *, max_steps: int = 1000) -> Solved:
        """As :meth:`encode`, but return `weights` and how many signs are `wrong`, never raising."""
        whole("max_steps", max_steps, least=1)
        return self._fitted().solve(self.rows(documents), max_steps=max_steps)

    def rows(self, documents: Sequence[Collection[str]]) -> list[NDArray[np.int64]]:
        """Return the places in the vocabulary of what each document lists."""
        self._fitted()
        if isinstance(documents, str):
            raise UsageError("documents must be collections of attributes, not one text")
        return [self._row(f"document {i}", document) for i, document in enumerate(documents)]

    def queries(self, names: Sequence[str | Collection[str]]) -> NDArray[np.float64]:
        """Return query vectors, shape (n_queries, d), of attributes or of collections of them.

        That of m attributes is the sum of theirs, with m as the last number. A document that lists
        them all scores about m or more; if it lacks one, mostly m - 2 or less.
        """
        X = self._fitted().X
        groups = [[one] if isinstance(one, str) else one for one in names]
        rows = [self._row(f"query {i}", group) for i, group in enumerate(groups)]
        return np.array([X[row].sum(axis=0) for row in rows]).reshape(len(rows), self.d)

    def sums(self, documents: Sequence[Collection[str]]) -> NDArray[np.float32]:
        """Return the control, float32: the sum of the same vectors and 0 as the last number."""
        codes = np.zeros((len(documents), self.d), dtype=np.float32)
        for code, row in zip(codes, self.rows(documents), strict=True):
            code[:-1] = self.vectors[row].sum(axis=0)
        return codes

    def _fitted(self) -> Separator:
        if self._separator is None:
            raise UsageError("no vocabulary yet: call fit first")
        return self._separator

    def _row(self, name: str, attributes: Collection[str]) -> NDArray[np.int64]:
        if isinstance(attributes, str):
            raise UsageError(f"{name} must be a collection of attributes, not one text")
        listed = list(attributes)
        if not listed:
            raise UsageError(f"{name} lists no attribute")
        for attribute in listed:
            if attribute not in self._place:
                near = difflib.get_close_matches(str(attribute), self._place, n=1, cutoff=0.6)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise UsageError(
                    f"{name} lists {attribute!r}, which is not among the "
                    f"{len(self._place)} attributes of the vocabulary{hint}"
                )
        if len(set(listed)) < len(listed):
            twice = next(a for i, a in enumerate(listed) if a in listed[:i])
            raise UsageError(f"{name} lists {twice!r} twice")
        return np.array([self._place[a] for a in listed], dtype=np.int64)
