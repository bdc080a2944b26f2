"""The judged side of an audit, from inputs and their cloud to measures, actions and findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedding_audit.found import Action, Finding, WorstQuery
from embedding_audit.given import Inputs
from embedding_audit.judged.actions import FEWEST, actions_tried, actions_untried
from embedding_audit.judged.alarms import judged_findings
from embedding_audit.judged.bounds import bound_measures
from embedding_audit.judged.lexical import Words
from embedding_audit.judged.measured import (
    Standing,
    chances,
    over_queries,
    quality_measures,
    standing,
)
from embedding_audit.judged.queries import Judged, judged_queries
from embedding_audit.judged.remedies import Tried, lengths_differ, tried
from embedding_audit.judged.scores import Documents, Space
from embedding_audit.judged.worst import worst_queries
from embedding_audit.measure import Measure, not_measured, under
from paper_utils.search.metrics import ndcg_at_k

if TYPE_CHECKING:
    from embedding_audit.cloud.cloud import Cloud

MOST_ROWS = 100_000  #: rows on which remedies are tried; of more a sample and all judged ones
MOST_BYTES = 1 << 28  #: that they may take

_TRIED = (
    "recall_10_bm25 ndcg_10_bm25 bm25_gain recall_10_hybrid hybrid_gain recall_10_centred "
    "centring_gain recall_10_cosine recall_10_dot dot_gain"
).split()


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Quality:
    """What judged queries say."""

    measures: dict[str, Measure]  # relevance.*
    actions: list[Action]
    worst: list[WorstQuery]
    findings: list[Finding]
    curve: list[dict[str, float]]  # depth, recall, oracle, shuffled
    #: relevant rows (the first chunk of a document), and the chance of each to be in the best 10
    pairs: tuple[NDArray[np.int64], NDArray[np.float64]] | None
    notes: list[str]


def quality(
    inputs: Inputs,
    cloud: Cloud,
    seed: int = 0,
    known: Mapping[str, Measure] | None = None,
    occurrence: NDArray[np.int64] | None = None,
) -> Quality:
    """Measure quality, and try what would raise it, or keep it for less.
    `known` are the measures of the cloud (savings rest on ``stability.*`` where nothing is judged);
    `occurrence` says how many neighbour lists each row of ``cloud.scan.rows`` is in.
    """
    judged, notes = judged_queries(inputs, seed)
    if judged is None:
        return Quality({}, actions_untried(known or {}, inputs.metric), [], [], [], None, notes)
    rows, lengths = _usable(cloud)
    space = Space.of(inputs.metric, float(lengths.max()))
    column = rows if inputs.document is None else inputs.document[rows]
    whole = Documents(inputs.vectors, rows, column, judged.gains.shape[1])
    which = _pool(whole, judged, inputs.vectors.shape[1], seed, cloud)
    pool = (whole if len(which) == len(rows) else whole.some(which)).hold(space)
    if len(which) == len(rows):
        whole = pool
    else:
        notes.append(
            f"remedies are tried on {len(which):,} of {len(rows):,} rows: all judged ones, and "
            "others by content"
        )
    stand = standing(whole, space, judged)
    found, curve = quality_measures(stand, judged, seed)
    found |= _lost_shares(inputs, judged, stand)
    found["antihub_gap"] = _antihub_gap(stand, judged, whole, cloud, occurrence, seed)
    found |= bound_measures(stand, judged, inputs.metric)
    changes, actions = _tried(inputs, cloud, judged, pool, space, lengths[which], stand, seed)
    found |= changes if len(which) == len(rows) else dict.fromkeys(
        _TRIED, not_measured(f"more than {len(which):,} rows: see the actions")
    )  # fmt: skip
    first = np.full(whole.n_columns, -1)
    first[whole.column[::-1]] = whole.rows[::-1]
    relevant = first[judged.relevant.indices]
    return Quality(
        measures=under("relevance", found),
        actions=actions,
        worst=worst_queries(inputs, whole, space, judged, stand),
        findings=judged_findings(found, inputs.metric),
        curve=curve,
        pairs=(relevant[relevant >= 0], chances(stand.relevant, 10)[relevant >= 0]),
        notes=notes,
    )


def _usable(cloud: Cloud) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Numbers and lengths of the rows that can be used, in the order of the file."""
    order = np.argsort(cloud.scan.rows)
    return cloud.scan.rows[order], cloud.scan.norms[order]


