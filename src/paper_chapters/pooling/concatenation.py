"""Texts made of more and more sentences: what one vector per text keeps of them."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import spearmanr

from paper_chapters.pooling.semantic_shift import dilution_from_pairs, mean_pairwise_distance
from paper_utils.checks import unit_rows
from paper_utils.data.prose import _docstrings_of, sentences_in
from paper_utils.encoders import Encoder, load_encoder
from paper_utils.encoders.sentence import SentenceCheckpoint
from paper_utils.encoders.token_states import _tokens
from paper_utils.errors import PaperError, UsageError
from paper_utils.geometry.cosine import centre, cosine_moments
from paper_utils.results import Tolerance, experiment
from paper_utils.search.metrics import mrr
from paper_utils.search.ranks import ranks_from_scores
from paper_utils.search.topk import top_k
from paper_utils.statistics import Interval, bootstrap_interval

ORDERS = ("repeat", "sequential", "random")
PACKAGES = ("matplotlib", "networkx", "pandas", "scipy", "sklearn")
LENGTHS = (1, 2, 4, 8, 16)

#: Mean pairwise distances to which one common vector brings texts of one sentence.
CLOSE = (0.2, 0.05)


def passages(
    n_docs: int, length: int, *, seed: int = 0, packages: Sequence[str] = PACKAGES
) -> list[list[str]]:
    """Return passages of consecutive sentences from the docstrings of installed packages.
    Each lies within one source file. No sentence occurs twice, and passages do not overlap.
    """
    seen: set[str] = set()
    found = []
    for package in packages:
        for file in _files(package):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            sentences = []
            for docstring in _docstrings_of(tree):
                sentences += [
                    new for new in dict.fromkeys(sentences_in(docstring)) if new not in seen
                ]
                seen.update(sentences)
            starts = range(0, len(sentences) - length + 1, length)
            found += [sentences[start : start + length] for start in starts]
    if not 1 <= n_docs <= len(found):
        raise UsageError(
            f"n_docs={n_docs}: there are {len(found):,} passages of {length} sentences in "
            f"{', '.join(packages)}; ask for fewer or shorter ones"
        )
    order = np.argsort(np.random.Generator(np.random.PCG64(seed)).random(len(found)))
    return [found[i] for i in np.sort(order[:n_docs])]


def _files(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PaperError(f"package {package!r} is not installed: no documentation to read")
    folder = Path(next(iter(spec.submodule_search_locations)))
    return [path for path in sorted(folder.rglob("*.py")) if "tests" not in path.parts]


def reordered(bodies: Sequence[Sequence[str]], order: str, *, seed: int = 0) -> list[list[str]]:
    """Return each text's first sentence with what follows it under an order. 'repeat': the same
    again and again; 'sequential': the text as it is; 'random': sentences of other texts, each from
    another one where there are enough.
    """
    if order not in ORDERS:
        raise UsageError(f"order must be one of {', '.join(ORDERS)}, not {order!r}")
    if order == "repeat":
        return [[body[0]] * len(body) for body in bodies]
    if order == "sequential":
        return [list(body) for body in bodies]
    if len(bodies) < 2:
        raise UsageError("a random order needs sentences of other texts; there is one text")
    rng = np.random.default_rng(seed)
    mixed = []
    for i, body in enumerate(bodies):
        others = np.delete(np.arange(len(bodies)), i)
        n = len(body) - 1
        sources = np.resize(rng.permutation(others), n)
        places = rng.integers(1, len(body), size=n)
        mixed.append([body[0], *(bodies[j][at] for j, at in zip(sources, places, strict=True))])
    return mixed


def with_common_mean(
    X: NDArray[np.floating], mpd: float, *, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Add one random vector to all unit rows until their mean pairwise cosine distance is `mpd`.
    Returns the shifted rows, (n_items, d), not normalised, and the vector, (d,).
    """
    U = unit_rows(X, min_rows=2)
    before = mean_pairwise_distance(U)
    if not 0 < mpd < before:
        raise UsageError(f"mpd must be above 0 and below {before:.4f}, that of X, not {mpd!r}")
    direction = np.random.default_rng(seed).normal(size=U.shape[1])
    direction /= np.linalg.norm(direction)
    # Against the rows' own mean the first steps could part them: take that part out.
    mean = U.mean(axis=0)
    direction -= (direction @ mean) / (mean @ mean) * mean
    direction /= np.linalg.norm(direction)
    t = brentq(lambda t: mean_pairwise_distance(U + t * direction) - mpd, 0.0, 100.0)
    return U + t * direction, t * direction


def _tasks() -> list[dict[str, Any]]:
    small = {"n_docs": 60, "lengths": [1, 2, 8], "packages": ["matplotlib"]}
    full = {"n_docs": 150, "lengths": list(LENGTHS), "packages": list(PACKAGES)}
    return [
        {"encoder": "minilm"} | small,
        {"encoder": "minilm"} | full,
        {"encoder": "untrained"} | small,
    ]


