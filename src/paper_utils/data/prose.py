"""English sentences that every installation has: those of the documentation of packages."""

from __future__ import annotations

import ast
import importlib.util
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from paper_utils.errors import PaperError, UsageError

#: Packages of this book's own installation with long docstrings on different subjects.
PACKAGES = ("matplotlib", "networkx", "numpy", "pandas", "scipy", "sklearn", "sympy")

SHORTEST, LONGEST = 30, 90  #: characters of the sentences that are kept: those of product titles

_SENTENCE = re.compile(r"[A-Z][a-z]*[ ,][A-Za-z0-9 ,;:()'-]+[a-z)]\.")


def documentation_sentences(
    n_items: int | None = None, *, seed: int = 0, packages: Sequence[str] = PACKAGES
) -> list[str]:
    """Return distinct English sentences from docstrings of installed packages, read as text.
    A sentence has `SHORTEST` to `LONGEST` characters, at least five words and 80% in lower case.
    `n_items` draws a seeded sample; without it all are returned in alphabetical order. They depend
    on the versions of the packages.
    """
    found = sorted(
        {
            sentence
            for package in packages
            for docstring in _docstrings(package)
            for sentence in sentences_in(docstring)
        }
    )
    if n_items is None:
        return found
    if not 1 <= n_items <= len(found):
        raise UsageError(f"n_items={n_items}: {len(found):,} such sentences are installed")
    order = np.argsort(np.random.Generator(np.random.PCG64(seed)).random(len(found)))
    return [found[i] for i in np.sort(order[:n_items])]


def sentences_in(docstring: str) -> Iterator[str]:
    """Yield the sentences of ordinary English in one docstring."""
    for paragraph in re.split(r"\n\s*\n", textwrap.dedent(docstring)):
        if any(mark in paragraph for mark in (">>>", "::", "---")):
            continue
        for sentence in re.split(r"(?<=\.)\s+(?=[A-Z])", " ".join(paragraph.split())):
            words = sentence.split()
            plain = sum(bool(re.fullmatch(r"[a-z'-]+[.,;:]?", word)) for word in words)
            if (
                SHORTEST <= len(sentence) <= LONGEST
                and len(words) >= 5
                and plain >= 0.8 * len(words)
                and _SENTENCE.fullmatch(sentence)
            ):
                yield sentence


def _docstrings(package: str) -> Iterator[str]:
    """Yield docstrings of a package's modules, classes and functions, its tests left out."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise PaperError(f"package {package!r} is not installed: no documentation to read")
    folder = Path(next(iter(found.submodule_search_locations)))
    for path in sorted(folder.rglob("*.py")):
        if "tests" not in path.relative_to(folder).parts:
            yield from _docstrings_of(ast.parse(path.read_text(encoding="utf-8")))


def _docstrings_of(tree: ast.Module) -> Iterable[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (node for node in ast.walk(tree) if isinstance(node, kinds))
    return filter(None, (ast.get_docstring(node, clean=False) for node in nodes))
