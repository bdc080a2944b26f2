"""BM25 with and without a stemmer beside NUMEN, query by query."""

from __future__ import annotations

from typing import Any

import numpy as np
from bm25s.stopwords import STOPWORDS_EN
from numpy.typing import NDArray
from scipy import stats

from paper_chapters.numen.table import recalls
from paper_utils.limit.collection import named_collection
from paper_utils.limit.data import LimitData, released_checksums
from paper_utils.results import RANKS, experiment
from paper_utils.search.bm25 import BM25
from paper_utils.search.hashing import HashedNgrams
from paper_utils.search.metrics import recall_at_k, summary
from paper_utils.search.ranks import ranks_in_blocks
from paper_utils.search.tokenizer import WordTokenizer
from paper_utils.statistics import bootstrap_interval

CUTOFFS = (2, 10, 100)

PAIRS = {  #: pairs that are compared, by the difference that is taken
    "without the stemmer - with it": ("BM25", "BM25, stemmed"),
    "NUMEN - BM25, stemmed": ("NUMEN", "BM25, stemmed"),
    "NUMEN - BM25": ("NUMEN", "BM25"),
}


@experiment(
    "numen-bm25",
    "BM25 with and without a stemmer beside NUMEN, on the same queries",
    tasks=lambda: [
        *({"source": "replica", "seed": seed} for seed in range(2)),
        {"source": "generated", "seed": 0, "n_docs": 1000},
    ],
    data=released_checksums,
    tolerance=RANKS,
)
def beside_bm25(
    source: str, seed: int, n_docs: int = 50_000, language: str = "en", d: int = 32_768
) -> dict[str, Any]:
    """Compare two kinds of BM25 and NUMEN query by query; both drop Lucene's 33 English stop words.
    `recall`: system -> cut-off -> [mean, low, high]. `paired`: pair -> at cut-off 100 the mean
    `difference` with its 95% interval, the numbers of queries where the first is `better` and
    `worse`, and the p-value of an exact sign test.
    """
    data = named_collection(source, n_docs, seed=seed, language=language)
    values = {"NUMEN": recalls(HashedNgrams(d).fit(data.documents), data, CUTOFFS)}
    for name, stemmer in (("BM25", None), ("BM25, stemmed", "english")):
        values[name] = _bm25(data, stemmer)
    paired = {
        name: _paired(values[first][100], values[second][100])
        for name, (first, second) in PAIRS.items()
    }
    return {"recall": {name: summary(row) for name, row in values.items()}, "paired": paired}


def _bm25(data: LimitData, stemmer: str | None) -> dict[int, NDArray[np.float64]]:
    tokenizer = WordTokenizer(stemmer=stemmer, stop_words=STOPWORDS_EN)
    index = BM25(tokenizer=tokenizer).fit(data.documents)
    # Many documents tie (equal lengths, no word of the query): ranks from all scores.
    ranks = ranks_in_blocks(lambda rows: index.scores(data.queries[rows]), data.qrels)
    return {k: recall_at_k(ranks, k) for k in CUTOFFS}


def _paired(first: NDArray, second: NDArray) -> dict[str, Any]:
    difference = first - second
    better, worse = int((difference > 0).sum()), int((difference < 0).sum())
    p = stats.binomtest(better, better + worse).pvalue if better + worse else 1.0
    interval = bootstrap_interval(difference)[:3]
    return {"difference": list(interval), "better": better, "worse": worse, "p": float(p)}
