"""Pretrained encoders on LIMIT-small, and the quick ones on the replica: one vector a text as it
is, centred, and corrected by other queries; their tokens compared one by one; learned weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_chapters.limit.query_values import query_values
from paper_utils.checks import unit_rows
from paper_utils.encoders import load_encoder
from paper_utils.encoders.base import Encoder
from paper_utils.encoders.sparse import load_sparse_encoder
from paper_utils.encoders.token_states import token_states
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.geometry.cosine import centre
from paper_utils.geometry.query_bank import csls
from paper_utils.limit.collection import named_collection
from paper_utils.limit.data import LimitData, released_checksums
from paper_utils.results import RANKS, experiment
from paper_utils.search.late_interaction import maxsim
from paper_utils.statistics import shared_interval

KINDS = ("one vector", "tokens", "sparse")  #: of comparison
LANGUAGE_MODELS = ("smollm2-135m", "qwen2.5-coder-0.5b")
ENCODERS = ("untrained", "wordllama", "use-multilingual-v3", "minilm", "me5-small", "mpnet")
LATE = ("minilm", "me5-small", "mpnet")
SPARSE = "splade-tiny"
#: First documents of the replica that the quick encoders meet.
REPLICA = {"wordllama": 50_000, "use-multilingual-v3": 2_000}


def _tasks(kind: str, *encoders: str) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "encoder": encoder, "n_docs": 46, "pooling": None} for encoder in encoders
    ]


@experiment(
    "limit-panel",
    "Pretrained encoders on LIMIT-small: one vector as it is, centred, corrected by other queries; "
    "learned sparse weights",
    tasks=lambda: [*_tasks("one vector", *ENCODERS), *_tasks("sparse", SPARSE)],
    data=lambda: released_checksums("limit-small"),
    tolerance=RANKS,
    kinds=("kind",),
)
def panel_row(
    kind: str, encoder: str, n_docs: int = 46, pooling: str | None = None
) -> dict[str, dict[str, list[float]]]:
    """Measure one encoder on LIMIT-small, or on the first `n_docs` of the replica where not 46:
    'raw', 'centred', 'CSLS' -> ``recall@2`` -> [mean, low, high], and so on.
    """
    if kind not in KINDS:
        raise UsageError(f"no kind {kind!r}: {did_you_mean(kind, KINDS)}")
    data = named_collection("limit-small") if n_docs == 46 else named_collection("replica", n_docs)
    if kind == "sparse":
        model = load_sparse_encoder(encoder)
        weights = [model.encode(texts) for texts in (data.queries, data.documents)]
        found = {"raw": (weights[0] @ weights[1].T).toarray()}
    else:
        scores = one_vector if kind == "one vector" else token_by_token
        found = scores(load_encoder(encoder, pooling=pooling, batch_size=16), data)
    found["CSLS"] = by_halves(found["raw"], csls)
    return {name: recalls(data, S) for name, S in found.items()}


# The same measurement, dearer by the minute: each is a record of its own.
experiment(
    "limit-panel-tokens",
    "Pretrained encoders on LIMIT-small, their tokens compared one by one",
    tasks=lambda: _tasks("tokens", *LATE),
    data=lambda: released_checksums("limit-small"),
    tolerance=RANKS,
)(panel_row)

experiment(
    "limit-panel-language-models",
    "Language models on LIMIT-small, mean and last token, as they are and corrected",
    tasks=lambda: [
        {"kind": "one vector", "encoder": name, "n_docs": 46, "pooling": pooling}
        for name in LANGUAGE_MODELS
        for pooling in ("mean", "last")
    ],
    data=lambda: released_checksums("limit-small"),
    tolerance=RANKS,
)(panel_row)

experiment(
    "limit-panel-replica",
    "Quick pretrained encoders on the first documents of the replica of LIMIT",
    tasks=lambda: [
        {"kind": "one vector", "encoder": name, "n_docs": n, "pooling": None}
        for name, n in REPLICA.items()
    ],
    data=released_checksums,
    tolerance=RANKS,
)(panel_row)


def recalls(data: LimitData, scores: NDArray) -> dict[str, list[float]]:
    """Return every measure's mean with an interval that allows for shared documents."""
    values = query_values(lambda rows: scores[rows], data.qrels)
    return {key: list(shared_interval(row, data.qrels)[:3]) for key, row in values.items()}


def by_halves(rows: NDArray, correct: Any) -> NDArray:
    """Return every second row as `correct(rows, the others)` has it, then the others likewise."""
    found = np.empty_like(rows)
    for fold in (0, 1):
        found[fold::2] = correct(rows[fold::2], rows[1 - fold :: 2])
    return found


def one_vector(encoder: Encoder, data: LimitData) -> dict[str, NDArray]:
    """Return cosines as they are, and centred: documents by their mean, queries by that of every
    second other query, so that no query enters the mean that it loses.
    """
    U = unit_rows(encoder.document_side.encode(data.documents)).astype(np.float32)
    V = unit_rows(encoder.encode(data.queries)).astype(np.float32)
    own = by_halves(V, lambda mine, bank: centre(mine, bank.mean(axis=0)))
    return {"raw": V @ U.T, "centred": own @ centre(U).astype(np.float32).T}


def token_by_token(encoder: Encoder, data: LimitData) -> dict[str, NDArray]:
    """Return MaxSim over states as they are, special ones too, and centred as `one_vector`."""
    documents = states(encoder.document_side, data.documents)
    queries = states(encoder, data.queries)
    mean = np.concatenate(documents).mean(axis=0)
    centred = [rows - mean for rows in documents]
    parts = []
    for fold in (0, 1):
        other = np.concatenate(queries[1 - fold :: 2]).mean(axis=0)
        parts.append(maxsim([rows - other for rows in queries[fold::2]], centred))
    late = np.empty((len(queries), len(documents)), dtype=np.float32)
    late[::2], late[1::2] = parts
    return {"raw": maxsim(queries, documents), "centred": late}


def states(encoder: Encoder, texts: Sequence[str]) -> list[NDArray[np.float32]]:
    """Return the unit states of each text's tokens, shape (n_tokens, d), last layer."""
    found: list[Any] = [None] * len(texts)
    for batch in token_states(encoder, texts):
        for row, vectors in zip(batch.rows, batch.vectors(), strict=True):
            found[row] = _unit(vectors)
    return found


def _unit(vectors: ArrayLike) -> NDArray[np.float32]:
    return unit_rows(vectors).astype(np.float32)
