"""Encoders and word indexes on collections of LIMIT+'s form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_chapters.additive_codes.limit_plus import LimitPlus, limit_plus
from paper_chapters.additive_codes.limit_plus_values import measured
from paper_utils.checks import unit_rows
from paper_utils.encoders import load_encoder
from paper_utils.encoders.sparse import load_sparse_encoder
from paper_utils.encoders.token_states import token_states
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.results import RANKS, experiment
from paper_utils.search.bm25 import BM25
from paper_utils.search.late_interaction import maxsim

Score = Callable[[Sequence[str]], NDArray]  #: queries -> scores, (n_queries, n_docs)

SEEDS = range(5)
DENSE = ("minilm", "me5-small", "mpnet", "use-multilingual-v3", "wordllama", "untrained")


def _dense(name: str, documents: Sequence[str]) -> Score:
    encoder = load_encoder(name, batch_size=16)
    rows = unit_rows(encoder.document_side.encode(documents)).T
    return lambda queries: unit_rows(encoder.encode(queries)) @ rows


def _bm25(documents: Sequence[str]) -> Score:
    return BM25().fit(documents).scores


def _splade(documents: Sequence[str]) -> Score:
    encoder = load_sparse_encoder("splade-tiny")
    columns = encoder.encode(documents).T
    return lambda queries: (encoder.encode(queries) @ columns).toarray()


def _maxsim(documents: Sequence[str]) -> Score:
    rows = _states(documents)
    return lambda queries: maxsim(_states(queries), rows)


def _states(texts: Sequence[str]) -> list[NDArray[np.float32]]:
    found: list[Any] = [None] * len(texts)
    for batch in token_states(load_encoder("minilm"), texts):
        for place, vectors in zip(batch.rows, batch.vectors(), strict=True):
            found[place] = vectors
    return found


SYSTEMS: dict[str, Callable[[Sequence[str]], Score]] = {
    "BM25": _bm25,
    "splade-tiny": _splade,
    "minilm, MaxSim": _maxsim,
    **{name: lambda documents, name=name: _dense(name, documents) for name in DENSE},
}


@experiment(
    "limit-plus-texts",
    "Encoders and word indexes on collections of LIMIT+'s form: 'and', 'not', and two queries",
    tasks=lambda: [{"system": name, "seed": seed} for name in SYSTEMS for seed in SEEDS],
    tolerance=RANKS,
    kinds=("system",),
)
def limit_plus_texts(system: str, seed: int) -> dict[str, Any]:
    """Measure a system on one collection, as :func:`measured` says: asked as a whole, and by the
    sum and the difference of its scores for 'Who likes A?' and 'Who likes B?'. For BM25 also
    'A - B, filtered': documents that hold every word of B come last.
    """
    if system not in SYSTEMS:
        raise UsageError(f"no system {system!r}: {did_you_mean(system, SYSTEMS)}")
    data = limit_plus(seed=seed)
    score = SYSTEMS[system](data.documents)
    first, second = score(data.atoms(0)), score(data.atoms(1))
    asked = {form: score(data.queries(form)) for form in ("and", "not")}
    asked |= {"A + B": first + second, "A - B": first - second}
    if system == "BM25":
        asked["A - B, filtered"] = np.where(holds_second(data), first.min() - 1, first)
    return measured(data, asked)


def holds_second(data: LimitPlus) -> NDArray[np.bool_]:
    """Return which documents hold every word of B, (n_pairs, n_docs)."""
    words = BM25().tokenizer
    held = [set(words(text)) for text in data.documents]
    wanted = [set(words(data.attributes[b])) for b in data.pairs[:, 1]]
    return np.array([[want <= have for have in held] for want in wanted])
