"""Sums of random token vectors on LIMIT: simulations beside the law and the published grid."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from tqdm import tqdm

from paper_utils.codes.additive_simulation import additive_code_ranks, token_counts, words
from paper_utils.errors import UsageError
from paper_utils.limit.data import LimitData, load_limit
from paper_utils.limit.replica import limit_replica, released_attributes
from paper_utils.limit.sentences import FUNCTION_WORDS
from paper_utils.results import RANKS, experiment
from paper_utils.search.metrics import recall_at_k

CUTOFFS = {46: (2, 10, 20), 50_000: (2, 10, 100)}
SIMULATED = {46: (16, 32, 64, 128, 256, 512, 1024), 50_000: (64, 128, 256, 512, 1024, 2048)}
SEEDS = {46: 40, 50_000: 5}
GRID = (32, 64, 128, 256, 512, 1024, 2048, 4096)  # the dimensions of the published grid
GRID_SEEDS = {"limit-small": 5, "limit": 1}

_SPLIT = (  # as Qwen publishes it with its byte-pair ranks
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def mean_recalls(
    query_counts: sparse.csr_array,
    doc_counts: sparse.csr_array,
    qrels: sparse.csr_array,
    d: int,
    cutoffs: Sequence[int],
    *,
    seed: int,
    cosine: bool = False,
) -> list[float]:
    """Return the recall at each cut-off of one draw of random token vectors."""
    ranks = additive_code_ranks(query_counts, doc_counts, qrels, d, seed=seed, cosine=cosine)
    return [float(recall_at_k(ranks, k).mean()) for k in cutoffs]


class Layout(NamedTuple):
    """A collection without names or texts: attributes of queries and documents, and relevance."""

    queries: list[list[int]]
    documents: NDArray[np.int64]  # attributes of each, shape (n_docs, length)
    qrels: sparse.csr_array


def limit_layout(
    n_docs: int = 50_000,
    *,
    length: int = 45,
    n_active: int = 46,
    n_queries: int = 1000,
    spare: int = 850,
    seed: int = 0,
) -> Layout:
    """Draw a collection of LIMIT's design: pairs of active documents, and distractors.
    Query i names attribute i, which two of the `n_active` documents hold, a new pair for each. They
    are filled up to `length` from `spare` attributes that no query names; the other documents draw
    all of theirs from these.
    """
    pairs = np.array([(i, j) for i in range(n_active) for j in range(i)])
    if n_queries > len(pairs) or n_active > n_docs or length > spare:
        raise UsageError(
            f"n_queries = {n_queries}, n_active = {n_active}, n_docs = {n_docs}, length = {length} "
            f"and spare = {spare} do not fit: at most {len(pairs)} pairs, at least n_active "
            "documents, at least `length` spare attributes"
        )
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(pairs)[:n_queries]
    held: list[list[int]] = [[] for _ in range(n_active)]
    for query, pair in enumerate(pairs):
        for document in pair:
            held[document].append(query)
    if max(map(len, held)) > length:
        raise UsageError(f"length = {length}: a document would hold {max(map(len, held))} queries")
    documents = np.empty((n_docs, length), dtype=np.int64)
    for i in range(n_docs):
        own = held[i] if i < n_active else []
        documents[i, : len(own)] = own
        documents[i, len(own) :] = n_queries + rng.choice(spare, length - len(own), replace=False)
    rows = np.repeat(np.arange(n_queries), 2)
    shape = (n_queries, n_docs)
    found = (np.ones(len(rows), dtype=bool), (rows, pairs.ravel()))
    return Layout([[i] for i in range(n_queries)], documents, sparse.csr_array(found, shape=shape))


def _simulation_tasks() -> list[dict[str, Any]]:
    return [
        {"n_docs": n_docs, "d": d, "cosine": cosine}
        for n_docs, dims in SIMULATED.items()
        for cosine in ((False, True) if n_docs == 46 else (False,))
        for d in dims
    ]


@experiment(
    "additive-simulation",
    "Recall of sums of random attribute vectors on collections of LIMIT's design",
    tasks=_simulation_tasks,
    tolerance=RANKS,
)
def simulated_recall(n_docs: int, d: int, cosine: bool = False) -> dict[str, Any]:
    """Simulate additive codes on collections of LIMIT's two sizes, `n_docs` 46 or 50,000.
    `cosine` divides scores by the length of the document's sum. Returns `recall`: cut-off -> one
    value a seed, which draws both collection and vectors.
    """
    if n_docs not in CUTOFFS:
        raise UsageError(f"n_docs = {n_docs} must be one of {list(CUTOFFS)}")
    rows = []
    for seed in range(SEEDS[n_docs]):
        layout = limit_layout(n_docs, seed=seed)
        counts = token_counts(layout.queries, layout.documents.tolist())
        cutoffs = CUTOFFS[n_docs]
        rows.append(mean_recalls(*counts, layout.qrels, d, cutoffs, seed=seed, cosine=cosine))
    columns = zip(*rows, strict=True)
    return {"recall": {str(k): list(c) for k, c in zip(CUTOFFS[n_docs], columns, strict=True)}}


# --------------------------------------------------------------------- three tokenisations


def qwen_tokens(texts: Sequence[str]) -> list[list[int]]:
    """Return the byte-pair tokens that Qwen2.5 makes of each text.
    Environment variable `PAPER_TOKENIZERS`: the folder with ``qwen.tiktoken``.
    """
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    ranks = load_tiktoken_bpe(str(_qwen_file()))
    encoding = tiktoken.Encoding("qwen", pat_str=_SPLIT, mergeable_ranks=ranks, special_tokens={})
    return encoding.encode_ordinary_batch(list(texts), num_threads=1)


def _qwen_file() -> Path:
    folder = os.environ.get("PAPER_TOKENIZERS")
    if not folder or not (path := Path(folder) / "qwen.tiktoken").is_file():
        raise UsageError("PAPER_TOKENIZERS names no folder with qwen.tiktoken")
    return path


def _items(data: LimitData) -> tuple[list, list]:
    return [[a] for a in data.query_attributes.tolist()], [a.tolist() for a in data.doc_attributes]


def _words(stop_words: Sequence[str]) -> Callable[[LimitData], tuple[list, list]]:
    def tokens(data: LimitData) -> tuple[list, list]:
        return tuple([words(t, stop_words) for t in x] for x in (data.queries, data.documents))

    return tokens


def _qwen(data: LimitData) -> tuple[list, list]:
    return qwen_tokens(data.queries), qwen_tokens(data.documents)


TOKENS: dict[str, Callable[[LimitData], tuple[list, list]]] = {
    "items": _items,
    "words": _words(FUNCTION_WORDS),
    "words but likes": _words([*FUNCTION_WORDS, "likes"]),
    "all words": _words(()),
    "qwen": _qwen,
}


def _grid_tasks() -> list[dict[str, Any]]:
    return [{"corpus": corpus, "tokens": tokens} for corpus in GRID_SEEDS for tokens in TOKENS]


def _grid_data() -> dict[str, str]:
    """Checksums of the texts and of the vocabulary."""
    texts = load_limit("limit-small").documents + released_attributes()
    known = {"limit": hashlib.sha256("\n".join(texts).encode()).hexdigest()}
    return known | {"qwen.tiktoken": hashlib.sha256(_qwen_file().read_bytes()).hexdigest()}


@experiment(
    "additive-grid",
    "Recall of sums of random token vectors on LIMIT's texts, by tokenisation and dimension",
    tasks=_grid_tasks,
    data=_grid_data,
    tolerance=RANKS,
)
def token_recall(corpus: str, tokens: str, dims: Sequence[int] = GRID) -> dict[str, Any]:
    """Simulate sums of random token vectors on ``limit-small`` or on the replica of ``limit``.
    `tokens` is a key of `TOKENS`. Returns `recall`: dimension -> for each seed the recalls at
    `CUTOFFS`; `length`, `query_length`: mean tokens of a document and of a query.
    """
    if corpus not in GRID_SEEDS:
        raise UsageError(f"corpus = {corpus!r} must be one of {list(GRID_SEEDS)}")
    if tokens not in TOKENS:
        raise UsageError(f"tokens = {tokens!r} must be one of {list(TOKENS)}")
    data = load_limit(corpus) if corpus == "limit-small" else limit_replica()
    counts = token_counts(*TOKENS[tokens](data))
    cutoffs = CUTOFFS[len(data.documents)]
    found = {
        str(d): [
            mean_recalls(*counts, data.qrels, d, cutoffs, seed=seed)
            for seed in range(GRID_SEEDS[corpus])
        ]
        for d in tqdm(dims, desc=f"{corpus}, {tokens}", leave=False, disable=None)
    }
    lengths = [float(np.mean(count.sum(axis=1))) for count in counts]
    return {"recall": found, "query_length": lengths[0], "length": lengths[1]}
