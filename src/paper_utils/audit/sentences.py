"""One plain sentence for each measured number."""

from __future__ import annotations

from collections.abc import Mapping

from paper_utils.audit.measure import Measure
from paper_utils.audit.robustness import CHANGES
from paper_utils.claims.tables import typeset

_PLAIN = {
    "rows.total": "The file has {v:,.0f} rows.",
    "rows.used": "{v:,.0f} of {n:,} rows can be used.",
    "rows.nan": "{v:,.0f} rows hold NaN; they are left out of everything else.",
    "rows.infinite": "{v:,.0f} rows hold infinite values; they are left out of everything else.",
    "rows.zero": "{v:,.0f} rows are zero and have no direction; they are left out.",
    "rows.duplicate_share": "{v:.1%} of the rows repeat the direction of an earlier row: no search "
    "can tell them apart.",
    "rows.largest_group": "The largest group of equal rows has {v:,.0f}.",
    "norms.mean": "The mean length of a vector is {v:.4g}.",
    "norms.cv": "Lengths vary by {v:.1%} of their mean: with inner products long vectors would be "
    "favoured, with cosines they are not.",
    "norms.min": "The shortest vector has length {v:.4g}.",
    "norms.max": "The longest vector has length {v:.4g}.",
    "norms.unit_share": "{v:.1%} of the vectors have unit length.",
    "cosine.mean": "Two items drawn at random have a cosine of {v:.3f} on average; this is an "
    "offset of all, and ranking by cosine hardly sees it.",
    "cosine.variance": "Cosines of random pairs vary with variance {v:.4f}.",
    "cosine.spectral": "{v:.4f} of that variance comes from the spectrum.",
    "cosine.cross": "{v:.4f} of that variance comes from the mean.",
    "cosine.cross_share": "{v:.0%} of the variance of the cosine comes from the mean, not from the "
    "spectrum.",
    "cosine.mu2": "The mean direction has squared length {v:.3f}.",
    "cosine.variance_centred": "After centring cosines vary with variance {v:.4f}; that is the one "
    "to compare with one over the effective dimension.",
    "cosine.inverse_d_eff": "One over the effective dimension is {v:.4f}.",
    "dimension.participation": "The participation ratio (the effective dimension) is {v:.1f}.",
    "dimension.unbiased": "Without its bias for the number of rows the effective dimension is "
    "{v:.1f}.",
    "dimension.isoscore": "IsoScore is {v:.3f}; it says the same as the participation ratio.",
    "dimension.share": "The effective dimension is {v:.1%} of the number of coordinates.",
    "dimension.effective_rank": "The effective rank (entropy of the spectrum) is {v:.0f}.",
    "dimension.rankme": "RankMe is {v:.0f}.",
    "dimension.stable_rank": "The stable rank is {v:.1f}.",
    "dimension.components_90": "{v:.0f} principal components hold 90% of the variance.",
    "dimension.twonn": "By the two nearest neighbours the items lie on a surface of {v:.1f} "
    "dimensions.",
    "hubness.centring_gain": "Centring lowers the skewness by {v:.2f}.",
    "hubness.duplicates_gain": "Merging equal rows lowers the skewness by {v:.2f}.",
    "stability.margin": "Half of the top lists are cut at a gap of less than {v:.2g}.",
    "stability.tied": "{v:.1%} of the top lists are cut inside a tie: what they show is an "
    "accident of the order of the rows.",
    "fragmentation.pieces_per_word": "A word is cut into {v:.2f} pieces on average.",
    "fragmentation.split_share": "{v:.0%} of the words are cut.",
    "fragmentation.words_per_text": "A text has {v:.1f} words.",
    "slices_summary.cosine_range": "The mean cosine differs by {v:.2f} between the slices.",
    "slices_summary.seen_min": "The slice that is shown least gets {v:.2f} of its fair share of "
    "neighbour lists.",
    "slices_summary.language_gap": "Cosines inside a language are higher by {v:.2f} than between "
    "two: so much of the geometry is language.",
    "relevance.ndcg_10": "nDCG at 10 is {v:.3f}.",
    "relevance.mrr": "The mean reciprocal rank is {v:.3f}.",
    "relevance.rerank_gain": "A perfect re-ranker of the best 100 would add {v:.3f} to recall "
    "at 10.",
    "relevance.recall_10_centred": "After centring recall at 10 is {v:.3f}.",
    "relevance.centring_gain": "Centring changes recall at 10 by {v:+.3f}.",
    "relevance.recall_10_bm25": "BM25 alone has recall {v:.3f} at 10.",
    "relevance.recall_10_hybrid": "Embeddings and BM25 together have recall {v:.3f} at 10.",
    "relevance.hybrid_gain": "Adding BM25 changes recall at 10 by {v:+.3f}.",
    "relevance.sign_rank_low": "The judgements have a sign-rank of at least {v:.0f}.",
    "relevance.sign_rank_high": "The judgements have a sign-rank of at most {v:.0f}.",
    "relevance.dimension_low": "No vectors of fewer than {v:.0f} dimensions can rank them right.",
    "relevance.free_fit_d": "Free vectors of {v:.0f} dimensions rank a sample of them right: the "
    "number of coordinates is not what is missing where this is smaller.",
    "relevance.gap": "In half of the queries the worst relevant item beats the best other one by "
    "{v:.3f} or less (negative: it does not).",
    "relevance.solved": "In {v:.1%} of the queries every relevant item stands above all others.",
    "relevance.gap_ceiling": "No vectors of this dimension could give all such sets of items a gap "
    "above {v:.3f}.",
    "relevance.margin_d": "For the gap that solved queries have, all such sets of items together "
    "would need {v:.0f} dimensions.",
    "relevance.additive_dimension": "Recall at 10 is that of sums of random word vectors in "
    "{v:.0f} dimensions.",
}

