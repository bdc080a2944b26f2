"""What a given number of numbers per document keeps: states, token identities, or a code of them.

Every system reads the same texts. Identities are random vectors of MiniLM's token ids, weighted by
how rare an id is among the documents; no network runs for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_chapters.dimension_verdict.fixed_encoding import fixed_encoding_scores
from paper_chapters.dimension_verdict.shares import shapley
from paper_chapters.dimension_verdict.token_identity import random_maxsim, token_ids
from paper_utils.checks import unit_rows
from paper_utils.codes.additive_simulation import additive_code_ranks, token_counts
from paper_utils.data.judged import judged_checksums, load_judged
from paper_utils.encoders import load_encoder
from paper_utils.encoders.base import Encoder
from paper_utils.encoders.token_states import token_states
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.limit.collection import named_collection
from paper_utils.limit.data import released_checksums
from paper_utils.limit.generate import generate_limit
from paper_utils.results import Tolerance, experiment
from paper_utils.search.bm25 import BM25
from paper_utils.search.hashing import HashedNgrams
from paper_utils.search.late_interaction import maxsim
from paper_utils.search.metrics import ndcg_at_k, recall_at_k
from paper_utils.search.ranks import RelevantRanks, ranks_from_scores
from paper_utils.statistics import shared_interval

SIZES = (64, 256, 1_024, 4_096, 16_384)  #: numbers per document
FEW, MANY = 384, 16_384  #: of the shares: as many as MiniLM's vector has, and the most
#: Bits, coordinates kept and repetitions of MUVERA's encoding; fixed before any result was seen.
SHAPES = {
    64: (3, 8, 1),
    256: (3, 8, 4),
    384: (3, 8, 6),
    1_024: (4, 8, 8),
    4_096: (5, 8, 16),
    16_384: (6, 8, 32),
}
SEEDS = 5  # draws of random vectors
WIDE = 128  # coordinates of a random vector before MUVERA's projection
CUTOFFS = (2, 10, 20)
FOREIGN = "ntrex-ru-en"  # its English sentences give the principal components
_N_FOREIGN = 200
SETS = ("generated", "limit-small", "replica-2000", "xquad-r-en", "scifact-500")
READERS = ("ids", "minilm", "me5-small")  #: 'ids' runs no network
TOLERANCE = Tolerance(
    rel=1e-3,
    abs=0.005,
    why="Single precision: near ties change places in a few of 1,000 queries.",
)


@dataclass(frozen=True, eq=False)
class Texts:
    """A judged set, and the measure that stands for it."""

    documents: tuple[str, ...]
    queries: tuple[str, ...]
    qrels: sparse.csr_array
    measure: str


def load_texts(source: str) -> Texts:
    """Return a set of `SETS`: of SciFact 500 documents, judged ones first; of XQuAD-R every fourth
    query; of LIMIT's replica the first 2,000 documents; generated data have 9.
    """
    if source not in SETS:
        raise UsageError(f"no set {source!r}: {did_you_mean(source, SETS)}")
    if source == "generated":
        data = generate_limit(9)
        return Texts(data.documents, data.queries, data.qrels.astype(np.float64), "recall_2")
    if source in ("limit-small", "replica-2000"):
        name, n_docs = ("replica", 2_000) if source == "replica-2000" else (source, None)
        data = named_collection(name, n_docs)
        return Texts(data.documents, data.queries, data.qrels.astype(np.float64), "recall_2")
    if source == "xquad-r-en":
        data = load_judged(source)
        return Texts(data.documents, data.queries[::4], data.qrels[::4], "ndcg_10")
    data = load_judged("scifact")
    judged = np.unique(data.qrels.indices)
    others = np.setdiff1d(np.arange(len(data.documents)), judged)
    columns = np.sort(np.concatenate([judged, others[: 500 - len(judged)]]))
    documents = tuple(data.documents[i] for i in columns)
    return Texts(documents, data.queries, sparse.csr_array(data.qrels[:, columns]), "ndcg_10")


@experiment(
    "dimension-numbers",
    "LIMIT-small against numbers per document: one vector, tokens apart, a fixed encoding; states "
    "of MiniLM or identities of tokens; and what each change is worth over all orders",
    tasks=lambda: [
        {"source": "generated", "reader": "ids"},
        *({"source": "limit-small", "reader": reader} for reader in READERS[:2]),
    ],
    data=lambda: released_checksums("limit-small") | judged_checksums(FOREIGN),
    tolerance=TOLERANCE,
    kinds=("reader", "source"),
)
def kept_numbers(source: str, reader: str) -> dict[str, Any]:
    """Measure all systems of one reader on one set. `rows`: system, numbers per document, nDCG at
    10 and recall, each [mean, low, high], means over draws; `draws` of the measure of the set.
    `shares`, of an encoder: what :func:`~paper_chapters.dimension_verdict.shares.shapley` gives.
    """
    if reader not in READERS:
        raise UsageError(f"no reader {reader!r}: {did_you_mean(reader, READERS)}")
    texts = load_texts(source)
    systems = identities(texts) if reader == "ids" else states(texts, load_encoder(reader))
    rows = [measured(texts, *system) for system in systems.curves()]
    if reader == "ids":
        return {"rows": rows}
    return {"rows": rows, "shares": shares(texts, systems, identities(texts))}


def measured(
    texts: Texts, system: str, numbers: float, draws: Sequence[RelevantRanks]
) -> dict[str, Any]:
    """Return one row: means over draws with intervals over queries, which may share documents."""
    values = [_values(ranks) for ranks in draws]
    means = {name: np.mean([each[name] for each in values], axis=0) for name in values[0]}
    return {
        "system": system,
        "numbers": round(float(numbers), 1),
        "draws": [float(each[texts.measure].mean()) for each in values],
        **{name: list(shared_interval(row, texts.qrels > 0)[:3]) for name, row in means.items()},
    }


def _values(ranks: RelevantRanks) -> dict[str, NDArray[np.float64]]:
    recalls = {f"recall_{k}": recall_at_k(ranks, min(k, ranks.n_docs)) for k in CUTOFFS}
    return {"ndcg_10": ndcg_at_k(ranks, min(10, ranks.n_docs)), **recalls}


Row = tuple[str, float, list[RelevantRanks]]


@dataclass(frozen=True, eq=False)
class Identities:
    """Token ids of the texts: weights (n_texts, n_tokens), 0 where a text lacks the token."""

    texts: Texts
    queries: sparse.csr_array  # count times rarity
    documents: sparse.csr_array  # rarity
    counts: sparse.csr_array  # of the queries

    @property
    def distinct(self) -> float:
        """Mean number of different tokens of a document."""
        return self.documents.nnz / self.documents.shape[0]

    def one(self, size: int) -> tuple[float, list[RelevantRanks]]:
        """Sums of random vectors of `size` numbers, by cosine."""
        parts = self.queries, self.documents, self.texts.qrels, size
        return size, [additive_code_ranks(*parts, seed=s, cosine=True) for s in range(SEEDS)]

    def apart(self, size: int) -> tuple[float, list[RelevantRanks]] | None:
        """MaxSim over random vectors of as many numbers as fit; None where not one does."""
        if (k := round(size / self.distinct)) < 2:
            return None
        scores = (random_maxsim(self.queries, self.documents, k, s) for s in range(SEEDS))
        return k * self.distinct, [ranks_from_scores(S, self.texts.qrels) for S in scores]

    def encoded(self, size: int) -> tuple[float, list[RelevantRanks]]:
        """MUVERA's fixed encoding of random vectors."""
        scores = (self._encoded(size, seed) for seed in range(SEEDS))
        return size, [ranks_from_scores(S, self.texts.qrels) for S in scores]

    def _encoded(self, size: int, seed: int) -> NDArray:
        shape = self.documents.shape[1], WIDE
        table = unit_rows(np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)
        documents = [table[row] for row in np.split(self.documents.indices, _ends(self.documents))]
        weighted = table[self.queries.indices] * self.queries.data[:, None].astype(np.float32)
        return _fixed(np.split(weighted, _ends(self.queries)), documents, size, seed)

    def curves(self) -> Iterator[Row]:
        """All systems without a network at all sizes."""
        held, qrels = (self.documents > 0).astype(np.float64), self.texts.qrels
        counted = ranks_from_scores((self.counts @ held.T).toarray(), qrels)
        yield "shared ids, counted", self.distinct, [counted]
        weighted = ranks_from_scores((self.queries @ held.T).toarray(), qrels)
        yield "shared ids, weighted", self.distinct, [weighted]
        index = BM25().fit(self.texts.documents)
        lexical = ranks_from_scores(index.scores(self.texts.queries), qrels)
        words = np.mean([len(set(text.lower().split())) for text in self.texts.documents])
        yield "BM25", 2 * float(words), [lexical]  # which word, and how often
        for size in SIZES:
            grams = HashedNgrams(size, threads=1).fit(self.texts.documents)
            yield "NUMEN", size, [ranks_from_scores(grams.scores(self.texts.queries), qrels)]
            yield "ids, one vector", *self.one(size)
            if found := self.apart(size):
                yield "ids, apart", *found
            yield "ids, fixed encoding", *self.encoded(size)


