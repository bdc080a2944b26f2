"""A chapter's number is that of its file, wherever it stands in the side bar.

Readers, links and records name chapters by it; the order of reading begins with what to do. A page
among them that is no chapter, like that of a part, has no number.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles

_NUMBERED = re.compile(r"/(\d\d)-[^/]*$")


def number_of(page: str) -> int | None:
    """Return the number in the name of a chapter's file.

    >>> number_of("book/chapters/05-hubness"), number_of("book/glossary")
    (5, None)
    """
    found = _NUMBERED.search(page)
    return int(found[1]) if found else None


def keep_numbers(env) -> None:
    """Put the number of the file in the place of the one that was counted."""
    for page, numbers in env.toc_secnumbers.items():
        number = number_of(page)
        for anchor, counted in numbers.items():
            numbers[anchor] = counted and number and (number, *counted[1:])
        for node in [env.titles[page], *env.tocs[page].findall(nodes.reference)]:
            if counted := node.attributes.pop("secnumber", None):
                if number:
                    node["secnumber"] = [number, *counted[1:]]


def setup(app):
    """Number chapters after sphinx_external_toc has, and before figures are numbered."""
    counted = TocTreeCollectorWithStyles.assign_section_numbers

    def assign(self, env) -> list[str]:
        changed = counted(self, env)
        keep_numbers(env)
        return changed

    TocTreeCollectorWithStyles.assign_section_numbers = assign
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
