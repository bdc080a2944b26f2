"""Words that readers look for, by page (`book/keywords.yml`), as entries of the index.

The search of Sphinx passes over numbers and other spellings in the text, but looks its index up.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform

_FILE = Path("book") / "keywords.yml"


class Keywords(SphinxTransform):
    """Add the words of a page to its first section."""

    default_priority = 800  # before Sphinx collects the index

    def apply(self, **_) -> None:
        """Add a node with all entries."""
        words = self.app.paper_keywords.get(self.env.docname, [])
        section = next(iter(self.document.findall(nodes.section)), None)
        if words and section is not None:
            anchor = section["ids"][0]
            entries = [("single", str(word), anchor, "", None) for word in words]
            section.insert(1, addnodes.index(entries=entries))


def read_words(app) -> None:
    """Read the words; a page that is not in the book is an error where the book is whole."""
    path = Path(app.srcdir) / _FILE
    kept = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    whole = app.config.root_doc == "book/index"
    wrong = sorted(page for page in kept if whole and page not in app.project.discover())
    if wrong:
        raise ExtensionError(f"{_FILE}: {wrong[0]!r} is no page of the book")
    app.paper_keywords = kept


def setup(app):
    """Read the words before the pages."""
    app.connect("builder-inited", read_words)
    app.add_transform(Keywords)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
