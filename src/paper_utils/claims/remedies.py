"""The table from symptoms to remedies, each row with the measurement behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import yaml

from paper_utils.claims.evidence import Evidence, read_evidence
from paper_utils.claims.links import chapter_link
from paper_utils.claims.tables import table_row
from paper_utils.paths import RESOURCES

_BADGES = {
    "yes": '<span class="verdict verdict-holds">✓ helps</span>',
    "partly": '<span class="verdict verdict-conditional">◐ in part</span>',
    "no": '<span class="verdict verdict-fails">✗ does not help</span>',
}
WORDS = {
    "cosine.mean": "mean cosine",
    "dimension.participation": "participation ratio",
    "dimension.share": "effective dimension over the dimension",
    "fragmentation.pieces_per_word": "pieces a word",
    "hubness.duplicates_gain": "skewness that equal vectors add",
    "hubness.raw.skewness": "skewness of the neighbour counts",
    "relevance.centring_gain": "gain in recall@10 by centring",
    "relevance.free_fit_d": "dimensions that free vectors need",
    "relevance.hybrid_gain": "gain in recall@10 by adding BM25",
    "relevance.oracle_100": "recall@10 that a perfect re-ranker of 100 has",
    "relevance.recall_10": "recall@10",
    "relevance.recall_10_bm25": "recall@10 of BM25",
    "relevance.rerank_gain": "gain that a perfect re-ranker of 100 would have",
    "relevance.solved": "share of queries with all that is relevant on top",
    "stability.bfloat16": "top k kept in bfloat16",
    "stability.binary": "top k kept with one bit",
    "stability.half": "top k kept by half of the coordinates",
    "stability.int8": "top k kept with one byte",
    "stability.tied": "share of searches with a tie at the cut",
}
"""How a key of the audit's report reads in a sentence, for every key that a symptom names."""


@dataclass(frozen=True)
class Symptom:
    """One line of a symptom: a key of the audit's report on one side of a number or key."""

    key: str
    side: str
    than: float | str
    reason: str

    def __str__(self) -> str:
        """Return the symptom in words."""
        than = WORDS[self.than] if isinstance(self.than, str) else f"{self.than:g}"
        return f"{WORDS[self.key]} {self.side} {than}"


@dataclass(frozen=True)
class Remedy:
    """One row of ``resources/advice.yml``.

    Attributes
    ----------
    id, title : str
    helps : {'yes', 'partly', 'no'}
        Whether what was measured speaks for it.
    when : tuple of Symptom
        All must hold.
    remedy, cost : str
    evidence : tuple of Evidence
    chapter : str
        Slug of the chapter that measured it.
    """

    id: str
    title: str
    helps: str
    when: tuple[Symptom, ...]
    remedy: str
    cost: str
    evidence: tuple[Evidence, ...]
    chapter: str

    @property
    def changes(self) -> dict[str, Evidence]:
        """Return the evidence that is a change with an interval, by what was measured."""
        signed = (item for item in self.evidence if item.format.startswith("+"))
        return {item.what: item for item in signed if item.low is not None}


@cache
def _rows() -> tuple[Remedy, ...]:
    entries = yaml.safe_load((RESOURCES / "advice.yml").read_text(encoding="utf-8"))
    return tuple(map(_one, entries))


def _one(entry: Mapping) -> Remedy:
    return Remedy(
        id=entry["id"],
        title=entry["title"],
        helps=entry["helps"],
        when=tuple(
            Symptom(line["key"], line["is"], line["than"], line["from"])
            for line in entry.get("when", [])
        ),
        remedy=" ".join(entry["remedy"].split()),
        cost=entry["cost"],
        evidence=tuple(map(read_evidence, entry["evidence"])),
        chapter=entry["chapter"],
    )


def remedies(*helps: str) -> dict[str, Remedy]:
    """Return the rows of the table by id, all or those whose `helps` is named.

    Examples
    --------
    >>> remedies("no")["whiten"].title
    'Whitening'
    """
    return {row.id: row for row in _rows() if not helps or row.helps in helps}


class DecisionTable:
    """Remedies as a table of symptom, remedy, measurement and cost."""

    def __init__(self, rows: Iterable[Remedy]) -> None:
        self.rows: Sequence[Remedy] = list(rows)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/markdown": self._markdown(), "text/plain": repr(self)}

    def _markdown(self) -> str:
        rows = [("If the audit shows", "then", "measured here"), ("---", "---", "---")]
        for row in self.rows:
            symptom = "<br>and ".join(map(str, row.when)) or "none of these"
            found = "<br>".join(f"{item.what}: **{item}**" for item in row.evidence)
            rows.append(
                (
                    f'<span class="remedy"></span>{symptom}',
                    f"**{row.title}** {_BADGES[row.helps]}<br>{row.remedy}"
                    f'<br><span class="place">Cost: {row.cost}</span>',
                    f"{found or '–'}<br>{chapter_link(row.chapter)}",
                )
            )
        return "\n".join(map(table_row, rows))

    def __repr__(self) -> str:
        lines = []
        for row in self.rows:
            symptom = " and ".join(map(str, row.when)) or "none of these"
            lines.append(f"if {symptom}: {row.title} (helps: {row.helps})")
            lines += [f"  {item.what}: {item} ({item.source})" for item in row.evidence]
        return "\n".join(lines)


def decision_table(rows: Mapping[str, Remedy]) -> DecisionTable:
    """Return remedies as a table that a notebook shows."""
    return DecisionTable(rows.values())
