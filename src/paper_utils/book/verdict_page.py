"""The page of verdicts: a summary, a filter, and every claim in a line; and its short answers."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from paper_utils.book.chapters import Chapter
from paper_utils.book.source_pages import (
    ABOUT,
    RESTATED,
    SLIPS,
    about_source,
    by_source,
    claim_lines,
    page_of,
    shown_names,
    source_names,
)
from paper_utils.claims import VERDICTS, Verdict, badge, counts, groups, outcome
from paper_utils.claims.evidence import read_evidence
from paper_utils.claims.ledger import STATUSES
from paper_utils.claims.tables import OUTCOMES, table_row, typeset
from paper_utils.errors import PaperError, did_you_mean

_OPTIONAL = {"front", "more", "with", "overturn", "run", "asked_by", "valid", "chart"}
_TOLD_IN = {"claim": "headlines.yml", "question": "questions.yml"}
_STATUS = {
    "measured": "measured here",
    "recomputed": "recomputed from printed values",
    "citation": "checked in the sources",
    "published": "published, not run here",
    "not_run": "not run for another reason",
}


def verdict_page(root: Path, chapters: Sequence[Chapter], verdicts: Sequence[Verdict]) -> str:
    """Return the page as MyST Markdown; `verdicts` are in the order of the ledger."""
    known = source_names(root)
    sources = by_source(verdicts)
    counted = [item for items in sources.values() for item in items]
    by_status = {
        key: items for key in STATUSES if (items := [x for x in counted if x.status == key])
    }
    shown = dict.fromkeys([*sources, *(item.claim.source for item in verdicts)])
    names = shown_names(known, shown)
    places = {key: f"[{names[key]}](./{page_of(key)}.md)" for key in sources}
    answers = headline_items(root, verdicts, chapter_links(chapters))
    lines = [
        "---",
        "html_theme.sidebar_secondary.remove: true",
        "---",
        "",
        "# Verdicts",
        "",
        "{.lead}",
        "Every claim that this book takes up, in a line with its verdict.",
        "",
        *_summary(verdicts),
        *_count_table("Source", {places[key]: items for key, items in sources.items()}),
        *_count_table("Status", {_STATUS[key]: items for key, items in by_status.items()}),
        *(["## The short answers", "", *answers] if answers else []),
        "## All claims",
        "",
        "A verdict is computed from the claim, a rule and the measurement. Where no rule can "
        "decide, it is marked *(judged)*. The name of a claim leads to what its source prints, "
        "what was measured, and what decided.",
        "",
        _filter(shown, names, verdicts),
        "",
    ]
    for key, items in sources.items():
        lines += [f"### {names[key]}", "", about_source(key, known), "", *_lines(items), ""]
    found = groups(verdicts)
    for title, items in ((RESTATED, found["restated"]), (SLIPS, found["slips"])):
        if items:
            lines += [f"### {title}", "", ABOUT[title], "", *_lines(items, names), ""]
    return "\n".join(lines)


def _lines(items: Sequence[Verdict], names: Mapping[str, str] | None = None) -> list[str]:
    return ['<div class="claim-lines">', "", claim_lines(items, names), "", "</div>"]


def chapter_links(chapters: Sequence[Chapter]) -> dict[str, str]:
    """Return a link to every chapter, by its slug, for pages that stand beside them."""
    return {one.slug: f"[{one.title}](./{one.name}.ipynb)" for one in chapters}


def count_words(found: Mapping[str, int]) -> str:
    """Return how many claims hold, hold in part, fail and are open, as the end of a sentence."""
    are = "is" if found["open"] == 1 else "are"
    return (
        f"{found['holds']} hold as stated, {found['conditional']} in some of the cases that they "
        f"cover, {found['fails']} fail and {found['open']} {are} open"
    )


def _summary(verdicts: Sequence[Verdict]) -> list[str]:
    found = counts(verdicts)
    others, own = found["literature"], found["own"]
    status, total = found["status"], sum(found["status"].values())
    judged = sum(item.judged for item in verdicts)
    not_run = status["not_run"]
    return [
        f"Of {sum(others.values())} claims of the literature {count_words(others)}. Beside them "
        f"stand {sum(own.values())} results of this book's own, of which {count_words(own)}: they "
        "were found on the way and say nothing of how often the literature is right. "
        f"Not counted are {found['restated']} that only restate others and {found['slips']} slips "
        "of the pen.",
        "",
        f"Of the {total} that count, {status['measured']} were measured here, "
        f"{status['recomputed']} recomputed from printed values and {status['citation']} checked "
        f"in the sources; {status['published']} are published values that nobody has run here"
        + (f"; not run for another reason: {not_run}" if not_run else "")
        + ". What was not run is open and says what running it would take. "
        f"{judged} verdicts are judged, not computed.",
        "",
    ]


def _count_table(head: str, rows: Mapping[str, Sequence[Verdict]]) -> list[str]:
    """Return how many verdicts of each kind the groups have, and all together."""
    whole = [item for items in rows.values() for item in items]
    lines = [[head, *(OUTCOMES[word].split(" ")[1] for word in VERDICTS), "all"]]
    lines.append(["---", *["---:"] * (len(VERDICTS) + 1)])
    for name, items in rows.items():
        found = Counter(item.verdict for item in items)
        lines.append([name, *(str(found[word] or "–") for word in VERDICTS), str(len(items))])
    total = Counter(item.verdict for item in whole)
    lines.append(["**all**", *(f"**{total[word]}**" for word in VERDICTS), f"**{len(whole)}**"])
    return ['<div class="verdict-counts">', "", *map(table_row, lines), "", "</div>", ""]


def load_headlines(root: Path, subject: str = "claim") -> list[dict[str, str]]:
    """Return `book/headlines.yml`, whose head explains the fields; empty without such a file.
    With 'question' as subject `book/questions.yml`, which has a question for the claim.
    """
    path = root / "book" / _TOLD_IN[subject]
    if not path.is_file():
        return []
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    for entry in entries:
        if set(entry) - _OPTIONAL != {"id", subject, "verdict", "found"}:
            raise PaperError(
                f"{path.name}: id, {subject}, verdict and found, not {', '.join(entry)}"
            )
    return entries


def headline_items(
    root: Path, verdicts: Sequence[Verdict], links: Mapping[str, str], *, front: bool = False
) -> list[str]:
    """Return the headlines as items of a list; `front`: the marked ones, for the front page."""
    lines = []
    for entry, item, found, more in told(root, "claim", verdicts):
        if front and not entry.get("front"):
            continue
        where = links.get(item.claim.chapter, item.claim.chapter)
        if not front:
            where = f'<a href="#claim-{item.claim.id}">{item.claim.id}</a>, {where}'
        lines.append(
            f'- <span class="claimed">*Claim*: {entry["claim"]}</span> → {badge(item)} '
            f'**{found}** {more} <span class="place">{where}</span>'.replace("  ", " ")
        )
    return ["{.headlines}", *lines, ""] if lines else []


def told(
    root: Path, subject: str, verdicts: Sequence[Verdict]
) -> Iterator[tuple[Mapping[str, Any], Verdict, str, str]]:
    """Give the entries whose claim was measured and has their verdict, and their two texts."""
    by_id = {item.claim.id: item for item in verdicts}
    for entry in load_headlines(root, subject):
        item, file = by_id.get(entry["id"]), _TOLD_IN[subject]
        if item is None:
            raise PaperError(f"{file}: {entry['id']!r}; {did_you_mean(entry['id'], by_id)}")
        try:
            found, more = headline_texts(entry, item)
        except (KeyError, AttributeError):
            continue  # a small profile measures fewer conditions
        if item.verdict == entry["verdict"]:  # of another profile it may be another
            yield entry, item, found, more


def headline_texts(entry: Mapping[str, Any], verdict: Verdict) -> list[str]:
    """Return what was found and what else must be known, with the values named in braces.

    KeyError: no such condition was measured. AttributeError: nothing was.

    >>> from paper_utils.claims import Claim, Record, judge
    >>> verdict = judge(Claim("X", "own", "here", "s", "own", "c"), Record("X", {"a": 0.5}))
    >>> headline_texts({"found": "Near {measured[a]:.0%}."}, verdict)
    ['Near 50%.', '']
    """
    return told_texts(entry, verdict, "found", "more")


def told_texts(entry: Mapping[str, Any], verdict: Verdict, *fields: str) -> list[str]:
    """Return the texts of an entry's fields, with the values that they name in braces."""
    values = {name: read_evidence(one) for name, one in entry.get("with", {}).items()}
    found = verdict.record
    values |= {"measured": found.measured, "interval": found.interval, "n": found.n}
    texts = (entry.get(field, "") for field in fields)
    return [" ".join(typeset(text.format(**values)).split()) for text in texts]


def _filter(
    sources_shown: Iterable[str],
    names: Mapping[str, str],
    verdicts: Sequence[Verdict],
) -> str:
    """Return the form that verdicts.js brings to life; without it the form stays hidden."""
    counts = Counter(outcome(item) for item in verdicts)
    sources = "".join(
        f'<option value="{html.escape(key)}">{names[key]}</option>' for key in sources_shown
    )
    boxes = "".join(
        f'<label><input type="checkbox" name="verdict" value="{word}">'
        f'<span class="verdict verdict-{word}">{text}</span> '
        f'<span class="count">{counts[word]}</span></label>'
        for word, text in OUTCOMES.items()
        if counts[word]
    )
    return (
        '<form class="claim-filter" hidden aria-label="Filter the claims">'
        '<label class="source">Source <select name="source">'
        f'<option value="">all sources</option>{sources}</select></label>'
        f"<fieldset><legend>Verdict</legend>{boxes}</fieldset>"
        '<p><span role="status"></span> <button type="reset">Show all</button></p>'
        "</form>"
    )
