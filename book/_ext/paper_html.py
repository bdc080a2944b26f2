"""Last touches to the HTML of a page that no style sheet can give.

- A formula in running text is a box of its own to a browser, which may break the line between it
  and the comma, the bracket or the ``-dimensional`` that belongs to it.
- Some extensions write ARIA roles and labels that hide their content from screen readers, or the
  same id for every proof.
- Jupyter Book loads the formula renderer, 1.3 MB, on pages without a formula too.
- The script that filters claims is for the page of verdicts alone.
"""

from __future__ import annotations

import re

_FORMULA = r'<span class="math notranslate nohighlight">[^<]*</span>'
_WITH_NEIGHBOURS = re.compile(rf"((?:\w+-|[(\[“‘])*)({_FORMULA})((?:[-–]\w+|[)\],.;:!?”’])*)")
_WRONG_ATTRIBUTES = re.compile(
    r' role="doc-biblioentry"'  # deprecated, and not allowed on a div
    r'|(?<=<div) role="list"(?= class="citation-list")'  # its children are no list items
    r'|(?<=<summary) aria-label="Toggle hidden content"'  # hides 'Show code cell source'
    r'|(?<=<div class="proof admonition") id="proof"| id="proof-content"'  # once a page is allowed
)


def keep_together(html: str) -> str:
    """Return `html` with each inline formula glued to the punctuation around it.

    Examples
    --------
    >>> keep_together('of <span class="math notranslate nohighlight">x</span>, say')
    'of <span class="together"><span class="math notranslate nohighlight">x</span>,</span> say'
    """

    def glue(match: re.Match) -> str:
        before, formula, after = match.groups()
        return f'<span class="together">{match[0]}</span>' if before or after else formula

    return _WITH_NEIGHBOURS.sub(glue, html)


def touch_up(app, pagename, templatename, context, doctree) -> None:
    """Change the body and the scripts of a page before its template is filled."""
    body = context.get("body", "")
    if body:
        context["body"] = keep_together(_WRONG_ATTRIBUTES.sub("", body))
    if 'class="claim-filter"' in body:
        app.add_js_file("verdicts.js", loading_method="defer")
    if 'class="math' not in body:
        scripts = context["script_files"]
        context["script_files"] = [one for one in scripts if "mathjax" not in str(one.filename)]


def setup(app):
    """Connect to the writing of each page."""
    app.connect("html-page-context", touch_up, priority=900)  # after Sphinx has added MathJax
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
