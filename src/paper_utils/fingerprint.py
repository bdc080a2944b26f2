"""What a piece of code depends on, as one checksum.

The key of a chapter or of a long result covers the source of every module of this project that
it uses, directly or through others, and the helper's data files. Only what can change a
value counts: comments, docstrings, layout and modification times do not.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from paper_utils.paths import PACKAGE, RESOURCES

_NAME = "paper_utils"
SOURCES = PACKAGE.parent  # the packages of the project lie side by side
PACKAGES = (_NAME, "paper_chapters", "embedding_audit")


def packages() -> list[Path]:
    """Return the folders of those packages of the project that are installed here."""
    return [SOURCES / name for name in PACKAGES if (SOURCES / name).is_dir()]


def sha256(*parts: bytes | str) -> str:
    """Return the SHA-256 of `parts`, each delimited by its length.

    >>> sha256("ab", "c") == sha256("a", "bc")
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Return ``sha256`` of the content of a file, which may be larger than the memory."""
    digest = hashlib.sha256(path.stat().st_size.to_bytes(8, "big"))
    with path.open("rb") as stream:
        while piece := stream.read(1 << 22):
            digest.update(piece)
    return digest.hexdigest()


def canonical_json(value: object) -> str:
    """Return `value` as JSON with sorted keys and no spaces, for hashing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _module_file(module: str) -> Path | None:
    """Return the file of a dotted module of the project, None when there is none."""
    return _file_under(SOURCES, module)


@cache
def _file_under(sources: Path, module: str) -> Path | None:
    parts = module.split(".")
    if parts[0] not in PACKAGES:
        return None
    base = sources.joinpath(*parts)
    for candidate in (base / "__init__.py", base.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


@cache
def _exports() -> dict[str, str]:
    from paper_utils import _EXPORTS

    return {name: f"{_NAME}.{module}" for name, module in _EXPORTS.items()}


def _imported(nodes: list[ast.AST], package: str) -> set[str]:
    """Return the package modules that are imported in `nodes`, public names resolved."""
    found: set[str] = set()

    def add(module: str, name: str | None = None) -> None:
        if module.partition(".")[0] not in PACKAGES:
            return
        if name is not None and _module_file(f"{module}.{name}"):
            found.add(f"{module}.{name}")
        elif name is not None and module == _NAME:
            if name in _exports():
                found.add(_exports()[name])
        else:
            found.add(module)

    aliases: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            for item in node.names:
                add(item.name)
                if item.name == _NAME:
                    aliases.add(item.asname or _NAME)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                parents = package.split(".")
                module = ".".join([*parents[: len(parents) - node.level + 1], module]).rstrip(".")
            for item in node.names:
                add(module, item.name)
    for node in nodes:
        if (
            aliases
            and isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in aliases
        ):
            add(_NAME, node.attr)
    return found


def _drop_docstrings(nodes: list[ast.AST]) -> set[ast.AST]:
    """Take the docstrings out of their bodies, in place, and return them."""
    dropped: set[ast.AST] = set()
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
                dropped.add(first.value)
    return dropped


@dataclass(frozen=True)
class _Module:
    """What one module file contributes: its code, its imports, the texts it holds."""

    checksum: str
    imports: frozenset[str]
    texts: frozenset[str]


@cache
def _parsed(path: Path) -> _Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ".".join(path.relative_to(SOURCES).parts[:-1])
    nodes = list(ast.walk(tree))
    imports = frozenset(_imported(nodes, package))
    docstrings = _drop_docstrings(nodes)
    texts = {
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings
    }
    return _Module(sha256(ast.dump(tree)), imports, frozenset(texts))


def modules_used(code: str, *, without: Collection[str] = ()) -> list[str]:
    """Return the sorted dotted names of all package modules that `code` uses, but `without`."""
    pending = _imported(list(ast.walk(ast.parse(code))), _NAME)
    seen: set[str] = set()
    while pending:
        module = pending.pop()
        path = _module_file(module)
        left_out = any(f"{module}.".startswith(f"{name}.") for name in without)
        if module in seen or left_out or path is None or module == _NAME:
            continue
        seen.add(module)
        for depth in range(1, module.count(".") + 1):  # `import a.b.c` runs a and a.b too
            pending.add(".".join(module.split(".")[:depth]))
        pending |= _parsed(path).imports - seen
    return sorted(seen)


@cache
def _data_files(sources: Path) -> list[tuple[str, Path]]:
    """Return all data files under `sources`, each with the package whose folder it lies in."""
    found = []
    for path in sorted(path for name in PACKAGES for path in (sources / name).rglob("*")):
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts:
            home = next(folder for folder in path.parents if (folder / "__init__.py").is_file())
            found.append((".".join(home.relative_to(sources).parts), path))
    return found


def code_key(modules: Iterable[str]) -> str:
    """Return one checksum for the code of `modules` and the data files that they name.
    A data file counts where a module of its package names it or a folder it lies in (other than
    `resources`): as a whole text constant or as the last part of a path in one.
    """
    parts: list[str | bytes] = []
    names: dict[str, set[str]] = {}
    for module in sorted(set(modules)):
        path = _module_file(module)
        if path is not None:
            found = _parsed(path)
            parts += [module, found.checksum]
            names[f"{module}."] = {text.rpartition("/")[2] for text in found.texts}
    for package, path in _data_files(SOURCES):
        relative = path.relative_to(SOURCES)
        places = set(relative.parts[package.count(".") + 1 :]) - {RESOURCES.name}
        if any(m.startswith(f"{package}.") and places & said for m, said in names.items()):
            parts += [relative.as_posix(), path.read_bytes()]
    return sha256(*parts)
