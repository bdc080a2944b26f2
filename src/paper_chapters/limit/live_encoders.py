"""MiniLM on data of LIMIT's form: pooled, truncated, by MaxSim; and its subword token embeddings.
One pass through the network gives all. On the replica of 50,000 documents the pass is cut into
chunks of documents, which count their documents that outrank each relevant one.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_chapters.limit.query_values import query_values
from paper_utils.checks import unit_rows
from paper_utils.encoders import load_encoder
from paper_utils.encoders.token_states import TokenBatch, token_states
from paper_utils.limit.collection import check_source, named_collection
from paper_utils.limit.data import LimitData, released_checksums
from paper_utils.results import Tolerance, experiment
from paper_utils.search.late_interaction import maxsim
from paper_utils.search.metrics import summary

DIMS = (32, 64, 128, 256, 384)  #: coordinates kept of a pooled vector; MiniLM has 384.
POOLED = {d: f"MiniLM, d = {d}" for d in DIMS}
STATIC_MEAN, STATIC_MAXSIM = "word pieces, mean", "word pieces, MaxSim"
MAXSIM = "MiniLM, MaxSim"
SYSTEMS = (*POOLED.values(), MAXSIM, STATIC_MEAN, STATIC_MAXSIM)

RECORDED = Tolerance(
    rel=1e-3,
    abs=0.005,
    why="Single precision: near ties change places in a few of 1,000 queries. The packed ranks of "
    "the replica's chunks must be equal: confirm them on the kind of processor that computed them.",
)
#: Documents of the replica in the first part of the record, and in one task.
FIRST, CHUNK = 6_000, 2_000
# On the replica MaxSim over states, the most costly system, scores every fourth query.
_MAXSIM_STEP = 4
# Who has more documents above than the last cut-off is not found. (Ties are counted in full:
# the chance of each depends on how many there are.)
_CAP = 100


@dataclass(frozen=True, eq=False)
class _Texts:
    """What one pass gives of some texts, in their order."""

    pooled: NDArray[np.float32]  # (n_texts, d)
    tokens: list[NDArray[np.int64]]  # ids of the tokens that are not special
    states: list[NDArray[np.float32]]  # (n_tokens, d) a text, last layer


class _Pass:
    """The network, and the embeddings of the subword tokens read so far."""

    def __init__(self) -> None:
        self.encoder = load_encoder("minilm")
        self.table: NDArray[np.float32] | None = None

    def batches(self, texts: Sequence[str]) -> Iterator[TokenBatch]:
        for batch in token_states(self.encoder, texts):
            if self.table is None:
                rows = self.encoder.model[0].auto_model.get_input_embeddings().num_embeddings
                self.table = np.zeros((rows, batch.embeddings.shape[2]), dtype=np.float32)
            self.table[batch.ids[batch.mask].numpy()] = batch.embeddings[batch.mask].numpy()
            yield batch

    def read(self, texts: Sequence[str]) -> _Texts:
        pooled: list[Any] = [None] * len(texts)
        tokens, states = pooled.copy(), pooled.copy()
        for batch in self.batches(texts):
            parts = _pooled(batch), _tokens(batch), batch.vectors()
            for place, *row in zip(batch.rows, *parts, strict=True):
                pooled[place], tokens[place], states[place] = row
        return _Texts(np.array(pooled), tokens, states)


def _pooled(batch: TokenBatch) -> NDArray[np.float32]:
    """Means over all tokens, special ones included, as MiniLM takes them."""
    weights = batch.mask.unsqueeze(-1).float()
    return ((batch.states * weights).sum(dim=1) / weights.sum(dim=1)).numpy()


def _tokens(batch: TokenBatch) -> list[NDArray[np.int64]]:
    keep = batch.mask & ~batch.special
    return [ids[kept].numpy() for ids, kept in zip(batch.ids, keep, strict=True)]


@experiment(
    "limit-encoders",
    "MiniLM pooled, cut short and by MaxSim, and its subword tokens, on LIMIT-small and a replica",
    tasks=lambda: [
        {"source": "generated"},
        {"source": "limit-small"},
        *replica_tasks(0, FIRST),
    ],
    data=released_checksums,
    tolerance=RECORDED,
)
def encoder_row(source: str, start: int = 0, stop: int = 0) -> dict[str, Any]:
    """Measure all systems on a whole collection, or count for a chunk of the replica.
    Collection: system -> ``recall@2`` -> [mean, low, high], and so on. Chunk of documents `start`
    to `stop`: system -> ``better`` and ``tied``, how many of them score above or equal to each
    relevant one, itself included; packed by :func:`pack`, `better` at most 100.
    """
    check_source(source)
    if source == "replica":
        return _chunk_counts(start, stop)
    data = named_collection(source)
    return {
        name: summary(query_values(lambda rows, S=S: S[rows], data.qrels))
        for name, S in encoder_scores(data).items()
    }


def encoder_scores(data: LimitData) -> dict[str, NDArray[np.float32]]:
    """Return system -> scores, shape (n_queries, n_docs), from one pass.
    Texts are cut off after 256 subword tokens.
    """
    network = _Pass()
    queries = network.read(data.queries)
    return _scores(network, queries, data.documents, queries.states)


def replica_tasks(start: int, stop: int) -> list[dict[str, Any]]:
    """Return the tasks for some documents of the replica; its 46 relevant ones are one."""
    edges = [*range(start, stop, CHUNK), stop]
    if start == 0:
        edges.insert(1, 46)
    return [{"source": "replica", "start": a, "stop": b} for a, b in itertools.pairwise(edges)]


def maxsim_queries(source: str, n_queries: int) -> NDArray[np.int64]:
    """Return the queries that MaxSim over states scores: all, or every fourth on the replica."""
    return np.arange(0, n_queries, _MAXSIM_STEP if source == "replica" else 1)


def pack(counts: NDArray[np.int64]) -> str:
    """Return whole numbers as text, runs of equal ones as ``number*times``.

    >>> pack(np.array([0, 0, 0, 7])), unpack("0*3 7").tolist()
    ('0*3 7', [0, 0, 0, 7])
    """
    runs = [(value, len(list(run))) for value, run in itertools.groupby(counts.tolist())]
    return " ".join(f"{value}*{times}" if times > 1 else str(value) for value, times in runs)


def unpack(text: str) -> NDArray[np.int64]:
    """Return the numbers that `pack` wrote."""
    runs = [(*map(int, run.split("*")), 1)[:2] for run in text.split()]
    return np.array([value for value, times in runs for _ in range(times)], dtype=np.int64)


@functools.cache
def _replica() -> tuple[LimitData, _Pass, _Texts, dict[str, NDArray[np.float32]]]:
    """The replica, the network, its queries, and the scores of the 46 relevant documents."""
    data, network = named_collection("replica"), _Pass()
    queries = network.read(data.queries)
    return data, network, queries, _chunk_scores(network, queries, data.documents[:46])


def _chunk_scores(
    network: _Pass, queries: _Texts, documents: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    states = [queries.states[i] for i in maxsim_queries("replica", len(queries.states))]
    return _scores(network, queries, documents, states)


def _chunk_counts(start: int, stop: int) -> dict[str, Any]:
    data, network, queries, relevant = _replica()
    rows = maxsim_queries("replica", len(data.queries))
    scores = relevant
    if stop > 46:
        scores = _chunk_scores(network, queries, data.documents[start:stop])
    found = {}
    for name, chunk in scores.items():
        qrels = data.qrels[rows] if name == MAXSIM else data.qrels
        judged = np.repeat(np.arange(qrels.shape[0]), np.diff(qrels.indptr))
        own = relevant[name][judged, qrels.indices][:, None]
        better, tied = (chunk[judged] > own).sum(axis=1), (chunk[judged] == own).sum(axis=1)
        # Capping `tied` too overstates recall@100 of word-piece MaxSim by 0.04 points (19 of 2,000
        # documents); the recorded counts are so, and the next whole run should leave it away.
        found[name] = {
            kind: pack(np.minimum(n, _CAP)) for kind, n in (("better", better), ("tied", tied))
        }
    return found


def _scores(
    network: _Pass,
    queries: _Texts,
    documents: Sequence[str],
    states: list[NDArray[np.float32]],
) -> dict[str, NDArray[np.float32]]:
    """Scores of documents by every system, by MaxSim for queries of these `states`; the states of
    documents are held for one batch only.
    """
    late = np.empty((len(states), len(documents)), dtype=np.float32)
    pooled = np.empty((len(documents), DIMS[-1]), dtype=np.float32)
    tokens: list[Any] = [None] * len(documents)
    for batch in network.batches(documents):
        late[:, batch.rows] = maxsim(states, batch.vectors())
        pooled[batch.rows] = _pooled(batch)
        for place, row in zip(batch.rows, _tokens(batch), strict=True):
            tokens[place] = row
    found = {name: _cosines(queries.pooled[:, :d], pooled[:, :d]) for d, name in POOLED.items()}
    found[MAXSIM] = late
    means = (
        np.array([network.table[row].mean(axis=0) for row in texts])
        for texts in (queries.tokens, tokens)
    )
    found[STATIC_MEAN] = _cosines(*means)
    found[STATIC_MAXSIM] = static_maxsim(network.table, queries.tokens, tokens)
    return found


def _cosines(queries: NDArray, documents: NDArray) -> NDArray[np.float32]:
    return (unit_rows(queries) @ unit_rows(documents).T).astype(np.float32)


def static_maxsim(
    table: NDArray[np.float32],
    queries: Sequence[NDArray[np.int64]],
    documents: Sequence[NDArray[np.int64]],
) -> NDArray[np.float32]:
    """Return MaxSim over input embeddings, shape (n_queries, n_docs); each text is given as token
    ids. `table` has shape (n_tokens, d). Equals
    :func:`~paper_utils.search.late_interaction.maxsim`, but each pair of distinct tokens is
    compared once.
    """
    known, of_queries = np.unique(np.concatenate(queries), return_inverse=True)
    listed, of_documents = np.unique(np.concatenate(documents), return_inverse=True)
    cosines = _cosines(table[listed], table[known])
    ends = np.cumsum([len(row) for row in documents])[:-1]
    best = np.array([cosines[np.unique(row)].max(axis=0) for row in np.split(of_documents, ends)])
    starts = np.cumsum([0, *(len(row) for row in queries)])
    times = sparse.csr_array(
        (np.ones(len(of_queries), dtype=np.float32), of_queries, starts),
        shape=(len(queries), len(known)),
    )
    return (times @ best.T).astype(np.float32)
