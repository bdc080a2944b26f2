"""Why recall is lost on LIMIT: one thing changed at a time, on the same queries."""

from __future__ import annotations

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import unit_rows
from paper_utils.codes.additive_simulation import additive_code_ranks, token_counts, words
from paper_utils.codes.set_codes import SetCodes
from paper_utils.encoders import Encoder, load_encoder
from paper_utils.encoders.token_states import token_states
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.geometry.perturb import to_bfloat16
from paper_utils.limit.data import LimitData, load_limit
from paper_utils.limit.generate import generate_limit
from paper_utils.results import Tolerance, experiment
from paper_utils.search.late_interaction import maxsim
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import RelevantRanks, ranks_from_scores
from paper_utils.theory.construction import (
    equal_angles,
    trigonometric_curve,
    trigonometric_queries,
)

DIM = 384  # of MiniLM, and so of every code beside it
SEEDS = 5  # draws of random vectors
CUTOFFS = (2, 10)


def _tasks() -> list[dict[str, Any]]:
    return [{"source": "limit-small"}, {"source": "generated", "n_docs": 12}]


def _data() -> dict[str, str]:
    texts = load_limit("limit-small")
    joined = "\n".join([*texts.documents, *texts.queries])
    return {"limit-small": hashlib.sha256(joined.encode()).hexdigest()}


@experiment(
    "dimension-ablation",
    "Recall of each query on LIMIT-small under one encoder, random sums and exact codes",
    tasks=_tasks,
    data=_data,
    tolerance=Tolerance(
        rel=1e-3,
        abs=0.005,
        unchecked=("hits",),
        why="Single precision: near ties change places in a few of 1,000 queries. `hits` are the "
        "same answers one by one; their means are compared.",
    ),
)
def ablation(source: str, n_docs: int = 46, seed: int = 0) -> dict[str, Any]:
    """Measure all systems of the synthesis on ``limit-small`` or on ``generated`` data of its form.
    `recall`, `at_10`: mean recall@2, @10 by system, over `SEEDS` draws where vectors are random.
    `hits`: by system a digit a query, how many of its two documents (`pairs`) are in the top 2.
    `covariance`, `sharing`: of systems' mean recall@2, queries independent or sharing documents.
    """
    if source not in ("limit-small", "generated"):
        raise UsageError(f"source = {source!r} must be 'limit-small' or 'generated'")
    data = load_limit(source) if source == "limit-small" else generate_limit(n_docs, seed=seed)
    if (np.diff(data.qrels.indptr) != 2).any():
        raise UsageError("each query must have two relevant documents")
    encoder = load_encoder("minilm")
    texts = [_run(encoder, side) for side in (data.queries, data.documents)]
    ranked = _encoder_ranks(data, encoder, *texts)
    found = {name: _recalls(ranks) for name, ranks in ranked.items()}
    first = {}
    for name, tokens in _token_lists(data, *texts).items():
        counts = token_counts(*tokens)  # compared by cosine, as the encoder's vectors are
        draws = [
            _recalls(additive_code_ranks(*counts, data.qrels, DIM, seed=seed + i, cosine=True))
            for i in range(SEEDS)
        ]
        found[name] = {k: np.mean([draw[k] for draw in draws], axis=0) for k in CUTOFFS}
        first[name] = draws[0]
    found["set codes"] = _recalls(_ranks(data, *_set_codes(data, DIM, seed)))
    found["curve in 4 dimensions"] = _recalls(_ranks(data, *_curve(data)))
    at_two = np.stack([recalls[2] for recalls in found.values()], axis=1)
    error = at_two - at_two.mean(axis=0)
    n, shared = len(error), (data.qrels.astype(np.int64) @ data.qrels.T.astype(np.int64)) > 0
    return {
        "recall": dict(zip(found, at_two.mean(axis=0).tolist(), strict=True)),
        "at_10": {name: float(recalls[10].mean()) for name, recalls in found.items()},
        "n_queries": n,
        "covariance": (error.T @ error / n / (n - 1)).tolist(),
        # The estimator of `codes.additive_fit.document_effect`.
        "sharing": (error.T @ (shared.astype(np.float64) @ error) / n**2).tolist(),
        "pairs": data.qrels.indices.reshape(-1, 2).tolist(),
        "hits": {name: _digits(recalls[2]) for name, recalls in (found | first).items()},
    }


