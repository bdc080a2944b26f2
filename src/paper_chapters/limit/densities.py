"""Density and strength, as LIMIT prints them, of the judgements of other benchmarks."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from paper_chapters.limit.query_graph import query_density, query_strength
from paper_utils.data.sources import data_folders
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.limit.generate import generate_limit
from paper_utils.results import SEEDED, experiment

FOLDER = "judged/qrels"  #: under PAPER_DATA

#: Set -> sha256 of its judgements. They are those of castorini/anserini-tools, commit 5b819c1,
#: cut to query, document and score: BEIR, TREC Core 2017, MIRACL, Mr. TyDi, NeuCLIR, HC4, BRIGHT.
QRELS = {
    "arguana": "d0a482684b50047dcc8aeec10b63f3ff1e273843c310cf24c9c6a0eb0aa3282e",
    "bright-aops": "dca2762f2ef9e0d63840d0e3adc03aab379e476eee210b37fc7cb522b335bca1",
    "bright-biology": "f7f4f24caf48986f4eaf3bb97a11ffdfb19b3d1c748cddb62f6b01f735e202b6",
    "bright-economics": "e7d10846e4935aed5b75f977874ff360cca66e1911c1b0783603ad84fd7aa6a4",
    "bright-leetcode": "8ee2cc53407421e95d3349ce98c6a5a40a5980954d1576eec7890fd0c0c66444",
    "bright-pony": "2c0fd04a153ebf176a2d2aa0ac7eedbf3b81723e6548c87f4c663788dcc62ae8",
    "bright-theoremqa-theorems": "bf4ee0d14fe3692b684e43a19312bd9c6e3b95330930636a7ee37922acbd8136",
    "core17": "25aa9169bc9f6b6fc986a97e53f969541ef57708855c72e3cae2d8edeb9720c8",
    "fiqa": "17f0ea9f739a6c8667959365e6445833828f1d16b8607f0e8a8a54778dc5e124",
    "hc4-ru-test": "f4d8f5a6e1ea4a67411fbb338ef8c7542e4d681554b8616afba755db0191b4fe",
    "hotpotqa": "969b0b9ad09c8d3ea420960465835a876ab10d28d6401786e178f66ff1e9a307",
    "miracl-ru-dev": "4cce88346c212851d5d3a98ec93b43faff75a21fb5d15ff16ad3da45b5a839cf",
    "mrtydi-ru-test": "0b1e63ab0af8ada0c8ac3960f50b4107611ebad13cef59797da9543ccae532ef",
    "neuclir22-ru": "14a0115a5a97e6e56ed73c2ef766eebe6ac013cf554f3044ed1054cc197eb1d8",
    "nfcorpus": "4645a98f3fef19fd0b44aeeb5756b6a0afbfd766c927915b7b7c23b7881353af",
    "nq": "49bec4863472fe74ee1f79c09511650013ee6a69a4d13be47e948cd99c890d3b",
    "quora": "6892bab52e1ab96626bfe24d1acec1b24f834c5537da1401a985d9a863a21011",
    "scidocs": "5d102d14ead29adfd34fc00f259c0d31fa57f7fe2fd345e869dd4e8df16664c9",
    "scifact": "dab23db612aaa7133fc2676d2fc1afd12eb1fa073a0c1afe303d3578cf0b3959",
    "touche2020": "e4d57553678e4c8f6137324947f34aff53dcc58f85832c2dc9556d695a797047",
    "trec-covid": "ba0a18d6e2228968c633e0633df99c48babd032d5622d00b76723b053f41d45a",
}


@experiment(
    "limit-densities",
    "Density and strength of the query graph of benchmarks other than LIMIT, by LIMIT's definition",
    tasks=lambda: [{"source": source} for source in ("generated", *QRELS)],
    data=lambda: {f"{FOLDER}/{name}.tsv.gz": f"sha256:{digest}" for name, digest in QRELS.items()},
    tolerance=SEEDED,
)
def densities(source: str) -> dict[str, Any]:
    """Describe the graph of queries of one set, or of the generated pattern of LIMIT.

    `queries` with a relevant document, `edges` between two that share one, `density`, `strength`.
    """
    qrels = generate_limit(46, n_queries=1000).qrels if source == "generated" else judged(source)
    n, density = qrels.shape[0], query_density(qrels)
    return {
        "queries": n,
        "edges": round(density * n * (n - 1) / 2),
        "density": density,
        "strength": query_strength(qrels),
    }


def judged(name: str) -> sparse.csr_array:
    """Return what is relevant, bool (n_queries, n_docs): scores above 0, no query without one."""
    if name not in QRELS:
        raise UsageError(f"no judgements {name!r}: {did_you_mean(name, QRELS)}")
    places = [folder / FOLDER / f"{name}.tsv.gz" for folder in data_folders()]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise UsageError(
            f"{FOLDER}/{name}.tsv.gz is not here; set PAPER_DATA to the folder that has it"
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != QRELS[name]:
        raise UsageError(f"{path} is not the file that was measured: its sha256 differs")
    table = pd.read_csv(io.BytesIO(content), sep="\t", compression="gzip", dtype={0: str, 1: str})
    table = table[table["score"] > 0]
    rows, queries = pd.factorize(table["query-id"])
    columns, documents = pd.factorize(table["corpus-id"])
    entries = (np.ones(len(table), dtype=bool), (rows, columns))
    return sparse.csr_array(entries, shape=(len(queries), len(documents)))
