"""The sets of the panel: judged ones, and collections of titles and sentences alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.data.catalogue import catalogue_checksums, load_catalogue
from paper_utils.data.judged import judged_checksums, load_judged, load_sentences
from paper_utils.limit.data import load_limit, released_checksums

JUDGED = {  #: judged sets, and the languages of their texts, that of the documents first
    "xquad-r-en": ("en",),
    "xquad-r-ru": ("ru",),
    "xquad-en": ("en",),
    "xquad-ru": ("ru",),
    "danetqa-ru": ("ru",),
    "scifact": ("en",),
    "nfcorpus": ("en",),
    "cranfield": ("en",),
    "crowdflower": ("en",),
    "homedepot": ("en",),
    "homedepot-5k": ("en",),
    "ntrex-ru-en": ("ru", "en"),
    "limit-small": ("en",),
}
ALONE = {  #: texts that nobody judged
    "tools-503": ("ru",),
    "general-ru-503": ("ru",),
    "general-en-503": ("en",),
    "uhtt-5000": ("ru", "en"),
    "ud-ru-gsd": ("ru",),
    "ud-ru-taiga": ("ru",),
    "sts-ru": ("ru",),
}
SETS = JUDGED | ALONE
SEARCHED = tuple(name for name in JUDGED if name != "homedepot")  #: homedepot-5k is a part of it
SYMMETRIC = ("ntrex-ru-en",)  #: both sides are of one kind, so that both get the prompt of queries

N_TOOLS = 503  # drills and screwdrivers; the sentences beside them are as many
_QUERIES, _DOCUMENTS = 700, 5_000  # of homedepot-5k


def seeded_order(n: int, seed: int = 0) -> NDArray[np.int64]:
    """Return a seeded order of n things; nothing but uniform numbers is asked of NumPy."""
    return np.argsort(np.random.Generator(np.random.PCG64(seed)).random(n), kind="stable")


@dataclass(frozen=True, eq=False)
class PanelSet:
    """The texts of a set, and its grades (n_queries, n_docs) where it is judged."""

    name: str
    documents: tuple[str, ...]
    queries: tuple[str, ...] = ()
    qrels: sparse.csr_array | None = None


@cache
def load_set(name: str) -> PanelSet:
    """Return the set `name` of `SETS`."""
    if name == "limit-small":
        limit = load_limit(name)
        return PanelSet(name, limit.documents, limit.queries, limit.qrels.astype(np.float64))
    if name == "homedepot-5k":
        return _part_of_homedepot()
    if name in JUDGED:
        judged = load_judged(name)
        return PanelSet(name, judged.documents, judged.queries, judged.qrels)
    return PanelSet(name, tuple(_texts_alone(name)))


def set_checksums(*names: str) -> dict[str, str]:
    """Return the checksums of the data that the sets `names` are made of."""
    return {file: digest for name in names for file, digest in _checksums(name).items()}


def _checksums(name: str) -> dict[str, str]:
    if name == "limit-small":
        return released_checksums(name)
    if name in ("tools-503", "uhtt-5000"):
        return catalogue_checksums(_CATALOGUES[name])
    return judged_checksums(_DRAWN_FROM.get(name, name))


_CATALOGUES = {"tools-503": "uhtt-drills", "uhtt-5000": "uhtt-tools"}
_DRAWN_FROM = {
    "homedepot-5k": "homedepot",
    "general-ru-503": "ud-ru-gsd",
    "general-en-503": "ntrex-ru-en",
}


def _texts_alone(name: str) -> Sequence[str]:
    if name in _CATALOGUES:
        n_items = None if name == "tools-503" else 5_000
        return load_catalogue(_CATALOGUES[name], language="all", n_items=n_items).titles
    if name == "general-ru-503":
        return _drawn(load_sentences("ud-ru-gsd"), N_TOOLS)
    if name == "general-en-503":
        return _drawn(load_judged("ntrex-ru-en").queries, N_TOOLS)
    return load_sentences(name)


def _drawn(texts: Sequence[str], n: int) -> list[str]:
    return [texts[i] for i in np.sort(seeded_order(len(texts))[:n])]


def _part_of_homedepot() -> PanelSet:
    """Return 700 seeded queries with a relevant title, all titles judged for them, and others."""
    whole = load_judged("homedepot")
    answered = np.flatnonzero((whole.qrels > 0).sum(axis=1) > 0)
    rows = np.sort(answered[seeded_order(len(answered))[:_QUERIES]])
    judged = np.unique(whole.qrels[rows].indices)
    others = np.setdiff1d(seeded_order(len(whole.documents)), judged, assume_unique=True)
    columns = np.sort(np.concatenate([judged, others[: max(0, _DOCUMENTS - len(judged))]]))
    return PanelSet(
        "homedepot-5k",
        tuple(whole.documents[i] for i in columns),
        tuple(whole.queries[i] for i in rows),
        sparse.csr_array(whole.qrels[rows][:, columns]),
    )
