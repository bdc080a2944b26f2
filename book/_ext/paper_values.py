"""Numbers of the ledger in a page that is not executed; one that is not there fails the build.

``{measured}`ID | condition | format` ``, ``{claimed}`ID` `` (what the source prints) and
``{verdicts}`source | verdict` `` (how many claims) read `claims.json`. Numbers in texts and tables
also get a minus sign in place of the hyphen and a written power of ten.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from paper_utils.claims.tables import typeset

_LOG = logging.getLogger(__name__)
_KEPT: dict[Path, list[dict]] = {}
_POWER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-]?\d+)\b")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def claims(srcdir: Path) -> list[dict]:
    """Return the collected claims of the book in `srcdir`."""
    path = Path(srcdir) / "_build" / "claims.json"
    if path not in _KEPT:
        _KEPT[path] = json.loads(path.read_text(encoding="utf-8"))["claims"]
    return _KEPT[path]


def in_russian(text: str) -> str:
    """Return a number with a decimal comma, a minus sign and a space before the per cent sign.

    >>> in_russian("-12.5%")
    '−12,5\\xa0%'
    """
    return text.replace("-", "−").replace(".", ",").replace("%", "\N{NO-BREAK SPACE}%")


def with_minus(text: str) -> str:
    r"""Return a text whose negative numbers have a minus sign and whose powers of ten are set.

    >>> with_minus("-0.5 (-.7 to -0.3), 1e-05, 2026-11-27")
    '−0.5 (−.7 to −0.3), 1\xa0×\xa010⁻⁵, 2026-11-27'
    """

    def power(found: re.Match) -> str:
        raised = str(int(found[2])).translate(_RAISED)
        return f"{found[1]}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10{raised}"

    return typeset(_POWER.sub(power, text))


_CELL = re.compile(r'(?<=<td class="number">)[^<]+')


def table_with_minus(source: str) -> str:
    """Return the HTML of a table with the same signs in the cells that hold numbers.

    >>> table_with_minus('<td>-1</td><td class="number">-0.5</td>')
    '<td>-1</td><td class="number">−0.5</td>'
    """
    return _CELL.sub(lambda found: with_minus(found[0]), source)


def claimed(found: list[dict], text: str) -> str:
    """Return what the source of a claim prints."""
    for one in found:
        if one["id"] == text.strip():
            return str(one["claimed"])
    raise LookupError(f"no claim {text!r}")


def measured(found: list[dict], text: str) -> str:
    """Return the measurement that the role's text, `ID | condition | format`, names.

    A fourth part, `lower` or `higher`, drops the sign where the sentence says it: 0.09 lower.
    """
    parts = [part.strip() for part in text.split("|")]
    name, condition, form, direction = [*parts, "", "", ""][:4]
    values = {one["id"]: one["measured"] for one in found}
    if name not in values:
        raise LookupError(f"no claim {name!r}")
    value = values[name]
    if isinstance(value, dict):
        if condition not in value:
            raise LookupError(f"{name} has no condition {condition!r}: {', '.join(value)}")
        value = value[condition]
    elif condition:
        raise LookupError(f"{name} has one value, no condition {condition!r}")
    if value is None:
        raise LookupError(f"{name} was not measured")
    if direction:
        if not {"lower": -1, "higher": 1}[direction] * value > 0:
            raise LookupError(f"{name}: {value} is not {direction} than zero")
        value = abs(value)
    return format(value, form)


def count(found: list[dict], text: str) -> str:
    """Return how many claims of a source have the verdict that the role's text names.

    Slips of the pen are no claims; the word `slip` in place of a verdict counts them.
    """
    source, _, verdict = (part.strip() for part in text.partition("|"))
    mine = [one for one in found if one["source"] == source]
    if not mine:
        raise LookupError(f"no claim of the source {source!r}")
    slips = [one for one in mine if one["kind"] == "slip"]
    if verdict == "slip":
        return str(len(slips))
    return str(sum(verdict in ("", one["verdict"]) for one in mine if one not in slips))


class _FromClaims(SphinxRole):
    def __init__(self, read) -> None:
        super().__init__()
        self.read = read

    def run(self):
        try:
            text = self.read(claims(self.env.app.srcdir), self.text)
        except (LookupError, OSError, ValueError) as error:
            _LOG.warning("%s", error, location=self.get_location())
            text = "?"
        if self.env.docname.endswith("/ru"):
            text = in_russian(text)
        return [nodes.inline(text, text, classes=["pasted-text"])], []


class MinusSigns(SphinxPostTransform):
    """Numbers that cells have glued, those of the roles above, and those in tables."""

    default_priority = 900  # after everything that puts a text in

    def run(self) -> None:
        """Replace the hyphens."""
        for node in self.document.findall(nodes.inline):
            if "pasted-text" in node["classes"]:
                self._mend(node)
        for node in self.document.findall(nodes.entry):
            self._mend(node)
        for node in self.document.findall(nodes.raw):
            source = node.astext()
            if node.get("format") == "html" and 'class="paper-table"' in source:
                node.children = []
                node += nodes.Text(table_with_minus(source))

    def _mend(self, node: nodes.Element) -> None:
        for text in list(node.findall(nodes.Text)):
            if not isinstance(text.parent, nodes.literal | nodes.math | nodes.raw):
                text.parent.replace(text, nodes.Text(with_minus(text)))


def setup(app):
    """Add the roles and signs; what they read is new in every build."""
    _KEPT.clear()
    app.add_role("claimed", _FromClaims(claimed))
    app.add_role("measured", _FromClaims(measured))
    app.add_role("verdicts", _FromClaims(count))
    app.add_post_transform(MinusSigns)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
