"""One network, pooled in several ways from one pass over the texts, on judged sets of the panel.

Fixed before the first result: the pairs, the poolings of each, nDCG@10 raw and centred, and the
difference from the mean query by query. 'layer' is the mean after half of the layers.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.encoders import cache, load_encoder
from paper_utils.encoders.base import Encoder
from paper_utils.encoders.panel import GGUF, checked_file
from paper_utils.encoders.poolings import keep_poolings
from paper_utils.encoders.sentence import minilm_folder
from paper_utils.encoders.transformer import TransformerCheckpoint
from paper_utils.geometry.cosine import cosine_moments
from paper_utils.panel.search import cosine_scores, search_values
from paper_utils.panel.sets import load_set, set_checksums
from paper_utils.results import Tolerance, experiment
from paper_utils.statistics import shared_interval

CENTRINGS = ("none", "own means")
PAIRS = (  #: encoders of sentences, language models, a control
    ("minilm", "xquad-r-en"),
    ("minilm", "limit-small"),
    ("me5-small", "xquad-r-en"),
    ("me5-small", "xquad-r-ru"),
    ("me5-small", "limit-small"),
    ("mpnet", "xquad-r-en"),
    ("mpnet", "limit-small"),
    ("smollm2-135m", "xquad-r-en"),
    ("smollm2-135m", "limit-small"),
    ("qwen2.5-coder-0.5b", "xquad-r-en"),
    ("qwen2.5-coder-0.5b", "limit-small"),
    ("untrained:me5-small", "xquad-r-en"),
)


def poolings_of(encoder: str) -> tuple[str, ...]:
    """Return the poolings of a network; the first token of a causal one has read nothing."""
    return ("mean", "last", "layer") if encoder in GGUF else ("mean", "cls", "last", "layer")


def pooled_encoders(name: str) -> list[TransformerCheckpoint]:
    """Return the network of an encoder with each of its poolings, its own pooling passed over."""
    if name not in ("minilm", "mpnet"):
        return [load_encoder(name, pooling=how, batch_size=16) for how in poolings_of(name)]
    folder = minilm_folder() if name == "minilm" else checked_file(name).parent
    found = [
        TransformerCheckpoint(name, folder, pooling=how, batch_size=16) for how in poolings_of(name)
    ]
    cache.note_weights(name, found[0].recipe())
    return found


def _vectors(encoders: list[Encoder], texts: tuple[str, ...]) -> list[NDArray[np.float32]]:
    keep_poolings(encoders, texts, progress=sys.stderr.isatty())
    return [encoder.encode(texts) for encoder in encoders]


def interval(values: NDArray, members: sparse.csr_array) -> list[float]:
    """Return mean, low and high, to five decimals, for queries that share documents."""
    return [round(float(value), 5) for value in shared_interval(values, members)[:3]]


def compared(
    sides: dict[str, tuple[NDArray, NDArray]], qrels: sparse.csr_array
) -> dict[str, dict[str, Any]]:
    """Return of each pooling's (documents, queries) nDCG@10 by centring, as [mean, low, high], the
    `gain` of each over the mean of tokens, and the mean cosine of two documents.
    """
    members, rows, first = qrels > 0, {}, {}
    for how, (documents, queries) in sides.items():
        scores = cosine_scores(documents, queries)
        row: dict[str, Any] = {"mean_cosine": round(cosine_moments(documents).mean, 5)}
        for centring in CENTRINGS:
            values = search_values(scores[centring], qrels)["ndcg_10"]
            first.setdefault(centring, values)
            row[centring] = interval(values, members)
            row[f"gain, {centring}"] = interval(values - first[centring], members)
        rows[how] = row
    return rows


def _data() -> dict[str, str]:
    names = dict.fromkeys(name for _, name in PAIRS)
    return {file: digest for name in names for file, digest in set_checksums(name).items()}


@experiment(
    "panel-poolings",
    "Mean, first, last token and middle layer of five networks, raw and centred, on judged sets",
    tasks=lambda: [{"encoder": encoder, "set": name} for encoder, name in PAIRS],
    data=_data,
    tolerance=Tolerance(
        rel=0.03, abs=0.005, why="Single precision in the encoders: near ties change places."
    ),
    kinds=("encoder",),
)
def poolings_of_pair(encoder: str, set: str) -> dict[str, Any]:
    """Measure one network on one set; every query of these sets has a relevant document."""
    texts, encoders = load_set(set), pooled_encoders(encoder)
    queries = _vectors(encoders, texts.queries)
    documents = _vectors([one.document_side for one in encoders], texts.documents)
    how = [one.pooling for one in encoders]
    sides = dict(zip(how, zip(documents, queries, strict=True), strict=True))
    return {"n_docs": len(texts.documents), "rows": compared(sides, texts.qrels)}
