"""Code with an element only around what the page paints otherwise than the words beside it.

The formatter of Pygments puts one around every name, bracket and space: two thirds of the weight of
a chapter. Here tokens that both styles paint alike share a class, and what has the colour of a name
has none.
"""

from __future__ import annotations

from pygments.formatters import HtmlFormatter
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Generic, Name, Operator
from sphinx.highlighting import PygmentsBridge


class Light(HtmlFormatter):
    """Give a token the class of the first one that looks like it, and a plain one none."""

    def _get_css_classes(self, ttype) -> str:
        while ttype not in STANDARD_TYPES:
            ttype = ttype.parent
        return CLASSES.get(ttype, STANDARD_TYPES[ttype])


CLASSES: dict = {}


def shared_classes(*styles: str) -> dict:
    """Return the class of every type of token, the same for what all `styles` paint alike.

    >>> classes = shared_classes("a11y-high-contrast-light", "a11y-high-contrast-dark")
    >>> classes[Name], classes[Operator], classes[Name.Function] != ""
    ('', '', True)
    """
    kept = [get_style_by_name(name) for name in styles]

    def look(ttype) -> str:
        return str([style.style_for_token(ttype) for style in kept])

    first: dict[str, str] = {look(Name): ""}
    shortest = sorted(STANDARD_TYPES.items(), key=lambda item: len(item[1]))
    found = {t: first.setdefault(look(t), name) for t, name in shortest}
    found |= {t: "" for t in found if t in Operator and t is not Operator.Word}
    return found | {t: name for t, name in STANDARD_TYPES.items() if t in Generic}  # of consoles


def setup(app):
    """Let Sphinx write code with this formatter."""

    def choose(app, config) -> None:
        options = config.html_theme_options
        CLASSES.update(
            shared_classes(options["pygments_light_style"], options["pygments_dark_style"])
        )
        PygmentsBridge.html_formatter = Light

    app.connect("config-inited", choose)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
