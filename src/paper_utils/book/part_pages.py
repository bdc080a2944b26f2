"""The page of each part of `_toc.yml`: what it answers, in which order, what each chapter found.

Titles and verdicts are read off the chapters here; reading times and findings off the rendered
chapters by `book/_ext/paper_parts.py`, which fills the empty elements with `data-` attributes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from paper_utils.book.chapters import Chapter
from paper_utils.book.state import pages_in
from paper_utils.claims import VERDICTS, Verdict, groups
from paper_utils.claims.tables import OUTCOMES
from paper_utils.errors import PaperError, did_you_mean

PREFIX = "part-"


def page_of_part(part: Mapping[str, Any]) -> str:
    """Return the name of a part's own page, its first entry; empty where it has none.

    >>> page_of_part({"chapters": [{"file": "book/chapters/part-x"}, {"file": "book/a"}]})
    'part-x'
    """
    name = Path(part["chapters"][0]["file"]).name
    return name if name.startswith(PREFIX) else ""


def part_pages(
    root: Path, chapters: Sequence[Chapter], verdicts: Sequence[Verdict]
) -> dict[str, str]:
    """Return the pages as MyST Markdown, by the name of their file."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    named = {name: part for part in toc.get("parts", []) if (name := page_of_part(part))}
    file = root / "book" / "parts.yml"
    texts = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    known = {one.name: one for one in chapters}
    pages = {}
    for name, part in named.items():
        if name not in texts:
            raise PaperError(f"parts.yml has nothing on {name!r}; {did_you_mean(name, texts)}")
        mine = [known[one] for page in pages_in(part) if (one := Path(page).name) in known]
        pages[name] = _page(part["caption"], texts[name], mine, verdicts)
    return pages


def _page(
    title: str, text: Mapping[str, str], chapters: Sequence[Chapter], verdicts: Sequence[Verdict]
) -> str:
    found = groups(verdicts)
    counted = found["literature"] + found["own"]
    all_names = " ".join(one.name for one in chapters)
    lines = [
        *(f"# {title}", "", "{.lead}", text["answers"].strip(), "", text["order"].strip(), ""),
        f"{len(chapters)} chapters, {_minutes(all_names)}.",
        "",
    ]
    for one in chapters:
        mine = [item for item in counted if item.claim.chapter == one.slug]
        lines += [
            f"**[{int(one.name.partition('-')[0])}. {one.title}](./{one.name}.ipynb)**<br>"
            f'<span data-found="{one.name}"></span><br>'
            f'<span class="place">{_minutes(one.name)} · {counted_verdicts(mine)}</span>',
            "",
        ]
    return "\n".join(lines)


def _minutes(names: str) -> str:
    return f'<span data-minutes="{names}"></span> min to read'


def counted_verdicts(items: Sequence[Verdict]) -> str:
    """Return how many claims there are, and how many of each verdict, as inline HTML."""
    seen = Counter(item.verdict for item in items)
    parts = [
        f'<span class="verdict verdict-{word}">{OUTCOMES[word]}</span> {seen[word]}'
        for word in VERDICTS
        if seen[word]
    ]
    return f"{len(items)} claim{'s' if len(items) != 1 else ''} {' '.join(parts)}".rstrip()
