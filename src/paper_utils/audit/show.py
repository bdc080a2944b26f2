"""Tables and sentences of a report for a notebook; a user's text in them stays text."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from paper_utils import plots
from paper_utils.audit.report import Report
from paper_utils.claims.remedies import WORDS

NAMES = WORDS | {
    "rows.total": "rows in the file",
    "rows.used": "rows that can be used",
    "rows.nan": "rows with NaN",
    "rows.infinite": "rows with infinite values",
    "rows.zero": "rows of zeros only",
    "rows.duplicate_share": "share of rows equal to an earlier one",
    "rows.largest_group": "rows in the largest group of equal ones",
    "norms.mean": "mean length of a vector",
    "norms.cv": "spread of the lengths over their mean",
    "norms.min": "shortest length",
    "norms.max": "longest length",
    "norms.unit_share": "share of vectors of unit length",
    "cosine.variance": "variance of the cosine",
    "cosine.mu2": "squared length of the mean direction",
    "cosine.spectral": "part of the variance from the spectrum",
    "cosine.cross": "part of the variance from the mean",
    "cosine.cross_share": "the same as a share",
    "cosine.inverse_d_eff": "one over the effective dimension",
    "cosine.variance_centred": "variance of the cosine, centred",
    "dimension.unbiased": "effective dimension, unbiased",
    "dimension.isoscore": "IsoScore",
    "dimension.effective_rank": "effective rank",
    "dimension.stable_rank": "stable rank",
    "dimension.components_90": "components for 90% of the variance",
    "dimension.rankme": "RankMe",
    "dimension.twonn": "intrinsic dimension (two neighbours)",
    "hubness.raw.antihubs": "share of items in nobody's list",
    "hubness.raw.robin_hood": "share of places to hand over (Robin Hood)",
    "hubness.raw.largest": "lists with the largest hub",
    "hubness.centring_gain": "skewness that centring takes away",
    "stability.hamming": "top k kept with one bit on both sides",
    "stability.quarter": "top k kept by a quarter of the coordinates",
    "stability.eighth": "top k kept by an eighth of the coordinates",
    "stability.noise_c": "top k kept under noise, 0.0001 in all",
    "stability.noise_a": "top k kept under noise, 0.0001 each",
    "stability.dot": "top k kept by inner products as stored",
    "stability.margin": "median gap at the cut",
    "slices_summary.cosine_range": "range of the mean cosine over slices",
    "slices_summary.seen_min": "least seen slice, of its fair share",
    "slices_summary.language_gap": "cosine within a language, less between two",
    "fragmentation.split_share": "share of words that are cut",
    "fragmentation.words_per_text": "words a text",
    "relevance.recall_1": "recall@1",
    "relevance.recall_100": "recall@100",
    "relevance.ndcg_10": "nDCG@10",
    "relevance.mrr": "mean reciprocal rank",
    "relevance.oracle_1000": "recall@10 that a perfect re-ranker of 1,000 has",
    "relevance.recall_10_centred": "recall@10, centred",
    "relevance.recall_10_hybrid": "recall@10 with BM25 added",
    "relevance.gap": "median gap of the relevant items",
    "relevance.gap_ceiling": "largest gap that this dimension allows",
    "relevance.margin_d": "dimensions that the gap of solved queries needs",
    "relevance.sign_rank_low": "sign-rank, at least",
    "relevance.sign_rank_high": "sign-rank, at most",
    "relevance.dimension_low": "dimensions, at least",
    "relevance.additive_dimension": "dimensions of word sums with this recall",
}
"""Plain names of the keys of a report; hubs that are counted in other ways add a word to that."""

_COUNTED = {"centred": "centred", "kept": "equal rows kept"}
_KEY = re.compile(r"\b[a-z_]+(?:\.[a-z_]\w*)+")
_NUMBERS = ("value", "from", "to", "Gaussian", "shuffled", "random")


@dataclass(frozen=True)
class Said:
    """Sentences as a list; every character of them is shown as it is."""

    lines: tuple[str, ...]

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in self.lines)
        return f'<ul class="tex2jax_ignore mathjax_ignore">{items}</ul>'

    def __repr__(self) -> str:
        """Return the same sentences as text."""
        return "\n".join(f"- {line}" for line in self.lines)


@dataclass(frozen=True)
class Boxed:
    """A table in a box of some style classes; by default nothing in it is taken for a formula."""

    table: plots.Table
    classes: str = "tex2jax_ignore mathjax_ignore"  # a user's text is in it

    def _repr_html_(self) -> str:
        return f'<div class="{self.classes}">{self.table._repr_html_()}</div>'

    def __repr__(self) -> str:
        """Return the same table as text."""
        return repr(self.table)


def name_of(key: str) -> str:
    """Return the plain name of a key of the report.

    Examples
    --------
    >>> name_of("hubness.centred.antihubs"), name_of("relevance.mrr")
    ("share of items in nobody's list, centred", 'mean reciprocal rank')
    """
    parts = key.split(".")
    if parts[0] == "hubness" and parts[1] in _COUNTED:
        return f"{NAMES[f'hubness.raw.{parts[2]}']}, {_COUNTED[parts[1]]}"
    return NAMES.get(key, key)


def keys_of(report: Report, *prefixes: str) -> list[str]:
    """Return the keys that begin with one of `prefixes`, in the order of the report."""
    return [key for key in report.measures if key.startswith(prefixes)]


def said(report: Report, keys: Iterable[str]) -> Said:
    """Return the sentences of some measures; last, once for each reason, what has no value.

    Parameters
    ----------
    report : Report
    keys : iterable of str
        Dotted keys.
    """
    lines, without = [], dict[str, list[str]]()
    for key in keys:
        one = report[key]
        if one.measured:
            lines.append(one.sentence)
        else:
            without.setdefault(one.sentence.removesuffix("."), []).append(name_of(key))
    lines += [f"{why} ({'; '.join(names)})." for why, names in without.items()]
    return Said(tuple(lines))


def notes(report: Report) -> Said:
    """Return what was done to bad or missing input; a word where nothing was."""
    return Said(report.notes or ("Every row could be used as it is.",))


def measures_table(report: Report, keys: Sequence[str], caption: str) -> Boxed:
    """Return measures as rows: plain name, value, 95% interval, nulls and key.

    Parameters
    ----------
    report : Report
    keys : sequence of str
        Dotted keys.
    caption : str
    """
    rows = []
    for key in keys:
        one = report[key]
        row: dict[str, Any] = {"measure": name_of(key)}
        row |= dict(zip(_NUMBERS, (one.value, one.low, one.high), strict=False))
        row |= {
            shown: one.null.get(kind)
            for shown, kind in zip(_NUMBERS[3:], ("gaussian", "shuffled", "random"), strict=True)
        }
        rows.append({name: _shown(value) for name, value in row.items()} | {"key": key})
    frame = pd.DataFrame(rows, dtype=object)  # as floats the numbers would lose their format
    kept = [c for c in frame.columns if c == "value" or frame[c].notna().any()]
    return Boxed(plots.table(frame[kept], caption), "measures")


def _shown(value: Any) -> Any:
    return _Number(value) if isinstance(value, float) and not math.isnan(value) else value


class _Number(float):
    """A number of a table: four significant digits, whole numbers whole, tiny ones short."""

    def __format__(self, spec: str) -> str:
        if float.is_integer(self) and abs(self) < 1e15:
            return f"{int(self):,}"
        tiny, large = abs(self) < 1e-4, abs(self) >= 1000
        return format(float(self), ".1e" if tiny else ",.0f" if large else ".4g")


def slices_table(report: Report) -> Boxed | Said:
    """Return the slices as rows; a sentence where there are none."""
    if not report.slices:
        return Said(("Not measured: no texts were given, or no column cuts them.",))
    rows = []
    for one in report.slices:
        row: dict[str, Any] = {
            "slice": f"{one.by.replace('_', ' ')}: {one.value}",
            "rows": f"{one.n:,}",
        }
        for shown, name in (
            ("mean cosine", "mean_cosine"),
            ("effective dimension", "d_eff"),
            ("seen", "seen"),
            ("recall at 10", "recall"),
        ):
            found = one.measures[name]
            row[shown] = _with_interval(found)
        rows.append(row)
    frame = pd.DataFrame(rows)
    frame = frame.loc[:, [c for c in frame.columns if (frame[c] != "–").any()]]
    return Boxed(plots.table(frame, "Slices, with 95% intervals"))


def _with_interval(found: Any) -> str:
    if found.value is None:
        return "–"
    if found.low is None:
        return f"{found.value:.3g}"
    half = float(f"{(found.high - found.low) / 2:.1g}")  # one digit says enough
    digits = max(0, -math.floor(math.log10(half))) if half > 0 else 3
    return f"{found.value:,.{digits}f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{half:,.{digits}f}"


def examples_table(report: Report, which: str, caption: str) -> Boxed | Said:
    """Return the texts of the largest hubs or of the largest groups of equal rows.

    Parameters
    ----------
    report : Report
    which : {"hubs", "equal"}
    caption : str
    """
    rows: list[Mapping[str, Any]] = report.examples.get(which, [])
    if not rows:
        return Said(("There are none." if which == "equal" else "Not every row searched.",))
    frame = pd.DataFrame(
        {
            "row": [f"{row['row']:,}" for row in rows],
            "count": [row["count"] for row in rows],
            "text": [row["text"] or "–" for row in rows],
        }
    )
    if not any(row["text"] for row in rows):
        frame = frame.drop(columns="text")
    return Boxed(plots.table(frame, caption))


def advice_shown(report: Report) -> Said:
    """Return the advice that applies, with the values that call for it."""
    lines = []
    words = {"yes": "Do", "partly": "Helps partly", "no": "Does not help"}
    states = ("applies", "unsure")
    shown = [row for row in report.advice if row["state"] in states]
    for row in sorted(
        shown, key=lambda one: (states.index(one["state"]), list(words).index(one["helps"]))
    ):
        word = words[row["helps"]]
        doubt = " (the interval leaves it open)" if row["state"] == "unsure" else ""
        reasons = [_KEY.sub(lambda key: name_of(key[0]), why) for why in row["because"]]
        because = f" What calls for it: {'; '.join(reasons)}." if reasons else ""
        lines.append(f"{word}: {row['title']}{doubt}. {row['remedy']}{because}")
    silent = sum(row["state"] == "not_measured" for row in report.advice)
    if silent:
        lines.append(
            f"{silent} rows of the table could not be judged: they need texts, queries or "
            "judgements."
        )
    return Said(tuple(lines) or ("No row of the table applies.",))


def called_for(report: Report) -> str:
    """Return the titles of the remedies that apply and help, for the head of the page.

    Parameters
    ----------
    report : Report
    """
    rows = [row for row in report.advice if row["state"] == "applies" and row["helps"] == "yes"]
    titles = [row["title"][:1].lower() + row["title"][1:] for row in rows]
    return "; ".join(titles) or "nothing that was measured to help"
