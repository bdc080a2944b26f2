"""Were all rows encoded in one way, and from the texts beside them? Found from vectors and texts.

Languages, categories and lengths part vectors too, but then the words say on which side a text is.
A part of the rows that stands apart, and that no word tells from the rest, was encoded otherwise:
with another prefix, another pooling, another version.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import rankdata

from embedding_audit.cloud.products import products
from embedding_audit.compare.mixture import FEWEST, MOST, by_content
from embedding_audit.measure import Measure, not_measured, share_of, under
from paper_utils.statistics import bootstrap_interval

if TYPE_CHECKING:
    from embedding_audit.cloud.cloud import Cloud

SAME = 0.999  #: cosine from which two vectors of one text are one vector

#: Share of the variance that lies between two halves of a direction: no symmetric distribution
#: with one mode has more than the uniform one.
UNIMODAL = 0.75

GUESSED = 0.6  #: AUC up to which words do not tell two groups apart

_DIRECTIONS = 20
_FOLDS = 5
_FEWEST_GROUP = 24
_WORDS = 200  # of a text
_ALIKE = 0.1  # cosine of the words of two texts, from which they share a topic


_NAMES = ("split", "split_words", "split_share", "agreement")
_MOST_TEXTS, _MOST_PAIRS = 1_000_000, 5_000  # among which repeats are looked for, and looked at


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Encodings:
    """What was found, and where."""

    measures: dict[str, Measure]
    rows: NDArray[np.int64]  # rows looked at that were encoded otherwise than the rest; or none


def find_encodings(cloud: Cloud, texts: Sequence[str], seed: int) -> Encodings:
    """Look for rows that were encoded in another way; text i belongs to row i of the file.
    The same for any order of the rows.
    """
    found, rows = _repeats(cloud, texts), np.empty(0, dtype=np.int64)
    some, X = by_content(cloud.directions, MOST, seed)
    some = cloud.directions.row[some]
    words = _words([texts[row] for row in some])
    if len(some) < FEWEST or not words.nnz:
        few = not_measured(f"fewer than {FEWEST} different rows with words")
        return Encodings(under("encoding", found | dict.fromkeys(_NAMES, few)), rows)
    found["agreement"] = _agreement(X, words, seed)
    if found["agreement"].clears(0, above=True) is not True:
        foreign = not_measured("the texts say nothing of the vectors")
        return Encodings(under("encoding", found | dict.fromkeys(_NAMES[:3], foreign)), rows)
    parted, second = _split(X, words)
    found |= parted
    return Encodings(under("encoding", found), some[second])


@dataclass(frozen=True, eq=False)
class _Parting:
    """Two groups of rows along one direction."""

    between: float  # share of the variance that lies between both
    guess: float  # AUC with which words tell them apart
    second: NDArray[np.bool_]  # the smaller group

    @property
    def hidden(self) -> bool:
        """Whether the rows stand apart and their words do not say why."""
        return self.between > UNIMODAL and self.guess < GUESSED


def _split(X: NDArray[np.float32], words: sparse.csr_array) -> tuple[dict, NDArray[np.bool_]]:
    """The direction that parts the rows most; one that words do not explain goes first."""
    partings = []
    for along in _leading(X):
        between, second = _parted(along)
        if second.sum() >= _FEWEST_GROUP:
            partings.append(_Parting(between, _guess(words, second), second))
    if not partings:
        why = not_measured("no direction parts the rows into two groups")
        return dict.fromkeys(_NAMES[:3], why), np.zeros(len(X), dtype=bool)
    best = max(partings, key=lambda one: (one.hidden, one.between))
    second = best.second & best.hidden
    return {
        "split": Measure(best.between, n=len(X)).beside(unimodal=UNIMODAL),
        "split_words": Measure(best.guess, n=len(X)).beside(shuffled=0.5),
        "split_share": share_of(float(second.mean()), len(X)),
    }, second


def _leading(X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Coordinates of the rows along their leading principal directions, one direction a row."""
    centred = X - X.mean(axis=0)
    tall = len(X) > X.shape[1]
    _, vectors = np.linalg.eigh(centred.T @ centred if tall else centred @ centred.T)
    leading = vectors[:, ::-1][:, :_DIRECTIONS]
    return ((centred @ leading) if tall else leading).T.astype(np.float64)


