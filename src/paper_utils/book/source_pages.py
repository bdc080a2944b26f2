"""Every claim in full, with its values and the reason of its verdict: a page for some sources."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from paper_utils.book.chapters import Chapter
from paper_utils.claims import Verdict, badge, format_value, groups, outcome
from paper_utils.claims.tables import (
    measured_cell,
    shown_reason,
    table_row,
    typeset,
)

OWN = "Results of this book"
RESTATED = "Side by side"
SLIPS = "Slips of the pen"
ABOUT = {
    RESTATED: "Each restates the verdicts that it names. None is counted.",
    SLIPS: "Mistakes of writing in a source. None is counted as a claim.",
}
# One page of everything would weigh 400 KB. `_toc.yml` names these; a source that none names
# stands on the last one.
PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "verdicts-krasnov": ("Verdicts: Krasnov", ("krasnov-dual-encoder-limits",)),
    "verdicts-limit": (
        "Verdicts: LIMIT and the answers to it",
        (
            "weller-2026-limit",
            "limit-digest-2025",
            "jiqizhixin-2025-limit",
            "wang-2026-med",
            "archish-2026-single-vector",
            "bangachev-2026-dimensionality",
        ),
    ),
    "verdicts-own": ("Verdicts: results of this book", ("own",)),
    "verdicts-others": ("Verdicts: other papers", ()),
}


def page_of(source: str) -> str:
    """Return the name of the page that has the claims of a source in full.

    >>> page_of("weller-2026-limit"), page_of("one-more-paper")
    ('verdicts-limit', 'verdicts-others')
    """
    return next((name for name, (_, keys) in PAGES.items() if source in keys), "verdicts-others")


def source_names(root: Path) -> dict[str, tuple[str, str]]:
    """Return a short name ("Weller et al. (2026)") and the title of every source, by key."""
    from pybtex.database import parse_file

    names = {}
    for key, entry in parse_file(str(root / "book" / "references.bib")).entries.items():
        year, name = entry.fields.get("year"), author_names(entry)
        texts = (f"{name} ({year})" if year else name, entry.fields.get("title", ""))
        names[key] = tuple(re.sub(r"[{}]", "", text) for text in texts)
    return names


def author_names(entry: Any) -> str:
    """Return 'A', 'A and B' or 'A et al.' for an entry of the bibliography; else its key."""
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [" ".join(one.prelast_names + one.last_names).strip("{}") for one in people]
    if len(names) > 2 or "others" in names:
        return f"{names[0]} et al."
    return " and ".join(names) or entry.fields.get("key", entry.key)


def by_source(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    """Return the verdicts that count, by source; this book's own results stand last."""
    found = groups(verdicts)
    sources: dict[str, list[Verdict]] = {}
    for item in found["literature"] + found["own"]:
        sources.setdefault(item.claim.source, []).append(item)
    return sources


def shown_names(known: Mapping[str, tuple[str, str]], sources: Iterable[str]) -> dict[str, str]:
    """Return what each source is called on a page; one that no bibliography has is its key."""
    return {key: html.escape(known.get(key, (key, ""))[0]) for key in sources} | {"own": OWN}


def about_source(key: str, known: Mapping[str, tuple[str, str]]) -> str:
    """Return the title of a source with its citation, empty where no bibliography has it."""
    return f"*{known[key][1]}* {{cite:p}}`{key}`" if key in known else ""


def number_links(chapters: Sequence[Chapter]) -> dict[str, str]:
    """Return a short link to every chapter, by its slug, for pages that stand beside them."""
    text = "[chapter\N{NO-BREAK SPACE}{}](./{}.ipynb)".format
    return {one.slug: text(int(one.name.partition("-")[0]), one.name) for one in chapters}


def source_pages(
    root: Path, chapters: Sequence[Chapter], verdicts: Sequence[Verdict]
) -> dict[str, str]:
    """Return the pages that have a claim as MyST Markdown, by the name of their file."""
    known = source_names(root)
    names = shown_names(known, {item.claim.source for item in verdicts})
    links = number_links(chapters)
    pages = {}
    for page, (title, _) in PAGES.items():
        mine = [item for item in verdicts if page_of(item.claim.source) == page]
        if not mine:
            continue
        lines = [
            *("---", "html_theme.sidebar_secondary.remove: true", "---", "", f"# {title}", ""),
            "Each claim with what its source prints, what was measured, and what decided. Brackets "
            "after a value hold its interval, 95% unless the chapter says otherwise. "
            "[All verdicts](./verdicts.md) has every claim in a line.",
            "",
        ]
        for key, items in by_source(mine).items():
            lines += [f"## {names[key]}", "", about_source(key, known), "", _table(items, links)]
            lines.append("")
        found = groups(mine)
        for name, items in ((RESTATED, found["restated"]), (SLIPS, found["slips"])):
            if items:
                lines += [f"## {name}", "", ABOUT[name], "", _table(items, links, names), ""]
        pages[page] = "\n".join(lines)
    return pages


def _table(
    items: Sequence[Verdict], links: Mapping[str, str], sources: Mapping[str, str] | None = None
) -> str:
    """Return a table of claims; `sources` adds the name of each one's source."""
    rows = [["Claim", "Claimed and measured", "Verdict"], ["---"] * 3]
    for item in items:
        claim = item.claim
        at = claim.at if sources is None else f"{sources[claim.source]}, {claim.at}"
        place = "" if claim.source == "own" else f'<span class="place">{at}</span><br>'
        rows.append(
            [
                f'<span class="claim-mark" id="claim-{claim.id}"></span>**{claim.id}** {place}'
                f"{claim.statement}<br>{_restates(item)}"
                f'<span class="place">{links.get(claim.chapter, claim.chapter)}</span>',
                f'<span class="label">Claimed:</span> {typeset(format_value(claim.claimed))}<br>'
                f'<span class="label">Measured:</span> {"<br>" * _several(item)}'
                f"{measured_cell(item.claim, item.record)}",
                "<br>".join(filter(None, [badge(item), shown_reason(item)])),
            ]
        )
    return "\n".join(map(table_row, rows))


def _restates(item: Verdict) -> str:
    links = ", ".join(f'<a href="verdicts.html#claim-{id}">{id}</a>' for id in item.claim.restates)
    return f"Restates {links}.<br>" if links else ""


def _several(item: Verdict) -> bool:
    return item.record is not None and isinstance(item.record.measured, Mapping)


def claim_lines(items: Sequence[Verdict], sources: Mapping[str, str] | None = None) -> str:
    """Return a table with a line a claim: verdict, id and statement; the id leads to the whole."""
    rows = [["Verdict", "Claim"], ["---"] * 2]
    for item in items:
        claim = item.claim
        mark = (
            f'<span class="claim-mark" id="claim-{claim.id}" '
            f'data-source="{html.escape(claim.source)}" data-verdict="{outcome(item)}"></span>'
        )
        whole = f'<a href="{page_of(claim.source)}.html#claim-{claim.id}">{claim.id}</a>'
        of = f"{sources[claim.source]}: " if sources else ""
        rows.append([f"{mark}{badge(item)}", f"**{whole}** {of}{short(claim.statement)}"])
    return "\n".join(map(table_row, rows))


def short(statement: str) -> str:
    """Return a statement without what it says of how it was measured.

    >>> short("It rises with $n$. (Measured: the slope, in bits (base 2).)")
    'It rises with $n$.'
    """
    return re.sub(r"\s*\(Measured\b.*\)$", "", statement.strip(), flags=re.DOTALL)
