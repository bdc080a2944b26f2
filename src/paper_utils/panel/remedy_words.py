"""What remedies and symptoms of the panel are called on the page, and what a remedy costs."""

from __future__ import annotations

REMEDIES = {  #: in the order of the figure, and their names there
    "centring": "centring",
    "all but the top 1": "first component out",
    "all but the top d/100": "d/100 components out",
    "whitening 0.1": "whitening, p = 0.1",
    "whitening 0.25": "whitening, p = 0.25",
    "whitening 0.5": "whitening, p = 0.5",
    "mutual proximity": "mutual proximity",
    "CSLS of documents": "CSLS by documents",
    "own means": "queries' own mean",
    "CSLS": "CSLS",
    "inverted softmax": "inverted softmax",
    "QB-Norm": "QB-Norm",
    "Sinkhorn": "Sinkhorn",
    "CSLS, random bank": "CSLS, random bank",
    "CSLS, foreign bank": "CSLS, foreign bank",
    "BM25 fused": "BM25 added (RRF)",
}
SHOWN = (  #: where a table is to be short
    "centring",
    "all but the top 1",
    "whitening 0.25",
    "whitening 0.5",
    "mutual proximity",
    "own means",
    "CSLS",
    "Sinkhorn",
    "BM25 fused",
)
CONTROLS = ("CSLS, random bank", "CSLS, foreign bank")  #: in which its gain must vanish
COSTS = {  #: what is kept beside the vectors, by the first word of a remedy
    "centring": "a vector",
    "all": "a vector for each",
    "whitening": "a matrix",
    "mutual": "two numbers a document",
    "own": "two vectors",
    "CSLS": "a number a document",
    "inverted": "a number a document",
    "QB-Norm": "a number a document, a list",
    "Sinkhorn": "a number a document",
    "BM25": "a word index",
}
SYMPTOMS = {
    "unknown_language": "a language is unknown to the encoder",
    "bm25_lead": "BM25 less vectors, nDCG@10",
    "mean_cosine": "mean cosine of documents",
    "means_cosine": "cosine of the two means",
    "dimension_share": "share of dimensions used",
    "skewness": "skewness among documents",
    "results_skewness": "skewness of results",
}


def cost(remedy: str) -> str:
    """Return what a remedy keeps beside the vectors.

    >>> cost("whitening 0.5")
    'a matrix'
    """
    return next(text for start, text in COSTS.items() if remedy.startswith(start))
