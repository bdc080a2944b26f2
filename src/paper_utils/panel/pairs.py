"""Which encoders meet which sets, and the vectors of such a pair.

What is left out is left out for its cost alone, never for a result: language models meet the
shortest texts, the whole of homedepot meets the two quickest encoders, the long abstracts of
SciFact and NFCorpus meet three, and mpnet none of the sets that take it hours.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.checks import unit_rows
from paper_utils.encoders import load_encoder, panel
from paper_utils.encoders.base import Encoder
from paper_utils.panel.sets import ALONE, SETS, SYMMETRIC, load_set, seeded_order

LANGUAGE_MODELS = panel.GGUF
POOLINGS = ("mean", "last", "layer")  #: of the language models, from one pass over the texts

_SHORT = ("tools-503", "general-ru-503", "general-en-503")
_FIRST = (*_SHORT, "limit-small", "xquad-r-en", "xquad-r-ru")
_DEAR = ("danetqa-ru", "ud-ru-taiga", "homedepot", "scifact", "nfcorpus")
_OTHERS = tuple(name for name in SETS if name not in (*_FIRST, *_DEAR))
_ALL = (*_FIRST, *_OTHERS, *_DEAR)  # in the order in which they are encoded

_SETS_OF = {
    "wordllama": _ALL,
    "use-multilingual-v3": _ALL,
    "minilm": tuple(name for name in _ALL if name != "homedepot"),
    "me5-small": (*_FIRST, *_OTHERS, "danetqa-ru", "ud-ru-taiga"),
    "untrained": (*_FIRST, "uhtt-5000"),
    **dict.fromkeys(LANGUAGE_MODELS, (*_SHORT, "limit-small", "xquad-r-en")),
    **dict.fromkeys(panel.RANDOM, _SHORT),
    "mpnet": (*_FIRST, "xquad-en", "crowdflower", "homedepot-5k", "cranfield"),
}
#: Quick enough to be encoded where they are measured; nothing of them is kept.
_UNKEPT = {
    "navec": tuple(name for name, languages in SETS.items() if languages == ("ru",)),
    "random": _FIRST,
}


@dataclass(frozen=True)
class Pair:
    """An encoder and a set; `pooling` where the encoder leaves a choice."""

    encoder: str
    set: str
    pooling: str | None = None


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors of both sides of a pair; without queries where the set has none."""

    documents: NDArray[np.float32]  #: (n_docs, dim)
    queries: NDArray[np.float32] | None  #: (n_queries, dim)


def encoding_order() -> list[tuple[str, str]]:
    """Return the encoders and sets to encode: short sets of all encoders first, dear ones last."""
    parts = (_FIRST, _OTHERS, *((name,) for name in _DEAR))
    return [
        (encoder, name)
        for part in parts
        for encoder, sets in _SETS_OF.items()
        for name in part
        if name in sets
    ]


def pairs() -> list[Pair]:
    """Return all pairs of the panel."""
    unkept = [(encoder, name) for encoder, sets in _UNKEPT.items() for name in sets]
    return [
        Pair(encoder, name, pooling)
        for encoder, name in [*encoding_order(), *unkept]
        for pooling in (POOLINGS if encoder in LANGUAGE_MODELS else (None,))
    ]


def pair_tasks(sets: Container[str] = SETS) -> list[dict[str, Any]]:
    """Return the tasks of an experiment that measures every pair of `sets`."""
    return [asdict(pair) for pair in pairs() if pair.set in sets]


def search_tasks(sets: Container[str]) -> list[dict[str, Any]]:
    """Return those of `pair_tasks` that count: language models are pooled by their mean."""
    return [task for task in pair_tasks(sets) if task["pooling"] in (None, "mean")]


def load_pair_encoder(pair: Pair) -> Encoder:
    """Return the encoder of a pair; batches are small, since attention and states take memory."""
    return load_encoder(pair.encoder, pooling=pair.pooling, batch_size=16)


def sides(encoder: Encoder, name: str) -> Iterator[tuple[Encoder, tuple[str, ...]]]:
    """Give what encodes the documents of the set `name` with them, then the queries if any.
    Texts of one kind, on both sides or alone, get the prompt of queries.
    """
    texts = load_set(name)
    alike = name in ALONE or name in SYMMETRIC
    yield (encoder if alike else encoder.document_side), texts.documents
    if texts.queries:
        yield encoder, texts.queries


def load_vectors(pair: Pair) -> Vectors:
    """Return the vectors of a pair, from the cache where they are there."""
    found = [side.encode(texts) for side, texts in sides(load_pair_encoder(pair), pair.set)]
    return Vectors(found[0], found[1] if len(found) > 1 else None)


@dataclass(frozen=True, eq=False)
class Sample:
    """Some queries of a pair that have a relevant document, against all documents."""

    rows: NDArray[np.int64]  #: the queries, places in the set
    grades: sparse.csr_array  #: (n_queries, n_docs)
    documents: NDArray[np.float64]  #: (n_docs, dim), unit rows
    queries: NDArray[np.float64]  #: (n_queries, dim), unit rows


def load_sample(pair: Pair, n_queries: int, seed: int = 0) -> Sample:
    """Return a pair with `n_queries` seeded queries at most."""
    qrels, vectors = load_set(pair.set).qrels, load_vectors(pair)
    answered = np.flatnonzero((qrels > 0).sum(axis=1) > 0)
    rows = answered[seeded_order(len(answered), seed)[:n_queries]]
    return Sample(
        rows,
        sparse.csr_array(qrels[rows]),
        unit_rows(vectors.documents),
        unit_rows(vectors.queries[rows]),
    )
