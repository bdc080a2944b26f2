"""The panel's learned sparse encoder: search on the English judged sets."""

from __future__ import annotations

from typing import Any

from paper_utils.encoders.sparse import load_sparse_encoder
from paper_utils.panel.search import has_shallow_pools, only_judged, search_values, summarised
from paper_utils.panel.sets import JUDGED, load_set, set_checksums
from paper_utils.results import RANKS, experiment

ENCODER = "splade-tiny"
_SETS = [name for name, spoken in JUDGED.items() if spoken == ("en",) and name != "homedepot"]


@experiment(
    "panel-sparse",
    "Search by learned sparse weights, SPLADE of BERT-tiny, on the English judged sets",
    tasks=lambda: [{"set": name} for name in _SETS],
    data=lambda: {file: sum for name in _SETS for file, sum in set_checksums(name).items()},
    tolerance=RANKS,
)
def sparse_search(set: str) -> dict[str, Any]:
    """Measure one set, with intervals over its queries; `weights` is their mean number in a text.
    `condensed` is nDCG at 10 among what was judged, where some was judged not to be relevant.
    """
    encoder, texts = load_sparse_encoder(ENCODER), load_set(set)
    documents, queries = encoder.encode(texts.documents), encoder.encode(texts.queries)

    def score(rows: slice):
        return (queries[rows] @ documents.T).toarray()

    values = search_values(score, texts.qrels)
    if has_shallow_pools(texts.qrels):
        values["condensed"] = search_values(only_judged(score, texts.qrels), texts.qrels)["ndcg_10"]
    weights = {"documents": documents, "queries": queries}
    return summarised(values) | {
        "weights": {side: matrix.nnz / matrix.shape[0] for side, matrix in weights.items()}
    }
