"""Which records the figures and tables of a chapter come from, read off its code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

_SAID = {"print", "record", "recorded", "glue"}  # statements that show nothing of their own


def origins(sources: Iterable[str]) -> Iterator[list[str]]:
    """Yield for each cell the records that what it shows comes from; none: computed here.

    >>> list(origins(["a = results.get('r-1')\\nb = f()", "show(a)", "show(b)"]))
    [['r-1'], ['r-1'], []]
    """
    held: dict[str, set[str]] = {}  # name -> records that its value comes from
    for source in sources:
        shown: set[str] = set()
        tree = ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE))
        for statement in _split(tree.body):
            found = _records(statement, held)
            for name in _stored(statement):
                held[name] = found
            if not _only_says(statement):
                shown |= found
        yield sorted(shown)


def _split(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements, 'a, b = c, d' as two."""
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Tuple(elts=left)], value=ast.Tuple(elts=right)) if len(
                left
            ) == len(right):
                for target, value in zip(left, right, strict=True):
                    yield ast.copy_location(ast.Assign([target], value), statement)
            case _:
                yield statement


def _records(statement: ast.stmt, held: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    own = set(_bound(statement))
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if name not in own:
                found |= held.get(name, set())
            case ast.Call(func=ast.Attribute(value=ast.Name(id="results"), attr="get")):
                texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
                found |= {text for text in texts if isinstance(text, str) and "-" in text}
    return found


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that loops, comprehensions, arguments and inner lines bind in a statement."""
    for node in ast.walk(statement):
        if isinstance(node, ast.For | ast.comprehension):
            yield from (n.id for n in ast.walk(node.target) if isinstance(n, ast.Name))
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Assign) and node is not statement:
            targets = (n for target in node.targets for n in ast.walk(target))
            yield from (
                n.id for n in targets if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            )


def _stored(statement: ast.stmt) -> Iterator[str]:
    """Yield what a statement changes: names it assigns or defines, or whose items it sets."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store()):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append" | "extend")):
                yield name


def _only_says(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id=name))):
            return name in _SAID
    return False


def origin_text(records: list[str]) -> str:
    """Return what a page says of them.

    >>> origin_text([]), origin_text(["b", "c"])
    ('computed here', 'recorded: b, c')
    """
    return f"recorded: {', '.join(records)}" if records else "computed here"