def identities(texts: Texts) -> Identities:
    """Read MiniLM's token ids; the rarity of one is ln(n_docs / documents that have it)."""
    counts, documents = token_counts(*map(token_ids, (texts.queries, texts.documents)))
    held = (documents > 0).astype(np.float64)
    found = held.sum(axis=0)
    rarity = np.log(len(texts.documents) / np.maximum(found, 1)) * (found > 0)
    queries = counts.copy()
    queries.data = queries.data * rarity[queries.indices]
    # A document of common tokens alone keeps a direction.
    held.data = held.data * np.maximum(rarity, 1e-6)[held.indices]
    return Identities(texts, queries, held, counts)


@dataclass(frozen=True, eq=False)
class States:
    """Token states of the texts; `raw` as they are, `centred` less the mean of foreign ones."""

    texts: Texts
    pooled: tuple[NDArray, NDArray]  # means of the states of queries, and of documents
    raw: tuple[list[NDArray], list[NDArray]]  # unit rows (n_tokens, d), special tokens included
    centred: tuple[list[NDArray], list[NDArray]]
    axes: NDArray[np.float32]  # (d, d), principal components of foreign states, the first first

    @property
    def length(self) -> float:
        """Mean number of tokens of a document, special ones included."""
        return float(np.mean([len(rows) for rows in self.raw[1]]))

    def one(self, size: int) -> tuple[float, list[RelevantRanks]]:
        """Means of states, projected at random where they have more than `size` numbers."""
        if size >= (d := len(self.axes)):
            return d, [self._cosines(self.pooled)]
        maps = (np.random.default_rng(s).standard_normal((d, size)) for s in range(SEEDS))
        return size, [self._cosines([side @ P for side in self.pooled]) for P in maps]

    def _cosines(self, sides: Sequence[NDArray]) -> RelevantRanks:
        queries, documents = map(unit_rows, sides)
        return ranks_from_scores(queries @ documents.T, self.texts.qrels)

    def apart(self, size: int) -> tuple[float, list[RelevantRanks]] | None:
        """MaxSim over random projections to as many numbers as fit; None below two a token."""
        d = len(self.axes)
        if (k := min(round(size / self.length), d)) < 2:
            return None
        if k == d:
            return d * self.length, [self._late(*self.centred)]
        maps = (np.random.default_rng(s).standard_normal((d, k)) for s in range(SEEDS))
        return k * self.length, [self._projected(P.astype(np.float32)) for P in maps]

    def principal(self, size: int) -> tuple[float, list[RelevantRanks]] | None:
        """MaxSim over as many principal components as fit; None below two a token."""
        if (k := min(round(size / self.length), len(self.axes))) < 2:
            return None
        return k * self.length, [self._projected(self.axes[:, :k])]

    def _projected(self, P: NDArray) -> RelevantRanks:
        return self._late(*([rows @ P for rows in side] for side in self.centred))

    def _late(self, queries: Sequence[NDArray], documents: Sequence[NDArray]) -> RelevantRanks:
        return ranks_from_scores(maxsim(queries, documents), self.texts.qrels)

    def encoded(self, size: int) -> tuple[float, list[RelevantRanks]]:
        """MUVERA's fixed encoding; its cells are cones around the origin, so centred states."""
        scores = (_fixed(*self.centred, size, s) for s in range(SEEDS))
        return size, [ranks_from_scores(S, self.texts.qrels) for S in scores]

    def curves(self) -> Iterator[Row]:
        """All systems of the states at all sizes, and tokens apart in full."""
        d = len(self.axes)
        for size in (*(size for size in SIZES if size < d), d):
            yield "states, one vector", *self.one(size)
        for size in SIZES:
            if found := self.apart(size):
                yield "states, apart", *found
            if found := self.principal(size):
                yield "states, apart, principal components", *found
            yield "states, fixed encoding", *self.encoded(size)
        yield "states, apart, in full", d * self.length, [self._late(*self.raw)]
        yield "states, apart, in full, centred", d * self.length, [self._late(*self.centred)]