@experiment(
    "pooling-concatenation",
    "Vectors of texts of 1 to 16 sentences, repeated, in order and at random",
    tasks=_tasks,
    tolerance=Tolerance(
        rel=1e-3,
        abs=0.01,
        why="Single precision and 60 to 150 texts: one near tie moves a mean reciprocal rank by "
        "0.01.",
    ),
)
def concatenation(
    encoder: str,
    n_docs: int,
    lengths: Sequence[int],
    packages: Sequence[str] = PACKAGES,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure texts of several lengths and orders, and search in them, by `rows`.
    A passage gives a query, its first sentence, and a text, which begins with its second. As a
    control, 'common mean' has texts of one sentence, moved with the queries by one vector until
    they are as close as the random texts of k sentences, or for k = 1 as `CLOSE` says.
    """
    if list(lengths) != sorted(set(lengths)) or not lengths or lengths[0] != 1:
        raise UsageError(f"lengths must increase from 1, not {list(lengths)}")
    if n_docs < 10:
        raise UsageError(f"n_docs must be at least 10, not {n_docs}")
    found = passages(n_docs, lengths[-1] + 1, seed=seed, packages=packages)
    model = load_encoder(encoder, seed=seed)
    bodies = [passage[1:] for passage in found]
    pool = sorted({sentence for body in bodies for sentence in body})
    vector = dict(zip(pool, unit_rows(model.encode(pool)), strict=True))
    queries = unit_rows(model.encode([passage[0] for passage in found]))
    firsts = np.array([vector[body[0]] for body in bodies])
    single = _reciprocal_ranks(queries, firsts)

    def moved_to(mpd: float, k: int) -> dict[str, Any]:
        moved, shift = with_common_mean(firsts, mpd, seed=seed)
        row = {"order": "common mean", "k": k, "mpd": mpd}
        return row | _of_search(queries + shift, moved, single)

    spread = mean_pairwise_distance(firsts)
    rows = [moved_to(mpd, 1) for mpd in CLOSE if mpd < spread]
    for order in ORDERS:
        texts = reordered(bodies, order, seed=seed)
        for k in lengths:
            joined = [" ".join(text[:k]) for text in texts]
            V = unit_rows(model.encode(joined)) if k > 1 else firsts
            sentences = np.array([[vector[sentence] for sentence in text[:k]] for text in texts])
            row = {"order": order, "k": k} | _of_tokens(model, joined)
            rows.append(row | _of_texts(V, sentences) | _of_search(queries, V, single))
            if order == "random" and k > 1 and rows[-1]["mpd"] < spread:
                rows.append(moved_to(rows[-1]["mpd"], k))
    return {"n_docs": n_docs, "rows": rows}


def _of_tokens(model: Encoder, texts: list[str]) -> dict[str, float]:
    """Mean number of tokens that the encoder reads, and the share of texts that fill its window."""
    lengths = np.array([len(ids) for ids in _tokens(model, texts)[1]])
    if isinstance(model, SentenceCheckpoint):
        window = model.model.max_seq_length
    else:
        window = model.tokenizer.truncation["max_length"]
    return {"tokens": float(lengths.mean()), "cut": float(np.mean(lengths >= window))}


def _of_texts(V: NDArray[np.float64], sentences: NDArray[np.float64]) -> dict[str, Any]:
    """What vectors of texts, (n, d), keep of their sentences, (n, k, d): cosine to the `first`;
    `found`, share of texts nearest to their own first; `dilution`, `averaged`, that of averaged
    sentence vectors; `diversity`, its rank correlation `spearman` with `dilution`; `mpd`, mean
    distance.
    """
    firsts = sentences[:, 0]
    k = sentences.shape[1]
    to_first = (V * firsts).sum(axis=1)
    measured = 1 - np.einsum("nkd,nd->nk", sentences, V).mean(axis=1)
    moments = cosine_moments(V)
    row = {
        "first": _interval(bootstrap_interval(to_first)),
        "found": float(np.mean(top_k(V, firsts, 1)[0][:, 0] == np.arange(len(V)))),
        "dilution": _plain(measured.mean()),
        "mpd": 1 - moments.mean,
        "mpd_se": moments.se_mean,
    }
    if k > 1:
        diversity = np.array([mean_pairwise_distance(text) for text in sentences])
        averaged = [dilution_from_pairs(max(c, 0.0), k) for c in diversity]
        row |= {"diversity": _plain(diversity.mean()), "averaged": _plain(np.mean(averaged))}
        if np.ptp(diversity) > 1e-9:  # equal sentences have none
            rank = spearmanr(diversity, measured)
            row |= {"spearman": float(rank.statistic)}
    return row


def _of_search(
    queries: NDArray[np.float64], V: NDArray[np.float64], single: NDArray[np.float64]
) -> dict[str, Any]:
    """Reciprocal ranks of each query's own text, as they are and after centring, with intervals.
    `loss` is against texts of one sentence, uncentred.
    """
    U = unit_rows(V)
    raw = _reciprocal_ranks(queries, U)
    centred = _reciprocal_ranks(centre(queries, U.mean(axis=0)), centre(U))
    return {
        "mrr": _interval(bootstrap_interval(raw)),
        "mrr_centred": _interval(bootstrap_interval(centred)),
        "loss": _interval(bootstrap_interval(single - raw)),
        "loss_centred": _interval(bootstrap_interval(single - centred)),
    }


def _reciprocal_ranks(queries: NDArray[np.float64], V: NDArray) -> NDArray[np.float64]:
    return mrr(ranks_from_scores(unit_rows(queries) @ unit_rows(V).T, np.eye(len(V), dtype=bool)))


def _interval(found: Interval) -> list[float]:
    return [found.mean, found.low, found.high]


def _plain(value: float) -> float:
    """Round, so that what is zero up to rounding errors is zero on every machine."""
    return round(float(value), 6)
