"""What would change our mind: for each short answer the experiment that would overturn it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from paper_utils.book.verdict_page import told
from paper_utils.claims import Verdict, badge

_ABOUT = """\
# What would change our mind

{.lead}
Each short answer of this book can be wrong. Here stands what would show it, and the command that
runs the nearest thing to it.

A result counts against an answer when it is the same measure with its interval, on data or encoders
that the answer speaks of. If you have one, open an issue with the repository's template
*Counter-evidence*, and bring the record or the notebook that the command wrote.
A finding that holds up changes the verdict, with your name beside it.
"""


def overturn_page(root: Path, verdicts: Sequence[Verdict], links: Mapping[str, str]) -> str:
    """Return the page as MyST Markdown; an answer without such an experiment is not on it."""
    lines = [_ABOUT]
    for subject, heading in (("claim", "The short answers"), ("question", "The questions")):
        items = []
        for entry, item, found, _ in told(root, subject, verdicts):
            if "overturn" in entry:
                where = links.get(item.claim.chapter, item.claim.chapter)
                said = mark = ""  # the verdict is of the claim, no answer to the question
                if subject == "claim":  # who skims the headings must not leave with one that fails
                    said, mark = f": {item.verdict}", f"{badge(item)} "
                items += [
                    f"### {entry[subject].rstrip('.')}{said}",
                    "",
                    f"{mark}{found}",
                    "",
                    f"**It would be overturned by** {entry['overturn']}",
                    "",
                    f"```sh\n{entry['run']}\n```",
                    "",
                    f'<span class="place"><a href="verdicts.html#claim-{item.claim.id}">'
                    f"{item.claim.id}</a>, {where}</span>",
                    "",
                ]
        lines += [f"## {heading}", "", *items] if items else []
    return "\n".join(lines)
