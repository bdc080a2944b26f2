"""Docstrings: numpydoc for what is exported, at most four lines of prose for all else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import embedding_audit
from paper_utils import _EXPORTS

LINES = 4
AUDIT = set(embedding_audit.__all__)
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def prose_lines(docstring: str) -> int:
    """Count the lines of text; blank ones and examples are free.

    >>> prose_lines("One.\\n\\nTwo.\\n\\nExamples\\n--------\\n>>> 1 + 1\\n2")
    2
    """
    text = re.sub(r"^Examples\n-+$", "", docstring, flags=re.MULTILINE)
    blocks = re.split(r"\n\s*\n", text)
    prose = [block for block in blocks if not block.strip().startswith(">>>")]
    return sum(bool(line.strip()) for block in prose for line in block.splitlines())


def is_command(node: ast.AST) -> bool:
    """Whether a docstring is what ``--help`` prints."""
    calls = (d.func for d in getattr(node, "decorator_list", ()) if isinstance(d, ast.Call))
    return any(getattr(call, "attr", "") in ("command", "group") for call in calls)


def long_docstrings(path: Path, module: str) -> Iterator[str]:
    """Name what is not exported and has more prose than it may."""
    exported = {name for name, home in _EXPORTS.items() if f"paper_utils.{home}" == module}
    exported |= AUDIT if module.startswith("embedding_audit") else set()

    def visit(node: ast.AST, name: str, public: bool) -> Iterator[str]:
        if isinstance(node, _DOCUMENTED) and not public and not is_command(node):
            count = prose_lines(ast.get_docstring(node) or "")
            if count > LINES:
                yield f"{path}:{getattr(node, 'lineno', 1)} {name or 'module'}: {count} lines"
        for child in ast.iter_child_nodes(node):
            inner = getattr(child, "name", None) or ""
            free = inner in exported if not name else public and not inner.startswith("_")
            yield from visit(child, inner or name, free if inner else public)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), "", False)


@pytest.mark.parametrize("package", ["paper_utils", "paper_chapters", "embedding_audit"])
def test_what_is_not_exported_has_four_lines_of_prose_at_most(root, package):
    found = []
    for path in sorted((root / "src" / package).rglob("*.py")):
        parts = path.relative_to(root / "src").with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        found += [line.replace(f"{root}/", "") for line in long_docstrings(path, module)]
    assert not found, "\n".join(found)
