"""The panel's learned sparse encoder: search on the English judged sets."""

from __future__ import annotations

from typing import Any

from paper_utils.encoders.sparse import load_sparse_encoder
from paper_utils.panel.search import search_values, summarised
from paper_utils.panel.sets import JUDGED, SEARCHED, load_set, set_checksums
from paper_utils.results import RANKS, experiment

ENCODER = "splade-tiny"
_SETS = [name for name in SEARCHED if JUDGED[name] == ("en",)]


@experiment(
    "panel-sparse",
    "Search by learned sparse weights, SPLADE of BERT-tiny, on the English judged sets",
    tasks=lambda: [{"set": name} for name in _SETS],
    data=lambda: set_checksums(*_SETS),
    tolerance=RANKS,
)
def sparse_search(set: str) -> dict[str, Any]:
    """Measure one set, with intervals over queries; `weights` is their mean number in a text."""
    encoder, texts = load_sparse_encoder(ENCODER), load_set(set)
    documents, queries = encoder.encode(texts.documents), encoder.encode(texts.queries)

    def score(rows: slice):
        return (queries[rows] @ documents.T).toarray()

    weights = {"documents": documents, "queries": queries}
    return summarised(search_values(score, texts.qrels)) | {
        "weights": {side: matrix.nnz / matrix.shape[0] for side, matrix in weights.items()}
    }