#: The same where the value is zero.
_NONE = {
    "rows.nan": "No row holds NaN.",
    "rows.infinite": "No row holds infinite values.",
    "rows.zero": "No row is zero.",
    "rows.duplicate_share": "No row repeats the direction of an earlier row.",
    "stability.tied": "No top list is cut inside a tie.",
}

_HUBS = {
    "skewness": "The skewness of the k-occurrence is {v:.2f}",
    "antihubs": "{v:.1%} of the items are in nobody's list",
    "robin_hood": "{v:.0%} of all places in lists would have to change hands to be fair",
    "largest": "The largest hub is in {v:,.0f} lists",
}
_WHEN = {
    "raw": "equal rows merged",
    "centred": "after centring, equal rows merged",
    "kept": "equal rows kept apart",
}


#: Of one slice; the slice itself is the user's word and stays out of the sentence.
_SLICE = {
    "mean_cosine": "Two items of this slice have a cosine of {v:.3f} on average.",
    "d_eff": "The items of this slice use {v:.1f} effective dimensions.",
    "seen": "An item of this slice is in {v:.2f} of the lists that a fair draw would put it in.",
    "recall": "{v:.1%} of the relevant items of this slice are among the best 10.",
}


def sentence(key: str, one: Measure) -> str:
    """Return what a measured value says.

    Parameters
    ----------
    key : str
        Dotted key of the report.
    one : Measure

    Examples
    --------
    >>> sentence("rows.used", Measure(98, n=100))
    '98 of 100 rows can be used.'
    """
    if one.value is None:
        return f"Not measured: {one.reason or 'not defined here'}."
    if one.value == 0 and key in _NONE:
        return _NONE[key]
    values = {"v": one.value, "n": one.n or 0}
    parts = key.split(".")
    if parts[0] == "hubness" and len(parts) == 3:
        text = f"{_HUBS[parts[2]]} ({_WHEN[parts[1]]})."
    elif parts[0] == "stability" and parts[1] in CHANGES:
        text = f"With {CHANGES[parts[1]]} {{v:.1%}} of the top list stays."
    elif key == "relevance.recall_1":
        text = "{v:.1%} of the relevant items stand first."
    elif parts[0] == "relevance" and parts[1].startswith("recall_") and parts[1][7:].isdecimal():
        text = f"{{v:.1%}} of the relevant items are among the best {parts[1][7:]}."
    elif parts[0] == "relevance" and parts[1].startswith("oracle_"):
        text = f"A perfect re-ranker of the best {parts[1][7:]} would have recall {{v:.3f}} at 10."
    elif parts[0] == "slices":
        text = _SLICE[parts[1]]
    else:
        text = _PLAIN[key]
    return typeset(text.format(**values))


def with_sentences(measures: Mapping[str, Measure], under: str = "") -> dict[str, Measure]:
    """Return the measures, each with its sentence; `under` goes before their keys."""
    return {key: one.saying(sentence(under + key, one)) for key, one in measures.items()}
