"""What is advised: remedies by what they did on the data, and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from embedding_audit.found import Action
from embedding_audit.judged.measured import over_queries
from embedding_audit.judged.remedies import Tried
from embedding_audit.measure import Measure, not_measured
from paper_utils.claims.tables import typeset
from paper_utils.statistics import randomisation_p

MARGIN = 0.01  #: nDCG that a saving may lose, by the whole of its interval
OVERLAP = 0.99  #: without judgements: the part of the top 10 that a saving must keep
LEVEL = 0.05  #: of the family of gains, by Holm
FEWEST = 20  #: judged queries below which nothing is tried

_RESAMPLES = 1999  # two-sided p down to 0.001


@dataclass(frozen=True)
class Remedy:
    """One row of the table of what is tried."""

    id: str
    title: str
    kind: str  # gain or saving
    how: str
    cost: str
    needs: str = "judged queries (--queries and --qrels)"


_TEXTS = "texts of documents and queries (--texts and --query-texts) beside judged queries"

REMEDIES = (
    Remedy(
        "centre_documents",
        "Centre the documents",
        "gain",
        "Subtract the mean of the documents' unit vectors from each, and bring it to unit length.",
        "the index is written anew once; queries stay as they are",
    ),
    Remedy(
        "centre_both",
        "Centre documents and queries, each by its own mean",
        "gain",
        "Subtract the documents' mean from documents, and the mean of a log of queries from "
        "queries; unit length again.",
        "the index is written anew once; one subtraction a query",
    ),
    Remedy(
        "query_bank",
        "Query-bank normalisation",
        "gain",
        "Take from a document's score its mean cosine to the 10 nearest queries of a log (CSLS, "
        "from twice the score), or the inverted softmax where the best document is a hub of the "
        "log (QB-Norm).",
        "one number a document, renewed with the log; needs a score of the engine's own",
    ),
    Remedy(
        "all_but_the_top",
        "Take away the main directions (all-but-the-top)",
        "gain",
        "Centre both sides and remove the documents' first 1 to 3 principal components.",
        "the index is written anew once; one small product a query",
    ),
    Remedy(
        "whiten",
        "Whiten half way",
        "gain",
        "Centre both sides and multiply them by the documents' covariance to the power -1/4.",
        "the index is written anew once; a d x d product a query",
    ),
    Remedy(
        "dot",
        "Compare by inner product",
        "gain",
        "Score by the inner product of the vectors as stored, not by the cosine.",
        "a setting of the index",
    ),
    Remedy(
        "cosine",
        "Compare by cosine",
        "gain",
        "Bring documents and queries to unit length before they are compared.",
        "a setting of the index",
    ),
    Remedy(
        "bm25",
        "BM25 instead of the vectors",
        "gain",
        "Search by words alone (BM25, Lucene's variant, lower case, no stemmer).",
        "an index of words",
        _TEXTS,
    ),
    Remedy(
        "rrf",
        "BM25 beside the vectors, reciprocal ranks summed",
        "gain",
        "Add 1/(60 + rank) of the best 1,000 of both lists.",
        "an index of words, and two searches a query",
        _TEXTS,
    ),
    Remedy(
        "weighted_sum",
        "BM25 beside the vectors, scores summed",
        "gain",
        "Bring both scores of a query to 0 to 1 and sum them, with a weight fitted on judged "
        "queries.",
        "an index of words, two searches a query, and some judged queries for the weight",
        _TEXTS,
    ),
    Remedy(
        "bfloat16",
        "Store bfloat16",
        "saving",
        "Round both sides to bfloat16: 2 bytes a coordinate.",
        "half the memory of float32",
    ),
    Remedy(
        "int8",
        "Store int8",
        "saving",
        "Code each coordinate of the documents in 256 steps between its least and greatest value.",
        "a quarter of the memory of float32",
    ),
    Remedy(
        "binary",
        "Store signs, and score the best 100 again",
        "saving",
        "Search by the signs of the coordinates, then score the best 100 by the full vectors.",
        "a thirty-second of the memory for the search; full vectors on disk",
    ),
    Remedy(
        "half",
        "Keep the first half of the coordinates",
        "saving",
        "Cut documents and queries after d/2 coordinates.",
        "half the memory and half the time",
    ),
)

_OVERLAP_KEYS = {name: f"stability.{name}" for name in ("bfloat16", "int8", "half")}


def actions_tried(
    found: Tried,
    lacking: Mapping[str, str],
    better_than_chance: bool,
    metric: str,
    seed: int,
) -> list[Action]:
    """Return every remedy with its change of nDCG@10, what is advised first.
    `lacking` says by id why a remedy could not be tried. Gains are advised where the whole interval
    and the test, adjusted by Holm over all gains that were tried, agree; savings where the whole
    interval lies above -`MARGIN`, and the quality that could be lost is better than chance.
    """
    gains: dict[str, Measure] = {}
    p_values = {}
    for row in REMEDIES:
        if row.id not in found.ndcg:
            continue
        change = found.ndcg[row.id] - found.ndcg["base"]
        one = over_queries(change, seed)
        if row.id == "half" and "half_random" in found.ndcg:
            one = one.beside(random=float((found.ndcg["half_random"] - found.ndcg["base"]).mean()))
        gains[row.id] = one
        if row.kind == "gain":
            # A remedy whose interval holds 0 is not advised, whatever its p: 1 costs it nothing.
            above = one.low is not None and one.low > 0
            p_values[row.id] = (
                randomisation_p(change, n_resamples=_RESAMPLES, seed=seed) if above else 1.0
            )
    adjusted = holm(p_values)
    actions = []
    for row in _without(metric):
        one = gains.get(row.id) or not_measured(lacking.get(row.id, f"needs {row.needs}"))
        if row.kind == "gain":
            advised = adjusted.get(row.id, 1.0) <= LEVEL
        else:
            advised = better_than_chance and one.low is not None and one.low > -MARGIN
        best = found.chosen.get(row.id)
        how = f"{row.how} Best over all judged queries: {best}." if best else row.how
        actions.append(_action(replace(row, how=how), one, "nDCG@10", advised))
    return sorted(actions, key=lambda one: (not one.advised, one.kind, -(one.gain.value or 0)))


def actions_untried(known: Mapping[str, Measure], metric: str, why: str = "") -> list[Action]:
    """Return every remedy without a judged query; savings by the part of the top 10 that stays.
    That says the lists are the same, not that they are right.
    """
    actions = []
    for row in _without(metric):
        one = known.get(_OVERLAP_KEYS.get(row.id, ""))
        if one is None or not one.measured:
            actions.append(
                _action(row, not_measured(why or f"needs {row.needs}"), "nDCG@10", False)
            )
            continue
        kept = Measure(one.value, one.low, one.high, one.n, one.null)
        advised = one.low is not None and one.low > OVERLAP
        actions.append(_action(row, kept, "top-10 overlap (no judgements)", advised))
    return sorted(actions, key=lambda one: not one.advised)


def _without(metric: str) -> list[Remedy]:
    """What can be tried where this metric is in use: it is no remedy then."""
    return [row for row in REMEDIES if row.id != metric]


def _action(row: Remedy, gain: Measure, metric: str, advised: bool) -> Action:
    if gain.measured:
        gain = gain.saying(_sentence(row, gain, metric))
    return Action(row.id, row.title, row.kind, gain, metric, advised, row.how, row.cost)


def _sentence(row: Remedy, gain: Measure, metric: str) -> str:
    if "overlap" in metric:
        return typeset(
            f"{row.title}: {gain.value:.1%} of the top 10 stays, over {gain.n:,} queries; without "
            "judgements that is all that is known."
        )
    control = gain.null.get("random")
    beside = "" if control is None else f"; {control:+.3f} with as many coordinates at random"
    return typeset(
        f"{row.title}: nDCG@10 changes by {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) "
        f"over {gain.n:,} queries{beside}."
    )


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values of a family, adjusted by Holm's step-down method.
    Here since `paper_utils.statistics.holm` needs a package that the audit does without.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    order = sorted(p_values, key=p_values.__getitem__)
    raw = [min(1.0, p_values[name] * (len(order) - i)) for i, name in enumerate(order)]
    return dict(zip(order, map(float, np.maximum.accumulate(raw)), strict=True)) if order else {}