def _pool(whole: Documents, judged: Judged, d: int, seed: int, cloud: Cloud) -> NDArray[np.int64]:
    """Places of the rows on which remedies are tried: all, or the judged ones and a sample."""
    n, most = len(whole.rows), min(MOST_ROWS, MOST_BYTES // (4 * d))
    if n <= most:
        return np.arange(n)
    wanted = np.isin(whole.column, judged.gains.indices)
    by_content = np.searchsorted(whole.rows, cloud.scan.rows)  # where each stands in the file
    drawn = by_content[np.random.default_rng([seed, n]).permutation(n)]
    rest = drawn[~wanted[drawn]][: max(0, most - int(wanted.sum()))]
    return np.sort(np.concatenate([np.flatnonzero(wanted), rest]))


def _lost_shares(inputs: Inputs, judged: Judged, stand: Standing) -> dict[str, Measure]:
    """Shares of the relevant pairs that are not in the index, or whose vector cannot be used."""
    relevant = judged.relevant
    n_columns = inputs.judgements.grades.shape[1]
    total = max(1, relevant.nnz)
    absent = relevant.indices >= n_columns
    rows = np.repeat(np.arange(judged.n), np.diff(relevant.indptr))
    itself = relevant.indices == judged.own[rows]
    lost = stand.relevant.better > stand.n_docs
    damaged = lost & ~absent & ~itself
    counts = {"absent_share": absent, "damaged_share": damaged}
    return {key: Measure(hit.sum() / total, n=relevant.nnz) for key, hit in counts.items()}


def _antihub_gap(
    stand: Standing,
    judged: Judged,
    whole: Documents,
    cloud: Cloud,
    occurrence: NDArray[np.int64] | None,
    seed: int,
) -> Measure:
    """Recall in the best 10 of relevant documents in nobody's list, less that of the others.
    Paired inside a query, so that hard queries do not stand for unseen documents.
    """
    if occurrence is None:
        return not_measured("not every row is a query")
    seen = np.zeros(whole.n_columns, dtype=bool)
    place = np.searchsorted(whole.rows, cloud.scan.rows)
    np.logical_or.at(seen, whole.column[place], occurrence > 0)
    own = stand.relevant
    there = own.better <= stand.n_docs
    hidden = ~seen[judged.relevant.indices]
    found = chances(own, 10)
    sums = [
        (
            np.bincount(own.query[some], found[some], minlength=judged.n),
            np.bincount(own.query[some], minlength=judged.n),
        )
        for some in (there & hidden, there & ~hidden)
    ]
    both = (sums[0][1] > 0) & (sums[1][1] > 0)
    if both.sum() < 10:
        return not_measured("fewer than 10 queries have relevant documents of both kinds")
    unseen, others = (hits[both] / n[both] for hits, n in sums)
    return over_queries(unseen - others, seed).beside(shuffled=0)


def _tried(
    inputs: Inputs,
    cloud: Cloud,
    judged: Judged,
    pool: Documents,
    space: Space,
    lengths: NDArray[np.float64],
    stand: Standing,
    seed: int,
) -> tuple[dict[str, Measure], list[Action]]:
    """Try the remedies: measures of recall, and the actions."""
    if judged.n < FEWEST:
        why = f"{judged.n} judged queries: fewer than {FEWEST}"
        return dict.fromkeys(_TRIED, not_measured(why)), actions_untried({}, inputs.metric, why)
    words, why = _words(inputs, pool)
    lacking = dict.fromkeys(("bm25", "rrf", "weighted_sum"), why)
    if not lengths_differ(lengths):
        lacking["dot"] = "all vectors have the same length: both rank alike"
    moments = (cloud.moments.mean, cloud.moments.scatter / cloud.moments.n)
    texts = () if inputs.query_texts is None else [inputs.query_texts[row] for row in judged.rows]
    trial = tried(pool, space, judged, moments, lengths, words, texts, seed)
    above = ndcg_at_k(stand.graded, 10) - np.nan_to_num(ndcg_at_k(stand.null, 10))
    better = (over_queries(above, seed).low or 0) > 0
    actions = actions_tried(trial, lacking, better, inputs.metric, seed)
    return _changes(trial, lacking, inputs.metric, seed), actions


def _words(inputs: Inputs, pool: Documents) -> tuple[Words | None, str]:
    """BM25 of the documents' texts; None, and why."""
    missing = [
        option
        for option, given in (("--texts", inputs.texts), ("--query-texts", inputs.query_texts))
        if given is None
    ]
    if missing:
        return None, f"no texts of both queries and documents: {' and '.join(missing)}"
    words = Words([inputs.texts[row] for row in pool.rows])
    if words.empty:
        return None, f"none of the {len(pool.rows):,} texts holds a word"
    return words, ""


def _changes(
    trial: Tried, lacking: Mapping[str, str], metric: str, seed: int
) -> dict[str, Measure]:
    """The remedies of which the report keeps the recall too."""
    recall = dict(trial.recall)
    recall[metric] = recall["base"]

    def value(name: str, kept: Mapping[str, NDArray] = recall) -> Measure:
        if name not in kept:
            return not_measured(lacking.get(name, "not tried"))
        return over_queries(kept[name], seed)

    def gain(name: str, over: str = "base") -> Measure:
        if name not in recall or over not in recall:
            return not_measured(lacking.get(name, "not tried"))
        return over_queries(recall[name] - recall[over], seed)

    return {
        "recall_10_bm25": value("bm25"),
        "ndcg_10_bm25": value("bm25", trial.ndcg),
        "bm25_gain": gain("bm25"),
        "recall_10_hybrid": value("rrf"),
        "hybrid_gain": gain("rrf"),
        "recall_10_centred": value("centre_both"),
        "centring_gain": gain("centre_both"),
        "recall_10_cosine": value("cosine"),
        "recall_10_dot": value("dot"),
        "dot_gain": gain("dot", over="cosine"),
    }