def _parted(along: NDArray[np.float64]) -> tuple[float, NDArray[np.bool_]]:
    """Part numbers where most of their variance lies between: that share, and the smaller side."""
    ordered = np.sort(along)
    n = len(ordered)
    low = np.arange(1, n)
    sums = np.cumsum(ordered)[:-1]
    gap = sums / low - (ordered.sum() - sums) / (n - low)
    between = low * (n - low) / n**2 * gap**2
    at = int(np.argmax(between))
    variance = float(along.var())
    share = float(between[at]) / variance if variance > 0 else 0.0
    second = along > (ordered[at] + ordered[at + 1]) / 2
    return share, ~second if second.mean() > 0.5 else second


def _words(texts: Sequence[str]) -> sparse.csr_array:
    """Which words each text has, (n_texts, n_words), its length in doublings among them."""
    known: dict[str, int] = {}
    rows, columns = [], []
    for row, text in enumerate(texts):
        words = re.findall(r"\w+", text.lower())[:_WORDS]
        of_length = f" {2 * math.log2(len(words) + 1):.0f}"
        for word in sorted({*words, of_length}) if words else ():
            rows.append(row)
            columns.append(known.setdefault(word, len(known)))
    shape = (len(texts), len(known))
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)


def _guess(words: sparse.csr_array, second: NDArray[np.bool_]) -> float:
    """AUC with which naive Bayes guesses from the words of a text its group, cross-validated."""
    fold = np.arange(len(second)) % _FOLDS  # rows are in the order of their checksums
    score = np.empty(len(second))
    for out in range(_FOLDS):
        mine = fold == out
        odds = [
            (words[~mine & side].sum(axis=0) + 0.5) / ((~mine & side).sum() + 1)
            for side in (second, ~second)
        ]
        score[mine] = words[mine] @ np.log(odds[0] / odds[1])
    m = int(second.sum())
    return float((rankdata(score)[second].sum() - m * (m + 1) / 2) / (m * (len(score) - m)))


def _agreement(X: NDArray[np.float32], words: sparse.csr_array, seed: int) -> Measure:
    """How much nearer than two rows at random are those whose texts share most, less common words.
    Rare words count more (tf-idf); texts of the same words are left out.
    """
    rarity = np.log(words.shape[0] / np.maximum(words.sum(axis=0), 1))
    weighted = words @ sparse.diags_array(rarity)
    norms = np.sqrt(weighted.multiply(weighted).sum(axis=1))
    weighted = sparse.diags_array(1 / np.where(norms > 0, norms, 1)) @ weighted
    alike = (weighted @ weighted.T).toarray()
    np.fill_diagonal(alike, 0)
    alike[alike > 1 - 1e-9] = 0
    near = alike.argmax(axis=1)
    some = np.flatnonzero(alike.max(axis=1) > _ALIKE)
    if len(some) < _FEWEST_GROUP:
        return not_measured("too few texts share words")
    cosines = products(X, X)
    at_random = (cosines.sum() - len(X)) / (len(X) * (len(X) - 1))
    nearer = cosines[some, near[some]] - at_random
    found = bootstrap_interval(nearer, seed=seed)
    return Measure(found.mean, found.low, found.high, n=len(some)).beside(shuffled=0.0)


def _repeats(cloud: Cloud, texts: Sequence[str]) -> dict[str, Measure]:
    """Rows of different texts with one vector, and repeated texts of which vectors differ."""
    rows, direction = cloud.scan.rows, cloud.scan.direction
    shared = np.flatnonzero(np.bincount(direction)[direction] > 1)
    said: dict[int, set[str]] = {}
    for place in shared:
        said.setdefault(int(direction[place]), set()).add(plain_text(texts[rows[place]]))
    mixed = sum(len(said[int(direction[place])]) > 1 for place in shared)
    found = {"one_vector": share_of(mixed / len(rows), len(rows)).beside(sound=0.0)}
    first: dict[str, int] = {}
    some = rows[:_MOST_TEXTS]
    pairs = [(first.setdefault(texts[row], row), row) for row in some if texts[row].strip()]
    pairs = [pair for pair in pairs if pair[0] != pair[1]][:_MOST_PAIRS]
    if not pairs:
        return found | {"two_vectors": not_measured("no text is there twice")}
    needed, place = np.unique(cloud.number_of_row[np.array(pairs)], return_inverse=True)
    one, other = cloud.rows.take(needed)[place.reshape(-1, 2).T]
    apart = np.einsum("ij,ij->i", one, other) < SAME
    n = len({pair[0] for pair in pairs})
    differ = len({pair[0] for pair, far in zip(pairs, apart, strict=True) if far})
    return found | {"two_vectors": share_of(differ / n, n).beside(sound=0.0)}


def plain_text(text: str) -> str:
    """Return what most encoders see of a text: no case, no accents, no punctuation.

    >>> plain_text("  Café-Bar, No. 5 ")
    'cafe bar no 5'
    """
    letters = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in letters if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", letters))
