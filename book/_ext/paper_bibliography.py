"""The style of the bibliography: entries sorted by author, each labelled 'Author, year'.

pybtex's own styles label entries with numbers or codes such as ``WBNL26``, which nobody can look
up. In the text, semicolons part citations beside each other, for each has a comma of its own.
"""

from __future__ import annotations

from collections import Counter
from string import ascii_lowercase

import pybtex.plugin
import sphinxcontrib.bibtex.plugin
from pybtex.richtext import Text
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.template import field, sentence
from sphinxcontrib.bibtex.style.referencing import BracketStyle, PersonStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle
from sphinxcontrib.bibtex.style.template import node

from paper_utils.book.source_pages import author_names


class LabelStyle(BaseLabelStyle):
    """Labels 'Author, year', with a, b, … where two would be the same."""

    def format_labels(self, sorted_entries):
        """Yield one label an entry, in the order of the list."""
        plain = [
            ", ".join(filter(None, [author_names(entry), entry.fields.get("year", "")]))
            for entry in sorted_entries
        ]
        total, seen = Counter(plain), Counter()
        for label in plain:
            yield label + (ascii_lowercase[seen[label]] if total[label] > 1 else "")
            seen[label] += 1


class Style(PlainStyle):
    """The plain style with these labels and with titles as their authors spell them."""

    default_label_style = LabelStyle

    def format_title(self, e, which_field, as_sentence=True):
        """Return the title; the plain style would write it in lower case."""
        title = field(which_field)
        return sentence[title] if as_sentence else title


@node
def _people(children, data, style, full):
    """Return 'A et al.' for an entry that names one author and others; else what is usual."""
    people = data["entry"].persons.get("author", [])
    if len(people) == 2 and str(people[1]) == "others":
        return Text(style.style_plugin.format(people[0]).format_data(data), style.other)
    return PersonStyle.author_or_editor_or_title(style, full).format_data(data)


class People(PersonStyle):
    """How citations name authors."""

    def author_or_editor_or_title(self, full):
        """Return a template of the names."""
        return _people(style=self, full=full)


class ReferenceStyle(AuthorYearReferenceStyle):
    """Citations by author and year."""

    def __init__(self):
        brackets = BracketStyle(sep="; ")
        super().__init__(person=People(), bracket_parenthetical=brackets, bracket_textual=brackets)


def setup(app):
    """Register the styles under the name that `_config.yml` uses."""
    pybtex.plugin.register_plugin("pybtex.style.formatting", "paper", Style)
    sphinxcontrib.bibtex.plugin.register_plugin(
        "sphinxcontrib.bibtex.style.referencing", "paper", ReferenceStyle
    )
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
