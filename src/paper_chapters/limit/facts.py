"""What LIMIT's data are: sizes, lengths, the graphs of the judgements, what two releases share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from paper_chapters.limit.query_graph import (
    document_degrees,
    largest_clique,
    qrel_density,
    query_density,
    query_strength,
)
from paper_utils.encoders import load_encoder
from paper_utils.limit.collection import check_source, named_collection
from paper_utils.limit.data import LimitData, load_limit, released_checksums
from paper_utils.limit.replica import released_attributes
from paper_utils.results import SEEDED, experiment

SOURCES = ("generated", "limit-small", "limit")


def graph_facts(qrels: sparse.csr_array, n_docs: int) -> dict[str, Any]:
    """Return sizes, degrees, densities, strength and largest clique of judgements.
    `degrees` maps a number of queries to how many documents are relevant to so many; `density_all`
    is the density over all `n_docs` documents of the collection.
    """
    degrees = document_degrees(qrels)
    active = int(np.count_nonzero(degrees))
    density = qrel_density(qrels)
    counts = np.unique(degrees[degrees > 0], return_counts=True)
    return {
        "queries": qrels.shape[0],
        "active": active,
        "degrees": {str(d): int(n) for d, n in zip(*counts, strict=True)},
        "pairs": round(density * active * (active - 1) / 2),
        "density": density,
        "density_all": density * active * (active - 1) / (n_docs * (n_docs - 1)),
        "query_density": query_density(qrels),
        "query_strength": query_strength(qrels),
        "clique": len(largest_clique(qrels)),
    }


def text_facts(data: LimitData) -> dict[str, Any]:
    """Return [least, median, most] of the documents' attributes, characters, words, tokens."""
    tokenizer = load_encoder("minilm").model.tokenizer
    tokens = [len(ids) for ids in tokenizer(list(data.documents))["input_ids"]]
    return {
        "attributes": _spread([len(row) for row in data.doc_attributes]),
        "characters": _spread([len(text) for text in data.documents]),
        "words": _spread([len(text.split()) for text in data.documents]),
        "tokens": _spread(tokens),
    }


def _spread(values: Sequence[int]) -> list[float]:
    return [float(min(values)), float(np.median(values)), float(max(values))]


@experiment(
    "limit-facts",
    "LIMIT and LIMIT-small: sizes, lengths, density and strength of the judgements, overlap",
    tasks=lambda: [{"source": source} for source in SOURCES],
    data=released_checksums,
    tolerance=SEEDED,
)
def limit_facts(source: str) -> dict[str, Any]:
    """Return :func:`graph_facts` and :func:`text_facts` of one collection. Of 'limit', with the
    documents of the replica, also the size of its attribute list, how many of its query attributes
    are in it, and how many queries, names and relevant sets LIMIT-small shares.
    """
    check_source(source, SOURCES)
    # The 46 relevant documents of the replica have LIMIT's own queries and judgements.
    data = named_collection("replica" if source == "limit" else source, 46)
    found = graph_facts(data.qrels, 50_000 if source == "limit" else len(data.documents))
    found |= text_facts(data)
    if source == "limit":
        listed, small = released_attributes(), load_limit()
        named = {data.attributes[a] for a in data.query_attributes}
        found["vocabulary"] = len(listed)
        found["asked_in_vocabulary"] = len(named & set(listed))
        pairs = zip(data.queries, small.queries, strict=True)
        found["same_query_same_place"] = sum(a == b for a, b in pairs)
        found["same_query"] = len(set(data.queries) & set(small.queries))
        found["same_people"] = len(set(data.doc_ids) & set(small.doc_ids))
        sets = [
            [tuple(qrels.indices[qrels.indptr[i] : qrels.indptr[i + 1]]) for i in range(1000)]
            for qrels in (data.qrels, small.qrels)
        ]
        found["same_pattern"] = sum(a == b for a, b in zip(*sets, strict=True))
    return found
