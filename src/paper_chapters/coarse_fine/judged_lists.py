"""Titles judged by people: splits by query and by product, and the lists that arms train on.

Fixed in code before the first run. A query is of training, development or test by a checksum of
its text, and a product is held out by one of its title, so that nothing can leak by a seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.data.judged import load_judged
from paper_utils.errors import UsageError
from paper_utils.fingerprint import sha256

SETS = ("crowdflower", "homedepot")
PARTS = ("train", "development", "test")
SHARES = {"train": 50, "development": 10, "test": 40}  #: of the queries, in per cent
HELD_OUT = 30  #: of the products, in per cent: no training list shows them
MOST_PAIRS = 25_000  #: judged pairs that training may see
LENGTH = 8  #: titles of a list
STRANGERS = 2  #: of these, that nobody judged for the query; their grade is the lowest


@dataclass(frozen=True, eq=False)
class GradedTitles:
    """Queries, titles, and people's grades of some pairs of them."""

    name: str
    queries: tuple[str, ...]
    titles: tuple[str, ...]
    grades: sparse.csr_array  #: (n_queries, n_titles); a stored 0 was judged
    part: NDArray[np.str_]  #: (n_queries,), one of `PARTS`
    held_out: NDArray[np.bool_]  #: (n_titles,), products that training never shows

    def __post_init__(self) -> None:
        check_split(self.queries, self.part, self.titles, self.held_out)

    def rows(self, part: str) -> NDArray[np.int64]:
        """Return the numbers of the queries of a part."""
        return np.flatnonzero(self.part == part)


@dataclass(frozen=True)
class GradedLists:
    """Queries, each with as many titles and their grades."""

    queries: tuple[str, ...]
    titles: tuple[tuple[str, ...], ...]
    grades: NDArray[np.float64]  #: (n_queries, n_titles)


def bucket(text: str, salt: str) -> int:
    """Return a number from 0 to 99 that a text always has; letter case and spaces do not count.

    >>> bucket("LED  bulb", "query") == bucket("led bulb", "query")
    True
    """
    return int(sha256(f"{salt}\n{' '.join(text.lower().split())}")[:8], 16) % 100


def part_of(query: str) -> str:
    """Return the part that a query belongs to."""
    place, end = bucket(query, "query"), 0
    for part, share in SHARES.items():
        end += share
        if place < end:
            return part
    raise AssertionError(SHARES)


def check_split(
    queries: tuple[str, ...],
    part: NDArray[np.str_],
    titles: tuple[str, ...],
    held_out: NDArray[np.bool_],
) -> None:
    """Raise `UsageError` where a query is in two parts or a held-out title is also shown."""
    for what, texts, labels in (("query", queries, part), ("title", titles, held_out)):
        seen: dict[str, object] = {}
        for text, label in zip(texts, labels, strict=True):
            plain = " ".join(text.lower().split())
            if seen.setdefault(plain, label) != label:
                raise UsageError(f"the {what} {text!r:.60} is on both sides of the split")


@cache
def graded_titles(name: str) -> GradedTitles:
    """Return one of `SETS` with its splits; products are known by their titles alone."""
    if name not in SETS:
        raise UsageError(f"the set must be one of {', '.join(SETS)}, not {name!r}")
    judged = load_judged(name)
    return GradedTitles(
        name=name,
        queries=judged.queries,
        titles=judged.documents,
        grades=judged.qrels,
        part=np.array([part_of(query) for query in judged.queries]),
        held_out=np.array([bucket(title, "product") < HELD_OUT for title in judged.documents]),
    )


def shown_pairs(data: GradedTitles, n_pairs: int = MOST_PAIRS) -> list[tuple[int, NDArray]]:
    """Return the training queries, in a fixed order, each with the titles that training shows.
    Held-out products are left out; queries stop before their pairs exceed `n_pairs`.
    """
    rows = sorted(data.rows("train"), key=lambda row: sha256(data.queries[row]))
    found, seen = [], 0
    for row in rows:
        judged = data.grades.indices[slice(*data.grades.indptr[row : row + 2])]
        kept = judged[~data.held_out[judged]]
        grades = data.grades[[row]][:, kept].toarray()
        if len(kept) < 2 or grades.min() == grades.max():
            continue  # nothing to rank
        seen += len(kept)
        if seen > n_pairs:
            break
        found.append((int(row), kept))
    return found


def training_lists(
    data: GradedTitles, *, n_queries: int = 4, seed: int = 0, n_pairs: int = MOST_PAIRS
) -> Iterator[GradedLists]:
    """Yield batches of lists without end: `LENGTH` titles a query, the same for every arm.
    At most `LENGTH` − `STRANGERS` judged titles, two grades at least; the rest nobody judged, with
    the lowest grade of the scale.
    """
    shown = shown_pairs(data, n_pairs)
    if len(shown) < n_queries:
        raise UsageError(f"{len(shown)} training queries have two grades; {n_queries} are needed")
    rng = np.random.default_rng([seed, 17])
    usable = np.flatnonzero(~data.held_out)
    while True:
        order = rng.permutation(len(shown))
        for start in range(0, len(order) - n_queries + 1, n_queries):
            yield _batch(data, [shown[at] for at in order[start : start + n_queries]], usable, rng)


def _batch(
    data: GradedTitles, some: list[tuple[int, NDArray]], usable: NDArray, rng: np.random.Generator
) -> GradedLists:
    titles, grades = [], []
    for row, judged in some:
        known = dict(zip(judged.tolist(), data.grades[[row]][:, judged].toarray()[0], strict=True))
        chosen = _two_grades(rng.permutation(judged).tolist(), known)
        while len(chosen) < LENGTH:
            stranger = int(rng.choice(usable))
            if stranger not in chosen and stranger not in known:
                chosen.append(stranger)
        titles.append(tuple(data.titles[at] for at in chosen))
        grades.append([known.get(at, 0.0) for at in chosen])
    return GradedLists(
        tuple(data.queries[row] for row, _ in some), tuple(titles), np.array(grades, dtype=float)
    )


def _two_grades(order: list[int], known: dict[int, float]) -> list[int]:
    """The first titles of an order; the last of them another one where all have one grade."""
    chosen = order[: LENGTH - STRANGERS]
    if len({known[at] for at in chosen}) == 1:
        chosen[-1] = next(at for at in order if known[at] != known[chosen[0]])
    return chosen
