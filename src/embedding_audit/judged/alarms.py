"""What the judgements say is wrong: candidates for the first screen, each with its null.

Severity: 1, where the metric itself is in doubt; from 0.9, where the number of quality cannot be
meant; from 0.5, what somebody will notice; it grows with the part of the queries or documents hit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from embedding_audit.found import Finding
from embedding_audit.measure import Measure
from paper_utils.claims.tables import typeset

_NAMES = {"cosine": "cosine", "dot": "inner product", "l2": "Euclidean distance"}
_NONE = Measure()


def judged_findings(measures: Mapping[str, Measure], metric: str) -> list[Finding]:
    """Return what the measures of quality show, by their keys without ``relevance.``."""
    steps = (_metric, _chance, _words, _lost, _unseen, _zero)
    found = [one for step in steps for one in step(measures, metric)]
    return sorted(found, key=lambda one: (-one.severity, one.key))


def _finding(key: str, sentence: str, severity: float) -> Finding:
    return Finding(f"relevance.{key}", typeset(sentence), float(np.clip(severity, 0, 1)))


def _metric(measures: Mapping[str, Measure], metric: str) -> Iterator[Finding]:
    change = measures.get("dot_gain", _NONE)
    if not change.measured or change.low <= 0 <= change.high:
        return
    cosine, dot = (measures[f"recall_10_{name}"] for name in ("cosine", "dot"))
    better = "dot" if change.value > 0 else "cosine"
    used = f"this audit compares by {_NAMES[metric]}"
    used += ", and so must the index" if better == metric else f": try --metric {better}"
    yield _finding(
        "dot_gain",
        f"Cosine and inner product disagree on the judged queries: recall@10 is "
        f"{cosine.value:.3f} by cosine and {dot.value:.3f} by inner product of the vectors as "
        f"stored (difference {change.value:+.3f}, {change.low:+.3f} to {change.high:+.3f}; 0 if "
        f"lengths said nothing); {used}.",
        1.0,
    )


def _chance(measures: Mapping[str, Measure], metric: str) -> Iterator[Finding]:
    one = measures.get("ndcg_10", _NONE)
    null = one.null.get("shuffled")
    if one.measured and null is not None and one.low <= null:
        yield _finding(
            "ndcg_10",
            f"nDCG@10 is {one.value:.3f} by {_NAMES[metric]}, no better than with judgements of "
            f"other queries ({null:.3f}): do the ids of vectors and judgements belong together?",
            0.97,
        )


def _words(measures: Mapping[str, Measure], metric: str) -> Iterator[Finding]:
    change = measures.get("bm25_gain", _NONE)
    if change.measured and change.low > 0:
        words = measures["recall_10_bm25"].value
        vectors = words - change.value
        yield _finding(
            "bm25_gain",
            f"Words alone find more than the vectors: recall@10 is {words:.3f} by BM25 and "
            f"{vectors:.3f} by the vectors (difference {change.value:+.3f}, {change.low:+.3f} to "
            f"{change.high:+.3f}; 0 if both were as good).",
            min(0.9, 0.4 + change.value),
        )


def _lost(measures: Mapping[str, Measure], metric: str) -> Iterator[Finding]:
    whole = measures.get("recall_10", _NONE).value
    for key, words in (
        ("absent_share", "are not in the index"),
        ("damaged_share", "have no vector that can be used (NaN, infinite or zero)"),
    ):
        one = measures.get(key, _NONE)
        if not one.value:
            continue
        there = measures.get("recall_10_indexed", _NONE).value
        beside = (
            ""
            if None in (there, whole)
            else f"; recall@10 is {whole:.3f}, and {there:.3f} over those that can be found"
        )
        yield _finding(
            key,
            f"{one.value:.1%} of the relevant documents of the judged queries {words} and count as "
            f"not found (in a sound index 0%){beside}.",
            min(0.9, 0.4 + one.value),
        )


def _unseen(measures: Mapping[str, Measure], metric: str) -> Iterator[Finding]:
    gap = measures.get("antihub_gap", _NONE)
    if gap.measured and gap.high < 0:
        yield _finding(
            "antihub_gap",
            f"Relevant documents that are in nobody's neighbour list are found less often: recall "
            f"in the best 10 differs by {gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}; 0 if "
            "being unseen said nothing).",
            0.4 - gap.value / 2,
        )


def _zero(measures: Mapping[str, Measure], metric: str) -> Iterator[Finding]:
    some, whole = (measures.get(key, _NONE) for key in ("ndcg_10_answerable", "ndcg_10"))
    if some.measured and whole.measured:
        yield _finding(
            "ndcg_10_answerable",
            f"{1 - some.n / whole.n:.1%} of the judged queries have nothing relevant and count as "
            f"0, as in trec_eval: nDCG@10 is {whole.value:.3f}, and {some.value:.3f} without them.",
            0.3 + (1 - some.n / whole.n) / 2,
        )