def change(found: dict[str, Any], system: str, before: str | None = None) -> tuple[float, float]:
    """Return a system's mean recall@2, or its change from `before`, paired by query, and ±.
    Per cent or points, and half of the 95% interval, by the larger variance of those with
    independent queries and with queries that share documents.
    """
    names = list(found["recall"])
    for name in (system, before):
        if name is not None and name not in names:
            raise UsageError(f"no system {name!r}; {did_you_mean(name, names)}")
    weight = np.array([(name == system) - float(name == before) for name in names])
    matrices = [np.array(found[name]) for name in ("covariance", "sharing")]
    variance = max(0.0, *(float(weight @ matrix @ weight) for matrix in matrices))
    return 100 * float(weight @ list(found["recall"].values())), 196 * math.sqrt(variance)


def _recalls(ranks: RelevantRanks) -> dict[int, NDArray[np.float64]]:
    return {k: recall_at_k(ranks, min(k, ranks.n_docs)) for k in CUTOFFS}


def _digits(recalls: NDArray[np.float64]) -> str:
    """Two documents are relevant to a query: 0, 1 or 2 of them found."""
    return "".join(str(round(2 * recall)) for recall in recalls)


def _ranks(data: LimitData, queries: ArrayLike, documents: ArrayLike) -> RelevantRanks:
    return ranks_from_scores(np.asarray(queries) @ np.asarray(documents).T, data.qrels)


def _cosine(data: LimitData, queries: ArrayLike, documents: ArrayLike) -> RelevantRanks:
    return _ranks(data, unit_rows(queries), unit_rows(documents))


class _Texts(NamedTuple):
    """Tokens of some texts under the encoder."""

    last: list[NDArray]  # states of the last layer, special tokens too
    static: list[NDArray]
    ids: list[list[int]]


def _run(encoder: Encoder, texts: tuple[str, ...]) -> _Texts:
    """Run the network once; ids and static vectors without [CLS] and [SEP], equal in all texts."""
    last, static, ids = ([None] * len(texts) for _ in range(3))
    for batch in token_states(encoder, list(texts)):
        kept = batch.mask & ~batch.special
        rows = zip(
            batch.rows.tolist(),
            batch.vectors("last"),
            batch.vectors("input", special=False),
            batch.ids,
            kept,
            strict=True,
        )
        for row, states, inputs, tokens, keep in rows:
            last[row], static[row], ids[row] = states, inputs, tokens[keep].tolist()
    return _Texts(last, static, ids)


def _encoder_ranks(data: LimitData, encoder: Encoder, query: _Texts, document: _Texts) -> dict:
    """One trained encoder, its vectors used in different ways; 'pieces' are subword tokens."""
    queries, documents = (encoder.encode(list(x)) for x in (data.queries, data.documents))
    subwords = [np.stack([x.sum(axis=0) for x in side.static]) for side in (query, document)]
    half = slice(0, queries.shape[1] // 2)
    return {
        "pooled": _cosine(data, queries, documents),
        "pooled, half": _cosine(data, queries[:, half], documents[:, half]),
        "pooled, bfloat16": _ranks(data, to_bfloat16(queries), to_bfloat16(documents)),
        "pooled, centred": _cosine(data, _centred(queries), _centred(documents)),
        "pieces": _cosine(data, *subwords),
        "pieces, centred": _cosine(data, *map(_centred, subwords)),
        "MaxSim": ranks_from_scores(maxsim(query.last, document.last), data.qrels),
        "MaxSim, pieces": ranks_from_scores(maxsim(query.static, document.static), data.qrels),
    }


def _centred(X: NDArray) -> NDArray:
    return X - X.mean(axis=0)


def _token_lists(data: LimitData, query: _Texts, document: _Texts) -> dict[str, tuple[list, list]]:
    """Tokens of queries and documents, by kind; 'pieces' are subword tokens."""
    items = [[a] for a in data.query_attributes.tolist()], [a.tolist() for a in data.doc_attributes]
    spoken = [words(text) for text in data.queries], [words(text) for text in data.documents]
    return {
        "random pieces": (query.ids, document.ids),
        "random words": spoken,
        "random attributes": items,
    }


def _set_codes(data: LimitData, d: int, seed: int) -> tuple[NDArray, NDArray]:
    codes = SetCodes(d, seed=seed).fit(data.attributes)
    listed = [[data.attributes[a] for a in row] for row in data.doc_attributes]
    return codes.queries([data.attributes[a] for a in data.query_attributes]), codes.encode(listed)


def _curve(data: LimitData) -> tuple[NDArray, NDArray]:
    angles = equal_angles(len(data.documents))
    sets = data.qrels.indices.reshape(-1, 2).astype(np.int64)
    return trigonometric_queries(sets, angles)[0], trigonometric_curve(angles, 2)
