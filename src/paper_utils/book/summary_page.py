"""The book on two pages: the questions and the short answers of the front page, how far they hold.

`paper pdf` prints it on two sheets of paper; on the screen it is a page like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from paper_utils.book.chapters import Chapter
from paper_utils.book.cite_page import citation
from paper_utils.book.pdf import LINK
from paper_utils.book.questions import chart
from paper_utils.book.source_pages import number_links
from paper_utils.book.verdict_page import count_words, told, told_texts
from paper_utils.claims import Verdict, badge, counts


def summary_page(root: Path, chapters: Sequence[Chapter], verdicts: Sequence[Verdict]) -> str:
    """Return the page as MyST Markdown; an answer that a question has is not told twice."""
    links = number_links(chapters)
    headlines = list(told(root, "claim", verdicts))
    overturn = {item.claim.id: entry.get("overturn", "") for entry, item, _, _ in headlines}
    asked: list[str] = []
    answered = set()
    for entry, item, found, _ in told(root, "question", verdicts):
        answered.add(item.claim.id)
        (valid,) = told_texts(entry, item, "valid")
        by = entry.get("overturn", overturn.get(item.claim.id, ""))
        asked += [
            *(f"**{entry['question']}** {found}", ""),
            *([chart(entry["id"], **entry["chart"]), ""] if "chart" in entry else []),
            *(_small(f"Valid for {valid}", by, item, links), ""),
        ]
    answers = [
        f'- <span class="claimed">*Claim*: {entry["claim"]}</span> → {badge(item)} **{found}** '
        + _small(more, overturn[item.claim.id], item, links)
        for entry, item, found, more in headlines
        if item.claim.id not in answered
    ]
    found = counts(verdicts)["literature"]
    lines = [
        *("# The book on two pages", "", "{.lead}"),
        "Which limits of search by embeddings are really there, how far away are they, and what "
        f"helps? What {len(chapters)} chapters measured, for readers in a hurry.",
        "",
        f"Of {sum(found.values())} claims of the literature {count_words(found)}. {LINK}",
        "",
    ]
    lines += ["## What engineers and researchers ask", "", *asked] if asked else []
    if answers:
        lines += ["## What is claimed, and what was found", "", "{.headlines}", *answers, ""]
    return "\n".join([*lines, *_cited(root)])


def _small(text: str, overturn: str, item: Verdict, links: Mapping[str, str]) -> str:
    """Return what stands under an answer: how far it holds, what would overturn it, and where."""
    by = f"*Overturned by* {' '.join(overturn.split())}" if overturn else ""
    where = f"Read on: {links.get(item.claim.chapter, item.claim.chapter)}."
    return f'<span class="place">{" ".join(filter(None, (text, by, where)))}</span>'


def _cited(root: Path) -> list[str]:
    book = citation(root)
    if not book:
        return []
    day, author = book["date-released"], book["authors"][0]["name"]
    return [
        f'<span class="place">{author}: *{book["title"]}*, version {book["version"]}, '
        f"{day.day} {day:%B %Y}. {book.get('url', '')}</span>",
        "",
    ]
