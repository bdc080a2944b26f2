"""What a folded cell does, in a few words: the line that a reader clicks to see its code.

It is read off the code, so that no label is left behind by a change of the cell.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Any

_MOST = 3  # names in one label


def label_of(source: str, metadata: Mapping[str, Any]) -> str:
    """Return what a cell does: its comment on top, else its figure, table, records or names.

    >>> label_of("record('G-1', x)", {}), label_of("a, b = f()", {})
    ('Code: record the claim G-1', 'Code: compute a and b')
    >>> label_of("# Read the file\\nx = 1", {})
    'Code: Read the file'
    """
    figure = metadata.get("mystnb", {}).get("figure", {}).get("name")
    if comment := re.match(r"#+ *(.+)", source):
        return f"Code: {comment[1].rstrip('.')}"
    if figure:
        return f"Code: draw the figure ‘{figure.removeprefix('fig-').replace('-', ' ')}’"
    return f"Code: {_work(ast.parse(re.sub(r'^[%!].*$', '', source, flags=re.MULTILINE)))}"


def _work(tree: ast.Module) -> str:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))  # as they are read
    imports = sum(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body)
    if 2 * imports > len(tree.body):
        return "import what is used below"
    for name, place, words in (
        ("table", 1, ("print the table", "print the tables")),
        ("record", 0, ("record the claim", "record the claims")),
        ("recorded", 0, ("record the claim", "record the claims")),
        ("get", 0, ("read the record", "read the records")),
    ):
        if given := _unique(_texts(calls, name, place)):
            return f"{words[len(given) > 1]} {_listed(given)}"
    if any(_name(call) == "verdicts" for call in calls):
        return "show the verdicts"
    defined = (ast.FunctionDef, ast.ClassDef)
    if given := [node.name for node in tree.body if isinstance(node, defined)]:
        return f"define {_listed(given)}"
    if any(_name(call) == "glue" for call in calls):
        given = _unique(_texts(calls, "glue", 0))
        return f"numbers for the text{': ' if given else ''}{_listed(given)}"
    if given := _unique(_assigned(tree)):
        return f"compute {_listed(given)}"
    given = _unique(filter(None, map(_named, calls)))
    return f"show what {_listed(given)} gives" if given else "show what was computed"


def _assigned(tree: ast.Module) -> Iterable[str]:
    """Yield the names that statements assign, not those of loops and comprehensions."""
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in [*targets, *([node.target] if isinstance(node, ast.AnnAssign) else [])]:
            yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))


def _name(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _named(call: ast.Call) -> str:
    """Return the name of what is called, with the text that it is given first."""
    match call.args:
        case [ast.Constant(value=str(text)), *_] if _name(call) != "print":
            return f"{_name(call)}({text!r})"
    return _name(call)


def _texts(calls: Iterable[ast.Call], name: str, place: int) -> Iterable[str]:
    """Yield the text that each call of `name` has in `place`; what a text computes is a dash."""
    for call in calls:
        if _name(call) != name or len(call.args) <= place:
            continue
        if name == "get" and ast.unparse(call.func) != "results.get":
            continue  # of a dictionary
        match call.args[place]:
            case ast.Constant(value=str(text)):
                yield text if place == 0 else f"‘{text.rstrip('.')}’"
            case ast.JoinedStr(values=parts) if place:
                texts = (p.value if isinstance(p, ast.Constant) else "…" for p in parts)
                yield f"‘{''.join(map(str, texts)).rstrip('.')}’"


def _unique(given: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(given))


def _listed(names: list[str]) -> str:
    """Return 'a', 'a and b', or 'a, b, c and more'."""
    if len(names) > _MOST:
        return f"{', '.join(names[:_MOST])} and more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
