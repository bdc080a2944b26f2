"""Scores of documents under every remedy that is tried on the panel; no judgement enters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from scipy.stats import rankdata

from paper_utils.checks import unit_rows
from paper_utils.geometry.cosine import centre
from paper_utils.geometry.hub_reduction import mutual_proximity
from paper_utils.geometry.hubness import occurrences_in_lists
from paper_utils.geometry.query_bank import K, csls
from paper_utils.search.topk import select_top_k, top_k

TOP = (1, 2, 3)  #: principal components that are taken out, beside a hundredth of all
POWERS = (0.1, 0.25, 0.5, 1.0)  #: of the covariance, negative: 0 is centring, 0.5 whitening
#: Temperatures that are tried, in standard deviations of the cosines of the bank.
TEMPERATURES = (0.125, 0.25, 0.5, 1.0, 2.0)
ROUNDS = 10  #: of Sinkhorn's iteration, as in the code of its authors
RRF = 60  #: of reciprocal rank fusion, from the paper that proposed it

DOCUMENT_SIDE = (
    "centring",
    *(f"all but the top {m}" for m in TOP),
    "all but the top d/100",
    *(f"whitening {p:g}" for p in POWERS),
    "mutual proximity",
    "CSLS of documents",
)
QUERY_SIDE = ("own means", "CSLS", "inverted softmax", "QB-Norm", "Sinkhorn")


def document_side(U: NDArray, V: NDArray) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Give (n_queries, n_docs) scores of unit rows under each of `DOCUMENT_SIDE`.
    Mean, components and covariance (shrunk by Ledoit and Wolf, as `whiten`) are of the documents.
    """
    from sklearn.covariance import ledoit_wolf

    mean = U.mean(axis=0)
    A, B = centre(U, mean), centre(V, mean)
    yield "centring", B @ A.T
    values, axes = np.linalg.eigh(ledoit_wolf(U - mean, assume_centered=True)[0])
    values = np.maximum(values, values[-1] * 1e-12)
    d = U.shape[1]
    for name, m in [*((str(m), m) for m in TOP), ("d/100", max(1, round(d / 100)))]:
        top = axes[:, -m:]
        scores = unit_rows(B - B @ top @ top.T) @ unit_rows(A - A @ top @ top.T).T
        yield f"all but the top {name}", scores
    for p in POWERS:
        scale = values**-p
        yield f"whitening {p:g}", unit_rows(B @ axes * scale) @ unit_rows(A @ axes * scale).T
    yield "mutual proximity", mutual_proximity(U, V)
    among = top_k(U, U, min(K, len(U) - 1), metric="cosine", exclude_self=True)[1]
    yield "CSLS of documents", 2 * (V @ U.T) - among.mean(axis=1)


def query_side(
    U: NDArray, mine: NDArray, bank: NDArray
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Give scores (n_mine, n_docs) of unit rows under each of `QUERY_SIDE`.
    `bank`: other queries, from which alone means, corrections and temperatures come.
    """
    cosines, others = mine @ U.T, bank @ U.T
    yield "own means", centre(mine, bank.mean(axis=0)) @ centre(U).T
    yield "CSLS", csls(cosines, others)
    tau = temperature(others, log_sums)
    inverted = cosines - log_sums(others, tau)
    yield "inverted softmax", inverted
    found = np.isin(cosines.argmax(axis=1), others.argmax(axis=1))
    yield "QB-Norm", np.where(found[:, None], inverted, cosines)
    yield "Sinkhorn", cosines - sinkhorn(others, temperature(others, sinkhorn))


def log_sums(bank: NDArray, tau: float) -> NDArray[np.float64]:
    """Popularity by the inverted softmax: tau times the log of the sum of exp(cosine / tau)."""
    return tau * logsumexp(bank / tau, axis=0)


def sinkhorn(bank: NDArray, tau: float) -> NDArray[np.float64]:
    """Popularity by Sinkhorn's iteration: scaled by it, all documents get equal sums over the bank,
    and all queries over the documents.
    """
    kernel = np.exp((bank - bank.max()) / tau)
    documents = np.ones(bank.shape[1])
    for _ in range(ROUNDS):
        queries = 1 / (kernel @ documents)
        documents = 1 / (queries @ kernel)
    return -tau * np.log(documents)


def temperature(bank: NDArray, popularity: Callable[[NDArray, float], NDArray]) -> float:
    """Return the temperature of `TEMPERATURES` with the most even results on the bank itself:
    popularity from one half of it, the Robin Hood index of the lists of the other.
    """
    mine, others = bank[::2], bank[1::2]
    k = min(K, bank.shape[1])

    def unevenness(tau: float) -> float:
        lists = select_top_k(mine - popularity(others, tau), k)[0]
        return occurrences_in_lists(lists, bank.shape[1]).robin_hood

    # house rule: a scale of these very cosines, not an estimate from a sample
    return min((factor * bank.std() for factor in TEMPERATURES), key=unevenness)


def fused(*scores: ArrayLike) -> NDArray[np.float64]:
    """Return reciprocal rank fusion of several scores; ties share their mean rank."""
    return sum(1 / (RRF + rankdata(-np.asarray(part), axis=1)) for part in scores)
