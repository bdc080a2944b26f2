"""What each remedy does to the ranks of the judged documents, tried on the data themselves.

What a remedy learns from queries (their mean, a bank of them, a weight, which variant is best) it
learns from one half of the judged queries and is measured on the other, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from embedding_audit.cloud.products import products
from embedding_audit.cloud.progress import track
from embedding_audit.judged.lexical import Words, from_zero_to_one, reciprocal_ranks
from embedding_audit.judged.queries import Judged
from embedding_audit.judged.savings import SAVINGS, changed, rescored, signs
from embedding_audit.judged.scores import (
    Documents,
    Space,
    parts_of,
    put_best,
    ranks_of,
    relevant_ranks,
    unit,
    without_own,
)
from paper_utils.search.metrics import ndcg_at_k, recall_at_k

WEIGHTS = (0.1, 0.3, 0.5, 0.7, 0.9)  #: of the vectors beside BM25, in the weighted sum
COMPONENTS = 3  #: principal components that are taken away, at most
BANK = 10  #: nearest queries of the bank
TEMPERATURE = 0.05  #: of the inverted softmax; one value, not tuned

_FLOOR = 1e-3  # of the largest eigenvalue: smaller ones are the noise of few rows

#: Remedies of which a variant is chosen on the other half: the variants, and what they are called.
VARIANTS = {
    "query_bank": {"csls": "CSLS", "qb_norm": "QB-Norm"},
    "all_but_the_top": {f"all_but_{m}": f"{m} removed" for m in range(1, COMPONENTS + 1)},
    "weighted_sum": {f"weighted_{w:g}": f"weight {w:g} of the vectors" for w in WEIGHTS},
}


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Tried:
    """nDCG@10 and recall@10 of each judged query, by remedy; ``base`` is the index as it is."""

    ndcg: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    recall: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)  # the variant that is best on all queries

    def note(self, name: str, part: NDArray, scores: NDArray, judged: Judged) -> None:
        """Keep what the scores of some queries give."""
        ranks = ranks_of(scores, judged.gains[part])
        relevant = relevant_ranks(ranks, judged.relevant_from)
        for kept, values in (
            (self.ndcg, ndcg_at_k(ranks, 10)),
            (self.recall, recall_at_k(relevant, 10)),
        ):
            kept.setdefault(name, np.zeros(judged.n))[part] = np.nan_to_num(values)

    def choose(self, name: str, variants: Mapping[str, str], fold: NDArray[np.int64]) -> None:
        """Keep the variant with the best nDCG on the half that it is not measured on."""
        if next(iter(variants)) not in self.ndcg:
            return
        ndcg, recall = (np.stack([kept[v] for v in variants]) for kept in (self.ndcg, self.recall))
        best = [int(ndcg[:, fold != half].mean(axis=1).argmax()) for half in (0, 1)]
        which, each = np.array(best)[fold], np.arange(len(fold))
        self.ndcg[name], self.recall[name] = ndcg[which, each], recall[which, each]
        self.chosen[name] = list(variants.values())[int(ndcg.mean(axis=1).argmax())]


def tried(
    documents: Documents,
    space: Space,
    judged: Judged,
    moments: tuple[NDArray[np.float64], NDArray[np.float64]],
    lengths: NDArray[np.float64],
    words: Words | None,
    query_texts: Sequence[str],
    seed: int,
) -> Tried:
    """Try every remedy that can be tried. `documents` are held, of these `lengths`; `moments` are
    mean and covariance of the directions of all rows.
    """
    found = Tried()
    plain = space.plain(judged.vectors)
    held = documents.held
    U = held if space.metric == "cosine" else unit(held)
    geometry = _Geometry.of(U, unit(plain), judged.fold, moments)
    bits = signs(held)
    scale = (lengths / lengths.max()).astype(np.float32) if lengths_differ(lengths) else None
    parts = [
        part
        for half in (0, 1)
        for part in parts_of(np.flatnonzero(judged.fold == half), max(len(held), 1))
    ]

    def scored(P: NDArray, part: NDArray) -> NDArray:
        best = np.full((len(part), documents.n_columns), -np.inf, dtype=np.float32)
        put_best(best, P, documents.column)
        return without_own(best, judged.own[part])

    for part in track(parts, "remedies"):
        half = int(judged.fold[part[0]])
        Q = plain[part]
        cosines = products(unit(Q), U)
        rows = cosines if space.metric == "cosine" else space.scores(Q, held)
        base = scored(rows, part)
        found.note("base", part, base, judged)
        if space.metric != "cosine":
            found.note("cosine", part, scored(cosines, part), judged)
        if space.metric != "dot" and scale is not None:
            found.note("dot", part, scored(cosines * scale, part), judged)
        for name, scores in geometry.variants(cosines, unit(Q), half):
            found.note(name, part, scored(scores, part), judged)
        found.note("binary", part, scored(rescored(rows, signs(Q), bits), part), judged)
        if words is not None:
            said = scored(words.scores([query_texts[i] for i in part]), part)
            for name, scores in _fused(base, said):
                found.note(name, part, np.where(np.isneginf(base), base, scores), judged)
    for name in SAVINGS:
        X = changed(name, held, space, seed)
        if X is None:
            continue
        asked = changed(name, plain, space, seed, queries=True)
        for part in track(parts, name):
            found.note(name, part, scored(space.scores(asked[part], X), part), judged)
    white = geometry.whitening(moments[1])
    X = unit((U - geometry.mean) @ white)
    for part in track(parts, "whitening"):
        asked = unit((unit(plain[part]) - geometry.other_mean[judged.fold[part[0]]]) @ white)
        found.note("whiten", part, scored(products(asked, X), part), judged)
    for name, variants in VARIANTS.items():
        found.choose(name, variants, judged.fold)
    return found


def lengths_differ(lengths: NDArray[np.float64]) -> bool:
    """Return whether inner products can rank otherwise than cosines, rounding apart."""
    return bool(lengths.max() - lengths.min() > 1e-3 * lengths.max())


def _fused(
    base: NDArray[np.float32], said: NDArray[np.float32]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Scores of BM25 alone and of both together."""
    yield "bm25", said
    yield "rrf", reciprocal_ranks(base) + reciprocal_ranks(said, above=0.0)
    one, other = from_zero_to_one(base), from_zero_to_one(said)
    for weight in WEIGHTS:
        yield f"weighted_{weight:g}", np.float32(weight) * one + np.float32(1 - weight) * other


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class _Geometry:
    """What remedies of the geometry need of each document, so that they are changes of cosines."""

    mean: NDArray[np.float32]  # of the documents
    other_mean: NDArray[np.float32]  # (2, d): of the queries that do not belong to a half
    axes: NDArray[np.float32]  # (d, COMPONENTS), principal ones of the documents
    lengths: NDArray[np.float32]  # of the documents less their mean
    places: NDArray[np.float32]  # (n_rows, COMPONENTS): of the documents less their mean on axes
    shifts: NDArray[np.float32]  # (2, n_rows): their products with other_mean
    nearest: NDArray[np.float32]  # (2, n_rows): mean cosine to the nearest queries of the bank
    spread: NDArray[np.float32]  # (2, n_rows): log of the sum over the bank
    hubs: tuple[NDArray[np.int64], NDArray[np.int64]]  # best documents of the bank

    @classmethod
    def of(
        cls,
        U: NDArray[np.float32],
        queries: NDArray[np.float32],
        fold: NDArray[np.int64],
        moments: tuple[NDArray[np.float64], NDArray[np.float64]],
    ) -> _Geometry:
        """Return it for unit rows and unit queries."""
        mean = moments[0].astype(np.float32)
        axes = np.linalg.eigh(moments[1])[1][:, ::-1][:, :COMPONENTS].astype(np.float32)
        means = np.stack([queries[fold != half].mean(axis=0) for half in (0, 1)])
        along, on = products(mean[None], U)[0], products(axes.T.copy(), U).T - mean @ axes
        squared = np.maximum(1 - 2 * along.astype(np.float64) + mean @ mean, 1e-10)
        shifts = products(means, U) - (means @ mean)[:, None]
        nearest, spread = np.empty((2, len(U))), np.empty((2, len(U)))
        hubs = []
        for half in (0, 1):
            bank = queries[fold != half]
            best, top = np.full(len(bank), -np.inf), np.zeros(len(bank), dtype=np.int64)
            for low in range(0, len(U), 8192):
                scores = products(U[low : low + 8192], bank)
                some = slice(low, low + len(scores))
                k = min(BANK, len(bank))
                nearest[half, some] = np.partition(scores, -k, axis=1)[:, -k:].mean(axis=1)
                spread[half, some] = logsumexp(scores / TEMPERATURE, axis=1)
                at, columns = scores.argmax(axis=0), np.arange(len(bank))
                better = scores[at, columns] > best
                best[better], top[better] = scores[at, columns][better], at[better] + low
            hubs.append(np.unique(top))
        single = (a.astype(np.float32) for a in (nearest, spread))
        return cls(
            mean, means, axes, np.sqrt(squared).astype(np.float32), on, shifts, *single,
            (hubs[0], hubs[1]),
        )  # fmt: skip

    def variants(
        self, cosines: NDArray[np.float32], queries: NDArray[np.float32], half: int
    ) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield the scores of unit queries of one half, by remedy."""
        less = cosines - (queries @ self.mean)[:, None]
        yield "centre_documents", less / self.lengths
        less -= self.shifts[half]
        yield "centre_both", less / self.lengths
        asked = (queries - self.other_mean[half]) @ self.axes
        squared = self.lengths.astype(np.float64) ** 2
        for m in range(COMPONENTS):
            less -= np.outer(asked[:, m], self.places[:, m])
            squared = np.maximum(squared - self.places[:, m].astype(np.float64) ** 2, 1e-10)
            yield f"all_but_{m + 1}", less / np.sqrt(squared).astype(np.float32)
        yield "csls", 2 * cosines - self.nearest[half]
        hub = np.isin(cosines.argmax(axis=1), self.hubs[half])[:, None]
        spread = np.float32(TEMPERATURE) * self.spread[half]
        yield "qb_norm", np.where(hub, cosines - spread, cosines)

    def whitening(self, covariance: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the matrix that takes away half of the spread's unevenness (power 1/4 of 1/λ)."""
        values, vectors = np.linalg.eigh(covariance)
        values = np.maximum(values, _FLOOR * values[-1])
        return ((vectors * values**-0.25) @ vectors.T).astype(np.float32)