def states(texts: Texts, encoder: Encoder) -> States:
    """Run the encoder once over the texts and the foreign sentences."""
    foreign = np.concatenate(_states(encoder, load_judged(FOREIGN).queries[:_N_FOREIGN])[0])
    mean = foreign.mean(axis=0)
    _, _, axes = np.linalg.svd(foreign - mean, full_matrices=False)
    queries, of_queries = _states(encoder, texts.queries)
    documents, of_documents = _states(encoder.document_side, texts.documents)
    centred = tuple([_unit(rows - mean) for rows in side] for side in (queries, documents))
    return States(texts, (of_queries, of_documents), (queries, documents), centred, axes.T)


def _states(encoder: Encoder, texts: Sequence[str]) -> tuple[list[NDArray], NDArray]:
    """Unit states of each text's tokens, special ones included, and means of the states."""
    found: list[Any] = [None] * len(texts)
    means = np.empty((len(texts), encoder.dim), dtype=np.float32)
    for batch in token_states(encoder, texts):
        for row, vectors in zip(batch.rows, batch.vectors(), strict=True):
            found[row], means[row] = _unit(vectors), vectors.mean(axis=0)
    return found, means


def _unit(vectors: NDArray) -> NDArray[np.float32]:
    return unit_rows(vectors).astype(np.float32)


def shares(texts: Texts, kept: States, ids: Identities) -> dict[str, Any]:
    """Return what three changes are worth, alone and together: identities for states, tokens apart
    for one vector, `MANY` numbers for `FEW`.
    """
    cells: dict[frozenset[str], NDArray] = {}
    for identity in (False, True):
        for apart in (False, True):
            for size in (FEW, MANY):
                reader = ids if identity else kept
                _, draws = reader.apart(size) if apart else reader.one(size)
                switched = {"identities": identity, "apart": apart, "numbers": size == MANY}
                changed = frozenset(name for name, on in switched.items() if on)
                values = [_values(ranks)[texts.measure] for ranks in draws]
                cells[changed] = np.mean(values, axis=0)
    return shapley(cells, texts.qrels > 0)


def _fixed(queries: Sequence, documents: Sequence, size: int, seed: int) -> NDArray:
    bits, kept, repetitions = SHAPES[size]
    options = {"bits": bits, "kept": kept, "repetitions": repetitions, "seed": seed}
    return fixed_encoding_scores(queries, documents, **options)


def _ends(matrix: sparse.csr_array) -> NDArray:
    return matrix.indptr[1:-1]
